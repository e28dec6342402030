# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from halo.errors import HaloError
from halo.netlist.model import COMB, FLOP, Circuit

Build = Callable[[str], Circuit]


def gate(circuit: Circuit, instance: str, pin: str = "Y") -> int:
    """Number of the gate of an instance's output pin."""
    for g in range(circuit.gates):
        if circuit.netlist.instances[circuit.instance[g]].name == instance and circuit.output_pin[g] == pin:
            return g
    raise AssertionError(f"no gate {instance}/{pin}")


def pins(circuit: Circuit, g: int) -> dict[str, str]:
    """Pin to net name of one gate, in pin order."""
    span = range(circuit.pin_start[g], circuit.pin_start[g + 1])
    return {circuit.pin_name[p]: circuit.netlist.nets[circuit.pin_net[p]] for p in span}


def table(circuit: Circuit, g: int) -> list[int]:
    return circuit.table[circuit.table_start[g] : circuit.table_start[g + 1]].tolist()


def names(circuit: Circuit, nets: np.ndarray) -> list[str]:
    return [circuit.netlist.nets[net] for net in nets]


def refuse(build: Build, body: str, ports: str = "input a, b, clk, output y, z") -> HaloError:
    with pytest.raises(HaloError) as caught:
        build(f"module top({ports});\n{body}\nendmodule\n")
    assert str(caught.value.path).endswith("netlist.v")
    return caught.value


def test_tables_follow_the_cells_pin_order(build: Build) -> None:
    circuit = build(
        """module top(input a, b, output y, z, k);
        ANDN u1 (.B(b), .A(a), .Y(y));
        KEEP u2 (.A(y), .B(b), .Y(z));
        INNER u3 (.A(z), .B(y), .Y(k));
        endmodule"""
    )
    assert pins(circuit, gate(circuit, "u1")) == {"A": "a", "B": "b"}
    assert table(circuit, gate(circuit, "u1")) == [0, 0, 1, 0], "state bit 0 is A: B and not A"
    assert list(pins(circuit, gate(circuit, "u2"))) == ["B", "A"], "B has an arc although the function ignores it"
    assert table(circuit, gate(circuit, "u2")) == [0, 0, 1, 1]
    assert table(circuit, gate(circuit, "u3")) == [1, 1, 1, 0], "through the internal pin"
    assert circuit.pin_start.tolist() == [0, 2, 4, 6]
    assert circuit.table_start.tolist() == [0, 4, 8, 12]
    assert circuit.arc_start.tolist() == [0, 8, 16, 24]
    assert circuit.kind.tolist() == [COMB] * 3
    assert circuit.out.dtype == np.int32
    assert names(circuit, circuit.source) == ["a", "b"]


def test_one_gate_an_output_and_order_by_depth(build: Build) -> None:
    circuit = build(
        """module top(input a, b, c, output s, co, n);
        INV u3 (.A(m), .Y(n));
        INV u2 (.A(k), .Y(m));
        FA u1 (.A(a), .B(b), .CI(c), .S(s), .CO(co));
        FA half (.A(a), .B(b), .CI(c), .S(k));
        FILL f (); DIODE d (.A(n));
        endmodule"""
    )
    order = [(circuit.netlist.instances[i].name, p) for i, p in zip(circuit.instance, circuit.output_pin, strict=True)]
    assert order == [("u1", "CO"), ("u1", "S"), ("half", "S"), ("u2", "Y"), ("u3", "Y")]


def test_tie_cells_and_constants(build: Build) -> None:
    circuit = build(
        """module top(input a, output y, z);
        TIEHI h (.Y(one)); TIELO l (.Y(zero));
        FA u (.A(a), .B(one), .CI(1'b0), .S(y), .CO());
        OR2 v (.A(zero), .B(y), .Y(z));
        endmodule"""
    )
    constant = {net: value for net, value in zip(circuit.netlist.nets, circuit.constant.tolist(), strict=True)}
    assert constant == {"a": -1, "y": -1, "z": -1, "one": 1, "zero": 0, "1'b0": 0}
    assert circuit.gates == 2


def test_feed_forward_pipeline_stands_in_the_order(build: Build) -> None:
    circuit = build(
        """module top(input a, clk, output y, z);
        DFF r2 (.D(n2), .CLK(ck), .Q(y), .QN(z));
        INV i2 (.A(q1), .Y(n2));
        DFFHQN r1 (.D(n1), .CLK(ck), .QN(q1));
        INV i1 (.A(a), .Y(n1));
        BUF cb (.A(clk), .Y(ck));
        endmodule"""
    )
    kinds = [circuit.kind[gate(circuit, i, p)] for i, p in (("r1", "QN"), ("r2", "Q"), ("r2", "QN"))]
    assert kinds == [FLOP] * 3
    assert table(circuit, gate(circuit, "r1", "QN")) == [1, 0], "state !D, called IQN: the pin is the inverse of D"
    assert table(circuit, gate(circuit, "r2", "Q")) == [0, 1]
    assert table(circuit, gate(circuit, "r2", "QN")) == [1, 0]
    assert pins(circuit, gate(circuit, "r2", "Q")) == {"D": "n2"}
    position = [gate(circuit, *at) for at in (("i1", "Y"), ("r1", "QN"), ("i2", "Y"), ("r2", "Q"))]
    assert position == sorted(position)
    assert names(circuit, circuit.source) == ["a"]
    assert {circuit.netlist.nets[net] for net in circuit.clock_nets} == {"clk", "ck"}
    assert circuit.state_gates.size == 0
    assert circuit.pin_start.size == circuit.gates + 1


def test_feedback_is_cut_at_flip_flops(build: Build) -> None:
    circuit = build(
        """module top(input a, clk, output y);
        DFF pipe (.D(s), .CLK(clk), .Q(y));
        XOR2 x (.A(in), .B(acc), .Y(s));
        DFF reg_acc (.D(s), .CLK(clk), .Q(acc));
        DFF reg_in (.D(a), .CLK(clk), .Q(in));
        endmodule"""
    )
    assert circuit.state_gates.tolist() == [0]
    assert circuit.netlist.instances[circuit.instance[0]].name == "reg_acc"
    assert names(circuit, circuit.source) == ["a", "acc"]
    position = [gate(circuit, *at) for at in (("reg_in", "Q"), ("x", "Y"), ("pipe", "Q"))]
    assert position == sorted(position)


def test_enable_flop_feeds_itself(build: Build) -> None:
    circuit = build(
        """module top(input a, e, clk, output y, z);
        EDFF r (.D(a), .E(e), .CLK(clk), .Q(y), .QN(z));
        endmodule"""
    )
    assert circuit.state_gates.tolist() == [0, 1]
    assert pins(circuit, gate(circuit, "r", "Q")) == {"D": "a", "E": "e", "Q": "y"}
    assert pins(circuit, gate(circuit, "r", "QN")) == {"D": "a", "E": "e", "QN": "z"}
    # States count D first: E = 0 keeps the output, E = 1 takes D (inverted at QN).
    assert table(circuit, gate(circuit, "r", "Q")) == [0, 0, 0, 1, 1, 1, 0, 1]
    assert table(circuit, gate(circuit, "r", "QN")) == [0, 0, 1, 0, 1, 1, 1, 0]


def test_scan_and_reset_flops(build: Build) -> None:
    circuit = build(
        """module top(input a, si, se, rn, clk, output y, z);
        SDFF s (.D(a), .SI(si), .SE(se), .CLK(clk), .Q(y));
        DFFR r (.D(a), .RN(rn), .CLK(clk), .Q(z));
        endmodule"""
    )
    assert pins(circuit, gate(circuit, "s", "Q")) == {"D": "a", "SI": "si", "SE": "se"}
    assert table(circuit, gate(circuit, "s", "Q")) == [0, 1, 0, 1, 0, 0, 1, 1]
    assert pins(circuit, gate(circuit, "r", "Q")) == {"D": "a"}
    assert [(circuit.netlist.instances[i].name, p, circuit.netlist.nets[n]) for i, p, n in circuit.async_pins] == [
        ("r", "RN", "rn")
    ]


def test_inverted_and_shared_clock_tree(build: Build) -> None:
    circuit = build(
        """module top(input a, clk, output y);
        INV c0 (.A(clk), .Y(k0)); AND2 c1 (.A(k0), .B(1'b1), .Y(k1));
        DFF r1 (.D(a), .CLK(k1), .Q(q)); DFF r2 (.D(q), .CLK(clk), .Q(y));
        endmodule"""
    )
    assert {circuit.netlist.nets[net] for net in circuit.clock_nets} == {"clk", "k0", "k1"}
    assert names(circuit, circuit.source) == ["a"]


@pytest.mark.parametrize(
    ("body", "line", "message", "fix"),
    [
        ("INX u (.A(a), .Y(y));", 2, "cell INX of instance u is not in library tiny", "INV"),
        ("\\$_AND_ u (.A(a), .B(b), .Y(y));", 2, "cell $_AND_", "Map the netlist"),
        ("INV u (.A(a), .Z(y));", 2, "cell INV (instance u) has no pin Z", "Its pins: A, Y"),
        ("INV u (.A({a, b}), .Y(y));", 2, "width mismatch: 2 bits are connected to pin A of instance u", "one bit"),
        ("\nLATCH l (.G(a), .D(b), .Q(y));", 3, "instance l: cell LATCH is a latch", "flip-flops"),
        (
            "ICG g (.CK(clk), .E(a), .Y(y));",
            2,
            "instance g: cell ICG is a clock gate, and a, which it",
            "ties={'a': 1}",
        ),
        ("RAM g (.CK(clk), .E(a), .Y(y));", 2, "instance g: cell RAM has a statetable group", "clock gating"),
        ("TBUF t (.A(a), .EN(b), .Y(y));", 2, "output Y of cell TBUF (instance t) is a three-state", "another cell"),
        ("NOFUNC t (.A(a), .Y(y));", 2, "output Y of cell NOFUNC (instance t) has no function", "another"),
        ("INV u (.A(a), .Y(y)); INV v (.A(b), .Y(y));", 2, "net y has several drivers: u/Y and v/Y", "one driver"),
        ("INV u (.A(b), .Y(a));", 2, "net a has several drivers: input port a and u/Y", "one driver"),
        ("assign y = 1'b0; INV u (.A(b), .Y(y));", 2, "net y has several drivers: a constant and u/Y", "one"),
        ("TIEHI h (.Y(y)); TIELO l (.Y(y));", 2, "net y has several drivers: h/Y and l/Y", "one driver"),
        ("assign y = n; INV u (.A(a), .Y(n)); INV v (.A(b), .Y(y));", 2, "net y has several drivers", "one driver"),
        ("AND2 u (.A(a), .B(n), .Y(y));", 2, "net n has no driver and reaches pin B of instance u", "tie it"),
        ("AND2 u (.A(a), .B(1'bx), .Y(y));", 2, "net 1'bx has no driver and reaches pin B", "tie it"),
        ("DIODE u (.A(n));", 2, "net n has no driver", "tie it"),
        ("AND2 u (.A(a), .Y(y));", 2, "input pin B of instance u (AND2) is not connected", "Connect it"),
        ("DFF u (.D(a), .Q(y));", 2, "input pin CLK of instance u (DFF) is not connected", "Connect it"),
        ("DFFR u (.D(a), .CLK(clk), .Q(y));", 2, "input pin RN", "tie it"),
        ("INV u (.A(a), .Y(y));", None, "output port z has no driver", "Drive it"),
        ("INV u (.A(n2), .Y(n1)); INV v (.A(n1), .Y(n2));", 2, "loop through 2 nets: n1 -> n2 -> n1", "flip-flop"),
        (
            "INV k (.A(q), .Y(r));\nAND2 u (.A(a), .B(r), .Y(p)); OR2 v (.A(p), .B(b), .Y(q)); INV w (.A(q), .Y(y));",
            2,
            "combinational loop through 3 nets: r -> p -> q -> r",
            "Break the loop",
        ),
        ("AND2 g (.A(clk), .B(a), .Y(k)); DFF r (.D(b), .CLK(k), .Q(y));", 2, "is gated in instance g", "clock gating"),
        (
            "DFF d (.D(a), .CLK(clk), .Q(k)); DFF r (.D(b), .CLK(k), .Q(y));",
            2,
            "the clock at pin CLK of flip-flop r is divided by a flip-flop in instance d",
            "one free-running clock",
        ),
        ("DFF r (.D(b), .CLK(1'b0), .Q(y));", 2, "the clock at pin CLK of flip-flop r is a constant", "Connect"),
        (
            "DFF r (.D(b), .CLK(clk), .Q(q)); AND2 u (.A(q), .B(clk), .Y(y));",
            2,
            "clock net clk is used as data by pin B of instance u",
            "apart",
        ),
    ],
)
def test_refusals(build: Build, body: str, line: int | None, message: str, fix: str) -> None:
    error = refuse(build, body)
    assert message in error.what
    assert fix in error.fix
    assert error.line == line


def test_a_loop_through_a_flip_flop_is_none(build: Build) -> None:
    circuit = build(
        """module top(input clk, output y);
        INV u (.A(y), .Y(n)); DFF r (.D(n), .CLK(clk), .Q(y));
        endmodule"""
    )
    assert circuit.state_gates.tolist() == [0]
    assert names(circuit, circuit.source) == ["y"]


def test_an_empty_module_compiles(build: Build) -> None:
    circuit = build("module top(input a, output y); assign y = a; endmodule")
    assert circuit.gates == 0
    assert circuit.table.size == 0
    assert circuit.pin_start.tolist() == [0]
