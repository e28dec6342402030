# SPDX-License-Identifier: Apache-2.0
"""What one characterization is asked to do: every option of ``halo characterize``, checked before anything runs.

Messages call an option by what it is, for they reach the command line and Python alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from halo.errors import HaloError
from halo.keywords import checked

TimingMethod = Literal["exact", "bound", "static"]
Synthesis = Literal["structural", "flat", "adders"]
SdfCorner = Literal["min", "typ", "max"]
"""Which value of an SDF triple ``(min:typ:max)`` is taken."""
WireModel = Literal["elmore", "lumped"]
WireLoadMode = Literal["top", "enclosed"]
Operand = Literal["weight", "activation"]
CornerFiles = tuple[str, tuple[Path, ...]]
"""Name of a corner and its Liberty files."""

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
PORT = re.compile(r"[A-Za-z_\\][^\s=]*\Z")
"""A port: a name, also of an interface's signal (``m.a``) or an escaped one, or some bits of a port (``w[3:0]``)."""
_WEIGHTS = re.compile(r"(?:all|-?\d+:-?\d+|random:\S*|-?\d+(?:,-?\d+)*)\Z")
_CORNER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*\Z")


@dataclass(frozen=True, kw_only=True)
class SourcesConfig:
    """Which design is synthesized.

    Attributes:
        files: Verilog and SystemVerilog sources; none at all: the default MAC.
        file_lists: lists of sources as of ``-f``, read before ``files``.
        defines: macros defined before the first source, and their text.
        include_dirs: folders in which an ``include`` is looked for, after the including file's own.
        top: top module; None where only one module can be it.
        params: Verilog parameters set on the top module, whole numbers or words.

    Raises:
        HaloError: two options contradict each other, or a name cannot be one.
    """

    files: tuple[Path, ...] = ()
    file_lists: tuple[Path, ...] = ()
    defines: tuple[tuple[str, str], ...] = ()
    include_dirs: tuple[Path, ...] = ()
    top: str | None = None
    params: tuple[tuple[str, int | str], ...] = ()

    def __post_init__(self) -> None:
        self._check_sources()
        self._check_names()

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values, in the order of the fields; paths as given."""
        return {field.name: _to_json(getattr(self, field.name)) for field in fields(self)}

    def _check_sources(self) -> None:
        if (self.defines or self.include_dirs) and not (self.files or self.file_lists):
            raise HaloError("macros or include folders are given, and no Verilog to read with them", "Add the Verilog.")

    def _check_names(self) -> None:
        for kind, pairs in (("parameter", self.params), ("macro", self.defines)):
            reject_repeats([name for name, _ in pairs], kind)
        for name in [*(name for name, _ in self.params), *([self.top] if self.top else [])]:
            if not IDENTIFIER.match(name):
                raise HaloError(f"{name!r} is no Verilog name", "Name a parameter or module as the Verilog does.")


@dataclass(frozen=True, kw_only=True)
class CircuitConfig(SourcesConfig):
    """Which circuit is simulated or timed: of sources or of gates, some of its inputs held.

    Attributes:
        ties: constant value of every other input port that needs one (unsigned, or negative in two's complement);
            ``random`` (a seeded value in each transition) or ``any`` (one that changes in it): the bound holds for all.
        netlist: a gate netlist to take instead of synthesizing ``files``: a file, or those of its modules.

    Raises:
        HaloError: two options contradict each other, or a name cannot be one.
    """

    ties: tuple[tuple[str, int | str], ...] = ()
    netlist: tuple[Path, ...] = ()

    @property
    def _roles(self) -> list[str]:
        """Ports that the options name, beside those that are tied."""
        return []

    def _check_sources(self) -> None:
        if self.netlist and (self.files or self.file_lists):
            raise HaloError(
                "Verilog to synthesize and a gate netlist are both given",
                "Give Verilog files, or the gate netlist, not both.",
            )
        if self.netlist and self.params:
            raise HaloError(
                "a gate netlist has no parameters to set", "Leave the parameters out, or give the Verilog instead."
            )
        super()._check_sources()

    def _check_names(self) -> None:
        super()._check_names()
        reject_repeats([name for name, _ in self.ties], "tied port")
        roles = self._roles
        reject_repeats(roles, "port")
        for name in [*roles, *(name for name, _ in self.ties)]:
            if not PORT.match(name):
                raise HaloError(f"{name!r} is no name of a port", "Name a port as halo inspect lists it.")
        tied = sorted({name for name, _ in self.ties} & set(roles))
        if tied:
            raise HaloError(
                f"port {tied[0]} is tied and has a role as well", "Give the port a constant value or a role, not both."
            )
        for name, value in self.ties:
            if isinstance(value, str) and value not in ("random", "any"):
                fix = "Give a whole number, or random or any."
                raise HaloError(f"{value!r} is no value of tied port {name}", fix)


@dataclass(frozen=True, kw_only=True)
class DesignConfig(CircuitConfig):
    """How the ports of a MAC are read, besides its sources: what ``halo characterize`` and ``halo inspect`` share.

    Attributes:
        weight, activation, accumulator, output, clock: port names, or bits of a port (``w[3:0]``); None: found where
            only one reading fits. Accumulator and output may be several, the words of a sum: ``carry,sum``.
        signed, unsigned: operands (``weight``, ``activation``) whose values are so, whatever is declared or seen.

    Raises:
        HaloError: two options contradict each other, or a name cannot be one.
    """

    weight: str | None = None
    activation: str | None = None
    accumulator: str | None = None
    output: str | None = None
    clock: str | None = None
    signed: tuple[Operand, ...] = ()
    unsigned: tuple[Operand, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_operands()

    @property
    def _roles(self) -> list[str]:
        named = (self.weight, self.activation, self.accumulator, self.output, self.clock)
        return [name for name in named if name is not None]

    def _check_operands(self) -> None:
        both = sorted(set(self.signed) & set(self.unsigned))
        if both:
            raise HaloError(f"the {both[0]} is said to be signed and unsigned", "Say one of the two.")


@checked
@dataclass(frozen=True, kw_only=True)
class CharacterizeConfig(DesignConfig):
    """The options of one characterization, beside those of the design. Building one checks every value, not the files.

    Attributes:
        corners: ``(name, Liberty files)`` in the order of the table's rows. At least one.
        run_folder: folder to write.
        sdf: its delays by another timer; None: delays are calculated from the library.
        sdf_corner: which value of the SDF's triples is taken.
        sdf_instance: path of the netlist's top in the design that the SDF was written for; None: it is that design.
        spef: wires of the netlist (SPEF); None: wires are nothing. With an SDF, they count for energy alone.
        corner_spef: the same for each corner by its name, instead of ``spef``.
        wire_load: wires by a wire-load model of the library, before layout: its name, ``default``, or ``area`` for the
            library's selection by the area of the cells.
        wire_load_mode: with ``area``, that of the whole design (``top``) or of the smallest block around a net
            (``enclosed``); None: as the library says, else ``top``.
        wire_model: ``elmore``: gates see an effective capacitance, and sinks are late, as in OpenSTA; ``lumped``: wires
            are capacitance alone.
        coupling_factor: coupling capacitances of the SPEF count this often, to ground.
        synth: ``structural`` keeps the source's structure, ``flat`` lets ABC restructure across it; ``adders`` is
            structural with the library's adder cells for the modules full_adder and half_adder.
        dont_use: cells that neither synthesis nor the register around the ports may use; ``*`` and ``?`` match as in a
            shell.
        method: ``exact`` event simulation, ``bound`` the sound settle bound only, ``static`` static timing only.
        stimulus: ``all`` activation transitions, ``random:N`` seeded ones, or the path of a trace file.
        weights: values to exercise: ``all``, ``A:B``, ``random:N``, values with commas, or the path of a file with one
            value a line.
        activations: histogram (.csv, .npz) or trace of activation values that weights the energy; None: uniform.
        input_slew_ps, output_load_ff: at the ports; None: what the library's own cells give (see ``run.json``).
        margin_ps: added to every clock period.
        duty_cycle: per cent of the period that the clock is high; it counts where flip-flops use both edges.
        case_slews: recalculate slews and delays for each weight, with the constants that it leaves: bound and exact
            delay are then shorter where slews matter, and the bound is as sound for weights at rest.
        register_overhead: ports pay the library flip-flop's clk-to-Q and setup, as of a register outside.
        psum_samples: partial-sum steps of the exact method's accumulation stimulus.
        seed: of every random choice.
        jobs: threads; None: all cores. Never changes a result.
        force: replace a finished run folder.

    Raises:
        HaloError: a value is out of range, or two options contradict each other.
    """

    corners: tuple[CornerFiles, ...]
    run_folder: Path
    sdf: Path | None = None
    sdf_corner: SdfCorner = "max"
    sdf_instance: str | None = None
    spef: Path | None = None
    corner_spef: tuple[tuple[str, Path], ...] = ()
    wire_load: str | None = None
    wire_load_mode: WireLoadMode | None = None
    wire_model: WireModel = "elmore"
    coupling_factor: float = 1.0
    synth: Synthesis = "structural"
    dont_use: tuple[str, ...] = ()
    method: TimingMethod = "exact"
    stimulus: str = "all"
    weights: str = "all"
    activations: Path | None = None
    input_slew_ps: float | None = None
    output_load_ff: float | None = None
    margin_ps: float = 0.0
    duty_cycle: float = 50.0
    case_slews: bool = False
    register_overhead: bool = True
    psum_samples: int = 4096
    seed: int = 1
    jobs: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        self._check_corners()
        super().__post_init__()
        self._check_netlist()
        self._check_stimulus()

    def wire_options(self, corner: str) -> WireOptions:
        """What the options say about wires in a corner."""
        spef = dict(self.corner_spef).get(corner, self.spef)
        return WireOptions(spef, self.wire_load, self.wire_load_mode, self.wire_model, self.coupling_factor)

    @property
    def random_samples(self) -> int | None:
        """N of ``random:N``, else None."""
        return int(self.stimulus.removeprefix("random:")) if self.stimulus.startswith("random:") else None

    @property
    def stimulus_file(self) -> Path | None:
        """The trace file of the stimulus, or None for ``all`` and ``random:N``."""
        return None if self.stimulus == "all" or self.stimulus.startswith("random:") else Path(self.stimulus)

    @property
    def weights_file(self) -> Path | None:
        """The file that lists the weights, or None where the option does."""
        return None if _WEIGHTS.match(self.weights) else Path(self.weights)

    @property
    def input_files(self) -> tuple[Path, ...]:
        """Every file the run reads, in a fixed order, each once."""
        wires = [path for _, path in self.corner_spef]
        optional = (self.sdf, self.spef, *wires, self.activations, self.stimulus_file, self.weights_file)
        libraries = (path for _, paths in self.corners for path in paths)
        own = (*self.file_lists, *self.files, *self.netlist, *(p for p in optional if p is not None))
        return tuple(dict.fromkeys([*own, *libraries]))

    def require_files(self) -> None:
        """Check that every input file is there, before minutes are spent.

        Raises:
            HaloError: a file is absent, or is a folder.
        """
        for path in self.input_files:
            if path.is_dir():
                raise HaloError("this is a folder where a file is expected", "Give the path of a file.", path)
            if not path.is_file():
                raise HaloError("there is no such file", _near_files(path), path)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CharacterizeConfig:
        """The inverse of ``to_dict``.

        Raises:
            HaloError: an option is unknown, missing or out of range.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown or not {"corners", "run_folder"} <= set(values):
            what = (
                f"the options hold {unknown[0]!r}, which this version of halo does not know"
                if unknown
                else "the options name no corners or no run folder"
            )
            raise HaloError(what, "Characterize again with this version of halo.")
        read = dict(values)
        read["netlist"] = values.get("netlist") or ()  # version 0.1.0 wrote one path, or null
        return cls(**read)

    def _check_corners(self) -> None:
        if not self.corners:
            raise HaloError(
                "no Liberty library is given",
                "Add --liberty FILE, or --corner NAME=FILE[,FILE...] for each of several.",
            )
        for name, paths in self.corners:
            if not _CORNER_NAME.match(name):
                raise HaloError(
                    f"{name!r} cannot name a corner", "Use letters, digits, '_', '.', '+' and '-', as in tt_1p80V_25C."
                )
            if not paths:
                raise HaloError(
                    f"corner {name} names no file", "Give each corner the path of at least one Liberty file."
                )
        reject_repeats([name for name, _ in self.corners], "corner")

    def _check_netlist(self) -> None:
        if self.netlist and self.synth != "structural":
            raise HaloError(
                "a gate netlist is not synthesized, so there is no kind of synthesis to choose",
                "Leave out --synth, or give the Verilog instead of --netlist.",
            )
        if self.sdf is not None and not self.netlist:
            raise HaloError(
                "an SDF belongs to a gate netlist, and none is given",
                "Add the netlist that it was written for: --netlist FILE.v.",
            )
        self._check_corner_spef()
        for name, _ in self.corners:
            require_wires(self.wire_options(name), self.netlist)
        if self.sdf_corner != "max" and self.sdf is None:
            what = f"the {self.sdf_corner} delays of an SDF are asked for, and no SDF is given"
            raise HaloError(what, "Add the SDF: --sdf FILE.")
        if self.sdf_instance is not None and self.sdf is None:
            what = f"the delays of instance {self.sdf_instance} in an SDF are asked for, and no SDF is given"
            raise HaloError(what, "Add the SDF: --sdf FILE.")
        if self.sdf is not None and self.case_slews:
            raise HaloError(
                "the delays of an SDF are fixed, and slews of each weight are asked for",
                "Leave out --case-slews, or --sdf.",
            )
        if self.sdf is not None and len(self.corners) > 1:
            raise HaloError("one SDF holds the delays of one corner, and several are given", "Run each corner apart.")

    def _check_corner_spef(self) -> None:
        """Each corner has a SPEF of its own, or none has."""
        if not self.corner_spef:
            return
        corners = [name for name, _ in self.corners]
        given = [name for name, _ in self.corner_spef]
        reject_repeats(given, "the SPEF of corner")
        if self.spef is not None:
            raise HaloError("a SPEF is given for all corners and for single ones", "Leave out one of the two.")
        unknown = [name for name in given if name not in corners]
        if unknown:
            fix = f"Give one of the run's corners: {', '.join(corners)}."
            raise HaloError(f"a SPEF is given for {unknown[0]}, which is no corner of the run", fix)
        bare = [name for name in corners if name not in given]
        if bare:
            raise HaloError(f"corner {bare[0]} has no SPEF, and others do", f"Add --spef {bare[0]}=FILE.")

    def _check_stimulus(self) -> None:
        count = self.stimulus.removeprefix("random:")
        if self.stimulus.startswith("random:") and not (count.isascii() and count.isdigit() and int(count) > 0):
            what = f"stimulus {self.stimulus!r} names no number of samples"
            raise HaloError(what, "Write the number behind the colon, as in random:100000.")
        number = self.weights.removeprefix("random:")
        if self.weights.startswith("random:") and not (number.isascii() and number.isdigit() and int(number) > 0):
            raise HaloError(f"weights {self.weights!r} name no number", "Write it behind the colon: random:4096.")
        if not self.weights:
            raise HaloError("the weights are empty", "Use all, A:B, random:N, values with commas, or a file.")
        if not self.stimulus:
            raise HaloError("the stimulus is empty", "Use all, random:N, or the path of a trace file.")


@dataclass(frozen=True)
class WireOptions:
    """Options about wires, as :class:`CharacterizeConfig` describes them."""

    spef: Path | None = None
    wire_load: str | None = None
    wire_load_mode: WireLoadMode | None = None
    wire_model: WireModel = "elmore"
    coupling_factor: float = 1.0


def require_wires(options: WireOptions, netlist: Sequence[Path]) -> None:
    """Check the options of wires against each other.

    Raises:
        HaloError: a SPEF without a netlist, wires from two sources, or options about wires that there are not.
    """
    if options.spef is not None and not netlist:
        raise HaloError(
            "a SPEF belongs to a gate netlist, and none is given",
            "Add the netlist that it was extracted for: --netlist FILE.v.",
        )
    if options.spef is not None and options.wire_load is not None:
        raise HaloError("wires of a SPEF and of a wire-load model are both asked for", "Leave out one of the two.")
    if options.spef is None and options.coupling_factor != 1.0:
        raise HaloError("it is said how coupling capacitances count, and no SPEF is given", "Add it: --spef FILE.")
    if options.spef is None and options.wire_load is None and options.wire_model != "elmore":
        raise HaloError("it is said how wires count, and there are none", "Add them: --spef FILE, or --wire-load NAME.")
    if options.wire_load_mode is not None and options.wire_load != "area":
        raise HaloError(
            "a mode of wire-load models is given, and they are not selected by area", "Add --wire-load area."
        )


def one_corner(liberty: Sequence[Path]) -> CornerFiles:
    """The corner that some Liberty files make up, named by the first without folder and ``.lib`` or ``.lib.gz``."""
    stem = liberty[0].name.removesuffix(".gz").removesuffix(".lib")
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", stem).lstrip("_.+-") or "library", tuple(liberty)


def reject_repeats(names: Sequence[str], kind: str) -> None:
    """Check that no name is given twice.

    Raises:
        HaloError: one is.
    """
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise HaloError(f"{kind} {repeated[0]} is given twice", "Give each one once.")


def _near_files(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder} either: check the path."
    near = get_close_matches(path.name, sorted(p.name for p in folder.iterdir() if p.is_file()), n=3, cutoff=0.6)
    return f"Check the path; near names there: {', '.join(near)}." if near else "Check the path."


def _to_json(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    return value
