# SPDX-License-Identifier: Apache-2.0
"""What a register adds to the clock period of a combinational block: clock-to-output delay and setup time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.liberty.model import Cell, FlipFlop, Library, Pin
from halo.liberty.tables import lookup
from halo.netlist.model import Circuit
from halo.timing.arcs import delay_arcs
from halo.timing.delays import Delays
from halo.timing.static.checks import F64, hold_times, setup_times

_SHOWN = 4


@dataclass(frozen=True)
class RegisterOverhead:
    """Delays of the flip-flop assumed before and behind a combinational block.

    Attributes:
        cell: its name.
        output: its output pin.
        clk_to_q_s: clock-to-output delay in seconds, the worse edge.
        setup_s: setup time in seconds, the worse edge; it may be negative.
    """

    cell: str
    output: str
    clk_to_q_s: float
    setup_s: float

    @property
    def at_the_ports(self) -> str:
        """The sentence for a design whose ports lie between its own registers and these."""
        return (
            f"Input ports change {self.clk_to_q_s * 1e12:.4g} ps after the clock edge, clk-to-{self.output} of "
            f"{self.cell}; output ports settle its setup of {self.setup_s * 1e12:.4g} ps before the next."
        )

    @property
    def in_the_period(self) -> str:
        """The sentence for a combinational block between two of these registers."""
        return (
            f"The period includes {self.cell}: clk-to-{self.output} {self.clk_to_q_s * 1e12:.4g} ps "
            f"and setup {self.setup_s * 1e12:.4g} ps."
        )


def plain_flip_flop(library: Library) -> tuple[Cell, FlipFlop]:
    """The plainest edge-triggered D flip-flop: no scan, no enable, fewest clear and preset pins, then smallest area.

    Of equal ones that with the rising clock edge is taken, then the first by name. Cells marked ``dont_use`` do not
    count. (Some libraries have flip-flops with clear only.)

    Raises:
        HaloError: the library has no D flip-flop.
    """
    found = [
        (len(cell.inputs), cell.area, not cell.flipflop.clocked_on.table[1], cell.name)
        for cell in library.cells.values()
        if cell.flipflop is not None and not cell.dont_use and _is_plain(cell, cell.flipflop)
    ]
    if found:
        cell = library.cells[min(found)[3]]
        if cell.flipflop is not None:
            return cell, cell.flipflop
    place = library.paths[0] if library.paths else None
    barred = [c.name for c in library.cells.values() if c.flipflop is not None and _is_plain(c, c.flipflop)]
    if barred:
        raise HaloError(
            f"library {library.name} has D flip-flops ({', '.join(barred[:_SHOWN])}), but none that may be used",
            f"Allow one, such as {barred[0]}: leave out the --dont-use that matches it, or the mark in the library.",
            place,
        )
    raise HaloError(
        f"library {library.name} has no D flip-flop without scan and enable",
        "Add the library's sequential cells, or do without: --no-register-overhead --input-slew-ps X "
        "--output-load-ff X.",
        place,
    )


def register_overhead(library: Library, *, clock_slew_s: float, load_f: float, data_slew_s: F64) -> RegisterOverhead:
    """Clock-to-output delay and setup time of the library's plain flip-flop.

    Args:
        library: the corner.
        clock_slew_s: transition of the clock.
        load_f: load of the flip-flop's output.
        data_slew_s: float64[m, 2], transition of the data at each of the next registers by edge (fall, rise). The
            setup is the worst of all, which need not be that of the slowest: tables may fall with the transition.

    Raises:
        HaloError: no such flip-flop, or one without delay or setup tables.
    """
    cell, flop = plain_flip_flop(library)
    data = flop.next_state.inputs[0]
    output = _output(cell, flop)
    sets = delay_arcs(cell, output.name, (data,), flop.next_state.table, clocked=True)
    at = {"input_net_transition": clock_slew_s, "total_output_net_capacitance": load_f}
    delays = [lookup(arc.delay, at) for group in sets for arc in group.arcs]
    setup = setup_times(cell, data, data_slew_s, clock_slew_s)
    if not delays or setup is None:
        missing = "setup time" if delays else f"clock-to-{output.name} delay"
        raise HaloError(
            f"flip-flop {cell.name} of library {library.name} has no {missing}",
            f"Leave the cell out with --dont-use {cell.name}, or the register with --no-register-overhead.",
            cell.path or None,
            cell.line or None,
        )
    return RegisterOverhead(cell.name, output.name, max(delays), float(setup.max()))


def earliest_register(library: Library, *, clock_slew_s: float, load_f: float, data_slew_s: F64) -> tuple[float, float]:
    """Smallest clock-to-output delay and largest hold time of the library's plain flip-flop, in seconds.

    Args:
        library, clock_slew_s: as for ``register_overhead``.
        load_f: load of the output.
        data_slew_s: float64[m, 2], transition of the data by edge (fall, rise).

    Raises:
        HaloError: no such flip-flop.
    """
    cell, flop = plain_flip_flop(library)
    data = flop.next_state.inputs[0]
    sets = delay_arcs(cell, _output(cell, flop).name, (data,), flop.next_state.table, clocked=True)
    at = {"input_net_transition": clock_slew_s, "total_output_net_capacitance": load_f}
    delays = [lookup(arc.delay, at) for group in sets for arc in group.arcs]
    hold = hold_times(cell, data, data_slew_s, clock_slew_s)
    return min(delays, default=0.0), 0.0 if hold is None else float(hold.max())


def register_slew(library: Library, *, clock_slew_s: float, load_f: float) -> float:
    """Transition of the output of the library's plain flip-flop in seconds, the worse edge.

    Args:
        library: the corner.
        clock_slew_s: transition of the clock.
        load_f: load of the output.

    Raises:
        HaloError: no such flip-flop.
    """
    cell, flop = plain_flip_flop(library)
    output = _output(cell, flop)
    sets = delay_arcs(cell, output.name, flop.next_state.inputs, flop.next_state.table, clocked=True)
    at = {"input_net_transition": clock_slew_s, "total_output_net_capacitance": load_f}
    return max((lookup(arc.slew, at) for group in sets for arc in group.arcs if arc.slew is not None), default=0.0)


def _output(cell: Cell, flop: FlipFlop) -> Pin:
    """The output that shows the state, else its complement."""
    return min(cell.outputs, key=lambda pin: pin.function is None or flop.state not in pin.function.inputs)


def port_nets(circuit: Circuit) -> list[int]:
    """Bits of input ports that are not held."""
    states = set(circuit.out[circuit.state_gates].tolist())
    return [net for net in circuit.source.tolist() if net not in states]


def ports_overhead(
    circuit: Circuit,
    delays: Delays,
    library: Library,
    *,
    clock_slew_s: float,
    inputs: Sequence[int] | None = None,
    outputs: Sequence[int] | None = None,
) -> RegisterOverhead:
    """``register_overhead`` around the ports of a design: the heaviest input as load, every output as data.

    Args:
        circuit: the design; delays: its loads and slews; library: its cells.
        clock_slew_s: transition of the clock.
        inputs: nets that the register drives; None: every input port that is not held.
        outputs: nets that the register takes; None: every output port.

    Raises:
        HaloError: as ``register_overhead``.
    """
    if inputs is None:
        inputs = port_nets(circuit)
    if outputs is None:
        outputs = [net for bits in circuit.netlist.outputs.values() for net in bits]
    return register_overhead(
        library,
        clock_slew_s=clock_slew_s,
        load_f=float(delays.net_load_f[list(inputs)].max(initial=0.0)),
        data_slew_s=delays.net_slew_s[list(outputs)] if outputs else np.zeros((1, 2)),
    )


def _is_plain(cell: Cell, flop: FlipFlop) -> bool:
    """One data pin that is the next state, one clock pin, clear and preset at most, and outputs that show the state."""
    pins = {*flop.next_state.inputs, *flop.clocked_on.inputs}
    for control in (flop.clear, flop.preset):
        pins.update(() if control is None else control.inputs)
    return (
        len(flop.next_state.inputs) == len(flop.clocked_on.inputs) == 1
        and {pin.name for pin in cell.inputs} == pins
        and bool(cell.outputs)
        and all(pin.function is not None and not pin.three_state for pin in cell.outputs)
    )
