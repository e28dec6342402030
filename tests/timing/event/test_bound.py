# SPDX-License-Identifier: Apache-2.0
"""The settle bound: worked out by hand, above every exact arrival, below the longest path, on a real multiplier."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from gate_circuits import AND2, BUF, INV, XOR2, Case, Gate, Plan, build, cases
from hypothesis import given, settings

from halo.errors import HaloError
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist
from halo.timing.delaycalc import nominal_delays
from halo.timing.event.bound import bound_transitions
from halo.timing.event.bound_reference import STILL, bound_transition, prime_implicants
from halo.timing.event.engine import Bins, enumerate_transitions, play_transitions, transition_weights
from halo.timing.event.reduction import TimedCircuit, reduce_circuit
from halo.timing.event.reference import play
from halo.timing.sdf.parse import read_sdf
from halo.timing.sdf.read import delays_from_sdf

QUIET, FALL, RISE, HIGH = 0, 1, 2, 3
"""Digits of a bit: before + 2 * after."""


def bound(plan: Plan, *digits: int) -> int:
    """Bound of one transition of the plan's first inputs; the others are unknown. Kernel and reference agree."""
    timed = build(plan)
    bits = list(range(len(digits)))
    found = bound_transitions(reduce_circuit(timed, {}), bits, each=True)
    number = sum(digit << 2 * i for i, digit in enumerate(digits))
    known = {net: (digit & 1, digit >> 1) for net, digit in zip(bits, digits, strict=True)}
    assert found.arrivals_fs[number] == bound_transition(timed, {}, known).arrival_fs
    assert found.delay_fs == found.arrivals_fs.max()
    return int(found.arrivals_fs[number])


def test_a_controlling_value_settles_the_gate() -> None:
    plan = Plan(("a", "b"), {"y": Gate(AND2, ("a", "b"), (5, 8))}, ["y"], launch={"b": 100})
    assert bound(plan, RISE, RISE) == 108, "the latest input"
    assert bound(plan, FALL, FALL) == 5, "a is low at 0: what b does later cannot matter"
    assert bound(plan, FALL, RISE) == 5
    assert bound(plan, RISE, FALL) == 105
    assert bound(plan, QUIET, RISE) == 0 and bound(plan, RISE, QUIET) == 0
    assert bound(plan, HIGH, HIGH) == 0
    assert bound(plan, HIGH, RISE) == 108


def test_a_glitch_counts() -> None:
    """a & ~a ends as it began; the pulse between is bounded, in the direction in which there is one."""
    gates = {"n": Gate(INV, ("a",), 20), "y": Gate(AND2, ("a", "n"), 5)}
    plan = Plan(("a",), gates, ["y"])
    assert bound(plan, RISE) == 25
    assert play(build(plan), {}, {0: 0}, {0: 1}).arrival_fs == 25
    # a falls at 0 and fixes y, though n is still low
    assert bound(plan, FALL) == 5
    assert play(build(plan), {}, {0: 1}, {0: 0}).arrival_fs == 0
    assert bound(plan, QUIET) == bound(plan, HIGH) == 0


def test_unknown_sources_may_do_anything_at_their_launch() -> None:
    gates = {"n": Gate(AND2, ("a", "c"), (5, 8)), "y": Gate(XOR2, ("n", "b"), (3, 4))}
    plan = Plan(("a", "b", "c"), gates, ["y"], launch={"c": 50})
    assert bound(plan, HIGH, QUIET) == 58 + 4, "the rise of the unknown and of the output"
    assert bound(plan, QUIET, RISE) == 4, "the unknown is masked"
    assert bound(plan, FALL, QUIET) == 5 + 3
    assert bound(plan) == 62, "everything unknown: the longest path"
    assert reduce_circuit(build(plan), {}).longest_path_fs == 62


def test_a_path_that_no_edge_takes_caps_the_bound() -> None:
    # The first inverter is slow to rise, so the second is late to fall; y rises early, and only the edge tells.
    gates = {
        "n": Gate(INV, ("a",), (1, 90)),
        "m": Gate(INV, ("c",), (1, 90)),
        "y": Gate(AND2, ("n", "m"), (2, 3)),
    }
    plan = Plan(("a", "c"), gates, ["y"])
    # c is unknown, so m may settle either way until 90, but y can only fall: at 1 through n, or with m at 1
    assert bound(plan, RISE) == 3
    assert bound(plan, FALL) == 93


def test_each_stage_of_a_pipeline() -> None:
    gates = {
        "n": Gate(AND2, ("a", "b"), 30),
        "q": Gate(BUF, ("n",), (7, 9), flop=True),
        "y": Gate(INV, ("q",), (2, 3)),
    }
    plan = Plan(("a", "b"), gates, ["y"])
    assert bound(plan, RISE, HIGH) == 11 and bound(plan, FALL, HIGH) == 10
    assert bound(plan, RISE, QUIET) == 0, "the register's data does not move"
    assert bound(plan, RISE, FALL) == 10, "it may: both orders of a and b are possible"
    assert bound(plan, RISE) == 11, "b is unknown"
    period = bound_transitions(reduce_circuit(build(Plan(("a", "b"), gates, [("n", 6), ("y", 100)])), {}), [0, 1])
    assert (period.delay_fs, period.period_fs) == (30, 111)


def test_nothing_moves() -> None:
    timed = build(Plan(("a",), {"y": Gate(AND2, ("a", "zero"), 5)}, ["y"], tied={"zero": 0}))
    found = bound_transitions(reduce_circuit(timed, {}), [0], each=True)
    assert (found.delay_fs, found.period_fs, found.arrivals_fs.tolist()) == (0, 0, [0] * 4)
    held = bound_transitions(reduce_circuit(timed, {0: 1}), [0], each=True)
    assert held.arrivals_fs.tolist() == [0] * 4
    assert bound_transitions(reduce_circuit(timed, {0: 1}), [], each=True).arrivals_fs.tolist() == [0]
    direct = build(Plan(("a",), {}, [("a", 4)], launch={"a": 30}))
    found = bound_transitions(reduce_circuit(direct, {}), [0], each=True)
    assert (found.arrivals_fs.tolist(), found.period_fs) == ([0, 30, 30, 0], 34)


def test_what_the_kernel_cannot_hold_is_refused() -> None:
    wide = tuple(f"a{i}" for i in range(13))
    parity = tuple(bin(s).count("1") & 1 for s in range(1 << 13))
    reduced = reduce_circuit(build(Plan(wide, {"y": Gate(parity, wide, 5)}, ["y"])), {})
    with pytest.raises(HaloError, match=r"cell CELL13 \(u_y\) has too many prime implicants"):
        bound_transitions(reduced, [])
    fewer = reduce_circuit(build(Plan(wide, {"y": Gate(parity, wide, 5)}, ["y"])), {12: 1})
    assert bound_transitions(fewer, []).delay_fs == 5
    slow = reduce_circuit(build(Plan(("a",), {"y": Gate(BUF, ("a",), 300_000_000)}, ["y"])), {})
    with pytest.raises(HaloError, match="takes 300 ns, more than the settle bound's 268 ns"):
        bound_transitions(slow, [0])


def test_prime_implicants_by_trial() -> None:
    assert set(prime_implicants(AND2)) == {((1, 1), 1), ((0, None), 0), ((None, 0), 0)}
    assert len(prime_implicants(XOR2)) == 4
    majority = (0, 0, 0, 1, 0, 1, 1, 1)
    assert len(prime_implicants(majority)) == 6
    assert prime_implicants((1, 1)) == (((None,), 1),)


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_between_the_exact_arrival_and_the_longest_path(case: Case) -> None:
    """For every transition, not for the largest alone."""
    timed = case.timed
    reduced = reduce_circuit(timed, case.held_nets)
    found = bound_transitions(reduced, case.bit_nets, each=True)
    size = 1 << len(case.bits)
    weights = transition_weights(np.ones((size, size), np.int64))
    events = enumerate_transitions(reduced, case.bit_nets, weights)
    assert events.delay_fs <= found.delay_fs <= reduced.longest_path_fs
    assert events.period_fs <= found.period_fs <= reduced.longest_period_fs
    free = reduced.sources.tolist()
    pairs = [
        [[number >> case.bit_nets.index(net) & 1 for net in free] for number in pair]
        for pair in product(range(size), repeat=2)
    ]
    rows = np.array(pairs, np.uint8).reshape(size * size, 2, len(free))
    exact = play_transitions(reduced, rows[:, 0], rows[:, 1]).arrivals_fs
    assert exact is not None
    for (before, after), arrival in zip(product(range(size), repeat=2), exact.tolist(), strict=True):
        place = sum(((before >> b & 1) + 2 * (after >> b & 1)) << 2 * b for b in range(len(case.bits)))
        assert arrival <= found.arrivals_fs[place]


@settings(max_examples=60, deadline=None)
@given(case=cases(most_bits=2, others=True))
def test_sound_for_every_value_of_unknown_sources(case: Case) -> None:
    """And net by net: a value that is said to be settled is the last one, and nothing changes after the bound."""
    timed, values = case.timed, case.held_nets
    reduced = reduce_circuit(timed, values)
    found = bound_transitions(reduced, case.bit_nets, each=True)
    free = reduced.sources.tolist()
    patterns = [dict(zip(free, bits, strict=True)) for bits in product((0, 1), repeat=len(free))]
    for before, after in list(product(patterns, patterns))[::5]:
        played = play(timed, values, before, after)
        known = {net: (before[net], after[net]) for net in case.bit_nets if net in before}
        digits = [known.get(net, (0, 0)) for net in case.bit_nets]
        place = sum((first + 2 * last) << 2 * b for b, (first, last) in enumerate(digits))
        assert played.arrival_fs <= found.arrivals_fs[place]
        bounds = bound_transition(timed, values, known)
        for net, times in enumerate(played.changes):
            assert max(times, default=STILL) <= bounds.nets[net].at_fs
            last = played.before[net] ^ (len(times) & 1)
            assert bounds.nets[net].value in (None, last)


def test_reference_multiplier(shared: Path, osu018: Path) -> None:
    """Icarus' delay <= bound <= longest path for all 256 weights; for some, by next activation as well."""
    folder = shared / "reference" / "osu018_mult8"
    library = read_corner([osu018])
    circuit = compile_circuit(read_netlist(folder / "netlist.v"), library)
    base = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    circuit, delays = delays_from_sdf(circuit, library, read_sdf(folder / "delays.sdf.gz"), base)
    ends = np.array(circuit.netlist.outputs["p"], np.int32)
    nowhere = np.zeros(len(ends), np.int32)
    timed = TimedCircuit(circuit, delays.arc_fs, delays.enabled, np.zeros(circuit.nets, np.int32), ends, nowhere)
    weight_nets, bits = circuit.netlist.inputs["w"], circuit.netlist.inputs["a"]
    with (folder / "dynamic_delay_ns.csv").open() as file:
        exact_fs = {int(row["w"]): round(float(row["dmax_ns"]) * 1e6) for row in csv.DictReader(file)}
    slack = []
    for weight, exact in exact_fs.items():
        reduced = reduce_circuit(timed, {net: weight >> i & 1 for i, net in enumerate(weight_nets)})
        found = bound_transitions(reduced, bits, each=True)
        assert exact <= found.delay_fs + 1
        assert found.delay_fs <= reduced.longest_path_fs
        slack.append(found.delay_fs / exact if exact else 1.0)
        if weight in (-128, 3):
            uniform = transition_weights(np.ones((256, 256), np.int64))
            events = enumerate_transitions(reduced, bits, uniform, bins=Bins(10**6, 8))
            digits = np.arange(4**8)
            after = sum(((digits >> (2 * b + 1)) & 1) << b for b in range(8))
            worst = np.zeros(256, np.int64)
            np.maximum.at(worst, after, found.arrivals_fs)
            assert events.worst_by_next_fs is not None
            assert np.all(events.worst_by_next_fs <= worst)
    assert len(slack) == 256
    # what the bound gives away on average
    assert np.mean(slack) < 1.02
