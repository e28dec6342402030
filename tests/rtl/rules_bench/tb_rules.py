# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of any design with streams that compares nothing: only the design's own rules can end its tests."""

from __future__ import annotations

import random

import cocotb
from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset
from components.stream import StreamSource, sometimes

INPUTS = {
    "systolic_ws": ("s_axis_command", "s_axis_weight", "s_axis_activation"),
    "systolic_os": ("s_axis_command", "s_axis_weight", "s_axis_activation"),
    "mma_unit": ("s_axis_a", "s_axis_b", "s_axis_c"),
}
CYCLES = 3_000


@cocotb.test()
async def traffic(dut: HierarchyObject) -> None:
    """Random beats on all inputs, a reader that stalls, a clock generator that answers, resets."""
    generator = random.Random(cocotb.RANDOM_SEED)
    clock = ClockReset(dut)
    sources = [StreamSource(dut, name, clock, sometimes(0.3, generator)) for name in INPUTS[dut._name]]
    ready = dut.m_axis_d_tready if dut._name == "mma_unit" else dut.m_axis_result_tready
    ready.value = 0

    def answer() -> None:
        ready.value = generator.random() < 0.5
        if dut._name != "mma_unit":
            dut.clock_acknowledge_i.value = dut.clock_request_o.value

    if dut._name != "mma_unit":
        dut.clock_acknowledge_i.value = 0
    clock.serve(answer)
    for _ in range(3):
        await clock.reset()
        for source, name in zip(sources, INPUTS[dut._name], strict=True):
            width = len(getattr(dut, f"{name}_tdata"))
            source.send([_beat(dut, name, generator.getrandbits(width)) for _ in range(CYCLES)])
        await clock.cycles(CYCLES)
        assert all(len(source.taken) > 50 for source in sources)


def _beat(dut: HierarchyObject, name: str, drawn: int) -> int:
    """A random beat, of the commands one with few steps or, in systolic_ws, with a k-tile that is first and last."""
    if name != "s_axis_command":
        return drawn
    return drawn & ~0xFFF0 | 1 if dut._name == "systolic_os" else drawn | 0b1100


@cocotb.test()
async def withdrawn(dut: HierarchyObject) -> None:
    """The second input stream takes its beat back while the design is not ready."""
    clock = ClockReset(dut)
    sources = [StreamSource(dut, name, clock) for name in INPUTS[dut._name]]
    await clock.reset()
    sources[1].send([0] * 20)
    await clock.cycles(10)
    getattr(dut, f"{INPUTS[dut._name][1]}_tvalid").value = 0
    await clock.cycles(5)
