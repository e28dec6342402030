# SPDX-License-Identifier: Apache-2.0
"""HALO (Juneja et al., AAAI 2026, Algorithm 1): tiles rounded to fast weights, the few that matter most kept apart.

1. Salient weights (largest diagonal Fisher) and outliers go to a sparse int8 part with one scale per output channel.
2. The rest is cut into square tiles, and each tile gets the codebook of a clock. ``perf`` gives every tile the fastest;
   ``acc`` keeps the tiles that carry a share of the loss slow; ``bal`` stops at the knee of error over mean period.
   Share and knee are those of the layer, or of the whole model (``halo.quant.balance``).
3. Scales are fitted, weights are rounded to the nearest code or, given the Hessian of the inputs, with GPTQ's feedback.

What the paper leaves open is an option of ``halo.quant.options.HaloOptions``; what goes beyond it says so there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.fit import Dense, fit_scales, round_nearest, round_with_feedback
from halo.quant.layer import Codebook, Float32, QuantizedLayer
from halo.quant.options import HaloOptions
from halo.quant.sparse import gather, mark_outliers, mark_salient, moments
from halo.quant.tiles import ParetoFront, pareto_front, share_count, tile_means

U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]


def quantize_halo(
    weight: Float32,
    fisher: Float32 | None,
    codebooks: Sequence[Codebook],
    options: HaloOptions,
    *,
    hessian: npt.NDArray[np.float32] | npt.NDArray[np.float64] | None = None,
    multiplier: float | None = None,
    name: str = "layer",
    threads: int | None = None,
) -> QuantizedLayer:
    """Quantize a layer with HALO.

    Args:
        weight: float32[out, in].
        fisher: float32[out, in], mean squared gradients; None: see ``missing_fisher``.
        codebooks: from the slowest (least error) to the fastest, as ``class_codebooks`` gives them; clocks are needed
            unless all tiles get the last one.
        hessian: [in, in], sum of x x^T of the layer's inputs times any factor. Given: GPTQ's feedback restricted to the
            codebooks where ``options.feedback``, which beats nearest codes and is slower. A diagonal Hessian would feed
            nothing back; on every row it serves as ``fisher``.
        multiplier: the Lagrange multiplier of time, the error that a nanosecond of one weight is worth, from
            ``halo.quant.balance``; None: knee and share are those of this layer.
        name: of the layer.
        threads: None: one a core. Results do not depend on it.

    Raises:
        HaloError: weights or Fisher not finite or not of one shape, a tile larger than the layer, codebooks that are
            not in order or have no clock.
    """
    _check(weight, fisher, codebooks, options, name)
    if not options.feedback:
        hessian = None
    dense = dense_part(weight, fisher, options, name, threads)
    sparse = gather(weight, dense.apart)
    classes, scale, details = _choose(dense, fisher, codebooks, options, multiplier, threads)
    if hessian is None:
        codes = round_nearest(dense, codebooks, classes, scale, threads)
    else:
        codes, used = round_with_feedback(dense, codebooks, classes, scale, sparse, hessian, options.damping, name)
        details["damping_used"] = used
    details |= {
        "options": asdict(options),
        "fisher": "given" if fisher is not None else "squared weights, a proxy",
        "rounding": "nearest" if hessian is None else "error feedback",
        "sparse_share": len(sparse.codes) / weight.size,
    }
    return QuantizedLayer(
        name, codes, scale, dense.block, 8, f"HALO {options.variant}", tile=dense.tile, tile_class=classes,
        codebooks=tuple(codebooks), sparse=sparse, details=details,
    )  # fmt: skip


def dense_part(weight: Float32, fisher: Float32 | None, options: HaloOptions, name: str, threads: int | None) -> Dense:
    """The layer with salient weights and outliers marked.

    Raises:
        HaloError: a weight or a Fisher value is no finite number.
    """
    spread = moments(weight, name, threads)
    apart = np.zeros(weight.shape, np.uint8)

    def take_salient() -> None:
        count, by = round(options.salient_share * weight.size), weight if fisher is None else fisher
        mark_salient(by, count, apart, name=name, threads=threads, magnitude=fisher is None)

    if options.first == "salient":
        take_salient()
    if options.outlier_sigmas is not None:
        mark_outliers(weight, spread, options.outlier_sigmas, options.outlier_scope, apart, threads)
    if options.first == "outliers":
        take_salient()
    tile = options.tile
    block = {"row": (1, tile), "tile": (tile, tile), "channel": (1, weight.shape[1])}[options.scale]
    importance = fisher if options.fit_weights == "fisher" else None
    return Dense(weight, importance, apart, tile, block, options.signed_scale)


def fits_of(dense: Dense, codebooks: Sequence[Codebook], threads: int | None) -> tuple[list[Float32], F64, F64]:
    """Scales with all tiles in each codebook, error of each tile there, and the clock period in ns.

    Returns:
        float32[block rows, block columns] by codebook; float64[codebooks, tiles]; float64[codebooks].
    """
    shape = _tiles(dense)
    fits = [fit_scales(dense, codebooks, np.full(shape, k, np.uint8), threads) for k in range(len(codebooks))]
    period = np.array([1 / book.frequency_ghz for book in codebooks if book.frequency_ghz])
    return [scale for scale, _ in fits], np.stack([lost.ravel() for _, lost in fits]), period


def _tiles(dense: Dense) -> tuple[int, ...]:
    return tuple(-(-n // dense.tile) for n in dense.weight.shape)


def _choose(
    dense: Dense,
    fisher: Float32 | None,
    codebooks: Sequence[Codebook],
    options: HaloOptions,
    multiplier: float | None,
    threads: int | None,
) -> tuple[U8, Float32, dict[str, Any]]:
    """Class of each tile, scales, and what to report."""
    shape = _tiles(dense)
    last = len(codebooks) - 1
    if options.variant == "perf" or last == 0:
        classes = np.full(shape, last, np.uint8)
        scale, _ = fit_scales(dense, codebooks, classes, threads)
        clock = codebooks[last].frequency_ghz
        return classes, scale, {"mean_period_ns": 1 / clock} if clock else {}
    scales, error, period = fits_of(dense, codebooks, threads)
    if options.criterion == "sensitivity":
        sensitivity_of = np.square(dense.weight) if fisher is None else fisher
        sensitivity = tile_means(sensitivity_of, dense.apart, dense.tile, threads).ravel()
        moves = pareto_front(error, period, sensitivity)
        allowed = len(sensitivity) - share_count(sensitivity, options.share)
    else:
        moves = pareto_front(error, period)
        allowed = _moves_within(moves, 1 - options.share)
    if multiplier is not None:
        chosen = moves.at(multiplier * dense.weight.size)
    else:
        chosen = moves.knee() if options.variant == "bal" else allowed
    classes = moves.classes(chosen, shape)
    if options.scale == "channel":  # its tiles are of several classes
        scale, _ = fit_scales(dense, codebooks, classes, threads)
    else:
        rows = np.repeat(classes, dense.tile // dense.block[0], axis=0)[: len(scales[0])]
        scale = np.take_along_axis(np.stack(scales), rows[None].astype(np.intp), axis=0)[0]
    details: dict[str, Any] = {"mean_period_ns": float(moves.period[chosen])}
    return classes, scale, details if multiplier is None else {**details, "error_per_ns": multiplier}


def _moves_within(moves: ParetoFront, share: float) -> int:
    """The most moves that add no more than a share of the loss between the two ends."""
    added = moves.error - moves.error[0]
    return int(np.flatnonzero(added <= share * max(float(added[-1]), 0.0) + 1e-12 * abs(float(added[-1])))[-1])


def _check(
    weight: Float32, fisher: Float32 | None, codebooks: Sequence[Codebook], options: HaloOptions, name: str
) -> None:
    layer = f"layer {name!r}"
    if weight.ndim != 2 or weight.dtype != np.float32 or weight.size == 0:
        raise HaloError(f"{layer} is no float32 matrix", "Give weights as float32[out, in].")
    if fisher is None and options.missing_fisher == "refuse":
        raise HaloError(f"{layer} has no Fisher", "Calibrate, or allow the magnitude of weights as a proxy.")
    if fisher is not None and (fisher.shape != weight.shape or fisher.dtype != np.float32):
        raise HaloError(f"the Fisher of {layer} has another shape or type", "Give float32 values, one for each weight.")
    if options.tile > min(weight.shape) and not options.pad:
        what = f"{layer} is {weight.shape[0]} x {weight.shape[1]}: a tile of {options.tile} is larger"
        raise HaloError(what, "Use a smaller tile, or allow padding.")
    if not 0 < len(codebooks) < 256:
        raise HaloError("no codebook is given" if not codebooks else "more than 255 codebooks", "Give one or two.")
    if len(codebooks) == 1 or options.variant == "perf":
        return
    clocks = [book.frequency_ghz for book in codebooks]
    if None in clocks:
        raise HaloError("a codebook has no clock", "Take codebooks from a table of weights, or the variant perf.")
    if any(a >= b for a, b in pairwise(clocks) if a and b):
        raise HaloError("the codebooks do not go from slow to fast", "Sort them by clock, each faster than the last.")
    if options.criterion == "sensitivity" and len(codebooks) > 2:
        raise HaloError(f"sensitivity ranks two codebooks, not {len(codebooks)}", "Choose tiles by loss.")
