# SPDX-License-Identifier: Apache-2.0
"""From files to a design in a corner: libraries, gates, port roles, delays, and the conditions at the ports.

Tests: tests/flow/test_characterize.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from halo.characterization.chosen_roles import chosen_roles
from halo.characterization.extracted import design_wires
from halo.characterization.interface import netlist_ports, with_operands
from halo.characterization.ports import Roles
from halo.characterization.signedness import observe_signedness
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.controls import Control, netlist_controls
from halo.netlist.graph import I8, influenced, propagate_constants, registers_on_way
from halo.netlist.hdl import PortInfo
from halo.netlist.model import FLOP, I64, U8, Circuit, Netlist
from halo.netlist.open_outputs import hold_open_outputs
from halo.netlist.resets import require_inactive_resets
from halo.netlist.supplies import without_supplies
from halo.netlist.verilog import read_netlist
from halo.parasitics.loads import Wires
from halo.synth.libraries import matching_cells, without_cells
from halo.timing.clock_edges import FALL, RISE, end_shares, flop_edges, launching_edges, port_edge, used_edges
from halo.timing.delaycalc import DelayCalculator
from halo.timing.delays import Delays
from halo.timing.event.reduction import TimedCircuit
from halo.timing.overhead import RegisterOverhead, plain_flip_flop, port_nets, ports_overhead, register_slew
from halo.timing.sdf.read import delays_from_sdf, read_sdf
from halo.timing.sdf.scope import below
from halo.timing.static.graph import net_loads
from halo.timing.static.timer import endpoints
from halo.units import to_femtoseconds

CASE_SLEWS = (
    "Bound and exact delay of each weight are with the transitions and delays that its constant bits leave, as in "
    "static_ps; SDF and timed netlist hold the nominal delays."
)
FANOUT = 4
ITERATIONS = 20


@dataclass(frozen=True, eq=False)
class DesignCorner:
    """A design in one corner, ready to be exercised.

    Attributes:
        name: of the corner.
        circuit, library, delays: the netlist compiled against the corner's cells, and its delays.
        roles: the design's ports.
        input_slew_s, output_load_f: at the ports; clock_slew_s: of the clock.
        annotated: the delays come from an SDF, not from the library.
        boundary: the register assumed before and behind the ports; None: inputs change at the clock edge itself, and
            outputs may settle until the next.
        duty: part of the period that the clock is high.
        calculator: gives the delays under held nets; None: they are ``delays`` whatever is held.
        bare: the netlist without the gates that stand for wires in ``circuit``; None: the same.
        wires: of ``bare``, for static timing; None: they are nothing. wire_source: what they come from.
        assumptions: what all this rests on, one sentence each.
    """

    name: str
    library: Library
    circuit: Circuit
    delays: Delays
    roles: Roles
    input_slew_s: float
    output_load_f: float
    clock_slew_s: float
    annotated: bool = False
    boundary: RegisterOverhead | None = None
    duty: float = 0.5
    calculator: DelayCalculator | None = None
    bare: Circuit | None = None
    wires: Wires | None = None
    wire_source: str = "none"
    assumptions: tuple[str, ...] = ()

    @property
    def registered(self) -> bool:
        """Whether the design has registers of its own."""
        return bool(np.any(self.circuit.kind == FLOP))

    @property
    def registers(self) -> int:
        """Number of flip-flops."""
        return len(np.unique(self.circuit.instance[self.circuit.kind == FLOP]))

    @property
    def clocks(self) -> dict[str, int]:
        """Most flip-flops from activation and accumulator to the output; an operand without a way there is absent."""
        netlist, roles = self.circuit.netlist, self.roles
        found: dict[str, int] = {}
        for role, port in (("activation", roles.activation), ("accumulator", roles.accumulator)):
            if port is not None:
                depth = registers_on_way(self.circuit, netlist.inputs[port])
                most = int(depth[list(netlist.outputs[roles.output])].max())
                found |= {role: most} if most >= 0 else {}
        return found

    @property
    def timed(self) -> TimedCircuit:
        """What the engines simulate: flip-flops launch at their clk-to-Q, inputs as ``boundary_s`` says."""
        ends = endpoints(self.circuit)
        clk_to_q_fs, setup_fs = map(to_femtoseconds, self.boundary_s)
        setup = np.array([self.delays.setup_fs[e.pin] if e.pin >= 0 else setup_fs for e in ends], np.int32)
        launch = np.zeros(self.circuit.nets, np.int32)
        launch[self.circuit.source] = clk_to_q_fs
        for gate in self.circuit.state_gates:
            arcs = slice(int(self.circuit.arc_start[gate]), int(self.circuit.arc_start[gate + 1]))
            launch[self.circuit.out[gate]] = self.delays.arc_fs[arcs].max(initial=0)
        end_net = np.array([e.net for e in ends], np.int32)
        return TimedCircuit(self.circuit, self.delays.arc_fs, self.delays.enabled, launch, end_net, setup)

    def timed_under(self, held: Mapping[int, int]) -> TimedCircuit:
        """``timed`` with the delays that hold while some nets rest."""
        if self.calculator is None:
            return self.timed
        return replace(self, delays=_above_zero(self.calculator.delays(held))).timed

    @property
    def boundary_s(self) -> tuple[float, float]:
        """When inputs change after the clock edge, and what outputs need before the next, in seconds.

        Only a registered design has an edge of its own; a combinational one is timed from inputs to outputs, and the
        register around it is added to the period.
        """
        if self.boundary is None or not self.registered:
            return 0.0, 0.0
        return self.boundary.clk_to_q_s, self.boundary.setup_s

    @property
    def both_edges(self) -> bool:
        """Whether the design's flip-flops use both edges of the clock."""
        return len(used_edges(self.circuit)) > 1

    @cached_property
    def launching(self) -> U8:
        """Clock edges that set off changes of each net under any weight: uint8[N], bits FALL and RISE."""
        ties = tied_nets(self.circuit.netlist, self.roles)
        constant = propagate_constants(self.circuit, ties)
        return launching_edges(self.circuit, constant, self.circuit.netlist.inputs[self.roles.weight])

    @cached_property
    def capture(self) -> U8:
        """Clock edge at which each endpoint is taken: uint8[E], FALL or RISE, in the order of ``timed``."""
        circuit = self.circuit
        edge, ports = flop_edges(circuit), port_edge(circuit)
        gates = [int(np.searchsorted(circuit.pin_start, e.pin, side="right")) - 1 for e in endpoints(circuit)]
        return np.array([ports if gate < 0 else edge[gate] for gate in gates], np.uint8)

    @cached_property
    def end_groups(self) -> tuple[tuple[float, I64], ...]:
        """Endpoints by the share of the period that their paths have, and their indices; one group with one edge."""
        ends = self.timed.end_net
        if not self.both_edges:
            return ((1.0, np.arange(len(ends), dtype=np.int64)),)
        shares = end_shares(self.launching[ends], self.capture, self.duty)
        return tuple((float(value), np.flatnonzero(shares == value)) for value in np.unique(shares))

    def require_one_edge_each(self) -> None:
        """Check that no gate sees changes of both clock edges: played in one transition, they would meet.

        Raises:
            HaloError: one does.
        """
        circuit = self.circuit
        if not self.both_edges:
            return
        met = np.flatnonzero((self.launching[circuit.out] == (1 << FALL | 1 << RISE)) & (circuit.kind != FLOP))
        if len(met):
            instance = circuit.netlist.instances[circuit.instance[met[0]]]
            raise HaloError(
                f"instance {instance.name} takes signals of both clock edges, which the exact method cannot play in "
                "one transition",
                "Use --method bound, which holds for both, or --method static.",
                circuit.netlist.path or None,
                instance.line or None,
            )

    def held(self, pattern: int) -> dict[int, int]:
        """Nets held for a weight's bit pattern: its bits and the tied inputs."""
        values = {net: pattern >> i & 1 for i, net in enumerate(self.circuit.netlist.inputs[self.roles.weight])}
        for port in self.roles.tie:
            values |= self.tied(port)
        return values

    def tied(self, port: str) -> dict[int, int]:
        """Nets of a tied input port and their values."""
        value = self.roles.tie[port]
        return {net: value >> i & 1 for i, net in enumerate(self.circuit.netlist.inputs[port])}


@dataclass(frozen=True)
class PortConditions:
    """Slew of the clock and at the inputs, load at each output bit, and the sentences that explain them."""

    clock_slew_s: float
    input_slew_s: float
    output_load_f: float
    assumptions: tuple[str, ...]


def port_conditions(
    circuit: Circuit,
    library: Library,
    inputs: Sequence[int] | None,
    slew_ps: float | None = None,
    load_ff: float | None = None,
    wires: Wires | None = None,
) -> PortConditions:
    """What stands around the MAC: given values, else the library's plain flip-flop on both sides.

    The load is the flip-flop's data pin. The clock's slew is that of a flip-flop which drives four such pins and is
    clocked with the slew it makes (a fixed point, as in a clock tree of equal stages). The inputs' slew is that of the
    flip-flop that drives the heaviest of them, whose clock-to-output delay they have.

    Args:
        circuit: the design; library: its cells.
        inputs: nets that a flip-flop drives; None: no register stands before the ports, so that their slew is the
            clock's.
        slew_ps: of inputs and clock; load_ff: of each output bit.
        wires: of the design; None: they are nothing.

    Raises:
        HaloError: a value is left out and the library has no plain flip-flop.
    """
    said = []
    if slew_ps is None or load_ff is None:
        cell, flop = plain_flip_flop(library)
        pin = cell.pins[flop.next_state.inputs[0]]
    if load_ff is None:
        load = pin.capacitance_f
        said.append(f"Each output bit drives the data pin of {cell.name}, {load * 1e15:.4g} fF.")
    else:
        load = load_ff * 1e-15
        said.append(f"Each output bit drives {load_ff:g} fF.")
    if slew_ps is None:
        slew = clock = clock_slew(library, pin.capacitance_f)
        who = "Inputs and clock have" if inputs is None else "The clock has"
        said.append(f"{who} a transition of {clock * 1e12:.4g} ps: {cell.name} driving {FANOUT} of itself.")
        if inputs is not None:
            cap_f = None if wires is None else wires.loads(circuit.netlist, library, load).cap_f
            heaviest = float(net_loads(circuit, library, load, cap_f)[1][list(inputs)].max(initial=0.0))
            slew = register_slew(library, clock_slew_s=clock, load_f=heaviest)
            said.append(
                f"Inputs have a transition of {slew * 1e12:.4g} ps: {cell.name} driving the heaviest of them, "
                f"{heaviest * 1e15:.4g} fF."
            )
    else:
        slew = clock = slew_ps * 1e-12
        said.append(f"Inputs and clock have a transition of {slew_ps:g} ps.")
    return PortConditions(clock, slew, load, tuple(said))


def clock_slew(library: Library, data_pin_f: float) -> float:
    """Transition in seconds of a flip-flop that drives four data pins and is clocked with the transition it makes."""
    slew = 0.0
    for _ in range(ITERATIONS):
        slew = register_slew(library, clock_slew_s=slew, load_f=FANOUT * data_pin_f)
    return slew


def driven_inputs(circuit: Circuit, roles: Roles, *, swaps: bool = False) -> list[int]:
    """Nets that a register before the ports drives: all inputs of a registered design, else the operands that move.

    Args:
        circuit: the design; roles: of its ports.
        swaps: the weight moves too.
    """
    netlist = circuit.netlist
    if np.any(circuit.kind == FLOP):
        return port_nets(circuit)
    changing = (port for port, how in roles.drawn.items() if how == "any")
    weight = roles.weight if swaps else None
    moving = [port for port in (weight, roles.activation, roles.accumulator, *changing) if port is not None]
    return [net for port in moving for net in netlist.inputs[port]]


def tied_nets(netlist: Netlist, roles: Roles) -> dict[int, int]:
    """Bits of the tied input ports and their values."""
    return {net: value >> i & 1 for port, value in roles.tie.items() for i, net in enumerate(netlist.inputs[port])}


def require_operands_matter(circuit: Circuit, constant: I8, roles: Roles) -> None:
    """Check that weight and activation reach the output: an enable that is tied off would make an empty table.

    Raises:
        HaloError: no bit of the output depends on one of them.
    """
    netlist = circuit.netlist
    for role, port in (("weight", roles.weight), ("activation", roles.activation)):
        reached = influenced(circuit, constant, netlist.inputs[port])
        if not reached[list(netlist.outputs[roles.output])].any():
            ties = ", ".join(f"{name}={value}" for name, value in roles.tie.items())
            raise HaloError(
                f"output {roles.output} does not depend on {role} {port}" + (f" with {ties}" if ties else ""),
                f"Tie load enables to the level that loads (--tie NAME=VALUE), or give other ports with --{role} "
                "and --output.",
                netlist.path or None,
            )


def load_corner(
    name: str,
    liberty: tuple[Path, ...],
    netlist_path: Path | Sequence[Path],
    top: str | None,
    config: CharacterizeConfig,
    *,
    roles: Roles | None = None,
    declared: tuple[PortInfo, ...] | None = None,
    controls: Mapping[str, Control] | None = None,
    swaps: bool = False,
) -> DesignCorner:
    """Read a corner's library and the netlist, find roles, compile, and calculate (or read) the delays.

    Args:
        roles: of an earlier corner; None: found.
        declared: ports of the RTL behind the netlist, if there is any (a netlist seldom keeps ``signed``).
        controls: what the RTL's one-bit inputs do to its registers; None: seen in the netlist.
        swaps: a register drives the weight too, which may be the heaviest input; without, the weight rests.

    Raises:
        HaloError: bad library, netlist, ports or SDF.
    """
    library = read_corner(liberty)
    if config.netlist:
        require_registers(library, config.dont_use)
    library = without_cells(library, config.dont_use)
    own = without_supplies(read_netlist(netlist_path, top, library.cells), library)
    if roles is None:
        found = netlist_controls(own, library) if controls is None else controls
        known = chosen_roles(declared or netlist_ports(own), config, found)
    else:
        known = roles
    netlist, unused = hold_open_outputs(with_operands(own, known.ports), library, known.output)
    held = tied_nets(netlist, known)
    circuit = compile_circuit(netlist, library, held)
    constant = propagate_constants(circuit, held)
    require_inactive_resets(circuit, library, constant)
    require_operands_matter(circuit, constant, known)
    if roles is None:
        roles = observe_signedness(circuit, known, told=(*config.signed, *config.unsigned))
    driven = driven_inputs(circuit, roles, swaps=swaps) if config.register_overhead else None
    told = design_wires(circuit.netlist, library, config.wire_options(name))
    conditions = port_conditions(
        circuit, library, driven, config.input_slew_ps, config.output_load_ff, wires=told.wires
    )
    calculator = DelayCalculator(
        circuit,
        library,
        input_slew_s=conditions.input_slew_s,
        output_load_f=conditions.output_load_f,
        clock_slew_s=conditions.clock_slew_s,
        wires=told.wires,
    )
    said = [*roles.assumptions, *unused, *conditions.assumptions]
    bare, source = circuit, told.source
    if config.sdf is None:
        delays = calculator.delays()
        circuit = calculator.circuit
        said += [*told.assumptions, *delays.notes]
    else:
        delays = calculator.at_gates()
        source = f"as in SDF {config.sdf}"
        said += delays.notes
        if told.wires is not None:
            said += ["Of the wires, loads and transitions count, for energy.", *told.assumptions]
        sdf = read_sdf(config.sdf)
        whose = str(config.sdf)
        if config.sdf_instance is not None:
            sdf = below(sdf, config.sdf_instance)
            whose = f"instance {config.sdf_instance} in {whose}"
        circuit, delays = delays_from_sdf(
            circuit, library, sdf, delays, sdf_corner=config.sdf_corner, sink_slew_s=calculator.sink_slew_s()
        )
        loads = "are the library's" if told.wires is None else "are the library's with these wires"
        said += [f"Delays are those of {whose}; slews and loads, for energy, {loads}.", *delays.notes]
        said.append("static_ps is the longest path over these delays; slews cannot be recalculated under the weight.")
    zero = int(np.count_nonzero(delays.arc_fs < 1))
    if zero:  # an event due at the instant of its cause would have to be ordered against it
        said.append(f"{zero} of {len(delays.arc_fs)} state delays are not above zero and are taken as 1 fs.")
        delays = _above_zero(delays)
    corner = DesignCorner(
        name,
        library,
        circuit,
        delays,
        roles,
        conditions.input_slew_s,
        conditions.output_load_f,
        conditions.clock_slew_s,
        annotated=config.sdf is not None,
        duty=config.duty_cycle / 100,
        calculator=calculator if config.case_slews else None,
        bare=bare,
        wires=told.wires,
        wire_source=source,
    )
    if config.case_slews:
        said.append(CASE_SLEWS)
    if corner.both_edges:
        said.append(_both_edges(circuit, config.duty_cycle))
        if config.method == "exact":
            corner.require_one_edge_each()
    if config.register_overhead:
        boundary = boundary_of(corner, swaps=swaps)
        if corner.registered:
            said.append(boundary.at_the_ports)
        corner = replace(corner, boundary=boundary)
    return replace(corner, assumptions=tuple(said))


def _above_zero(delays: Delays) -> Delays:
    return replace(delays, arc_fs=np.maximum(delays.arc_fs, 1))


def require_registers(library: Library, patterns: Sequence[str]) -> None:
    """Check that cells to avoid beside a given netlist are flip-flops: nothing else is chosen then.

    Raises:
        HaloError: a pattern matches no cell, or no flip-flop.
    """
    for pattern in patterns:
        if all(library.cells[name].flipflop is None for name in matching_cells(library, [pattern])):
            what = f"{pattern!r} names cells that synthesis may not use, and a gate netlist is not synthesized"
            raise HaloError(what, f"Leave out --dont-use {pattern!r}: only the flip-flop at the ports is chosen here.")


def _both_edges(circuit: Circuit, duty_cycle: float) -> str:
    falling = len(circuit.falling)
    flops = len(np.unique(circuit.instance[circuit.kind == FLOP]))
    return (
        f"The clock is high for {duty_cycle:g} % of the period: {flops - falling} flip-flops take its rising edge, "
        f"{falling} its falling edge, ports the rising one; a path between the two has that part of the period."
    )


def boundary_of(corner: DesignCorner, *, swaps: bool = False) -> RegisterOverhead:
    """The library's plain flip-flop before and behind the ports of a design.

    Around a registered design it drives any input port and follows any output port; around a combinational one it
    drives the operands that move (with ``swaps`` the weight, too) and follows the result.

    Raises:
        HaloError: the library has no such flip-flop, or one without delay or setup tables.
    """
    circuit, netlist, roles = corner.circuit, corner.circuit.netlist, corner.roles
    if corner.registered:
        return ports_overhead(circuit, corner.delays, corner.library, clock_slew_s=corner.clock_slew_s)
    return ports_overhead(
        circuit,
        corner.delays,
        corner.library,
        clock_slew_s=corner.clock_slew_s,
        inputs=driven_inputs(circuit, roles, swaps=swaps),
        outputs=netlist.outputs[roles.output],
    )
