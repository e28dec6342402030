# SPDX-License-Identifier: Apache-2.0
"""Inputs for processing elements: operands, empty slots, and weights, tiles and drained results at bad moments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from components.coverage import Coverage
from components.stimulus import mixed_operands
from models.pe import Shape

Bits = npt.NDArray[np.bool_]


def weight_stationary(
    shape: Shape, count: int, generator: np.random.Generator, coverage: Coverage
) -> dict[str, list[int]]:
    """``count`` cycles for ``pe_ws`` in which loads, swaps and activations come at random; the first slot loads.

    Args:
        coverage: operand classes, and every order of loads, swaps and activations, are counted here.
    """
    load, swap, valid = (generator.random(count) < share for share in (0.3, 0.2, 0.75))
    load[0], swap[0] = True, False
    weight = mixed_operands((count,), shape.weight, generator)
    activation = mixed_operands((count,), shape.activation, generator)
    coverage.operands("weight", weight[load], shape.weight)
    coverage.operands("activation", activation[valid], shape.activation)
    bins = {
        "swap with an activation": swap & valid,
        "swap without an activation": swap & ~valid,
        "swap between two activations": swap & valid & _before(valid),
        "swap and load at once": swap & load,
        "swap right after the load": swap & _before(load),
        "load right after the swap": load & _before(swap),
        "swaps in successive clocks": swap & _before(swap),
        "loads in successive clocks": load & _before(load),
        "load under an activation": load & valid,
        "one empty slot": valid & _before(~valid) & _before(_before(valid)),
        "two empty slots": ~valid & _before(~valid),
    }
    _count(coverage, bins)
    return {
        "weight": weight.tolist(),
        "weight_load": _flags(load),
        "activation": activation.tolist(),
        "valid": _flags(valid),
        "swap": _flags(swap),
        "psum": _sums(shape, count, generator),
    }


def output_stationary(
    shape: Shape, count: int, generator: np.random.Generator, coverage: Coverage
) -> dict[str, list[int]]:
    """``count`` cycles for ``pe_os``: tiles of 1 to 12 products with empty slots, results from below between the own.

    Empty slots carry rubbish, flags included.

    Args:
        coverage: operand classes, and every order of tiles, empty slots and results, are counted here.
    """
    valid = generator.random(count) < 0.75
    products = int(np.count_nonzero(valid))
    starts = np.zeros(products + 1, np.bool_)
    starts[np.minimum(np.cumsum(generator.integers(1, 13, products)), products)] = True
    starts[[0, products]] = True
    first, last = (generator.random(count) < 0.5 for _ in range(2))
    first[valid], last[valid] = starts[:-1], starts[1:]
    weight = mixed_operands((count,), shape.weight, generator)
    activation = mixed_operands((count,), shape.activation, generator)
    # The own result enters the drain register one clock after its last product, later by one for each register.
    own = valid & last
    for _ in range(1 + shape.latency):
        own = _before(own)
    drain_valid = (generator.random(count) < 0.4) & ~own
    coverage.operands("weight", weight[valid], shape.weight)
    coverage.operands("activation", activation[valid], shape.activation)
    bins = {
        "tile of one product": valid & first & last,
        "tiles back to back": valid & first & _before(valid & last),
        "empty slot within a tile": ~valid & _before(valid & ~last),
        "empty slot between tiles": ~valid & _before(valid & last),
        "two empty slots": ~valid & _before(~valid),
        "result from below before the own": own & _before(drain_valid),
        "result from below after the own": drain_valid & _before(own),
        "own results in successive clocks": own & _before(own),
    }
    _count(coverage, bins)
    return {
        "weight": weight.tolist(),
        "activation": activation.tolist(),
        "valid": _flags(valid),
        "first": _flags(first),
        "last": _flags(last),
        "drain": _sums(shape, count, generator),
        "drain_valid": _flags(drain_valid),
    }


def _before(bits: Bits) -> Bits:
    """The same one clock earlier."""
    return np.concatenate([[False], bits[:-1]])


def _flags(bits: Bits) -> list[int]:
    return bits.astype(int).tolist()


def _sums(shape: Shape, count: int, generator: np.random.Generator) -> list[int]:
    """Sums, or carries above sums."""
    mask = (1 << shape.acc) - 1
    low, high = (mixed_operands((count,), shape.acc, generator).tolist() for _ in range(2))
    if not shape.carry_save:
        return [value & mask for value in low]
    return [value & mask | (carry & mask) << shape.acc for value, carry in zip(low, high, strict=True)]


def _count(coverage: Coverage, bins: dict[str, Bits]) -> None:
    for name, hits in bins.items():
        coverage.hit(name, int(np.count_nonzero(hits)))
