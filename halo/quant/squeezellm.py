# SPDX-License-Identifier: Apache-2.0
"""SqueezeLLM (Kim et al., arXiv 2306.07629): a codebook of 2^b values for every output channel, few weights sparse.

Taken out first: the 0.05 % of the weights with the largest Fisher value, then the 0.45 % of the rest with the largest
magnitude. The others of each output channel are clustered by k-means with the Fisher values as sample weights (all
ones where they sum to 0), here exactly.

What the MAC sees: SqueezeLLM looks floating-point values up and multiplies in floating point; there is no integer.
To run on an int8 MAC its centroids are rounded to int8 with one scale per output channel, as is the sparse part, and
the codes are those integers: any int8 value may occur, so no clock but the slowest is safe. ``details`` holds the
mean squared error with the centroids as found beside the one after this rounding, and ``dequantized_float`` the weights
of the method as published.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.quant.kmeans_kernel import cluster_rows
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import SqueezeOptions
from halo.quant.rows import over_rows
from halo.quant.rtn import checked
from halo.quant.sparse import gather, mark_salient
from halo.quant.task import LayerGroup, LayerQuantizer

_STEP = 16  # rows a thread takes at a time


def squeezellm(
    weight: Float32,
    fisher: Float32 | None,
    options: SqueezeOptions,
    *,
    name: str = "layer",
    threads: int | None = None,
) -> QuantizedLayer:
    """Quantize a layer, dense and sparse.

    Args:
        weight: float32[out, in].
        fisher: float32[out, in], diagonal Fisher; None: plain k-means and no sensitive weights.
        options: bits and shares.
        name: of the layer, for reports.
        threads: None: one a core. The result does not depend on it.

    Raises:
        HaloError: weights or Fisher values not finite, or shapes that do not fit.
    """
    weight, apart, centroids = _clustered(weight, fisher, options, name, threads)
    largest = np.abs(centroids).max(axis=1, keepdims=True)
    scale = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
    table = np.rint(centroids / scale).astype(np.int8)
    nearest = _nearest(weight, centroids)
    codes = np.take_along_axis(table, nearest, axis=1)
    dense = apart == 0
    codes[~dense] = 0
    sparse = gather(weight, apart) if apart.any() else None
    off = weight - np.take_along_axis(centroids, nearest, axis=1)
    return QuantizedLayer(
        name=name,
        codes=codes,
        scale=scale,
        scale_block=(1, weight.shape[1]),
        bits=options.bits,
        method="SqueezeLLM, centroids int8",
        sparse=sparse,
        table_bits=8 * table.size,
        details={
            "centroids": 1 << options.bits,
            "mse_float_centroids": float(np.square(off[dense], dtype=np.float64).sum() / weight.size),
            "sample_weights": "ones" if fisher is None else "Fisher",
        },
    )


def dequantized_float(
    weight: Float32,
    fisher: Float32 | None,
    options: SqueezeOptions,
    *,
    name: str = "layer",
    threads: int | None = None,
) -> Float32:
    """Weights of the method as published: floating-point centroids and sparse values, float32[out, in].

    Args:
        weight: float32[out, in].
        fisher: float32[out, in], diagonal Fisher; None: plain k-means and no sensitive weights.
        options: bits and shares.
        name: of the layer, for reports.
        threads: None: one a core. The result does not depend on it.

    Raises:
        HaloError: weights or Fisher values not finite, or shapes that do not fit.
    """
    weight, apart, centroids = _clustered(weight, fisher, options, name, threads)
    made = np.take_along_axis(centroids, _nearest(weight, centroids), axis=1)
    return np.where(apart != 0, weight, made)


def _clustered(
    weight: Float32, fisher: Float32 | None, options: SqueezeOptions, name: str, threads: int | None
) -> tuple[Float32, np.ndarray[tuple[int, ...], np.dtype[np.uint8]], Float32]:
    """Weights checked, marks of the sparse ones, and centroids float32[out, 2^bits], ascending."""
    weight = checked(weight, name)
    apart = np.zeros(weight.shape, dtype=np.uint8)
    if fisher is not None:
        if fisher.shape != weight.shape:
            what = f"layer {name!r} is {weight.shape[0]} x {weight.shape[1]}, its Fisher values are not"
            raise HaloError(what, "Give the sensitivity of this model.")
        mark_salient(fisher, round(options.sensitive * weight.size), apart, name=name, threads=threads)
    size = np.abs(weight)
    if size.any():
        mark_salient(size, round(options.outliers * weight.size), apart, name=name, threads=threads)
    centroids = np.empty((len(weight), 1 << options.bits), dtype=np.float64)

    def work(first: int, stop: int) -> None:
        part = weight[first:stop]
        mass = ((part != 0) & (apart[first:stop] == 0)).astype(np.float64)
        if fisher is not None:
            weighted = mass * fisher[first:stop]
            mass = np.where(weighted.any(axis=1, keepdims=True), weighted, mass)
        mass[~mass.any(axis=1)] = 1
        # Scaled so that masses of tiny gradients stay normal numbers when multiplied by squares of weights.
        mass /= mass.max(axis=1, keepdims=True)
        order = np.argsort(part, axis=1, kind="stable")
        values = np.take_along_axis(part, order, axis=1).astype(np.float64)
        cluster_rows(values, np.take_along_axis(mass, order, axis=1), centroids[first:stop])

    over_rows(work, len(weight), _STEP, threads)
    return weight, apart, centroids.astype(np.float32)


def _nearest(weight: Float32, centroids: Float32) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Index of the nearest centroid of every weight, intp[out, in]."""
    border = (centroids[:, 1:] + centroids[:, :-1]) / 2
    return np.stack([np.searchsorted(b, row) for b, row in zip(border, weight, strict=True)])


@dataclass(frozen=True)
class SqueezeLlm(LayerQuantizer):
    """SqueezeLLM, as a method of ``halo quantize``."""

    options: SqueezeOptions

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """Each layer by itself."""
        for task in group.chosen:
            yield squeezellm(task.weight, task.fisher, self.options, name=task.name)
