# SPDX-License-Identifier: Apache-2.0
"""Settling-time histograms of every weight, and the worst delay by next activation: ``histograms.npz``.

Tests: tests/plot/test_figures.py.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.keywords import fitted


@dataclass(frozen=True, eq=False)
class Histograms:
    """What is kept of every transition's delay in one corner. W weights, B bins, A next activations.

    Attributes:
        weights: int[W], ascending.
        histogram: int64[W, B], transitions whose last output change falls into the bin; those that change no output
            are in no bin.
        bin_edges_ps: float[B + 1], ascending.
        worst_by_next_ps: float32[W, A], largest delay of the transitions that end in the activation: 0 where none of
            them changes an output, NaN where no transition ends there (files of 0.1.0: NaN for both).
        activations: int[A], ascending.

    Raises:
        HaloError: the shapes do not fit one another.
    """

    weights: npt.NDArray[np.int64]
    histogram: npt.NDArray[np.int64]
    bin_edges_ps: npt.NDArray[np.float64]
    worst_by_next_ps: npt.NDArray[np.float32]
    activations: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        w, b, a = len(self.weights), len(self.bin_edges_ps) - 1, len(self.activations)
        if self.histogram.shape != (w, b) or self.worst_by_next_ps.shape != (w, a) or b < 1:
            raise HaloError(
                f"histograms {self.histogram.shape} and worst delays {self.worst_by_next_ps.shape} do not fit "
                f"{w} weights, {b} bins and {a} activations",
                "Take histograms.npz as halo characterize wrote it.",
            )

    def row(self, weight: int) -> int:
        """The row of a weight.

        Raises:
            HaloError: no such weight.
        """
        found = np.flatnonzero(self.weights == weight)
        if not len(found):
            raise HaloError(
                f"there is no histogram of weight {weight}",
                f"Weights run from {self.weights[0]} to {self.weights[-1]}.",
            )
        return int(found[0])


def write_histograms(path: Path, corners: Mapping[str, Histograms]) -> None:
    """Write ``{corner}/{array}`` for every corner; the same histograms give the same bytes."""
    arrays: dict[str, Any] = {
        f"{corner}/{field.name}": getattr(one, field.name) for corner, one in corners.items() for field in fields(one)
    }
    np.savez_compressed(path, **arrays)


def load_histograms(path: Path | str) -> dict[str, Histograms]:
    """Read them by corner, in the order written.

    Raises:
        HaloError: no such file, or not what ``write_histograms`` writes.
    """
    path = Path(fitted("halo.load_histograms", "path", Path, path))
    if not path.is_file():
        raise HaloError("there are no histograms here", "Give the histograms.npz of a run with --method exact.", path)
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            corners = dict.fromkeys(name.rpartition("/")[0] for name in arrays.files)
            return {c: Histograms(**{f.name: arrays[f"{c}/{f.name}"] for f in fields(Histograms)}) for c in corners}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise HaloError(f"these are no histograms: {error}", "Characterize again.", path) from error
