# SPDX-License-Identifier: Apache-2.0
"""cocotb bench of the output-stationary array ``systolic_os``: every sum must be that of the whole matrix product.

All streams stall, the clock changes at bad moments and after any wait, a reset falls into every clock, no stream waits
for its other end, and the cycle contract of ``halo.arch.systolic.os_cycles`` holds to the clock. Each test plays about
``+tiles=N`` tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import cocotb
import numpy as np
from cocotb.handle import HierarchyObject
from components.array_bench import STREAMS, ArrayBench
from components.stimulus import mixed_operands
from models.systolic_os import Shape, Tile, tiles

from halo.arch.systolic.os_cycles import OsArray, OsSchedule, OsTile, os_schedule
from halo.arch.systolic.registers import multiplier_registers

LENGTHS = (255, 256, 4096)
"""K-steps of tiles that are longer than the others."""
MOST_MOMENTS = 40
"""At which ``reset_at_every_clock`` resets in each class: of a larger array not every clock, but as many of them."""


class Bench(ArrayBench):
    """The array with its tiles.

    Attributes:
        wraps: k-steps after which the largest sums wrap around; 0: more than a tile of this bench has.
    """

    def __init__(self, dut: HierarchyObject) -> None:
        names = ("ROWS", "COLUMNS", "WEIGHT_WIDTH", "ACTIVATION_WIDTH", "ACC_WIDTH", "STEP_WIDTH")
        self.shape = Shape(*(int(getattr(dut, name).value) for name in names))
        self.array = OsArray(self.shape.rows, self.shape.columns, multiplier_registers(int(dut.PIPELINE.value)))
        self.tiles = int(cocotb.plusargs.get("tiles", max(40, 160 // self.shape.rows)))
        products = 1 << max(0, self.shape.acc - 1 - (self.shape.weight + self.shape.activation - 2))
        self.wraps = products if products <= min(LENGTHS[-1], self.longest) else 0
        self._slots: list[int] = []
        self._slot, self._clear = dut.slot, dut.clear
        self._rows: list[int] = []  # of each k-step: rows of the tile that it ends, or 0
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
        self.command.send([tile.command(self.shape) if command is None else command])
        self.weight.send(tile.weight_beats(self.shape))
        self.activation.send(tile.activation_beats(self.shape))
        self.note(tile)

    def note(self, tile: Tile) -> None:
        """What must come of a tile."""
        shape = self.shape
        self._rows += [0] * (tile.steps - 1) + [tile.rows]
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

    def largest_tile(self) -> Tile:
        """All operands the most negative: every sum wraps around."""
        shape = self.shape
        return Tile(
            np.full((shape.rows, self.wraps), -(1 << shape.activation - 1), np.int64),
            np.full((self.wraps, shape.columns), -(1 << shape.weight - 1), np.int64),
            shape.rows,
        )

    async def reset(self, cycles: int) -> None:
        """Reset, and count what was under way."""
        ends = [(self.clock.cycle - slot, rows) for slot, rows in zip(self._slots, self._rows, strict=False)]
        first = self.array.latency - 3  # clocks from a last k-step until its first row is at the result store
        last_slot = any(rows and since <= first for since, rows in ends)
        hits = {
            "with_a_slot_under_way": any(since <= first for since, _ in ends),
            "of_one_clock_with_a_last_slot_under_way": cycles == 1 and last_slot,
            "with_an_end_mark_on_its_way": any(rows and since <= first + 2 * (rows - 1) for since, rows in ends),
            "with_results_due": self.scoreboard.open > 0,
            "in_a_clock_change": not self.generator.steady,
        }
        for name, hit in hits.items():
            self.coverage.hit(f"reset.{name}", hit)
        await self.clock.reset(cycles)

    def require_contract(self, played: Sequence[Tile], waits: tuple[int, int]) -> tuple[list[OsTile], OsSchedule]:
        """Every beat since the reset came in the clock that the formula says.

        Args:
            played: since the reset, which was the last thing before.
            waits: clocks to the acknowledge of each change of the clock, and to its fall.

        Raises:
            AssertionError: a beat came in another clock.
        """
        contract = [OsTile(tile.rows, tile.steps, tile.frequency_class) for tile in played]
        schedule = os_schedule(self.array, contract, waits)
        due = {
            "command": (self.command.taken, schedule.commands),
            "weight": (self.weight.taken, schedule.operands),
            "activation": (self.activation.taken, schedule.operands),
            "slot": (self.slots, schedule.steps),
            "result": (self.result.taken, schedule.results),
        }
        origin = self.command.taken[0]
        for name, (taken, clocks) in due.items():
            found = [clock - origin for clock in taken]
            wrong = next((n for n, (a, b) in enumerate(zip(found, clocks, strict=False)) if a != b), None)
            assert wrong is None, f"beat {wrong} of {name} came in clock {found[wrong]}, not {clocks[wrong]}"
            assert len(found) == len(clocks), f"{len(found)} beats of {name}, not {len(clocks)}"
        return contract, schedule

    @property
    def longest(self) -> int:
        """Most k-steps of a tile."""
        return (1 << self.shape.steps) - 1

    def _watch_slots(self) -> None:
        if self._slot.value and not self._clear.value:
            self._slots.append(self.clock.cycle - 1)

    def _forget(self) -> None:
        super()._forget()
        self._rows.clear()

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
    if bench.wraps:
        bench.play(bench.largest_tile())
    bench.coverage.require()
    await bench.finish((due + bench.tiles) * shape.columns)


@cocotb.test()
async def long_tiles(dut: HierarchyObject) -> None:
    """Many k-steps, a short tile before and behind each; every beat in the clock that the formula says."""
    bench = Bench(dut)
    await bench.clock.reset()
    lengths = [min(length, bench.longest) for length in LENGTHS]
    played = [bench.random_tile(steps=steps) for length in lengths for steps in (length, 1)]
    for tile in played:
        # Zeros are simulated faster, and one more or fewer would shift all operands that follow.
        zeros = bench.numpy.random(tile.steps) < 0.95
        zeros[[0, -1]] = False
        tile.weight[zeros] = tile.activation[:, zeros] = 0
        bench.play(tile)
    await bench.drained()
    bench.require_contract(played, (1, 1))
    await bench.finish(2 * len(LENGTHS) * bench.shape.columns)


@cocotb.test()
async def handshakes(dut: HierarchyObject) -> None:
    """No stream waits for its other end: ready comes without valid, and valid without ready, in every state."""
    bench = Bench(dut)
    clock, shape = bench.clock, bench.shape
    due = 0
    for number, order in enumerate(permutations((bench.command, bench.weight, bench.activation))):
        await clock.reset(1)
        bench.stall(result=lambda: lambda cycle: True)
        for _ in range(2):  # the array is empty; results wait
            tile = bench.random_tile(bench.classes[number % 2 : number % 2 + 1], steps=1)
            beats = {
                bench.command: [tile.command(shape)],
                bench.weight: tile.weight_beats(shape),
                bench.activation: tile.activation_beats(shape),
            }
            bench.note(tile)
            due += tile.rows
            for source in order:
                seen = source.unasked
                await clock.until(lambda source=source, seen=seen: source.unasked > seen)
                source.send(beats[source])
                await clock.until(lambda source=source: source.idle)
            await clock.until(lambda: bench.result.offering)
        bench.stall()
        await bench.drained()
    bench.require_unasked()
    await bench.finish(due * shape.columns)


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
    bench.require_unasked()
    await bench.finish(5 * (bench.tiles // 4) * bench.shape.columns)


@cocotb.test()
async def late_commands(dut: HierarchyObject) -> None:
    """Operands wait, and each command comes around the last k-step of the tile before, some clocks earlier or later."""
    bench = Bench(dut)
    await bench.clock.reset()
    begins = [0]  # k-step with which each tile begins
    leads = [bench.random.randint(0, 4) for _ in range(bench.tiles)]
    for lead in leads:
        tile = bench.random_tile()
        bench.play(tile)
        begins.append(begins[-1] + tile.steps)
        bench.coverage.hit(f"late.{lead}_steps_before")

    def stalled(_cycle: int) -> bool:
        number = len(bench.command.taken)
        return len(bench.slots) + leads[number] < begins[number]

    bench.command.stall = stalled
    await bench.finish(bench.tiles * bench.shape.columns)


@cocotb.test()
async def clock_changes(dut: HierarchyObject) -> None:
    """Every tile may have another class, streams stall, and the acknowledge takes any time."""
    bench = Bench(dut)
    bench.generator.wait = lambda: bench.random.choice((0, 0, 1, 5, bench.random.randint(0, 60)))
    await bench.clock.reset()
    expected = before = 0
    for stalled in (False, True):
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if stalled else {}))
        for number in range(bench.tiles // 2):
            keeps = number == 0 or (number > 1 and bench.random.random() < 0.3)  # the second one does not
            tile = bench.random_tile([kind for kind in bench.classes if (kind == before) == keeps])
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
    # Before: a reset in the clock after a row has left, which must not count as room.
    sizes = ((bench.shape.rows, 2 * bench.shape.rows), (1, 1), (1, 2), (bench.shape.rows, 1))
    for rows, longest in sizes:
        bench.play(bench.random_tile())
        seen = len(bench.result.taken)
        await bench.clock.until(lambda seen=seen: len(bench.result.taken) > seen)
        await bench.clock.reset(1)
        blocked = [True]
        bench.stall(result=lambda blocked=blocked: lambda cycle: blocked[0])
        first = len(bench.result.taken)
        held = depth // rows  # tiles that the store has room for
        steps = [bench.random.randint(1, min(longest, bench.longest)) for _ in range(held + 2)]
        slots = len(bench.slots)
        for count in steps:
            bench.play(bench.random_tile(rows=rows, steps=count))
        await bench.clock.cycles(sum(steps) + (held + 2) * 2 * rows + bench.array.flush + 10)
        assert len(bench.slots) - slots == sum(steps[:held]) + steps[held] - 1, "only a last k-step waits"
        assert len(bench.result.taken) == first and bench.result.offering
        blocked[0] = False
        await bench.drained()
    await bench.finish(4 * depth * bench.shape.columns)


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
    await bench.clock.reset()
    for _ in range(max(8, bench.tiles // 2)):
        bench.stall(**(dict.fromkeys(STREAMS, bench.some_stalls) if draw.random() < 0.5 else {}))
        for _ in range(6):
            bench.play(bench.random_tile(bench.classes))
        await bench.clock.cycles(draw.randint(1, 4 * bench.array.flush))
        await bench.reset(draw.choice((1, 1, 2, 3)))
    bench.stall()
    for _ in range(4):
        bench.play(bench.random_tile(bench.classes))
    await bench.finish(4 * bench.shape.columns)


@cocotb.test()
async def reset_at_every_clock(dut: HierarchyObject) -> None:
    """A reset of one clock in every clock of two tiles; what follows at once keeps the cycle contract.

    What follows has rows of results in the clocks in which the tiles before would have had some.
    """
    bench = Bench(dut)
    draw, rows = bench.random, bench.shape.rows
    bench.generator.wait = lambda: 2
    waits = (3, 3)
    for kind in bench.classes[:2]:
        cut = [bench.random_tile((kind,), rows, min(2, bench.longest)) for _ in range(2)]
        contract = [OsTile(tile.rows, tile.steps, tile.frequency_class) for tile in cut]
        clocks = range(1, os_schedule(bench.array, contract, waits).cycles + 3)
        for number, moment in enumerate(sorted(draw.sample(clocks, min(len(clocks), MOST_MOMENTS)))):
            await bench.clock.reset(1)
            for tile in cut:
                bench.play(tile)
            await bench.clock.cycles(moment)
            await bench.reset(1)
            steady = bench.generator.steady  # else an acknowledge is still up, and the clock may be asked for later
            follow = bench.classes[(number + kind) % 2 : (number + kind) % 2 + 1]
            played = [bench.random_tile(follow, *size) for size in ((rows, 1), (1, 1), (1, 1), (rows, 3))]
            played = [tile for tile in played if tile.steps <= bench.longest]
            for tile in played:
                bench.play(tile)
            for source in (bench.command, bench.weight, bench.activation):
                source.start()
            await bench.drained()
            if steady:
                bench.require_contract(played, waits)
                bench.coverage.hit("reset.measured_afterwards")
    bench.coverage.require(group="reset.")
    await bench.finish(1)


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
        await bench.clock.reset(draw.choice((1, 2, 3)))
        for tile in played:
            bench.play(tile)
        await bench.drained()
        contract, schedule = bench.require_contract(played, (wait + 1, wait + 1))
        if len(played) == 1 and contract[0].frequency_class == 0:
            assert schedule.cycles == bench.array.one_tile(contract[0].rows, contract[0].steps)
        measured += len(played)
    await bench.finish(1)
    assert measured >= 6
