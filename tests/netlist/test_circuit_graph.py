# SPDX-License-Identifier: Apache-2.0
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
from halo.liberty.reader import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import (
    drive_port,
    evaluate,
    free_sources,
    propagate_constants,
    propagate_constants_lanes,
    read_port,
    support,
)
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist

Build = Callable[[str], Circuit]


def bits(circuit: Circuit, **values: int) -> dict[int, np.ndarray]:
    """One lane of scalar nets by name."""
    return {circuit.netlist.nets.index(name): np.array([v], np.uint8) for name, v in values.items()}


def test_reference_multiplier_is_exact(shared: Path, osu018: Path) -> None:
    """All 65,536 products of the netlist mapped by Yosys."""
    netlist = read_netlist(shared / "reference" / "osu018_mult8" / "netlist.v")
    circuit = compile_circuit(netlist, read_corner([osu018]))
    w, a = (axis.ravel() for axis in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    values = evaluate(circuit, drive_port(netlist, "w", w) | drive_port(netlist, "a", a))
    assert np.array_equal(read_port(netlist, values, "p", signed=True), w * a)
    assert len(netlist.instances) == circuit.gates == 374


# Random netlists: the text comes from this description, the expected values from Python on the description.

CELLS: dict[str, tuple[str, Callable[..., int]]] = {
    "INV": ("A", lambda a: 1 - a),
    "AND2": ("AB", lambda a, b: a & b),
    "ANDN": ("AB", lambda a, b: b & (1 - a)),
    "OR2": ("AB", lambda a, b: a | b),
    "XOR2": ("AB", lambda a, b: a ^ b),
    "MUX2": ("ABS", lambda a, b, s: b if s else a),
}
INPUTS = 4


@dataclass(frozen=True)
class Node:
    """A gate: cell and inputs. Inputs 0 to 3 are the port's bits, 4 and 5 constants 0 and 1, then earlier nodes."""

    cell: str
    inputs: tuple[int, ...]


@st.composite
def dags(draw: st.DrawFn) -> tuple[list[Node], list[bool], list[int]]:
    """Nodes, whether each is read through an alias, and the order in which the instances are written."""
    nodes: list[Node] = []
    for i in range(draw(st.integers(1, 14))):
        cell = draw(st.sampled_from(sorted(CELLS)))
        ends = st.integers(0, INPUTS + 2 + i - 1)
        nodes.append(Node(cell, tuple(draw(ends) for _ in CELLS[cell][0])))
    aliased = draw(st.lists(st.booleans(), min_size=len(nodes), max_size=len(nodes)))
    return nodes, aliased, draw(st.permutations(range(len(nodes))))


def text_of(nodes: list[Node], aliased: list[bool], order: list[int]) -> str:
    def name(end: int) -> str:
        if end < INPUTS:
            return f"x[{end}]"
        if end < INPUTS + 2:
            return f"1'b{end - INPUTS}"
        node = end - INPUTS - 2
        return f"\\alias/{node} " if aliased[node] else f"n[{node}]"

    lines = [f"assign \\alias/{i} = n[{i}];" for i, alias in enumerate(aliased) if alias]
    for i in order:
        node = nodes[i]
        pins = [f".{pin}({name(end)})" for pin, end in zip(CELLS[node.cell][0], node.inputs, strict=True)]
        lines.append(f"{node.cell} g{i} (.Y(n[{i}]), {', '.join(pins)});")
    last = len(nodes) - 1
    return f"module top(input [3:0] x, output [{last}:0] y);\nwire [{last}:0] n; assign y = n;\n" + "\n".join(
        [*lines, "endmodule\n"]
    )


def slow_values(nodes: list[Node], x: tuple[int, ...]) -> list[int]:
    values = [*x, 0, 1]
    for node in nodes:
        values.append(CELLS[node.cell][1](*(values[end] for end in node.inputs)))
    return values[INPUTS + 2 :]


def slow_ternary(nodes: list[Node], x: Mapping[int, int]) -> list[int]:
    """-1 is unknown: try every completion of each gate's unknown inputs."""
    values = [x.get(i, -1) for i in range(INPUTS)] + [0, 1]
    for node in nodes:
        choices = [(v,) if v >= 0 else (0, 1) for v in (values[end] for end in node.inputs)]
        found = {CELLS[node.cell][1](*state) for state in product(*choices)}
        values.append(found.pop() if len(found) == 1 else -1)
    return values[INPUTS + 2 :]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dag=dags(), held=st.dictionaries(st.integers(0, INPUTS - 1), st.integers(0, 1)))
def test_random_netlists(
    tmp_path: Path, tiny: Library, dag: tuple[list[Node], list[bool], list[int]], held: dict[int, int]
) -> None:
    nodes = dag[0]
    path = tmp_path / "random.v"
    path.write_text(text_of(*dag))
    circuit = compile_circuit(read_netlist(path), tiny)
    x, y = circuit.netlist.inputs["x"], circuit.netlist.outputs["y"]

    patterns = np.array(list(product((0, 1), repeat=INPUTS)), np.uint8)
    values = evaluate(circuit, {net: patterns[:, i] for i, net in enumerate(x)})
    expected = np.array([slow_values(nodes, tuple(p)) for p in patterns.tolist()])
    assert np.array_equal(values[list(y)].T, expected)

    constant = propagate_constants(circuit, {x[i]: v for i, v in held.items()})
    assert constant[list(y)].tolist() == slow_ternary(nodes, held)

    # A source that can change a net must be in its support; constant nets have none.
    mask = support(circuit, constant)
    free = free_sources(circuit, constant).tolist()
    allowed = np.all([patterns[:, i] == v for i, v in held.items()], axis=0) if held else np.ones(len(patterns), bool)
    for bit, net in enumerate(free):
        i = x.index(net)
        flipped = np.arange(len(patterns)) ^ (1 << (INPUTS - 1 - i))
        changes = (expected != expected[flipped])[allowed].any(axis=0)
        seen = (mask[list(y)] >> np.uint64(bit) & np.uint64(1)).astype(bool)
        assert not np.any(changes & ~seen)
    assert not np.any(mask[constant >= 0])


def test_support_sees_what_constants_cut_off(build: Build) -> None:
    circuit = build(
        """module top(input a, b, s, output y, z);
        MUX2 m (.A(a), .B(b), .S(s), .Y(y)); KEEP k (.A(y), .B(b), .Y(z));
        endmodule"""
    )
    nets = {name: i for i, name in enumerate(circuit.netlist.nets)}
    nothing = propagate_constants(circuit, {})
    assert free_sources(circuit, nothing).tolist() == [nets["a"], nets["b"], nets["s"]]
    assert support(circuit, nothing)[nets["y"]] == 0b111
    constant = propagate_constants(circuit, {nets["s"]: 0})
    assert support(circuit, constant)[[nets["y"], nets["z"], nets["s"], nets["a"], nets["b"]]].tolist() == [
        1,
        1,
        0,
        1,
        2,
    ]


def test_support_is_limited_to_64_sources(build: Build) -> None:
    ports = ", ".join(f"p{i}" for i in range(65))
    circuit = build(f"module top(input {ports}, output y); AND2 u (.A(p0), .B(p64), .Y(y)); endmodule")
    with pytest.raises(HaloError, match="65 input bits may change"):
        support(circuit, propagate_constants(circuit, {}))
    held = propagate_constants(circuit, {circuit.netlist.inputs["p1"][0]: 0})
    assert support(circuit, held)[circuit.netlist.outputs["y"][0]] == (1 << 63) + 1


REGISTERED = """module top(input d, load, x, clk, output y, z, h);
EDFF w (.D(d), .E(load), .CLK(clk), .Q(wq), .QN(h));
AND2 g (.A(wq), .B(x), .Y(n)); DFF r (.D(n), .CLK(clk), .Q(y), .QN(z));
endmodule"""


def test_constants_pass_flip_flops(build: Build) -> None:
    circuit = build(REGISTERED)
    nets = {name: i for i, name in enumerate(circuit.netlist.nets)}
    shown = [nets[name] for name in ("wq", "h", "n", "y", "z")]
    assert propagate_constants(circuit, {nets["d"]: 0})[shown].tolist() == [-1] * 5, "not loaded"
    loaded = propagate_constants(circuit, {nets["d"]: 0, nets["load"]: 1})
    assert loaded[shown].tolist() == [0, 1, 0, 0, 1], "a loaded register, then two more stages"
    held = propagate_constants(circuit, {nets["wq"]: 1, nets["x"]: 1, nets["load"]: 0})
    assert held[shown].tolist() == [1, -1, 1, 1, 0], "a register's output may be held"
    assert held[nets["clk"]] == -1


def test_lanes_equal_single_cases(build: Build) -> None:
    circuit = build(REGISTERED)
    fixed = [circuit.netlist.inputs[port][0] for port in ("d", "load", "x")]
    cases = np.array(list(product((0, 1), repeat=3)), np.uint8)
    lanes = propagate_constants_lanes(circuit, {net: cases[:, i] for i, net in enumerate(fixed)})
    for lane, case in enumerate(cases.tolist()):
        assert np.array_equal(lanes[:, lane], propagate_constants(circuit, dict(zip(fixed, case, strict=True))))


def test_evaluate_needs_its_sources(build: Build) -> None:
    circuit = build(REGISTERED)
    with pytest.raises(ValueError, match="x, wq, h"):
        evaluate(circuit, {})
    values = evaluate(circuit, bits(circuit, x=1, wq=1, h=0))
    assert values[circuit.netlist.outputs["y"][0], 0] == 1
    with pytest.raises(ValueError, match="differ in number"):
        evaluate(circuit, {0: np.zeros(2, np.uint8), 1: np.zeros(3, np.uint8)})


def test_a_tied_net_cannot_be_held_otherwise(build: Build) -> None:
    circuit = build("module top(input a, output y); AND2 u (.A(a), .B(1'b1), .Y(y)); endmodule")
    one = circuit.netlist.nets.index("1'b1")
    assert propagate_constants(circuit, {one: 1})[one] == 1
    with pytest.raises(HaloError, match="cannot be held at 0"):
        propagate_constants(circuit, {one: 0})


def test_ports_in_and_out(build: Build) -> None:
    circuit = build("module top(input [3:0] a, output [3:0] y); assign y = a; endmodule")
    numbers = np.array([-8, -1, 0, 7], np.int64)
    values = evaluate(circuit, drive_port(circuit.netlist, "a", numbers))
    assert read_port(circuit.netlist, values, "y", signed=True).tolist() == [-8, -1, 0, 7]
    assert read_port(circuit.netlist, values, "y", signed=False).tolist() == [8, 15, 0, 7]
