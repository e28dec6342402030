# SPDX-License-Identifier: Apache-2.0
"""A weight-stationary element or mesh as gates: synthesis, delays, the cut at its registers, and how to drive it.

Tests: tests/flow/gate_level/test_clocked_designs.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.arch.systolic.registers import multiplier_registers
from halo.characterization.design import port_conditions
from halo.characterization.extracted import NO_WIRES
from halo.errors import HaloError
from halo.flow.gate_level.weight_streams import Shape, Stream
from halo.flow.runs.assets import rtl_folder
from halo.flow.simulators.benches import find_bench
from halo.flow.simulators.clocked_cycles import Cycles
from halo.flow.simulators.own_modules import OwnModules, place
from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import propagate_constants
from halo.netlist.resets import require_inactive_resets
from halo.netlist.sources import Sources
from halo.netlist.verilog import read_netlist
from halo.synth import Mode, SynthesisResult, synthesize
from halo.synth.libraries import without_cells
from halo.timing.delaycalc import nominal_delays
from halo.timing.overhead import port_nets
from halo.timing.registered import Registered, Trace, cut_at_registers

I64 = npt.NDArray[np.int64]

ELEMENT = "pe_ws"
MESH = "ws_mesh"
PARTS = ("mac", "pe", "memory", "systolic")
"""Folders of ``rtl/`` that hold their Verilog."""
DEFAULTS: dict[str, int | str] = {
    "WEIGHT_WIDTH": 8,
    "ACTIVATION_WIDTH": 8,
    "ACC_WIDTH": 24,
    "MULTIPLIER": "csa_array",
    "PIPELINE": 0,
    "CARRY_SAVE": 0,
    "ARRAY": 0,
    "CLASS_ZEROS": 0,
    "CLASS_SHARE": 0,
    "SEED": 0,
}
SIZES: dict[str, int | str] = {"ROWS": 2, "COLUMNS": 2}
OPERAND_BITS = 8
"""The bounds enumerate every activation transition, 2**16 of eight bits."""
SUM_BITS = 62
"""What fits into an int64 with room for a carry."""


@dataclass(frozen=True, eq=False)
class CutGates:
    """A registered design as gates, cut at its registers.

    Attributes:
        design: the cut netlist; library: its cells.
        assumptions: what its delays rest on, one sentence each.
        synthesis: the netlist and its report.
        input_slew_s, output_load_f: at the ports.
    """

    design: Registered
    library: Library
    assumptions: tuple[str, ...]
    synthesis: SynthesisResult
    input_slew_s: float
    output_load_f: float


@dataclass(frozen=True, eq=False)
class GateArray(CutGates):
    """An element or a mesh of gates, ready to be timed and played.

    Attributes:
        shape: rows, columns and widths.
    """

    shape: Shape

    def run(self, streamed: Stream) -> Trace:
        """Play a stimulus without delays."""
        return self.design.run(self.ports(streamed))

    def ports(self, streamed: Stream) -> npt.NDArray[np.uint8]:
        """Bits of the input ports in each clock."""
        inputs = self.design.clocked.netlist.inputs
        return self.design.drive({name: _packed(lanes, len(inputs[name])) for name, lanes in streamed.ports.items()})

    def cycles(self, streamed: Stream) -> Cycles:
        """A stimulus with what the outputs must be.

        All bits of the output ports are compared from the clock on in which the sums of the first slot have left, the
        sums of a column only where they are valid. Expected is what the netlist gives without delays, which must be the
        sums of the integer model.

        Raises:
            HaloError: the netlist does not compute them.
        """
        trace, shape = self.run(streamed), self.shape
        compared = np.zeros_like(trace.outputs)
        compared[streamed.start :] = 1
        at = 0
        for port, bits in self.design.clocked.netlist.outputs.items():
            columns = slice(at, at + len(bits))
            at += len(bits)
            if port == ("psum_valid_o" if shape.element else "valid_o"):
                wrong = trace.outputs[:, columns].astype(np.bool_) != streamed.valid[:, -1:]
            elif port == "psum_o":
                valid = np.repeat(streamed.valid, len(bits) // shape.columns, axis=1)
                compared[:, columns] &= valid
                wrong = (_sums(trace.outputs[:, columns], shape) != streamed.sums) & streamed.valid
            else:
                continue
            if wrong[streamed.start :].any():
                clock = int(streamed.start + np.argmax(wrong[streamed.start :].any(axis=1)))
                raise HaloError(
                    f"the netlist of {self.synthesis.top} gives a wrong {port} in clock {clock} even without delays",
                    "Run the bench of the RTL, without the gates: it shows which product is wrong.",
                )
        return Cycles(self.ports(streamed), trace.outputs, compared, streamed.judged)


@dataclass(frozen=True)
class ArraySpec:
    """What is synthesized.

    Attributes:
        shape: rows, columns and widths.
        top: module.
        parameters: of the module, every one.
    """

    shape: Shape
    top: str
    parameters: Mapping[str, int | str]


def array_spec(bench: str, parameters: Mapping[str, int | str]) -> ArraySpec:
    """Read the parameters of an element or a mesh.

    Args:
        bench: ``pe`` or ``systolic_ws``.
        parameters: those that differ from the defaults.

    Raises:
        HaloError: another bench, or a parameter that the gates do not have.
    """
    if bench not in ("pe", "systolic_ws"):
        raise HaloError(
            f"{bench} cannot be played as gates", "Gates are played of pe and systolic_ws: name one of these."
        )
    allowed = DEFAULTS | (SIZES if bench == "systolic_ws" else {})
    for name in parameters:
        if name not in allowed:
            raise HaloError(f"the gates of {bench} have no parameter {name}", f"Set one of: {', '.join(allowed)}.")
    values = allowed | dict(parameters)
    numbers = {}
    for name in (n for n in values if n != "MULTIPLIER"):
        if not isinstance(values[name], int):
            raise HaloError(f"parameter {name} is no integer: {values[name]!r}", f"Give --param {name}=NUMBER.")
        numbers[name] = int(values[name])
    shape = Shape(
        rows=numbers.get("ROWS", 1),
        columns=numbers.get("COLUMNS", 1),
        weight_bits=numbers["WEIGHT_WIDTH"],
        activation_bits=numbers["ACTIVATION_WIDTH"],
        sum_bits=numbers["ACC_WIDTH"],
        pipeline=multiplier_registers(numbers["PIPELINE"]),
        carry_save=numbers["CARRY_SAVE"],
        element=bench == "pe",
    )
    if max(shape.activation_bits, shape.weight_bits) > OPERAND_BITS:
        raise HaloError(f"gates are played with operands of up to {OPERAND_BITS} bits", "Give smaller widths.")
    if shape.psum_bits > SUM_BITS:
        raise HaloError(f"gates are played with partial sums of up to {SUM_BITS} bits", "Give a smaller ACC_WIDTH.")
    return ArraySpec(shape, ELEMENT if bench == "pe" else MESH, values)


def place_element(
    parameters: Mapping[str, int | str], own: OwnModules | None, folder: Path
) -> tuple[dict[str, int | str], Sources]:
    """Parameters and sources of an element in which modules of the user's stand.

    Args:
        parameters: those that differ from the defaults, and those of the user's module.
        own: the modules, if any.
        folder: for the Verilog that is written around one.

    Raises:
        HaloError: as ``array_spec`` and ``halo.flow.simulators.own_modules.place``.
    """
    if own is None:
        array_spec("pe", parameters)
        return dict(parameters), Sources(array_sources())
    placed = place(replace(find_bench("pe"), rtl=PARTS), parameters, own, folder)
    built = {name: value for name, value in parameters.items() if name in DEFAULTS}
    return {**built, "MULTIPLIER": placed.built["MULTIPLIER"]}, placed.sources


def build_array(
    bench: str,
    parameters: Mapping[str, int | str],
    liberty: Sequence[Path],
    workdir: Path,
    *,
    sources: Sources | None = None,
    dont_use: Sequence[str] = (),
) -> GateArray:
    """Synthesize an element or a mesh, calculate its delays and cut it at its registers.

    Args:
        bench: ``pe`` or ``systolic_ws`` (whose mesh it is: the streams around it are not timed).
        parameters: those that differ from the defaults.
        liberty: all files of one corner.
        workdir: folder for the netlist and the logs of the synthesis.
        sources: Verilog to take instead of ``array_sources``.
        dont_use: cells that synthesis must not use; ``*`` and ``?`` match as in a shell.

    Raises:
        HaloError: as synthesis, the library's reader and the compiler.
    """
    spec = array_spec(bench, parameters)
    gates = cut_gates(
        spec.top,
        spec.parameters,
        liberty,
        workdir,
        sources=sources or Sources(array_sources()),
        dont_use=dont_use,
    )
    return gate_array(spec.shape, gates)


def gate_array(shape: Shape, gates: CutGates) -> GateArray:
    """Gates with the shape of what is streamed into them."""
    return GateArray(**vars(gates), shape=shape)


def cut_gates(
    top: str,
    parameters: Mapping[str, int | str],
    liberty: Sequence[Path],
    workdir: Path,
    *,
    sources: Sources,
    dont_use: Sequence[str] = (),
    mode: Mode = "structural",
    max_fanout: int | None = None,
    timed: Sequence[Path] | None = None,
    slew_ps: float | None = None,
    load_ff: float | None = None,
) -> CutGates:
    """Synthesize a registered design, calculate its delays and cut it at its registers.

    Args:
        top: module; parameters: of it.
        liberty, workdir, dont_use: as ``build_array``.
        sources: the Verilog.
        mode: of synthesis.
        max_fanout: most pins of a net before it gets buffers; None: no buffers.
        timed: all files of the corner whose delays it has; None: those that it is synthesized with.
        slew_ps, load_ff: at the ports, as ``port_conditions`` takes them.

    Raises:
        HaloError: as synthesis, the library's reader and the compiler.
    """
    made = synthesize(
        sources,
        top,
        liberty,
        parameters=parameters,
        mode=mode,
        dont_use=dont_use,
        buffers=max_fanout is not None,
        max_fanout=max_fanout,
        workdir=workdir,
    )
    library = without_cells(read_corner(list(liberty if timed is None else timed)), dont_use)
    circuit = compile_circuit(read_netlist(made.netlist_verilog, made.top), library)
    require_inactive_resets(circuit, library, propagate_constants(circuit, {}))
    conditions = port_conditions(circuit, library, port_nets(circuit), slew_ps, load_ff)
    delays = nominal_delays(
        circuit,
        library,
        input_slew_s=conditions.input_slew_s,
        output_load_f=conditions.output_load_f,
        clock_slew_s=conditions.clock_slew_s,
    )
    design = cut_at_registers(circuit, delays, library, clock_slew_s=conditions.clock_slew_s)
    said = (
        *conditions.assumptions,
        NO_WIRES,
        "The clock is ideal: no skew, no jitter, no margin.",
        design.overhead.at_the_ports,
        *delays.notes,
        *library.notes,
    )
    return CutGates(design, library, said, made, conditions.input_slew_s, conditions.output_load_f)


def array_sources() -> tuple[Path, ...]:
    """The Verilog of the multipliers, the elements and the arrays."""
    return tuple(path for part in PARTS for path in sorted((rtl_folder() / part).glob("*.v")))


def _packed(lanes: I64, bits: int) -> I64:
    """Lanes (low bits each) side by side in one integer a clock, lane 0 lowest, as Python integers where needed."""
    width = bits // lanes.shape[1]
    low = lanes & ((1 << width) - 1) if width < 63 else lanes
    if bits <= SUM_BITS:
        packed: I64 = (low << (width * np.arange(lanes.shape[1]))).sum(axis=1)
        return packed
    wide = low.astype(object)
    return np.asarray(sum(wide[:, i] << (width * i) for i in range(lanes.shape[1])))


def _sums(bits: npt.NDArray[np.uint8], shape: Shape) -> I64:
    """The sum of each column, int64[T, C], from its bits; carry-save sums are resolved."""
    vectors = bits.reshape(len(bits), shape.columns, 1 + shape.carry_save, shape.sum_bits).astype(np.int64)
    values = (vectors << np.arange(shape.sum_bits)).sum(axis=(2, 3))
    return np.asarray(values & ((1 << shape.sum_bits) - 1), np.int64)
