# SPDX-License-Identifier: Apache-2.0
"""What sets of weights need in an array around the MAC of a characterized run: periods computed from gates.

**A MAC of halo's own** (``rtl/mac``): the element ``pe_ws`` or ``pe_os`` with that MAC is synthesized with the library
and options of the run and bounded with swaps at any clock (``elements``), with the registers that it has. Results are
kept in the user's cache folder (or HALO_CACHE) under a key of all that they depend on.

**Another MAC** has no element that is known. Its own gates are bounded: the weight bits in which the set agrees are
held, the others move with the activation. What an element adds to that is assumed (``SHARES``).

**A bare table** names no gates: ``halo.dvfs.periods.AssumedPeriods``.

Tests: tests/flow/gate_level/test_table_periods.py.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from halo.cachedir import cache_folder, cache_key
from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.encoding import Encoding
from halo.characterization.interface import netlist_ports, with_operands
from halo.characterization.ports import Roles
from halo.characterization.stimulus import enumerated_bits
from halo.config import CharacterizeConfig
from halo.dvfs.periods import ELEMENT_SHARE, OS_ELEMENT_SHARE, AssumedPeriods, Periods
from halo.errors import HaloError
from halo.flow.gate_level.array import DEFAULTS, OPERAND_BITS
from halo.flow.gate_level.elements import Element, SwapBounds, agreed, element_sources, swap_bounds
from halo.flow.runs.assets import DEFAULT_MAC, mac_sources
from halo.flow.runs.provenance import RunRecord, read_record, require_own, require_unchanged
from halo.flow.runs.runfolder import RECORD, new_file
from halo.liberty import read_corner
from halo.netlist.supplies import without_supplies
from halo.netlist.verilog import read_netlist
from halo.progress import Progress, silent
from halo.timing.event.bound import bound_transitions
from halo.timing.event.reduction import ReducedCircuit, reduce_circuit
from halo.units import FS_PER_PS
from halo.version import __version__

FORMAT = 1
"""Of the cache; raise it with every change of what is computed."""
NETLIST = "netlist.v"
_MAC = "mac_"
SHARES: dict[Element, float] = {"pe_ws": ELEMENT_SHARE, "pe_os": OS_ELEMENT_SHARE}
"""What the gates of an element are assumed to add where they are not known."""
PORTS = {"weight": "weight_i", "activation": "activation_i", "accumulator": "psum_i", "output": "psum_o"}


def table_periods(table: Path, report: Progress = silent, element: Element = "pe_ws") -> Periods:
    """What knows the periods of sets of weights in an array of the MAC of a table.

    Args:
        table: folder of ``halo characterize``, or ``weights.csv``.
        report: told about progress.
        element: that the weights are swapped in.

    Raises:
        HaloError: the run is of another command, or damaged, or its table or netlist is not what it wrote.
    """
    if not (table / RECORD).is_file():
        return AssumedPeriods(SHARES[element])
    record = read_record(table)
    if record.command != "characterize":
        raise HaloError(f"this run is of halo {record.command}", "Give a folder of halo characterize.", table / RECORD)
    fix = "Characterize again, or take the table out of the folder: its periods are then assumed, not computed."
    require_own(record, table, fix=fix)
    config = CharacterizeConfig.from_dict(record.config)
    family = _family(config, record)
    if family is None:
        return MacPeriods(table, config, record, SHARES[element])
    return ElementPeriods(table, config, record, element, {**dict(config.params), "MULTIPLIER": family}, report)


@dataclass(frozen=True, eq=False)
class ElementPeriods:
    """Periods of ``pe_ws`` with one of the MACs that come with halo.

    Attributes:
        run_folder: of the run.
        config: its options.
        record: its record.
        element: module of the element; parameters: of it.
        report: told about progress.
    """

    run_folder: Path
    config: CharacterizeConfig
    record: RunRecord
    element: Element
    parameters: dict[str, int | str]
    report: Progress = silent
    _bounds: dict[str, SwapBounds] = field(default_factory=dict)
    _known: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Which element was bounded."""
        return f"settle bound of {self.element} with {self.parameters['MULTIPLIER']}, weights swapped within the set"

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the bound covers."""
        return (
            f"Clock periods of sets of weights are computed on the gates of {self.element} with the MAC of the table, "
            "in its library: a swap may come at any clock; only weight bits in which the set agrees stay still",
        )

    def period_ps(self, weights: Sequence[int], corner: str, table_ps: float) -> float:
        """Computed, or read from the cache; the margin of the run comes on top."""
        entry = self._entry(corner)
        if corner not in self._known:
            self._known[corner] = _read(entry)
        known = self._known[corner]
        encoding = Encoding("twos_complement", int(self.parameters.get("WEIGHT_WIDTH", DEFAULTS["WEIGHT_WIDTH"])))
        common, some = agreed(encoding, weights)
        key = f"{common:x} {some:x}"
        if key not in known:
            stage = f"clock period of {len(weights)} weights in an element, corner {corner}"
            self.report(stage, 0, 1)
            bounds = self._bounds.get(corner) or self._bounds.setdefault(corner, self._build(corner))
            known[key] = bounds.swapping(weights).period_fs / FS_PER_PS
            with new_file(entry, force=True) as file:
                file.write_text(json.dumps(known), encoding="utf-8")
            self.report(stage, 1, 1)
        return known[key] + self.config.margin_ps

    def _build(self, corner: str) -> SwapBounds:
        config, liberty = self.config, dict(self.config.corners)
        _require_files(self.run_folder, self.record, [*config.corners[0][1], *liberty[corner]])
        with tempfile.TemporaryDirectory(prefix="halo-element-") as scratch:
            return swap_bounds(
                self.element,
                self.parameters,
                config.corners[0][1],
                Path(scratch),
                dont_use=config.dont_use,
                mode=config.synth,
                timed=liberty[corner],
                slew_ps=config.input_slew_ps,
                load_ff=config.output_load_ff,
            )

    def _entry(self, corner: str) -> Path:
        config, liberty = self.config, dict(self.config.corners)
        hashes = {item.path: item.sha256 for item in self.record.inputs}
        key = cache_key(
            [FORMAT, __version__, metadata.version("pyosys"), self.element, self.parameters],
            [config.synth, config.dont_use, config.input_slew_ps, config.output_load_ff],
            [[hashes[str(path)] for path in files] for files in (config.corners[0][1], liberty[corner])],
            [_sha256(source) for source in element_sources()],
        )
        return cache_folder(f"periods-{FORMAT}") / f"{key}.json"


@dataclass(frozen=True, eq=False)
class MacPeriods:
    """Periods of a MAC in an element that nobody knows: its own gates are bounded, the element's are assumed.

    Attributes:
        run_folder: of the run.
        config: its options.
        record: its record, with the roles of the ports.
        share: what the gates of an element are assumed to add.
    """

    run_folder: Path
    config: CharacterizeConfig
    record: RunRecord
    share: float = ELEMENT_SHARE
    _corners: dict[str, DesignCorner] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What was bounded, and what is assumed."""
        return (
            f"settle bound of {self.record.results['design']}, weights swapped within the set, and {self.share:.1%} "
            "assumed for the gates of an element"
        )

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The part that is assumed."""
        return (
            "Clock periods of sets of weights are computed on the gates of the table's MAC: a swap may come with any "
            "activation; only weight bits in which the set agrees stay still",
            f"ASSUMED: the element around the MAC, whose gates are not known, adds {self.share:.1%} to these "
            "periods; elements that come with halo add less",
        )

    def period_ps(self, weights: Sequence[int], corner: str, table_ps: float) -> float:
        """Bound of the MAC with the register overhead of the table, and what is assumed of the element."""
        if corner not in self._corners:
            self._corners[corner] = self._load(corner)
        period_fs = swap_period_fs(self._corners[corner], weights, self.config)
        return (1 + self.share) * period_fs / FS_PER_PS + self.config.margin_ps

    def _load(self, corner: str) -> DesignCorner:
        config = self.config
        liberty = dict(config.corners)[corner]
        wires = [path for path in (config.sdf, config.wire_options(corner).spef) if path is not None]
        _require_files(self.run_folder, self.record, [*liberty, *config.netlist, *wires])
        netlist: Path | Sequence[Path] = config.netlist or self.run_folder / NETLIST
        top = self.record.results["design"]
        library = read_corner(liberty)
        read = without_supplies(read_netlist(netlist, top, library.cells), library)
        told = self.record.results["roles"]
        roles = Roles.from_dict(told, netlist_ports(with_operands(read, Roles.names_in(told))))
        return load_corner(corner, liberty, netlist, top, config, roles=roles, swaps=True)


def swap_period_fs(corner: DesignCorner, weights: Sequence[int], config: CharacterizeConfig) -> float:
    """Clock period of a MAC when its weight changes within a set at any clock edge, in fs, without the run's margin.

    By the method of the run: the settle bound, or with ``static`` the longest path. Both are taken with the weight bits
    held in which the set agrees, and the bound is at least half of that path, as ``class_period`` explains.

    Args:
        corner: the MAC.
        weights: at least one.
        config: options of the run.

    Raises:
        HaloError: as the settle bound.
    """
    common, some = agreed(corner.roles.weight_encoding, weights)
    pins = corner.circuit.netlist.inputs[corner.roles.weight]
    moving = {net for i, net in enumerate(pins) if (common ^ some) >> i & 1}
    held = {net: value for net, value in corner.held(common).items() if net not in moving}
    activation = corner.circuit.netlist.inputs[corner.roles.activation]
    bits = enumerated_bits(len(activation), len(weights))
    enumerated = activation[len(activation) - bits :] if bits else ()

    def needed(reduced: ReducedCircuit) -> int:
        path = reduced.longest_period_fs
        return (
            path if config.method == "static" else max(bound_transitions(reduced, enumerated).period_fs, -(-path // 2))
        )

    reduced = reduce_circuit(corner.timed_under(held), held)
    period = float(needed(reduced))
    if corner.both_edges:
        period = max(math.ceil(needed(reduced.with_ends(ends)) / share) for share, ends in corner.end_groups)
    if corner.boundary is not None and not corner.registered:
        period += (corner.boundary.clk_to_q_s + corner.boundary.setup_s) * 1e15
    return period


def _family(config: CharacterizeConfig, record: RunRecord) -> str | None:
    """The multiplier of ``pe_ws`` that the MAC of a run is; None: it is none of halo's, or not as an element has it."""
    top = config.top or (record.results["design"] if config.files or config.file_lists else DEFAULT_MAC)
    own = {_sha256(source) for source in mac_sources()}
    sources = [item for item in record.inputs if Path(item.path).suffix in (".v", ".sv", ".vh", ".svh")]
    parameters = DEFAULTS | dict(config.params)
    roles = record.results.get("roles", {})
    widths = [parameters[name] for name in ("WEIGHT_WIDTH", "ACTIVATION_WIDTH")]
    if (
        config.netlist
        or config.defines
        or config.unsigned
        or not config.register_overhead
        or not top.startswith(_MAC)
        or not sources
        or not own.issuperset(item.sha256 for item in sources)
        or any(roles.get(role) != port for role, port in PORTS.items())
        or not all(isinstance(width, int) and width <= OPERAND_BITS for width in widths)
    ):
        return None
    return top.removeprefix(_MAC)


def _require_files(run_folder: Path, record: RunRecord, files: Sequence[Path]) -> None:
    """Check that files are those of the run, and say what can be done without them."""
    try:
        require_unchanged(record, dict.fromkeys(files), run_folder / RECORD, again="Characterize again.")
    except HaloError as error:
        fix = f"{error.fix} Or score with {run_folder / 'weights.csv'}: its periods are then assumed, not computed."
        raise HaloError(error.what, fix, error.path, error.line) from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(entry: Path) -> dict[str, float]:
    """An entry of the cache; empty where there is none that can be read."""
    try:
        values = json.loads(entry.read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in values.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
