# SPDX-License-Identifier: Apache-2.0
"""A whole small array as gates with its streams, two classes of weights and a clock that changes between them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from halo.flow.gate_level.array import CutGates, cut_gates
from halo.flow.gate_level.recording import CHANGING, Recording, record
from halo.flow.gate_level.unit import GateUnit
from halo.flow.simulators.benches import find_bench
from halo.flow.simulators.clocked_cycles import ClockedPlayer
from halo.netlist.sources import Sources

pytestmark = [
    pytest.mark.tools,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("vvp") is None, reason="Icarus Verilog is not installed"),
]

SIZE = {"ROWS": 2, "COLUMNS": 1, "CLASS_WIDTH": 1}
SIZES = {"systolic_ws": SIZE | {"DEPTH": 2}, "systolic_os": SIZE}
# Elements in a column, registers of the streams and their skew before them.
ACTIVATIONS = {"systolic_ws": 2 + 1 + 2, "systolic_os": 2 + 2 * 2 + 1}
ALL, FAST, SLOW = tuple(range(-128, 128)), tuple(range(-128, 128, 32)), 127


def traffic(bench: str, gates: CutGates, fast: tuple[int, ...], cycles: int, folder: Path) -> Recording:
    """Mixed traffic with any weight in class 0 and some in class 1."""
    netlist = gates.design.clocked.netlist
    ports = [port for port in (*netlist.inputs, *netlist.outputs) if port != "clk_i"]
    return record(bench, SIZES[bench], ports, {0: ALL, 1: fast}, cycles, folder)


@pytest.mark.parametrize("array", SIZES)
def test_two_classes_and_a_change_of_the_clock(osu018: Path, tmp_path: Path, array: str) -> None:
    bench = find_bench(array)
    gates = cut_gates(
        bench.toplevel,
        bench.values(SIZES[array]),
        [osu018],
        tmp_path / "gates",
        sources=Sources(bench.sources),
        max_fanout=16,
    )
    unit = GateUnit(gates, traffic(array, gates, FAST, 600, tmp_path / "fast"), 2, 1, 8, 8, 0)
    classes = unit.recording.classes
    assert all((classes == kind).sum() > 60 for kind in (0, 1, CHANGING))
    assert (np.diff(classes) != 0).sum() > 20
    assert unit.recording.taken("m_axis_result").sum() > 20
    assert len(unit.activations) == ACTIVATIONS[array]
    slow, fast = unit.period(None).period_fs, unit.period(FAST, 1).period_fs
    assert fast < 0.95 * slow

    player = ClockedPlayer(gates.design, gates.library, tmp_path / "play", waived=unit.element_ends)
    cycles = unit.cycles(unit.recording)
    held = player.play(cycles, (slow, fast, slow))
    assert (held.cycles, held.wrong, held.late) == (600, 0, 0)
    assert 0.8 * fast < held.needed_fs <= fast and held.needed_by_clock_fs[0] > fast
    edge, short = player.sweep(cycles, [(slow, held.needed_fs - less, slow) for less in (1, held.needed_fs // 4)])
    assert edge.late > 0 and edge.wrong == 0 and short.wrong > 0
    outside = unit.cycles(traffic(array, gates, (SLOW,), 300, tmp_path / "slow"))
    failed = player.play(outside, (slow, fast, slow))
    assert failed.late > 0 and failed.wrong > 0
