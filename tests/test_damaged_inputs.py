# SPDX-License-Identifier: Apache-2.0
"""Damaged Liberty, netlist, SDF and safetensors files end in a result or in an error of two lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from damaged_inputs import KINDS, attempt, damaged, sound_library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("name", KINDS)
def test_the_sound_file_is_read(tmp_path: Path, name: str) -> None:
    assert attempt(KINDS[name], KINDS[name].sound, tmp_path, sound_library(tmp_path))


@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    library = sound_library(tmp_path)
    results = set()

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        results.add(attempt(KINDS[name], data.draw(damaged(KINDS[name])), tmp_path, library))

    run()
    assert False in results
