# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.netlist.hdl import ModuleInfo, PortInfo, find_top, inspect
from halo.netlist.preprocess import Preprocessor, UnreadableHdlError


@pytest.fixture(autouse=True, scope="module")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Keep the parser tables of these tests out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def write(tmp_path: Path, text: str, name: str = "m.v") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def one(tmp_path: Path, text: str, **parameters: int) -> ModuleInfo:
    modules = inspect([write(tmp_path, text)], parameters=parameters or None)
    return modules[-1]


def shape(module: ModuleInfo) -> list[tuple[str, str, int | None, bool]]:
    return [(p.name, p.direction, p.width, p.signed) for p in module.ports]


def test_ansi_ports_inherit_all_of_their_declaration(tmp_path: Path) -> None:
    module = one(
        tmp_path,
        """module mac #(parameter W = 8, A = W + 4, parameter signed [7:0] Z = -1, parameter S = "csa")
        (input clk, input signed [W-1:0] w, a,
         input wire [$clog2(A)+W-1:0] c, output wire signed [2*W-1:0] y, z, output reg q, r);
        localparam L = W * 2; endmodule""",
    )
    assert shape(module) == [
        ("clk", "input", 1, False),
        ("w", "input", 8, True),
        ("a", "input", 8, True),
        ("c", "input", 12, False),
        ("y", "output", 16, True),
        ("z", "output", 16, True),
        ("q", "output", 1, False),
        ("r", "output", 1, False),
    ]
    assert [(p.name, p.value) for p in module.parameters] == [("W", 8), ("A", 12), ("Z", -1), ("S", "csa")]
    assert [p.scalar for p in module.ports][:2] == [True, False]
    assert [p.line for p in module.ports][:4] == [2, 2, 2, 3]
    assert module.line == 1


def test_non_ansi_ports(tmp_path: Path) -> None:
    module = one(
        tmp_path,
        """module \\mac+ (clk, w, a, y); parameter W = 8; localparam L = W - 1; input clk;
        input signed [L:0] w; input [0:W-1] a; output [2*W+3:4] y; reg signed [2*W+3:4] y;
        endmodule""",
    )
    assert module.name == "mac+"
    assert shape(module) == [
        ("clk", "input", 1, False),
        ("w", "input", 8, True),
        ("a", "input", 8, False),
        ("y", "output", 16, True),
    ]
    assert [p.lsb for p in module.ports] == [0, 0, 7, 4]


def test_what_pyverilog_alone_refuses(tmp_path: Path) -> None:
    module = one(
        tmp_path,
        """(* top *) module m (input [3:0] w, (* keep = "a, b)" *) output y); // no newline at the end
        function [3:0] f; input integer n; integer k; begin f = n; end endfunction
        /* input bad; */ assign y = ^w; endmodule // end""",
    )
    assert shape(module) == [("w", "input", 4, False), ("y", "output", 1, False)]


@pytest.mark.parametrize(
    ("expression", "width"),
    [
        ("W*2", 16),
        ("W-3**2+4'd8", 7),
        ("(W > 4) ? W : 4", 8),
        ("W == 4 ? W : 4", 4),
        ("$clog2(W)", 3),
        ("$clog2(W + 1)", 4),
        ("$clog2(1) + 1", 1),
        ("W << 1", 16),
        ("W / 3 % 4", 2),
        ("W >= 8 && !(W == 9) || W < 0", 1),
        ("8'hf & 'b1010 | 1_0", 10),
        ("-(-W)", 8),
        ('MODE == "fast" ? 3 : 5', 3),
        ("$signed(W)", 8),
        ("4'sb0111", 7),
        ("f(W)", None),
        ("W / 0", None),
        ("4'bxx", None),
    ],
)
def test_width_expressions(tmp_path: Path, expression: str, width: int | None) -> None:
    module = one(
        tmp_path, f'module m #(parameter W = 8, MODE = "fast") (input [({expression})-1:0] a, output y); endmodule'
    )
    assert module.ports[0].width == width


def test_declarations_with_values(tmp_path: Path) -> None:
    module = one(
        tmp_path,
        """module m (a, y); input a; output y; wire n = ~a; reg r = 0; integer i = 3;
        wire signed [1:0] s = -n; assign y = n; endmodule""",
    )
    assert shape(module) == [("a", "input", 1, False), ("y", "output", 1, False)]


def test_parameters_of_the_user(tmp_path: Path) -> None:
    text = """module sub #(parameter W = 2) (input [W-1:0] a, output y); endmodule
    module top #(parameter W = 8, parameter P = 2 * W) (input [W-1:0] a, output [P-1:0] y);
    sub u (a[1:0], y[0]); endmodule"""
    path = write(tmp_path, text)
    modules = inspect([path], parameters={"W": 5})
    assert [m.name for m in modules] == ["sub", "top"]
    assert [p.width for m in modules for p in m.ports] == [2, 1, 5, 10]
    assert [p.value for p in modules[1].parameters] == [5, 10]
    assert modules[1].instantiates == {"sub"}
    assert inspect([path], "sub", {"W": 3})[0].ports[0].width == 3
    with pytest.raises(HaloError, match="module top has no parameter WIDTH"):
        inspect([path], parameters={"WIDTH": 5})
    with pytest.raises(HaloError, match=r"no module tops\nGive one of these with top: top"):
        inspect([path], "tops")


def test_instances_in_generate_blocks_count(tmp_path: Path) -> None:
    text = """module leaf(input a, output y); endmodule
    module top(input [3:0] a, output [3:0] y); genvar i;
    generate for (i = 0; i < 4; i = i + 1) begin : g leaf u (.a(a[i]), .y(y[i])); end endgenerate endmodule"""
    assert find_top(inspect([write(tmp_path, text)])).name == "top"
    both = [*inspect([write(tmp_path, text)]), ModuleInfo("other", (), (), frozenset(), "x.v", 1)]
    with pytest.raises(HaloError, match="2 modules could be the top: top, other"):
        find_top(both)
    with pytest.raises(HaloError, match="no module"):
        find_top([])


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("module m(input a,\n output y);\nassign y = = a;\nendmodule\n", 3, "syntax error before '='"),
        ("module m(input a, output y);\nassign y = a;\n", 2, "syntax error at the end of the file"),
        ("module m(input a, output y);\nassign y = \x01;\nendmodule", 2, "Illegal character"),
        ("module m(input a, output y);\nassign y = `W;\nendmodule", 2, "macro `W is not defined"),
        ("`ifdef X\nmodule m(input a);\nendmodule\n", 1, "no `endif"),
        ("\n`endif\n", 2, "`endif without `ifdef"),
        ("module m(a, y);\ninput a;\nendmodule", 1, "port y of module m has no direction"),
        ("package p; endpackage\n", 1, "syntax error before 'package'"),
    ],
)
def test_unreadable_text(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UnreadableHdlError) as caught:
        inspect([path])
    assert message in caught.value.what
    assert (caught.value.path, caught.value.line) == (str(path), line)


def test_other_errors(tmp_path: Path) -> None:
    a = write(tmp_path, "module m(input a); endmodule\n", "a.v")
    b = write(tmp_path, "\nmodule m(input a); endmodule\n", "b.v")
    with pytest.raises(HaloError, match=r"b.v:2: module m is defined twice, before at .*a.v:1"):
        inspect([a, b])
    with pytest.raises(HaloError, match="file not found"):
        inspect([tmp_path / "absent.v"])
    with pytest.raises(HaloError, match="no module"):
        inspect([write(tmp_path, "// nothing\n", "c.v")])
    (tmp_path / "d.v").write_bytes(b"\x7fELF\0\0")
    with pytest.raises(HaloError, match="not a text file"):
        inspect([tmp_path / "d.v"])


@pytest.mark.parametrize("comment", [b"// 3 \xb5W\n", "// 3 µW\n".encode(), b"\xef\xbb\xbf// marked\n"])
def test_comments_may_be_in_any_encoding(tmp_path: Path, comment: bytes) -> None:
    (tmp_path / "m.v").write_bytes(comment + b"module m(input [3:0] a); endmodule // \xe9\n")
    (module,) = inspect([tmp_path / "m.v"])
    assert (module.name, module.line, module.ports[0].width) == ("m", 2, 4)


def test_directives_keep_lines(tmp_path: Path) -> None:
    write(tmp_path, "`define W 4\n`define SUM(a, b) ((a) + (b))\n\nwire ignored_here;\n", "inc.vh")
    text = """`timescale 1ns/1ps
`include "inc.vh"
`define LONG \\
   `W
`ifndef W
broken
`elsif NEVER
broken
`else
module m(input [`SUM(`LONG, 2*`W)-1:0] a, output y);
`endif
assign y = = a;
endmodule
"""
    with pytest.raises(UnreadableHdlError) as caught:
        inspect([write(tmp_path, text.replace("wire", ""))])
    assert caught.value.line == 4, "a wire outside a module, in the included file"
    assert str(caught.value.path).endswith("inc.vh")
    write(tmp_path, "`define W 4\n`define SUM(a, b) ((a) + (b))\n\n", "inc.vh")
    path = write(tmp_path, text)
    with pytest.raises(UnreadableHdlError) as caught:
        inspect([path])
    assert (caught.value.path, caught.value.line) == (str(path), 12)
    path = write(tmp_path, text.replace("= =", "="))
    assert inspect([path])[0].ports[0] == PortInfo("a", "input", 12, False, 0, False, 10)
    with pytest.raises(HaloError, match=r"m.v:2: file not found"):
        inspect([write(tmp_path, text.replace("inc.vh", "none.vh"))])
    with pytest.raises(HaloError, match="include each other"):
        Preprocessor().read(write(tmp_path, '`include "self.v"\n', "self.v"))


def test_no_debris_in_the_working_folder(tmp_path: Path) -> None:
    """A fresh process: pyverilog would write parser.out and parsetab.py where it stands."""
    write(tmp_path, "module m(input a, output y); assign y = a; endmodule\n")
    work = tmp_path / "work"
    work.mkdir()
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"HALO_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(root)}
    code = "import sys\nfrom halo.netlist.hdl import inspect\nprint(inspect([sys.argv[1]])[0].name)"
    for _ in range(2):
        command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "m.v")]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("m\n", "")
        assert not list(work.iterdir())
    kept = list((tmp_path / "cache").rglob("parsetab.py"))
    assert len(kept) == 1
    kept[0].write_text("damaged((")
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "m\n"


def test_openings_without_end_are_read_once(tmp_path: Path) -> None:
    """Read to the end from each of them, these texts would take hours."""
    for opening in ("(* ", '(* a = "x" ', '(* "\n'):
        text = "module m; endmodule\n" + opening * 100_000
        source = Preprocessor().read(write(tmp_path, text))
        assert source.text().count("(*") == 100_000
    with pytest.raises(UnreadableHdlError, match=r"m\.v:2: this comment has no end"):
        Preprocessor().read(write(tmp_path, "module m;\n" + "/* " * 100_000))


def test_an_attribute_ends_before_the_next_begins(tmp_path: Path) -> None:
    text = '(* a = "(* b *)" *) x (* open y @(*) (* c *) z\n'
    assert Preprocessor().read(write(tmp_path, text)).text().split() == ["x", "(*", "open", "y", "@(*)", "z"]


def test_a_port_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    text = "module m #(parameter W = 4)\n(input [W-1:0] w, output y); endmodule"
    assert one(tmp_path, text, W=65_536).ports[0].width == 65_536
    with pytest.raises(HaloError, match=r"port w of module m would have 65,537 bits") as caught:
        one(tmp_path, text, W=65_537)
    assert caught.value.line == 2
