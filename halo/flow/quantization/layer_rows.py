# SPDX-License-Identifier: Apache-2.0
"""The layers of a quantized folder: their files, and their rows in ``layers.csv``, written as each is finished.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from halo.characterization.table import WeightTable
from halo.quant.layer import QuantizedLayer
from halo.quant.store import list_layers, load_layer, save_layer
from halo.quant.task import LayerTask

LAYERS = "layers.csv"


class LayerRows:
    """The layers of a run that are finished, here and in its folder.

    Args:
        folder: of the run; layers that an interrupted run finished there are taken over.
        names: of all layers to quantize, in the order of their rows.
        table: gives their clocks; None: not known.
        corner: of the table; None: its only one.

    Attributes:
        kept: number of layers that were finished before.
    """

    def __init__(self, folder: Path, names: Iterable[str], table: WeightTable | None, corner: str | None) -> None:
        self.folder, self.names = folder, tuple(names)
        self._table, self._corner = table, corner
        finished = finished_rows(folder)
        self._rows = {name: finished[name] for name in self.names if name in finished}
        self.kept = len(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self._rows[name] for name in self.names if name in self._rows)

    @property
    def complete(self) -> bool:
        """All layers are finished."""
        return len(self) == len(self.names)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of some layers that are to be quantized and not finished."""
        return [name for name in names if name in self.names and name not in self._rows]

    def load(self, name: str) -> QuantizedLayer:
        """A finished layer."""
        return load_layer(self.folder, name)

    def add(self, layer: QuantizedLayer, source: LayerTask, seconds: float) -> dict[str, Any]:
        """Keep a layer: its file first, then its row, each in one step.

        Args:
            layer: as quantized.
            source: its weights and Fisher information.
            seconds: it took.

        Returns:
            The row.

        Raises:
            HaloError: the layer is not what its attributes promise.
        """
        layer.check()
        save_layer(self.folder, layer)
        row = layer_row(layer, source, self._table, self._corner, seconds)
        self._rows[layer.name] = row
        partial = self.folder / f"{LAYERS}.partial"
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(next(iter(self))), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self)
        partial.replace(self.folder / LAYERS)
        return row


def finished_rows(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows of the layers that have both their file and their row."""
    path = folder / LAYERS
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        stored = {row["layer"]: row for row in csv.DictReader(file)}
    return {name: stored[name] for name in list_layers(folder) if name in stored}


def name_patterns(names: Iterable[str]) -> list[str]:
    """Names with their block numbers replaced by ``*``, each once: ``model.layers.*.mlp.down_proj``."""
    return list(dict.fromkeys(re.sub(r"(?<![^.])\d+(?![^.])", "*", name) for name in names))


def layer_row(
    layer: QuantizedLayer, source: LayerTask, table: WeightTable | None, corner: str | None, seconds: float
) -> dict[str, Any]:
    """A row of ``layers.csv``.

    Args:
        layer: as quantized.
        source: its weights and Fisher information; without it errors count with the squared weights, a proxy.
        table, corner: give its clock; None: not known.
        seconds: it took.
    """
    weight = source.weight
    errors = layer.errors(weight, source.fisher)
    rows, columns = layer.shape
    numbers: dict[str, float] = {
        "bits_per_weight": layer.true_bits(),
        "bits_per_weight_fp16_scales": layer.true_bits(16),
        "sparse_share": 0.0 if layer.sparse is None else len(layer.sparse.codes) / weight.size,
        **{f"class_{k}_share": share for k, share in enumerate(layer.class_share())},
        **({} if table is None else {"period_ns": period_ns(layer, table, corner)}),
        "mse": errors.mse,
        "sqnr_db": errors.sqnr_db,
        "fisher_error": errors.loss,
    }
    return {
        "layer": layer.name,
        "rows": rows,
        "columns": columns,
        "method": layer.method,
        **{name: f"{value:.6g}" for name, value in numbers.items()},
        "sensitivity": "squared weights, a proxy" if source.fisher is None else "Fisher diagonal",
        "seconds": f"{seconds:.3f}",
    }


def period_ns(layer: QuantizedLayer, table: WeightTable, corner: str | None = None) -> float:
    """Mean clock period of a layer's weights: that of their tile's codebook, else of the slowest code in the layer.

    Raises:
        HaloError: the table lacks a code.
    """
    if layer.tile_class is None:
        clock = table.fmax(np.unique(layer.codes).tolist())
        return 1.0 / float(clock[corner] if corner is not None else clock.iloc[0])
    clocks = [book.frequency_ghz for book in layer.codebooks]
    return sum(share / clock for share, clock in zip(layer.class_share(), clocks, strict=True) if clock)
