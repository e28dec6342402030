# SPDX-License-Identifier: Apache-2.0
"""What ``halo explore`` prints: the front, and why rows do not count."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from halo.flow.explore import ExploreResult
from halo.report.explore import explore_report
from halo.report.text import render


def test_a_report_by_hand(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "candidate": ["plain", "behind", "wrong"],
            "kind": ["weight_aware", "conventional", ""],
            "area_um2": [18000.4, 19000.0, None],
            "period_all_ps": [1500.4, 1600.0, None],
            "period_class_ps": [1200.0, 1600.0, None],
            "energy_all_fj": [25000.0, 26000.0, None],
            "energy_class_fj": [19000.0, 26000.0, None],
            "macs_per_s_um2_all": [37026.0, 32894.0, None],
            "macs_per_s_um2_class": [46295.0, 32894.0, None],
            "pareto": [True, False, False],
            "reason": ["", "", "it does not compute psum + weight * activation"],
        }
    )
    lines = render(explore_report(ExploreResult(tmp_path, frame, "plain", ("It is so.",), 1))).splitlines()
    assert lines[0] == "3 candidates, 2 of them proven, 1 on the front"
    assert lines[1:3] == ["  1 evaluated now, 2 known from earlier runs", "  chosen: plain"]
    (row,) = [line.split() for line in lines if line.strip().startswith("plain")]
    assert row == ["plain", "weight-aware", "18,000", "1,500", "1,200", "25,000", "19,000", "37.03", "46.3"]
    assert not any(line.strip().startswith("behind") for line in lines)
    assert "  wrong      it does not compute psum + weight * activation" in lines
    assert "  - It is so." in lines
