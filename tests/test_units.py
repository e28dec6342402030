# SPDX-License-Identifier: Apache-2.0
"""Seconds to the femtoseconds of the engines."""

from __future__ import annotations

import numpy as np
import pytest

from halo.errors import HaloError
from halo.units import to_femtoseconds


def test_times_are_rounded_to_the_nearest_femtosecond_ties_to_even() -> None:
    assert to_femtoseconds(1.4e-15) == 1 and to_femtoseconds(2.5e-15) == 2 and to_femtoseconds(-3.6e-15) == -4
    found = to_femtoseconds(np.array([0.0, 1e-12, 2.147483647e-6]))
    assert found.dtype == np.int32 and found.tolist() == [0, 1000, 2_147_483_647]


def test_a_time_beyond_the_engines_is_an_error() -> None:
    with pytest.raises(HaloError, match=r"a.lib: a delay of 3e-06 s does not fit .*\(2.1 us\)\nCheck the library's"):
        to_femtoseconds(np.array([1e-9, 3e-6]), "a.lib")
    with pytest.raises(HaloError, match=r"a delay of 2\.2e-06 s"):
        to_femtoseconds(-2.2e-6)
