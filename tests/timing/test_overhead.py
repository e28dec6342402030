# SPDX-License-Identifier: Apache-2.0
"""Register overhead: the choice of flip-flop and its numbers, by hand and on real libraries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.timing.overhead import plain_flip_flop, register_overhead, register_slew


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


def test_transition_of_the_register_by_hand(hand: Library) -> None:
    # DFFN's fall: 0.03 ns + 0.5 x 0.1 ns + 2 ns/pF x 0.01 pF.
    assert register_slew(hand, clock_slew_s=0.1e-9, load_f=0.01e-12) == pytest.approx(100e-12)


def test_setup_is_the_worst_of_all_outputs(hand: Library) -> None:
    cell = hand.cells["DFFN"]
    (setup,) = cell.pins["D"].timing
    # A constraint that falls with the data's transition, as that of osu018's flip-flops does in places.
    falling = {kind: replace(table, values=table.values[::-1, ::-1]) for kind, table in setup.tables.items()}
    data = replace(cell.pins["D"], timing=(replace(setup, tables=falling),))
    library = replace(hand, cells=hand.cells | {"DFFN": replace(cell, pins=cell.pins | {"D": data})})

    def found(*slews: float) -> float:
        data_slew_s = np.array([[slew, slew] for slew in slews])
        return register_overhead(library, clock_slew_s=0.1e-9, load_f=0.0, data_slew_s=data_slew_s).setup_s

    slow, fast = found(0.4e-9), found(0.1e-9)
    assert fast > slow
    assert found(0.4e-9, 0.1e-9) == fast


def test_inputs_have_the_transition_behind_their_delay(osu018: Path, tmp_path: Path) -> None:
    (tmp_path / "t.v").write_text(
        "module t(input [1:0] w, input [1:0] a, output y, output z); AND2X1 u(.A(a[0]), .B(w[0]), .Y(y));"
        " XOR2X1 v(.A(a[1]), .B(a[0]), .Y(n)); AND2X1 x(.A(n), .B(w[1]), .Y(z)); endmodule"
    )

    def corner(**options: object) -> DesignCorner:
        config = CharacterizeConfig(
            corners=(("c", (osu018,)),),
            run_folder=tmp_path / "r",
            netlist=tmp_path / "t.v",
            output="z",
            **options,  # type: ignore[arg-type]
        )
        return load_corner("c", (osu018,), tmp_path / "t.v", None, config)

    driven = corner()
    load_f = float(driven.delays.net_load_f[list(driven.circuit.netlist.inputs["a"])].max())
    at = {"clock_slew_s": driven.clock_slew_s, "load_f": load_f}
    assert driven.input_slew_s == register_slew(driven.library, **at)
    assert driven.boundary is not None
    none = np.zeros((1, 2))
    assert driven.boundary.clk_to_q_s == register_overhead(driven.library, **at, data_slew_s=none).clk_to_q_s
    assert driven.input_slew_s != driven.clock_slew_s
    bare, given = corner(register_overhead=False), corner(input_slew_ps=50.0)
    assert bare.input_slew_s == bare.clock_slew_s == driven.clock_slew_s
    assert given.input_slew_s == given.clock_slew_s == pytest.approx(50e-12)
