# SPDX-License-Identifier: Apache-2.0
"""The timed netlist in Icarus: last-change times to the femtosecond on hand cases, races, registers, real libraries."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import evaluate
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.sdf.read import delays_from_sdf, read_sdf
from halo.timing.timed_netlist import identifier, wire_name, write_timed_netlist
from halo.timing.wires import insert_wires

pytestmark = pytest.mark.tools

CompileText = Callable[[str], Circuit]


def simulate(folder: Path, bench: str, netlist: Path) -> list[str]:
    """Run a bench with Icarus and return the lines it displayed."""
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed: apt-get install iverilog")
    (folder / "bench.v").write_text(f"`timescale 1ns/1fs\n{bench}")
    command = ["iverilog", "-gspecify", "-g2005", "-Wall", "-o", "bench.vvp", "bench.v", str(netlist)]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0 and not built.stderr, built.stderr
    run = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def with_delays(circuit: Circuit, delay: Callable[[str, str, int], int]) -> Delays:
    """Delays from a function of (instance, pin, state), in fs."""
    arc_fs = np.zeros(int(circuit.arc_start[-1]), dtype=np.int32)
    for gate in range(circuit.gates):
        pins = circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
        name = circuit.netlist.instances[circuit.instance[gate]].name
        for state in range(1 << len(pins)):
            for number, pin in enumerate(pins):
                arc_fs[circuit.arc_start[gate] + state * len(pins) + number] = delay(name, pin, state)
    nets = circuit.nets
    enabled = np.ones(len(arc_fs), np.bool_)
    return Delays(arc_fs, enabled, np.zeros(len(circuit.pin_net), np.int32), np.zeros(nets), np.zeros((nets, 2)))


def changes(
    folder: Path, circuit: Circuit, delays: Delays, library: Library, steps: Sequence[str], watch: str = "y"
) -> list[list[int]]:
    """Play statements 100 ns apart (each list of a step: times in fs after the step at which ``watch`` changed)."""
    netlist = folder / "timed.v"
    write_timed_netlist(circuit, delays, netlist, library=library)
    inputs = list(circuit.netlist.inputs)
    lines = ["module bench;", f"reg {', '.join(inputs)}; wire {watch}; time start;", "reg watching = 0;"]
    ties = ", ".join(f".{port}({port})" for port in [*inputs, watch])
    lines += [
        f"t dut({ties});",
        f'always @({watch}) if (watching) $display("C %0d", $stime1 - start);',
        "initial begin",
    ]
    for step in steps:
        lines += [step, 'start = $realtime * 1000000; $display("S"); watching = 1; #100;']
    lines += ["$finish; end", "endmodule"]
    text = "\n".join(lines).replace("$stime1 - start", "$realtime * 1000000 - start").replace('"C %0d"', '"C %0.0f"')
    found: list[list[int]] = []
    for line in simulate(folder, text, netlist):
        if line == "S":
            found.append([])
        elif line.startswith("C "):
            found[-1].append(int(line[2:]))
    assert len(found) == len(steps)
    return found


def test_conditional_delays_to_the_femtosecond(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled("module t(input a, input b, output y); XOR2 u(.A(a), .B(b), .Y(y)); endmodule")
    table = {("A", 0): 100_001, ("A", 1): 200_002, ("A", 2): 300_003, ("A", 3): 400_004}
    table |= {("B", 0): 500_005, ("B", 1): 600_006, ("B", 2): 700_007, ("B", 3): 800_008}
    delays = with_delays(circuit, lambda _, pin, state: table[pin, state])
    steps = ["a = 0; b = 0;", "a = 1;", "b = 1;", "a = 0;", "b = 0;", "b = 1;", "a = 1;", "b = 0;", "a = 0;"]
    found = changes(tmp_path, circuit, delays, hand, steps)
    assert found[1:] == [[200_002], [800_008], [300_003], [500_005], [700_007], [400_004], [600_006], [100_001]]


def test_simultaneous_inputs_take_the_smaller_delay(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    for slow in "AB":
        circuit = compiled(
            "module t(input a, output y); wire m, n;"
            " BUF p(.A(a), .Y(m)); BUF q(.A(a), .Y(n)); NAND2 u(.A(m), .B(n), .Y(y)); endmodule"
        )
        delays = with_delays(
            circuit,
            lambda name, pin, state, slow=slow: {"p": 50_000, "q": 50_000}.get(name, 30_000 + 5_000 * (pin == slow)),
        )
        found = changes(tmp_path, circuit, delays, hand, ["a = 0;", "a = 1;", "a = 0;"])
        assert found[1:] == [[80_000], [80_000]]


def test_both_inputs_of_an_xor_at_one_instant_do_not_glitch(
    tmp_path: Path, hand: Library, compiled: CompileText
) -> None:
    # The delays are far shorter than the paths that meet; the order of the instances is tried both ways.
    for first, second in (("p", "q"), ("q", "p")):
        buffers = {"p": "BUF p(.A(a), .Y(m));", "q": "INV q(.A(a), .Y(n));"}
        circuit = compiled(
            f"module t(input a, output y); wire m, n; {buffers[first]} XOR2 u(.A(m), .B(n), .Y(y)); {buffers[second]}"
            " endmodule"
        )
        delays = with_delays(circuit, lambda name, pin, state: 70_000 if name in "pq" else 1)
        assert changes(tmp_path, circuit, delays, hand, ["a = 0;", "a = 1;", "a = 0;"])[1:] == [[], []]
        delays = with_delays(circuit, lambda name, pin, state: {"p": 70_000, "q": 70_001}.get(name, 1))
        assert changes(tmp_path, circuit, delays, hand, ["a = 0;", "a = 1;"])[1:] == [[70_001, 70_002]]


def test_vector_and_scalar_ports_arrive_together(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    for ports in ("input [1:0] a, input b", "input b, input [1:0] a"):
        circuit = compiled(f"module t({ports}, output y); NAND2 u(.A(a[1]), .B(b), .Y(y)); endmodule")
        for slow in "AB":
            delays = with_delays(circuit, lambda name, pin, state, slow=slow: 30_000 + 5_000 * (pin == slow))
            netlist = tmp_path / "timed.v"
            write_timed_netlist(circuit, delays, netlist, library=hand)
            for order in ("a = 0; b = 0;", "b = 0; a = 0;"):
                bench = (
                    "module bench; reg [1:0] a; reg b; wire y; t dut(.a(a), .b(b), .y(y)); real start;"
                    ' always @(y) if (start > 0) $display("%0.0f", ($realtime - start) * 1000000);'
                    " initial begin start = 0; a = 3; b = 1; #100 start = $realtime;"
                    f" {order} #100 $finish; end endmodule"
                )
                assert simulate(tmp_path, bench, netlist) == ["30000"]


def test_pulses_shorter_than_the_delay(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled("module t(input a, output y); BUF u(.A(a), .Y(y)); endmodule")
    netlist = tmp_path / "timed.v"
    write_timed_netlist(circuit, with_delays(circuit, lambda *_: 1_000_000), netlist, library=hand)

    def play(pulses: str) -> list[str]:
        bench = (
            "module bench; reg a; wire y; t dut(.a(a), .y(y)); real start; initial start = 0;"
            ' always @(y) if (start > 0) $display("%b %0.0f", y, ($realtime - start) * 1000000);'
            f" initial begin a = 0; #100 start = $realtime; {pulses} #100 $finish; end endmodule"
        )
        return simulate(tmp_path, bench, netlist)

    assert play("a = 1; #0.3 a = 0;") == []
    assert play("a = 1; #1.2 a = 0;") == ["1 1000000", "0 2200000"]
    # Icarus keeps the first event: when it fires it sends the newest value, earlier than a cancelled event would.
    assert play("a = 1; #0.3 a = 0; #0.3 a = 1;") == ["1 1000000"]


def test_states_with_equal_delays_share_a_path(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled("module t(input a, input b, input s, output y); MUX2 u(.A(a), .B(b), .S(s), .Y(y)); endmodule")
    write_timed_netlist(circuit, with_delays(circuit, lambda *_: 7), tmp_path / "one.v", library=hand)
    text = (tmp_path / "one.v").read_text()
    assert text.count("=>") == 3
    assert "when" not in text

    def by_select(name: str, pin: str, state: int) -> int:
        return 10 + (state & 1 if pin == "S" else 0)

    write_timed_netlist(circuit, with_delays(circuit, by_select), tmp_path / "two.v", library=hand)
    conditions = re.findall(r"if \((\w+)\) \((\w) => Y\)", (tmp_path / "two.v").read_text())
    assert [pin for _, pin in conditions] == ["S", "S"]


def test_two_outputs_of_a_cell(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled("module t(input a, input b, output y, output z); HA u(.A(a), .B(b), .CO(y), .S(z)); endmodule")

    def delay(name: str, pin: str, state: int) -> int:
        return 1000 * (1 + state) + (pin == "B")

    steps = ["a = 0; b = 0;", "a = 1;", "b = 1;", "a = 0; b = 0;"]
    delays = with_delays(circuit, delay)
    assert changes(tmp_path, circuit, delays, hand, steps, "y")[1:] == [[], [4001], [1000]]
    assert changes(tmp_path, circuit, delays, hand, steps, "z")[1:] == [[2000], [4001], []]


def test_ties_constants_and_unknown_inputs(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled(
        "module t(input a, input b, output y, output one); wire k, m; TIE1 tie(.Y(k)); INV i(.A(k), .Y(m));"
        " MUX2 u(.A(a), .B(b), .S(m), .Y(y)); assign one = 1'b1; endmodule"
    )
    netlist = tmp_path / "timed.v"
    write_timed_netlist(circuit, with_delays(circuit, lambda *_: 5000), netlist, library=hand)
    bench = (
        "module bench; reg a, b; wire y, one; t dut(.a(a), .b(b), .y(y), .one(one));"
        ' initial begin a = 1; #10 $display("%b%b", y, one); $finish; end endmodule'
    )
    # The unused data input b stays unknown and does not matter.
    assert simulate(tmp_path, bench, netlist) == ["11"]


def test_names_that_need_escapes(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled(
        "module t(input \\in , input [5:4] always_on, output y); wire \\a.b[0] ;"
        " NAND2 \\u/1 (.A(\\in ), .B(always_on[5]), .Y(\\a.b[0] )); INV \\wire (.A(\\a.b[0] ), .Y(y)); endmodule"
    )
    netlist = tmp_path / "timed.v"
    write_timed_netlist(circuit, with_delays(circuit, lambda *_: 5000), netlist, library=hand)
    inside = wire_name(circuit.netlist.nets.index("a.b[0]"))
    bench = (
        "module bench; reg i; reg [5:4] on; wire y; t dut(.\\in (i), .always_on(on), .y(y));"
        f' initial begin i = 1; on = 2\'b10; #10 $display("%b%b", y, dut.{inside}); $finish; end endmodule'
    )
    assert simulate(tmp_path, bench, netlist) == ["10"]
    assert identifier("begin") == "\\begin "
    assert identifier("_481_") == "_481_"


def test_wires_of_an_sdf(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled("module t(input a, output y); BUF u(.A(a), .Y(y)); endmodule")
    wired = insert_wires(circuit, {(0, "A"): circuit.netlist.inputs["a"][0], (-1, "y"): int(circuit.out[0])}).circuit

    def delay(name: str, pin: str, state: int) -> int:
        return {"wire:u/A": 200, "u": 3_000, "wire:y": 40_000}[name] + state

    assert changes(tmp_path, wired, with_delays(wired, delay), hand, ["a = 0;", "a = 1;", "a = 0;"])[1:] == [
        [43_203],
        [43_200],
    ]


def test_registers(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled(
        "module t(input clk, input r, input d, output y, output z);"
        " wire n; DFFR f(.D(d), .CK(clk), .R(r), .Q(n)); DFFN g(.D(n), .CK(clk), .Q(y), .QN(z)); endmodule"
    )

    def delay(name: str, pin: str, state: int) -> int:
        return {"f": 200_000, "g": 300_000}[name] + (50_000 if state == 0 else 0)

    netlist = tmp_path / "timed.v"
    write_timed_netlist(circuit, with_delays(circuit, delay), netlist, library=hand)
    bench = (
        "module bench; reg clk, r, d; wire y, z; t dut(.clk(clk), .r(r), .d(d), .y(y), .z(z)); time start;"
        ' always @(y) $display("y %b %0.0f", y, $realtime * 1000000 - start);'
        ' always @(z) $display("z %b %0.0f", z, $realtime * 1000000 - start);'
        " task cycle; begin #10 start = $realtime * 1000000; clk = 1; #10 start = $realtime * 1000000; clk = 0; end"
        " endtask"
        ' initial begin clk = 0; r = 0; d = 1; #10 cycle; $display("reset"); #10 r = 1; cycle; $display("one");'
        ' d = 0; cycle; $display("zero"); #10 $finish; end endmodule'
    )
    lines = simulate(tmp_path, bench, netlist)
    # The second register samples on the falling edge; QN rises when Q falls.
    assert lines[:1] == ["reset"]
    assert sorted(lines[1:3]) == ["y 0 350000", "z 1 350000"] and lines[3] == "one"
    assert sorted(lines[4:6]) == ["y 1 300000", "z 0 300000"] and lines[6] == "zero"
    assert sorted(lines[7:]) == ["y 0 350000", "z 1 350000"]


def test_register_that_holds_its_value(tmp_path: Path, hand: Library, compiled: CompileText) -> None:
    circuit = compiled(
        "module t(input clk, input d, input e, output y); DFFE f(.D(d), .E(e), .CK(clk), .Q(y)); endmodule"
    )
    netlist = tmp_path / "timed.v"
    write_timed_netlist(circuit, with_delays(circuit, lambda *_: 1000), netlist, library=hand)
    bench = (
        "module bench; reg clk, d, e; wire y; t dut(.clk(clk), .d(d), .e(e), .y(y));"
        ' task cycle; begin #10 clk = 1; #10 clk = 0; $display("%b", y); end endtask'
        " initial begin clk = 0; d = 0; e = 0; cycle; e = 1; cycle; d = 1; cycle; d = 0; e = 0; cycle; e = 1; cycle;"
        " $finish; end endmodule"
    )
    assert simulate(tmp_path, bench, netlist) == ["x", "0", "1", "1", "0"]


@pytest.mark.slow
def test_real_multiplier_gives_right_products(shared: Path, osu018: Path, tmp_path: Path) -> None:
    library = read_corner([osu018])
    circuit = compile_circuit(read_netlist(shared / "reference" / "osu018_mult8" / "netlist.v"), library)
    delays = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    netlist = tmp_path / "timed.v"
    write_timed_netlist(circuit, delays, netlist, library=library)
    bench = (
        "module bench; reg [7:0] w, a; wire [15:0] p; mult8 dut(.w(w), .a(a), .p(p)); integer i, bad;"
        " reg signed [15:0] right; initial begin bad = 0; for (i = 0; i < 3000; i = i + 1) begin"
        " w = $random; a = $random; #6; right = $signed(w) * $signed(a); if (p !== right) bad = bad + 1; end"
        ' $display("%0d", bad); $finish; end endmodule'
    )
    assert simulate(tmp_path, bench, netlist) == ["0"]


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["ihp_sg13g2/*1p20V*", "asap7/*", "sky130hd/*tt*", "gf180mcu7t/*3v30*", "gt2n/*"])
def test_every_cell_of_real_libraries_settles_right(
    pattern: str, shared: Path, random_netlist: Callable[..., str], tmp_path: Path
) -> None:
    library = read_corner(sorted((shared / "liberty").glob(pattern + ".lib.gz")))
    (tmp_path / "t.v").write_text(random_netlist(library, 3))
    circuit = compile_circuit(read_netlist(tmp_path / "t.v"), library)
    delays = nominal_delays(circuit, library, input_slew_s=20e-12, output_load_f=1e-15)
    netlist = tmp_path / "timed.v"
    write_timed_netlist(circuit, delays, netlist, library=library)
    width = len(circuit.netlist.outputs["y"])
    bench = (
        f"module bench; reg [11:0] a; wire [{width - 1}:0] y; t dut(.a(a), .y(y)); integer i; initial"
        ' for (i = 0; i < 300; i = i + 1) begin a = $random; #1000 $display("%b %b", a, y); end endmodule'
    )
    rows = [line.split() for line in simulate(tmp_path, bench, netlist)]
    assert len(rows) == 300
    inputs = np.array([[int(bit) for bit in reversed(a)] for a, _ in rows], dtype=np.uint8)
    values = evaluate(circuit, {net: inputs[:, i] for i, net in enumerate(circuit.netlist.inputs["a"])})
    outputs = np.array([[int(bit) for bit in reversed(y)] for _, y in rows], dtype=np.uint8)
    assert np.array_equal(values[list(circuit.netlist.outputs["y"])].T, outputs)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [16])
def test_largest_last_change_equals_icarus_with_the_sdf(
    weight: int, shared: Path, osu018: Path, tmp_path: Path
) -> None:
    """Over all 65,536 activation transitions, the timed netlist settles as the cells' models with ``$sdf_annotate``."""
    library = read_corner([osu018])
    folder = shared / "reference" / "osu018_mult8"
    circuit = compile_circuit(read_netlist(folder / "netlist.v"), library)
    base = nominal_delays(circuit, library, input_slew_s=0.06e-9, output_load_f=0.02e-12)
    annotated, delays = delays_from_sdf(circuit, library, read_sdf(folder / "delays.sdf.gz"), base)
    netlist = tmp_path / "timed.v"
    write_timed_netlist(annotated, delays, netlist, library=library)
    bench = (
        "module bench; reg [7:0] w, a; wire [15:0] p; mult8 dut(.w(w), .a(a), .p(p)); integer i, j; real start, worst;"
        " always @(p) if ($realtime - start > worst) worst = $realtime - start;"
        f" initial begin w = {weight & 255}; a = 0; start = 1e9; #100 worst = 0;"
        " for (i = 0; i < 256; i = i + 1) for (j = 0; j < 256; j = j + 1) begin"
        " start = $realtime + 1e6; a = i; #10; start = $realtime; a = j; #10; end"
        ' $display("%0.6f", worst); $finish; end endmodule'
    )
    with (folder / "dynamic_delay_ns.csv").open() as file:
        expected = {int(row["w"]): row["dmax_ns"] for row in csv.DictReader(file)}
    (found,) = simulate(tmp_path, bench, netlist)
    assert float(found) == pytest.approx(float(expected[weight]), abs=1.5e-6)
