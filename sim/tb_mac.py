# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of every MAC and multiplier, at RTL or gate level: each sum must be ``psum + weight * activation``.

Top level ``mac_lanes`` (``components/mac_lanes.v``), which carries the module under test and its widths. Operands of up
to 16 bits together are played in all pairs, wider ones in the corners and at random, ``+count=N`` of them (default
2,000); all with random partial sums (zero for multipliers), new in every step or kept for ``+psum_hold=N`` steps.
Seeded by cocotb.
"""

from __future__ import annotations

from dataclasses import replace

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.coverage import Coverage
from components.lanes import LaneDriver, SumMonitor
from components.operands import Operands, Widths, corner_operands, every_pair, random_operands
from components.report import Report
from components.scoreboard import Explain, Scoreboard

EXHAUSTIVE_BITS = 16


@cocotb.test()
async def corners(dut: HierarchyObject) -> None:
    """Smallest and largest operands and those around zero, in all combinations."""
    await _check(dut, corner_operands(_widths(dut)))


@cocotb.test()
async def all_pairs_or_random(dut: HierarchyObject) -> None:
    """Every pair of operands, or random ones where there are too many."""
    widths = _widths(dut)
    generator = np.random.default_rng(cocotb.RANDOM_SEED)
    if widths.weight + widths.activation <= EXHAUSTIVE_BITS:
        operands = every_pair(widths, generator, int(cocotb.plusargs.get("psum_hold", 1)))
        assert len(operands) >= 2 ** (widths.weight + widths.activation)
    else:
        corner, count = corner_operands(widths), int(cocotb.plusargs.get("count", 2_000))
        operands = corner + random_operands(widths, count - len(corner), generator)
    await _check(dut, operands)


def _widths(dut: HierarchyObject) -> Widths:
    names = ("WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "LANES")
    return Widths(*(int(getattr(dut, name).value) for name in names))


async def _check(dut: HierarchyObject, operands: Operands) -> None:
    widths = _widths(dut)
    operands = operands.filled(widths.lanes)
    if int(dut.ADDS.value) == 0:
        operands = replace(operands, psum=np.zeros_like(operands.psum))
    coverage = Coverage()
    coverage.operands("weight", operands.weight, widths.weight)
    coverage.operands("activation", operands.activation, widths.activation)
    coverage.require()
    scoreboard = Scoreboard(widths.acc, widths.lanes, "sums")
    driver = LaneDriver(dut)
    await driver.settle()
    watching = cocotb.start_soon(SumMonitor(dut, scoreboard.saw).run())
    steps = 0
    for step in operands.steps(widths):
        scoreboard.expect(step.sums, _explain(operands, steps * widths.lanes))
        await driver.play(step)
        steps += 1
    watching.cancel()
    scoreboard.finish(at_least=len(operands))
    Report(scoreboard.compared, scoreboard.sent, steps, coverage.hits).write()


def _explain(operands: Operands, first: int) -> Explain:
    def explain(lane: int) -> str:
        n = first + lane
        return f"{operands.psum[n]} + {operands.weight[n]} * {operands.activation[n]}"

    return explain
