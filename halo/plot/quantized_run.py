# SPDX-License-Identifier: Apache-2.0
"""Figures of a folder of ``halo quantize``: all layers at a glance, and weights and tiles of some."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from halo.errors import HaloError
from halo.flow.quantization.layer_rows import LAYERS
from halo.flow.runs.provenance import RunRecord
from halo.plot.quantization import layer_profile, tile_class_map, weight_histogram
from halo.quant.checkpoint import open_model
from halo.quant.layer import Float32, QuantizedLayer
from halo.quant.store import load_layer


def quantized_figures(
    run_folder: Path, record: RunRecord, patterns: Sequence[str] = (), model: Path | None = None
) -> dict[str, Figure]:
    """The figures by file name without ending: ``layers``, and of the layers chosen ``weights.NAME``, ``tiles.NAME``.

    Args:
        run_folder: of ``halo quantize``.
        record: of it.
        patterns: names of layers; none: the one of least SQNR.
        model: that was quantized; None: where it was. Its weights are read where they are drawn.

    Raises:
        HaloError: no layer of such a name, another model or none, or damaged files.
    """
    rows = pd.read_csv(run_folder / LAYERS)
    home = model or Path(record.config["model"])
    figures = {"layers": layer_profile(rows, f"{home.name}, {rows['method'].iloc[0]}")}
    for name in _chosen(rows, patterns, run_folder):
        layer = load_layer(run_folder, name)
        subject, file = f"{home.name}, {name}, {layer.method}", re.sub(r"[^A-Za-z0-9._-]", "_", name)
        if layer.sparse is not None and layer.details.get("options", {}).get("outlier_scope") == "layer":
            figures[f"weights.{file}"] = weight_histogram(_weight(home, layer, rows), layer, subject)
        if layer.tile is not None:
            figures[f"tiles.{file}"] = tile_class_map(layer, subject)
    return figures


def _chosen(rows: pd.DataFrame, patterns: Sequence[str], run_folder: Path) -> list[str]:
    names = [str(name) for name in rows["layer"]]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            fix = f"The first of its {len(names)} layers is {names[0]}; * stands for any text."
            raise HaloError(f"no layer matches {pattern!r}", fix, run_folder)
    if not patterns:
        return [names[int(rows["sqnr_db"].argmin())]]
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def _weight(home: Path, layer: QuantizedLayer, rows: pd.DataFrame) -> Float32:
    """The layer's own weights: the error against them is the one that was written down."""
    weight = open_model(home).weight(layer.name)
    written = float(rows.loc[rows["layer"] == layer.name, "mse"].iloc[0])
    if weight.shape != layer.shape or float(f"{layer.mse(weight):.6g}") != written:
        raise HaloError("this is not the model that was quantized", "Give that one: --model MODEL.", home)
    return weight
