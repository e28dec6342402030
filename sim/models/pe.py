# SPDX-License-Identifier: Apache-2.0
"""Bit-exact models of the processing elements, clock by clock: what the registers show after each rising edge."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

Inputs = Mapping[str, int]
"""Values on the input ports in one clock, without their direction suffix; numbers signed."""


@dataclass(frozen=True)
class Shape:
    """Parameters of an element.

    Attributes:
        weight, activation, acc: widths.
        latency: registers in the multiplier.
        carry_save: sums are two numbers.
        correction: family whose products lack what depends on the weight alone; empty: they are whole.
    """

    weight: int
    activation: int
    acc: int
    latency: int
    carry_save: bool
    correction: str = ""

    def total(self, sums: int) -> int:
        """The number, modulo 2^acc, that sum bits stand for: one number, or a carry above a sum."""
        return (sums + (sums >> self.acc) if self.carry_save else sums) & ((1 << self.acc) - 1)

    def add(self, total: int, product: int) -> int:
        """Modulo 2^acc."""
        return (total + product) & ((1 << self.acc) - 1)

    def product(self, weight: int, activation: int) -> int:
        """What the multiplier gives."""
        return weight * activation - self._lacking(weight)

    def _lacking(self, weight: int) -> int:
        """``CORRECTION`` in ``partial_products.v``."""
        m, n = self.weight, self.activation
        if self.correction == "booth_r4":
            digits = booth_digits(weight, m)
            return sum(4**k * ((digit < 0) - 2**n * (digit != 0)) for k, digit in enumerate(digits))
        if self.correction == "baugh_wooley":
            return 2 ** (m - 1) * (weight < 0) - 2 ** (n - 1) * (weight % 2**m)
        return 0


def booth_digits(weight: int, bits: int) -> list[int]:
    """Radix-4 digits of -2 to 2 of a signed weight, digit 0 first."""
    twice = weight << 1  # bit 2k - 1 of the weight stands at 2k
    return [(twice >> k & 1) + (twice >> k + 1 & 1) - 2 * (twice >> k + 2 & 1) for k in range(0, bits + bits % 2, 2)]


class WeightStationary:
    """``pe_ws``. What a register holds counts from its first value after a reset on.

    Attributes:
        control: output bits that always count.
        data: output numbers that pass through; None where they do not count.
        result: the sum that comes out, modulo 2^acc; None where there is none.
    """

    INPUTS = ("weight", "weight_load", "activation", "valid", "swap", "psum")
    CONTROL = ("valid", "swap", "weight_load", "psum_valid")
    DATA = ("activation", "weight")
    RESULT = ("psum_valid", "psum")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.reset()

    def reset(self) -> None:
        """A rising edge in reset. What data registers hold counts no more."""
        self.control = dict.fromkeys(self.CONTROL, 0)
        self.data: dict[str, int | None] = dict.fromkeys(self.DATA)
        self._next: int | None = None
        self.result: int | None = None
        self._weight: int | None = 0
        self._products: deque[int | None] = deque([None] * self.shape.latency)

    def clock(self, inputs: Inputs) -> None:
        """A rising edge."""
        computed = self._multiply() if self.control["valid"] else None
        self._products.append(computed)
        product = self._products.popleft()
        self.result = None if product is None else self.shape.add(self.shape.total(inputs["psum"]), product)
        if inputs["swap"]:
            self._weight = self._next
        if inputs["weight_load"]:
            self._next = inputs["weight"]
        if inputs["valid"]:
            self.data["activation"] = inputs["activation"]
        self.data["weight"] = inputs["weight"]
        self.control = {name: inputs[name] for name in self.CONTROL[:3]}
        self.control["psum_valid"] = int(self.result is not None)

    def _multiply(self) -> int:
        activation = self.data["activation"]
        assert self._weight is not None and activation is not None, "the bench uses a weight that was never loaded"
        return self.shape.product(self._weight, activation)


class OutputStationary:
    """``pe_os``. Attributes as of ``WeightStationary``."""

    INPUTS = ("weight", "activation", "valid", "first", "last", "drain", "drain_valid")
    CONTROL = ("valid", "drain_valid")
    DATA = ("activation", "weight", "first", "last")
    RESULT = ("drain_valid", "drain")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.reset()

    def reset(self) -> None:
        """A rising edge in reset. What data registers other than the weight's hold counts no more."""
        self.control = dict.fromkeys(self.CONTROL, 0)
        self.data: dict[str, int | None] = dict.fromkeys(self.DATA) | {"weight": 0}
        self._total: int | None = None
        self.result: int | None = None
        self._products: deque[tuple[int, int, int] | None] = deque([None] * self.shape.latency)

    def clock(self, inputs: Inputs) -> None:
        """A rising edge."""
        computed = self._multiply() if self.control["valid"] else None
        self._products.append(computed)
        product = self._products.popleft()
        self.result = self.shape.total(inputs["drain"]) if inputs["drain_valid"] else None
        if product is not None:
            value, first, last = product
            before = 0 if first else self._total
            assert before is not None, "the bench goes on with a sum that was never started"
            self._total = self.shape.add(before, value)
            if last:
                assert self.result is None, "the bench sends a result from below into the element's own"
                self.result = self._total
        if inputs["valid"]:
            self.data = {name: inputs[name] for name in self.DATA}
        self.control = {"valid": inputs["valid"], "drain_valid": int(self.result is not None)}

    def _multiply(self) -> tuple[int, int, int]:
        weight, activation, first, last = (self.data[name] for name in ("weight", "activation", "first", "last"))
        assert weight is not None and activation is not None and first is not None and last is not None
        return self.shape.product(weight, activation), first, last


Element = WeightStationary | OutputStationary
ELEMENTS: dict[str, type[WeightStationary] | type[OutputStationary]] = {
    "pe_ws": WeightStationary,
    "pe_os": OutputStationary,
}
"""Models by module."""
