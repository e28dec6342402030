# SPDX-License-Identifier: Apache-2.0
"""Clock trees, clock gates and latches: which edge a flip-flop takes, what is held, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist

Held = Callable[..., Circuit]

HEAD = "module t(input clk, input en, input a, input b, output y); wire k, m, q, n;\n"


@pytest.fixture
def held(tmp_path: Path, tiny: Library) -> Held:
    """Compile a body against the tiny library with some one-bit ports held."""

    def compiled(body: str, **ties: int) -> Circuit:
        (tmp_path / "t.v").write_text(f"{HEAD}{body}\nendmodule")
        netlist = read_netlist(tmp_path / "t.v")
        return compile_circuit(netlist, tiny, {netlist.inputs[port][0]: value for port, value in ties.items()})

    return compiled


def falling(circuit: Circuit) -> set[str]:
    return {circuit.netlist.instances[number].name for number in circuit.falling}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("DFF r (.D(a), .CLK(clk), .Q(y));", ""),
        ("INV i (.A(clk), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", "r"),
        ("INV i (.A(clk), .Y(k)); INV j (.A(k), .Y(m)); DFF r (.D(a), .CLK(m), .Q(y));", ""),
        ("INV i (.A(clk), .Y(k)); DFF s (.D(a), .CLK(k), .Q(q)); DFF r (.D(q), .CLK(clk), .Q(y));", "s"),
        ("XOR2 i (.A(clk), .B(en), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", "r"),
        ("ANDN i (.A(clk), .B(en), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", "r"),
        ("ICG g (.CK(clk), .E(en), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", ""),
        ("INV i (.A(clk), .Y(m)); ICG g (.CK(m), .E(en), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", "r"),
        # A gate whose enable comes from a register that holds it.
        ("DFF e (.D(en), .CLK(clk), .Q(q)); ICG g (.CK(clk), .E(q), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", ""),
        # The RTL form: a latch that is open while the clock is low, and a gate.
        (
            "INV i (.A(clk), .Y(m)); LATCH l (.G(m), .D(en), .Q(q)); AND2 g (.A(clk), .B(q), .Y(k));"
            " DFF r (.D(a), .CLK(k), .Q(y));",
            "",
        ),
    ],
)
def test_the_edge_that_a_flip_flop_takes(held: Held, body: str, expected: str) -> None:
    circuit = held(body, en=1)
    assert falling(circuit) == set(expected.split())
    assert circuit.source.tolist() == [circuit.netlist.inputs[port][0] for port in ("a", "b")]


def test_an_open_gate_is_a_buffer_and_a_held_latch_a_constant(held: Held) -> None:
    circuit = held("ICG g (.CK(clk), .E(en), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", en=1)
    gate = circuit.output_pin.index("Y")
    first, last = circuit.pin_start[gate : gate + 2]
    assert circuit.pin_name[first:last] == ("CK",)
    assert circuit.table[circuit.table_start[gate] :][:2].tolist() == [0, 1]
    for value in (0, 1):
        circuit = held("LATCH l (.G(b), .D(en), .Q(q)); AND2 g (.A(a), .B(q), .Y(y));", en=value)
        assert circuit.constant[circuit.netlist.nets.index("q")] == value
        assert circuit.gates == 1


@pytest.mark.parametrize(
    ("body", "ties", "what", "fix"),
    [
        (
            "ICG g (.CK(clk), .E(en), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));",
            {},
            "g: cell ICG is a clock gate, and en",
            "ties={'en': 1}",
        ),
        (
            "INV i (.A(en), .Y(n)); ICG g (.CK(clk), .E(n), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));",
            {},
            "and n, which it stores, is not constant",
            "ties={'en': 0}",
        ),
        (
            "AND2 i (.A(en), .B(b), .Y(n)); ICG g (.CK(clk), .E(n), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));",
            {},
            "is a clock gate",
            "ties={'en': 1, 'b': 1}",
        ),
        ("LATCH l (.G(clk), .D(a), .Q(y));", {}, "cell LATCH is a latch, and a, which it stores", "ties={'a': 1}"),
        (
            "ICG g (.CK(clk), .E(en), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));",
            {"en": 0},
            "is a constant",
            "level that passes",
        ),
    ],
)
def test_what_is_not_held_is_refused_with_a_way_out(
    held: Held, body: str, ties: dict[str, int], what: str, fix: str
) -> None:
    with pytest.raises(HaloError) as refused:
        held(body, **ties)
    assert what in refused.value.what and fix in refused.value.fix and refused.value.line == 2


@pytest.mark.parametrize(
    ("body", "tie"), [("INV i (.A(en), .Y(n));", {"en": 0}), ("AND2 i (.A(en), .B(b), .Y(n));", {"en": 1, "b": 1})]
)
def test_the_ties_that_a_message_names_work(held: Held, body: str, tie: dict[str, int]) -> None:
    assert not falling(held(f"{body} ICG g (.CK(clk), .E(n), .Y(k)); DFF r (.D(a), .CLK(k), .Q(y));", **tie))


def test_a_clock_branch_without_a_load_is_no_data(held: Held) -> None:
    assert held("INV i (.A(clk), .Y(m)); DFF r (.D(a), .CLK(clk), .Q(y));").gates == 2
    with pytest.raises(HaloError, match="clock net clk is used as data by pin A of instance i"):
        held("INV i (.A(clk), .Y(m)); AND2 g (.A(m), .B(b), .Y(n)); DFF r (.D(n), .CLK(clk), .Q(y));")


GATED = """module gated (input clk, input en, input [1:0] w, input [1:0] a, output reg [3:0] y);
  reg open; wire gclk = clk & open;
  always @(*) if (!clk) open = en;
  always @(posedge gclk) y <= w * a;
endmodule
"""
FREE = GATED.replace("wire gclk = clk & open;", "wire gclk = clk;").replace("always @(*) if (!clk) open = en;", "")


def rtl(folder: Path, name: str, text: str, osu018: Path, **options: object) -> DesignCorner:
    (folder / f"{name}.v").write_text(text)
    config = CharacterizeConfig(
        corners=(("osu018", (osu018,)),),
        run_folder=folder / name,
        files=(folder / f"{name}.v",),
        method="static",
        ties=(("en", 1),),
        **options,  # type: ignore[arg-type]
    )
    run = characterize(config, lambda stage, done, total: None)
    return load_corner("osu018", (osu018,), run / "netlist.v", None, config)


def test_a_clock_gate_in_rtl_is_timed_as_the_free_clock(osu018: Path, tmp_path: Path) -> None:
    gated = rtl(tmp_path, "gated", GATED, osu018)
    rtl(tmp_path, "free", FREE, osu018)
    cells = {instance.cell for instance in gated.circuit.netlist.instances}
    assert "LATCH" in cells and not gated.both_edges
    tables = [(tmp_path / name / "weights.csv").read_text() for name in ("gated", "free")]
    assert tables[0] == tables[1]


def test_a_latch_in_rtl_without_ties_is_an_error_at_its_line(osu018: Path, tmp_path: Path) -> None:
    (tmp_path / "gated.v").write_text(GATED.replace("input en, ", "").replace("open = en", "open = a[0]"))
    config = CharacterizeConfig(
        corners=(("osu018", (osu018,)),), run_folder=tmp_path / "run", files=(tmp_path / "gated.v",)
    )
    with pytest.raises(HaloError, match="signal open of module gated is a latch") as refused:
        characterize(config, lambda stage, done, total: None)
    assert refused.value.line == 3 and "ties=" in refused.value.fix
