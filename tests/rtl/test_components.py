# SPDX-License-Identifier: Apache-2.0
"""The scoreboard, the streams and the coverage fail when they should: by themselves, and in a real simulation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.flow.simulators import benches
from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.simulators.benches import BENCHES, Bench, Parameter

pytestmark = pytest.mark.usefixtures("sim_modules")

FOLDER = Path(__file__).parent / "stream_bench"
Simulated = Callable[..., SimulationResult]


@pytest.fixture
def sliced(simulated: Simulated, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimulationResult]:
    """Runs ``stream_bench`` with a planted fault."""
    parameters = (Parameter("WIDTH", 16, "bits"), Parameter("FAULT", 0, "planted"))
    bench = Bench("slice", "a buffer", "slice", "tb_slice", (), parameters)
    monkeypatch.setitem(BENCHES, "slice", bench)
    monkeypatch.setattr(benches, "sim_folder", lambda: FOLDER)
    monkeypatch.syspath_prepend(str(FOLDER))

    def run(fault: int, simulator: str = "icarus", **settings: int) -> SimulationResult:
        return simulated("slice", simulator, {"FAULT": fault}, sources=[FOLDER / "slice.v"], settings=settings)

    return run


@pytest.mark.tools
@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_a_right_design_passes(sliced: Callable[..., SimulationResult], simulator: str) -> None:
    result = sliced(0, simulator)
    assert result.passed, result.log
    (row,) = result.tests
    assert row.compared == row.sent == 900


@pytest.mark.tools
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (1, "beats are wrong, first: "),
        (2, "beats are wrong, first: "),
        (3, "beats are wrong, first: "),
        (4, "m_axis_out withdrew a beat before it was taken"),
        (5, "m_axis_out changed a beat before it was taken"),
        (6, "the design hangs: no stream has moved for 10000 cycles"),
        (7, "a beat is X: 1 of 16 bits of m_axis_out_tdata, from bit 1 on"),
        (8, "s_axis_in_tready is high during a reset"),
        (9, "the design waits for the other end of a stream"),
    ],
    ids=["drops", "repeats", "flips", "withdraws", "changes", "hangs", "unknown", "ready in reset", "waits"],
)
def test_a_wrong_design_fails(sliced: Callable[..., SimulationResult], fault: int, says: str) -> None:
    result = sliced(fault)
    (row,) = result.tests
    assert not result.passed and not row.passed
    assert says in row.message or (fault == 2 and "that nothing was sent for" in row.message)


@pytest.mark.tools
def test_a_disconnected_monitor_and_a_silent_test_fail(sliced: Callable[..., SimulationResult]) -> None:
    (row,) = sliced(0, disconnected=1).tests
    assert not row.passed and "900 of 900 beats did not come" in row.message
    (row,) = sliced(0, silent=1).tests
    assert not row.passed and row.message == "the test reported nothing"


def test_the_scoreboard_counts_and_compares() -> None:
    from components.scoreboard import Scoreboard

    board = Scoreboard(8, 2, "sums")
    board.expect(0x02FF)
    board.saw(0x02FF)
    board.finish(2)
    assert (board.sent, board.compared, board.different, board.open) == (2, 2, 0, 0)
    with pytest.raises(AssertionError, match="2 sums were due, not at least 3"):
        board.finish(3)
    with pytest.raises(AssertionError, match="sums that nothing was sent for, after 2 compared"):
        board.saw(0x02FF)


def test_the_scoreboard_names_the_first_wrong_value() -> None:
    from components.scoreboard import Scoreboard

    board = Scoreboard(8, 2, "sums")
    for wrong in (0x02FF, 0x02FE, 0x12FF):
        board.expect(0x02FF, lambda n: f"sum {n}")
        board.saw(wrong)
    assert (board.compared, board.different) == (6, 2)
    with pytest.raises(AssertionError, match=r"2 of 6 sums are wrong, first: sum 0 gave -2, not -1 \(value 0 of "):
        board.finish(6)


@pytest.mark.parametrize("bit", range(16))
def test_the_scoreboard_sees_every_bit(bit: int) -> None:
    from components.scoreboard import Scoreboard

    board = Scoreboard(5, 3)  # 15 bits: the last one tried lies above all values
    board.expect(0x1234)
    board.saw(0x1234 ^ 1 << bit)
    with pytest.raises(AssertionError, match="1 of 3 results are wrong"):
        board.finish(3)


def test_the_scoreboard_misses_what_does_not_come() -> None:
    from components.scoreboard import Scoreboard

    board = Scoreboard(8)
    board.expect(1)
    board.expect(2)
    board.saw(1)
    with pytest.raises(AssertionError, match="1 of 2 results did not come"):
        board.finish(1)
    board.forget()
    board.finish(1)
    assert board.sent == board.compared == 1


def test_a_shifted_stream_is_wrong() -> None:
    from components.scoreboard import Scoreboard

    board = Scoreboard(8)
    for value in (1, 2, 3):
        board.expect(value)
    for value in (1, 1, 2):
        board.saw(value)
    with pytest.raises(AssertionError, match="2 of 3 results are wrong"):
        board.finish(3)


def test_coverage_is_required() -> None:
    from components.coverage import CLASSES, Coverage

    coverage = Coverage(["stall"])
    coverage.operands("weight", np.array([-8, 7, 0, 1, -1, 4, 3]), 4)
    assert coverage.hits == {
        "stall": 0,
        "weight.smallest": 1,
        "weight.largest": 1,
        "weight.zero": 1,
        "weight.one": 1,
        "weight.minus_one": 1,
        "weight.power_of_two": 2,
        "weight.positive": 4,
        "weight.negative": 2,
    }
    assert len(CLASSES) == 8
    with pytest.raises(AssertionError, match=r"not covered: stall \(0\)"):
        coverage.require()
    coverage.hit("stall")
    coverage.require()


@pytest.mark.parametrize("width", [1, 4, 24, 63, 64])
def test_packing_and_unpacking(width: int) -> None:
    from components.packing import pack, unpack

    low, high = -(2 ** (width - 1)), 2 ** (width - 1)
    values = np.random.default_rng(width).integers(low, high, (20, 3), np.int64)
    beats = pack(values, width)
    for row, beat in zip(values.tolist(), beats, strict=True):
        assert beat == sum((value % 2**width) << (n * width) for n, value in enumerate(row))
    np.testing.assert_array_equal(unpack(beats, width, 3), values)
