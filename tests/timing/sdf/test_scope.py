# SPDX-License-Identifier: Apache-2.0
"""The SDF of a chip, of which one instance is timed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import Library
from halo.netlist.model import Circuit
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.sdf.parse import read_sdf
from halo.timing.sdf.read import delays_from_sdf
from halo.timing.sdf.scope import below

MAC = "module mac(input a, output y); wire n; INV u(.A(a), .Y(n)); sub s(n, y); endmodule\n"
SUB = "module sub(input x, output z); INV v(.A(x), .Y(z)); endmodule"
CHIP = """(DELAYFILE (SDFVERSION "3.0") (DESIGN "chip") (DIVIDER /) (TIMESCALE 1ps)
 (CELL (CELLTYPE "chip") (INSTANCE) (DELAY (ABSOLUTE
  (INTERCONNECT pad/Y core/mac/u/A (5) (6)) (INTERCONNECT core/mac/u/Y core/mac/s/v/A (7))
  (INTERCONNECT core/mac/s/v/Y core/other/A (900)) (INTERCONNECT pad/Y core/mac2/u/A (901)))))
 (CELL (CELLTYPE "core") (INSTANCE core) (DELAY (INCREMENT (INTERCONNECT mac/u/Y mac/s/v/A (1)))))
 (CELL (CELLTYPE "PAD") (INSTANCE pad) (DELAY (ABSOLUTE (IOPATH A Y (902)))))
 (CELL (CELLTYPE "INV") (INSTANCE core/mac2/u) (DELAY (ABSOLUTE (IOPATH A Y (903)))))
 (CELL (CELLTYPE "INV") (INSTANCE core/mac/u) (DELAY (ABSOLUTE (IOPATH A Y (11) (12)))))
 (CELL (CELLTYPE "INV") (INSTANCE core/mac/s/v) (DELAY (ABSOLUTE (IOPATH A Y (13) (14))))))
"""
ALONE = """(DELAYFILE (SDFVERSION "3.0") (DESIGN "mac") (DIVIDER /) (TIMESCALE 1ps)
 (CELL (CELLTYPE "mac") (INSTANCE) (DELAY (ABSOLUTE
  (INTERCONNECT a u/A (5) (6)) (INTERCONNECT u/Y s/v/A (8)))))
 (CELL (CELLTYPE "INV") (INSTANCE u) (DELAY (ABSOLUTE (IOPATH A Y (11) (12)))))
 (CELL (CELLTYPE "INV") (INSTANCE s/v) (DELAY (ABSOLUTE (IOPATH A Y (13) (14))))))
"""


@pytest.mark.parametrize("instance", ["core/mac", "core.mac", "/core/mac/"])
def test_as_if_written_for_the_instance_alone(
    compiled: Callable[[str], Circuit], hand: Library, tmp_path: Path, instance: str
) -> None:
    circuit = compiled(MAC + SUB)
    base = nominal_delays(circuit, hand, input_slew_s=1e-10, output_load_f=1e-14)
    found: list[tuple[Circuit, Delays]] = []
    for text in (CHIP, ALONE):
        path = tmp_path / "delays.sdf"
        path.write_text(text)
        sdf = read_sdf(path)
        found.append(delays_from_sdf(circuit, hand, below(sdf, instance) if text is CHIP else sdf, base))
    (part, part_delays), (alone, alone_delays) = found
    assert part.netlist.nets == alone.netlist.nets
    assert np.array_equal(part_delays.arc_fs, alone_delays.arc_fs)
    assert sorted(set(alone_delays.arc_fs.tolist())) == [5000, 6000, 8000, 11000, 12000, 13000, 14000]


def test_nothing_below(tmp_path: Path) -> None:
    path = tmp_path / "chip.sdf"
    path.write_text(CHIP)
    with pytest.raises(HaloError, match="no cell below instance core/mack") as caught:
        below(read_sdf(path), "core/mack")
    assert "core.mac" in caught.value.fix and caught.value.path == str(path)
