# SPDX-License-Identifier: Apache-2.0
"""``halo timing``: the shortest clock period of a registered design, by static timing of all its paths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from halo.characterization.design import clock_slew, port_conditions
from halo.characterization.extracted import clock_includes, design_wires
from halo.characterization.interface import read_ports
from halo.characterization.table import load_table
from halo.config import (
    IDENTIFIER,
    CircuitConfig,
    Synthesis,
    WireLoadMode,
    WireModel,
    WireOptions,
    reject_repeats,
    require_wires,
)
from halo.errors import HaloError
from halo.flow.design_timing.blocks import require_blocks
from halo.flow.design_timing.classes import class_rows
from halo.flow.design_timing.rows import block_rows, constraints, endpoint_rows, path_rows
from halo.flow.gate_level.table_periods import table_periods
from halo.flow.runs.assets import DEFAULT_MAC, design_sources
from halo.flow.runs.provenance import Recorder
from halo.flow.runs.runfolder import new_run
from halo.flow.synthesis import undriven
from halo.keywords import checked
from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.model import FLOP, Circuit, Netlist
from halo.netlist.sources import Sources
from halo.netlist.supplies import without_supplies
from halo.netlist.verilog import read_netlist
from halo.progress import Progress
from halo.ranges import MACRO_PS
from halo.synth import SynthesisResult, synthesize
from halo.synth.black_boxes import write_black_boxes
from halo.synth.libraries import without_cells
from halo.synth.macro_liberty import Macro, macro_liberty
from halo.timing.clock_edges import used_edges
from halo.timing.overhead import earliest_register, plain_flip_flop, port_nets, register_overhead
from halo.timing.static.design import Boundary, DesignTiming, LoadedCircuit, load_circuit, time_circuit

if TYPE_CHECKING:
    import pandas as pd

ENDPOINTS, PATHS, CLASSES, CONSTRAINTS, NETLIST, MACROS = (
    "timing.csv",
    "paths.csv",
    "classes.csv",
    "constraints.tcl",
    "netlist.v",
    "macros.lib",
)
CLOCK = "The clock is ideal: no skew, no jitter, no margin."
NOT_TIMED = "Asynchronous clears and presets are not timed: no recovery, no removal."


@checked
@dataclass(frozen=True, kw_only=True)
class TimingConfig(CircuitConfig):
    """Options of ``halo timing``: the sources of a design, and

    Attributes:
        liberty: all files of one corner: of the standard cells, and of memories and other macros.
        run_folder: folder to write.
        macros: modules of the sources that are black boxes: ``MODULE:CLK_TO_Q_PS`` or ``MODULE:CLK_TO_Q_PS:SETUP_PS``.
        spef: wires of the gate netlist (SPEF); None: wires are nothing.
        wire_load: wires by a wire-load model of the library, before layout: its name, ``default``, or ``area`` for the
            library's selection by the area of the cells.
        wire_load_mode: with ``area``, that of the whole design (``top``) or of the smallest block around a net
            (``enclosed``); None: as the library says, else ``top``.
        wire_model: ``elmore``: gates see an effective capacitance, and sinks are late, as in OpenSTA; ``lumped``: wires
            are capacitance alone.
        coupling_factor: coupling capacitances of the SPEF count this often, to ground.
        synth: ``structural`` keeps the source's structure, ``flat`` lets ABC restructure across it.
        dont_use: cells that neither synthesis nor the register around the ports may use; ``*`` and ``?`` match as in a
            shell.
        period_ps: clock period for the slacks; None: the shortest that is found.
        paths: ``all``: ports lie between registers of the library; ``registers``: only paths from register to register.
        input_slew_ps, output_load_ff: at the ports; None: what the library's own cells give (see ``run.json``).
        duty_cycle: per cent of the period that the clock is high; it counts where flip-flops use both edges.
        max_fanout: most pins of a net before it is buffered; 0: no buffers; None: as many as its driver's
            ``max_capacitance`` allows.
        table: a run of ``halo characterize``, whose clocks are checked.
        corner: of the table; None: its only one.
        element: blocks (shell patterns) whose periods the table vouches for.
        worst: number of paths that are printed.
        force: replace a finished run.

    Raises:
        HaloError: a value is out of range, or two options contradict each other.
    """

    liberty: tuple[Path, ...]
    run_folder: Path
    macros: tuple[str, ...] = ()
    spef: Path | None = None
    wire_load: str | None = None
    wire_load_mode: WireLoadMode | None = None
    wire_model: WireModel = "elmore"
    coupling_factor: float = 1.0
    synth: Synthesis = "structural"
    dont_use: tuple[str, ...] = ()
    period_ps: float | None = None
    paths: Literal["all", "registers"] = "all"
    input_slew_ps: float | None = None
    output_load_ff: float | None = None
    duty_cycle: float = 50.0
    max_fanout: int | None = None
    table: Path | None = None
    corner: str | None = None
    element: tuple[str, ...] = ()
    worst: int = 3
    force: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.liberty:
            raise HaloError("no Liberty library is given", "Add --liberty FILE.")
        reject_repeats([macro.module for macro in self.macro_times], "macro")
        if self.macros and self.netlist:
            fix = "Give a Liberty file of the macro with --liberty."
            raise HaloError("a macro of a gate netlist is known by its Liberty file alone", fix)
        if self.netlist and (self.synth != "structural" or self.max_fanout is not None):
            fix = "Leave out --synth and --max-fanout, or give the Verilog instead of --netlist."
            raise HaloError("a gate netlist is taken as it is: nothing is synthesized or buffered", fix)
        require_wires(self.wire_options, self.netlist)
        moving = [name for name, value in self.ties if not isinstance(value, int)]
        if moving:
            fix = f"Give port {moving[0]} a whole number, or leave it untied."
            raise HaloError(f"port {moving[0]} is tied to no constant", fix)
        if self.table is None and (self.element or self.corner):
            fix = "Add the run of halo characterize: --table RUN."
            raise HaloError("a corner or an element of a table is named, and no table is given", fix)

    @property
    def wire_options(self) -> WireOptions:
        """What the options say about wires."""
        return WireOptions(self.spef, self.wire_load, self.wire_load_mode, self.wire_model, self.coupling_factor)

    @property
    def macro_times(self) -> tuple[Macro, ...]:
        """The macros with their numbers."""
        found = []
        for text in self.macros:
            name, *numbers = text.split(":")
            try:
                values = [float(number) for number in numbers]
            except ValueError:
                values = []
            if not IDENTIFIER.match(name) or len(values) not in (1, 2) or not all(map(MACRO_PS.holds, values)):
                times = f"times from {MACRO_PS.least:g} to {MACRO_PS.most:,.0f} ps"
                fix = f"Write MODULE:CLK_TO_Q_PS[:SETUP_PS] with {times}, as in --macro ram:1500:200."
                raise HaloError(f"macro {text!r} is no module with its times", fix)
            found.append(Macro(name, *values))
        return tuple(found)


@dataclass(frozen=True, eq=False)
class TimingResult:
    """Timing of a whole design.

    Attributes:
        run_folder: where it is written.
        design: name of the top module.
        period_ps: shortest period that every endpoint's setup allows.
        asked_ps: period that the slacks are for.
        gates, registers: number of each.
        endpoints: ``timing.csv``, a row for each endpoint, the slowest first.
        blocks: a row for each block of the hierarchy, its slowest endpoint, the slowest first.
        paths: ``paths.csv``, a row for each gate on the slowest path of each block.
        classes: ``classes.csv``, a row for each clock of the table; None without a table.
        worst: number of paths to print.
        assumptions: what all this rests on, one sentence each.
        clock: what the clock includes and what it does not.
    """

    run_folder: Path
    design: str
    period_ps: float
    asked_ps: float
    gates: int
    registers: int
    endpoints: pd.DataFrame
    blocks: pd.DataFrame
    paths: pd.DataFrame
    classes: pd.DataFrame | None
    worst: int
    assumptions: tuple[str, ...]
    clock: str

    @property
    def fmax_ghz(self) -> float:
        """Highest clock."""
        return 1e3 / self.period_ps

    @property
    def hold_slack_ps(self) -> float:
        """Worst hold slack; NaN where no endpoint has one."""
        return float(self.endpoints["hold_slack_ps"].min())

    def to_pandas(self) -> pd.DataFrame:
        """The endpoints."""
        return self.endpoints.copy()

    def _repr_html_(self) -> str:
        return str(self.blocks.to_html(index=False))


def time_design(config: TimingConfig, report: Progress) -> TimingResult:
    """Synthesize a design unless its gates are given, time all its paths, and write the run folder.

    Raises:
        HaloError: bad input, a design without registers, or a folder that cannot be written.
    """
    sources, read = design_sources(config.files, config.file_lists, config.defines, config.include_dirs)
    inputs = [*config.netlist] if config.netlist else [*read]
    inputs += [] if config.spef is None else [config.spef]
    for path in (*config.netlist, *config.liberty, *([] if config.spef is None else [config.spef])):
        if not path.is_file():
            raise HaloError("there is no such file", "Check the path.", path)
    if config.table is not None:  # what is wrong with it is said before minutes are spent on the design
        load_table(config.table).rows(config.corner)
        table_periods(config.table)
    with (
        new_run(config.run_folder, config.force) as folder,
        Recorder(folder, "timing", config.to_dict(), (*inputs, *config.liberty), report) as record,
    ):
        record.report("library", 0, 1)
        library = without_cells(read_corner(config.liberty), config.dont_use)
        record.also_read(library.paths)
        record.report("library", 1, 1)
        netlist_paths: Sequence[Path] = config.netlist
        liberty: Sequence[Path] = config.liberty
        top = config.top
        if not config.netlist:
            record.report("synthesis", 0, 1)
            work = folder / "synthesis"
            work.mkdir()
            sources = replace(sources, black_boxes=write_black_boxes(library.cells.values(), work))
            default = None if config.files or config.file_lists else DEFAULT_MAC
            top, ports = read_ports(sources, config.top or default, dict(config.params))
            if top in {macro.module for macro in config.macro_times}:
                fix = "Name modules inside the design as --macro, or the design around this one as --top."
                raise HaloError(f"macro {top} is the top module: nothing of the design would be left to time", fix)
            if config.macros:
                liberty = (*config.liberty, _write_macros(config, sources, top, library, folder))
                library = without_cells(read_corner(liberty), config.dont_use)
                sources = replace(sources, black_boxes=write_black_boxes(library.cells.values(), work))
            require_blocks(config.element, sources, top, dict(config.params), work)
            outputs = [port.name for port in ports if port.direction == "output"]
            made = _synthesized(config, sources, top, liberty, outputs, work)
            netlist_paths = (made.netlist_verilog.rename(folder / NETLIST),)
            made.netlist_json.unlink()
            record.tools["yosys"] = made.yosys_version
            for sentence in (made.reading, *map(undriven, made.open_outputs), made.buffering):
                if sentence is not None:
                    record.assume(sentence)
            record.report("synthesis", 1, 1)
        record.report("netlist", 0, 1)
        circuit = _compiled(config, library, netlist_paths, top)
        record.report("netlist", 1, 1)
        record.report("timing", 0, 1)
        timing, said, includes = _timed(config, circuit, library)
        for sentence in (*said, *library.notes):
            record.assume(sentence)
        period_s = float(np.nanmax(timing.periods_s(), initial=-np.inf))
        if not period_s > 0:
            raise _no_paths(config, circuit)
        record.report("timing", 1, 1)
        record.results["clock_includes"] = includes
        return _written(config, folder, record, timing, period_s)


def _synthesized(
    config: TimingConfig,
    sources: Sources,
    top: str,
    liberty: Sequence[Path],
    outputs: Sequence[str],
    folder: Path,
) -> SynthesisResult:
    try:
        return synthesize(
            sources,
            top,
            liberty,
            parameters=dict(config.params),
            mode=config.synth,
            dont_use=config.dont_use,
            named=True,
            max_fanout=config.max_fanout,
            buffers=config.max_fanout != 0,
            may_stay_open=outputs,
            workdir=folder,
        )
    except HaloError as refused:
        if not refused.what.endswith("is not defined"):
            raise
        fix = "Add the file that defines it to the sources, or the Liberty file of a memory: --liberty FILE."
        raise HaloError(refused.what, fix) from None


def _write_macros(config: TimingConfig, sources: Sources, top: str, library: Library, folder: Path) -> Path:
    """Write the Liberty file of the macros that options describe."""
    cell, flop = plain_flip_flop(library)
    pin = cell.pins[flop.next_state.inputs[0]]
    text = macro_liberty(
        config.macro_times,
        sources,
        top,
        dict(config.params),
        library,
        input_f=pin.capacitance_f,
        slew_s=clock_slew(library, pin.capacitance_f),
    )
    path = folder / MACROS
    path.write_text(text, encoding="utf-8")
    return path


def _compiled(config: TimingConfig, library: Library, paths: Sequence[Path], top: str | None) -> Circuit:
    netlist = without_supplies(read_netlist(paths, top, library.cells), library)
    circuit = compile_circuit(netlist, library, _held(config, netlist), macros=True)
    if not np.any(circuit.kind == FLOP):
        raise HaloError(
            f"{netlist.name} has no flip-flops, so that no clock limits it",
            "Give a registered design; halo characterize times a combinational MAC between registers of the library.",
        )
    clocks = [port for port, bits in netlist.inputs.items() if circuit.clock_nets.intersection(bits)]
    if len(clocks) != 1:
        what = f"{netlist.name} has {len(clocks)} clock ports: {', '.join(clocks)}"
        raise HaloError(what, "Give a design of one clock as --top: paths between clocks are not timed.")
    return circuit


def _held(config: TimingConfig, netlist: Netlist) -> dict[int, int]:
    """Nets of the tied ports and their values.

    Raises:
        HaloError: no such port, or a value that does not fit.
    """
    held: dict[int, int] = {}
    for port, value in config.ties:
        bits = netlist.inputs.get(port)
        if bits is None:
            known = ", ".join(list(netlist.inputs)[:12])
            raise HaloError(f"{netlist.name} has no input port {port} to tie", f"Its input ports: {known}.")
        number = int(value)
        if not -(1 << len(bits) - 1) <= number < 1 << len(bits):
            raise HaloError(f"{number} does not fit the {len(bits)} bits of port {port}", "Give a smaller number.")
        held |= {net: number >> i & 1 for i, net in enumerate(bits)}
    return held


def _timed(config: TimingConfig, circuit: Circuit, library: Library) -> tuple[DesignTiming, list[str], str]:
    """The timing, what it assumes, and what the clock includes."""
    ports = port_nets(circuit)
    told = design_wires(circuit.netlist, library, config.wire_options)
    conditions = port_conditions(circuit, library, ports, config.input_slew_ps, config.output_load_ff, wires=told.wires)
    loaded = load_circuit(circuit, library, conditions.output_load_f, told.wires)
    said = [*conditions.assumptions]
    boundary = None
    if config.paths == "registers":
        said.append("Only paths from register to register count: none from or to a port.")
    else:
        boundary, sentence = _boundary(loaded, ports, conditions.input_slew_s, conditions.clock_slew_s)
        said.append(sentence)
    said += [*told.assumptions, CLOCK, NOT_TIMED]
    if len(used_edges(circuit)) > 1:
        said.append(
            f"The clock is high for {config.duty_cycle:g} % of the period; ports change and are taken at its rising "
            "edge, and a path between the two edges has that part of the period."
        )
    macros = sorted({i.cell for i in circuit.netlist.instances if library.cells[i.cell].black_box})
    if macros:
        said.append(f"Black boxes, timed as registers from their Liberty tables: {', '.join(macros)}.")
    timing = time_circuit(
        loaded,
        input_slew_s=conditions.input_slew_s,
        clock_slew_s=conditions.clock_slew_s,
        boundary=boundary,
        duty=config.duty_cycle / 100,
    )
    return timing, said, clock_includes(told.source, registers=True)


def _boundary(loaded: LoadedCircuit, inputs: Sequence[int], slew_s: float, clock_s: float) -> tuple[Boundary, str]:
    """The library's plain flip-flop before and behind the ports, and the sentence about it."""
    outputs = [net for bits in loaded.circuit.netlist.outputs.values() for net in bits]
    late_s, early_s = loaded.port_slews_s(slew_s, clock_s)
    loads = loaded.load_f[list(inputs)]
    nothing = np.zeros((1, 2))
    try:
        late = register_overhead(
            loaded.library,
            clock_slew_s=clock_s,
            load_f=float(loads.max(initial=0.0)),
            data_slew_s=late_s if outputs else nothing,
        )
        early, hold = earliest_register(
            loaded.library,
            clock_slew_s=clock_s,
            load_f=float(loads.min(initial=math.inf)) if len(loads) else 0.0,
            data_slew_s=early_s if outputs else nothing,
        )
    except HaloError as refused:
        fix = "Add the Liberty file of the flip-flops, or leave the ports out: --paths registers."
        raise HaloError(refused.what, fix, refused.path, refused.line) from None
    sentence = (
        f"{late.at_the_ports} For hold, input ports change {early * 1e12:.4g} ps after the edge at the earliest, and "
        f"output ports hold for {hold * 1e12:.4g} ps."
    )
    return Boundary(late.clk_to_q_s, early, late.setup_s, hold), sentence


def _no_paths(config: TimingConfig, circuit: Circuit) -> HaloError:
    what = f"no path of {circuit.netlist.name} limits its clock"
    if config.paths == "registers":
        return HaloError(f"{what}: none leads from register to register", "Count the ports too: --paths all.")
    return HaloError(what, "Give a design whose registers take what can change.")


def _written(
    config: TimingConfig, folder: Path, record: Recorder, timing: DesignTiming, period_s: float
) -> TimingResult:
    asked_s = period_s if config.period_ps is None else config.period_ps * 1e-12
    record.report("files", 0, 1)
    endpoints = endpoint_rows(timing, asked_s)
    blocks = block_rows(endpoints)
    paths = path_rows(timing, blocks, asked_s)
    classes: pd.DataFrame | None = None
    said: list[str] = []
    if config.table is not None:
        classes, said = class_rows(timing, endpoints, config.table, config.corner, config.element, record.report)
    for sentence in said:
        record.assume(sentence)
    for frame, name in ((endpoints, ENDPOINTS), (paths, PATHS), (classes, CLASSES)):
        if frame is not None:
            frame.to_csv(folder / name, index=False, float_format="%.4f", lineterminator="\n")
    (folder / CONSTRAINTS).write_text(constraints(timing, asked_s, config.duty_cycle / 100), encoding="utf-8")
    circuit = timing.circuit
    registers = len(np.unique(circuit.instance[circuit.kind == FLOP]))
    without = len(timing.ends) - len(endpoints)
    if without:
        record.assume(f"{without} endpoints that no path reaches are left out, such as those of constant inputs.")
    record.results.update(
        design=circuit.netlist.name,
        period_ps=period_s * 1e12,
        asked_ps=asked_s * 1e12,
        gates=circuit.gates,
        registers=registers,
        endpoints=len(endpoints),
        worst_slack_ps=float(endpoints["slack_ps"].min()),
        worst_hold_slack_ps=_finite(float(endpoints["hold_slack_ps"].min())),
    )
    record.report("files", 1, 1)
    return TimingResult(
        run_folder=config.run_folder,
        design=circuit.netlist.name,
        period_ps=period_s * 1e12,
        asked_ps=asked_s * 1e12,
        gates=circuit.gates,
        registers=registers,
        endpoints=endpoints,
        blocks=blocks,
        paths=paths,
        classes=classes,
        worst=config.worst,
        assumptions=record.assumptions,
        clock=record.results["clock_includes"],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
