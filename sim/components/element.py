# SPDX-License-Identifier: Apache-2.0
"""Drives a processing element with prepared inputs and compares every output in every cycle with its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cocotb.handle import HierarchyObject
from components.clock_reset import ClockReset
from components.scoreboard import Scoreboard
from models.pe import ELEMENTS, Shape

from halo.arch.systolic.registers import multiplier_registers

Stimulus = Mapping[str, Sequence[int]]
"""Values of every input port, one a cycle, signed; names without the direction suffix."""


class ElementBench:
    """One element, its clock and its scoreboards.

    Attributes:
        results: sums against the model's.
        control: control bits that the element hands on, in every cycle.
        passed: numbers that the element hands on, in every cycle in which they count.
    """

    def __init__(self, dut: HierarchyObject) -> None:
        names = ("WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "PIPELINE", "CARRY_SAVE")
        weight, activation, acc, pipeline, carry_save = (int(getattr(dut, name).value) for name in names)
        corrected = dut._name == "pe_ws" and int(dut.CORRECTION.value)
        self.dut = dut
        self.shape = Shape(
            *(weight, activation, acc, multiplier_registers(pipeline), bool(carry_save)),
            _text(dut.MULTIPLIER) if corrected else "",
        )
        self.model = ELEMENTS[dut._name](self.shape)
        self.results = Scoreboard(acc)
        self.control = Scoreboard(1, len(self.model.CONTROL), "control bits")
        self.passed = Scoreboard(max(weight, activation), len(self.model.DATA), "numbers passed on")
        self._inputs = dict.fromkeys(self.model.INPUTS, 0)
        self._stimulus: Stimulus = {}
        self._played = self._count = 0
        self._drive(self._inputs)
        self.clock = ClockReset(dut)
        self.clock.serve(self._edge, self._restart)

    def begin(self, stimulus: Stimulus) -> None:
        """Play inputs from the next cycle on."""
        assert set(stimulus) == set(self.model.INPUTS)
        self._stimulus, self._played = stimulus, 0
        self._count = len(stimulus["weight"])

    async def play(self, stimulus: Stimulus) -> None:
        """Return when all inputs were played and everything they cause has come out."""
        self.begin(stimulus)
        await self.clock.until(lambda: self._played == self._count, self._count + 1)
        await self.clock.cycles(6)

    def finish(self, at_least: int) -> None:
        """Fail unless all outputs were right and enough results came."""
        self.control.finish(self.clock.cycle // 2)
        self.passed.finish(self.clock.cycle // 2)
        self.results.finish(at_least)

    def _edge(self) -> None:
        self._compare()
        self.model.clock(self._inputs)
        if self._played < self._count:
            self._drive({name: values[self._played] for name, values in self._stimulus.items()})
            self._played += 1
        elif any(self._inputs.values()):
            self._drive(dict.fromkeys(self._inputs, 0))

    def _compare(self) -> None:
        model, width = self.model, self.passed.width
        control = {name: self._read(name) for name in model.CONTROL}
        self.control.expect(_packed(model.control.values(), 1), lambda n: f"{model.CONTROL[n]}_o")
        self.control.saw(_packed(control.values(), 1))
        known = {name: value for name, value in model.data.items() if value is not None}
        found = [self._read(name) if name in known else 0 for name in model.DATA]
        wanted = [known.get(name, 0) & ((1 << len(self._output(name))) - 1) for name in model.DATA]
        self.passed.expect(_packed(wanted, width), lambda n: f"{model.DATA[n]}_o")
        self.passed.saw(_packed(found, width))
        if model.result is not None:
            self.results.expect(model.result)
        valid, result = model.RESULT
        if control[valid]:
            self.results.saw(self.shape.total(self._read(result)))

    def _drive(self, inputs: Mapping[str, int]) -> None:
        self._inputs = dict(inputs)
        for name, value in inputs.items():
            getattr(self.dut, f"{name}_i").value = value

    def _output(self, name: str) -> HierarchyObject:
        return getattr(self.dut, f"{name}_o")

    def _read(self, name: str) -> int:
        return int(self._output(name).value)

    def _restart(self) -> None:
        self.model.reset()
        self._count = self._played
        self._drive(dict.fromkeys(self._inputs, 0))


def _text(parameter: HierarchyObject) -> str:
    value = parameter.value
    if not isinstance(value, bytes):  # a vector of characters
        value = int(value).to_bytes(len(value) // 8, "big")
    return value.decode()


def _packed(values: Iterable[int], width: int) -> int:
    return sum(value << (n * width) for n, value in enumerate(values))
