# SPDX-License-Identifier: Apache-2.0
"""Values and their bits, by hand and against Python's own conversions."""

from __future__ import annotations

import numpy as np
import pytest

from halo.characterization.encoding import Encoding


def test_three_bits_by_hand() -> None:
    signed, unsigned = Encoding.of(True, 3), Encoding.of(False, 3)
    assert (signed.kind, unsigned.kind) == ("twos_complement", "unsigned")
    assert list(signed.values) == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert signed.patterns.tolist() == [0b100, 0b101, 0b110, 0b111, 0, 1, 2, 3]
    assert list(unsigned.values) == unsigned.patterns.tolist() == list(range(8))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 5, 8, 16])
def test_every_value_comes_back_and_stands_in_the_bits_that_python_writes(signed: bool, bits: int) -> None:
    encoding = Encoding.of(signed, bits)
    assert len(encoding.values) == 1 << bits
    size = -(-bits // 8)
    for value in [*encoding.values][:: max(1, (1 << bits) // 64)]:
        written = int.from_bytes(value.to_bytes(size, "little", signed=signed), "little") % (1 << bits)
        assert encoding.pattern(value) == written
        assert encoding.value(written) == value
    values = np.array(encoding.values, np.int64)
    assert np.array_equal(encoding.value(encoding.patterns), values)
    assert sorted(encoding.patterns) == list(range(1 << bits))
