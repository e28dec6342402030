# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the floating-point MAC: each sum must be what binary32 arithmetic gives, bit by bit.

Top level ``mac_fp16_lanes``; PIPELINE says whether the product is registered. ``+count=N`` random operands a kind.
Seeded by cocotb.
"""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from cocotb.triggers import Timer
from components.coverage import Coverage
from components.float_operands import HARD, FloatOperands, corner_operands, random_patterns
from components.packing import pack
from components.report import Report
from components.scoreboard import Explain, Scoreboard

COUNT = 250


@cocotb.test()
async def corners(dut: HierarchyObject) -> None:
    """Zeros, smallest and largest numbers, infinities and NaN of both signs, in all combinations."""
    operands, coverage = corner_operands(), Coverage()
    operands.cover_kinds(coverage)
    await _check(dut, [operands], coverage)


@cocotb.test()
async def random(dut: HierarchyObject) -> None:
    """Every bit at random, alignments of any distance, cancellations and ties."""
    generator = np.random.default_rng(cocotb.RANDOM_SEED)
    count = int(cocotb.plusargs.get("count", COUNT))
    coverage = Coverage()
    batches = [kind(count, generator) for kind in (random_patterns, *HARD)]
    for operands in batches:
        operands.cover_rounding(coverage)
    await _check(dut, batches, coverage)


async def _check(dut: HierarchyObject, batches: list[FloatOperands], coverage: Coverage) -> None:
    coverage.require()
    lanes, pipeline = int(dut.LANES.value), int(dut.PIPELINE.value)
    scoreboard = Scoreboard(32, lanes, "sums")
    dut.clk_i.value = 0
    steps = 0
    for operands in batches:
        steps += await _play(dut, operands.filled(lanes), lanes, pipeline, scoreboard)
    scoreboard.finish(at_least=sum(map(len, batches)))
    Report(scoreboard.compared, scoreboard.sent, steps, coverage.hits).write()


async def _play(
    dut: HierarchyObject, operands: FloatOperands, lanes: int, pipeline: int, scoreboard: Scoreboard
) -> int:
    """Play one batch; with a pipeline the next operands are at the ports when a sum is read. Returns the steps."""

    def explain(first: int) -> Explain:
        return lambda lane: " ".join(f"{column[first + lane]:x}" for column, _ in columns[:3])

    columns = ((operands.weight, 16), (operands.activation, 16), (operands.psum, 32), (operands.sums, 32))
    weights, activations, psums, sums = (
        pack(values.astype(np.int64).reshape(-1, lanes), width) for values, width in columns
    )
    dut.weights_i.value, dut.activations_i.value = weights[0], activations[0]
    await Timer(1, "ns")
    for n, wanted in enumerate(sums):
        if pipeline:
            dut.clk_i.value = 1
            await Timer(1, "ns")
        following = min(n + pipeline, len(sums) - 1)
        dut.weights_i.value, dut.activations_i.value = weights[following], activations[following]
        dut.psums_i.value = psums[n]
        dut.clk_i.value = 0
        await Timer(1, "ns")
        scoreboard.expect(wanted, explain(n * lanes))
        scoreboard.saw(dut.sums_o.value.to_unsigned())
    return len(sums)
