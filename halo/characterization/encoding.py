# SPDX-License-Identifier: Apache-2.0
"""How a number is stored in the bits of a port: the one door between a value and its bit pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

Kind = Literal["unsigned", "twos_complement"]
Numbers = TypeVar("Numbers", int, npt.NDArray[np.int64])


@dataclass(frozen=True)
class Encoding:
    """Values and bit patterns of a port.

    Attributes:
        kind: ``unsigned`` or ``twos_complement``.
        bits: width of the port, at most 62.
    """

    kind: Kind
    bits: int

    @classmethod
    def of(cls, signed: bool, bits: int) -> Encoding:
        """The encoding of a Verilog port that is declared ``signed``, or is not."""
        return cls("twos_complement" if signed else "unsigned", bits)

    @property
    def signed(self) -> bool:
        """Whether some values are negative."""
        return self.kind == "twos_complement"

    @property
    def values(self) -> range:
        """All values, ascending."""
        half = 1 << (self.bits - 1)
        return range(-half, half) if self.signed else range(1 << self.bits)

    @property
    def patterns(self) -> npt.NDArray[np.int64]:
        """int64[2**bits]: the bit pattern of each of ``values``."""
        return self.pattern(np.array(self.values, np.int64))

    def pattern(self, value: Numbers) -> Numbers:
        """The bits that store a value, or each of an array of values, as an unsigned number."""
        return value & ((1 << self.bits) - 1)

    def value(self, pattern: Numbers) -> Numbers:
        """The value that bits store, or each of an array of bit patterns."""
        return pattern - ((pattern >> (self.bits - 1)) << self.bits) if self.signed else pattern
