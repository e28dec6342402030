# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from halo.errors import HaloError
from halo.plot.error_rate import error_rate


def rates() -> pd.DataFrame:
    rows = [
        (weight, period, 0.0 if period >= limit else 0.5, limit + 100.0, limit)
        for weight, limit in ((64, 2000.0), (-1, 3000.0))
        for period in (3500.0, 1500.0, 2500.0)
    ]
    return pd.DataFrame(rows, columns=["weight", "period_ps", "error_rate", "bound_ps", "slowest_ps"])


def test_a_line_a_weight_in_per_cent_over_nanoseconds() -> None:
    figure = error_rate(rates(), 2100.0, "made up")
    axes, marks = figure.axes
    lines = [line for line in axes.lines if str(line.get_label()).startswith("weight")]
    assert [line.get_label() for line in lines] == ["weight 64", "weight −1"]
    assert np.allclose(lines[0].get_xdata(), [1.5, 2.5, 3.5])
    assert np.allclose(lines[1].get_ydata(), [50.0, 50.0, 0.0])
    assert np.allclose([line.get_xdata()[0] for line in (axes.lines[-1], marks.lines[-1])], 2.1)
    assert "class clock 2.100 ns" in [text.get_text() for text in axes.texts]
    assert axes.get_title(loc="left") == "Wrong results over the clock period\nmade up"


def test_marks_go_from_the_slowest_transition_to_the_bound() -> None:
    marks = error_rate(rates()).axes[1]
    assert np.allclose(marks.lines[0].get_xdata(), [2.0, 2.1])
    unknown = rates().assign(slowest_ps=np.nan)
    assert len(error_rate(unknown).axes[1].lines) == 2  # the bounds alone
    said = [[text.get_text() for text in error_rate(frame).axes[1].texts] for frame in (rates(), unknown)]
    assert said == [["● slowest found\n○ settle bound"], ["○ settle bound"]]


def test_no_rates_no_figure() -> None:
    with pytest.raises(HaloError, match="no error rates"):
        error_rate(rates().iloc[:0])
