# SPDX-License-Identifier: Apache-2.0
"""cocotb bench that plays ``stimulus.json`` into an array and writes what it saw to ``recorded.json``; judges nothing.

Clock 0 of a case is the first in which a stream may offer a beat.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import cocotb
from cocotb.handle import HierarchyObject
from components.clock_generator import ClockGenerator
from components.clock_reset import ClockReset
from components.report import Report
from components.stream import StreamSink, StreamSource

STREAMS = ("command", "weight", "activation", "result")


class Elements:
    """How many elements hold an activation that counts, and over which weights, in each clock; Icarus only."""

    def __init__(self, dut: HierarchyObject, clock: ClockReset, generator: ClockGenerator) -> None:
        self.counts: list[int] = []
        self.weight_activity: Counter[tuple[int, int]] = Counter()
        rows, columns = int(dut.ROWS.value), int(dut.COLUMNS.value)
        mesh = dut.u_mesh.g_row
        elements = [mesh[r].g_column[c].u_pe for r in range(rows) for c in range(columns)]
        self._registers = [(element.valid_q, element.weight_q) for element in elements]
        self._generator = generator
        clock.serve(self._edge)

    def _edge(self) -> None:
        held = [weight.value.to_signed() for valid, weight in self._registers if valid.value]
        self.counts.append(len(held))
        self.weight_activity.update((self._generator.frequency_class, weight) for weight in held)


@cocotb.test()
async def record(dut: HierarchyObject) -> None:
    clock = ClockReset(dut)
    sums: list[int] = []
    sources = {name: StreamSource(dut, f"s_axis_{name}", clock) for name in STREAMS[:3]}
    sink = StreamSink(dut, "m_axis_result", clock, lambda beat, last: sums.append(beat))
    streams = {**sources, "result": sink}
    generator = ClockGenerator(dut, clock)
    elements = Elements(dut, clock, generator) if cocotb.SIM_NAME.startswith("Icarus") else None
    slots: list[int] = []  # cycle in which each activation goes into the array
    changed: list[int] = []  # cycle from which on the clock is another one

    def watch() -> None:
        if generator.changes > len(changed):
            changed.append(clock.cycle + 1)
        if dut._name == "systolic_os" and dut.slot.value and not dut.clear.value:
            slots.append(clock.cycle - 1)

    clock.serve(watch)
    recorded = []
    for case in json.loads(Path("stimulus.json").read_text(encoding="utf-8")):
        generator.wait = lambda: 0
        await clock.reset()
        origin = clock.cycle + 2
        waits = iter([wait - 1 for pair in case["waits"] for wait in pair])
        generator.wait = lambda waits=waits: next(waits)
        before = len(changed)
        sums.clear()
        slots.clear()
        for name, stream in streams.items():
            stream.taken.clear()
            flags = case["stalls"][name]
            stream.stall = lambda cycle, flags=flags, origin=origin: (cycle + 1 - origin) in flags
        for name, source in sources.items():
            source.send(case[name])
        if elements is not None:
            elements.counts.clear()
            elements.weight_activity.clear()
        await clock.until(lambda due=case["due"]: len(sums) >= due)
        await clock.cycles(3 * (int(dut.ROWS.value) + int(dut.COLUMNS.value) + 3))
        recorded.append(
            {name: [cycle - origin for cycle in stream.taken] for name, stream in streams.items()}
            | {"slots": [cycle - origin for cycle in slots or streams["activation"].taken]}
            | {"sums": list(sums), "changed": [cycle - origin for cycle in changed[before:]]}
            # the first edge of a case comes before clock 0
            | (
                {}
                if elements is None
                else {"counts": elements.counts[1:], "weight_activity": [*elements.weight_activity.items()]}
            )
        )
    Path("recorded.json").write_text(json.dumps(recorded), encoding="utf-8")
    Report(sum(len(case["sums"]) for case in recorded), len(sums), clock.cycle).write()
