# SPDX-License-Identifier: Apache-2.0
"""Waves are drawn from what a recording holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from halo.errors import HaloError
from halo.plot.waves import Trace, draw_waves, read_changes

VCD = """\
$timescale 100ps $end
$scope module top $end
$var wire 1 ! clk $end
$var reg 8 " data [7:0] $end
$scope module inner $end
$var wire 8 # sum [7:0] $end
$var wire 1 ! clk $end
$upscope $end
$scope module other $end
$var wire 8 # sum [7:0] $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
0!
bx "
b00000000 #
#50
1!
b11111110 "
#100
0!
b00000001 #
#150
1!
b11110010 "
b1z000011 #
#200
0!
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "waves.vcd"
    path.write_text(VCD, encoding="utf-8")
    return path


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_changes_in_nanoseconds(recording: Path) -> None:
    assert read_changes(recording, Trace("top.clk")) == (1, [(0.0, 0), (5.0, 1), (10.0, 0), (15.0, 1), (20.0, 0)])
    assert read_changes(recording, Trace("data"))[1] == [(0.0, "xxxxxxxx"), (5.0, 254), (15.0, 242)]


def test_some_bits_of_a_vector(recording: Path) -> None:
    assert read_changes(recording, Trace("top.data", bits=(7, 4))) == (4, [(0.0, "xxxx"), (5.0, 15), (15.0, 15)])
    # an unknown bit outside the range does not matter
    assert read_changes(recording, Trace("inner.sum", bits=(3, 0)))[1] == [(0.0, 0), (10.0, 1), (15.0, 3)]
    assert read_changes(recording, Trace("inner.sum", bits=(7, 6)))[1][-1] == (15.0, "1z")


def test_values_are_written_where_they_hold(recording: Path) -> None:
    rows = ["clk", "data", Trace("data", radix="hex"), Trace("data", "high", (7, 4), "unsigned"), "inner.sum"]
    figure = draw_waves(recording, rows, 0.0, 20.0, "recorded")
    # the high bits do not change at 15 ns: one stretch
    signed = ["x", "\N{MINUS SIGN}2", "\N{MINUS SIGN}14"]
    assert labels(figure) == [*signed, "x", "fe", "f2", "x", "15", "0", "1", "z"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["clk", "data", "data", "high", "sum"]
    assert figure.axes[0].get_title(loc="left") == "recorded"


def test_only_the_window_is_drawn(recording: Path) -> None:
    assert labels(draw_waves(recording, ["inner.sum"], 11.0, 14.0)) == ["1"]


@pytest.mark.parametrize(
    "name, what",
    [("nothing", "no signal nothing is recorded"), ("sum", "sum could be top.inner.sum or top.other.sum")],
)
def test_names_that_mean_nothing_or_two_things(recording: Path, name: str, what: str) -> None:
    with pytest.raises(HaloError, match=what):
        draw_waves(recording, [name], 0.0, 20.0)


def test_other_bad_input(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no such recording"):
        draw_waves(tmp_path / "none.fst", ["clk"], 0.0, 1.0)
    with pytest.raises(HaloError, match="is empty"):
        draw_waves(recording, ["clk"], 5.0, 5.0)
    with pytest.raises(HaloError, match="no bits 8 to 0, only 8"):
        draw_waves(recording, [Trace("data", bits=(8, 0))], 0.0, 1.0)
    broken = tmp_path / "broken.fst"
    broken.write_bytes(b"no recording")
    with pytest.raises(HaloError, match="cannot be read"):
        draw_waves(broken, ["clk"], 0.0, 1.0)
