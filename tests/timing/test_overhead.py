# SPDX-License-Identifier: Apache-2.0
"""Register overhead: the choice of flip-flop and its numbers, by hand and on real libraries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.timing.overhead import plain_flip_flop, register_overhead


def without(library: Library, *names: str) -> Library:
    return replace(library, cells={name: cell for name, cell in library.cells.items() if name not in names})


def test_numbers_by_hand(hand: Library) -> None:
    overhead = register_overhead(hand, clock_slew_s=0.1e-9, load_f=0.01e-12, data_slew_s=np.full((1, 2), 0.2e-9))
    # DFFR is smaller but has a clear; of the plain ones DFFN (area 4) is smaller than DFF (5).
    assert (overhead.cell, overhead.output) == ("DFFN", "Q")
    assert overhead.clk_to_q_s == pytest.approx((250 + 10 + 10) * 1e-12)
    assert overhead.setup_s == pytest.approx((70 + 0.2 * 100 + 0.3 * 200) * 1e-12)


def test_choice_of_the_flip_flop(hand: Library) -> None:
    equal = replace(hand.cells["DFF"], area=4.0)
    assert plain_flip_flop(replace(hand, cells=hand.cells | {"DFF": equal}))[0].name == "DFF"
    hidden = replace(hand.cells["DFFN"], dont_use=True)
    assert plain_flip_flop(replace(hand, cells=hand.cells | {"DFFN": hidden}))[0].name == "DFF"
    assert plain_flip_flop(without(hand, "DFF", "DFFN"))[0].name == "DFFR"


def test_library_without_flip_flops(hand: Library) -> None:
    with pytest.raises(HaloError, match="library hand has no D flip-flop"):
        register_overhead(
            without(hand, "DFF", "DFFN", "DFFR"), clock_slew_s=1e-10, load_f=0.0, data_slew_s=np.full((1, 2), 1e-10)
        )


def test_flip_flop_without_setup(hand: Library) -> None:
    cell = hand.cells["DFF"]
    bare = replace(cell, pins=cell.pins | {"D": replace(cell.pins["D"], timing=())})
    library = replace(without(hand, "DFFN"), cells={"DFF": bare})
    with pytest.raises(HaloError, match="flip-flop DFF of library hand has no setup time"):
        register_overhead(library, clock_slew_s=1e-10, load_f=0.0, data_slew_s=np.full((1, 2), 1e-10))


@pytest.mark.parametrize(
    ("pattern", "cell", "output"),
    [
        ("ihp_sg13g2/*1p20V*.lib.gz", "sg13g2_dfrbpq_1", "Q"),
        ("gt2n/*.lib.gz", "gt2_6t_dffasync_x1_w13_svt", "Q"),
        ("asap7/*SEQ*.lib.gz", "DFFHQNx1_ASAP7_75t_R", "QN"),
    ],
)
def test_real_libraries(shared: Path, pattern: str, cell: str, output: str) -> None:
    library = read_corner(sorted((shared / "liberty").glob(pattern)))
    overhead = register_overhead(library, clock_slew_s=20e-12, load_f=1e-15, data_slew_s=np.full((1, 2), 20e-12))
    assert (overhead.cell, overhead.output) == (cell, output)
    assert 10e-12 < overhead.clk_to_q_s < 300e-12
    assert 0 < overhead.setup_s < 150e-12


def test_flip_flops_that_may_not_be_used_are_named(hand: Library) -> None:
    barred = {name: replace(cell, dont_use=True) for name, cell in hand.cells.items()}
    with pytest.raises(HaloError, match=r"D flip-flops \(.*DFFN.*none that may be used") as caught:
        plain_flip_flop(replace(hand, cells=barred))
    assert "leave out the dont_use that matches it" in caught.value.fix
