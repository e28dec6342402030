# SPDX-License-Identifier: Apache-2.0
"""Half cycles: flip-flops of both clock edges, inverted and gated clocks, duty cycles; slacks against OpenSTA."""

from __future__ import annotations

import gzip
import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.engine import characterize_corner
from halo.characterization.stimulus import make_stimulus
from halo.config import CharacterizeConfig, TimingMethod
from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import propagate_constants
from halo.netlist.verilog import read_netlist
from halo.timing.clock_edges import (
    EDGES,
    FALL,
    RISE,
    end_shares,
    flop_edges,
    launching_edges,
    port_edge,
    require_one_edge,
    share,
)
from halo.timing.sdf.write import write_sdf
from halo.timing.static.timer import endpoints, static_arrivals

# Two-bit products; operands at the rising, results at the falling edge, through an inverter in the clock of one bit.
# The registers s hold a sum of both kinds of signals and feed themselves: paths of every pair of edges.
SKY = """module t (input clk, input en, input [1:0] a, input [1:0] w, output [3:0] y);
wire [1:0] q; wire [3:0] p, s; wire n, g, k, m;
{clock}
sky130_fd_sc_hd__dfxtp_1 a0 (.CLK(clk), .D(a[0]), .Q(q[0]));
sky130_fd_sc_hd__dfxtp_1 a1 (.CLK(clk), .D(a[1]), .Q(q[1]));
sky130_fd_sc_hd__and2_1 u0 (.A(q[0]), .B(w[0]), .X(p[0]));
sky130_fd_sc_hd__and2_1 u1 (.A(q[1]), .B(w[0]), .X(p[1]));
sky130_fd_sc_hd__and2_1 u2 (.A(q[0]), .B(w[1]), .X(p[2]));
sky130_fd_sc_hd__xor2_1 u3 (.A(p[1]), .B(p[2]), .X(p[3]));
sky130_fd_sc_hd__xor2_1 u4 (.A(p[3]), .B(s[0]), .X(s[1]));
sky130_fd_sc_hd__xor2_1 u5 (.A(p[0]), .B(s[2]), .X(s[3]));
sky130_fd_sc_hd__dfxtp_1 s0 (.CLK(g), .D(s[1]), .Q(s[0]));
sky130_fd_sc_hd__dfxtp_1 s1 (.CLK(k), .D(s[3]), .Q(s[2]));
sky130_fd_sc_hd__dfxtp_2 y0 (.CLK(m), .D(s[2]), .Q(y[0]));
sky130_fd_sc_hd__dfxtp_1 y1 (.CLK(g), .D(p[3]), .Q(y[1]));
sky130_fd_sc_hd__dfxtp_1 y2 (.CLK(clk), .D(s[0]), .Q(y[2]));
sky130_fd_sc_hd__buf_1 y3 (.A(s[0]), .X(y[3]));
endmodule
"""
CLOCKS = {
    "an inverter": ("sky130_fd_sc_hd__inv_1 c0 (.A(clk), .Y(g)); assign k = g; assign m = clk;", "s0 s1 y1"),
    "two inverters": (
        "sky130_fd_sc_hd__inv_1 c0 (.A(clk), .Y(g)); sky130_fd_sc_hd__inv_1 c1 (.A(g), .Y(k)); assign m = g;",
        "s0 y0 y1",
    ),
    "clock gates": (
        "sky130_fd_sc_hd__inv_1 c0 (.A(clk), .Y(n)); sky130_fd_sc_hd__dlclkp_1 c1 (.CLK(n), .GATE(en), .GCLK(g));"
        " sky130_fd_sc_hd__sdlclkp_1 c2 (.CLK(clk), .GATE(en), .SCE(1'b0), .GCLK(k)); assign m = n;",
        "s0 y0 y1",
    ),
    "logic": (
        "sky130_fd_sc_hd__nand2_1 c0 (.A(clk), .B(en), .Y(g)); sky130_fd_sc_hd__xor2_1 c1 (.A(en), .B(g), .X(k));"
        " sky130_fd_sc_hd__xnor2_1 c2 (.A(en), .B(g), .Y(m));",
        "s0 y0 y1",
    ),
}
SLEW_S, LOAD_F = 0.06e-9, 0.01e-12


@pytest.fixture(scope="module")
def sky130(shared: Path) -> Path:
    return shared / "liberty" / "sky130hd" / "sky130_fd_sc_hd__tt_025C_1v80.lib.gz"


@pytest.mark.parametrize("clock", CLOCKS)
def test_edges_follow_the_clock_to_its_port(clock: str, sky130: Path, tmp_path: Path) -> None:
    text, falling = CLOCKS[clock]
    (tmp_path / "t.v").write_text(SKY.format(clock=text))
    netlist = read_netlist(tmp_path / "t.v")
    circuit = compile_circuit(netlist, read_corner([sky130]), {netlist.inputs["en"][0]: 1})
    assert {netlist.instances[number].name for number in circuit.falling} == set(falling.split())
    assert port_edge(circuit) == RISE
    with pytest.raises(HaloError, match=r"takes the rising clock edge and .* the falling one"):
        require_one_edge(circuit)


def opensta_slacks(folder: Path, library: Path, period_ns: float, duty: float) -> dict[str, float]:
    """Worst slack in ns of each endpoint of t.v with an ideal clock."""
    script = [f"read_liberty {library}", f"read_verilog {folder / 't.v'}", "link_design t"]
    script += [f"create_clock -name ck -period {period_ns} -waveform {{0 {period_ns * duty}}} [get_ports clk]"]
    script += [f"set_clock_transition {SLEW_S * 1e9} [get_clocks ck]", "set_case_analysis 1 [get_ports en]"]
    script += [f"set_input_transition {SLEW_S * 1e9} [all_inputs]", f"set_load {LOAD_F * 1e12} [all_outputs]"]
    script += ["set_input_delay 0 -clock ck [get_ports {a* w*}]", "set_output_delay 0 -clock ck [all_outputs]"]
    script += ["report_checks -path_delay max -format end -digits 7 -group_count 1000"]
    (folder / "run.tcl").write_text("\n".join(script) + "\n")
    run = subprocess.run(["sta", "-exit", "run.tcl"], cwd=folder, capture_output=True, text=True, check=True)
    rows = re.findall(r"^(\S+) \(\w+\)\s+\S+\s+\S+\s+(\S+)", run.stdout, re.MULTILINE)
    assert rows, run.stdout + run.stderr
    return {name: float(slack) for name, slack in rows}


@pytest.mark.tools
@pytest.mark.parametrize("duty", [0.5, 0.3])
@pytest.mark.parametrize("clock", CLOCKS)
def test_slacks_equal_those_of_opensta(clock: str, duty: float, sky130: Path, tmp_path: Path) -> None:
    """Every endpoint, paths of all pairs of edges; enables and the selects of the clock's logic are held on."""
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    (tmp_path / "t.v").write_text(SKY.format(clock=CLOCKS[clock][0]))
    (tmp_path / "cells.lib").write_bytes(gzip.decompress(sky130.read_bytes()))
    netlist, library = read_netlist(tmp_path / "t.v"), read_corner([sky130])
    held = {netlist.inputs["en"][0]: 1}
    circuit = compile_circuit(netlist, library, held)
    edge = flop_edges(circuit)
    period_s, worst = 2e-9, {}
    for launch in EDGES:
        found = static_arrivals(
            circuit,
            library,
            case={net: np.array([value], np.uint8) for net, value in held.items()},
            input_slew_s=SLEW_S,
            output_load_f=LOAD_F,
            through_flops=False,
            dead_slew=False,
            launch_edge=launch,
        )
        for i, end in enumerate(found.endpoints):
            gate = int(np.searchsorted(circuit.pin_start, end.pin, side="right")) - 1
            capture = int(edge[gate]) if end.pin >= 0 else RISE
            needs = (found.arrival_s + found.setup_s)[0, i][found.arrival_s[0, i] >= 0]
            if len(needs):
                slack = share(launch, capture, duty) * period_s - needs.max()
                worst[end.name] = min(worst.get(end.name, math.inf), slack)
    theirs = opensta_slacks(tmp_path, tmp_path / "cells.lib", period_s * 1e9, duty)
    assert len(worst) >= 10
    assert set(worst) == set(theirs)
    for name, slack in worst.items():
        assert slack * 1e9 == pytest.approx(theirs[name], abs=2e-6)


# Operands at the rising, product at the falling edge; the output changes at the falling one.
HALF = """module half (input clk, input [1:0] w, input [1:0] a, output [1:0] y);
wire [1:0] q, p;
DFFPOSX1 a0 (.CLK(clk), .D(a[0]), .Q(q[0])); DFFPOSX1 a1 (.CLK(clk), .D(a[1]), .Q(q[1]));
AND2X1 u0 (.A(q[0]), .B(w[0]), .Y(p[0])); XOR2X1 u1 (.A(q[1]), .B(w[1]), .Y(p[1]));
DFF{edge}X1 y0 (.CLK(clk), .D(p[0]), .Q(y[0])); DFF{edge}X1 y1 (.CLK(clk), .D(p[1]), .Q(y[1]));
endmodule
"""
# What the falling edge takes comes back into the product.
MEETING = HALF.replace(".B(w[0])", ".B(m)").replace("endmodule", "AND2X1 u2 (.A(w[0]), .B(y[1]), .Y(m));\nendmodule")


def corner_of(text: str, osu018: Path, folder: Path, **options: object) -> DesignCorner:
    (folder / "t.v").write_text(text)
    config = CharacterizeConfig(
        corners=(("osu018", (osu018,)),),
        run_folder=folder / "run",
        netlist=folder / "t.v",
        **options,  # type: ignore[arg-type]
    )
    return load_corner("osu018", (osu018,), folder / "t.v", None, config)


def periods(corner: DesignCorner, method: TimingMethod) -> np.ndarray:
    """Periods of all weights in fs."""
    stimulus = make_stimulus(
        corner.roles,
        corner.circuit,
        random_samples=None,
        trace=None,
        activations=None,
        psum_samples=1,
        weights=1 << corner.roles.weight_bits,
        seed=1,
    )
    weights = np.array(corner.roles.weight_encoding.values, np.int64)
    found = characterize_corner(
        corner, stimulus, weights, method=method, seed=1, jobs=1, report=lambda done, total: None
    )
    if method == "static":
        return found.static_period_s * 1e15
    if method == "bound":
        return np.array([w.bound_period_fs for w in found.weights])
    return np.array([w.events.period_fs for w in found.weights if w.events is not None])


@pytest.mark.parametrize("method", ["static", "bound", "exact"])
def test_a_path_from_edge_to_edge_has_half_the_period(method: TimingMethod, osu018: Path, tmp_path: Path) -> None:
    # Without registers at the ports the longest way is the one between the registers.
    half = corner_of(HALF.format(edge="NEG"), osu018, tmp_path, register_overhead=False, method=method)
    taken = {e.name: int(c) for e, c in zip(endpoints(half.circuit), half.capture, strict=True)}
    assert taken == {"y[0]": RISE, "y[1]": RISE, "a0/D": RISE, "a1/D": RISE, "y0/D": FALL, "y1/D": FALL}
    found = periods(half, method)
    # What the ends y0/D and y1/D need, from the circuit whose flip-flops all take the rising edge.
    timed = half.timed
    ends = [i for i, end in enumerate(endpoints(half.circuit)) if end.name in ("y0/D", "y1/D")]
    assert sorted(np.concatenate([e for s, e in half.end_groups if s == 0.5]).tolist()) == [0, 1, *ends]
    narrow = corner_of(HALF.format(edge="NEG"), osu018, tmp_path, register_overhead=False, method=method, duty_cycle=25)
    quarter = periods(narrow, method)
    assert len(timed.end_net) == len(half.capture) == 6
    # To the falling edge the path has 50 or 25 %: twice the period. The output has the other 75 %.
    np.testing.assert_allclose(quarter, 2 * found, rtol=1e-6)
    assert any("50 % of the period: 2 flip-flops take its rising edge, 2 its falling" in s for s in half.assumptions)


def test_designs_of_one_edge_keep_the_whole_period(osu018: Path, tmp_path: Path) -> None:
    for method in ("static", "bound", "exact"):
        rising = corner_of(HALF.format(edge="POS"), osu018, tmp_path, method=method)
        assert not rising.both_edges and len(rising.end_groups) == 1
        assert not any("edge, ports" in sentence for sentence in rising.assumptions)
        one = periods(rising, method)
        turned = corner_of(HALF.format(edge="POS"), osu018, tmp_path, method=method, duty_cycle=10)
        np.testing.assert_array_equal(periods(turned, method), one)
    falling = HALF.format(edge="NEG").replace("DFFPOSX1", "DFFNEGX1")
    assert not corner_of(falling, osu018, tmp_path).both_edges


def test_bound_of_meeting_edges_covers_static_and_the_exact_method_refuses(osu018: Path, tmp_path: Path) -> None:
    text = MEETING.format(edge="NEG")
    corner = corner_of(text, osu018, tmp_path, method="bound", duty_cycle=40)
    static, bound = periods(corner, "static"), periods(corner, "bound")
    assert (bound >= static - 3).all() and bound.max() < 1.6 * static.max()
    with pytest.raises(HaloError, match="takes signals of both clock edges") as refused:
        corner_of(text, osu018, tmp_path)
    assert "method='bound'" in refused.value.fix and refused.value.line == 4


def test_an_sdf_is_halved_too(osu018: Path, tmp_path: Path) -> None:
    plain = corner_of(HALF.format(edge="NEG"), osu018, tmp_path, method="static", register_overhead=False)
    write_sdf(plain.circuit, plain.delays, tmp_path / "t.sdf")
    annotated = corner_of(
        HALF.format(edge="NEG"), osu018, tmp_path, method="static", register_overhead=False, sdf=tmp_path / "t.sdf"
    )
    np.testing.assert_allclose(periods(annotated, "static"), periods(plain, "static"), rtol=0.02)
    np.testing.assert_array_equal(periods(annotated, "bound"), periods(plain, "bound"))


def test_shares_of_the_period() -> None:
    assert [share(launch, end, 0.3) for launch in EDGES for end in EDGES] == [1.0, 0.7, 0.3, 1.0]
    both = np.array([0, 1 << FALL, 1 << RISE, 1 << FALL | 1 << RISE], np.uint8)
    np.testing.assert_allclose(end_shares(both, np.full(4, RISE, np.uint8), 0.3), [1, 0.7, 1, 0.7])
    np.testing.assert_allclose(end_shares(both, np.full(4, FALL, np.uint8), 0.3), [1, 1, 0.3, 0.3])


def test_held_and_tied_nets_launch_nothing(osu018: Path, tmp_path: Path) -> None:
    (tmp_path / "t.v").write_text(MEETING.format(edge="NEG"))
    netlist = read_netlist(tmp_path / "t.v")
    circuit = compile_circuit(netlist, read_corner([osu018]))
    quiet = netlist.inputs["w"]
    found = launching_edges(circuit, propagate_constants(circuit, {}), quiet)
    by_name = dict(zip(netlist.nets, found.tolist(), strict=True))
    assert (by_name["w[0]"], by_name["a[0]"], by_name["q[0]"]) == (0, 1 << RISE, 1 << RISE)
    assert (by_name["y[1]"], by_name["m"], by_name["p[0]"]) == (1 << FALL, 1 << FALL, 1 << FALL | 1 << RISE)
    held = launching_edges(circuit, propagate_constants(circuit, {quiet[0]: 0}), quiet)
    assert held[netlist.nets.index("p[0]")] == 0


def test_paths_of_one_launching_edge_keep_the_slew_of_all(hand: Library, tmp_path: Path) -> None:
    (tmp_path / "t.v").write_text(
        "module t(input clk, input a, input b, output y); wire p, q, n; DFF f(.D(a), .CK(clk), .Q(p));"
        " DFFN g(.D(b), .CK(clk), .Q(q)); NAND2 u(.A(p), .B(q), .Y(n)); BUF v(.A(n), .Y(y)); endmodule"
    )
    circuit = compile_circuit(read_netlist(tmp_path / "t.v"), hand)
    settings = {"case": {}, "input_slew_s": 0.1e-9, "output_load_f": 0.01e-12}
    both = static_arrivals(circuit, hand, **settings)
    each = [static_arrivals(circuit, hand, **settings, launch_edge=edge) for edge in EDGES]
    np.testing.assert_array_equal(np.maximum(each[0].arrival_s, each[1].arrival_s), both.arrival_s)
    np.testing.assert_array_equal(each[0].slew_s, both.slew_s)
    assert each[0].arrival_s[0, 0].max() != each[1].arrival_s[0, 0].max()


@pytest.mark.parametrize("duty_cycle", [0, 100, -5, math.nan])
def test_a_duty_cycle_is_between_0_and_100(duty_cycle: float) -> None:
    with pytest.raises(HaloError, match="duty cycle"):
        CharacterizeConfig(corners=(("c", (Path("c.lib"),)),), run_folder=Path("r"), duty_cycle=duty_cycle)
