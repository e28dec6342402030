# SPDX-License-Identifier: Apache-2.0
"""The quantized folder: what is loaded is what was saved, to the bit; damage and interruptions show."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.quant import store
from halo.quant.layer import Codebook, QuantizedLayer, Sparse
from halo.quant.store import INDEX, list_layers, load_layer, save_layer


def some_layer(name: str = "model.layers.0.mlp.up_proj", seed: int = 0, **changes: Any) -> QuantizedLayer:
    """A layer with every part: ragged tiles, two codebooks, sparse weights, input scales."""
    rng = np.random.default_rng(seed)
    books = (
        Codebook("all", np.arange(-128, 128).astype(np.int8), 1.9, 12.5, "all weights"),
        Codebook("fast", np.array([-64, 0, 64], dtype=np.int8), float("inf"), None, "at least 3 GHz"),
    )
    classes = rng.integers(0, 2, (3, 2)).astype(np.uint8)
    codes = rng.integers(-128, 128, (20, 12)).astype(np.int8)
    fast = np.repeat(np.repeat(classes, 8, 0), 8, 1)[:20, :12] == 1
    codes[fast] = rng.choice(books[1].values, int(fast.sum()))
    apart = rng.random(codes.shape) < 0.1
    codes[apart] = 0
    indptr = np.concatenate([[0], np.cumsum(apart.sum(axis=1))]).astype(np.int64)
    columns = np.nonzero(apart)[1].astype(np.int32)
    values = rng.integers(-128, 128, len(columns)).astype(np.int8)
    layer = QuantizedLayer(
        name,
        codes,
        rng.random((3, 2)).astype(np.float32),
        (8, 8),
        8,
        "HALO bal",
        tile=8,
        tile_class=classes,
        codebooks=books,
        sparse=Sparse(indptr, columns, values, rng.random(20).astype(np.float32)),
        input_scale=rng.random(12).astype(np.float32) + np.float32(0.5),
        details={"variant": "bal", "knee": [0.25, 3], "proxy": None, "größe": {"a": True}},
    )
    return dataclasses.replace(layer, **changes)


def parts(value: Any) -> Any:
    """A layer as comparable values: arrays by type, shape and bytes."""
    if dataclasses.is_dataclass(value):
        return {field.name: parts(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return [parts(item) for item in value] if isinstance(value, tuple) else value


def test_a_layer_comes_back_as_it_was(tmp_path: Path) -> None:
    layer = some_layer()
    layer.check()
    save_layer(tmp_path / "q", layer)
    assert parts(load_layer(tmp_path / "q", layer.name)) == parts(layer)


@settings(max_examples=40, deadline=None)
@given(
    st.text(min_size=1, max_size=20),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_any_layer_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    shape: tuple[int, int],
    asymmetric: bool,
    scaled: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    scale = rng.integers(0, 2**32, (shape[0], 1), dtype=np.uint32).view(np.float32)  # any bits, NaN too
    zero = rng.integers(-(2**15), 2**15, scale.shape).astype(np.int16) if asymmetric else None
    inputs = rng.integers(0, 2**32, shape[1], dtype=np.uint32).view(np.float32) if scaled else None
    codes = rng.integers(-128, 128, shape).astype(np.int8)
    layer = QuantizedLayer(name, codes, scale, (1, shape[1]), 8, "any", zero=zero, input_scale=inputs)
    folder = tmp_path_factory.mktemp("q")
    save_layer(folder, layer)
    assert parts(load_layer(folder, name)) == parts(layer)
    assert list_layers(folder) == (name,)


def test_the_same_layers_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save_layer(tmp_path / folder, some_layer("one"))
        save_layer(tmp_path / folder, some_layer("two", seed=1))
    files = [path.relative_to(tmp_path / "a") for path in sorted((tmp_path / "a").rglob("*")) if path.is_file()]
    assert len(files) == 3
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_names_that_files_cannot_have_stay_apart(tmp_path: Path) -> None:
    names = ("a/b", "a_b", "../a", "A_B", "ä" * 200, "ä" * 201)
    for seed, name in enumerate(names):
        save_layer(tmp_path, some_layer(name, seed))
    assert list_layers(tmp_path) == names
    for seed, name in enumerate(names):
        assert parts(load_layer(tmp_path, name)) == parts(some_layer(name, seed))
    assert all(path.is_relative_to(tmp_path / "layers") for path in tmp_path.rglob("*.safetensors"))


def test_an_interrupted_run_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_layers(tmp_path / "q") == ()
    save_layer(tmp_path / "q", some_layer("one"))

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "_write_index", stop)
        save_layer(tmp_path / "q", some_layer("two"))
    assert list_layers(tmp_path / "q") == ("one",)
    with pytest.raises(HaloError, match="no layer 'two'"):
        load_layer(tmp_path / "q", "two")
    save_layer(tmp_path / "q", some_layer("two", seed=5))
    save_layer(tmp_path / "q", some_layer("one", seed=6))  # and one is replaced
    assert list_layers(tmp_path / "q") == ("two", "one")
    assert parts(load_layer(tmp_path / "q", "one")) == parts(some_layer("one", 6))
    assert not list((tmp_path / "q").rglob("*.partial"))


def test_damage_is_reported(tmp_path: Path) -> None:
    save_layer(tmp_path, some_layer())
    name = some_layer().name
    (file,) = (tmp_path / "layers").iterdir()
    data = bytearray(file.read_bytes())
    data[-3] ^= 1  # one bit of one code
    file.write_bytes(data)
    with pytest.raises(HaloError, match=r"up_proj' is damaged: it is not what was saved"):
        load_layer(tmp_path, name)
    file.unlink()
    with pytest.raises(HaloError, match="is missing"):
        load_layer(tmp_path, name)
    index = json.loads((tmp_path / INDEX).read_text(encoding="utf-8"))
    assert next(iter(index)) == "schema" and index["schema"] == 1
    (tmp_path / INDEX).write_text(json.dumps(index | {"schema": 99}), encoding="utf-8")
    with pytest.raises(HaloError, match="written by a newer halo"):
        list_layers(tmp_path)
    (tmp_path / INDEX).write_text(json.dumps({"schema": 1, "layers": {name: {"file": 3}}}), encoding="utf-8")
    with pytest.raises(HaloError, match="damaged where it tells of layer"):
        load_layer(tmp_path, name)
    (tmp_path / INDEX).write_text("[", encoding="utf-8")
    with pytest.raises(HaloError, match="damaged"):
        list_layers(tmp_path)
    with pytest.raises(HaloError, match="no quantized folder"):
        load_layer(tmp_path / "other", name)


def test_an_index_of_the_first_version_is_read_and_unknown_keys_are_kept(tmp_path: Path) -> None:
    save_layer(tmp_path, some_layer())
    path = tmp_path / INDEX
    layers = json.loads(path.read_text(encoding="utf-8"))["layers"]
    path.write_text(json.dumps({"version": 1, "layers": layers, "note": "mine"}), encoding="utf-8")
    assert list_layers(tmp_path) == (some_layer().name,)
    save_layer(tmp_path, some_layer())
    written = json.loads(path.read_text(encoding="utf-8"))
    assert [*written] == ["schema", "layers", "note"] and written["note"] == "mine"


def test_details_must_be_json(tmp_path: Path) -> None:
    for details in ({"a": float("nan")}, {"a": np.float32(1)}, {"a": {1, 2}}):
        with pytest.raises(HaloError, match="no JSON"):
            save_layer(tmp_path, some_layer(details=details))
    assert list_layers(tmp_path) == ()
