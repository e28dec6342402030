# SPDX-License-Identifier: Apache-2.0
"""``halo synth``: a design mapped to a library, in a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halo.characterization.interface import read_ports
from halo.config import SourcesConfig, Synthesis
from halo.errors import HaloError
from halo.flow.runs.assets import DEFAULT_MAC, design_sources
from halo.flow.runs.provenance import Recorder
from halo.flow.runs.runfolder import new_run
from halo.keywords import checked
from halo.progress import Progress
from halo.synth import SynthesisResult, synthesize

if TYPE_CHECKING:
    import pandas as pd


@checked
@dataclass(frozen=True, kw_only=True)
class SynthesisConfig(SourcesConfig):
    """Options of ``halo synth``, beside those of the design.

    Attributes:
        liberty: all files of one corner.
        run_folder: folder to write.
        synth: ``structural``, ``flat`` or ``adders``.
        dont_use: cells to avoid; ``*`` and ``?`` match as in a shell.
        max_fanout: most pins of a net before it is buffered; 0: no buffers; None: as many as its driver's
            ``max_capacitance`` allows.
        force: replace a finished run.
    """

    liberty: tuple[Path, ...]
    run_folder: Path
    synth: Synthesis = "structural"
    dont_use: tuple[str, ...] = ()
    max_fanout: int | None = None
    force: bool = False


@dataclass(frozen=True)
class SynthesisRun:
    """A finished run of ``halo synth``.

    Attributes:
        run_folder: where it is.
        top: module synthesized.
        area: in the library's units.
        cells: number of each cell.
        warnings: of Yosys, that say something about the netlist; which front end read the sources, where it is not the
            one that their suffixes ask for; and output ports that nothing drives.
        buffering: how many buffers were put behind drivers with too many pins, in a sentence; None: not asked for.
    """

    run_folder: Path
    top: str
    area: float
    cells: Mapping[str, int]
    warnings: tuple[str, ...]
    buffering: str | None = None

    @property
    def netlist(self) -> Path:
        """The netlist in Verilog."""
        return self.run_folder / "netlist.v"

    @property
    def by_count(self) -> list[tuple[str, int]]:
        """Cells and their numbers, the most frequent first."""
        return sorted(self.cells.items(), key=lambda item: (-item[1], item[0]))

    def to_pandas(self) -> pd.DataFrame:
        """A row for each kind of cell, the most frequent first."""
        import pandas as pd  # half a second that the command need not pay

        return pd.DataFrame(self.by_count, columns=["cell", "count"])

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False))


def synthesize_into(config: SynthesisConfig, report: Progress) -> SynthesisRun:
    """Synthesize, and write ``netlist.v``, ``netlist.json``, ``run.json``, ``log.txt`` and the folder ``synthesis``.

    Raises:
        HaloError: bad input, or a folder that cannot be written.
    """
    if not config.liberty:
        raise HaloError("no Liberty library is given", "Add --liberty FILE.")
    sources, read = design_sources(config.files, config.file_lists, config.defines, config.include_dirs)
    for path in config.liberty:
        if not path.is_file():
            raise HaloError("there is no such file", "Check the path.", path)
    parameters = dict(config.params)
    with (
        new_run(config.run_folder, config.force) as folder,
        Recorder(folder, "synth", config.to_dict(), (*read, *config.liberty), report) as record,
    ):
        record.report("ports", 0, 1)
        default = None if config.files or config.file_lists else DEFAULT_MAC
        top, ports = read_ports(sources, config.top or default, parameters)
        record.report("ports", 1, 1)
        record.report("synthesis", 0, 1)
        made = synthesize(
            sources,
            top,
            config.liberty,
            parameters=parameters,
            mode=config.synth,
            dont_use=config.dont_use,
            buffers=config.max_fanout != 0,
            max_fanout=config.max_fanout,
            workdir=folder / "synthesis",
            may_stay_open=[port.name for port in ports if port.direction == "output"],
        )
        record.report("synthesis", 1, 1)
        _keep(made, folder, record)
    said = [] if made.reading is None else [made.reading]
    said += [undriven(port) for port in made.open_outputs]
    warnings = (*said, *made.warnings)
    return SynthesisRun(config.run_folder, made.top, made.area, made.cell_counts, warnings, made.buffering)


def undriven(port: str) -> str:
    """The sentence about an output port that nothing drives."""
    return f"Nothing drives output port {port}, or some bits of it: they are 0 in the netlist."


def _keep(made: SynthesisResult, folder: Path, record: Recorder) -> None:
    made.netlist_verilog.rename(folder / "netlist.v")
    made.netlist_json.rename(folder / "netlist.json")
    record.tools["yosys"] = made.yosys_version
    if made.reading is not None:
        record.assume(made.reading)
    record.also_read(made.library.paths)
    for port in made.open_outputs:
        record.assume(undriven(port))
    if made.buffering is not None:
        record.assume(made.buffering)
    for note in made.library.notes:
        record.assume(note)
    record.results.update(design=made.top, area=made.area, cells=made.cell_counts, warnings=list(made.warnings))
