# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the processing elements ``pe_ws`` and ``pe_os``: every output in every cycle, against the models.

The top level's name says which element it is. Its parameters are those of the Verilog. Seeded by cocotb.
"""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.coverage import Coverage
from components.element import ElementBench, Stimulus
from components.element_stimulus import output_stationary, weight_stationary
from components.report import Report

CYCLES = 2_000
STIMULI = {"pe_ws": weight_stationary, "pe_os": output_stationary}


@cocotb.test()
async def random_slots(dut: HierarchyObject) -> None:
    """Random and corner operands, empty slots, weights and tiles that change at every moment they can."""
    bench, coverage = ElementBench(dut), Coverage()
    await bench.clock.reset()
    await bench.play(_stimulus(bench, CYCLES, coverage))
    coverage.require()
    _end(bench, CYCLES // 4, coverage)


@cocotb.test()
async def reset_in_the_middle(dut: HierarchyObject) -> None:
    """A reset among valid slots: nothing of before comes out, and everything after is right."""
    bench, coverage = ElementBench(dut), Coverage(["reset of one clock", "reset of several clocks"])
    generator = np.random.default_rng(cocotb.RANDOM_SEED)
    await bench.clock.reset()
    for cycles in (1, 2, 1, 5):
        stimulus = _stimulus(bench, 100, Coverage())
        bench.begin(stimulus)
        await bench.clock.cycles(int(generator.integers(20, 80)))
        await bench.clock.reset(cycles)
        coverage.hit("reset of one clock" if cycles == 1 else "reset of several clocks")
        await bench.play(stimulus)
    coverage.require()
    _end(bench, 100, coverage)


def _stimulus(bench: ElementBench, cycles: int, coverage: Coverage) -> Stimulus:
    generator = np.random.default_rng(cocotb.RANDOM_SEED)
    return STIMULI[bench.dut._name](bench.shape, cycles, generator, coverage)


def _end(bench: ElementBench, at_least: int, coverage: Coverage) -> None:
    bench.finish(at_least)
    Report(bench.results.compared, bench.results.sent, bench.clock.cycle, coverage.hits).write()
