# SPDX-License-Identifier: Apache-2.0
"""The packed gate simulation against integers, and Yosys in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.synth.gatesim import evaluate, next_state, outputs, read_gates
from halo.synth.yosys import quoted, run_yosys

Write = Callable[[str], Path]


def bits(values: list[int], width: int) -> np.ndarray:
    """uint64[width, 1] with one pattern a value."""
    return np.array([[sum(((v >> b) & 1) << i for i, v in enumerate(values))] for b in range(width)], np.uint64)


def test_an_adder_with_a_register(tmp_path: Path, verilog: Write) -> None:
    source = verilog(
        "module t(input c, input [3:0] a, input [3:0] b, output [4:0] s, output reg [3:0] q);\n"
        "  assign s = a + b;\n  always @(posedge c) q <= q ^ a;\nendmodule\n"
    )
    path = tmp_path / "t.json"
    run = run_yosys(
        [f"read_verilog {quoted(source)}", "synth -noabc -top t", f"write_json {quoted(path)}"], tmp_path, "t"
    )
    assert run.error is None
    design = read_gates(path, "t")
    a, b, q = [0, 3, 9, 15], [0, 1, 9, 15], [5, 6, 7, 8]
    register = {net: n for n, net in enumerate(design.outputs["q"])}
    order = [register[net] for _, net in design.flops]
    state = bits(q, 4)[order]
    values = evaluate(design, {"a": bits(a, 4), "b": bits(b, 4)}, state)
    mask = np.uint64(15)
    expected = bits([x + y for x, y in zip(a, b, strict=True)], 5)
    assert np.array_equal(outputs(design, values)["s"] & mask, expected)
    after = bits([x ^ y for x, y in zip(q, a, strict=True)], 4)[order]
    assert np.array_equal(next_state(design, values) & mask, after)


def test_cells_that_are_not_simulated(tmp_path: Path, verilog: Write) -> None:
    source = verilog("module t(input e, input d, output reg q); always @* if (e) q = d; endmodule\n")
    path = tmp_path / "t.json"
    run_yosys([f"read_verilog {quoted(source)}", "synth -noabc -top t", f"write_json {quoted(path)}"], tmp_path, "t")
    with pytest.raises(HaloError, match="holds a DLATCH"):
        read_gates(path, "t")


def test_a_failing_pass_is_told(tmp_path: Path) -> None:
    run = run_yosys(["read_verilog nowhere.v"], tmp_path, "x")
    assert run.error is not None and "nowhere.v" in run.error
    assert run.version.startswith("Yosys 0.")
    assert (tmp_path / "x.ys").read_text() == run.script == "read_verilog nowhere.v\n"
    assert (tmp_path / "x.log").read_text() == run.log


def test_a_path_that_no_script_can_hold(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="double quote"):
        quoted(Path('a"b.v'))


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_interruption_ends_yosys(tmp_path: Path, verilog: Write) -> None:
    """Ctrl-C while Yosys works: our process ends with KeyboardInterrupt, and Yosys does not live on."""
    source = verilog(
        "module t(input [63:0] a, input [63:0] b, output [127:0] p); assign p = a * b * a * b * a * b; endmodule\n"
    )
    program = (
        "from pathlib import Path\nfrom halo.synth.yosys import quoted, run_yosys\n"
        f"run_yosys(['read_verilog ' + quoted(Path({str(source)!r})), 'synth -top t', 'abc', 'abc'],"
        f" Path({str(tmp_path)!r}), 'long')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)

    def workers() -> list[str]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if str(tmp_path / "long.ys").encode() in command:
                    found.append(entry.name)
        return found

    until = time.monotonic() + 30
    while not workers() and time.monotonic() < until:
        time.sleep(0.05)
    assert workers()
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in said
    assert workers() == []
