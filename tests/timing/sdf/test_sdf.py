# SPDX-License-Identifier: Apache-2.0
"""SDF: grammar, annotation state by state, wires, wrong files, and the round trip to the femtosecond."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halo.config import SdfCorner
from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import evaluate
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.sdf.condition import parse_condition
from halo.timing.sdf.parse import read_sdf
from halo.timing.sdf.read import delays_from_sdf
from halo.timing.sdf.write import write_sdf
from halo.timing.wires import WIRE_CELL

CompileText = Callable[[str], Circuit]

XOR = "module t(input a, input b, output y); XOR2 u(.A(a), .B(b), .Y(y)); endmodule"
HEADER = '(DELAYFILE (SDFVERSION "3.0") (DESIGN "t") (DIVIDER .) (TIMESCALE 1ns)\n'


def nominal(circuit: Circuit, library: Library) -> Delays:
    return nominal_delays(circuit, library, input_slew_s=0.1e-9, output_load_f=0.01e-12)


@pytest.fixture
def annotate(hand: Library, tmp_path: Path) -> Callable[..., tuple[Circuit, Delays]]:
    """Annotate a circuit from SDF text (a header is put before it)."""

    def run(circuit: Circuit, text: str, sdf_corner: SdfCorner = "max", header: str = HEADER) -> tuple[Circuit, Delays]:
        path = tmp_path / "delays.sdf"
        path.write_text(header + text + ")")
        return delays_from_sdf(circuit, hand, read_sdf(path), nominal(circuit, hand), sdf_corner=sdf_corner)

    return run


def cell(paths: str, celltype: str = "XOR2", instance: str = "u", kind: str = "ABSOLUTE") -> str:
    return f'(CELL (CELLTYPE "{celltype}") (INSTANCE {instance}) (DELAY ({kind} {paths})))\n'


def of_pin(circuit: Circuit, delays: Delays, pin: int, gate: int = 0) -> list[int]:
    n = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
    return delays.arc_fs[circuit.arc_start[gate] : circuit.arc_start[gate + 1]][pin::n].tolist()


def same(one: Delays, other: Delays) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("arc_fs", "enabled", "setup_fs"))


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("A", "01"),
        ("!A", "10"),
        ("A==1'b1 && B==1'b0", "0100"),
        ("(A===1'b1)||~B", "1101"),
        ("A ^ B != 'b0", "0110"),
        ("A ~^ B", "1001"),
        ("A | B & C", "01010111"),
        ("A == B", "1001"),
        ("\\a.b[0] && !x\\/y", "0100"),
        ("1'b1", "1"),
    ],
)
def test_condition(text: str, truth: str) -> None:
    assert "".join(map(str, parse_condition(text).table)) == truth


@pytest.mark.parametrize("text", ["", "A &&", "(A", "A B", "A ? B : C", "A == 2'b01", "&& A", "A)"])
def test_condition_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"unexpected|ends|closed"):
        parse_condition(text)


def test_header_units_and_triples(tmp_path: Path) -> None:
    path = tmp_path / "x.sdf.gz"
    text = (
        '// comment\n(DELAYFILE (SDFVERSION "3.0") (DESIGN "top") (DATE "now") (VOLTAGE 1.8::1.8) (DIVIDER /)'
        "(TIMESCALE 10 ps) /* another */\n"
        '(CELL (CELLTYPE "BUF") (INSTANCE a/b\\/c\\[1\\]) (DELAY (PATHPULSE A Y (3)) (INCREMENT\n'
        "(IOPATH (posedge A) Y (RETAIN (1)) (1.5:2:2.5) (::4) () ((7) (1) (2)))\n"
        '(COND "name" (B==1\'b1) && C (IOPATH A Y (1))) (CONDELSE (IOPATH A Y () (2)))))\n'
        "(TIMINGCHECK (SETUP (COND en (posedge D)) (posedge CK) (0.25)) (HOLD D CK (1)) (SETUPHOLD D CK (-1) (2))))"
        ")"
    )
    path.write_bytes(gzip.compress(text.encode()))
    sdf = read_sdf(path)
    assert (sdf.design, sdf.divider) == ("top", "/")
    skipped = ("HOLD", "PATHPULSE", "RETAIN", "pulse limit")
    assert sdf.notes == tuple(f"1 {word} entries are not used" for word in skipped)
    (only,) = sdf.cells
    assert (only.celltype, only.instance, only.line) == ("BUF", "a.b/c[1]", 3)
    first, second, third = only.paths
    assert (first.kind, first.edge, first.source, first.target, first.incremental) == (
        "IOPATH",
        "posedge",
        "A",
        "Y",
        True,
    )
    assert (first.rise, first.fall, first.line) == ((15_000, 20_000, 25_000), (None, None, 40_000), 4)
    assert second.condition is not None and second.condition.inputs == ("B", "C")
    assert second.rise == second.fall == (10_000, 10_000, 10_000)
    assert third.otherwise and third.rise == (None, None, None) and third.fall == (20_000, 20_000, 20_000)
    assert [(check.pin, check.setup[2]) for check in only.setups] == [("D", 2_500), ("D", -10_000)]


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("", "does not begin with", 1),
        ("(DELAYFILE (CELL", "ends too early", 1),
        ("(DELAYFILE\n(TIMESCALE 3ns))", "time scale", 2),
        (
            '(DELAYFILE (CELL (CELLTYPE "X")\n(INSTANCE u) (DELAY (ABSOLUTE (IOPATH A Y (1:2)))))',
            "'1:2' is not a delay",
            2,
        ),
        ("(DELAYFILE (CELL (INSTANCE u) (DELAY (ABSOLUTE (IOPATH A Y)))))", "without delays", 1),
        ("(DELAYFILE (CELL (INSTANCE u) (DELAY (ABSOLUTE\n\n(COND A? (IOPATH A Y (1)))))))", "cannot be read", 3),
        ("(DELAYFILE (CELL (INSTANCE u) (DELAY (ABSOLUTE (IOPATH (01 A) Y (1))))))", "edge '01'", 1),
        ('(DELAYFILE (DESIGN "x', "does not end", 1),
        ("(DELAYFILE ) (x)", "after the end", 1),
    ],
)
def test_file_that_is_not_sdf(tmp_path: Path, text: str, what: str, line: int) -> None:
    path = tmp_path / "bad.sdf"
    path.write_text(text)
    with pytest.raises(HaloError, match=what) as error:
        read_sdf(path)
    assert (error.value.path, error.value.line) == (str(path), line)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="cannot be read"):
        read_sdf(tmp_path / "none.sdf")


@given(st.text(alphabet='()"\\ :.1aA/*\n', max_size=60))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.sdf"
    path.write_text("(DELAYFILE " + text)
    try:
        read_sdf(path)
    except HaloError as error:
        assert error.line is not None


def test_conditions_else_and_default(compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]) -> None:
    circuit = compiled(XOR)
    text = cell(
        "(IOPATH A Y (9) (8)) (COND B==1'b0 (IOPATH A Y (1) (2)))"
        " (COND A (IOPATH B Y (3) ())) (CONDELSE (IOPATH B Y (5) (6))) (IOPATH B Y (7) (7.5))"
    )
    new, delays = annotate(circuit, text)
    assert new is circuit
    # States BA: 00 falls, 01 rises, 10 rises, 11 falls.
    assert of_pin(circuit, delays, 0) == [2_000_000, 1_000_000, 9_000_000, 8_000_000]
    assert of_pin(circuit, delays, 1) == [6_000_000, 3_000_000, 5_000_000, 6_000_000]
    assert delays.notes == ()


AO21 = "module t(input a, input b, input c, output y); AO21 u(.A(a), .B(b), .C(c), .Y(y)); endmodule"


def test_a_pin_is_enabled_where_a_condition_holds(
    compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]
) -> None:
    circuit = compiled(AO21)
    text = cell(
        "(COND B && !C (IOPATH A Y (1) (2))) (IOPATH B Y (3) (4)) (COND !A (IOPATH C Y (5) (6))) (IOPATH C Y (7) (8))",
        "AO21",
    )
    _, delays = annotate(circuit, text)
    enabled = delays.enabled.reshape(8, 3).astype(int).T.tolist()
    # B has no condition. C moves the output with A = 1, B = 0 by its default, which elsewhere enables nothing.
    assert enabled == [[0, 0, 1, 1, 0, 0, 0, 0], [1] * 8, [1, 1, 1, 0, 1, 1, 1, 0]]
    assert of_pin(circuit, delays, 0) == [2_000_000] * 3 + [1_000_000] * 5
    assert of_pin(circuit, delays, 2) == [fs * 1_000_000 for fs in (6, 8, 6, 7, 5, 7, 5, 7)]
    assert delays.notes == ()
    _, delays = annotate(circuit, text.replace("(IOPATH B Y (3) (4))", "(IOPATH (posedge B) Y (3) (4)) (DEVICE (9))"))
    # A path from anywhere without a condition stands beside the conditioned ones as their default.
    assert delays.enabled.reshape(8, 3).astype(int).T.tolist() == enabled


def test_edges_of_the_source(compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]) -> None:
    circuit = compiled(XOR)
    text = cell("(IOPATH (posedge A) Y (1) (2)) (IOPATH (negedge A) Y (3) (4)) (IOPATH B Y (5))")
    _, delays = annotate(circuit, text)
    assert of_pin(circuit, delays, 0) == [4_000_000, 1_000_000, 3_000_000, 2_000_000]
    assert of_pin(circuit, delays, 1) == [5_000_000] * 4


def test_uncovered_states_and_twins_take_the_worst(
    compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]
) -> None:
    circuit = compiled(XOR)
    text = cell("(COND B (IOPATH A Y (1) (2))) (IOPATH B Y (5)(6)) (IOPATH B Y (4)(7))")
    _, delays = annotate(circuit, text)
    assert of_pin(circuit, delays, 0) == [2_000_000, 1_000_000, 1_000_000, 2_000_000]
    assert of_pin(circuit, delays, 1) == [7_000_000, 5_000_000, 5_000_000, 7_000_000]
    assert delays.notes == (
        "edges given several times for one path, of which the largest delay is taken: 2",
        "states that no condition covers, where the pin's worst delay is taken: 2",
    )


def test_increments_wildcards_devices_and_min_typ(
    compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]
) -> None:
    circuit = compiled("module t(input a, output y); wire n; BUF u(.A(a), .Y(n)); BUF v(.A(n), .Y(y)); endmodule")
    text = cell("(DEVICE (1:2:3))", "BUF", "*") + cell("(DEVICE (0.5::-4))", "BUF", "v", "INCREMENT")
    _, low = annotate(circuit, text, "min")
    assert (of_pin(circuit, low, 0, 0), of_pin(circuit, low, 0, 1)) == ([1_000_000] * 2, [1_500_000] * 2)
    _, typical = annotate(circuit, text, "typ")
    assert typical.arc_fs.tolist() == [2_000_000] * 4
    _, high = annotate(circuit, text, "max")
    assert (of_pin(circuit, high, 0, 0), of_pin(circuit, high, 0, 1)) == ([3_000_000] * 2, [0, 0])
    assert high.notes == ("negative delays, set to 0: 2",)


def test_registers_and_setup(compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]) -> None:
    circuit = compiled(
        "module t(input clk, input d, output q); wire n; DFF f(.D(d), .CK(clk), .Q(n)); DFF g(.D(n), .CK(clk), .Q(q));"
        " endmodule"
    )
    text = "".join(cell("(IOPATH (posedge CK) Q (0.2) (0.3))", "DFF", name) for name in "fg")
    text += '(CELL (CELLTYPE "DFF") (INSTANCE f) (TIMINGCHECK (SETUP D (posedge CK) (0.05:0.06:0.07))))'
    _, delays = annotate(circuit, text)
    assert delays.arc_fs.tolist() == [300_000, 200_000] * 2
    assert delays.setup_fs[0] == 70_000
    assert delays.notes == ("setup times that the file does not give, taken from the library: 1",)


def test_wires_become_gates(
    hand: Library, compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]
) -> None:
    circuit = compiled(
        "module t(input clk, input a, input b, output y, output q); wire n; NAND2 u(.A(a), .B(b), .Y(n));"
        " INV v(.A(n), .Y(y)); DFF f(.D(n), .CK(clk), .Q(q)); endmodule"
    )
    text = (
        '(CELL (CELLTYPE "t") (INSTANCE) (DELAY (ABSOLUTE (INTERCONNECT b u.B (0)) (INTERCONNECT u.Y v.A (0.1) (0.2))'
        " (INTERCONNECT v.Y y (0.3)) (PORT f.D (0.4)) (INTERCONNECT clk f.CK (0.9)))))"
    )
    text += cell("(DEVICE (1))", "NAND2", "u") + cell("(DEVICE (1))", "INV", "v") + cell("(DEVICE (1))", "DFF", "f")
    text += '(CELL (CELLTYPE "NAND2") (INSTANCE u) (DELAY (ABSOLUTE (PORT A (0.5)) (PORT B (0)))))'
    new, delays = annotate(circuit, text)
    assert "wire delays to clock, clear and preset pins, which are not used: 1" in delays.notes
    wires = {
        new.netlist.instances[new.instance[gate]].name: delays.arc_fs[new.arc_start[gate] :][:2].tolist()
        for gate in range(new.gates)
        if new.netlist.instances[new.instance[gate]].cell == WIRE_CELL
    }
    assert wires == {
        "wire:u/A": [500_000, 500_000],
        "wire:v/A": [200_000, 100_000],
        "wire:y": [300_000, 300_000],
        "wire:f/D": [400_000, 400_000],
    }
    inputs = {net: np.arange(4, dtype=np.uint8) >> i & 1 for i, net in enumerate(new.source.tolist())}
    assert new.netlist.outputs["y"] != circuit.netlist.outputs["y"]
    before = evaluate(circuit, inputs)[circuit.netlist.outputs["y"][0]]
    assert np.array_equal(evaluate(new, inputs)[new.netlist.outputs["y"][0]], before)
    driven = set(new.source.tolist()) | set(np.flatnonzero(new.constant >= 0).tolist()) | set(new.clock_nets)
    for gate in range(new.gates):
        assert set(new.pin_net[new.pin_start[gate] : new.pin_start[gate + 1]].tolist()) <= driven
        driven.add(int(new.out[gate]))
    assert len(delays.net_load_f) == len(delays.net_slew_s) == new.nets
    # Extra load of wire nets is zero; the old nets keep theirs.
    assert np.array_equal(delays.net_load_f[: circuit.nets], nominal(circuit, hand).net_load_f)
    assert not delays.net_load_f[circuit.nets :].any()
    with pytest.raises(HaloError, match="gate wire:u/A has no library cell"):
        nominal(new, hand)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (cell("(IOPATH A Y (1))", instance="x.z"), "1 of 1 instances of the SDF are not in the netlist: x.z"),
        (cell("(IOPATH A Y (1))", "NAND2"), "instance u is a NAND2 in the SDF and a XOR2 in the netlist"),
        ("", "1 of 1 instances have no max delay in the SDF: u"),
        (cell("(IOPATH A Y (1))"), "1 of 2 paths have no max delay in the SDF: u B to Y"),
        (cell("(IOPATH A Y (1::))"), "2 of 2 paths have no max delay"),
        (cell("(IOPATH A Z (1))"), r"instance u \(XOR2\) has no pin Z"),
        (cell("(COND Q (IOPATH A Y (1)))"), r"instance u \(XOR2\) has no pin Q"),
        (cell("(IOPATH A Y (1))", kind="INCREMENT"), "INCREMENT without a delay"),
        (cell("(INTERCONNECT a u.C (1))", "t", ""), "a wire to u.C"),
        (cell("(INTERCONNECT a v.A (1))", "t", ""), "a wire to v.A"),
        (cell("(IOPATH a y (1))", "t", ""), "a path of the top module itself"),
        (cell("(DEVICE (9999))"), "does not fit"),
    ],
)
def test_sdf_of_another_netlist(
    compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]], text: str, what: str
) -> None:
    with pytest.raises(HaloError, match=what) as error:
        annotate(compiled(XOR), text)
    assert error.value.path is not None and error.value.line is not None


def test_unknown_choice(compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]]) -> None:
    with pytest.raises(HaloError, match="'slow' is no value of an SDF triple"):
        annotate(compiled(XOR), cell("(DEVICE (1))"), "slow")  # type: ignore[arg-type]


def test_round_trip_of_any_delays(hand: Library, compiled: CompileText, tmp_path: Path) -> None:
    circuit = compiled(
        "module t(input clk, input [1:0] a, input \\b.c[0] , output y, output co, output qn); wire k, m, s, x;"
        " TIE1 t(.Y(k)); MUX2 \\u/1.2[3] (.A(a[0]), .B(a[1]), .S(\\b.c[0] ), .Y(m));"
        " HA h(.A(m), .B(k), .S(s), .CO(co)); XOR2 v(.A(s), .B(a[1]), .Y(x));"
        " DFFN f(.D(x), .CK(clk), .Q(y), .QN(qn)); endmodule"
    )
    base = nominal(circuit, hand)
    rng = np.random.default_rng(7)
    for spread in (1, 2, 5, 1000):
        arc_fs = rng.integers(1, 1 + spread, size=len(base.arc_fs)).astype(np.int32) * 123_457
        for gate in range(circuit.gates):
            if circuit.kind[gate]:
                n = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
                table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
                arc_fs[circuit.arc_start[gate] : circuit.arc_start[gate + 1]] = np.repeat(
                    table.astype(np.int32) * 11 + 200_003, n
                )
        # Both outputs of the flip-flop are gates, with the same data pin.
        setup_fs = np.where(base.setup_fs > 0, rng.integers(-90_000, 90_000), 0)
        delays = replace(base, arc_fs=arc_fs, setup_fs=setup_fs.astype(np.int32))
        write_sdf(circuit, delays, tmp_path / "d.sdf")
        new, read = delays_from_sdf(circuit, hand, read_sdf(tmp_path / "d.sdf"), base)
        assert new is circuit
        assert same(read, delays)
        assert read.notes == ()


@pytest.mark.parametrize("files", ["ihp_sg13g2/*typ_1p20V*", "gf180mcu7t/*3v30*"])
def test_round_trip_of_conditions(
    files: str, hand: Library, compiled: CompileText, random_netlist: Callable[..., str], shared: Path, tmp_path: Path
) -> None:
    """Of our cell, and of every cell of libraries with conditions that name all other pins and some of them."""
    library = read_corner(sorted((shared / "liberty").glob(f"{files}.lib.gz")))
    (tmp_path / "t.v").write_text(random_netlist(library, 5))
    real = compile_circuit(read_netlist(tmp_path / "t.v"), library)
    for circuit, cells in ((compiled(AO21), hand), (real, library)):
        delays = nominal(circuit, cells)
        assert not delays.enabled.all()
        write_sdf(circuit, delays, tmp_path / "d.sdf")
        assert same(delays_from_sdf(circuit, cells, read_sdf(tmp_path / "d.sdf"), delays)[1], delays)


def test_round_trip_with_wires(
    hand: Library, compiled: CompileText, annotate: Callable[..., tuple[Circuit, Delays]], tmp_path: Path
) -> None:
    circuit = compiled(
        "module t(input a, output [1:0] y); wire n; NAND2 u(.A(a), .B(n), .Y(y[1])); INV \\v.w (.A(a), .Y(n));"
        " BUF b(.A(n), .Y(y[0])); endmodule"
    )
    text = (
        '(CELL (CELLTYPE "t") (INSTANCE) (DELAY (ABSOLUTE (INTERCONNECT a u.A (0.1)) (INTERCONNECT v\\.w.Y b.A (0.2))'
        " (INTERCONNECT u.Y y[1] (0.3) (0.4)))))"
    )
    text += "".join(
        cell("(DEVICE (1) (2))", kind, name) for kind, name in (("NAND2", "u"), ("INV", "v\\.w"), ("BUF", "b"))
    )
    wired, delays = annotate(circuit, text)
    assert wired is not circuit
    write_sdf(wired, delays, tmp_path / "d.sdf")
    again, read = delays_from_sdf(circuit, hand, read_sdf(tmp_path / "d.sdf"), nominal(circuit, hand))
    assert again.netlist.nets == wired.netlist.nets
    assert same(read, delays)


def test_opensta_file_of_a_real_multiplier(shared: Path, osu018: Path, tmp_path: Path) -> None:
    library = read_corner([osu018])
    folder = shared / "reference" / "osu018_mult8"
    circuit = compile_circuit(read_netlist(folder / "netlist.v"), library)
    base = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    sdf = read_sdf(folder / "delays.sdf.gz")
    new, delays = delays_from_sdf(circuit, library, sdf, base)
    # Its wires have no delay and its paths no condition.
    assert new is circuit
    assert delays.notes == ()
    gate = next(g for g in range(circuit.gates) if circuit.netlist.instances[circuit.instance[g]].name == "_362_")
    assert of_pin(circuit, delays, 0, gate) == [164_815, 160_136, 160_136, 160_136]
    assert np.abs(delays.arc_fs - base.arc_fs).max() < 40_000
    write_sdf(circuit, delays, tmp_path / "d.sdf")
    assert same(delays_from_sdf(circuit, library, read_sdf(tmp_path / "d.sdf"), base)[1], delays)
    write_sdf(circuit, base, tmp_path / "d.sdf")
    assert same(delays_from_sdf(circuit, library, read_sdf(tmp_path / "d.sdf"), base)[1], base)


@pytest.mark.tools
def test_opensta_reads_what_we_write(shared: Path, osu018: Path, tmp_path: Path) -> None:
    """Its longest path with our file (unconditioned paths, worst of each edge) is that of the annotated delays."""
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    library = read_corner([osu018])
    netlist = shared / "reference" / "osu018_mult8" / "netlist.v"
    circuit = compile_circuit(read_netlist(netlist), library)
    delays = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    write_sdf(circuit, delays, tmp_path / "d.sdf")
    script = [
        f"read_liberty {osu018}",
        f"read_verilog {netlist}",
        "link_design mult8",
        f"read_sdf {tmp_path / 'd.sdf'}",
    ]
    script += ["create_clock -name ck -period 0.01", "set_input_delay 0 -clock ck [all_inputs]"]
    script += ["set_output_delay 0 -clock ck [all_outputs]", "report_checks -path_delay max -format end -digits 6"]
    (tmp_path / "run.tcl").write_text("\n".join(script) + "\n")
    run = subprocess.run(["sta", "-exit", "run.tcl"], cwd=tmp_path, capture_output=True, text=True, check=True)
    # The library's arcs have no conditions: OpenSTA says so of every COND entry and keeps the path before it.
    lines = (tmp_path / "d.sdf").read_text().splitlines()
    refused = [int(number) for number in re.findall(r"rror: \S+, line (\d+) ", run.stdout + run.stderr)]
    assert refused == [i + 1 for i, line in enumerate(lines) if "(COND " in line]
    worst = max(float(line.split()[3]) for line in run.stdout.splitlines() if "(output)" in line)
    arrival = np.where(circuit.constant >= 0, -(10**9), 0)[:, None].repeat(2, axis=1).astype(np.int64)
    for gate in range(circuit.gates):
        nets = circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
        table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
        for edge in (0, 1):
            ends = []
            for pin, net in enumerate(nets):
                delay = np.array(of_pin(circuit, delays, pin, gate))[table == edge].max()
                low = np.flatnonzero((np.arange(len(table)) >> pin) & 1 == 0)
                change = table[low | (1 << pin)].astype(int) - table[low]
                ends += [arrival[net, edge] + delay] * bool((change > 0).any())
                ends += [arrival[net, 1 - edge] + delay] * bool((change < 0).any())
            arrival[circuit.out[gate], edge] = max(ends)
    assert worst == pytest.approx(arrival[list(circuit.netlist.outputs["p"])].max() * 1e-6, abs=2e-6)
