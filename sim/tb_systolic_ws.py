"""cocotb bench of the weight-stationary array ``systolic_ws``: every sum must be that of the whole matrix product.

All streams stall, the clock changes at bad moments and after any wait, resets fall into the middle, and the cycle
contract of ``halo.arch.ws_cycles`` holds to the clock. Each test plays about ``+tiles=N`` output tiles.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.clock_generator import ClockGenerator
from components.clock_reset import ClockReset
from components.coverage import Coverage
from components.packing import pack
from components.report import Report
from components.scoreboard import Scoreboard
from components.stimulus import mixed_operands
from components.stream import Stall, StreamSink, StreamSource, bursts, never, sometimes
from models.systolic_ws import OutputTile, Shape, output_tiles

from halo.arch.ws_cycles import WsArray, WsTile, ws_schedule

STREAMS = ("command", "weight", "activation", "result")


class Bench:
    """The array with its streams, clock generator and scoreboard."""

    def __init__(self, dut: HierarchyObject) -> None:
        names = ("ROWS", "COLUMNS", "WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "DEPTH")
        self.shape = Shape(*(int(getattr(dut, name).value) for name in names))
        self.array = WsArray(
            self.shape.rows,
            self.shape.columns,
            self.shape.depth,
            int(dut.PIPELINE.value),
            int(dut.SWAP_GAP.value),
        )
        self.class_count = 1 << int(dut.CLASS_WIDTH.value)
        self.tiles = int(cocotb.plusargs.get("tiles", max(40, 120 // self.shape.rows)))
        self.random = random.Random(cocotb.RANDOM_SEED)
        self.numpy = np.random.default_rng(cocotb.RANDOM_SEED)
        self.coverage = Coverage()
        self.scoreboard = Scoreboard(self.shape.acc, self.shape.columns, "sums")
        self.clock = ClockReset(dut)
        self.command = StreamSource(dut, "s_axis_command", self.clock)
        self.weight = StreamSource(dut, "s_axis_weight", self.clock)
        self.activation = StreamSource(dut, "s_axis_activation", self.clock)
        self.result = StreamSink(dut, "m_axis_result", self.clock, self._received)
        self.generator = ClockGenerator(dut, self.clock)
        self._ends: list[bool] = []  # of each row of results: it is the last of its output tile
        self._received_rows = 0
        self._classes: list[int] = []  # of each activation
        self._checked = 0
        self.clock.serve(self._check_class, self._forget)

    def play(self, tile: OutputTile) -> None:
        """Queue an output tile on all streams and what must come of it."""
        shape = self.shape
        number = len(self._ends)
        self.command.send(tile.commands(shape))
        self.weight.send(tile.weight_beats(shape))
        if tile.rows:
            self.activation.send(tile.activation_beats(shape))
        for row, beat in enumerate(pack(tile.sums(shape), shape.acc) if tile.rows else ()):
            self.scoreboard.expect(beat, lambda column, row=number + row: f"row {row}, column {column}")
            self._ends.append(row == tile.rows - 1)
        for kind in tile.classes:
            self._classes += [kind] * tile.rows
        self.coverage.operands("weight", tile.weight.ravel(), shape.weight)
        self.coverage.operands("activation", tile.activation.ravel(), shape.activation)

    def stall(self, **stalls: Callable[[], Stall]) -> None:
        """Stall the streams named (all others flow); each stalled cycle counts in the coverage."""
        for name in STREAMS:
            self._stream(name).stall = self._counted(name, stalls[name]()) if name in stalls else never

    def some_stalls(self) -> Stall:
        """One of several patterns."""
        draw = self.random
        return draw.choice((sometimes(0.1, draw), sometimes(0.6, draw), bursts(3, draw), bursts(30, draw)))

    def random_tile(self, classes: Sequence[int] = (0,), rows: int | None = None) -> OutputTile:
        """Mixed operands, 1 to 3 k-tiles with one of the classes each; mostly short, sometimes the longest."""
        shape, draw = self.shape, self.random
        if rows is None:
            rows = draw.choice((1, draw.randint(1, shape.depth), min(shape.rows, shape.depth), shape.depth))
        count = draw.choice((1, 1, 2, 3))
        inner = count * shape.rows
        return OutputTile(
            mixed_operands((rows, inner), shape.activation, self.numpy),
            mixed_operands((inner, shape.columns), shape.weight, self.numpy),
            tuple(draw.choice(classes) for _ in range(count)),
        )

    async def drained(self) -> None:
        """Return when everything queued has been taken and every sum has come."""
        sources = (self.command, self.weight, self.activation)
        await self.clock.until(lambda: not self.scoreboard.open and all(source.idle for source in sources))

    async def finish(self, at_least: int) -> None:
        """Drain, wait for anything that should not come, check and report."""
        await self.drained()
        await self.clock.cycles(3 * self.array.way)
        self.scoreboard.finish(at_least)
        assert self._received_rows == len(self._ends)
        figures = {"clock_changes": self.generator.changes}
        Report(self.scoreboard.compared, self.scoreboard.sent, self.clock.cycle, self.coverage.hits, figures).write()

    def _received(self, beat: int, last: bool) -> None:
        self.scoreboard.saw(beat)
        assert last == self._ends[self._received_rows], f"tlast of row {self._received_rows} is {last}"
        self._received_rows += 1

    def _check_class(self) -> None:
        """Every activation is taken with the clock of its class, and none while the clock changes."""
        taken = len(self.activation.taken)
        if taken > self._checked:
            kind = self._classes[self._checked]
            assert self.generator.steady, "an activation was taken while the clock changed"
            assert self.generator.frequency_class == kind, f"an activation of class {kind} in another one's clock"
            self._checked = taken
        if self.generator.began and self._checked:
            quiet = self.clock.cycle - self.activation.taken[-1]
            assert quiet > self.array.way, f"a change of the clock {quiet} clocks after an activation"

    def _forget(self) -> None:
        self.scoreboard.forget()
        for taken in (self.command.taken, self.weight.taken, self.activation.taken, self.result.taken):
            taken.clear()
        self._ends.clear()
        self._classes.clear()
        self._received_rows = self._checked = 0

    def _stream(self, name: str) -> StreamSource | StreamSink:
        return getattr(self, name)

    def _counted(self, name: str, stall: Stall) -> Stall:
        self.coverage.hit(f"stall.{name}", 0)

        def counted(cycle: int) -> bool:
            stalled = stall(cycle)
            if stalled:
                self.coverage.hit(f"stall.{name}")
            return stalled

        return counted


@cocotb.test()
async def products(dut: HierarchyObject) -> None:
    """Whole matrix products, ragged in all three sizes, one after the other without a stall."""
    bench = Bench(dut)
    shape = bench.shape
    await bench.clock.reset()
    due = 0
    sizes = ((1, 1, 1), (shape.depth + 1, shape.rows + 1, shape.columns + 1), (2 * shape.depth - 1, 3 * shape.rows, 2))
    for m, k, n in sizes:
        activation = mixed_operands((m, k), shape.activation, bench.numpy)
        weight = mixed_operands((k, n), shape.weight, bench.numpy)
        for tile in output_tiles(activation, weight, shape):
            bench.play(tile)
            due += tile.rows
    for _ in range(bench.tiles):
        bench.play(bench.random_tile())
    bench.coverage.require()
    await bench.finish(due * shape.columns)


@cocotb.test()
async def stalls(dut: HierarchyObject) -> None:
    """Stalls on every stream alone and on all together, tiles without rows between the others."""
    bench = Bench(dut)
    await bench.clock.reset()
    for names in (*((name,) for name in STREAMS), STREAMS):
        bench.stall(**dict.fromkeys(names, bench.some_stalls))
        for _ in range(bench.tiles // 4):
            bench.play(bench.random_tile(rows=0 if bench.random.random() < 0.1 else None))
        await bench.drained()
    bench.coverage.require()
    await bench.finish(bench.tiles // 2)


@cocotb.test()
async def clock_changes(dut: HierarchyObject) -> None:
    """Every k-tile may have another class, streams stall, and the acknowledge takes any time."""
    bench = Bench(dut)
    bench.generator.wait = lambda: bench.random.choice((0, 0, 1, 5, bench.random.randint(0, 60)))
    bench.coverage.hit("class_change.between_output_tiles", 0)
    bench.coverage.hit("class_change.within_output_tile", 0)
    await bench.clock.reset()
    expected = before = 0
    for stalled in (False, True):
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if stalled else {}))
        for _ in range(bench.tiles // 2):
            tile = bench.random_tile(range(bench.class_count))
            for number, kind in enumerate(tile.classes):
                if kind != before:
                    where = "within_output_tile" if number else "between_output_tiles"
                    bench.coverage.hit(f"class_change.{where}")
                    expected += 1
                before = kind
            bench.play(tile)
        await bench.drained()
    bench.coverage.require()
    await bench.finish(bench.tiles)
    assert bench.generator.changes == expected


@cocotb.test()
async def back_pressure(dut: HierarchyObject) -> None:
    """The reader stops until both halves of the buffer are in use and the array waits; nothing is lost, all goes on."""
    bench = Bench(dut)
    depth = bench.shape.depth
    await bench.clock.reset()
    for _ in range(3):
        blocked = [True]
        bench.stall(result=lambda blocked=blocked: lambda cycle: blocked[0])
        first = len(bench.result.taken)
        tiles = [bench.random_tile(rows=depth) for _ in range(4)]
        for tile in tiles:
            bench.play(tile)
        taken = len(bench.activation.taken)
        k_tiles = len(tiles[0].classes) + len(tiles[1].classes)
        await bench.clock.cycles(bench.array.way + (k_tiles + 2) * (bench.array.period(depth) + bench.shape.rows) + 10)
        assert len(bench.activation.taken) - taken == k_tiles * depth, "two output tiles fill the buffer"
        assert len(bench.result.taken) == first
        blocked[0] = False
        await bench.drained()
    await bench.finish(12 * depth)


@cocotb.test()
async def reset_in_the_middle(dut: HierarchyObject) -> None:
    """Resets at random moments, also of a clock change; afterwards everything works as after the first one."""
    bench = Bench(dut)
    draw = bench.random
    bench.generator.wait = lambda: draw.randint(0, 20)
    cut = 0
    for _ in range(max(4, bench.tiles // 4)):
        await bench.clock.reset(draw.randint(1, 3))
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if draw.random() < 0.5 else {}))
        for _ in range(6):
            bench.play(bench.random_tile(range(bench.class_count)))
        await bench.clock.cycles(draw.randint(1, 3 * (bench.array.way + bench.array.period(bench.shape.depth))))
        cut += bench.scoreboard.open > 0
    assert cut, "no reset came in the middle"
    await bench.clock.reset()
    for _ in range(4):
        bench.play(bench.random_tile(range(bench.class_count)))
    await bench.finish(4)


@cocotb.test()
async def cycle_contract(dut: HierarchyObject) -> None:
    """Every beat of every stream in the clock that the formula says, for many sequences of tiles."""
    bench = Bench(dut)
    array, draw = bench.array, bench.random
    measured = 0
    for trial in range(max(6, bench.tiles // 2)):
        wait = draw.randint(0, 9)
        bench.generator.wait = lambda wait=wait: wait
        classes = range(bench.class_count) if trial % 3 == 2 else (0,)
        rows = draw.choice((None, 1, bench.shape.depth))  # for the whole sequence
        outputs = [bench.random_tile(classes, rows) for _ in range(1 if trial < 3 else draw.randint(2, 8))]
        await bench.clock.reset()
        for output in outputs:
            bench.play(output)
        await bench.drained()
        tiles = [tile for output in outputs for tile in _contract_tiles(output)]
        schedule = ws_schedule(array, tiles, (wait + 1, wait + 1))
        starts = schedule.starts
        ready = (0, *starts[:-1])
        origin = bench.weight.taken[0]
        clocks = {name: [c - origin for c in bench._stream(name).taken] for name in STREAMS}
        assert clocks["command"] == list(ready)
        assert clocks["weight"] == [clock + row for clock in ready for row in range(array.rows)]
        assert clocks["activation"] == [
            start + array.lead + row for start, tile in zip(starts, tiles, strict=True) for row in range(tile.rows)
        ]
        assert clocks["result"] == list(schedule.results)
        if len(tiles) == 1 and tiles[0].frequency_class == 0:
            assert schedule.cycles == array.one_tile(tiles[0].rows)
        measured += len(tiles)
    await bench.finish(1)
    assert measured >= 6


def _contract_tiles(output: OutputTile) -> list[WsTile]:
    count = len(output.classes)
    return [WsTile(output.rows, n == 0, n == count - 1, kind) for n, kind in enumerate(output.classes)]
