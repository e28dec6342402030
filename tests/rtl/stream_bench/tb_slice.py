# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of ``slice``: what goes in comes out. ``+disconnected``: no monitor; ``+silent``: no report."""

from __future__ import annotations

import random

import cocotb
from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset
from components.report import Report
from components.scoreboard import Scoreboard
from components.stream import StreamSink, StreamSource, bursts, never, sometimes

PACKETS, LENGTH = 20, 15


@cocotb.test()
async def beats(dut: HierarchyObject) -> None:
    width = int(dut.WIDTH.value)
    generator = random.Random(cocotb.RANDOM_SEED)
    scoreboard = Scoreboard(width + 1, unit="beats")

    def received(data: int, last: bool) -> None:
        if "disconnected" not in cocotb.plusargs:
            scoreboard.saw(data | last << width)

    clock = ClockReset(dut)
    source = StreamSource(dut, "s_axis_in", clock)
    sink = StreamSink(dut, "m_axis_out", clock, received)
    await clock.reset()
    for stalls in ((never, never), (sometimes(0.3, generator), never), (never, bursts(4, generator))):
        source.stall, sink.stall = stalls
        for _ in range(PACKETS):
            packet = [generator.getrandbits(width) for _ in range(LENGTH)]
            for n, beat in enumerate(packet):
                scoreboard.expect(beat | (n == LENGTH - 1) << width)
            source.send(packet)
        start, sent = clock.cycle, len(source.taken)
        await clock.until(lambda: source.idle)
        await clock.cycles(20)
        if stalls == (never, never):
            assert source.taken[-1] - source.taken[sent] == PACKETS * LENGTH - 1, "a source without stalls has gaps"
            assert source.taken[sent] == start + 2
    assert source.unasked and sink.unasked, "the design waits for the other end of a stream"
    scoreboard.finish(3 * PACKETS * LENGTH)
    assert len(sink.taken) == len(source.taken) == scoreboard.compared
    if "silent" not in cocotb.plusargs:
        Report(scoreboard.compared, scoreboard.sent, clock.cycle).write()
