# SPDX-License-Identifier: Apache-2.0
"""SystemVerilog as industry writes it: read by slang, mapped, and equal to its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.characterization.interface import read_face, read_ports
from halo.errors import HaloError
from halo.netlist.sources import Sources
from halo.synth import check_equivalence, ports_by_yosys, synthesize
from halo.synth.slang import elaborate

PACKAGE = """package dot_pkg;
  localparam int W = 3;
  typedef logic signed [W-1:0] op_t;
  typedef enum logic [0:0] {MUL, NEG} op_e;
  typedef struct packed {op_t hi; logic [W-1:0] lo;} pair_t;
  function automatic op_t flip(input op_t x, input op_e op);
    return op == NEG ? op_t'(-x) : x;
  endfunction
endpackage
"""
# name: (text that follows the package, ports as (name, direction, width, signed))
KINDS: dict[str, tuple[str, list[tuple[str, str, int, bool]]]] = {
    "package in the header": (
        "module t import dot_pkg::*; (input op_t a, input op_t w, output logic signed [5:0] y);\n"
        "  assign y = a * w;\nendmodule\n",
        [("a", "input", 3, True), ("w", "input", 3, True), ("y", "output", 6, True)],
    ),
    "package in the body, and a function that returns": (
        "module t (input logic signed [2:0] a, w, input dot_pkg::op_e op, output logic signed [5:0] y);\n"
        "  import dot_pkg::*;\n  assign y = flip(a, op) * w;\nendmodule\n",
        [("a", "input", 3, True), ("w", "input", 3, True), ("op", "input", 1, False), ("y", "output", 6, True)],
    ),
    "unpacked array ports": (
        "module t (input logic [2:0] a [2], input logic [2:0] w [1:0], output logic [6:0] y);\n"
        "  assign y = a[0] * w[0] + a[1] * w[1];\nendmodule\n",
        [("a", "input", 6, False), ("w", "input", 6, False), ("y", "output", 7, False)],
    ),
    "a type parameter": (
        "module t #(parameter type T = dot_pkg::op_t) (input T a, input T w, output logic signed [5:0] y);\n"
        "  always_comb y = a * w;\nendmodule\n",
        [("a", "input", 3, True), ("w", "input", 3, True), ("y", "output", 6, True)],
    ),
    "an interface": (
        "interface mac_if #(parameter int N = 3); logic signed [N-1:0] a, w; logic signed [2*N-1:0] y;\n"
        "  modport unit(input a, input w, output y);\nendinterface\n"
        "module t (mac_if.unit m); assign m.y = m.a * m.w; endmodule\n",
        [("m.a", "input", 3, False), ("m.w", "input", 3, False), ("m.y", "output", 6, False)],
    ),
    "structs, streaming, inside, assertions and delays": (
        "module t import dot_pkg::*; (input logic clk, input pair_t q, input byte b, output int unsigned y);\n"
        "  timeunit 1ns; timeprecision 1ps;\n  pair_t r;\n"
        "  always_comb begin\n    r = '{default: '0};\n"
        "    if (q.lo inside {3'd1, [3'd4:3'd6]}) r = '{hi: q.hi, lo: {<<{q.lo}}};\n  end\n"
        "  always_ff @(posedge clk) y <= #1 32'(r.hi * signed'(r.lo) + b);\n"
        '  initial assert (W > 1) else $fatal(1, "W");\n'
        "  assert property (@(posedge clk) q.lo > 2 |=> y > 0);\nendmodule\n",
        [("clk", "input", 1, False), ("q", "input", 6, False), ("b", "input", 8, True), ("y", "output", 32, False)],
    ),
}


def write(folder: Path, text: str, name: str = "t.sv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_ports_and_gates(tmp_path: Path, osu018: Path, kind: str) -> None:
    text, ports = KINDS[kind]
    sources = [write(tmp_path, PACKAGE, "dot_pkg.sv"), write(tmp_path, text)]
    face = read_face(sources)
    assert face.top == "t"
    assert [(port.name, port.direction, port.width, port.signed) for port in face.ports] == ports
    made = synthesize(sources, "t", [osu018], workdir=tmp_path / "work")
    assert made.reading is None
    same = check_equivalence(sources, "t", made.netlist_verilog, [osu018], workdir=tmp_path / "same")
    assert same.equal, same.difference


HIERARCHY = """module bit_and #(parameter int N) (input logic [N-1:0] a, input logic w, output logic [N-1:0] y);
  assign y = a & {N{w}};
endmodule
module t #(parameter int N = 4, parameter string KIND = "plain") (
    input logic [N-1:0] a, input logic [1:0] w, output logic [N+1:0] y);
  if (KIND != "plain") $error("KIND must be plain");
  logic [N-1:0] row [2];
  for (genvar i = 0; i < 2; i++) begin : g bit_and #(N) u (.a, .w(w[i]), .y(row[i])); end
  assign y = row[0] + {row[1], 1'b0};
endmodule
"""


def test_words_of_arrays_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "t.sv"
    source.write_text(
        "package p; typedef logic signed [3:0] word_t; typedef word_t pair_t [2]; endpackage\n"
        "module t import p::*; (input logic signed [3:0] a [2], input word_t b [2][3], input logic [1:0][3:0] c,\n"
        "  input pair_t d, input logic [7:0] e, input int f, input logic g, output logic signed [9:0] y);\n"
        "  assign y = a[0] * b[0][0] + c[1] + d[1] + e + f + g;\nendmodule\n",
        encoding="utf-8",
    )
    ports = {port.name: port for port in read_ports([source], "t")[1]}
    assert {name: port.words for name, port in ports.items()} == dict(a=2, b=6, c=2, d=2, e=1, f=1, g=1, y=1)
    assert {name for name, port in ports.items() if port.signed} == {"a", "b", "d", "f", "y"}


def test_hierarchy_stays_and_modules_are_listed(tmp_path: Path, osu018: Path) -> None:
    source = write(tmp_path, HIERARCHY)
    found = elaborate(Sources((source,)), None, {"N": 5}, tmp_path)
    assert [(module.name, module.line) for module in found.modules] == [("t", 4), ("bit_and", 1)]
    assert [(p.name, p.value) for p in found.top.parameters] == [("N", 5), ("KIND", "plain")]
    assert found.top.instantiates == {"bit_and"} and found.top.path == str(source)
    netlist = synthesize([source], "t", [osu018], parameters={"N": 5}, workdir=tmp_path / "w").netlist_verilog
    assert "g[1].u" in netlist.read_text(), "cells carry the names of their instances, so each module was mapped alone"


INVERTER = "module t(input logic a, output logic y);\n  {}\nendmodule\n"


@pytest.mark.parametrize(
    ("text", "top", "parameters", "message", "line", "column"),
    [
        (HIERARCHY, "t", {"KIND": "odd"}, "KIND must be plain", 6, 24),
        (HIERARCHY, "t", {"WIDTH": 4}, "module t has no parameter WIDTH", 4, None),
        (HIERARCHY, "u", {}, "no module u in the sources", None, None),
        (HIERARCHY, "bit_and", {}, "module bit_and has a parameter without a default", 1, None),
        (INVERTER.format("assign y = a &;"), "t", {}, "expected expression", 2, 17),
        (INVERTER.format("gone u(.a, .y);"), "t", {}, "unknown module 'gone'", 2, 3),
        ('`include "gone.svh"\nmodule t(input logic a); endmodule\n', "t", {}, "gone.svh", 1, 10),
    ],
)
def test_refused_with_line_and_column(
    tmp_path: Path,
    osu018: Path,
    text: str,
    top: str,
    parameters: dict[str, int | str],
    message: str,
    line: int | None,
    column: int | None,
) -> None:
    source = write(tmp_path, text)
    for attempt in (
        lambda: read_face([source], top, parameters),
        lambda: synthesize([source], top, [osu018], parameters=parameters, workdir=tmp_path / "work"),
    ):
        with pytest.raises(HaloError, match=message) as caught:
            attempt()
        assert (caught.value.path, caught.value.line, caught.value.column) == (str(source), line, column)


def test_systemverilog_in_a_v_file_is_said(tmp_path: Path, osu018: Path) -> None:
    text = (
        "module t(input logic signed [2:0] a, w, output logic signed [5:0] y);\n  always_comb y = a * w;\nendmodule\n"
    )
    source = write(tmp_path, text, "t.v")
    assert [port.signed for port in read_face([source]).ports] == [True, True, True]
    made = synthesize([source], "t", [osu018], workdir=tmp_path / "work")
    assert made.reading is not None and f"slang read {source} as SystemVerilog" in made.reading
    assert check_equivalence([source], "t", made.netlist_verilog, [osu018], workdir=tmp_path / "same").equal


def test_verilog_that_fails_an_assertion_of_yosys(tmp_path: Path, osu018: Path) -> None:
    """A concatenation on a signed port (YosysHQ/yosys#4158)."""
    text = (
        "module half(input signed [2:0] x, z, output signed [5:0] p); assign p = x * z; endmodule\n"
        "module t(input signed [2:0] a, w, output signed [7:0] y);\n"
        "  wire signed [5:0] p; half u(.x({a}), .z(w), .p({p})); assign y = p;\nendmodule\n"
    )
    source = write(tmp_path, text, "t.v")
    made = synthesize([source], "t", [osu018], workdir=tmp_path / "work")
    assert made.reading is not None and "is_signed" in made.reading and str(source) in made.reading


def test_what_slang_refuses_goes_to_yosys(tmp_path: Path, osu018: Path) -> None:
    """slang wants an implicit port connection of the same type; Yosys does not look at that."""
    text = (
        "module half(input logic [2:0] a, output logic [2:0] y); assign y = ~a; endmodule\n"
        "module t(input logic signed [2:0] a, output logic signed [2:0] y); half u(.*); endmodule\n"
    )
    source = write(tmp_path, text)
    assert [port.name for port in read_face([source], "t").ports] == ["a", "y"]
    made = synthesize([source], "t", [osu018], workdir=tmp_path / "work")
    assert made.reading is not None and "slang refuses" in made.reading


@pytest.mark.parametrize(
    ("body", "message", "place"),
    [
        ("always_comb if (a[0]) y = a;", "combinational loop in module t through y(.|\n)*in every branch", (2, None)),
        ("always_latch if (a[0]) y = a;", "module t has latches", (None, None)),
        ("always_comb begin automatic int q[$]; q.push_back(a); y = q[0]; end", "Feature unimplemented", (2, 61)),
    ],
)
def test_what_cannot_be_timed_or_synthesized(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    osu018: Path,
    body: str,
    message: str,
    place: tuple[int | None, int | None],
) -> None:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    source = write(tmp_path, f"module t(input logic [3:0] a, output logic [7:0] y);\n  {body}\nendmodule\n")
    with pytest.raises(HaloError, match=message) as caught:
        synthesize([source], "t", [osu018], workdir=tmp_path / "work")
    assert (caught.value.line, caught.value.column) == place
    logs = [word.rstrip(".,;") for word in caught.value.fix.split() if word.startswith(str(tmp_path / "cache"))]
    assert all(Path(log).is_file() for log in logs)
    assert bool(logs) == ("unimplemented" in message)


def test_an_assertion_of_yosys_names_a_place_and_keeps_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a reader's own assertion Yosys says neither file nor line: it is the module that was being read."""
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    text = (
        "module half(input signed [2:0] x, z, output signed [5:0] p); assign p = x * z; endmodule\n"
        "module t(input signed [2:0] a, w, output signed [7:0] y);\n"
        "  wire signed [5:0] p; half u(.x({a}), .z(w), .p({p})); assign y = p;\nendmodule\n"
    )
    source = write(tmp_path, text, "t.v")
    with pytest.raises(HaloError, match=r"Assert .*is_signed") as caught:
        ports_by_yosys([source], "t")
    assert (caught.value.path, caught.value.line) == (str(source), 2)
    assert len(list((tmp_path / "cache" / "logs").iterdir())) == 1
    assert str(tmp_path / "cache" / "logs") in caught.value.fix
