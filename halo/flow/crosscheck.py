# SPDX-License-Identifier: Apache-2.0
"""``halo crosscheck``: a finished run against Icarus Verilog, transition by transition, and its gates against the RTL.

The RTL is read by the simulator itself, as neither synthesis nor its proof of equivalence does. The circuit and its
delays are calculated again from what the run recorded, with the hash of every file checked; Icarus plays the timed
netlist in the run folder. Sources that the run does not hold take uniform random values before and after, partial sums
and state registers included: any values do for a comparison of two engines.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from halo.characterization.design import load_corner
from halo.characterization.interface import netlist_ports, with_operands
from halo.characterization.ports import Roles
from halo.characterization.table import load_table
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import NETLIST, TIMED_NETLIST, file_of
from halo.flow.runs.assets import design_sources, element_sources
from halo.flow.runs.provenance import Recorder, RunRecord, input_file, read_record, require_unchanged
from halo.flow.runs.runfolder import RECORD, new_run
from halo.flow.runs.tools import find_tool
from halo.flow.simulators.comparison import Comparison, Difference, compare, draw_samples, spread
from halo.flow.simulators.rtl_function import FunctionCheck, NotSimulatedError, check_function
from halo.keywords import checked
from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.verilog import read_netlist
from halo.progress import Progress

STAGE = "crosscheck"
FUNCTION_STAGE = "RTL and gates"
ROWS = "crosscheck.csv"
_AGAIN = "Characterize again."
BLOCK = 5000
"""Transitions in one run of the simulator."""


@checked
@dataclass(frozen=True)
class CrosscheckConfig:
    """Options of ``halo crosscheck``.

    Attributes:
        run: folder of ``halo characterize``.
        samples: transitions, spread evenly over corners and weights; also the number of random inputs for which the
            outputs of RTL and gates are compared.
        seed: which.
        run_folder: folder to write, if any.
        force: replace a finished run.

    Raises:
        HaloError: fewer than one transition, or a negative seed.
    """

    run: Path
    samples: int = 2000
    seed: int = 1
    run_folder: Path | None = None
    force: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values."""
        folder = None if self.run_folder is None else str(self.run_folder)
        return {**asdict(self), "run": str(self.run), "run_folder": folder}


@dataclass(frozen=True, eq=False)
class CrosscheckResult:
    """Transitions that both engines played.

    Attributes:
        rows: one transition a row, as in ``crosscheck.csv``.
        first_difference: the first that is not equal in settling time, toggle count and outputs, in full.
        function: the RTL beside the gates; None where they were not compared.
        not_compared: why not; empty where they were.
        run_folder: what was written, if anything.
    """

    rows: pd.DataFrame
    first_difference: Difference | None
    function: FunctionCheck | None = None
    not_compared: str = ""
    run_folder: Path | None = None

    @property
    def compared(self) -> int:
        """Number of transitions."""
        return len(self.rows)

    @property
    def equal(self) -> int:
        """Number of those that are equal in settling time, toggle count and outputs."""
        return int(self.rows["equal"].sum())

    @property
    def passed(self) -> bool:
        """Whether no difference was found, in the transitions or between RTL and gates."""
        return self.equal == self.compared and (self.function is None or self.function.equal)

    def to_pandas(self) -> pd.DataFrame:
        """A copy of the rows."""
        return self.rows.copy()

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(max_rows=20, index=False))


def crosscheck(config: CrosscheckConfig, report: Progress) -> CrosscheckResult:
    """Play random transitions of a run in both engines, and write them down where a folder is given.

    The folder holds ``crosscheck.csv``, ``run.json`` and ``log.txt``; it is written also where transitions differ.

    Args:
        config: what to do.
        report: told about progress.

    Raises:
        HaloError: no run folder, files of the run changed since, no Icarus, a design that Icarus cannot be made to
            play stage by stage (``halo.flow.simulators.pipeline``), or a folder that cannot be written.
    """
    record = read_record(config.run)
    options = CharacterizeConfig.from_dict(record.config)
    read = [path for _, paths in options.corners for path in paths]
    read += [path for path in (options.sdf, options.spef, *dict(options.corner_spef).values()) if path is not None]
    read += [*options.file_lists, *options.files, *options.netlist]
    require_unchanged(record, dict.fromkeys(read), config.run / RECORD, again=_AGAIN)
    if not options.files and not options.file_lists and not options.netlist:
        _require_default_mac(record)
    if config.run_folder is None:
        return _play(config, record, options, report)
    alone = len(options.corners) == 1
    played = [config.run / file_of(name, TIMED_NETLIST, alone) for name, _ in options.corners]
    with (
        new_run(config.run_folder, config.force) as folder,
        Recorder(
            folder, "crosscheck", config.to_dict(), (config.run / RECORD, config.run / NETLIST, *played, *read), report
        ) as kept,
    ):
        result = _play(config, record, options, kept.report)
        result.rows.to_csv(folder / ROWS, index=False)
        iverilog = find_tool("iverilog")
        kept.tools[iverilog.name] = iverilog.version
        first = result.first_difference
        kept.results.update(
            design=record.results["design"],
            compared=result.compared,
            equal=result.equal,
            first_difference=None if first is None else asdict(first),
            function=None if result.function is None else asdict(result.function),
        )
        if result.not_compared:
            kept.assume(result.not_compared)
    return replace(result, run_folder=config.run_folder)


def _require_default_mac(record: RunRecord) -> None:
    """Check that this halo's default MAC is that of the run, which another installation may have made elsewhere.

    Raises:
        HaloError: it is not.
    """
    known = {Path(item.path).name: item.sha256 for item in record.inputs}
    for source in element_sources():
        if input_file(source).sha256 != known.get(source.name):
            raise HaloError("the default MAC of this halo is not the one of the run", _AGAIN, source)


def _play(
    config: CrosscheckConfig, record: RunRecord, options: CharacterizeConfig, report: Progress
) -> CrosscheckResult:
    report(STAGE, 0, config.samples)
    generator = np.random.default_rng(config.seed)
    roles = _roles(config.run, record, read_corner(options.corners[0][1]))
    shares = spread(generator, config.samples, len(options.corners))
    weights = load_table(config.run).weights
    tables: list[pd.DataFrame] = []
    done = 0
    first: Difference | None = None
    for (name, liberty), share in zip(options.corners, shares, strict=True):
        corner = load_corner(name, liberty, config.run / NETLIST, record.results["design"], options, roles=roles)
        drawn = draw_samples(corner, int(share), generator, weights)
        timed_netlist = config.run / file_of(name, TIMED_NETLIST, len(options.corners) == 1)
        for start in range(0, int(share), BLOCK):
            block = drawn.rows(slice(start, start + BLOCK))
            found = compare(corner, timed_netlist, block, explain=first is None)
            tables.append(_table(name, found))
            done += len(found.weight)
            first = first or found.first_difference
            report(STAGE, done, config.samples)
    function, why = _function(config, record, options, report)
    return CrosscheckResult(pd.concat(tables, ignore_index=True), first, function, why)


def _function(
    config: CrosscheckConfig, record: RunRecord, options: CharacterizeConfig, report: Progress
) -> tuple[FunctionCheck | None, str]:
    """Play the run's RTL beside its gates, or say why not."""
    if options.netlist:
        return None, "The run is of a gate netlist: there is no RTL to compare its gates with."
    report(FUNCTION_STAGE, 0, 1)
    sources, _ = design_sources(options.files, options.file_lists, options.defines, options.include_dirs)
    try:
        found = check_function(
            sources,
            record.results["design"],
            dict(options.params),
            config.run / NETLIST,
            read_corner(options.corners[0][1]),
            clock=record.results["roles"]["clock"],
            patterns=config.samples,
            generator=np.random.default_rng(config.seed),
        )
    except NotSimulatedError as error:
        return None, f"RTL and gates were not simulated side by side: {error.what}. {error.fix}"
    report(FUNCTION_STAGE, 1, 1)
    return found, ""


def _table(corner: str, found: Comparison) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "corner": corner,
            "weight": found.weight,
            "delay_fs": found.delay_fs,
            "icarus_delay_fs": found.icarus_delay_fs,
            "toggles": found.toggles,
            "icarus_toggles": found.icarus_toggles,
            "outputs_equal": found.outputs_equal,
            "equal": found.equal,
        }
    )


def _roles(run: Path, record: RunRecord, library: Library) -> Roles:
    """The roles that the run gave to the ports of its netlist."""
    try:
        roles = record.results["roles"]
        read = read_netlist(run / NETLIST, record.results["design"], library.cells)
        return Roles.from_dict(roles, netlist_ports(with_operands(read, Roles.names_in(roles))))
    except (KeyError, TypeError, AttributeError) as error:
        raise HaloError("the record lacks the roles of the ports", _AGAIN, run / RECORD) from error
