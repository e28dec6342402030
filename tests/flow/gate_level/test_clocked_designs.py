# SPDX-License-Identifier: Apache-2.0
"""The clocked player, the cut at the registers and the class period, on designs small enough to work out by hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.flow.gate_level.array import GateArray, array_spec, build_array
from halo.flow.gate_level.class_period import array_bounds
from halo.flow.gate_level.weight_streams import RESET, Shape, Tile, stream
from halo.flow.simulators.clocked_cycles import ClockedPlayer, Cycles
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist
from halo.timing.delaycalc import nominal_delays
from halo.timing.event.bound import bound_transitions
from halo.timing.event.engine import Bins, play_transitions
from halo.timing.event.reduction import reduce_circuit
from halo.timing.registered import Registered, cut_at_registers

needs_icarus = pytest.mark.skipif(shutil.which("vvp") is None, reason="Icarus Verilog is not installed")

INVERTERS = 9
CHAIN = "\n".join(
    [
        "module chain(clk, a, y); input clk; input a; output y;",
        f"wire {', '.join(f'n{i}' for i in range(INVERTERS + 1))};",
        "DFFPOSX1 first (.CLK(clk), .D(a), .Q(n0));",
        *(f"INVX1 i{i} (.A(n{i}), .Y(n{i + 1}));" for i in range(INVERTERS)),
        f"DFFPOSX1 second (.CLK(clk), .D(n{INVERTERS}), .Q(y));",
        "endmodule",
    ]
)


@pytest.fixture(scope="module")
def library(osu018: Path) -> Library:
    return read_corner([osu018])


@pytest.fixture(scope="module")
def chain(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Registered:
    """Two flip-flops with inverters between them."""
    path = tmp_path_factory.mktemp("chain") / "chain.v"
    path.write_text(CHAIN)
    circuit = compile_circuit(read_netlist(path), library)
    delays = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    return cut_at_registers(circuit, delays, library, clock_slew_s=0.06e-9)


@pytest.fixture(scope="module")
def element(osu018: Path, tmp_path_factory: pytest.TempPathFactory) -> GateArray:
    """A four-bit element."""
    small = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10}
    return build_array("pe", small, [osu018], tmp_path_factory.mktemp("element"))


def chain_arrivals(design: Registered) -> dict[int, int]:
    """Arrival at the second flip-flop's data pin by the edge of the first's output, added up arc by arc."""
    circuit = design.clocked
    gate_of = {circuit.netlist.instances[i].name: g for g, i in enumerate(circuit.instance.tolist())}

    def arc(name: str, pin_value: int) -> int:
        return int(design.delays.arc_fs[circuit.arc_start[gate_of[name]] + pin_value])

    return {edge: arc("first", edge) + sum(arc(f"i{i}", edge ^ (i % 2)) for i in range(INVERTERS)) for edge in (0, 1)}


def chain_setup(design: Registered) -> int:
    circuit = design.clocked
    gate = [circuit.netlist.instances[i].name for i in circuit.instance].index("second")
    return int(design.delays.setup_fs[circuit.pin_start[gate]])


def chain_cycles(length: int, seed: int) -> Cycles:
    a = np.random.default_rng(seed).integers(0, 2, length).astype(np.uint8)
    expected = np.zeros(length, np.uint8)
    expected[2:] = 1 - a[:-2]
    counted = (np.arange(length) >= 3).astype(np.uint8)
    return Cycles(a[:, None], expected[:, None], counted[:, None], np.ones(length, np.bool_))


def test_cut_design_has_the_arrivals_of_the_chain(chain: Registered) -> None:
    reduced = reduce_circuit(chain.timed, {})
    before = np.zeros((2, len(reduced.sources)), np.uint8)
    state = int(np.flatnonzero(reduced.sources == chain.state[0])[0])
    before[1, state] = 1
    after = before.copy()
    after[:, state] ^= 1
    events = play_transitions(reduced, before, after, bins=Bins(1000, 10_000))
    arrivals = chain_arrivals(chain)
    assert events.arrivals_fs is not None
    assert events.arrivals_fs.tolist() == [arrivals[1], arrivals[0]]
    assert events.toggles_each is not None and events.toggles_each.tolist() == [1 + INVERTERS] * 2
    assert bound_transitions(reduced, ()).period_fs == max(arrivals.values()) + chain_setup(chain)


def test_zero_delay_run_delays_by_two_clocks_and_inverts(chain: Registered) -> None:
    cycles = chain_cycles(200, 3)
    trace = chain.run(chain.drive({"a": cycles.ports[:, 0].astype(np.int64)}))
    assert np.array_equal(trace.outputs[2:], cycles.expected[2:])
    with pytest.raises(HaloError, match="input ports a, b"):
        chain.drive({"b": np.zeros(3, np.int64)})


@pytest.mark.tools
@needs_icarus
def test_player_counts_to_the_femtosecond(chain: Registered, library: Library, tmp_path: Path) -> None:
    cycles = chain_cycles(300, 4)
    arrivals, setup = chain_arrivals(chain), chain_setup(chain)
    slow, fast = max(arrivals.values()), min(arrivals.values())
    assert slow - fast > setup / 4, "the two edges are far enough apart to tell"
    player = ClockedPlayer(chain, library, tmp_path, each_cycle=True)
    loose = 8 * slow
    first_seen = player.play(cycles, loose)
    q = np.concatenate([[0], cycles.ports[:-1, 0]]).astype(np.int64)  # the first flip-flop in each cycle
    edge = np.flatnonzero(q[3:] != q[2:-1]) + 3
    assert first_seen.cycles == 297 and first_seen.wrong == first_seen.late == 0
    assert first_seen.needed_fs == slow + setup
    assert first_seen.needed_each_fs is not None
    assert first_seen.needed_each_fs[edge].tolist() == [arrivals[int(q[t])] + setup for t in edge]
    late_edge = 1 if arrivals[1] == slow else 0
    slow_cycles = int(np.count_nonzero(q[edge] == late_edge))
    exact, short, missed = player.sweep(cycles, [slow + setup, slow + setup - 1, slow - 1])
    assert (exact.wrong, exact.late) == (0, 0)
    assert (short.wrong, short.late) == (0, slow_cycles)
    # The last launch is compared two cycles later; a sample that is missed is seen in the next cycle's output.
    assert missed.late >= slow_cycles and missed.wrong >= slow_cycles - 2 > 20
    with pytest.raises(HaloError, match="shorter than twice"):
        player.play(cycles, 2 * int(chain.timed.launch_fs.max()))


@pytest.mark.tools
@needs_icarus
def test_a_register_and_a_port_that_change_in_one_instant(library: Library, tmp_path: Path) -> None:
    """B turns the sum of 0 + 0 + 0 to 1 at 1 ps, due at 11 ps; at 2 ps A and C change together and it stays 1.

    Seen one after the other, A would turn it back for no time, and what is scheduled for that, at 6 ps, would find 1.
    """
    (tmp_path / "sum.v").write_text(
        """module sum(input clk, input a, input b, input c, output y); wire p, q, n;
  DFFPOSX1 r(.CLK(clk), .D(a), .Q(p)); DFFPOSX1 s(.CLK(clk), .D(b), .Q(q));
  FAX1 f(.A(p), .B(q), .C(c), .YS(n)); DFFPOSX1 t(.CLK(clk), .D(n), .Q(y));
endmodule
"""
    )
    circuit = compile_circuit(read_netlist(tmp_path / "sum.v"), library)
    delays = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.0)
    by_hand = {"r": 2000, "s": 1000, "t": 3000, "f": (4000, 10000, 5000)}
    arc_fs = delays.arc_fs.copy()
    for gate, number in enumerate(circuit.instance):
        entries = slice(circuit.arc_start[gate], circuit.arc_start[gate + 1])
        arc_fs[entries] = np.resize(by_hand[circuit.netlist.instances[number].name], entries.stop - entries.start)
    design = cut_at_registers(circuit, replace(delays, arc_fs=arc_fs), library, clock_slew_s=0.06e-9)
    launch_fs = design.timed.launch_fs.copy()
    launch_fs[circuit.netlist.inputs["c"]] = launch_fs[circuit.netlist.inputs["a"]] = 2000
    launch_fs[circuit.netlist.inputs["b"]] = 2000
    design = replace(design, timed=replace(design.timed, launch_fs=launch_fs), first_launch_fs=1000)
    a = np.array([0, 0, 0, 0, 1, 1, 1, 1], np.uint8)
    c = np.array([0, 0, 0, 0, 0, 1, 1, 1], np.uint8)  # with the register behind a
    y = np.array([0, 0, 0, 0, 0, 0, 1, 1], np.uint8)
    counted = (np.arange(8) >= 4).astype(np.uint8)
    ports = design.drive({"a": a.astype(np.int64), "b": a.astype(np.int64), "c": c.astype(np.int64)})
    cycles = Cycles(ports, y[:, None], counted[:, None], np.ones(8, np.bool_))
    found = ClockedPlayer(design, library, tmp_path, each_cycle=True).play(cycles, 10**7)
    gate = [circuit.netlist.instances[i].name for i in circuit.instance].index("t")
    assert found.wrong == found.late == 0 and found.needed_each_fs is not None
    assert found.needed_each_fs[5] == 11000 + delays.setup_fs[circuit.pin_start[gate]]


@pytest.mark.tools
@needs_icarus
def test_a_wrong_expectation_and_an_unknown_bit_are_wrong(chain: Registered, library: Library, tmp_path: Path) -> None:
    cycles = chain_cycles(50, 5)
    player = ClockedPlayer(chain, library, tmp_path)
    expected = cycles.expected.copy()
    expected[[10, 20]] ^= 1
    period = 8 * max(chain_arrivals(chain).values())
    flipped = player.play(replace(cycles, expected=expected), period)
    assert (flipped.wrong, flipped.first_wrong) == (2, 10)
    from_start = player.play(replace(cycles, compared=np.ones_like(cycles.compared)), period)
    assert from_start.cycles == 50 and from_start.wrong == 2 and from_start.first_wrong == 0  # x until data arrives
    unjudged = player.play(replace(cycles, judged=np.zeros(50, np.bool_)), period)
    assert unjudged.needed_fs == 0 and unjudged.late == 0


def test_streams_of_two_tiles_by_hand() -> None:
    shape = Shape(2, 1, 4, 4, 10, 0, 0, element=False)
    first = Tile(np.array([[1], [2]]), np.array([[3, 4], [5, 6], [7, -8]]))
    second = Tile(np.array([[-1], [0]]), np.array([[1, 1], [2, 2]]), gap=1)
    made = stream(shape, [first, second], 1)
    start = RESET + 2
    assert np.flatnonzero(made.ports["swap_i"][:, 0]).tolist() == [start, start + 3]
    assert np.flatnonzero(made.ports["valid_i"][:, 1]).tolist() == [start + 1 + i for i in (0, 1, 2, 4, 5)]
    assert made.ports["weight_i"][[start - 2, start - 1], 0].tolist() == [1, 2]
    assert np.argwhere(made.ports["weight_load_i"]).tolist()[:2] == [[start - 2, 0], [start, 1]]
    seen = made.sums[made.valid] - (made.sums[made.valid] >> 9 << 10)
    assert seen.tolist() == [11, 17, -9, -1, -2]
    assert np.flatnonzero(made.valid[:, 0]).tolist() == [start + 3 + i for i in (0, 1, 2, 4, 5)]


def test_kept_registers_are_the_weight_and_no_more(element: GateArray) -> None:
    bounds = array_bounds(element)
    names = {int(net): i for i, net in enumerate(element.design.state)}
    at_rest = bounds.weight_at_rest(-6)
    ports = element.design.clocked.netlist.inputs
    assert at_rest[ports["srst_ni"][0]] == 1 and at_rest[ports["swap_i"][0]] == 0
    kept = [net for net in at_rest if net in names]
    assert sorted(at_rest[net] for net in kept) == sorted([0, 1, 0, 1, 0])  # the weight's bits, and swap_q
    swapping = bounds.held([-8, 4, 0])
    assert ports["swap_i"][0] not in swapping and ports["srst_ni"][0] in swapping
    low = [net for net in swapping if net in names]  # the two low bits of the weight in use
    assert [swapping[net] for net in low] == [0, 0] and set(low) <= set(kept)
    assert not [net for net in bounds.held([0, -1]) if net in names]
    # A register that may change its value unseen in a trace is not kept: nothing moves in this one, all may.
    still = element.run(stream(element.shape, [Tile(np.array([[1]]), np.zeros((1, 1), np.int64))], 1)).sources
    quiet = np.repeat(still[-1:], 4, axis=0)
    free = {net: value for net, value in element.design.kept(quiet).items() if net in names}
    loose = quiet.copy()
    loose[1::2, [i for i, n in enumerate(element.design.timed.circuit.source) if n == ports["swap_i"][0]]] ^= 1
    fewer = {net for net in element.design.kept(loose) if net in names}
    assert fewer < set(free)


def test_periods_grow_with_what_may_move(element: GateArray) -> None:
    bounds = array_bounds(element)
    rest = {w: bounds.at_rest(w) for w in range(-8, 8)}
    for weights in ([-8, -4, 0, 4], [0, 2, 4, 6, -2, -4, -6, -8], list(range(-8, 8))):
        swap = bounds.swapping(weights)
        assert swap.period_fs >= max(rest[w].period_fs for w in weights)
        assert swap.bound_fs <= swap.path_fs
    assert bounds.swapping([-8, -4, 0, 4]).period_fs < bounds.swapping(range(-8, 8)).period_fs
    slowest = bounds.swapping(range(-8, 8)).period_fs
    assert bounds.clocks_to_settle(slowest) == 0
    assert bounds.clocks_to_settle(slowest - 1) == 1
    third = -(
        -bounds.swapping([0, -1]).path_fs // 3
    )  # the longest path takes three periods, one of them after the swap
    assert (bounds.clocks_to_settle(third), bounds.clocks_to_settle(third - 1)) == (2, 3)


def test_bad_benches_and_parameters() -> None:
    for bench, parameters, message in (
        ("mac", {}, "mac cannot be played"),
        ("pe", {"ROWS": 2}, "no parameter ROWS"),
        ("pe", {"WEIGHT_WIDTH": "x"}, "no integer"),
        ("pe", {"WEIGHT_WIDTH": 9}, "8 bits"),
        ("systolic_ws", {"ACC_WIDTH": 40, "CARRY_SAVE": 1}, "62 bits"),
    ):
        with pytest.raises(HaloError, match=message):
            array_spec(bench, parameters)
