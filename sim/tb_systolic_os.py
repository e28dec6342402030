# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the output-stationary array ``systolic_os``: every sum must be that of the whole matrix product.

All streams stall, the clock changes at bad moments and after any wait, resets fall into the middle, and the cycle
contract of ``halo.arch.systolic.os_cycles`` holds to the clock. Each test plays about ``+tiles=N`` tiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import cocotb
from cocotb.handle import HierarchyObject
from components.array_bench import STREAMS, ArrayBench
from components.stimulus import mixed_operands
from models.systolic_os import Shape, Tile, tiles

from halo.arch.systolic.os_cycles import OsArray, OsTile, os_schedule


class Bench(ArrayBench):
    """The array with its tiles."""

    def __init__(self, dut: HierarchyObject) -> None:
        names = ("ROWS", "COLUMNS", "WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "STEP_WIDTH")
        self.shape = Shape(*(int(getattr(dut, name).value) for name in names))
        self.array = OsArray(self.shape.rows, self.shape.columns, int(dut.PIPELINE.value))
        self.tiles = int(cocotb.plusargs.get("tiles", max(40, 160 // self.shape.rows)))
        self._slots: list[int] = []
        self._slot, self._clear = dut.slot, dut.clear
        super().__init__(dut, self.shape.acc, self.shape.columns, self.array.flush)
        self.clock.serve(self._watch_slots, self._slots.clear)
        if cocotb.SIM_NAME.startswith("Icarus"):  # Verilator does not keep the names of registers
            mesh = dut.u_mesh.g_row
            elements = [mesh[r].g_column[c].u_pe for r in range(self.shape.rows) for c in range(self.shape.columns)]
            self._weights = [element.weight_q for element in elements]
            self._activations = [element.activation_q for element in elements]
            self.clock.serve(self._check_cleared)

    @property
    def slots(self) -> list[int]:
        """Cycles in which a k-step went into the array: the register of the slot shows it one later."""
        return self._slots

    def play(self, tile: Tile, command: int | None = None) -> None:
        """Queue a tile on all streams and what must come of it; ``command`` may say the same in another way."""
        shape = self.shape
        self.command.send([tile.command(shape) if command is None else command])
        self.weight.send(tile.weight_beats(shape))
        self.activation.send(tile.activation_beats(shape))
        self.expect(tile.result_beats(shape), [tile.frequency_class] * tile.steps)
        self.coverage.operands("weight", tile.weight.ravel(), shape.weight)
        self.coverage.operands("activation", tile.activation[: tile.rows].ravel(), shape.activation)
        for name, hit in self._kinds(tile):
            self.coverage.hit(f"tile.{name}", hit)

    def random_tile(self, classes: Sequence[int] = (0,), rows: int | None = None, steps: int | None = None) -> Tile:
        """Mixed operands, all rows or fewer, from one k-step to a few more than the drain of a tile takes."""
        shape, draw = self.shape, self.random
        if rows is None:
            rows = draw.choice((1, shape.rows, shape.rows, draw.randint(1, shape.rows)))
        if steps is None:
            steps = min(draw.choice((1, draw.randint(1, 2 * shape.rows), draw.randint(1, 40))), self.longest)
        return Tile(
            mixed_operands((shape.rows, steps), shape.activation, self.numpy),
            mixed_operands((steps, shape.columns), shape.weight, self.numpy),
            rows,
            draw.choice(classes),
        )

    @property
    def longest(self) -> int:
        """Most k-steps of a tile."""
        return (1 << self.shape.steps) - 1

    def _watch_slots(self) -> None:
        if self._slot.value and not self._clear.value:
            self._slots.append(self.clock.cycle - 1)

    def _check_cleared(self) -> None:
        """No element takes an operand of one class into the clock of another."""
        if self.generator.began:
            held = self._weights + (self._activations if self.slots else [])
            assert not any(str(register.value).strip("0") for register in held), "operands are left in a clock change"

    def _kinds(self, tile: Tile) -> tuple[tuple[str, bool], ...]:
        return (
            ("one_step", tile.steps == 1),
            ("shorter_than_drain", tile.steps < 2 * tile.rows - 1 or tile.rows == 1),
            ("all_rows", tile.rows == self.shape.rows),
            ("ragged", tile.rows < self.shape.rows or self.shape.rows == 1),
        )


@cocotb.test()
async def products(dut: HierarchyObject) -> None:
    """Whole matrix products, ragged in all three sizes, one after the other without a stall."""
    bench = Bench(dut)
    shape = bench.shape
    await bench.clock.reset()
    due = 0
    longest = min(3 * shape.rows, bench.longest)
    sizes = ((1, 1, 1), (shape.rows + 1, longest, shape.columns + 1), (2 * shape.rows - 1, min(7, longest), 2))
    for m, k, n in sizes:
        activation = mixed_operands((m, k), shape.activation, bench.numpy)
        weight = mixed_operands((k, n), shape.weight, bench.numpy)
        for tile in tiles(activation, weight, shape):
            bench.play(tile)
            due += tile.rows
    for _ in range(bench.tiles):
        bench.play(bench.random_tile())
    bench.coverage.require()
    await bench.finish((due + bench.tiles) * shape.columns)


@cocotb.test()
async def stalls(dut: HierarchyObject) -> None:
    """Stalls on every stream alone and on all together."""
    bench = Bench(dut)
    await bench.clock.reset()
    for names in (*((name,) for name in STREAMS), STREAMS):
        bench.stall(**dict.fromkeys(names, bench.some_stalls))
        for _ in range(bench.tiles // 4):
            bench.play(bench.random_tile())
        await bench.drained()
    bench.coverage.require()
    await bench.finish(5 * (bench.tiles // 4) * bench.shape.columns)


@cocotb.test()
async def clock_changes(dut: HierarchyObject) -> None:
    """Every tile may have another class, streams stall, and the acknowledge takes any time."""
    bench = Bench(dut)
    bench.generator.wait = lambda: bench.random.choice((0, 0, 1, 5, bench.random.randint(0, 60)))
    await bench.clock.reset()
    expected = before = 0
    for stalled in (False, True):
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if stalled else {}))
        for _ in range(bench.tiles // 2):
            tile = bench.random_tile(bench.classes)
            bench.coverage.hit("class.changed", tile.frequency_class != before)
            bench.coverage.hit("class.kept", tile.frequency_class == before)
            expected += tile.frequency_class != before
            before = tile.frequency_class
            bench.play(tile)
        await bench.drained()
    bench.coverage.require()
    await bench.finish(2 * (bench.tiles // 2) * bench.shape.columns)
    assert bench.generator.changes == expected


@cocotb.test()
async def back_pressure(dut: HierarchyObject) -> None:
    """The reader stops until the store is full and the array waits; nothing is lost, and all goes on."""
    bench = Bench(dut)
    depth = bench.array.store
    await bench.clock.reset()
    for rows in (bench.shape.rows, 1, bench.shape.rows):
        blocked = [True]
        bench.stall(result=lambda blocked=blocked: lambda cycle: blocked[0])
        first = len(bench.result.taken)
        held = depth // rows  # tiles that the store has room for
        steps = [bench.random.randint(1, min(2 * rows, bench.longest)) for _ in range(held + 2)]
        slots = len(bench.slots)
        for count in steps:
            bench.play(bench.random_tile(rows=rows, steps=count))
        await bench.clock.cycles(sum(steps) + (held + 2) * 2 * rows + bench.array.flush + 10)
        assert len(bench.slots) - slots == sum(steps[:held]) + steps[held] - 1, "only a last k-step waits"
        assert len(bench.result.taken) == first
        blocked[0] = False
        await bench.drained()
    await bench.finish(3 * depth * bench.shape.columns)


@cocotb.test()
async def out_of_range_commands(dut: HierarchyObject) -> None:
    """No rows or steps count as one, and more rows than the array has as all: nothing hangs."""
    bench = Bench(dut)
    shape = bench.shape
    await bench.clock.reset()
    most = (1 << shape.rows.bit_length()) - 1
    for rows, steps in ((0, 0), (0, bench.longest % 8), (most, 1), (most, 0), (shape.rows, 0)):
        meant = bench.random_tile(rows=min(max(rows, 1), shape.rows), steps=max(steps, 1))
        bench.play(meant, command=rows << shape.steps | steps)
    await bench.finish(5)


@cocotb.test()
async def reset_in_the_middle(dut: HierarchyObject) -> None:
    """Resets at random moments, also of a clock change; afterwards everything works as after the first one."""
    bench = Bench(dut)
    draw = bench.random
    bench.generator.wait = lambda: draw.randint(0, 20)
    cut = 0
    for _ in range(max(4, bench.tiles // 2)):
        await bench.clock.reset(draw.choice((1, 1, 2, 3)))
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if draw.random() < 0.5 else {}))
        for _ in range(6):
            bench.play(bench.random_tile(bench.classes))
        await bench.clock.cycles(draw.randint(1, 4 * bench.array.flush))
        cut += bench.scoreboard.open > 0
    assert cut, "no reset came in the middle"
    await bench.clock.reset()
    for _ in range(4):
        bench.play(bench.random_tile(bench.classes))
    await bench.finish(4 * bench.shape.columns)


@cocotb.test()
async def cycle_contract(dut: HierarchyObject) -> None:
    """Every beat of every stream in the clock that the formula says, for many sequences of tiles."""
    bench = Bench(dut)
    draw = bench.random
    measured = 0
    for trial in range(max(6, bench.tiles // 2)):
        wait = draw.randint(0, 9)
        bench.generator.wait = lambda wait=wait: wait
        classes = bench.classes if trial % 3 == 2 else (0,)
        rows = draw.choice((None, 1, bench.shape.rows))  # for the whole sequence
        steps = draw.choice((None, 1, min(2 * bench.shape.rows - 1, bench.longest)))
        played = [bench.random_tile(classes, rows, steps) for _ in range(1 if trial < 3 else draw.randint(2, 8))]
        await bench.clock.reset()
        for tile in played:
            bench.play(tile)
        await bench.drained()
        contract = [OsTile(tile.rows, tile.steps, tile.frequency_class) for tile in played]
        schedule = os_schedule(bench.array, contract, (wait + 1, wait + 1))
        origin = bench.command.taken[0]
        clocks = {name: tuple(c - origin for c in stream.taken) for name, stream in bench.streams.items()}
        assert clocks["command"] == schedule.commands
        assert clocks["weight"] == clocks["activation"] == schedule.operands
        assert tuple(c - origin for c in bench.slots) == schedule.steps
        assert clocks["result"] == schedule.results
        if len(played) == 1 and contract[0].frequency_class == 0:
            assert schedule.cycles == bench.array.one_tile(contract[0].rows, contract[0].steps)
        measured += len(played)
    await bench.finish(1)
    assert measured >= 6
