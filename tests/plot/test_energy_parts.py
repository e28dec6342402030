# SPDX-License-Identifier: Apache-2.0
"""The energy of an array by cause adds up in the picture, too."""

from __future__ import annotations

import pytest

from halo.errors import HaloError
from halo.plot.energy_parts import energy_parts

FAST = {"table": 100.0, "operands": -20.0, "clock": 50.0}
SLOW = {"table": 200.0, "operands": 10.0, "clock": 50.0}


def test_bars_start_where_the_one_before_ends() -> None:
    figure = energy_parts({"fast": FAST, "slow": SLOW}, "a mesh")
    fast, slow = figure.axes
    assert [(bar.get_x(), bar.get_width()) for bar in fast.patches] == [(0, 100), (100, -20), (80, 50), (0, 130)]
    assert [(bar.get_x(), bar.get_width()) for bar in slow.patches] == [(0, 200), (200, 10), (210, 50), (0, 260)]
    assert [text.get_text() for text in fast.texts] == ["100", "\N{MINUS SIGN}20", "+50", "130"]
    assert [tick.get_text() for tick in fast.get_yticklabels()] == ["table", "operands", "clock", "simulated"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["fast", "slow"]
    assert fast.get_xlabel().endswith("(fJ)")


def test_large_energies_are_in_picojoules() -> None:
    (axes,) = energy_parts({"all": {"table": 10_000.0, "clock": 5_500.0}}).axes
    assert [bar.get_width() for bar in axes.patches] == [10.0, 5.5, 15.5]
    assert axes.get_xlabel().endswith("(pJ)")


def test_streams_must_have_the_same_parts() -> None:
    for streams in ({}, {"one": {}}, {"one": FAST, "two": {"table": 1.0}}):
        with pytest.raises(HaloError, match="no energies to draw"):
            energy_parts(streams)
