# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from halo.errors import HaloError
from halo.plot.quantization import accuracy_trade, knee_of, layer_profile, pareto, tile_class_map, weight_histogram
from halo.quant.codebooks import left_aligned_codebook
from halo.quant.halo_method import quantize_halo
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.options import HaloOptions
from halo.quant.rtn import UniformFormat, rtn


def made() -> tuple[Float32, QuantizedLayer]:
    random = np.random.default_rng(5)
    weight = random.standard_t(4, (48, 40)).astype(np.float32)
    fisher = random.random((48, 40)).astype(np.float32)
    books = (replace(left_aligned_codebook(4), frequency_ghz=2.4), replace(left_aligned_codebook(3), frequency_ghz=3.7))
    return weight, quantize_halo(weight, fisher, books, HaloOptions(tile=16, salient_share=0.01), name="q")


def test_histogram_counts_every_weight_once_and_marks_what_is_apart() -> None:
    weight, layer = made()
    assert layer.sparse is not None
    axes = weight_histogram(weight, layer, "made up").axes[0]
    counts = [sum(bar.get_height() for bar in container) for container in axes.containers]
    limit = 3 * weight.astype(np.float64).std()
    outliers = (np.abs(weight - weight.mean(dtype=np.float64)) > limit).sum()
    assert counts == [weight.size, outliers, len(layer.sparse.codes) - outliers] and outliers > 0 and counts[2] > 0
    limits = [line.get_xdata()[0] for line in axes.lines]
    assert np.allclose(limits, [weight.mean() - limit, weight.mean() + limit], rtol=1e-5)
    assert axes.get_yscale() == "log" and axes.get_title(loc="left").endswith("made up")


def test_histogram_needs_limits() -> None:
    weight, layer = made()
    with pytest.raises(HaloError, match="no outliers by one limit"):
        weight_histogram(weight, rtn(weight, UniformFormat(4)))
    with pytest.raises(HaloError, match="another shape"):
        weight_histogram(weight[:, 1:], layer)


def test_map_shows_each_tile_where_it_lies() -> None:
    _, layer = made()
    assert layer.tile_class is not None and len(np.unique(layer.tile_class)) == 2
    axes = tile_class_map(layer).axes[0]
    (image,) = axes.images
    shown = np.asarray(image.get_array())
    assert shown.shape == (48, 40) and (shown[::16, ::16] == layer.tile_class).all() and shown[47, 39] == shown[32, 32]
    legend = axes.get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[0].startswith("16 values at 2.4 GHz") and texts[1].startswith("8 values at 3.7 GHz")
    with pytest.raises(HaloError, match="no tiles"):
        tile_class_map(rtn(np.ones((4, 4), np.float32), UniformFormat(4)))


def test_profile_has_a_line_for_each_kind_over_the_blocks() -> None:
    rows = pd.DataFrame(
        {
            "layer": [f"model.layers.{block}.{kind}" for block in (0, 1, 10) for kind in ("mlp.up", "attn.q")],
            "sqnr_db": [1.0, 2, 3, 4, 5, 6],
            "bits_per_weight": [4.0, 3, 4, 3, 4, 3],
            "period_ns": [1.0, 2, 4, 5, 8, 10],
        }
    )
    noise, bits, clock = layer_profile(rows, "made up").axes
    drawn = {str(line.get_label()): line.get_xydata().tolist() for line in noise.lines}  # type: ignore[union-attr]
    assert drawn == {"mlp.up": [[0, 1], [1, 3], [10, 5]], "attn.q": [[0, 2], [1, 4], [10, 6]]}
    assert [line.get_ydata().tolist() for line in bits.lines] == [[4, 4, 4], [3, 3, 3]]
    assert [line.get_ydata().tolist() for line in clock.lines] == [[1, 0.25, 0.125], [0.5, 0.2, 0.1]]
    assert clock.get_xlabel() == "block"
    alone = layer_profile(rows.drop(columns="period_ns").assign(layer=list("abcdef"))).axes
    assert len(alone) == 2 and alone[0].lines[0].get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert alone[1].get_xlabel() == "layer"
    with pytest.raises(HaloError, match="no layer to draw"):
        layer_profile(rows.iloc[:0])


def test_front_and_knee() -> None:
    x, y = np.array([3.0, 1.0, 2.0, 2.0, 4.0]), np.array([1.0, 9.0, 8.0, 2.0, 1.5])
    assert pareto(x, y).tolist() == [1, 3, 0]
    assert knee_of(x[[1, 3, 0]], y[[1, 3, 0]]) == 1


def test_trade_draws_each_model_in_both_panels_and_rings_the_knee() -> None:
    points = pd.DataFrame(
        {
            "label": list("abcd"),
            "family": ["RTN", "RTN", "HALO", "HALO"],
            "bits": [8.0, 4.0, 3.0, 4.5],
            "clock_ghz": [1.0, 2.0, 3.0, np.nan],
            "perplexity": [4.0, 5.0, 9.0, 6.0],
        }
    )
    bits, clock = accuracy_trade(points, "made up").axes
    drawn = [np.concatenate([c.get_offsets() for c in axes.collections[:2]]) for axes in (bits, clock)]
    assert len(drawn[0]) == 4 and len(drawn[1]) == 3
    assert bits.lines[0].get_xdata().tolist() == [3, 4, 8] and clock.lines[0].get_xdata().tolist() == [3, 2, 1]
    assert np.asarray(bits.collections[-1].get_offsets()).tolist() == [[4.0, 5.0]]
    assert clock.get_title(loc="left").startswith("Dashed: the Pareto front")
    alone = accuracy_trade(
        pd.concat([points.iloc[[1]], points.iloc[[0]].assign(family="none", bits=np.nan, clock_ghz=0)])
    )
    assert [text.get_text() for text in alone.legends[0].texts] == ["RTN"]  # what has no point here has no key
    assert accuracy_trade(points.iloc[[0]]).axes[1].get_title(loc="left") == "Ring: the best in both"
    with pytest.raises(HaloError, match="no quantized model"):
        accuracy_trade(points.iloc[:0])
