# SPDX-License-Identifier: Apache-2.0
"""The class of weights a search is for, and what rounding real weights to a set of values costs.

Tests: tests/flow/exploring/test_codebook.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.store import INDEX, list_layers, load_layer

F64 = npt.NDArray[np.float64]

GRIDS = {"int4": 16, "int3": 32}
"""Names of classes, and the distance of their weights."""
SCALES = 200
"""Scales that are tried."""
_LIST = re.compile(r"-?\d+(?:,-?\d+)+\Z")


@dataclass(frozen=True, eq=False)
class Histogram:
    """Real weights: float64[N] values and how often each occurs."""

    values: F64
    counts: F64


def class_weights(text: str) -> tuple[int, ...]:
    """Weights of a class, ascending.

    Args:
        text: ``int4`` (16 values, multiples of 16), ``int3`` (8, multiples of 32), or values with commas.

    Raises:
        HaloError: no such form, or a value that eight bits do not hold.
    """
    fix = "Give int4, int3, or two weights or more with commas, such as --class-weights=-64,0,64."
    if text in GRIDS:
        return tuple(range(-128, 128, GRIDS[text]))
    if not _LIST.match(text):
        raise HaloError(f"{text!r} names no class of weights", fix)
    values = sorted({int(word) for word in text.split(",")})
    if values[0] < -128 or values[-1] > 127:
        value = values[0] if values[0] < -128 else values[-1]
        raise HaloError(f"the class holds {value}, which is no weight of eight bits", fix)
    return tuple(values)


def trailing_zeros(weights: Iterable[int]) -> int:
    """Trailing zeros that all weights but 0 share: 7 at most."""
    joined = 0
    for weight in weights:
        joined |= weight
    return 7 if joined == 0 else min(7, (joined & -joined).bit_length() - 1)


def weights_file(path: Path) -> Path:
    """The file that stands for weights: a CSV itself, or the index of a run of ``halo quantize``."""
    return path / INDEX if path.is_dir() else path


def read_weights(path: Path) -> Histogram:
    """Weights from a CSV, or the integers that the MAC sees in all layers of a run of ``halo quantize``.

    Raises:
        HaloError: as ``read_histogram``; the folder holds no layers, is damaged, or all its integers are 0.
    """
    if not path.is_dir():
        return read_histogram(path)
    if not weights_file(path).is_file():
        raise HaloError(
            f"this folder is no run of halo quantize: it has no {INDEX}", "Give such a run, or a CSV.", path
        )
    counts = np.zeros(256)
    for name in list_layers(path):
        counts += np.bincount(load_layer(path, name).codes.ravel().astype(np.int64) + 128, minlength=256)
    if not counts.any() or counts.sum() == counts[128]:
        raise HaloError("its layers hold no weight but 0", "Give a run of halo quantize that is finished.", path)
    return Histogram(np.array(np.flatnonzero(counts) - 128, np.float64), counts[counts > 0])


def read_histogram(path: Path) -> Histogram:
    """Weights from a CSV of ``value,count`` or of values alone; a heading without digits may come first.

    Raises:
        HaloError: a line does not parse, a count is negative, or nothing but zeros is there.
    """
    values, counts = [], []
    fix = "Write a weight and how often it occurs, or a weight alone, in each line, as in -0.25,17."
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise HaloError("not a text file", fix, path) from None
    for number, line in enumerate(lines, 1):
        words = [word.strip() for word in line.split(",")]
        if not line.strip() or (number == 1 and not any(c.isdigit() for c in line)):
            continue
        try:
            value, count = float(words[0]), float(words[1]) if len(words) > 1 else 1.0
        except ValueError:
            raise HaloError(f"{line.strip()[:40]!r} is no weight and count", fix, path, number) from None
        if not np.isfinite([value, count]).all() or count < 0 or len(words) > 2:
            raise HaloError(f"{line.strip()[:40]!r} is no weight and count", fix, path, number)
        values.append(value)
        counts.append(count)
    histogram = Histogram(np.array(values, np.float64), np.array(counts, np.float64))
    if not np.any(histogram.counts * np.abs(histogram.values)):
        raise HaloError("the file holds no weight but 0", fix, path)
    return histogram


def rounding_error(weights: Histogram, codes: Iterable[int]) -> float:
    """Relative error (RMS) of weights rounded to ``scale * code``, at the best of ``SCALES`` scales.

    Scales go from the one that just holds the largest weight down to a twentieth of it, beyond which large weights are
    cut; a code set without a code but 0 has error 1.
    """
    grid = np.unique(np.array(list(codes), np.float64))
    reach = np.abs(grid).max(initial=0.0)
    if reach == 0:
        return 1.0
    values, counts = weights.values, weights.counts
    power = float((counts * values**2).sum())
    middles = (grid[1:] + grid[:-1]) / 2
    best = power
    for scale in np.abs(values).max() / reach * np.geomspace(1.0, 0.05, SCALES):
        rounded = grid[np.searchsorted(middles, values / scale)] * scale
        best = min(best, float((counts * (values - rounded) ** 2).sum()))
    return float(np.sqrt(best / power))
