# SPDX-License-Identifier: Apache-2.0
"""cocotb bench that plays mixed traffic into an array or the matrix unit and records its ports, to be played as gates.

``traffic.json`` says how many clock cycles are wanted, of which ports, which weights each frequency class may use, and
which transitions of activations are slow;
``ports.txt`` is what was recorded. Streams stall, tiles of all classes follow each other, so that the clock changes,
and every result is compared with the model as in the bench of the design, whose name the test has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cocotb
import numpy as np
import tb_systolic_os
import tb_systolic_ws
import tb_tensor_core
from cocotb.handle import HierarchyObject
from components.array_bench import STREAMS, ArrayBench
from components.packing import I64
from components.port_recorder import PortRecorder

TURN = 6
"""Tiles or matrices between two changes of what stalls."""
STALLED = 0.4
"""Share of the turns in which a stream stalls."""


class Traffic:
    """What is asked for, and the recorder.

    Attributes:
        weights: values that tiles of each class may use.
    """

    def __init__(self, dut: HierarchyObject) -> None:
        settings = json.loads(Path("traffic.json").read_text(encoding="utf-8"))
        self.weights: dict[int, list[int]] = {int(kind): values for kind, values in settings["weights"].items()}
        self._slow = np.array(settings["slow"], np.int64)
        self._cycles: int = settings["cycles"]
        self._recorder = PortRecorder(dut, settings["ports"])

    def activations(self, drawn: I64, generator: np.random.Generator) -> I64:
        """Activations of a tile, int64[slots, lanes]: those drawn, or slow transitions forth and back on each lane."""
        if not len(self._slow) or generator.random() < 0.5:
            return drawn
        slots, lanes = drawn.shape
        return self._slow[generator.integers(0, len(self._slow), lanes)][:, np.arange(slots) % 2].T

    async def play(
        self, bench: ArrayBench | tb_tensor_core.Bench, turn: Callable[[], None], stall: Callable[[], None]
    ) -> None:
        """Turns until enough is recorded; what the last of them adds is judged as well, and not written."""
        await bench.clock.reset()
        while len(self._recorder.rows) < self._cycles:
            stall()
            turn()
            await bench.drained()
        self._recorder.write(Path("ports.txt"), self._cycles)
        await bench.finish(1)

    async def play_array(self, bench: ArrayBench, turn: Callable[[], None]) -> None:
        """Turns of an array, whose clock generator takes its time."""
        bench.generator.wait = lambda: bench.random.choice((0, 0, 1, 5))
        await self.play(bench, turn, lambda: bench.stall(**dict.fromkeys(stalled(bench, STREAMS), bench.some_stalls)))


def stalled(bench: ArrayBench | tb_tensor_core.Bench, streams: Sequence[str]) -> list[str]:
    """The streams that stall next."""
    return [name for name in streams if bench.random.random() < STALLED]


@cocotb.test()
async def systolic_ws(dut: HierarchyObject) -> None:
    """Output tiles whose k-tiles may have any class."""
    bench, traffic = tb_systolic_ws.Bench(dut), Traffic(dut)
    shape = bench.shape

    def turn() -> None:
        for _ in range(TURN):
            tile = bench.random_tile(list(traffic.weights))
            blocks = [bench.numpy.choice(traffic.weights[k], (shape.rows, shape.columns)) for k in tile.classes]
            activation = traffic.activations(tile.activation, bench.numpy)
            bench.play(replace(tile, weight=np.concatenate(blocks), activation=activation))

    await traffic.play_array(bench, turn)


@cocotb.test()
async def systolic_os(dut: HierarchyObject) -> None:
    """Tiles of any class."""
    bench, traffic = tb_systolic_os.Bench(dut), Traffic(dut)

    def turn() -> None:
        for _ in range(TURN):
            tile = bench.random_tile(list(traffic.weights))
            drawn = bench.numpy.choice(traffic.weights[tile.frequency_class], tile.weight.shape)
            activation = traffic.activations(tile.activation.T, bench.numpy).T
            bench.play(replace(tile, weight=drawn, activation=activation))

    await traffic.play_array(bench, turn)


@cocotb.test()
async def tensor_core(dut: HierarchyObject) -> None:
    """Matrices of any values: the unit has no classes."""
    bench, traffic = tb_tensor_core.Bench(dut), Traffic(dut)
    streams = tb_tensor_core.STREAMS
    await traffic.play(bench, lambda: bench.play(TURN), lambda: bench.stall(tuple(stalled(bench, streams))))
