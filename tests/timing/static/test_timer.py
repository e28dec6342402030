# SPDX-License-Identifier: Apache-2.0
"""Static delays: OpenSTA 3.1's table, the plain Python timer, and Debian's OpenSTA on every library."""

from __future__ import annotations

import csv
import gzip
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import MAX_PINS, Circuit
from halo.netlist.verilog import read_netlist
from halo.timing.static.reference import reference_arrivals
from halo.timing.static.timer import StaticArrivals, StaticTimer, static_arrivals, worst_path
from halo.timing.static.wired import loaded_graph

CompileText = Callable[[str], Circuit]
RandomNetlist = Callable[..., str]

WEIGHTS = np.arange(-128, 128)


def weight_case(circuit: Circuit, port: str = "w") -> dict[int, np.ndarray]:
    return {net: ((WEIGHTS >> bit) & 1).astype(np.uint8) for bit, net in enumerate(circuit.netlist.inputs[port])}


@pytest.fixture(scope="module")
def multiplier(shared: Path, osu018: Path) -> tuple[Circuit, Library]:
    library = read_corner([osu018])
    return compile_circuit(read_netlist(shared / "reference" / "osu018_mult8" / "netlist.v"), library), library


def test_every_weight_equals_opensta_3_1(multiplier: tuple[Circuit, Library], shared: Path) -> None:
    circuit, library = multiplier
    with (shared / "reference" / "osu018_mult8" / "static_delay_ns.csv").open() as file:
        expected = {int(row["w"]): float(row["delay"]) for row in csv.DictReader(file)}
    settings = {"case": weight_case(circuit), "input_slew_s": 0.06e-9, "output_load_f": 0.02e-12}
    static_arrivals(circuit, library, **settings)  # compiled
    start = time.process_time()
    delays = static_arrivals(circuit, library, **settings).delay_s
    assert time.process_time() - start < 1.0
    difference_ps = delays * 1e12 - np.array([expected[w] for w in WEIGHTS]) * 1e3
    assert len(expected) == 256
    assert np.abs(difference_ps).max() < 0.02
    # What OpenSTA 2 left out is what the reference's notes give as the versions' difference.
    older = static_arrivals(circuit, library, **settings, dead_slew=False).delay_s
    assert (older - delays).min() * 1e12 == pytest.approx(-4.3, abs=0.05)
    assert (older - delays).max() * 1e12 == pytest.approx(0.25, abs=0.02)


def test_worst_path_ends_at_the_worst_arrival(multiplier: tuple[Circuit, Library]) -> None:
    circuit, library = multiplier
    settings = {"input_slew_s": 0.06e-9, "output_load_f": 0.02e-12}
    for weight in (-128, -1, 77):
        held = {net: (weight >> bit) & 1 for bit, net in enumerate(circuit.netlist.inputs["w"])}
        path = worst_path(circuit, library, case=held, **settings)
        case = {net: np.array([value], np.uint8) for net, value in held.items()}
        assert path[-1].arrival_s == static_arrivals(circuit, library, case=case, **settings).delay_s[0]
        assert path[0].net.startswith("a[") and path[0].arrival_s == 0.0 and path[0].cell == ""
        assert all(before.arrival_s < after.arrival_s for before, after in pairwise(path))
        instances = {instance.name: instance for instance in circuit.netlist.instances}
        for before, after in pairwise(path):
            pins = instances[after.instance].pins
            assert circuit.netlist.nets[pins[after.pin]] == before.net
            assert circuit.netlist.nets[pins[after.output]] == after.net


def test_held_select_leaves_the_other_inputs_slew(hand: Library, compiled: CompileText) -> None:
    circuit = compiled(
        "module t(input a, input b, input s, output y); wire m, n; INV i(.A(b), .Y(n));"
        " MUX2 u(.A(a), .B(n), .S(s), .Y(m)); BUF v(.A(m), .Y(y)); endmodule"
    )
    select = circuit.netlist.inputs["s"][0]
    settings = {"case": {select: np.array([0], np.uint8)}, "input_slew_s": 0.1e-9, "output_load_f": 0.01e-12}
    # Into m (BUF, 2 / 3 fF): from a, rise 100 + 10 + 2 ps. From the slower n nothing arrives at m.
    # Slew of m rise: from a 20 + 50 + 4 = 74 ps; n rises with 74 ps, from n it would be 61 ps.
    path = worst_path(circuit, hand, case={select: 0}, input_slew_s=0.1e-9, output_load_f=0.01e-12)
    assert [step.pin for step in path] == ["", "A", "A"]
    # Fall: 110 + 10 + 3, then BUF 160 + 0.1 x 86 + 10.
    assert static_arrivals(circuit, hand, **settings).delay_s[0] == pytest.approx((123 + 178.6) * 1e-12)


def test_dead_input_with_the_larger_slew_counts_only_when_asked(hand: Library, compiled: CompileText) -> None:
    # Two BUFs load n, so that n is slower than the port: 20 + 0.5 x 100 + 2 x 8 ps.
    circuit = compiled(
        "module t(input a, input b, input s, output y, output z, output z2); wire m, n; BUF i(.A(b), .Y(n));"
        " MUX2 u(.A(a), .B(n), .S(s), .Y(m)); BUF v(.A(m), .Y(y)); BUF v1(.A(n), .Y(z)); BUF v2(.A(n), .Y(z2));"
        " endmodule"
    )
    select = circuit.netlist.inputs["s"][0]
    settings = {"case": {select: np.array([0], np.uint8)}, "input_slew_s": 0.01e-9, "output_load_f": 0.01e-12}
    by_rule = {}
    for dead_slew in (True, False):
        arrivals = static_arrivals(circuit, hand, **settings, dead_slew=dead_slew)
        by_rule[dead_slew] = arrivals.slew_s[0, 0, 1]
    # m rise: live 20 + 5 + 4 = 29 ps; dead: n rise 20 + 5 + 2 x 6 = 37 ps gives 20 + 18.5 + 4 = 42.5 ps.
    assert by_rule[False] == pytest.approx((20 + 0.5 * 29 + 20) * 1e-12)
    assert by_rule[True] == pytest.approx((20 + 0.5 * 42.5 + 20) * 1e-12)


def test_constant_product_has_no_delay(hand: Library, compiled: CompileText) -> None:
    circuit = compiled("module t(input a, input b, output y); HA u(.A(a), .B(b), .CO(y)); endmodule")
    net = circuit.netlist.inputs["b"][0]
    case = {net: np.array([0, 1], np.uint8)}
    delays = static_arrivals(circuit, hand, case=case, input_slew_s=0.1e-9, output_load_f=0.01e-12).delay_s
    np.testing.assert_allclose(delays, [0.0, 130e-12], rtol=1e-12)
    assert worst_path(circuit, hand, case={net: 0}, input_slew_s=0.1e-9, output_load_f=0.01e-12) == ()


def test_registers_start_and_end_paths(hand: Library, compiled: CompileText) -> None:
    circuit = compiled(
        "module t(input clk, input w, input a, output y); wire wq, n, m; DFF f(.D(w), .CK(clk), .Q(wq));"
        " NAND2 u(.A(a), .B(wq), .Y(n)); DFF g(.D(n), .CK(clk), .Q(m)); BUF b(.A(m), .Y(y)); endmodule"
    )
    settings = {"input_slew_s": 0.1e-9, "output_load_f": 0.01e-12}
    free = static_arrivals(circuit, hand, case={}, **settings)
    by_name = {end.name: i for i, end in enumerate(free.endpoints)}
    assert set(by_name) == {"y", "f/D", "g/D"}
    # g/D from the weight's register: clock-to-Q fall 250 + 10 + 3, slew 30 + 50 + 6; NAND2 rise 120 + 8.6 + 3.
    assert free.arrival_s[0, by_name["g/D"], 1] == pytest.approx((263 + 131.6) * 1e-12)
    # Setup rise 50 + 0.2 x 100 + 0.3 x slew (20 + 0.5 x 100 + 2 x 3; a's slew is the worst).
    assert free.setup_s[0, by_name["g/D"], 1] == pytest.approx((70 + 0.3 * 76) * 1e-12)
    weight = circuit.netlist.inputs["w"][0]
    case = {weight: np.array([0, 1], np.uint8)}
    steady = static_arrivals(circuit, hand, case=case, **settings)
    assert steady.arrival_s[:, by_name["g/D"], :].max(axis=1) == pytest.approx([-1.0, 113e-12])
    stopped = static_arrivals(circuit, hand, case=case, **settings, through_flops=False)
    assert stopped.arrival_s[0, by_name["g/D"], 1] == pytest.approx((263 + 131.6) * 1e-12)
    assert (free.delay_with_setup_s >= free.delay_s).all()


def test_register_that_holds_its_value_ends_paths_at_its_inputs(hand: Library, compiled: CompileText) -> None:
    circuit = compiled(
        "module t(input clk, input d, input e, output y); DFFE f(.D(d), .E(e), .CK(clk), .Q(y)); endmodule"
    )
    arrivals = static_arrivals(circuit, hand, case={}, input_slew_s=0.1e-9, output_load_f=0.01e-12)
    assert {end.name for end in arrivals.endpoints} == {"y", "f/D", "f/E"}
    assert arrivals.delay_s[0] == pytest.approx(270e-12)


def test_held_value_out_of_range(hand: Library, compiled: CompileText) -> None:
    circuit = compiled("module t(input a, output y); BUF u(.A(a), .Y(y)); endmodule")
    case = {circuit.netlist.inputs["a"][0]: np.array([2], np.uint8)}
    with pytest.raises(HaloError, match="net a is held at a value other than 0 or 1"):
        static_arrivals(circuit, hand, case=case, input_slew_s=1e-10, output_load_f=0.0)


@pytest.mark.parametrize("dead_slew", [True, False])
def test_kernel_equals_plain_python(
    hand: Library, osu018: Path, random_netlist: RandomNetlist, tmp_path: Path, dead_slew: bool
) -> None:
    real = read_corner([osu018])
    rng = np.random.default_rng(5)
    for seed in range(4):
        library = hand if seed % 2 else real
        if library is hand:
            cells = {name: cell for name, cell in hand.cells.items() if name != "LACK"}
            text = "".join(random_netlist(Library(**{**vars(hand), "cells": cells}), seed, registers=2))
        else:
            text = random_netlist(real, seed, registers=3)
        (tmp_path / "t.v").write_text(text)
        circuit = compile_circuit(read_netlist(tmp_path / "t.v"), library)
        timer = StaticTimer(circuit, loaded_graph(circuit, library, 0.01e-12), 0.06e-9)
        for _ in range(3):
            bits = rng.choice(12, size=4, replace=False)
            held = {circuit.netlist.inputs["a"][bit]: int(rng.integers(2)) for bit in bits}
            case = {net: np.array([value], np.uint8) for net, value in held.items()}
            timer.time(case, np.zeros(0, np.int32), through_flops=False, dead_slew=dead_slew)
            expected = reference_arrivals(
                circuit, library, held=held, input_slew_s=0.06e-9, output_load_f=0.01e-12, dead_slew=dead_slew
            )
            np.testing.assert_allclose(timer.nets.arrival, expected, rtol=1e-9, atol=0)


def opensta_endpoints(
    folder: Path, libraries: list[Path], slew_s: float, load_f: float, held: Mapping[int, int], registered: bool
) -> dict[str, tuple[float, float]]:
    """Arrival and slack (ns; clock period 0.01 ns, so that slacks keep their digits) of each endpoint of t.v."""
    script = [f"read_liberty {path}" for path in libraries]
    script += [f"read_verilog {folder / 't.v'}", "link_design t", "set_cmd_units -time ns -capacitance pF"]
    script += ["create_clock -name ck -period 0.01" + (" [get_ports clk]" if registered else "")]
    script += [f"set_clock_transition {slew_s * 1e9} [get_clocks ck]"]
    script += [f"set_input_transition {slew_s * 1e9} [all_inputs]", f"set_load {load_f * 1e12} [all_outputs]"]
    script += ["set_input_delay 0 -clock ck [get_ports a*]", "set_output_delay 0 -clock ck [all_outputs]"]
    script += [f'set_case_analysis {value} [get_ports "a\\[{bit}\\]"]' for bit, value in held.items()]
    script += ["report_checks -path_delay max -format end -digits 7 -group_count 1000"]
    (folder / "run.tcl").write_text("\n".join(script) + "\n")
    run = subprocess.run(["sta", "-exit", "run.tcl"], cwd=folder, capture_output=True, text=True, check=True)
    rows = re.findall(r"^(\S+) \(\w+\)\s+\S+\s+(\S+)\s+(\S+)", run.stdout, re.MULTILINE)
    assert rows, run.stdout + run.stderr
    return {name: (float(arrival), float(slack)) for name, arrival, slack in rows}


def largest_difference_ps(ours: StaticArrivals, case: int, theirs: Mapping[str, tuple[float, float]]) -> float:
    """Over all endpoints, of the slack, which holds arrival and setup; both must know the same endpoints."""
    ends = np.where(ours.arrival_s >= 0, ours.arrival_s + ours.setup_s, -1.0)[case].max(axis=1)
    reached = {end.name: worst for end, worst in zip(ours.endpoints, ends, strict=True) if worst != -1.0}
    assert set(reached) == set(theirs)
    return max(abs(worst * 1e12 - (10.0 - theirs[name][1] * 1e3)) for name, worst in reached.items())


OPENSTA_CORNERS = {
    "osu018": ("osu018", 0.06e-9, 0.01e-12),
    "osu035": ("osu035", 0.06e-9, 0.01e-12),
    "osu050": ("osu050", 0.06e-9, 0.01e-12),
    "asap7": ("asap7/*.lib.gz", 20e-12, 1e-15),
    "gf180 1.8 V": ("gf180mcu7t/*1v80.lib.gz", 0.06e-9, 0.01e-12),
    "gf180 3.3 V": ("gf180mcu7t/*3v30.lib.gz", 0.06e-9, 0.01e-12),
    "gf180 5.0 V": ("gf180mcu7t/*5v00.lib.gz", 0.06e-9, 0.01e-12),
    "gt2n": ("gt2n/*.lib.gz", 10e-12, 1e-15),
    "ihp slow": ("ihp_sg13g2/*slow*.lib.gz", 0.06e-9, 0.01e-12),
    "ihp 1.2 V": ("ihp_sg13g2/*1p20V*.lib.gz", 0.06e-9, 0.01e-12),
    "ihp 1.5 V": ("ihp_sg13g2/*1p50V*.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 ff 1.65 V": ("sky130hd/*ff*1v65.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 ff 1.76 V": ("sky130hd/*ff*1v76.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 ss 1.28 V": ("sky130hd/*ss*1v28.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 ss 1.35 V": ("sky130hd/*ss*1v35.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 ss 1.40 V": ("sky130hd/*ss*1v40.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 ss 1.44 V": ("sky130hd/*ss*1v44.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 ss 1.76 V": ("sky130hd/*ss*1v76.lib.gz", 0.06e-9, 0.01e-12),
    "sky130 tt 1.80 V": ("sky130hd/*tt*.lib.gz", 0.06e-9, 0.01e-12),
}
QUICK = ("osu018", "ihp 1.2 V")


@pytest.mark.tools
@pytest.mark.parametrize(
    "corner", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in OPENSTA_CORNERS]
)
def test_every_cell_equals_opensta_2(
    corner: str, shared: Path, random_netlist: RandomNetlist, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Debian's OpenSTA 2.0.17 on netlists of every cell, nothing held, and of read-once cells with inputs held.

    Known differences: it merges no slew from dead arcs (``dead_slew=False``); built without CUDD, it does not see that
    a constant fixes or kills part of a function that names a pin twice, hence read-once cells; it adds IHP's default
    wire load and takes the upper end of capacitance ranges, which are removed from its copy of the library.
    """
    if shutil.which("sta") is None:
        pytest.skip("OpenSTA is not installed: apt-get install opensta")
    pattern, slew_s, load_f = OPENSTA_CORNERS[corner]
    paths = [request.getfixturevalue(pattern)] if "/" not in pattern else sorted((shared / "liberty").glob(pattern))
    library = read_corner(paths)
    copies = []
    for path in paths:
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        text = re.sub(r"^\s*default_wire_load\w*\s*:.*$", "", text, flags=re.M)
        copies.append(tmp_path / path.name.removesuffix(".gz"))
        copies[-1].write_text(text)
    rng = np.random.default_rng(11)
    for read_once, cases in ((False, 1), (True, 3)):
        (tmp_path / "t.v").write_text(random_netlist(library, 1, read_once=read_once, registers=4))
        circuit = compile_circuit(read_netlist(tmp_path / "t.v"), library)
        bits = [] if not read_once else sorted(rng.choice(12, size=5, replace=False).tolist())
        values = rng.integers(2, size=(cases, len(bits)))
        case = {circuit.netlist.inputs["a"][bit]: values[:, i].astype(np.uint8) for i, bit in enumerate(bits)}
        ours = static_arrivals(
            circuit,
            library,
            case=case,
            input_slew_s=slew_s,
            output_load_f=load_f,
            through_flops=False,
            dead_slew=False,
        )
        for i in range(cases):
            held = dict(zip(bits, values[i].tolist(), strict=True))
            theirs = opensta_endpoints(tmp_path, copies, slew_s, load_f, held, registered=True)
            # Their arithmetic is in 32-bit floats: one part in a million of the longest path.
            assert largest_difference_ps(ours, i, theirs) < 1e-3 + 1e-6 * ours.delay_with_setup_s.max() * 1e12


@pytest.mark.parametrize("pins", [MAX_PINS, MAX_PINS + 1])
def test_a_cell_of_the_most_pins_and_one_pin_over(tmp_path: Path, pins: int) -> None:
    names = [f"A{i}" for i in range(pins)]
    inputs = "".join(f"pin ({name}) {{ direction : input; capacitance : 0.001; }}" for name in names)
    one = 'cell_rise (scalar) { values ("0.5"); } cell_fall (scalar) { values ("0.25"); }'
    timing = f'timing () {{ related_pin : "{" ".join(names)}"; timing_sense : positive_unate; {one} }}'
    output = f'pin (Y) {{ direction : output; function : "{" & ".join(names)}"; {timing} }}'
    units = "capacitive_load_unit (1, pf); nom_voltage : 1.0; nom_temperature : 25.0;"
    (tmp_path / "wide.lib").write_text(f"library (wide) {{ {units} cell (WIDE) {{ {inputs} {output} }} }}")
    ports = ", ".join(f"input {name}" for name in names)
    wires = ", ".join(f".{name}({name})" for name in names)
    (tmp_path / "t.v").write_text(f"module t({ports}, output Y); WIDE u({wires}, .Y(Y)); endmodule")
    library = read_corner([tmp_path / "wide.lib"])
    netlist = read_netlist(tmp_path / "t.v")
    if pins > MAX_PINS:
        with pytest.raises(HaloError, match=f"depends on {pins} pins, more than {MAX_PINS}"):
            compile_circuit(netlist, library)
        return
    circuit = compile_circuit(netlist, library)
    case = {circuit.netlist.inputs["A0"][0]: np.array([1, 0], np.uint8)}
    delays = static_arrivals(circuit, library, case=case, input_slew_s=1e-10, output_load_f=0.0).delay_s
    assert delays.tolist() == [0.5e-9, 0.0]
