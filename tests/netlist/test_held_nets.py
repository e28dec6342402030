# SPDX-License-Identifier: Apache-2.0
"""Dependences under held inputs: which registers feed themselves, and that no value is changed by what is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import evaluate, influenced, propagate_constants
from halo.netlist.model import FLOP, Circuit, Netlist
from halo.netlist.verilog import read_netlist

Hold = Callable[..., Circuit]


@pytest.fixture
def hold(tmp_path: Path, tiny: Library) -> Hold:
    """Compile text with scalar ports held."""

    def compile_text(text: str, **held: int) -> Circuit:
        path = tmp_path / "netlist.v"
        path.write_text(text)
        netlist = read_netlist(path)
        return compile_circuit(netlist, tiny, {netlist.inputs[name][0]: value for name, value in held.items()})

    return compile_text


def pins(circuit: Circuit, instance: str) -> dict[str, str]:
    """Pin to net name of the one gate of an instance."""
    (gate,) = [g for g, i in enumerate(circuit.instance) if circuit.netlist.instances[i].name == instance]
    span = range(circuit.pin_start[gate], circuit.pin_start[gate + 1])
    return {circuit.pin_name[p]: circuit.netlist.nets[circuit.pin_net[p]] for p in span}


def table(circuit: Circuit, instance: str) -> list[int]:
    (gate,) = [g for g, i in enumerate(circuit.instance) if circuit.netlist.instances[i].name == instance]
    return circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]].tolist()


def steady(circuit: Circuit, **ports: int) -> int:
    """What the net y is once ports are held: 0, 1 or -1."""
    fixed = {circuit.netlist.inputs[name][0]: value for name, value in ports.items()}
    return int(propagate_constants(circuit, fixed)[circuit.netlist.outputs["y"][0]])


ENABLE_FLOP = """module top(input d, load, clk, output y);
EDFF r (.D(d), .E(load), .CLK(clk), .Q(y));
endmodule"""

MUX_AND_FLOP = """module top(input d, load, clk, output y);
DFF r (.D(n), .CLK(clk), .Q(y));
MUX2 m (.A(y), .B(d), .S(load), .Y(n));
endmodule"""

# The state is kept inverted, and the multiplexer is made of gates.
INVERTED = """module top(input d, load, clk, output y);
DFFHQN r (.D(n), .CLK(clk), .QN(qn)); INV i (.A(qn), .Y(y));
INV l (.A(load), .Y(keep)); AND2 k (.A(y), .B(keep), .Y(k1)); AND2 t (.A(d), .B(load), .Y(t1));
OR2 o (.A(k1), .B(t1), .Y(n0)); INV x (.A(n0), .Y(n));
endmodule"""


@pytest.mark.parametrize("text", [ENABLE_FLOP, MUX_AND_FLOP, INVERTED])
def test_a_register_that_loads_follows_its_port(hold: Hold, text: str) -> None:
    circuit = hold(text, load=1)
    assert circuit.state_gates.size == 0
    assert [circuit.netlist.nets[net] for net in circuit.source] == ["d"]
    held = circuit.netlist.inputs["load"][0]
    assert np.flatnonzero(circuit.constant >= 0).tolist() == [held]
    assert circuit.constant[held] == 1
    inverted = int(text is INVERTED)  # QN follows n, which is the inverse of d
    assert [steady(circuit, d=value) for value in (0, 1)] == [inverted, 1 - inverted]
    assert steady(circuit) == -1


@pytest.mark.parametrize("text", [ENABLE_FLOP, MUX_AND_FLOP, INVERTED])
@pytest.mark.parametrize("held", [{}, {"load": 0}])
def test_a_register_that_keeps_its_value_is_state(hold: Hold, text: str, held: Mapping[str, int]) -> None:
    circuit = hold(text, **held)
    assert circuit.state_gates.tolist() == [0]
    assert circuit.netlist.instances[circuit.instance[0]].name == "r"
    assert steady(circuit, d=1) == -1
    reached = influenced(circuit, propagate_constants(circuit, {}), circuit.netlist.inputs["d"])
    assert reached[circuit.netlist.outputs["y"][0]] == (not held)


def test_only_the_way_back_is_left_out(hold: Hold) -> None:
    circuit = hold(ENABLE_FLOP, load=1)
    assert pins(circuit, "r") == {"D": "d", "E": "load"}
    assert table(circuit, "r") == [0, 0, 0, 1], "the stored value is read as 0"
    circuit = hold(MUX_AND_FLOP, load=1)
    assert pins(circuit, "m") == {"B": "d", "S": "load"}
    assert table(circuit, "m") == [0, 0, 0, 1]
    circuit = hold(INVERTED, load=1)
    assert pins(circuit, "k") == {"B": "keep"}
    assert pins(circuit, "o") == {"A": "k1", "B": "t1"}, "constant, but it stands before"
    assert circuit.gates == 7


def test_enable_in_the_netlist(hold: Hold) -> None:
    circuit = hold(ENABLE_FLOP.replace(".E(load)", ".E(1'b1)"))
    assert circuit.state_gates.size == 0


def test_a_dead_pin_in_front_stays(hold: Hold) -> None:
    """Its changes cost energy: only loops take a pin away."""
    circuit = hold("module top(input a, b, s, output y); MUX2 m (.A(a), .B(b), .S(s), .Y(y)); endmodule", s=1)
    assert pins(circuit, "m") == {"A": "a", "B": "b", "S": "s"}


def test_an_accumulator_is_held_in_reset(hold: Hold) -> None:
    text = """module top(input d, rst, clk, output y);
    XOR2 x (.A(d), .B(y), .Y(s)); INV i (.A(rst), .Y(go)); AND2 g (.A(s), .B(go), .Y(n));
    DFF r (.D(n), .CLK(clk), .Q(y));
    endmodule"""
    assert hold(text, rst=0).state_gates.size == 1
    circuit = hold(text, rst=1)
    assert circuit.state_gates.size == 0
    assert steady(circuit) == 0


def test_a_loop_that_is_held_open_is_none(hold: Hold) -> None:
    text = """module top(input a, s, output y);
    MUX2 m (.A(a), .B(z), .S(s), .Y(y)); INV i (.A(y), .Y(z));
    endmodule"""
    with pytest.raises(HaloError, match="combinational loop through 2 nets: y -> z -> y"):
        hold(text)
    with pytest.raises(HaloError, match="combinational loop"):
        hold(text, s=1)
    circuit = hold(text, s=0)
    assert pins(circuit, "m") == {"A": "a", "S": "s"}
    assert steady(circuit, a=1) == 1


def test_a_clock_gate_held_open_passes_the_clock(hold: Hold) -> None:
    text = """module top(input d, en, test, clk, output y);
    AND2 g (.A(clk), .B(en), .Y(c1)); MUX2 m (.A(c1), .B(test), .S(test), .Y(ck)); DFF r (.D(d), .CLK(ck), .Q(y));
    endmodule"""
    circuit = hold(text, en=1, test=0)
    assert {circuit.netlist.nets[net] for net in circuit.clock_nets} == {"clk", "c1", "ck"}
    with pytest.raises(HaloError, match=r"clock at pin CLK of flip-flop r is gated in instance g") as caught:
        hold(text, test=0)
    assert "ties=" in caught.value.fix
    with pytest.raises(HaloError, match=r"the clock at pin CLK of flip-flop r is a constant"):
        hold(text, en=0, test=0)
    with pytest.raises(HaloError, match=r"the clock at pin CLK of flip-flop r is a constant"):
        hold(text, en=1, test=0, clk=0)


def test_only_ports_can_be_held(hold: Hold, tiny: Library) -> None:
    netlist = hold(MUX_AND_FLOP).netlist
    with pytest.raises(ValueError, match="bits of input ports"):
        compile_circuit(netlist, tiny, {netlist.outputs["y"][0]: 1})
    with pytest.raises(ValueError, match="0 or 1"):
        compile_circuit(netlist, tiny, {netlist.inputs["d"][0]: 2})


# Random netlists with registers and multiplexers, loops included, against Python on their description.

FUNCTIONS: dict[str, tuple[str, Callable[..., int]]] = {
    "INV": ("A", lambda a: 1 - a),
    "AND2": ("AB", lambda a, b: a & b),
    "OR2": ("AB", lambda a, b: a | b),
    "XOR2": ("AB", lambda a, b: a ^ b),
    "MUX2": ("ABS", lambda a, b, s: b if s else a),
    "DFF": ("D", lambda d: d),
    "EDFF": ("DE", lambda d, e, q: d if e else q),
}
INPUTS = 4


@dataclass(frozen=True)
class Node:
    """A cell and the nets of its pins; an enable flip-flop's last one is its own output."""

    cell: str
    nets: tuple[int, ...]

    @property
    def flop(self) -> bool:
        return self.cell.endswith("DFF")


def verilog(nodes: list[Node]) -> str:
    def name(net: int) -> str:
        return f"i{net}" if net < INPUTS else f"n{net}"

    lines = []
    for k, node in enumerate(nodes):
        letters = FUNCTIONS[node.cell][0]
        ties = [f".{pin}({name(net)})" for pin, net in zip(letters, node.nets, strict=False)]
        out = f".Q({name(INPUTS + k)}), .CLK(clk)" if node.flop else f".Y({name(INPUTS + k)})"
        lines.append(f"{node.cell} u{k} ({', '.join(ties)}, {out});")
    ports = ", ".join(f"i{k}" for k in range(INPUTS))
    body = "\n".join(lines)
    return f"module top(input {ports}, clk, output y);\n{body}\nassign y = n{INPUTS + len(nodes) - 1};\nendmodule\n"


@st.composite
def networks(draw: st.DrawFn) -> tuple[list[Node], dict[int, int]]:
    """Cells whose pins may hang on any net, mostly earlier ones; and held inputs."""
    nodes = []
    count = draw(st.integers(1, 10))
    for k in range(count):
        cell = draw(st.sampled_from(sorted(FUNCTIONS)))
        behind = draw(st.integers(0, 3)) == 0
        reach = st.integers(0, INPUTS + count - 1 if behind else INPUTS + k - 1)
        nets = [draw(reach) for _ in FUNCTIONS[cell][0]]
        if cell == "MUX2" and draw(st.booleans()):
            nets[2] = draw(st.integers(0, INPUTS - 1))
        nodes.append(Node(cell, (*nets, INPUTS + k) if cell == "EDFF" else tuple(nets)))
    return nodes, draw(st.dictionaries(st.integers(0, INPUTS - 1), st.integers(0, 1), max_size=3))


def constants(nodes: list[Node], held: Mapping[int, int]) -> dict[int, int]:
    known = dict(held)
    while True:
        before = len(known)
        for k, node in enumerate(nodes):
            values = outcomes(node, known)
            if len(values) == 1:
                known[INPUTS + k] = values.pop()
        if len(known) == before:
            return known


def outcomes(node: Node, known: Mapping[int, int]) -> set[int]:
    choices = [(known[net],) if net in known else (0, 1) for net in node.nets]
    return {FUNCTIONS[node.cell][1](*values) for values in product(*choices)}


def depends(node: Node, known: Mapping[int, int]) -> set[int]:
    """Nets whose value changes the node's in some state that the known nets allow, each pin by itself."""
    choices = [(known[net],) if net in known else (0, 1) for net in node.nets]
    found = set()
    for values in product(*choices):
        for pin, net in enumerate(node.nets):
            if net not in known:
                other = [1 - v if p == pin else v for p, v in enumerate(values)]
                if FUNCTIONS[node.cell][1](*values) != FUNCTIONS[node.cell][1](*other):
                    found.add(net)
    return found


def on_loops(edges: Mapping[int, set[int]]) -> set[int]:
    """Nets that reach themselves."""

    def behind(net: int) -> set[int]:
        seen: set[int] = set()
        todo = list(edges.get(net, ()))
        while todo:
            if (n := todo.pop()) not in seen:
                seen.add(n)
                todo += edges.get(n, ())
        return seen

    return {net for net in edges if net in behind(net)}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(network=networks())
def test_random_networks(network: tuple[list[Node], dict[int, int]], tmp_path: Path, tiny: Library) -> None:
    nodes, held = network
    path = tmp_path / "random.v"
    path.write_text(verilog(nodes))
    netlist = read_netlist(path)
    nets = net_numbers(netlist, len(nodes))
    known = constants(nodes, held)
    edges = {INPUTS + k: set() if INPUTS + k in known else depends(node, known) for k, node in enumerate(nodes)}
    gates_only = {
        net: {n for n in found if n >= INPUTS and not nodes[n - INPUTS].flop}
        for net, found in edges.items()
        if not nodes[net - INPUTS].flop
    }
    fixed = {nets[net]: value for net, value in held.items()}
    if on_loops(gates_only):
        with pytest.raises(HaloError, match="combinational loop"):
            compile_circuit(netlist, tiny, fixed)
        return
    circuit = compile_circuit(netlist, tiny, fixed)
    states = {nets[net] for net in on_loops(edges) if nodes[net - INPUTS].flop}
    assert {int(circuit.out[g]) for g in circuit.state_gates} == states
    stand_in_order(circuit)
    found = propagate_constants(circuit, {})
    assert {n: int(found[n]) for n in nets if found[n] >= 0} == {nets[n]: v for n, v in known.items()}

    free = [int(net) for net in circuit.source]
    lanes = np.array(list(product((0, 1), repeat=len(free))), np.uint8).reshape(-1, len(free)).T
    values = evaluate(circuit, dict(zip(free, lanes, strict=True)))
    for k, node in enumerate(nodes):
        if nets[INPUTS + k] not in states:
            operands = [values[nets[net]] for net in node.nets]
            wanted = [FUNCTIONS[node.cell][1](*map(int, lane)) for lane in zip(*operands, strict=True)]
            assert values[nets[INPUTS + k]].tolist() == wanted


def net_numbers(netlist: Netlist, nodes: int) -> list[int]:
    """Number in the netlist of each net of the description; the last node's net is called y."""
    at = {name: i for i, name in enumerate(netlist.nets)}
    names = [*(f"i{k}" for k in range(INPUTS)), *(f"n{INPUTS + k}" for k in range(nodes - 1)), "y"]
    return [at[name] for name in names]


def stand_in_order(circuit: Circuit) -> None:
    """Each gate's pins hang on earlier gates, sources or constants."""
    ready = set(circuit.source.tolist()) | set(np.flatnonzero(circuit.constant >= 0).tolist())
    for g in range(circuit.gates):
        if g not in circuit.state_gates:
            nets = circuit.pin_net[circuit.pin_start[g] : circuit.pin_start[g + 1]].tolist()
            assert ready.issuperset(nets)
        else:
            assert circuit.kind[g] == FLOP
        ready.add(int(circuit.out[g]))
