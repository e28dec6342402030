# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of ``halo crosscheck``: plays transitions on a timed netlist and notes what each one did.

The top level (written by ``halo.flow.simulators.transitions``) carries a transition out by itself: a change of ``go``
sets the sources to ``before``, lets everything settle, sets them to ``after`` at a known instant (clocking once a
pipeline stage) and changes ``done``. This bench feeds it whole vectors from ``transitions.txt``, a line each, and
writes ``observations.txt``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cocotb
from cocotb.handle import HierarchyObject

TRANSITIONS = Path("transitions.txt")
OBSERVATIONS = Path("observations.txt")


@dataclass(frozen=True)
class Transition:
    """Values of all sources before and after, as binary strings of the top level's vectors."""

    before: str
    after: str


@dataclass(frozen=True)
class Observation:
    """What one transition did.

    Attributes:
        last_fs: time of the last change of an endpoint after its launching edge; 0 if none changed.
        toggles: changes of all gate outputs.
        outputs: settled output bits, x and z included.
    """

    last_fs: int
    toggles: int
    outputs: str

    def __str__(self) -> str:
        return f"{self.last_fs} {self.toggles} {self.outputs}"


class TransitionDriver:
    """Hands transitions to the top level, one at a time."""

    def __init__(self, dut: HierarchyObject) -> None:
        self.dut = dut
        self.played = 0

    async def play(self, transition: Transition) -> None:
        """Return when the transition has settled."""
        self.played += 1
        self.dut.before_values.value = transition.before
        self.dut.after_values.value = transition.after
        self.dut.go.value = self.played & 1
        await self.dut.done.value_change


class SettlingMonitor:
    """Reads the top level's observations of the transition just played."""

    def __init__(self, dut: HierarchyObject) -> None:
        self.dut = dut

    def observation(self) -> Observation:
        """Settling time, toggles and outputs."""
        dut = self.dut
        last, toggles = dut.last_fs.value.to_unsigned(), dut.toggles.value.to_unsigned()
        return Observation(last, toggles, str(dut.output_values.value))

    def gates(self) -> list[int]:
        """Changes of each gate's output, then the time of the last change of each."""
        arrays = (self.dut.gate_toggles, self.dut.gate_last_fs)
        return [entry.value.to_unsigned() for array in arrays for entry in array]


def read_transitions(lines: Iterable[str]) -> Iterator[Transition]:
    """One transition a line: both vectors, most significant bit first, a blank between."""
    for line in lines:
        before, after = line.split()
        yield Transition(before, after)


@cocotb.test()
async def play_transitions(dut: HierarchyObject) -> None:
    """Play every transition of the file. Where the top level observes each gate, its numbers follow the outputs."""
    driver, monitor = TransitionDriver(dut), SettlingMonitor(dut)
    each_gate = int(dut.EACH_GATE.value) == 1
    with TRANSITIONS.open() as transitions, OBSERVATIONS.open("w") as observations:
        for transition in read_transitions(transitions):
            await driver.play(transition)
            gates = monitor.gates() if each_gate else []
            observations.write(" ".join([str(monitor.observation()), *map(str, gates)]) + "\n")
