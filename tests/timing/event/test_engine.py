# SPDX-License-Identifier: Apache-2.0
"""The event engine on circuits worked out by hand, at its edges, and on the reference multiplier."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from gate_circuits import AND2, BUF, INV, OR2, XOR2, XOR3, Gate, Plan, build, names
from hypothesis import given
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import MAX_PINS
from halo.netlist.verilog import read_netlist
from halo.timing.delaycalc import nominal_delays
from halo.timing.event.engine import Bins, Events, enumerate_transitions, play_transitions, transition_weights
from halo.timing.event.reduction import TimedCircuit, reduce_circuit
from halo.timing.event.reference import play
from halo.timing.sdf.parse import read_sdf
from halo.timing.sdf.read import delays_from_sdf


def changes(plan: Plan, before: str, after: str) -> dict[str, list[int]]:
    """Waveform of every gate's output in one transition (values of the inputs as a string), by engine and reference.

    The engine tells the last change of endpoints alone, so each gate's output is made the endpoint in turn.
    """
    nets = names(plan)
    first, last = ([int(value) for value in text] for text in (before, after))
    found: dict[str, list[int]] = {}
    for out in plan.gates:
        timed = build(Plan(plan.inputs, plan.gates, [out], plan.tied, plan.launch))
        events = play_transitions(reduce_circuit(timed, {}), as_rows(first), as_rows(last))
        waves = play(timed, {}, dict(enumerate(first)), dict(enumerate(last)))
        found[out] = list(waves.changes[nets.index(out)])
        assert events.delay_fs == max(found[out], default=0)
        assert events.toggles.tolist() == list(waves.toggles)
        assert {int(arc): int(events.out_counts[arc]) for arc in np.flatnonzero(events.out_counts)} == waves.out_counts
    return found


def as_rows(values: list[int]) -> np.ndarray:
    return np.array([values], np.uint8)


def pulse(width: int, delays: int | tuple[int, int], *, gate: tuple[int, ...] = BUF) -> list[int]:
    """Output of a gate behind a pulse from 1 to 1 + width fs."""
    gates = {"p": Gate(XOR2, ("a", "b"), 1), "y": Gate(gate, ("p",), delays)}
    found = changes(Plan(("a", "b"), gates, [], launch={"b": width}), "00", "11")
    assert found["p"] == [1, 1 + width]
    return found["y"]


def test_pulses_shorter_than_the_delay_vanish() -> None:
    assert pulse(9, 10) == []
    assert pulse(10, 10) == [11, 21], "an event comes before the input change of its instant"
    assert pulse(11, 10) == [11, 22]


def test_each_edge_has_its_delay() -> None:
    assert pulse(7, (20, 5)) == [6, 28]
    assert pulse(7, (5, 20)) == [], "the fall of the target overtakes its rise"
    assert pulse(7, (3, 5), gate=INV) == [4, 13]
    assert pulse(7, (5, 20), gate=INV) == [6, 28]


def test_the_earliest_event_takes_the_latest_target() -> None:
    """The input rises, falls and rises; the first of three events shows the third target."""
    three = {"p": Gate(XOR3, ("a", "b", "c"), 1)}
    late = {"b": 4, "c": 8}
    plan = Plan(("a", "b", "c"), {**three, "y": Gate(BUF, ("p",), 10)}, [], launch=late)
    assert changes(plan, "000", "111") == {"p": [1, 5, 9], "y": [11]}
    # A fall event at 7 finds a target that is low, and the output low: it does nothing.
    plan = Plan(("a", "b", "c"), {**three, "y": Gate(BUF, ("p",), (2, 10))}, [], launch=late)
    assert changes(plan, "000", "111") == {"p": [1, 5, 9], "y": [11]}
    # Low at 1, high at 5, low at 9: the rise event of 7 finds the output high, the fall event of 11 shows the third.
    plan = Plan(("a", "b", "c"), {**three, "y": Gate(BUF, ("p",), (10, 2))}, [], launch=late)
    assert changes(plan, "100", "011") == {"p": [1, 5, 9], "y": [11]}
    # The fall of 5 + 10 comes after the rise of 9 has set the target, the rise of 9 + 2 while the output is still high.
    assert changes(plan, "000", "111") == {"p": [1, 5, 9], "y": [3]}
    # Events are due at 21, 22 and, by the faster pin, at 5: scheduled last, it comes first.
    by_pin = {(s, p): (20, 2)[p] for s in range(4) for p in range(2)}
    gates = {"p": Gate(XOR2, ("a", "b"), 1), "y": Gate(XOR2, ("p", "c"), by_pin)}
    plan = Plan(("a", "b", "c"), gates, [], launch={"b": 1, "c": 3})
    assert changes(plan, "000", "111") == {"p": [1, 2], "y": [5]}


def test_the_change_counts_for_the_arc_that_set_the_target() -> None:
    # state: bit 0 is p, bit 1 is c
    delays = {(0, 0): 12, (1, 0): 10, (2, 0): 2, (3, 0): 30, (0, 1): 9, (1, 1): 9, (2, 1): 20, (3, 1): 31}
    gates = {"p": Gate(XOR2, ("a", "b"), 1), "y": Gate(XOR2, ("p", "c"), delays)}
    # p rises at 1 (event 11), falls at 5 (event 17), c rises at 8 (event 28): at 11 the target is high because of c.
    timed = build(Plan(("a", "b", "c"), gates, ["y"], launch={"b": 4, "c": 8}))
    events = play_transitions(reduce_circuit(timed, {}), as_rows([0, 0, 0]), as_rows([1, 1, 1]))
    assert events.delay_fs == 11
    start = int(timed.circuit.arc_start[1])
    assert np.flatnonzero(events.out_counts[start:]).tolist() == [2 * 2 + 1]
    assert changes(Plan(("a", "b", "c"), gates, [], launch={"b": 4, "c": 8}), "000", "111")["y"] == [11]


def test_simultaneous_inputs_act_together() -> None:
    def meeting(table: tuple[int, ...], late: int) -> list[int]:
        gates = {"y": Gate(table, ("a", "b"), {(s, p): 10 if p == 0 else 7 for s in range(4) for p in range(2)})}
        return changes(Plan(("a", "b"), gates, [], launch={"b": late}), "00", "11")["y"]

    assert meeting(AND2, 0) == [7], "the smaller of the delays of the pins that changed"
    assert meeting(AND2, 1) == [8]
    assert meeting(OR2, 1) == [10]
    assert meeting(XOR2, 0) == []
    assert meeting(XOR2, 11) == [10, 18]
    assert meeting(XOR2, 9) == [], "the event at 10 finds the target that b set at 9"


def test_a_delay_depends_on_the_state() -> None:
    # state: bit 0 is a, bit 1 is b
    table = {(0, 0): 100, (1, 0): 200, (2, 0): 300, (3, 0): 400, (0, 1): 500, (1, 1): 600, (2, 1): 700, (3, 1): 800}
    plan = Plan(("a", "b"), {"y": Gate(XOR2, ("a", "b"), table)}, [])
    expected = {
        "00 10": 200,
        "10 11": 800,
        "11 01": 300,
        "01 00": 500,
        "00 01": 700,
        "01 11": 400,
        "11 10": 600,
        "10 00": 100,
    }
    for step, fs in expected.items():
        assert changes(plan, *step.split())["y"] == [fs], step


def test_a_pin_without_effect_may_speed_up_the_others() -> None:
    """As in Icarus, the delay is the smallest of the pins that just changed, whether they matter or not."""
    gates = {"y": Gate((0, 1, 0, 1), ("a", "b"), {(s, p): 10 - 6 * p for s in range(4) for p in range(2)})}
    assert changes(Plan(("a", "b"), gates, []), "00", "10")["y"] == [10]
    assert changes(Plan(("a", "b"), gates, []), "00", "11")["y"] == [4]
    assert changes(Plan(("a", "b"), gates, []), "00", "01")["y"] == []


def test_a_disabled_pin_does_not_speed_up_the_others() -> None:
    """!(a & b | c & d): a path is on while its pin can move the output; a is the fastest, d the slowest."""
    table = tuple(int(not (s & 3 == 3 or s & 12 == 12)) for s in range(16))
    by_pin = {(s, p): 10 + p for s in range(16) for p in range(4)}
    idle = {(s, p) for s, p in by_pin if table[s] == table[s ^ (1 << p)]}
    plan = Plan(("a", "b", "c", "d"), {"y": Gate(table, ("a", "b", "c", "d"), by_pin, idle)}, [])
    assert changes(plan, "0010", "1011")["y"] == [13], "d alone, though a moves as well"
    assert changes(plan, "0010", "1111")["y"] == [10], "into a state in which both pairs are on, nothing moves it alone"
    assert changes(plan, "0110", "1011")["y"] == [13]
    assert changes(plan, "1100", "0001")["y"] == [10], "no pin that moved has a path: the fastest of them"
    assert changes(plan, "1100", "0101")["y"] == [10]
    everywhere = Plan(plan.inputs, {"y": Gate(table, plan.inputs, by_pin)}, [])
    assert changes(everywhere, "0010", "1011")["y"] == [10]


def everything(
    timed: TimedCircuit, values: dict[int, int], bits: list[int], *, bin_fs: int = 1, bins: int = 64
) -> Events:
    size = 1 << len(bits)
    weights = transition_weights(np.ones((size, size), np.int64))
    return enumerate_transitions(reduce_circuit(timed, values), bits, weights, bins=Bins(bin_fs, bins))


def test_two_stage_pipeline() -> None:
    """A register launches at its own delay, however late its data comes, and only when the value differs."""
    gates = {
        "n": Gate(AND2, ("a", "b"), 30),
        "q": Gate(BUF, ("n",), (7, 9), flop=True),
        "y": Gate(INV, ("q",), (2, 3)),
        "r": Gate(INV, ("y",), (6, 8), flop=True),
        "z": Gate(BUF, ("r",), 4),
    }
    plan = Plan(("a", "b"), gates, [("n", 5), ("y", 6), "z"])
    assert changes(plan, "01", "11") == {"n": [30], "q": [9], "y": [11], "r": [8], "z": [12]}
    assert changes(plan, "11", "10") == {"n": [30], "q": [7], "y": [10], "r": [6], "z": [10]}
    assert changes(plan, "10", "01") == {"n": [], "q": [], "y": [], "r": [], "z": []}
    events = everything(build(plan), {}, [0, 1])
    # 6 of 16 transitions change a & b: 3 rise, 3 fall
    assert events.toggles.tolist() == events.functional.tolist() == [6] * 5
    assert (events.delay_fs, events.period_fs) == (30, 35)
    assert events.mean_fs == 6 * 30 / 16
    assert np.flatnonzero(events.histogram).tolist() == [30] and events.histogram[30] == 6

    second = Plan(("a", "b"), gates, [("y", 6), "z"])
    events = everything(build(second), {}, [0, 1])
    assert (events.delay_fs, events.period_fs) == (12, 17)
    assert (events.histogram[10], events.histogram[12]) == (3, 3)


def test_a_glitch_before_a_register_does_not_pass() -> None:
    gates = {
        "n": Gate(INV, ("a",), 20),
        "g": Gate(AND2, ("a", "n"), 5),
        "q": Gate(BUF, ("g",), 9, flop=True),
        "y": Gate(BUF, ("q",), 1),
    }
    assert changes(Plan(("a",), gates, []), "0", "1") == {"n": [20], "g": [5, 25], "q": [], "y": []}


def test_a_register_that_feeds_itself_is_a_source() -> None:
    gates = {
        "s": Gate(XOR2, ("s", "a"), 9, flop=True, state=True),
        "y": Gate(AND2, ("s", "a"), 4),
    }
    plan = Plan(("a",), gates, ["y"], launch={"s": 9})
    timed = build(plan)
    assert timed.circuit.source.tolist() == [0, 1]
    events = play_transitions(
        reduce_circuit(timed, {}), np.array([[1, 0]], np.uint8), np.array([[1, 1]], np.uint8), bins=Bins(1, 9)
    )
    assert (events.delay_fs, events.toggles.tolist()) == (13, [0, 1])


def doubling(stages: int) -> Plan:
    """Each stage doubles the number of changes and halves the gap between them."""
    gates: dict[str, Gate] = {}
    last = "a"
    for i in range(stages):
        gates[f"d{i}"] = Gate(BUF, (last,), 1 << (15 - i))
        gates[f"x{i}"] = Gate(XOR2, (last, f"d{i}"), 1)
        last = f"x{i}"
    return Plan(("a",), gates, [last])


@pytest.mark.parametrize("stages", [6, 9, 12])
def test_buffers_grow_with_the_glitches(stages: int) -> None:
    plan = doubling(stages)
    timed = build(plan)
    events = everything(timed, {}, [0])
    # every stage's output changes 2 ** (i + 1) times, in two of the four transitions, behind as many copies
    assert events.toggles[1::2].tolist() == [2 * 2 ** (i + 1) for i in range(stages)]
    assert events.toggles[0::2].tolist() == [2 * 2**i for i in range(stages)]
    assert not events.functional[1::2].any()
    assert events.delay_fs == sum(1 << (15 - i) for i in range(stages)) + stages
    reference = play(timed, {}, {0: 0}, {0: 1})
    assert (2 * np.array(reference.toggles)).tolist() == events.toggles.tolist()


def test_endless_glitches_are_refused() -> None:
    with pytest.raises(HaloError, match="changes more than 16384 times"):
        everything(build(doubling(15)), {}, [0])


def test_no_source_moves() -> None:
    gates = {"n": Gate(AND2, ("a", "b"), 3), "y": Gate(INV, ("n",), 2)}
    timed = build(Plan(("a", "b"), gates, ["y", "a"]))
    events = everything(timed, {0: 1, 1: 1}, [0])
    assert (events.delay_fs, events.period_fs, events.mean_fs, events.total) == (0, 0, 0.0, 4)
    assert not events.toggles.any() and not events.histogram.any()
    assert events.state_counts.tolist() == [0, 0, 0, 4, 0, 4], "they rest in a state, for the leakage"
    assert events.worst_by_next_fs is not None and events.worst_by_next_fs.tolist() == [0, 0]
    listed = play_transitions(
        reduce_circuit(timed, {0: 1, 1: 1}), np.zeros((3, 0), np.uint8), np.zeros((3, 0), np.uint8)
    )
    assert (listed.delay_fs, listed.total, listed.state_counts.tolist()) == (0, 3, [0, 0, 0, 3, 0, 3])
    none = everything(timed, {0: 1, 1: 1}, [])
    assert (none.delay_fs, none.total, none.transitions) == (0, 1, 1)


def test_a_weight_of_zero_keeps_the_outputs_still() -> None:
    gates = {"p": Gate(AND2, ("w", "a"), 3), "q": Gate(AND2, ("w", "b"), 4), "y": Gate(OR2, ("p", "q"), 5)}
    timed = build(Plan(("w", "a", "b"), gates, ["p", "y"]))
    reduced = reduce_circuit(timed, {0: 0})
    assert reduced.longest_path_fs == reduced.longest_period_fs == 0
    events = everything(timed, {0: 0}, [1, 2])
    assert (events.delay_fs, events.toggles.tolist()) == (0, [0, 0, 0])
    # the inputs of the first row still move, which costs energy: half of 16 transitions change a
    assert events.in_counts[:8].sum() == events.in_counts[8:16].sum() == 8
    assert events.state_counts.tolist() == [8, 0, 8, 0, 8, 0, 8, 0, 16, 0, 0, 0]
    assert everything(timed, {0: 1}, [1, 2]).delay_fs == 9


def test_an_output_that_is_an_input_bit() -> None:
    timed = build(Plan(("a", "b"), {"y": Gate(BUF, ("b",), 2)}, [("a", 4), "y"], launch={"a": 30}))
    events = everything(timed, {}, [0, 1])
    assert (events.delay_fs, events.period_fs) == (30, 34)
    assert events.histogram[30] == 8 and events.histogram[2] == 4
    alone = everything(build(Plan(("a",), {}, ["a"])), {}, [0])
    assert (alone.delay_fs, alone.total, len(alone.toggles)) == (0, 4, 0)


def test_a_held_activation_bit_is_still_a_bit_of_the_transition() -> None:
    delays = {(s, p): 1 + s + 4 * p for s in range(4) for p in range(2)}
    timed = build(Plan(("a", "b"), {"y": Gate(XOR2, ("a", "b"), delays)}, ["y"]))
    events = everything(timed, {0: 1}, [0, 1])
    assert (events.total, events.transitions) == (16, 16)
    assert events.toggles.tolist() == [8]
    # to b = 1: state 3 by pin b, 8; to b = 0: state 1, 6
    assert events.worst_by_next_fs is not None and events.worst_by_next_fs.tolist() == [6, 6, 8, 8]
    joint = np.zeros((4, 4), np.int64)
    joint[1, 3], joint[1, 1] = 5, 2
    weighted = enumerate_transitions(reduce_circuit(timed, {0: 1}), [0, 1], transition_weights(joint), bins=Bins(1, 64))
    assert (weighted.total, weighted.toggles.tolist(), weighted.mean_fs) == (7, [5], 40 / 7)
    assert weighted.delay_fs == 8, "over all transitions, whatever their weight"


def test_weights_of_listed_transitions() -> None:
    timed = build(Plan(("a",), {"y": Gate(BUF, ("a",), (3, 5))}, ["y"]))
    before, after = np.array([[0], [1], [1]], np.uint8), np.array([[1], [0], [1]], np.uint8)
    events = play_transitions(
        reduce_circuit(timed, {}), before, after, bins=Bins(1, 8), weights=np.array([10, 100, 1000])
    )
    assert (events.total, events.delay_fs, events.mean_fs) == (1110, 5, (50 + 300) / 1110)
    assert events.out_counts.tolist() == [100, 10] and events.histogram.tolist() == [0, 0, 0, 100, 0, 10, 0, 0]
    assert events.state_counts.tolist() == [100, 1010]


def test_another_source_that_moves_is_refused() -> None:
    timed = build(Plan(("a", "b"), {"y": Gate(AND2, ("a", "b"), 1)}, ["y"]))
    with pytest.raises(ValueError, match="other than the enumerated bits"):
        everything(timed, {}, [0])
    with pytest.raises(ValueError, match="power of two"):
        transition_weights(np.ones((3, 3), np.int64))


@given(bits=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
def test_weights_of_partial_transitions(bits: int, seed: int) -> None:
    size = 1 << bits
    joint = np.random.default_rng(seed).integers(0, 1000, (size, size))
    weights = transition_weights(joint)
    if weights.uniform:
        assert np.all(joint == weights.uniform)
        return
    for mask in range(size):
        chosen = [b for b in range(bits) if mask >> b & 1]
        for place, digits in enumerate(product(range(4), repeat=len(chosen))):
            want = dict(zip(reversed(chosen), digits, strict=True))  # the lowest bit runs fastest
            total = sum(
                int(joint[before, after])
                for before in range(size)
                for after in range(size)
                if all((before >> b & 1) + 2 * (after >> b & 1) == digit for b, digit in want.items())
            )
            assert weights.sums[weights.start[mask] + place] == total


def test_equal_weights_are_one_number() -> None:
    assert transition_weights(np.full((4, 4), 7)).uniform == 7
    nothing = transition_weights(np.zeros((2, 2), np.int64))
    assert nothing.uniform == 0
    timed = build(Plan(("a",), {"y": Gate(BUF, ("a",), 3)}, ["y"]))
    events = enumerate_transitions(reduce_circuit(timed, {}), [0], nothing, bins=Bins(1, 4))
    assert (events.delay_fs, events.mean_fs, events.total, events.toggles.tolist()) == (3, 0.0, 0, [0])


@pytest.mark.slow
def test_reference_multiplier_equals_icarus(shared: Path, osu018: Path) -> None:
    """Exact delay of all 256 weights over all 65,536 transitions, against Icarus with the same SDF, to 1 fs."""
    folder = shared / "reference" / "osu018_mult8"
    library = read_corner([osu018])
    circuit = compile_circuit(read_netlist(folder / "netlist.v"), library)
    base = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    circuit, delays = delays_from_sdf(circuit, library, read_sdf(folder / "delays.sdf.gz"), base)
    product_nets = np.array(circuit.netlist.outputs["p"], np.int32)
    launch = np.zeros(circuit.nets, np.int32)
    extra = np.zeros(len(product_nets), np.int32)
    timed = TimedCircuit(circuit, delays.arc_fs, delays.enabled, launch, product_nets, extra)
    weight_nets, bits = circuit.netlist.inputs["w"], circuit.netlist.inputs["a"]
    uniform = transition_weights(np.ones((256, 256), np.int64))

    def delay(weight: int) -> int:
        reduced = reduce_circuit(timed, {net: weight >> i & 1 for i, net in enumerate(weight_nets)})
        return enumerate_transitions(reduced, bits, uniform, bins=Bins(10**6, 8), track_inputs=False).delay_fs

    with (folder / "dynamic_delay_ns.csv").open() as file:
        expected = {int(row["w"]): round(float(row["dmax_ns"]) * 1e6) for row in csv.DictReader(file)}
    assert len(expected) == 256
    with ThreadPoolExecutor() as threads:
        found = dict(zip(expected, threads.map(delay, expected), strict=True))
    assert {w: (found[w], fs) for w, fs in expected.items() if abs(found[w] - fs) > 1} == {}


def wide_and(pins: int, delays: int | dict[tuple[int, int], int]) -> TimedCircuit:
    wide = tuple(f"a{i}" for i in range(pins))
    table = (*([0] * ((1 << pins) - 1)), 1)
    return build(Plan(wide, {"y": Gate(table, wide, delays)}, ["y"]))


def test_a_gate_of_the_most_pins_and_one_pin_over() -> None:
    before = np.ones((MAX_PINS, MAX_PINS), np.uint8) - np.eye(MAX_PINS, dtype=np.uint8)
    after = np.ones_like(before)
    delays = {(state, pin): 100 + pin for state in range(1 << MAX_PINS) for pin in range(MAX_PINS)}
    events = play_transitions(reduce_circuit(wide_and(MAX_PINS, delays), {}), before, after)
    assert events.arrivals_fs is not None and events.arrivals_fs.tolist() == [100 + pin for pin in range(MAX_PINS)]
    assert events.histogram is None
    with pytest.raises(HaloError, match=f"has {MAX_PINS + 1} inputs, more than the {MAX_PINS}"):
        reduce_circuit(wide_and(MAX_PINS + 1, 100), {})
