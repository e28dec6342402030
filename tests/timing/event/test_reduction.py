# SPDX-License-Identifier: Apache-2.0
"""What holding nets leaves of a circuit: reduced tables and arcs, structural constants, longest paths by edge."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from gate_circuits import AND2, BUF, INV, MUX2, OR2, XOR2, Case, Gate, Plan, build, cases, names
from hypothesis import given, settings

from halo.errors import HaloError
from halo.netlist.model import Circuit
from halo.timing.event.engine import Bins, enumerate_transitions, transition_weights
from halo.timing.event.reduction import ReducedCircuit, TimedCircuit, reduce_circuit
from halo.timing.event.reference import play, settled

CompileText = Callable[[str], Circuit]


def reduced_plan(plan: Plan, **values: int) -> ReducedCircuit:
    return reduce_circuit(build(plan), {names(plan).index(name): value for name, value in values.items()})


def longest(plan: Plan, net: str, **values: int) -> tuple[int, int]:
    """Longest path to a fall and to a rise of a net; (-1, -1) for a constant."""
    reduced = reduced_plan(plan, **values)
    node = reduced.node_of[names(plan).index(net)]
    fall, rise = reduced.arrays.path_fs[node].tolist() if node >= 0 else (-1, -1)
    return fall, rise


def test_a_held_pin_leaves_its_gate() -> None:
    delays = {(s, p): 10 * s + p for s in range(8) for p in range(3)}
    plan = Plan(("a", "b", "s"), {"y": Gate(MUX2, ("a", "b", "s"), delays)}, ["y"])
    reduced = reduced_plan(plan, b=1)
    # left are a (bit 0) and s (bit 1); b keeps state bit 1
    assert reduced.arrays.table.tolist() == [0, 1, 1, 1]
    assert reduced.arrays.full_state.tolist() == [2, 3, 6, 7]
    assert reduced.arrays.pin_node.tolist() == [0, 1] and reduced.arrays.pin_number.tolist() == [0, 2]
    assert reduced.arrays.arc_word.tolist() == [20, 22, 30, 32, 60, 62, 70, 72]
    assert reduced.arrays.arc_index.tolist() == [3 * s + p for s in (2, 3, 6, 7) for p in (0, 2)]
    # a and b of the selected side alone matter once s is held
    assert reduced_plan(plan, s=0, b=1).arrays.table.tolist() == [0, 1]
    assert reduced_plan(plan, s=0).arrays.table.tolist() == [0, 1, 0, 1]


def test_paths_beyond_the_kernels_range_are_refused() -> None:
    def chain(length: int) -> Plan:
        gates = {f"n{i + 1}": Gate(BUF, (f"n{i}",), 150_000_000) for i in range(length)}
        return Plan(("n0",), gates, [f"n{length}"])

    assert reduced_plan(chain(7)).longest_path_fs == 1_050_000_000
    for length in (8, 40):  # 1.2 us, and 6 us, which would wrap around
        with pytest.raises(HaloError, match=r"more than 1\.07 us"):
            reduced_plan(chain(length))


def test_constants_follow_from_controlling_values() -> None:
    gates = {
        "n": Gate(AND2, ("w", "a"), 1),
        "m": Gate(OR2, ("n", "b"), 2),
        "k": Gate(AND2, ("n", "m"), 3),
        "x": Gate(XOR2, ("k", "k2"), 4),
    }
    plan = Plan(("w", "a", "b", "k2"), gates, ["m", "k", "x"])
    reduced = reduced_plan(plan, w=0, k2=1)
    assert reduced.constant.tolist() == [0, -1, -1, 1, 0, -1, 0, 1]
    # gates whose inputs move stay for the energy of their pins; x, whose inputs are still, does not
    assert reduced.arrays.live_gate.tolist() == [0, 1, 2]
    assert reduced.ends.node.tolist() == [reduced.node_of[5]]
    assert reduced.longest_path_fs == 2


def test_a_net_on_two_pins_is_seen_twice() -> None:
    """As a static timer sees it: a ^ a is not recognised as constant. No event comes of it."""
    plan = Plan(("a",), {"y": Gate(XOR2, ("a", "a"), 5)}, ["y"])
    reduced = reduced_plan(plan)
    assert reduced.constant.tolist() == [-1, -1]
    weights = transition_weights(np.ones((2, 2), np.int64))
    assert enumerate_transitions(reduced, [0], weights, bins=Bins(1, 8)).delay_fs == 0


def test_paths_follow_unateness() -> None:
    chain = Plan(("a",), {"n": Gate(INV, ("a",), (3, 7)), "y": Gate(INV, ("n",), (10, 20))}, ["y"], launch={"a": 100})
    assert longest(chain, "a") == (100, 100)
    assert longest(chain, "n") == (103, 107)
    assert longest(chain, "y") == (107 + 10, 103 + 20)
    gates = {"n": Gate(INV, ("a",), (3, 7)), "y": Gate(XOR2, ("n", "b"), (10, 20))}
    both = Plan(("a", "b"), gates, ["y"])
    assert longest(both, "y") == (17, 27)
    assert longest(both, "y", b=0) == (13, 27), "it follows n"
    assert longest(both, "y", b=1) == (17, 23), "it inverts n"
    assert longest(both, "y", a=0) == (10, 20)
    assert longest(both, "y", a=0, b=0) == (-1, -1)


def test_arcs_that_cannot_turn_the_output_are_no_path() -> None:
    # a conjunction rises by the arcs into state 11 alone; into state 10 (a low, b high) it falls by a, not by b
    table = {(s, p): 100 * s + p for s in range(4) for p in range(2)}
    conjunction = Plan(("a", "b"), {"y": Gate(AND2, ("a", "b"), table)}, ["y"])
    assert longest(conjunction, "y") == (200, 301)
    # with b held high the arcs of a are left
    assert longest(conjunction, "y", b=1) == (200, 300)


def test_a_register_starts_a_path_at_its_own_delay() -> None:
    gates = {
        "n": Gate(INV, ("a",), 50),
        "q": Gate(BUF, ("n",), (7, 9), flop=True),
        "y": Gate(INV, ("q",), (2, 3)),
    }
    plan = Plan(("a",), gates, [("n", 1), "y"])
    assert longest(plan, "q") == (7, 9)
    assert longest(plan, "y") == (11, 10)
    reduced = reduced_plan(plan)
    assert (reduced.longest_path_fs, reduced.longest_period_fs) == (50, 51)
    assert reduced_plan(plan, a=1).constant.tolist() == [1, 0, 0, 1]


def test_a_net_may_be_held_against_its_driver() -> None:
    """A weight register: its output is held, so what drives it does not matter."""
    gates = {
        "s": Gate(MUX2, ("s", "d", "load"), 9, flop=True, state=True),
        "q": Gate(BUF, ("d",), 8, flop=True),
        "y": Gate(AND2, ("s", "a"), 3),
        "z": Gate(AND2, ("q", "a"), 4),
    }
    plan = Plan(("d", "load", "a"), gates, ["y", "z"])
    reduced = reduced_plan(plan, s=1, q=0)
    assert reduced.sources.tolist() == [0, 1, 2]
    # y follows a; z is constant but its input moves
    assert reduced.arrays.live_gate.tolist() == [2, 3] and reduced.longest_path_fs == 3
    assert reduced_plan(plan).sources.tolist() == [0, 1, 2, names(plan).index("s")]


@pytest.mark.parametrize("buffer, active", [("BUF", "DFF"), ("INV", "DFFN")])
def test_a_clock_tree_rests(compiled: CompileText, buffer: str, active: str) -> None:
    """A clock port is no source and nothing drives it: its buffers must not reach for a waveform."""
    circuit = compiled(
        f"module t(input clk, input a, b, output y); wire ck, n, q; {buffer} c(.A(clk), .Y(ck));"
        f" NAND2 g(.A(a), .B(b), .Y(n)); {active} r(.D(n), .CK(ck), .Q(q)); INV i(.A(q), .Y(y)); endmodule"
    )
    ends = np.array(circuit.netlist.outputs["y"], np.int32)
    arc_fs = np.full(int(circuit.arc_start[-1]), 1000, np.int32)
    launch = np.zeros(circuit.nets, np.int32)
    timed = TimedCircuit(circuit, arc_fs, np.ones(len(arc_fs), np.bool_), launch, ends, np.zeros(1, np.int32))
    reduced = reduce_circuit(timed, {})
    assert reduced.arrays.pin_node.min() >= 0
    bits = [circuit.netlist.inputs[port][0] for port in "ab"]
    uniform = transition_weights(np.ones((4, 4), np.int64))
    events = enumerate_transitions(reduced, bits, uniform, bins=Bins(1000, 4))
    assert events.delay_fs == 2000 and events.histogram.tolist() == [0, 0, 6, 0]
    tree = next(g for g in range(circuit.gates) if circuit.netlist.instances[circuit.instance[g]].name == "c")
    assert events.toggles[tree] == 0
    assert events.state_counts[circuit.table_start[tree]] == 16


@settings(max_examples=60, deadline=None)
@given(case=cases(others=True))
def test_random_reductions(case: Case) -> None:
    """The reduced tables say what the full ones do; no change of any net comes after its longest path."""
    timed, values = case.timed, case.held_nets
    reduced = reduce_circuit(timed, values)
    circuit = timed.circuit
    fixed = {net: int(value) for net, value in enumerate(circuit.constant) if value >= 0} | values
    patterns = [
        dict(zip(reduced.sources.tolist(), bits, strict=True)) for bits in product((0, 1), repeat=len(reduced.sources))
    ]
    for pattern in patterns[:16]:
        full = settled(circuit, fixed | pattern)
        nodes = [pattern[net] for net in reduced.sources.tolist()]
        for gate, full_gate in enumerate(reduced.arrays.live_gate):
            pins = reduced.arrays.pin_node[reduced.arrays.pin_start[gate] : reduced.arrays.pin_start[gate + 1]]
            state = sum(nodes[pin] << k for k, pin in enumerate(pins))
            nodes.append(int(reduced.arrays.table[reduced.arrays.table_start[gate] + state]))
            assert nodes[-1] == full[circuit.out[full_gate]]
        for net in range(circuit.nets):
            if reduced.constant[net] >= 0:
                assert full[net] == reduced.constant[net]
    for before, after in list(product(patterns, patterns))[::7][:24]:
        played = play(timed, values, before, after)
        for net, times in enumerate(played.changes):
            value = played.before[net]
            for at in times:
                value = 1 - value
                assert at <= reduced.arrays.path_fs[reduced.node_of[net], value]
