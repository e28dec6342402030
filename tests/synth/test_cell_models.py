# SPDX-License-Identifier: Apache-2.0
"""Verilog models of cells: the expressions have the Liberty truth tables, flip-flops clear, preset and clock right."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.liberty import Function, read_corner
from halo.synth import cell_models
from halo.synth.cellmodels import expression


@given(st.integers(0, 5).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 2 ** (2**n) - 1))))
def test_expressions_have_the_table(case: tuple[int, int]) -> None:
    count, bits = case
    inputs = tuple("abcde"[:count])
    table = np.array([(bits >> state) & 1 for state in range(2**count)], np.uint8)
    text = expression(Function("", inputs, table)).replace("1'b", "")
    for state in range(2**count):
        values = {name: (state >> i) & 1 for i, name in enumerate(inputs)}
        # Verilog's ~ & ^ | bind as Python's do.
        assert eval(text, {}, values) & 1 == table[state]


def test_short_forms() -> None:
    majority = np.array([0, 0, 0, 1, 0, 1, 1, 1], np.uint8)
    parity = np.array([0, 1, 1, 0, 1, 0, 0, 1], np.uint8)
    assert expression(Function("", ("a", "b", "c"), majority)) == "((c & (b | a)) | (~c & (b & a)))"
    assert expression(Function("", ("a", "b", "c"), parity)) == "(c ^ (b ^ a))"


def test_names_that_need_escaping(osu018: Path) -> None:
    assert expression(Function("", ("A[0]", "2x"), np.array([0, 0, 0, 1], np.uint8))) == r"(\2x  & \A[0] )"


def test_unknown_and_unmodelled_cells(osu018: Path) -> None:
    library = read_corner([osu018])
    with pytest.raises(HaloError, match="cell NAND9X1 is not in library"):
        cell_models(library, ["NAND9X1"])
    with pytest.raises(HaloError, match="cell LATCH is a latch"):
        cell_models(library, ["LATCH"])
    with pytest.raises(HaloError, match="pin Y of cell TBUFX1"):
        cell_models(library, ["TBUFX1"])


@pytest.mark.tools
def test_flip_flop_with_set_and_reset(tmp_path: Path, osu018: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed: apt-get install iverilog")
    bench = """
module bench;
  reg d, r, s, c; wire q;
  DFFSR u (.D(d), .R(r), .S(s), .CLK(c), .Q(q));
  task show; begin #1 $write("%b", q); end endtask
  initial begin
    d = 1; r = 1; s = 1; c = 0; show;
    r = 0; show;  // clear without a clock
    r = 1; show;  // stays
    c = 1; show;  // clocks one in
    d = 0; show;
    c = 0; show;
    c = 1; show;  // clocks zero in
    s = 0; show;  // preset
    c = 0; c = 1; show;  // preset holds against the clock
    s = 1; show;
    $display;
  end
endmodule
"""
    source = tmp_path / "bench.v"
    source.write_text(cell_models(read_corner([osu018]), ["DFFSR"]) + bench)
    subprocess.run(["iverilog", "-g2005", "-Wall", "-o", tmp_path / "bench", source], check=True)
    said = subprocess.run(["vvp", "-n", tmp_path / "bench"], capture_output=True, text=True, check=True).stdout
    assert re.sub(r"\s", "", said) == "x00111" + "0111"
