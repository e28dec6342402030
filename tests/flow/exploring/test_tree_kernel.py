# SPDX-License-Identifier: Apache-2.0
"""The plan of the compressor tree: the one that Icarus Verilog works out of the RTL, entry by entry."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from halo.flow.exploring.tree_kernel import DELAYS, NONE, ZERO_ROW, plan_tree, settling
from halo.flow.runs.assets import rtl_folder

RNG = np.random.default_rng(7)
FILES = ("compressor_tree", "full_adder", "half_adder", "half_adder_one")


def hexadecimal(values: list[int], bits: int) -> str:
    word = sum(value << (bits * i) for i, value in enumerate(values))
    return f"{bits * len(values)}'h{word:x}"


@pytest.mark.tools
def test_plans_are_those_of_the_rtl(tmp_path: Path) -> None:
    """Forty random trees: rows, columns, constants, arrivals, shares and seeds."""
    trees, benches = [], []
    for i in range(40):
        rows, width = int(RNG.integers(2, 10)), int(RNG.integers(3, 20))
        signal = RNG.random((rows, width)) < 0.7
        ones = RNG.random(width) < (0.4 if i % 2 else 0)
        arrival = RNG.integers(0, 30, rows)
        held = RNG.random(rows) < 0.4
        class_arrival = np.where(held, ZERO_ROW, arrival)
        share, seed = int(RNG.choice([0, 20, 50, 100])), int(RNG.choice([0, 1, 77, 4095]))
        trees.append((signal, ones, arrival, class_arrival, share, seed))
        benches.append(
            f"""compressor_tree #(.ROWS({rows}), .WIDTH({width}),
                .SIGNAL({hexadecimal(signal.ravel().astype(int).tolist(), 1)}),
                .ONES({hexadecimal(ones.astype(int).tolist(), 1)}),
                .ARRIVAL({hexadecimal(arrival.tolist(), 8)}), .CLASS_ARRIVAL({hexadecimal(class_arrival.tolist(), 8)}),
                .CLASS_SHARE({share}), .SEED({seed})) u_{i} (.rows_i({rows * width}'d0), .sum_o(), .carry_o());
               initial $display("%h", u_{i}.PLAN);"""
        )
    bench = tmp_path / "bench.v"
    bench.write_text("module bench;\n" + "\n".join(benches) + "\nendmodule\n")
    sources = [str(rtl_folder() / "mac" / f"{name}.v") for name in FILES]
    program = tmp_path / "bench.vvp"
    subprocess.run(["iverilog", "-g2005", "-o", program, bench, *sources], check=True, timeout=120)
    told = subprocess.run(["vvp", "-n", program], check=True, capture_output=True, text=True, timeout=120).stdout
    lines = told.split()
    assert len(lines) == len(trees)
    for line, tree in zip(lines, trees, strict=True):
        rows, width = tree[0].shape
        word = int(line, 16)
        numbers = np.array([(word >> (8 * i)) & 255 for i in range(width * (3 * rows + 2))]).reshape(width, -1)
        plan, left = plan_tree(*tree)
        np.testing.assert_array_equal(plan, numbers[:, : 3 * rows].reshape(width, rows, 3)[:, :, ::-1])
        np.testing.assert_array_equal(left, numbers[:, 3 * rows :])


def test_a_full_adder_by_hand() -> None:
    """Three rows of one column: two exclusive-ors from the first two rows, one from the last."""
    rows = np.ones((3, 1), np.bool_)
    arrival = np.array([0, 0, 6])
    plan, left = plan_tree(rows, np.zeros(1, np.bool_), arrival, arrival, 0, 0)
    assert plan[0, 0, 0] == NONE or plan[0, 0, 2] == NONE  # three are left: a half adder
    four = np.ones((4, 1), np.bool_)
    arrival = np.array([0, 0, 6, 20])
    plan, left = plan_tree(four, np.zeros(1, np.bool_), arrival, arrival, 0, 0)
    assert plan[0, 0].tolist() == [2, 1, 0] and sorted(left[0].tolist()) == [3, 5]
    ready, delays = arrival.astype(np.float64), np.array(DELAYS)
    assert settling(plan, left, ready, np.zeros(4, np.bool_), delays) == (20.0, 20.0)
    # The last row is zero in the class: what is left is the adder's sum, at 6 + 4 or 0 + 8.
    assert settling(plan, left, ready, np.array([False, False, False, True]), delays) == (20.0, 10.0)
    # Where the first two are, the third passes one exclusive-or, and no carry moves.
    assert settling(plan, left, ready, np.array([True, True, False, True]), delays) == (20.0, 10.0)
