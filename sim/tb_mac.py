"""cocotb bench of every MAC and multiplier, at RTL or gate level: each sum must be ``psum + weight * activation``.

Top level ``mac_lanes`` (``components/mac_lanes.v``), which carries the module under test and its widths. Operands of up
to 16 bits together are played in all pairs, wider ones at random; both with random partial sums (zero for multipliers),
new in every step or kept for ``+psum_hold=N`` steps. Seeded by cocotb.
"""

from __future__ import annotations

from dataclasses import replace

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.driver import LaneDriver
from components.monitor import SumMonitor
from components.operands import Operands, Widths, corner_operands, every_pair, random_operands
from components.scoreboard import Scoreboard

EXHAUSTIVE_BITS = 16
RANDOM_COUNT = 2_000


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
        assert len(operands) == 2 ** (widths.weight + widths.activation)
    else:
        operands = random_operands(widths, RANDOM_COUNT, generator)
    await _check(dut, operands)


def _widths(dut: HierarchyObject) -> Widths:
    names = ("WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "LANES")
    return Widths(*(int(getattr(dut, name).value) for name in names))


async def _check(dut: HierarchyObject, operands: Operands) -> None:
    widths = _widths(dut)
    if int(dut.ADDS.value) == 0:
        operands = replace(operands, psum=np.zeros_like(operands.psum))
    scoreboard = Scoreboard(widths)
    driver = LaneDriver(dut, widths)
    await driver.settle()
    watching = cocotb.start_soon(SumMonitor(dut, widths, scoreboard.saw).run())
    for step in operands.steps(widths.lanes):
        scoreboard.expect(step)
        await driver.play(step)
    watching.cancel()
    scoreboard.finish(at_least=len(operands))
    dut._log.info("%d sums compared, all equal", scoreboard.compared)
