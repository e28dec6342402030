# SPDX-License-Identifier: Apache-2.0
"""From files to a design in a corner: libraries, gates, port roles, delays, and the conditions at the ports.

Tests: tests/flow/test_characterize.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from halo.characterization.interface import netlist_ports
from halo.characterization.ports import Roles, find_roles
from halo.characterization.signedness import observe_signedness
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.liberty import lookup, read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import I8, influenced, propagate_constants
from halo.netlist.hdl import PortInfo
from halo.netlist.model import FLOP, Circuit, Netlist
from halo.netlist.resets import require_inactive_resets
from halo.netlist.supplies import without_supplies
from halo.netlist.verilog import read_netlist
from halo.synth.libraries import without_cells
from halo.timing.arcs import delay_arcs
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.event.reduction import TimedCircuit
from halo.timing.overhead import RegisterOverhead, plain_flip_flop, ports_overhead
from halo.timing.sdf.read import delays_from_sdf, read_sdf
from halo.timing.sdf.scope import below
from halo.timing.static.timer import endpoints
from halo.units import to_femtoseconds

IDEAL_WIRES = "Wires have no capacitance and no delay."
FANOUT = 4
ITERATIONS = 20


@dataclass(frozen=True, eq=False)
class DesignCorner:
    """A design in one corner, ready to be exercised.

    Attributes:
        name: of the corner.
        circuit, library, delays: the netlist compiled against the corner's cells, and its delays.
        roles: the design's ports.
        input_slew_s, output_load_f: at the ports.
        annotated: the delays come from an SDF, not from the library.
        boundary: the register assumed before and behind the ports; None: inputs change at the clock edge itself, and
            outputs may settle until the next.
        assumptions: what all this rests on, one sentence each.
    """

    name: str
    library: Library
    circuit: Circuit
    delays: Delays
    roles: Roles
    input_slew_s: float
    output_load_f: float
    annotated: bool = False
    boundary: RegisterOverhead | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def registered(self) -> bool:
        """Whether the design has registers of its own."""
        return bool(np.any(self.circuit.kind == FLOP))

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
        return TimedCircuit(self.circuit, self.delays.arc_fs, launch, np.array([e.net for e in ends], np.int32), setup)

    @property
    def boundary_s(self) -> tuple[float, float]:
        """When inputs change after the clock edge, and what outputs need before the next, in seconds.

        Only a registered design has an edge of its own; a combinational one is timed from inputs to outputs, and the
        register around it is added to the period.
        """
        if self.boundary is None or not self.registered:
            return 0.0, 0.0
        return self.boundary.clk_to_q_s, self.boundary.setup_s

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
    """Slew at the inputs and load at each output bit, and the sentences that explain them."""

    input_slew_s: float
    output_load_f: float
    assumptions: tuple[str, ...]


def port_conditions(library: Library, slew_ps: float | None, load_ff: float | None) -> PortConditions:
    """What stands around the MAC: given values, else the library's plain flip-flop on both sides.

    The load is the flip-flop's data pin. The slew is that of a flip-flop which drives four such pins and is clocked
    with the slew it makes (a fixed point, as in a clock tree of equal stages).

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
        output = min(cell.outputs, key=lambda p: p.function is None or flop.state not in p.function.inputs)
        sets = delay_arcs(cell, output.name, (pin.name,), flop.next_state.table, clocked=True)
        tables = [arc.slew for group in sets for arc in group.arcs if arc.slew is not None]
        slew = 0.0
        for _ in range(ITERATIONS):
            at = {"input_net_transition": slew, "total_output_net_capacitance": FANOUT * pin.capacitance_f}
            slew = max((lookup(table, at) for table in tables), default=0.0)
        said.append(
            f"Inputs and clock have a transition of {slew * 1e12:.4g} ps: {cell.name} driving {FANOUT} of itself."
        )
    else:
        slew = slew_ps * 1e-12
        said.append(f"Inputs and clock have a transition of {slew_ps:g} ps.")
    return PortConditions(slew, load, tuple(said))


def roles_of(netlist: Netlist, config: CharacterizeConfig, declared: tuple[PortInfo, ...] | None) -> Roles:
    """Roles of the ports, from the source's ports where there is one (a netlist seldom keeps ``signed``)."""
    return find_roles(
        declared or netlist_ports(netlist),
        weight=config.weight,
        activation=config.activation,
        accumulator=config.accumulator,
        output=config.output,
        clock=config.clock,
        tie=dict(config.ties),
    )


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
    netlist_path: Path,
    top: str | None,
    config: CharacterizeConfig,
    *,
    roles: Roles | None = None,
    declared: tuple[PortInfo, ...] | None = None,
) -> DesignCorner:
    """Read a corner's library and the netlist, find roles, compile, and calculate (or read) the delays.

    Args:
        roles: of an earlier corner; None: found.
        declared: ports of the RTL behind the netlist, if there is any.

    Raises:
        HaloError: bad library, netlist, ports or SDF.
    """
    library = without_cells(read_corner(liberty), config.dont_use)
    netlist = without_supplies(read_netlist(netlist_path, top), library)
    known = roles or roles_of(netlist, config, declared)
    held = tied_nets(netlist, known)
    circuit = compile_circuit(netlist, library, held)
    constant = propagate_constants(circuit, held)
    require_inactive_resets(circuit, library, constant)
    require_operands_matter(circuit, constant, known)
    if roles is None:
        roles = observe_signedness(circuit, known)
    conditions = port_conditions(library, config.input_slew_ps, config.output_load_ff)
    delays = nominal_delays(
        circuit, library, input_slew_s=conditions.input_slew_s, output_load_f=conditions.output_load_f
    )
    said = [*roles.assumptions, *conditions.assumptions]
    if config.sdf is None:
        said += [IDEAL_WIRES, *delays.notes]
    else:
        said += delays.notes
        sdf = read_sdf(config.sdf)
        source = str(config.sdf)
        if config.sdf_instance is not None:
            sdf = below(sdf, config.sdf_instance)
            source = f"instance {config.sdf_instance} in {source}"
        circuit, delays = delays_from_sdf(circuit, library, sdf, delays, sdf_corner=config.sdf_corner)
        said += [f"Delays are those of {source}; slews and loads, for energy, are the library's.", *delays.notes]
        said.append("static_ps is the longest path over these delays; slews cannot be recalculated under the weight.")
    zero = int(np.count_nonzero(delays.arc_fs < 1))
    if zero:  # an event due at the instant of its cause would have to be ordered against it
        said.append(f"{zero} of {len(delays.arc_fs)} state delays are not above zero and are taken as 1 fs.")
        delays = replace(delays, arc_fs=np.maximum(delays.arc_fs, 1))
    corner = DesignCorner(
        name,
        library,
        circuit,
        delays,
        roles,
        conditions.input_slew_s,
        conditions.output_load_f,
        annotated=config.sdf is not None,
    )
    if config.register_overhead:
        boundary = boundary_of(corner)
        if corner.registered:
            said.append(boundary.at_the_ports)
        corner = replace(corner, boundary=boundary)
    return replace(corner, assumptions=tuple(said))


def boundary_of(corner: DesignCorner) -> RegisterOverhead:
    """The library's plain flip-flop before and behind the ports of a design.

    Around a registered design it drives any input port and follows any output port; around a combinational one it
    drives the operands that move and follows the result.

    Raises:
        HaloError: the library has no such flip-flop, or one without delay or setup tables.
    """
    circuit, netlist, roles = corner.circuit, corner.circuit.netlist, corner.roles
    if corner.registered:
        return ports_overhead(circuit, corner.delays, corner.library, input_slew_s=corner.input_slew_s)
    moving = [port for port in (roles.activation, roles.accumulator) if port is not None]
    return ports_overhead(
        circuit,
        corner.delays,
        corner.library,
        input_slew_s=corner.input_slew_s,
        inputs=[net for port in moving for net in netlist.inputs[port]],
        outputs=netlist.outputs[roles.output],
    )
