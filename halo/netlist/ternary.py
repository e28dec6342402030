# SPDX-License-Identifier: Apache-2.0
"""One gate with pins of unknown value: what its output still can be, and which pins still matter.

Tests: tests/netlist/test_compile_circuit.py.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from halo.netlist.model import U8

UNKNOWN_TRIT = 2
"""Digit of an unknown value in the state index of a ternary table."""


@lru_cache(maxsize=4096)
def ternary(table: bytes) -> U8:
    """A gate's table over trits: uint8[3 ** n] of 0, 1 and 2; digit i of the index is the i-th pin.

    An unknown pin leaves 0 or 1 only where both of its values agree.

    Args:
        table: the gate's table, ``2 ** n`` bytes of 0 and 1.
    """
    n = len(table).bit_length() - 1
    trits = np.frombuffer(table, np.uint8).reshape((2,) * n)
    for axis in range(n):
        low, high = np.take(trits, 0, axis), np.take(trits, 1, axis)
        either = np.where(low == high, low, UNKNOWN_TRIT).astype(np.uint8)
        trits = np.stack([low, high, either], axis)
    return trits.reshape(-1)


@lru_cache(maxsize=65536)
def live_pins(table: bytes, known: tuple[int, ...]) -> tuple[int, ...]:
    """Pins that can change a gate's output while its known pins keep their values.

    Args:
        table: as for ``ternary``.
        known: value of each pin, 0 or 1; negative where it is free.
    """
    n = len(known)
    states = np.arange(1 << n)
    allowed = np.ones(1 << n, np.bool_)
    for pin, value in enumerate(known):
        if value >= 0:
            allowed &= (states >> pin & 1) == value
    values = np.frombuffer(table, np.uint8)
    chosen = states[allowed]
    return tuple(pin for pin in range(n) if known[pin] < 0 and np.any(values[chosen] != values[chosen ^ (1 << pin)]))
