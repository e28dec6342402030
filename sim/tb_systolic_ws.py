# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the weight-stationary array ``systolic_ws``: every sum must be that of the whole matrix product.

All streams stall, the clock changes at bad moments and after any wait, a reset falls into every clock, no stream waits
for its other end, and the cycle contract of ``halo.arch.systolic.ws_cycles`` holds to the clock. Each test plays about
``+tiles=N`` output tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.array_bench import STREAMS, ArrayBench
from components.stimulus import mixed_operands
from models.systolic_ws import OutputTile, Shape, output_tiles

from halo.arch.systolic.registers import multiplier_registers
from halo.arch.systolic.ws_cycles import LEAST_SLOTS, WsArray, WsSchedule, WsTile, ws_schedule

MOST_K_TILES = 16
"""Of an output tile that makes the accumulators wrap around."""
MOST_MOMENTS = 40
"""At which ``reset_at_every_clock`` resets in each class: of a larger array not every clock, but as many of them."""


class Bench(ArrayBench):
    """The array with its output tiles.

    Attributes:
        wraps: k-tiles after which the largest sums wrap around; 0: too many to try.
    """

    def __init__(self, dut: HierarchyObject) -> None:
        names = ("ROWS", "COLUMNS", "WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "DEPTH")
        self.shape = Shape(*(int(getattr(dut, name).value) for name in names))
        sizes = (self.shape.rows, self.shape.columns, self.shape.depth)
        gaps = (int(dut.SWAP_GAP.value), int(dut.CLASS_GAP.value))
        self.array = WsArray(*sizes, multiplier_registers(int(dut.PIPELINE.value)), *gaps)
        self.tiles = int(cocotb.plusargs.get("tiles", max(40, 120 // self.shape.rows)))
        self._marks: list[tuple[bool, bool]] = []  # of each activation: last of its k-tile, of its last k-tile
        products = -(-(1 << self.shape.acc - 1) // (1 << self.shape.weight + self.shape.activation - 2))
        k_tiles = -(-products // self.shape.rows)
        self.wraps = k_tiles if k_tiles <= MOST_K_TILES else 0
        super().__init__(dut, self.shape.acc, self.shape.columns, self.array.latency)

    def play(self, tile: OutputTile) -> None:
        """Queue an output tile on all streams and what must come of it."""
        for source, beats in zip((self.command, self.weight, self.activation), self.beats(tile), strict=True):
            source.send(beats)

    def beats(self, tile: OutputTile) -> tuple[list[int], list[int], list[int]]:
        """The beats of an output tile on the streams that go in; notes what must come of them."""
        shape = self.shape
        count = len(tile.classes)
        self._marks += [
            (row == tile.rows - 1, number == count - 1) for number in range(count) for row in range(tile.rows)
        ]
        self.expect(tile.result_beats(shape), [kind for kind in tile.classes for _ in range(tile.rows)])
        self.coverage.operands("weight", tile.weight.ravel(), shape.weight)
        self.coverage.operands("activation", tile.activation.ravel(), shape.activation)
        for name, hit in self._kinds(tile):
            self.coverage.hit(f"tile.{name}", hit)
        wrapped = int((tile.activation @ tile.weight != tile.sums(shape)).sum())
        if wrapped:
            self.coverage.hit("sum.wraps", wrapped)
        return tile.commands(shape), tile.weight_beats(shape), tile.activation_beats(shape)

    def largest_tile(self) -> OutputTile:
        """All operands the most negative: every sum wraps around where ``wraps``."""
        shape = self.shape
        rows = min(3, shape.depth)
        inner = self.wraps * shape.rows
        return OutputTile(
            np.full((rows, inner), -(1 << shape.activation - 1), np.int64),
            np.full((inner, shape.columns), -(1 << shape.weight - 1), np.int64),
            (0,) * self.wraps,
        )

    async def reset(self, cycles: int) -> None:
        """Reset, and count what was under way."""
        cut = self.clock.cycle
        taken = len(self.activation.taken)
        under_way = [
            mark
            for mark, slot in zip(self._marks[:taken], self.activation.taken, strict=True)
            if cut - slot < self.quiet
        ]
        hits = {
            "with_sums_on_the_way": bool(under_way),
            "of_one_clock_with_a_last_slot_under_way": cycles == 1 and any(end for end, _ in under_way),
            "with_an_end_mark_on_its_way": any(end and last for end, last in under_way),
            "with_results_due": self.scoreboard.open > 0,
            "in_a_clock_change": not self.generator.steady,
        }
        if self.shape.rows > 1:
            hits["between_the_weights_of_a_tile"] = len(self.weight.taken) % self.shape.rows > 0
        for name, hit in hits.items():
            self.coverage.hit(f"reset.{name}", hit)
        await self.clock.reset(cycles)

    def _forget(self) -> None:
        super()._forget()
        self._marks.clear()

    def require_contract(
        self, outputs: Sequence[OutputTile], waits: tuple[int, int]
    ) -> tuple[list[WsTile], WsSchedule]:
        """Every beat since the reset came in the clock that the formula says.

        Args:
            outputs: played since the reset, which was the last thing before.
            waits: clocks to the acknowledge of each change of the clock, and to its fall.

        Raises:
            AssertionError: a beat came in another clock.
        """
        tiles = [tile for output in outputs for tile in contract_tiles(output)]
        schedule = ws_schedule(self.array, tiles, waits)
        ready = (0, *schedule.starts[:-1])
        origin = self.weight.taken[0]
        due = {
            "command": list(ready),
            "weight": [clock + row for clock in ready for row in range(self.array.rows)],
            "activation": list(schedule.activations),
            "result": list(schedule.results),
        }
        for name, clocks in due.items():
            found = [clock - origin for clock in self.streams[name].taken]
            wrong = next((n for n, (a, b) in enumerate(zip(found, clocks, strict=False)) if a != b), None)
            assert wrong is None, f"beat {wrong} of {name} came in clock {found[wrong]}, not {clocks[wrong]}"
            assert len(found) == len(clocks), f"{len(found)} beats of {name}, not {len(clocks)}"
        return tiles, schedule

    def random_tile(
        self, classes: Sequence[int] = (0,), rows: int | None = None, k_tiles: int | None = None
    ) -> OutputTile:
        """Mixed operands, 1 to 3 k-tiles with one of the classes each, of one row, as many as the array, or others."""
        shape, draw = self.shape, self.random
        if rows is None:
            rows = draw.choice((1, draw.randint(1, shape.depth), min(shape.rows, shape.depth), shape.depth))
        count = k_tiles or draw.choice((1, 1, 2, 3))
        inner = count * shape.rows
        return OutputTile(
            mixed_operands((rows, inner), shape.activation, self.numpy),
            mixed_operands((inner, shape.columns), shape.weight, self.numpy),
            tuple(draw.choice(classes) for _ in range(count)),
        )

    def _kinds(self, tile: OutputTile) -> tuple[tuple[str, bool], ...]:
        return (
            ("one_row", tile.rows == 1),
            ("longest", tile.rows == self.shape.depth),
            ("one_k_tile", len(tile.classes) == 1),
            ("several_k_tiles", len(tile.classes) > 1),
        )


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
    if bench.wraps:
        bench.play(bench.largest_tile())
        assert bench.coverage.hits["sum.wraps"]
    bench.coverage.require()
    await bench.finish((due + bench.tiles) * shape.columns)


@cocotb.test()
async def stalls(dut: HierarchyObject) -> None:
    """Stalls on every stream alone and on all together, tiles without rows between the others."""
    bench = Bench(dut)
    await bench.clock.reset()
    for names in (*((name,) for name in STREAMS), STREAMS):
        bench.stall(**dict.fromkeys(names, bench.some_stalls))
        for _ in range(bench.tiles // 4):
            bench.play(bench.random_tile())
        bench.play(bench.random_tile(rows=0))
        bench.play(bench.random_tile())
        await bench.drained()
    bench.coverage.require()
    await bench.finish(5 * (bench.tiles // 4 + 1) * bench.shape.columns)


@cocotb.test()
async def late_activations(dut: HierarchyObject) -> None:
    """Activations come late and then at once, so that short k-tiles follow each other faster than weights load."""
    bench = Bench(dut)
    await bench.clock.reset()
    turn = 3 * bench.array.period(LEAST_SLOTS) + 20
    bench.stall(activation=lambda: lambda cycle: cycle % turn > 2 * LEAST_SLOTS)
    tiles = [bench.random_tile(rows=min(1 + n % 3, bench.shape.depth), k_tiles=3) for n in range(bench.tiles)]
    for tile in tiles:
        bench.play(tile)
    await bench.drained()
    taken = iter(bench.activation.taken)
    again = 0
    for tile in tiles:
        visits = [[next(taken) for _ in range(tile.rows)] for _ in tile.classes]
        apart = [later - row for visit, after in pairwise(visits) for row, later in zip(visit, after, strict=True)]
        assert min(apart) >= LEAST_SLOTS, "a row is added to before its sum is back in the memory"
        again += apart.count(LEAST_SLOTS)
    bench.coverage.hit("row.again_at_once", again)
    assert again >= bench.tiles // 2 or bench.array.lead(), "rows came too slowly"
    await bench.finish(bench.tiles * bench.shape.columns)


@cocotb.test()
async def clock_changes(dut: HierarchyObject) -> None:
    """Every k-tile may have another class, streams stall, and the acknowledge takes any time."""
    bench = Bench(dut)
    bench.generator.wait = lambda: bench.random.choice((0, 0, 1, 5, bench.random.randint(0, 60)))
    await bench.clock.reset()
    expected = before = 0
    for stalled in (False, True):
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if stalled else {}))
        for _ in range(bench.tiles // 2):
            tile = bench.random_tile(bench.classes)
            for number, kind in enumerate(tile.classes):
                where = "within_output_tile" if number else "between_output_tiles"
                bench.coverage.hit(f"class_change.{where}", kind != before)
                expected += kind != before
                before = kind
            bench.play(tile)
        await bench.drained()
    bench.coverage.require(group="class_change.")
    await bench.finish(2 * (bench.tiles // 2) * bench.shape.columns)
    assert bench.generator.changes == expected


@cocotb.test()
async def handshakes(dut: HierarchyObject) -> None:
    """No stream waits for its other end: ready comes without valid, and valid without ready, in every state."""
    bench = Bench(dut)
    clock, streams = bench.clock, (bench.command, bench.weight, bench.activation)
    for classes in ((0,), bench.classes[1:2]):
        await clock.reset(1)
        bench.stall(result=lambda: lambda cycle: True)
        for count in (1, 2, 3):  # the array is empty, has a tile under way, has results that wait
            tile = bench.random_tile(classes, bench.shape.depth, 1)
            for source, beats in zip(streams, bench.beats(tile), strict=True):
                seen = source.unasked
                await clock.until(lambda source=source, seen=seen: source.unasked > seen)
                source.send(beats)
                await clock.until(lambda source=source: source.idle)
            await clock.until(lambda: bench.result.offering)
            if count == 2:  # two tiles fill the buffer
                bench.stall()
                await bench.drained()
                bench.stall(result=lambda: lambda cycle: True)
        bench.stall()
        await bench.drained()
    bench.require_unasked()
    await bench.finish(6 * bench.shape.depth * bench.shape.columns)


@cocotb.test()
async def back_pressure(dut: HierarchyObject) -> None:
    """The reader stops until both halves of the buffer are in use and the array waits; nothing is lost, all goes on."""
    bench = Bench(dut)
    depth = bench.shape.depth
    await bench.clock.reset()
    for after in (depth, 1, depth):
        blocked = [True]
        bench.stall(result=lambda blocked=blocked: lambda cycle: blocked[0])
        first = len(bench.result.taken)
        tiles = [bench.random_tile(rows=rows) for rows in (depth, depth, after, after)]
        for tile in tiles:
            bench.play(tile)
        taken = len(bench.activation.taken)
        k_tiles = len(tiles[0].classes) + len(tiles[1].classes)
        await bench.clock.cycles(
            bench.array.latency + (k_tiles + 2) * (bench.array.period(depth) + bench.shape.rows) + 10
        )
        assert len(bench.activation.taken) - taken == k_tiles * depth, "two output tiles fill the buffer"
        assert len(bench.result.taken) == first and bench.result.offering
        blocked[0] = False
        await bench.drained()
    await bench.finish((10 * depth + 2) * bench.shape.columns)


@cocotb.test()
async def reset_in_the_middle(dut: HierarchyObject) -> None:
    """Resets at random moments, also of a clock change; afterwards everything works as after the first one."""
    bench = Bench(dut)
    draw = bench.random
    bench.generator.wait = lambda: draw.randint(0, 20)
    await bench.clock.reset()
    for moment in range(max(12, bench.tiles // 2)):
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if draw.random() < 0.5 else {}))
        for classes in (bench.classes[1:2], *[bench.classes] * 5):
            bench.play(bench.random_tile(classes))
        if moment % 3 == 0:
            await bench.clock.cycles(draw.randint(1, 3 * (bench.array.latency + bench.array.period(bench.shape.depth))))
        elif moment % 3 == 1:
            await bench.clock.until(lambda: not bench.generator.steady)
            await bench.clock.cycles(draw.choice((1, 2, draw.randint(3, 20))))
        else:
            await bench.clock.until(lambda: len(bench.activation.taken) > 0)
            await bench.clock.cycles(draw.choice((1, 2, draw.randint(3, bench.array.latency))))
        await bench.reset(draw.choice((1, 1, 2, 3)))
    bench.stall()
    for _ in range(4):
        bench.play(bench.random_tile(bench.classes))
    for name in ("with_sums_on_the_way", "with_results_due", "in_a_clock_change"):
        bench.coverage.require(group=f"reset.{name}")
    await bench.finish(4 * bench.shape.columns)


@cocotb.test()
async def reset_at_every_clock(dut: HierarchyObject) -> None:
    """A reset of one clock in every clock of an output tile; what follows at once keeps the cycle contract.

    What follows fills the buffer and waits for room, so that nothing that the reset left behind stays hidden.
    """
    bench = Bench(dut)
    draw, depth = bench.random, bench.shape.depth
    bench.generator.wait = lambda: 2
    waits = (3, 3)
    for kind in bench.classes[:2]:
        first = bench.random_tile((kind,), min(2 + kind, depth), 2)
        clocks = range(1, ws_schedule(bench.array, contract_tiles(first), waits).cycles + 3)
        for number, moment in enumerate(sorted(draw.sample(clocks, min(len(clocks), MOST_MOMENTS)))):
            await bench.clock.reset(1)
            bench.play(first)
            await bench.clock.cycles(moment)
            await bench.reset(1)
            steady = bench.generator.steady  # else an acknowledge is still up, and the clock may be asked for later
            follow = bench.classes[(number + kind) % 2 : (number + kind) % 2 + 1]
            outputs = [bench.random_tile(follow, *size) for size in ((depth, 2), (depth, 1), (min(3, depth), 1))]
            for output in outputs:
                bench.play(output)
            await bench.drained()
            if steady:
                bench.require_contract(outputs, waits)
                bench.coverage.hit("reset.measured_afterwards")
    bench.coverage.require(group="reset.")
    await bench.finish(1)


@cocotb.test()
async def cycle_contract(dut: HierarchyObject) -> None:
    """Every beat of every stream in the clock that the formula says, for many sequences of tiles."""
    bench = Bench(dut)
    array, draw = bench.array, bench.random
    measured = 0
    for trial in range(max(6, bench.tiles // 2)):
        wait = draw.randint(0, 9)
        bench.generator.wait = lambda wait=wait: wait
        classes = bench.classes if trial % 3 == 2 else (0,)
        rows = draw.choice((None, 1, bench.shape.depth))  # for the whole sequence
        outputs = [bench.random_tile(classes, rows) for _ in range(1 if trial < 3 else draw.randint(2, 8))]
        await bench.clock.reset(draw.choice((1, 2, 3)))
        for output in outputs:
            bench.play(output)
        await bench.drained()
        tiles, schedule = bench.require_contract(outputs, (wait + 1, wait + 1))
        if len(tiles) == 1 and tiles[0].frequency_class == 0:
            assert schedule.cycles == array.one_tile(tiles[0].rows)
        measured += len(tiles)
    await bench.finish(1)
    assert measured >= 6


def contract_tiles(output: OutputTile) -> list[WsTile]:
    """The k-tiles of an output tile as the cycle contract knows them."""
    count = len(output.classes)
    return [WsTile(output.rows, n == 0, n == count - 1, kind) for n, kind in enumerate(output.classes)]
