# SPDX-License-Identifier: Apache-2.0
"""``halo characterize``: synthesis, corners, engines, files. One list of steps on one screen."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from halo.characterization.chosen_roles import chosen_roles, controls_of_rtl
from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.engine import PLANNED, CornerResult, characterize_corner
from halo.characterization.extracted import clock_includes
from halo.characterization.histograms import write_histograms
from halo.characterization.interface import read_ports
from halo.characterization.stimulus import Stimulus, make_stimulus
from halo.characterization.table import CSV, PARQUET, WeightTable, corner_rows
from halo.characterization.weights import chosen_weights, lasting, plan
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.runs.assets import DEFAULT_MAC, design_sources
from halo.flow.runs.provenance import Recorder
from halo.flow.runs.runfolder import new_run
from halo.netlist.controls import Control
from halo.netlist.hdl import PortInfo
from halo.netlist.port_groups import joined
from halo.netlist.sources import Sources
from halo.power.energy_tables import ASSUMPTIONS as ENERGY_ASSUMPTIONS
from halo.progress import Progress
from halo.synth import check_equivalence, synthesize
from halo.timing.sdf.write import write_sdf
from halo.timing.timed_netlist import write_timed_netlist
from halo.units import FS_PER_PS

Weights = npt.NDArray[np.int64]
NETLIST = "netlist.v"
TIMED_NETLIST = "timed_netlist.v"
GZIP = b"\x1f\x8b"
AT_REST = (
    "The weight stands still while the activation changes; where weights are swapped, as in an array, sets of them can "
    "need longer periods, which halo score and halo timing --table compute."
)
"""What the periods of the table hold for."""
PROOF_SECONDS = 2.0
"""Multipliers are hard to prove and quick to simulate, so the proof of equivalence gets a short try."""


def characterize(config: CharacterizeConfig, report: Progress, finish: Callable[[Path], object] | None = None) -> Path:
    """Run everything and write the run folder.

    Args:
        config: what to do.
        report: told about progress.
        finish: called with the complete folder before it takes its place, to draw the plots in it.

    Returns:
        The run folder.

    Raises:
        HaloError: bad input, a missing tool, or a folder that cannot be written.
    """
    config.require_files()
    sources, read = (
        (None, ())
        if config.netlist
        else design_sources(config.files, config.file_lists, config.defines, config.include_dirs)
    )
    inputs = dict.fromkeys((*read, *config.input_files))
    with new_run(config.run_folder, config.force) as folder:
        with Recorder(folder, "characterize", config.to_dict(), inputs, report) as record:
            rtl = None if sources is None else _read(config, sources, record)
            top = _gates(config, sources, rtl, folder, record)
            corners = _corners(config, folder, top, rtl, record)
            weights = chosen_weights(config.weights, corners[0].roles.weight_encoding, config.seed)
            stimulus = _stimulus(config, corners[0], weights, record)
            results = [_exercise(config, corner, weights, stimulus, record) for corner in corners]
            rows = [_rows(config, result, stimulus, record) for result in results]
            record.report("files", 0, 1)
            WeightTable(pd.concat(rows, ignore_index=True)).write(folder)
            histograms = {r.corner.name: r.histograms for r in results if r.histograms is not None}
            if histograms:
                write_histograms(folder / "histograms.npz", histograms)
            for corner in corners:
                _write_delays(folder, corner, alone=len(corners) == 1)
            record.wrote(NETLIST, CSV, PARQUET)
            record.report("files", 1, 1)
        if finish is not None:
            report("plots", 0, 1)
            finish(folder)
            report("plots", 1, 1)
    return config.run_folder


def file_of(corner: str, name: str, alone: bool) -> str:
    """Name of a corner's file: ``delays.sdf``, or ``delays.CORNER.sdf`` in a run with several corners."""
    stem, suffix = name.rsplit(".", 1)
    return name if alone else f"{stem}.{corner}.{suffix}"


class _Rtl(NamedTuple):
    """The top module of some RTL, its ports, what its one-bit inputs do to registers, and the ports of its result."""

    top: str
    ports: tuple[PortInfo, ...]
    controls: dict[str, Control]
    outputs: tuple[str, ...]


def _read(config: CharacterizeConfig, sources: Sources, record: Recorder) -> _Rtl:
    """Read the ports, and find their roles: what is missing is said before anything is synthesized."""
    record.report("ports", 0, 1)
    default = None if config.files or config.file_lists else DEFAULT_MAC
    parameters = dict(config.params)
    top, ports = read_ports(sources, config.top or default, parameters)
    controls = controls_of_rtl(sources, top, parameters, ports, config)
    roles = chosen_roles(ports, config, controls)
    # What cannot be done is refused before synthesis; how the bits are read may still change, their number not.
    if config.weights == "all":
        chosen_weights("all", roles.weight_encoding, config.seed)
    record.report("ports", 1, 1)
    outputs = tuple(part.partition("[")[0] for part in joined(roles.output, ports))
    return _Rtl(top, ports, controls, outputs)


def _gates(
    config: CharacterizeConfig, sources: Sources | None, rtl: _Rtl | None, folder: Path, record: Recorder
) -> str | None:
    """Put the gate netlist into the run folder. Returns its top."""
    if sources is None or rtl is None:
        contents = [path.read_bytes() for path in config.netlist]
        plain = [gzip.decompress(content) if content[:2] == GZIP else content for content in contents]
        (folder / NETLIST).write_bytes(b"\n".join(plain))
        return config.top
    top = rtl.top
    parameters = dict(config.params)
    record.report("synthesis", 0, 1)
    liberty = config.corners[0][1]
    with tempfile.TemporaryDirectory(prefix="halo-synthesis-") as scratch:
        work = Path(scratch)
        made = synthesize(
            sources,
            top,
            liberty,
            parameters=parameters,
            mode=config.synth,
            dont_use=config.dont_use,
            may_stay_open=[p.name for p in rtl.ports if p.direction == "output" and p.name not in rtl.outputs],
            latches=bool(config.ties),  # an enable that is tied may hold the latch of a clock gate open
            workdir=work,
        )
        shutil.copyfile(made.netlist_verilog, folder / NETLIST)
        shutil.copyfile(made.netlist_json, folder / "netlist.json")
        (folder / "synthesis.ys").write_text(made.script.replace(str(work.resolve()), "."), encoding="utf-8")
        (folder / "synthesis.log").write_text(made.log.replace(str(work.resolve()), "."), encoding="utf-8")
        record.report("synthesis", 1, 1)
        record.report("equivalence", 0, 1)
        _compare(sources, top, folder / NETLIST, liberty, parameters, work, record)
        record.report("equivalence", 1, 1)
    record.tools["yosys"] = made.yosys_version
    if made.reading is not None:
        record.assume(made.reading)
    for port in made.open_outputs:
        record.assume(f"Nothing drives output port {port}, or some bits of it: they are 0 in the netlist.")
    record.results.update(design=made.top, area=made.area, cells=made.cell_counts, warnings=list(made.warnings))
    record.assume(f"Synthesized with the cells of corner {config.corners[0][0]}, {config.synth}.")
    return made.top


def _compare(
    sources: Sources,
    top: str,
    netlist: Path,
    liberty: Sequence[Path],
    parameters: Mapping[str, int | str],
    work: Path,
    record: Recorder,
) -> None:
    """Check the netlist against its RTL; a design that simulation cannot bring to a known state is only noted."""
    try:
        same = check_equivalence(
            sources, top, netlist, liberty, parameters=parameters, workdir=work, proof_seconds=PROOF_SECONDS
        )
    except HaloError as error:
        record.assume(f"The netlist was not compared with its RTL: {error.what}.")
        return
    if not same.equal:
        raise HaloError(
            f"the netlist differs from the RTL ({same.method}): {same.difference}",
            "Report this with the design; --synth flat maps it another way.",
        )
    record.results["equivalence"] = {"method": same.method, "compared": same.compared}


def _corners(
    config: CharacterizeConfig,
    folder: Path,
    top: str | None,
    rtl: _Rtl | None,
    record: Recorder,
) -> list[DesignCorner]:
    corners: list[DesignCorner] = []
    for number, (name, liberty) in enumerate(config.corners):
        record.report("libraries and delays", number, len(config.corners))
        roles = corners[0].roles if corners else None
        # a user's netlist is read from its own place, so that errors name a file that stays
        gates = config.netlist or folder / NETLIST
        declared, controls = (None, None) if rtl is None else (rtl.ports, rtl.controls)
        corner = load_corner(name, liberty, gates, top, config, roles=roles, declared=declared, controls=controls)
        label = f"{name}: " if len(config.corners) > 1 else ""
        for sentence in corner.assumptions:
            record.assume(label + sentence)
        record.also_read(corner.library.paths)
        for note in corner.library.notes:
            record.assume(f"{label}{note}")
        corners.append(corner)
        record.results.setdefault("ports", {})[name] = {
            "clock_slew_ps": corner.clock_slew_s * 1e12,
            "input_slew_ps": corner.input_slew_s * 1e12,
            "output_load_ff": corner.output_load_f * 1e15,
        }
    first = corners[0]
    bare = first.bare or first.circuit
    record.results["design"] = first.circuit.netlist.name
    record.results["gates"] = bare.gates
    record.results["registers"] = first.registers
    record.results["clocks"] = first.clocks
    if config.netlist:
        cells = Counter(instance.cell for instance in bare.netlist.instances)
        area = sum(first.library.cells[name].area * count for name, count in cells.items())
        record.results.update(area=area, cells=dict(sorted(cells.items())))
    record.results["roles"] = first.roles.to_dict()
    registers = config.register_overhead or first.registered
    record.results["clock_includes"] = clock_includes(
        " and ".join(dict.fromkeys(corner.wire_source for corner in corners)),
        registers=registers,
        margin_ps=config.margin_ps,
    )
    record.report("libraries and delays", len(corners), len(corners))
    return corners


def _stimulus(config: CharacterizeConfig, corner: DesignCorner, weights: Weights, record: Recorder) -> Stimulus:
    stimulus = make_stimulus(
        corner.roles,
        corner.circuit,
        random_samples=config.random_samples,
        trace=config.stimulus_file,
        activations=config.activations,
        psum_samples=config.psum_samples,
        weights=len(weights),
        seed=config.seed,
    )
    planned = plan(corner.roles, len(weights), config.method, stimulus.samples if config.method == "exact" else None)
    if len(weights) < 1 << corner.roles.weight_bits or len(weights) >= PLANNED:
        record.assume(planned)
    record.assume(AT_REST)
    if config.method == "exact":
        for sentence in stimulus.assumptions:
            record.assume(sentence)
    return stimulus


def _exercise(
    config: CharacterizeConfig, corner: DesignCorner, weights: Weights, stimulus: Stimulus, record: Recorder
) -> CornerResult:
    stage = "weights" if len(config.corners) == 1 else f"weights in {corner.name}"
    record.report(stage, 0, len(weights))
    result = characterize_corner(
        corner,
        stimulus,
        weights,
        method=config.method,
        seed=config.seed,
        jobs=config.jobs,
        report=lambda done, total: record.report(stage, done, total),
        planned=lambda seconds, cores: record.report(
            f"plan: {len(weights):,} weights in about {lasting(seconds)}, if {cores} core{'s' * (cores > 1)} "
            "can do nothing else",
            0,
            1,
        ),
    )
    if result.energies is not None:
        for sentence in (*ENERGY_ASSUMPTIONS, *result.energies.notes):
            record.assume(sentence)
    return result


def _rows(config: CharacterizeConfig, result: CornerResult, stimulus: Stimulus, record: Recorder) -> pd.DataFrame:
    corner = result.corner
    weights = result.weights
    period_fs = _period_fs(config, result, stimulus, record)
    with np.errstate(divide="ignore"):
        fmax_ghz = np.where(period_fs > 0, 1e6 / period_fs, np.nan)
    columns: dict[str, npt.NDArray[np.float64]] = {
        "static_ps": result.static_s * 1e12,
        "period_ps": period_fs / FS_PER_PS,
        "fmax_ghz": fmax_ghz,
    }
    if config.method != "static":
        columns["bound_ps"] = _column([w.bound_fs for w in weights], 1 / FS_PER_PS)
    if config.method == "exact":
        events = [w.events for w in weights if w.events is not None]
        energies = [w.energy for w in weights if w.energy is not None]
        slowest_s = float(period_fs.max()) * 1e-15
        power = [e.power_w(slowest_s) if slowest_s > 0 else None for e in energies]
        columns |= {
            "delay_ps": _column([e.delay_fs for e in events], 1 / FS_PER_PS),
            "mean_ps": _column([e.mean_fs for e in events], 1 / FS_PER_PS),
            "transitions": _column([e.transitions for e in events], 1.0),
            "energy_fj": _column([e.energy_j for e in energies], 1e15),
            "glitch_energy_fj": _column([e.glitch_j for e in energies], 1e15),
            "leakage_nw": _column([e.leakage_w for e in energies], 1e9),
            "power_uw": _column(power, 1e6),
        }
    values = [w.weight for w in weights]
    library = corner.library
    return corner_rows(corner.name, library.voltage_v, library.temperature_c, values, columns)


def _column(
    values: list[float | None] | list[int | None] | list[int] | list[float], scale: float
) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value * scale for value in values], dtype=np.float64)


def _period_fs(
    config: CharacterizeConfig, result: CornerResult, stimulus: Stimulus, record: Recorder
) -> npt.NDArray[np.float64]:
    """Clock period of each weight: the least delay that is proven for the design, plus the registers."""
    corner = result.corner
    if config.method == "static":
        core = result.static_period_s * 1e15
        basis = "static timing"
    elif config.method == "exact" and stimulus.exhaustive is not None:
        core = np.array([w.events.period_fs for w in result.weights if w.events is not None], np.float64)
        basis = "the exact delay over every activation transition"
    else:
        core = np.array([w.bound_period_fs for w in result.weights], np.float64)
        basis = "the settle bound, sound for every value of what the stimulus only samples"
    said = [f"The clock period rests on {basis}."]
    record.assume(said[0])
    if not corner.registered:
        if corner.boundary is None:
            said.append("The period holds no register's clk-to-Q or setup.")
            record.assume(said[-1])
        else:
            core = core + (corner.boundary.clk_to_q_s + corner.boundary.setup_s) * 1e15
            said.append(corner.boundary.in_the_period)
            label = f"{corner.name}: " if len(config.corners) > 1 else ""
            record.assume(label + said[-1])
    if config.margin_ps:
        said.append(f"The period includes a margin of {config.margin_ps:g} ps.")
        record.assume(said[-1])
    record.results.setdefault("clock", {})[corner.name] = said
    return np.asarray(core + config.margin_ps * FS_PER_PS, np.float64)


def _write_delays(folder: Path, corner: DesignCorner, *, alone: bool) -> None:
    write_sdf(corner.circuit, corner.delays, folder / file_of(corner.name, "delays.sdf", alone))
    write_timed_netlist(
        corner.circuit, corner.delays, folder / file_of(corner.name, TIMED_NETLIST, alone), library=corner.library
    )
