# SPDX-License-Identifier: Apache-2.0
"""A folder of quantized layers: one safetensors file a layer, and an index that says which ones are finished.

A layer counts once the index names it, and the index is replaced in one step after the layer's file: an interrupted
run leaves finished layers behind and nothing half. The same layers, saved in the same order, give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from halo.errors import HaloError
from halo.quant.checkpoint.safetensor_file import Array, Planned, read_tensors, write_tensors
from halo.quant.layer import Codebook, QuantizedLayer, Sparse
from halo.schema import read_stamped, split_known, stamped

INDEX = "layers.json"
"""Names, shapes, methods, codebooks, details, and the SHA-256 of every layer's file."""

_FOLDER = "layers"
SCHEMA = 1
"""Of the index. Version 0.1.0 wrote none, and the same otherwise."""
_AGAIN = "Quantize this layer again."
_SPARSE = ("indptr", "columns", "codes", "scale")


def save_layer(folder: Path, layer: QuantizedLayer) -> None:
    """Add a layer to a quantized folder, or replace it; the folder is made where there is none.

    Only one process may write to a folder.

    Raises:
        HaloError: ``details`` hold something that JSON does not, or the folder is damaged.
    """
    index, extra = _read_index(folder) if (folder / INDEX).is_file() else ({}, {})
    entry = _entry(layer)
    try:
        json.dumps(entry, allow_nan=False)
    except (TypeError, ValueError) as error:
        what = f"details of layer {layer.name!r} are no JSON: {error}"
        raise HaloError(what, "Give finite numbers, texts, lists and objects.") from error
    (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
    path = folder / entry["file"]
    partial = path.with_suffix(".partial")
    write_tensors(partial, [Planned.of(name, values) for name, values in _tensors(layer).items()])
    entry["sha256"] = _sha256(partial)
    if index.pop(layer.name, None) is not None:  # until the new file is in place, the layer is not there
        _write_index(folder, index, extra)
    partial.replace(path)
    _write_index(folder, {**index, layer.name: entry}, extra)


def load_layer(folder: Path | str, name: str) -> QuantizedLayer:
    """Load a layer exactly as it was saved.

    Raises:
        HaloError: no such layer, or its file is missing or not what was saved.
    """
    folder = Path(folder)
    index, _ = _read_index(folder)
    if name not in index:
        raise HaloError(f"the folder has no layer {name!r}", f"It has {len(index)}: see {INDEX}.", folder)
    entry = index[name]
    try:
        path = folder / entry["file"]
        if not path.is_file():
            raise HaloError(f"the file of layer {name!r} is missing", _AGAIN, path)
        if _sha256(path) != entry["sha256"]:
            raise HaloError(f"the file of layer {name!r} is damaged: it is not what was saved", _AGAIN, path)
        values = {key: np.array(tensor.array()) for key, tensor in read_tensors(path).items()}
        return _layer(name, entry, values)
    except (KeyError, TypeError, ValueError) as error:
        raise HaloError(f"the index is damaged where it tells of layer {name!r}", _AGAIN, folder / INDEX) from error


def list_layers(folder: Path | str) -> tuple[str, ...]:
    """Names of the finished layers, in the order they were saved; none where there is no folder yet.

    Raises:
        HaloError: the index is damaged.
    """
    folder = Path(folder)
    return tuple(_read_index(folder)[0]) if (folder / INDEX).is_file() else ()


def _tensors(layer: QuantizedLayer) -> dict[str, Array]:
    made: dict[str, Array | None] = {
        "codes": layer.codes,
        "scale": layer.scale,
        "zero": layer.zero,
        "tile_class": layer.tile_class,
        "input_scale": layer.input_scale,
    }
    if layer.sparse is not None:
        made |= {f"sparse_{part}": getattr(layer.sparse, part) for part in _SPARSE}
    return {name: values for name, values in made.items() if values is not None}


def _entry(layer: QuantizedLayer) -> dict[str, Any]:
    # The name is made fit for every file system; a digest keeps two names apart that become the same.
    digest = hashlib.sha256(layer.name.encode()).hexdigest()[:8]
    file = f"{_FOLDER}/{re.sub(r'[^A-Za-z0-9._-]', '_', layer.name)[:100]}-{digest}.safetensors"
    return {
        "file": file,
        "sha256": "",
        "method": layer.method,
        "bits": layer.bits,
        "table_bits": layer.table_bits,
        "shape": list(layer.shape),
        "mac_integer": layer.mac_integer,
        "scale_block": list(layer.scale_block),
        "tile": layer.tile,
        "codebooks": [
            {
                "name": book.name,
                "values": [int(v) for v in book.values],
                "frequency_ghz": _number(book.frequency_ghz),
                "energy_fj": _number(book.energy_fj),
                "source": book.source,
            }
            for book in layer.codebooks
        ],
        "details": dict(layer.details),
    }


def _layer(name: str, entry: Mapping[str, Any], values: Mapping[str, Array]) -> QuantizedLayer:
    rows, columns = entry["scale_block"]
    codebooks = tuple(
        Codebook(
            book["name"],
            np.array(book["values"], dtype=np.int8),
            None if book["frequency_ghz"] is None else float(book["frequency_ghz"]),
            None if book["energy_fj"] is None else float(book["energy_fj"]),
            book["source"],
        )
        for book in entry["codebooks"]
    )
    sparse = Sparse(*(values[f"sparse_{part}"] for part in _SPARSE)) if "sparse_codes" in values else None
    return QuantizedLayer(
        name,
        values["codes"],
        values["scale"],
        (rows, columns),
        entry["bits"],
        entry["method"],
        zero=values.get("zero"),
        tile=entry["tile"],
        tile_class=values.get("tile_class"),
        codebooks=codebooks,
        sparse=sparse,
        input_scale=values.get("input_scale"),
        table_bits=entry["table_bits"],
        details=entry["details"],
    )


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity, which is the clock of a codebook that never moves an output; "inf" stands for it."""
    return value if value is None or math.isfinite(value) else str(value)


def _read_index(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Entries by layer name, and keys of the file that are not known here."""
    path = folder / INDEX
    if not path.is_file():
        raise HaloError(f"this is no quantized folder: it has no {INDEX}", "Give one of halo quantize.", folder)
    again = "Quantize the model again."
    try:
        read = read_stamped(path, newest=SCHEMA, again=again)
        known, extra = split_known(read, ("layers", "version"))  # 0.1.0 counted versions of its own
        return dict(known["layers"]), extra
    except (ValueError, KeyError, TypeError) as error:
        raise HaloError("the index is damaged: it names no layers", again, path) from error


def _write_index(folder: Path, layers: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
    values = stamped(SCHEMA, {"layers": layers, **extra})
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    partial = folder / f"{INDEX}.partial"
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(folder / INDEX)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
