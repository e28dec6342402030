# SPDX-License-Identifier: Apache-2.0
"""Wires in the event engine and the settle bound: what they take a short way with equals what gates of one pin do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import COMB, WIRE
from halo.netlist.verilog import read_netlist
from halo.timing.delaycalc import nominal_delays
from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import Events, enumerate_transitions, play_transitions, transition_weights
from halo.timing.event.reduction import TimedCircuit, reduce_circuit
from halo.timing.static.timer import endpoints
from halo.timing.wires import insert_wires

NETLIST = """module m(input [1:0] w, input [3:0] a, output [2:0] y);
  wire p, q, r, s, t;
  NAND2X1 g0(.A(a[0]), .B(a[1]), .Y(p));
  XOR2X1 g1(.A(p), .B(a[2]), .Y(q));
  XOR2X1 g2(.A(q), .B(p), .Y(r));
  INVX1 g3(.A(r), .Y(s));
  AOI21X1 g4(.A(r), .B(w[0]), .C(s), .Y(y[0]));
  XNOR2X1 g5(.A(s), .B(a[3]), .Y(t));
  XOR2X1 g6(.A(t), .B(q), .Y(y[1]));
  AND2X1 g7(.A(t), .B(w[1]), .Y(y[2]));
endmodule
"""


@pytest.fixture(params=[3_000, 60_000, 400_000])
def timed(request: pytest.FixtureRequest, osu018: Path, tmp_path: Path) -> TimedCircuit:
    """Every pin and port behind a wire of another delay, up to longer than the gates and with edges far apart."""
    (tmp_path / "m.v").write_text(NETLIST)
    library = read_corner(osu018)
    circuit = compile_circuit(read_netlist(tmp_path / "m.v"), library)
    delays = nominal_delays(circuit, library, input_slew_s=60e-12, output_load_f=10e-15)
    keys = {
        (int(circuit.instance[gate]), circuit.pin_name[pin]): int(circuit.pin_net[pin])
        for gate in range(circuit.gates)
        for pin in range(circuit.pin_start[gate], circuit.pin_start[gate + 1])
    }
    keys |= {(-1, f"y[{i}]"): net for i, net in enumerate(circuit.netlist.outputs["y"])}
    wired = insert_wires(circuit, keys)
    rng = np.random.default_rng(request.param)
    late = {key: rng.integers(1, request.param, 2).tolist() for key in keys}
    spread = wired.spread(circuit, delays, late)
    new = wired.circuit
    assert np.count_nonzero(new.kind == WIRE) == len(keys)
    ends = np.array([end.net for end in endpoints(new)], np.int32)
    launch = np.zeros(new.nets, np.int32)
    return TimedCircuit(new, spread.arc_fs, spread.enabled, launch, ends, np.arange(len(ends), dtype=np.int32) * 1000)


def every_transition(bits: int) -> tuple[np.ndarray, np.ndarray]:
    before, after = np.divmod(np.arange(1 << 2 * bits), 1 << bits)
    return tuple((values[:, None] >> np.arange(bits) & 1).astype(np.uint8) for values in (before, after))


@pytest.mark.parametrize("weight", [0, 1, 2, 3])
def test_every_transition_equals_the_listed_ones(timed: TimedCircuit, weight: int) -> None:
    netlist = timed.circuit.netlist
    held = {net: weight >> i & 1 for i, net in enumerate(netlist.inputs["w"])}
    reduced = reduce_circuit(timed, held)
    plain = replace(timed, circuit=replace(timed.circuit, kind=np.full_like(timed.circuit.kind, COMB)))
    bits = netlist.inputs["a"]
    before, after = every_transition(4)
    place = [bits.index(int(net)) for net in reduced.sources]
    listed = play_transitions(reduce_circuit(plain, held), before[:, place].copy(), after[:, place].copy())
    wires = play_transitions(reduced, before[:, place].copy(), after[:, place].copy(), count_each=False)
    np.testing.assert_array_equal(wires.arrivals_fs, listed.arrivals_fs)
    counted = play_transitions(reduced, before[:, place].copy(), after[:, place].copy())
    np.testing.assert_array_equal(counted.toggles_each, listed.toggles_each)
    np.testing.assert_array_equal(counted.out_counts, listed.out_counts)
    assert wires.toggles_each is None
    assert (wires.delay_fs, wires.period_fs) == (listed.delay_fs, listed.period_fs)
    every = enumerate_transitions(reduced, bits, transition_weights(np.ones((16, 16), np.int64)))
    assert listed.arrivals_fs is not None
    assert (every.delay_fs, every.period_fs) == (listed.delay_fs, listed.period_fs)
    assert every.mean_fs == pytest.approx(listed.mean_fs)
    np.testing.assert_array_equal(every.worst_by_next_fs, worst_by_next(listed))
    arcs = np.repeat(timed.circuit.kind != WIRE, np.diff(timed.circuit.arc_start))
    np.testing.assert_array_equal(every.out_counts[arcs], listed.out_counts[arcs])
    np.testing.assert_array_equal(every.in_counts[arcs], listed.in_counts[arcs])
    assert not every.out_counts[~arcs].any()  # a wire takes no energy, and its changes are not counted
    bound = bound_transitions(reduced, bits)
    assert bound.delay_fs >= every.delay_fs
    assert reduced.longest_path_fs >= bound.delay_fs


def worst_by_next(events: Events) -> np.ndarray:
    assert events.arrivals_fs is not None
    return events.arrivals_fs.reshape(16, 16).max(axis=0)


@pytest.mark.parametrize("weight", [0, 1, 3])
def test_the_bound_of_wires_is_that_of_gates(timed: TimedCircuit, weight: int) -> None:
    netlist = timed.circuit.netlist
    held = {net: weight >> i & 1 for i, net in enumerate(netlist.inputs["w"])}
    plain = replace(timed, circuit=replace(timed.circuit, kind=np.full_like(timed.circuit.kind, COMB)))
    for bits in (netlist.inputs["a"], netlist.inputs["a"][2:]):
        short, long = (bound_transitions(reduce_circuit(each, held), bits) for each in (timed, plain))
        assert (short.delay_fs, short.period_fs) == (long.delay_fs, long.period_fs)
