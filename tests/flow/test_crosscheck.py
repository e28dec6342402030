# SPDX-License-Identifier: Apache-2.0
"""The event engine against Icarus: a real multiplier, pipelines, and a planted delay that must not get past."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from halo.characterization.design import DesignCorner
from halo.characterization.interface import netlist_ports
from halo.characterization.ports import find_roles
from halo.cli.main import main
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.flow.crosscheck import ROWS, CrosscheckConfig, crosscheck
from halo.flow.runs.provenance import read_record
from halo.flow.simulators.comparison import Difference, compare, draw_samples, spread
from halo.flow.simulators.pipeline import plan_stages
from halo.flow.simulators.transitions import counted_gates, play_in_icarus
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist
from halo.report.crosscheck import crosscheck_report, difference_section
from halo.report.model import Report
from halo.report.text import render
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import TimedCircuit, reduce_circuit
from halo.timing.timed_netlist import write_timed_netlist

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="apt-get install iverilog")

# The activation is registered, the product is registered; the partial sum joins from a register of its own, which it
# reaches at a clock edge: what changes with an edge must not be taken by that edge.
PIPELINE = """
module pipe(input clk, input [1:0] w, input [1:0] a, input [1:0] c, output [1:0] y, output early);
  wire [1:0] ar, m, p, s, wr, cr; wire n;
  DFFPOSX1 w0(.CLK(clk), .D(w[0]), .Q(wr[0])); DFFPOSX1 w1(.CLK(clk), .D(w[1]), .Q(wr[1]));
  DFFPOSX1 a0(.CLK(clk), .D(a[0]), .Q(ar[0])); DFFPOSX1 a1(.CLK(clk), .D(a[1]), .Q(ar[1]));
  NAND2X1 m0(.A(ar[0]), .B(wr[0]), .Y(m[0])); XOR2X1 m1(.A(ar[1]), .B(m[0]), .Y(m[1]));
  XOR2X1 e0(.A(m[1]), .B(wr[1]), .Y(early));
  DFFPOSX1 p0(.CLK(clk), .D(m[0]), .Q(p[0])); DFFPOSX1 p1(.CLK(clk), .D(early), .Q(p[1]));
  DFFPOSX1 c0(.CLK(clk), .D(c[0]), .Q(cr[0])); DFFPOSX1 c1(.CLK(clk), .D(c[1]), .Q(cr[1])); INVX1 i0(.A(cr[1]), .Y(n));
  XOR2X1 s0(.A(p[0]), .B(cr[0]), .Y(s[0])); AOI21X1 s1(.A(p[1]), .B(n), .C(s[0]), .Y(s[1]));
  DFFPOSX1 y0(.CLK(clk), .D(s[0]), .Q(y[0])); DFFPOSX1 y1(.CLK(clk), .D(s[1]), .Q(y[1]));
endmodule
"""
# A register that feeds itself is a source; the falling edge is the active one.
ACCUMULATOR = """
module accumulate(input clk, input [1:0] w, input [1:0] a, output [1:0] y);
  wire [1:0] ar, m, s; wire k;
  DFFNEGX1 a0(.CLK(clk), .D(a[0]), .Q(ar[0])); DFFNEGX1 a1(.CLK(clk), .D(a[1]), .Q(ar[1]));
  AND2X1 m0(.A(ar[0]), .B(w[0]), .Y(m[0])); AND2X1 m1(.A(ar[1]), .B(w[1]), .Y(m[1]));
  XOR2X1 s0(.A(y[0]), .B(m[0]), .Y(s[0])); AND2X1 k0(.A(y[0]), .B(m[0]), .Y(k));
  FAX1 s1(.A(y[1]), .B(m[1]), .C(k), .YS(s[1]));
  DFFNEGX1 y0(.CLK(clk), .D(s[0]), .Q(y[0])); DFFNEGX1 y1(.CLK(clk), .D(s[1]), .Q(y[1]));
endmodule
"""
# The weight is loaded one edge before the activation's first: it takes an edge more than the transition does.
ELEMENT = """
module element(input clk, input [1:0] w, input [1:0] a, input [1:0] c, output [1:0] y);
  wire [1:0] wr, m, s;
  DFFPOSX1 w0(.CLK(clk), .D(w[0]), .Q(wr[0])); DFFPOSX1 w1(.CLK(clk), .D(w[1]), .Q(wr[1]));
  NAND2X1 m0(.A(a[0]), .B(wr[0]), .Y(m[0])); XOR2X1 m1(.A(a[1]), .B(wr[1]), .Y(m[1]));
  XOR2X1 s0(.A(m[0]), .B(c[0]), .Y(s[0])); AOI21X1 s1(.A(m[1]), .B(c[1]), .C(s[0]), .Y(s[1]));
  DFFPOSX1 y0(.CLK(clk), .D(s[0]), .Q(y[0])); DFFPOSX1 y1(.CLK(clk), .D(s[1]), .Q(y[1]));
endmodule
"""
# An operand register that is configured out: the select leaves the direct way alone.
BYPASS = """
module bypass(input clk, input cfg, input [1:0] w, input [1:0] a, output [1:0] y);
  wire [1:0] ar, n, x; wire s;
  DFFPOSX1 a0(.CLK(clk), .D(a[0]), .Q(ar[0])); DFFPOSX1 a1(.CLK(clk), .D(a[1]), .Q(ar[1])); INVX1 i(.A(cfg), .Y(s));
  MUX2X1 m0(.A(ar[0]), .B(a[0]), .S(s), .Y(n[0])); MUX2X1 m1(.A(ar[1]), .B(a[1]), .S(s), .Y(n[1]));
  NAND2X1 u0(.A(n[0]), .B(w[0]), .Y(y[0])); XOR2X1 u1(.A(n[1]), .B(w[1]), .Y(x[1]));
  NOR2X1 u2(.A(x[1]), .B(n[0]), .Y(y[1]));
endmodule
"""
# Half a period from the operand to the product, all of it on to the output; the partial sum comes a whole one later.
HALVES = """
module halves(input clk, input [1:0] w, input [1:0] a, input [1:0] c, output [1:0] y, output [1:0] z);
  wire [1:0] ar, m, p, n, cr, s; wire k;
  DFFPOSX1 a0(.CLK(clk), .D(a[0]), .Q(ar[0])); DFFPOSX1 a1(.CLK(clk), .D(a[1]), .Q(ar[1]));
  NAND2X1 m0(.A(ar[0]), .B(w[0]), .Y(m[0])); XOR2X1 m1(.A(ar[1]), .B(m[0]), .Y(m[1]));
  DFFNEGX1 p0(.CLK(clk), .D(m[0]), .Q(p[0])); DFFNEGX1 p1(.CLK(clk), .D(m[1]), .Q(p[1]));
  DFFNEGX1 c0(.CLK(clk), .D(c[0]), .Q(cr[0])); DFFNEGX1 c1(.CLK(clk), .D(c[1]), .Q(cr[1]));
  XOR2X1 n0(.A(p[0]), .B(cr[0]), .Y(n[0])); AOI21X1 n1(.A(p[1]), .B(cr[1]), .C(n[0]), .Y(n[1]));
  DFFNEGX1 z0(.CLK(clk), .D(n[0]), .Q(z[0])); DFFPOSX1 z1(.CLK(clk), .D(n[1]), .Q(z[1]));
  DFFPOSX1 s0(.CLK(clk), .D(n[0]), .Q(s[0])); INVX1 i0(.A(n[1]), .Y(k)); DFFPOSX1 s1(.CLK(clk), .D(k), .Q(s[1]));
  XOR2X1 u0(.A(s[0]), .B(s[1]), .Y(y[0])); NOR2X1 u1(.A(s[1]), .B(w[1]), .Y(y[1]));
endmodule
"""
# Buffers, an inverter and a gate that is held open between the port and the flip-flops: the clock stays ideal.
CLOCK_TREE = """
module tree(input clk, input en, input [1:0] w, input [1:0] a, output [1:0] y);
  wire [1:0] ar, m, n; wire early, late, turned, gated;
  BUFX2 t0(.A(clk), .Y(early)); BUFX2 t1(.A(early), .Y(late)); INVX1 t2(.A(late), .Y(turned));
  NAND2X1 t3(.A(early), .B(en), .Y(gated));
  DFFPOSX1 a0(.CLK(late), .D(a[0]), .Q(ar[0])); DFFPOSX1 a1(.CLK(clk), .D(a[1]), .Q(ar[1]));
  NAND2X1 m0(.A(ar[0]), .B(w[0]), .Y(m[0])); XOR2X1 m1(.A(ar[1]), .B(m[0]), .Y(m[1]));
  DFFPOSX1 n0(.CLK(turned), .D(m[0]), .Q(n[0])); DFFPOSX1 n1(.CLK(gated), .D(m[1]), .Q(n[1]));
  XOR2X1 u0(.A(n[0]), .B(w[1]), .Y(y[0])); NOR2X1 u1(.A(n[0]), .B(n[1]), .Y(y[1]));
endmodule
"""
HEAD = "input clk, input [1:0] w, input [1:0] a, output [1:0] y"
REFUSED = {
    "depends on one signal from two clock cycles": f"""
module skewed({HEAD}); wire [1:0] ar;
  DFFPOSX1 a0(.CLK(clk), .D(a[0]), .Q(ar[0])); XOR2X1 s0(.A(a[0]), .B(ar[0]), .Y(y[0]));
  NAND2X1 s1(.A(a[1]), .B(w[1]), .Y(y[1]));
endmodule""",
    "changes after both clock edges": f"""
module meeting({HEAD}); wire [1:0] ar; wire n;
  DFFPOSX1 a0(.CLK(clk), .D(a[0]), .Q(ar[0])); DFFNEGX1 a1(.CLK(clk), .D(a[1]), .Q(ar[1]));
  NAND2X1 u0(.A(ar[0]), .B(ar[1]), .Y(n)); XOR2X1 u1(.A(n), .B(w[0]), .Y(y[0]));
  DFFNEGX1 y1(.CLK(clk), .D(n), .Q(y[1]));
endmodule""",
}


@pytest.fixture(scope="module")
def library(osu018: Path) -> Library:
    return read_corner([osu018])


def corner_of(netlist_path: Path, library: Library, **ties: int) -> DesignCorner:
    netlist = read_netlist(netlist_path)
    circuit = compile_circuit(netlist, library, {netlist.inputs[port][0]: value for port, value in ties.items()})
    delays = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    clock = "clk" if "clk" in netlist.inputs else None
    roles = find_roles(
        netlist_ports(netlist),
        weight="w",
        activation="a",
        accumulator="c" if "c" in netlist.inputs else None,
        output=next(iter(netlist.outputs)),
        clock=clock,
        tie=ties,
    )
    return DesignCorner("tt", library, circuit, delays, roles, 0.06e-9, 0.02e-12, 0.06e-9)


def written(text: str, folder: Path, library: Library, **ties: int) -> tuple[DesignCorner, Path]:
    (folder / "netlist.v").write_text(text)
    corner = corner_of(folder / "netlist.v", library, **ties)
    timed = folder / "timed.v"
    write_timed_netlist(corner.circuit, corner.delays, timed, library=library)
    return corner, timed


@pytest.mark.tools
@needs_icarus
def test_real_multiplier_equals_icarus(shared: Path, library: Library, tmp_path: Path) -> None:
    corner = corner_of(shared / "reference" / "osu018_mult8" / "netlist.v", library)
    timed = tmp_path / "timed.v"
    write_timed_netlist(corner.circuit, corner.delays, timed, library=library)
    samples = draw_samples(corner, 200, np.random.default_rng(1))
    compared = compare(corner, timed, samples, explain=True)
    same, difference = compared.equal, compared.first_difference
    assert difference is None and same.all() and len(same) == 200


@pytest.mark.tools
@needs_icarus
@pytest.mark.parametrize("text", [PIPELINE, ELEMENT, ACCUMULATOR, HALVES, CLOCK_TREE])
def test_registers_clocked_stage_by_stage_equal_the_engine(text: str, library: Library, tmp_path: Path) -> None:
    ties = {"en": 1} if "input en" in text else {}
    corner, timed = written(text, tmp_path, library, **ties)
    samples = draw_samples(corner, 300, np.random.default_rng(2))
    compared = compare(corner, timed, samples, explain=True)
    same, difference = compared.equal, compared.first_difference
    assert difference is None and same.all()


@pytest.mark.tools
@needs_icarus
def test_a_register_and_a_port_that_change_in_one_instant(library: Library, tmp_path: Path) -> None:
    """B turns the sum of 0 + 0 + 0 to 1 at 1 ps, due at 11 ps; at 2 ps A and C change together and it stays 1.

    Seen one after the other, A would turn it back for no time, and what is scheduled for that, at 6 ps, would find 1.
    """
    (tmp_path / "netlist.v").write_text(
        """module sum(input clk, input a, input b, input c, output y); wire p, q;
  DFFPOSX1 r(.CLK(clk), .D(a), .Q(p)); DFFPOSX1 s(.CLK(clk), .D(b), .Q(q));
  FAX1 f(.A(p), .B(q), .C(c), .YS(y));
endmodule
"""
    )
    circuit = compile_circuit(read_netlist(tmp_path / "netlist.v"), library)
    delay_fs = {"r": (2000,), "s": (1000,), "f": (4000, 10000, 5000)}
    arc_fs = np.zeros(int(circuit.arc_start[-1]), np.int32)
    for gate, number in enumerate(circuit.instance):
        entries = slice(circuit.arc_start[gate], circuit.arc_start[gate + 1])
        each = delay_fs[circuit.netlist.instances[number].name]
        arc_fs[entries] = np.resize(each, entries.stop - entries.start)
    enabled = np.ones(len(arc_fs), np.bool_)
    launch_fs = np.zeros(circuit.nets, np.int32)
    launch_fs[circuit.netlist.inputs["c"][0]] = 2000
    ends = np.array(circuit.netlist.outputs["y"], np.int32)
    timed = TimedCircuit(circuit, arc_fs, enabled, launch_fs, ends, np.zeros(1, np.int32))
    delays = Delays(
        arc_fs, enabled, np.zeros(len(circuit.pin_net), np.int32), launch_fs * 0.0, np.zeros((circuit.nets, 2))
    )
    write_timed_netlist(circuit, delays, tmp_path / "timed.v", library=library)
    before, after = np.zeros((1, 3), np.uint8), np.ones((1, 3), np.uint8)
    seen = play_in_icarus(
        timed, tmp_path / "timed.v", before, after, settle_fs=10**6, workdir=tmp_path / "sim", each_gate=True
    )
    native = play_transitions(reduce_circuit(timed, {}), before, after, track_inputs=False)
    assert native.arrivals_fs is not None and seen.gate_toggles is not None
    assert seen.last_change_fs.tolist() == native.arrivals_fs.tolist() == [11000]
    assert seen.gate_toggles.tolist() == [[1, 1, 1]]


@pytest.mark.tools
@needs_icarus
def test_a_planted_delay_is_found_at_its_gate(shared: Path, library: Library, tmp_path: Path) -> None:
    corner = corner_of(shared / "reference" / "osu018_mult8" / "netlist.v", library)
    timed = tmp_path / "timed.v"
    write_timed_netlist(corner.circuit, corner.delays, timed, library=library)
    samples = draw_samples(corner, 60, np.random.default_rng(1))
    text = timed.read_text()
    gate = corner.circuit.out.tolist().index(corner.circuit.netlist.outputs["p"][14])
    instance = corner.circuit.netlist.instances[corner.circuit.instance[gate]]
    net = corner.circuit.netlist.nets[corner.circuit.out[gate]]
    start = text.index(f"mult8_timed_{corner.circuit.instance[gate]} ")
    stop = text.index("endmodule", start)

    def slower(match: re.Match[str]) -> str:
        return f"= ({float(match[1]) + 0.000001:.6f}, {float(match[2]) + 0.000001:.6f})"

    planted = re.sub(r"= \(([\d.]+), ([\d.]+)\)", slower, text[start:stop])
    timed.write_text(text[:start] + planted + text[stop:])
    compared = compare(corner, timed, samples, explain=True)
    same, found = compared.equal, compared.first_difference
    assert not same.all() and same.any()
    assert found is not None
    first = found.nets[0]
    assert (first.net, first.instance, first.cell) == (net, instance.name, instance.cell)
    assert first.last_fs[1] == first.last_fs[0] + 1
    assert found.weight == samples.weight[np.argmin(same)]
    shown = shown_difference(found)
    lines = shown.splitlines()
    assert lines[0] == f"First difference: corner tt, weight {found.weight}"
    assert f"w = {found.weight & 255}" in lines[1] and f"a = {found.after['a']}" in lines[2]
    assert f"    {net} ({instance.cell} {instance.name}): toggles native" in shown


@pytest.mark.tools
@needs_icarus
def test_numbers_of_each_gate_add_up(library: Library, tmp_path: Path) -> None:
    corner, timed_netlist = written(PIPELINE, tmp_path, library)
    timed = corner.timed
    samples = draw_samples(corner, 20, np.random.default_rng(3))
    result = play_in_icarus(
        timed,
        timed_netlist,
        samples.before,
        samples.after,
        settle_fs=10**7,
        workdir=tmp_path / "sim",
        each_gate=True,
    )
    assert result.gate_toggles is not None and result.gate_last_fs is not None
    assert np.array_equal(result.gate_toggles.sum(axis=1), result.toggles)
    assert np.array_equal(result.gate_last_fs > 0, result.gate_toggles > 0)
    ends = np.isin(corner.circuit.out[counted_gates(corner.circuit)], timed.end_net)
    assert np.array_equal(result.gate_last_fs[:, ends].max(axis=1), result.last_change_fs)


@pytest.mark.parametrize("reason", REFUSED)
def test_designs_that_cannot_be_clocked_stage_by_stage(reason: str, library: Library, tmp_path: Path) -> None:
    (tmp_path / "netlist.v").write_text(REFUSED[reason])
    corner = corner_of(tmp_path / "netlist.v", library)
    with pytest.raises(HaloError, match=reason):
        plan_stages(corner.circuit, frozenset(corner.circuit.netlist.inputs["a"]))


@needs_icarus
@pytest.mark.tools
@pytest.mark.parametrize("cfg", [0, 1])
def test_what_a_tied_select_switches_off_reaches_nothing(cfg: int, library: Library, tmp_path: Path) -> None:
    (tmp_path / "netlist.v").write_text(BYPASS)
    corner = corner_of(tmp_path / "netlist.v", library, cfg=cfg)
    write_timed_netlist(corner.circuit, corner.delays, tmp_path / "timed.v", library=library)
    samples = draw_samples(corner, 100, np.random.default_rng(4))
    found = compare(corner, tmp_path / "timed.v", samples, explain=False)
    assert found.equal.all() and found.toggles.sum() > 100
    with pytest.raises(HaloError, match="depends on one signal from two clock cycles"):
        plan_stages(compile_circuit(corner.circuit.netlist, library), frozenset(corner.circuit.netlist.inputs["a"]))


def test_stages_of_a_pipeline(library: Library, tmp_path: Path) -> None:
    (tmp_path / "netlist.v").write_text(PIPELINE)
    circuit = corner_of(tmp_path / "netlist.v", library).circuit
    stages = plan_stages(circuit, frozenset(circuit.netlist.inputs["a"] + circuit.netlist.inputs["c"]))
    edge = dict(zip((circuit.netlist.nets[net] for net in circuit.source), stages.source_edge.tolist(), strict=True))
    # Edge 0: the activation reaches its register. Edge 2: the partial sum does, as the product reaches its own.
    assert (edge["a[0]"], edge["c[0]"], edge["w[0]"]) == (0, 2, 0)
    assert (stages.count, stages.fill, stages.rising) == (7, 6, True)


def test_edges_of_a_design_that_uses_both(library: Library, tmp_path: Path) -> None:
    (tmp_path / "netlist.v").write_text(HALVES)
    circuit = corner_of(tmp_path / "netlist.v", library).circuit
    stages = plan_stages(circuit, frozenset(circuit.netlist.inputs["a"] + circuit.netlist.inputs["c"]))
    edge = dict(zip((circuit.netlist.nets[net] for net in circuit.source), stages.source_edge.tolist(), strict=True))
    # a at edge 0 (rising), its register at 2, the product's at 3 (falling), where the partial sum's changes too; that
    # one took its value half a period after the port did, at edge 2.
    assert (edge["a[0]"], edge["c[0]"], stages.count, stages.rising) == (0, 2, 6, True)


def test_polarity_of_the_nets_of_a_clock_tree(library: Library, tmp_path: Path) -> None:
    (tmp_path / "netlist.v").write_text(CLOCK_TREE)
    circuit = corner_of(tmp_path / "netlist.v", library, en=1).circuit
    stages = plan_stages(circuit, frozenset(circuit.netlist.inputs["a"]))
    found = {circuit.netlist.nets[net]: inverted for net, inverted in stages.inverted.items()}
    assert found == {"early": False, "late": False, "turned": True, "gated": True}


def test_samples_are_spread_evenly(shared: Path, library: Library) -> None:
    corner = corner_of(shared / "reference" / "osu018_mult8" / "netlist.v", library)
    samples = draw_samples(corner, 1000, np.random.default_rng(5))
    _, counts = np.unique(samples.weight, return_counts=True)
    assert len(counts) == 256 and set(counts.tolist()) == {3, 4}
    place = [corner.circuit.source.tolist().index(net) for net in corner.circuit.netlist.inputs["w"]]
    weight = (samples.before[:, place].astype(np.int64) << np.arange(8)).sum(axis=1)
    assert np.array_equal(weight, samples.weight & 255)
    assert np.array_equal(samples.before[:, place], samples.after[:, place])
    few = draw_samples(corner, 3, np.random.default_rng(5))
    assert len(np.unique(few.weight)) == 3
    assert sorted(spread(np.random.default_rng(1), 7, 3).tolist()) == [2, 2, 3]


def test_a_difference_of_outputs_is_shown() -> None:
    outputs = ({"y": "0110", "z": "1"}, {"y": "01x0", "z": "1"})
    text = shown_difference(Difference("ss", -3, {"a": 1}, {"a": 2}, (1_234_567, 0), (4, 0), outputs, ()))
    assert "output y: evaluated 0110, Icarus 01x0" in text
    assert "output z" not in text
    assert "native 1234.567 ps, Icarus 0.000 ps" in text
    assert "every gate output changes equally often" in text


def shown_difference(found: Difference) -> str:
    return render(Report("", [difference_section(found)]))


def quiet(stage: str, done: int, total: int) -> None:
    assert 0 <= done <= total and stage


@pytest.fixture(scope="module")
def finished(osu018: Path, osu035: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over two corners of a pipeline, on copies of its libraries."""
    folder = tmp_path_factory.mktemp("crosscheck")
    (folder / "gates.v").write_text(PIPELINE)
    corners = []
    for name, path in (("small", osu018), ("large", osu035)):
        corners.append((name, (Path(shutil.copyfile(path, folder / path.name)),)))
    config = CharacterizeConfig(
        corners=tuple(corners),
        run_folder=folder / "run",
        netlist=(folder / "gates.v",),
        output="y",
        method="static",
    )
    return characterize(config, quiet)


def copied(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / "run"))


@pytest.mark.tools
@needs_icarus
def test_a_run_is_checked_in_every_corner(finished: Path) -> None:
    result = crosscheck(CrosscheckConfig(finished, 31, 1), quiet)
    assert (result.compared, result.equal, result.first_difference) == (31, 31, None)
    assert render(crosscheck_report(result)).startswith("31 transitions compared with Icarus Verilog: 31 equal")
    assert len(result.to_pandas()) == 31 and "icarus_delay_fs" in result._repr_html_()
    assert crosscheck(CrosscheckConfig(finished, 1, 1), quiet).compared == 1


@pytest.mark.tools
@needs_icarus
def test_the_command_ends_with_1_where_a_corner_differs(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(finished, tmp_path)
    assert main(["crosscheck", str(run), "--samples", "20", "--seed", "3"]) == 0
    planted = run / "timed_netlist.large.v"
    planted.write_text(re.sub(r"= \(0\.", "= (1.", planted.read_text()))
    capsys.readouterr()
    folder = tmp_path / "checked"
    assert main(["crosscheck", str(run), "--samples", "20", "--seed", "3", "-o", str(folder)]) == 1
    rows = pd.read_csv(folder / ROWS)
    record = read_record(folder)
    assert (len(rows), record.results["compared"]) == (20, 20) and set(rows["corner"]) == {"small", "large"}
    assert rows.loc[rows["corner"] == "small", "equal"].all() and not rows["equal"].all()
    assert record.results["equal"] == int(rows["equal"].sum())
    assert record.results["first_difference"]["corner"] == "large" and "iverilog" in record.tools
    wrong = rows[~rows["equal"]]
    assert ((wrong["delay_fs"] != wrong["icarus_delay_fs"]) | (wrong["toggles"] != wrong["icarus_toggles"])).any()
    assert (folder / "log.txt").is_file()
    said = capsys.readouterr().out
    assert "First difference: corner large" in said
    assert re.match(r"20 transitions compared with Icarus Verilog: 1\d equal", said)


def test_a_library_changed_since_the_run(finished: Path) -> None:
    library = finished.parent / "osu018_stdcells.lib"
    text = library.read_text()
    try:
        library.write_text(text.replace("0.1", "0.2", 1))
        with pytest.raises(HaloError, match="changed since the run"):
            crosscheck(CrosscheckConfig(finished, 5, 1), quiet)
        library.unlink()
        with pytest.raises(HaloError, match="a file that the run read is not there"):
            crosscheck(CrosscheckConfig(finished, 5, 1), quiet)
    finally:
        library.write_text(text)


def test_folders_that_hold_no_run(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no run folder"):
        crosscheck(CrosscheckConfig(tmp_path, 5, 1), quiet)
    run = copied(finished, tmp_path)
    (run / "run.json").write_text((run / "run.json").read_text().replace('"roles"', '"parts"'))
    with pytest.raises(HaloError, match="lacks the roles of the ports"):
        crosscheck(CrosscheckConfig(run, 5, 1), quiet)
    (run / "run.json").write_text("{")
    with pytest.raises(HaloError, match="damaged"):
        crosscheck(CrosscheckConfig(run, 5, 1), quiet)


@pytest.mark.tools
@needs_icarus
def test_a_timed_netlist_that_icarus_refuses(finished: Path, tmp_path: Path) -> None:
    run = copied(finished, tmp_path)
    (run / "timed_netlist.small.v").write_text("module pipe(;\n")
    (run / "timed_netlist.large.v").write_text("module pipe(;\n")
    with pytest.raises(HaloError, match=r"timed_netlist\.small\.v:1: syntax error"):
        crosscheck(CrosscheckConfig(run, 5, 1), quiet)


def test_no_icarus(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALO_IVERILOG", "no-such-simulator")
    with pytest.raises(HaloError, match="HALO_IVERILOG names no-such-simulator"):
        crosscheck(CrosscheckConfig(finished, 5, 1), quiet)


def test_a_source_changed_since_the_run(tmp_path: Path, osu018: Path) -> None:
    source = tmp_path / "mul.v"
    text = "module mul(input [1:0] w, input [1:0] a, output [3:0] y); assign y = w * a; endmodule\n"
    source.write_text(text)
    config = CharacterizeConfig(
        corners=(("tt", (osu018,)),), run_folder=tmp_path / "run", files=(source,), method="static"
    )
    characterize(config, quiet)
    source.write_text(text.replace("w * a", "a * w"))
    with pytest.raises(HaloError, match="changed since the run") as caught:
        crosscheck(CrosscheckConfig(tmp_path / "run", 5, 1), quiet)
    assert caught.value.path == str(source)


def test_a_default_mac_of_another_version(tmp_path: Path, osu018: Path) -> None:
    config = CharacterizeConfig(corners=(("tt", (osu018,)),), run_folder=tmp_path / "run", method="static")
    characterize(config, quiet)
    record = tmp_path / "run" / "run.json"
    values = json.loads(record.read_text())
    for item in values["inputs"]:
        if item["path"].endswith("mac_element.v"):
            item["sha256"] = "0" * 64
    record.write_text(json.dumps(values))
    with pytest.raises(HaloError, match="the default MAC of this halo is not the one of the run"):
        crosscheck(CrosscheckConfig(tmp_path / "run", 5, 1), quiet)
