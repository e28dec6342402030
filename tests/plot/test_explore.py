# SPDX-License-Identifier: Apache-2.0
"""Figures of a search show every row that counts, and ring the chosen one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from halo.plot.explore import clock_ratio, throughput_and_energy


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": ["conventional", "weight_aware", "low_bit", ""],
            "reason": ["", "", "", "wrong"],
            "pareto": [True, False, True, False],
            "chosen": [True, False, False, False],
            "macs_per_s_um2_all": [30e3, 35e3, 40e3, np.nan],
            "macs_per_s_um2_class": [31e3, 45e3, 70e3, np.nan],
            "energy_all_fj": [25e3, 30e3, 40e3, np.nan],
            "energy_class_fj": [19e3, 24e3, 20e3, np.nan],
            "clock_ratio": [1.05, 1.3, 1.0, np.nan],
        }
    )


def test_every_row_that_counts_is_shown_once() -> None:
    left, right = throughput_and_energy(frame(), "tt, class int4").axes
    for axis, x, y in ((left, [30, 35, 40], [25, 30, 40]), (right, [31, 45, 70], [19, 24, 20])):
        points = [tuple(p) for c in axis.collections for p in np.asarray(c.get_offsets())]
        assert sorted(set(points)) == list(zip(x, y, strict=True)) and len(points) == 4  # the chosen one has a ring
        (line,) = axis.get_lines()
        assert list(line.get_xdata()) == sorted(line.get_xdata())
    assert [float(x) for x in left.get_lines()[0].get_xdata()] == [30, 35, 40]  # more throughput costs more here
    assert [float(x) for x in right.get_lines()[0].get_xdata()] == [31, 70]  # 45 at 24 is beaten by 70 at 20
    assert len(clock_ratio(frame(), "tt, class int4").axes[0].collections) == 9
