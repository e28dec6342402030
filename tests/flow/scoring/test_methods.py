# SPDX-License-Identifier: Apache-2.0
"""What methods make of layers: the paper's figures by its own formula, and quantized layers turned to K x N."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.flow.scoring.methods import layer_format, quantized_method, stated_method
from halo.flow.scoring.stated import METHODS
from halo.quant.layer import Codebook, QuantizedLayer, Sparse
from halo.quant.store import save_layer
from halo.workload.gemm import Gemm

LAYER = "model.layers.0.mlp.up_proj"


def gemm(k: int = 6, n: int = 4) -> Gemm:
    return Gemm("block 0 up", "linear", "up", 3, k, n, 1, 0, LAYER)


def head() -> Gemm:
    return Gemm("head", "head", "head", 1, 6, 9, 1, None, None)


def tiled(name: str = LAYER) -> QuantizedLayer:
    """4 outputs of 6 inputs in tiles of 2; the tile of outputs 2, 3 and inputs 0, 1 is of class 1."""
    books = tuple(
        Codebook(name, np.array(values, np.int8), None, None, "by hand")
        for name, values in (("slow", [-3, 0, 5]), ("fast", [-32, 0, 32]))
    )
    codes = np.array(
        [
            [-3, 5, 0, 0, 5, 5],
            [5, 5, -3, 0, 5, 5],
            [32, 0, 5, 5, 0, 0],
            [32, -32, 5, 5, 0, -3],
        ],
        np.int8,
    )
    kinds = np.array([[0, 0, 0], [1, 0, 0]], np.uint8)
    sparse = Sparse(np.array([0, 1, 1, 1, 1]), np.array([3], np.int32), np.array([99], np.int8), np.ones(4, np.float32))
    scale = np.ones((4, 1), np.float32)
    return QuantizedLayer(
        name, codes, scale, (1, 6), 8, "halo", tile=2, tile_class=kinds, codebooks=books, sparse=sparse
    )


@pytest.mark.parametrize(("name", "least", "most"), [("halo-perf", 3.03, 3.08), ("halo-acc", 3.75, 3.96)])
@pytest.mark.parametrize("model", ["llama2-7b", "llama2-13b", "opt-1.3b", "opt-30b"])
def test_the_papers_bits_follow_from_classes(name: str, model: str, least: float, most: float) -> None:
    form = stated_method(name, model, 8).blocks
    middle, fast = form.share
    sparse = form.sparse_share
    assert least <= 8 * sparse + (1 - sparse) * (4 * middle + 3 * fast) <= most
    assert form.stored_bits == pytest.approx(8 * sparse + (1 - sparse) * (4 * middle + 3 * fast))
    assert [len(chosen.values) for chosen in form.sets] == [16, 8]
    assert all(value % 16 == 0 for value in form.sets[0].values) and all(v % 32 == 0 for v in form.sets[1].values)


@pytest.mark.parametrize("name", METHODS)
def test_each_method_says_its_numbers(name: str) -> None:
    method = stated_method(name, "opt-6.7b", 8)
    form = method.format_of(gemm())
    assert sum(form.share) == pytest.approx(1) and min(form.share) >= 0
    assert method.sources[f"{name}.bits"]["value"] == form.stored_bits
    assert all(told["source"] for told in method.sources.values())
    int8 = tuple(range(-128, 128))
    assert method.format_of(head()).sets[0].values == (() if name == "fp16" else int8)


def test_codes_of_few_bits_stay_low_or_go_left() -> None:
    assert stated_method("w4a8", "", 8).blocks.sets[0].values == tuple(range(-8, 8))
    assert stated_method("w3a8", "", 8).blocks.sets[0].values == (-4, -3, -2, -1, 0, 1, 2, 3)
    assert stated_method("left-aligned-w3", "", 8).blocks.sets[0].values == (-128, -96, -64, -32, 0, 32, 64, 96)
    stored = [stated_method("w8a8", "", bits).cache.stored_bits for bits in (4, 8, 16)]
    assert stored == [5, 9, 16], "groups of 32 share two numbers of 16 bits"


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(HaloError, match="'int4' is unknown"):
        stated_method("int4", "llama2-7b", 8)


def test_tiles_are_turned_and_codes_counted() -> None:
    form = layer_format(tiled())
    assert form.tile_class is not None
    assert form.tile_class.tolist() == [[0, 1], [0, 0], [0, 0]]  # inputs down, outputs across
    slow, fast = form.sets
    assert slow.values == (-3, 0, 5) and slow.counts == (3, 6, 11)
    assert fast.values == (-32, 0, 32) and fast.counts == (1, 1, 2)
    assert form.share == (20 / 24, 4 / 24) and form.sparse_share == 1 / 24
    assert form.stored_bits == tiled().true_bits()


def test_a_code_outside_its_codebook_is_seen() -> None:
    layer = tiled()
    layer.codes[2, 1] = 33
    with pytest.raises(HaloError, match="code 33 in a tile of codebook 'fast'"):
        layer_format(layer)


def test_without_tiles_the_codes_that_occur_are_the_set() -> None:
    codes = np.array([[1, -7, 1], [0, 3, 1]], np.int8)
    form = layer_format(QuantizedLayer("a", codes, np.ones((2, 1), np.float32), (1, 3), 4, "rtn"))
    assert form.sets[0].values == (-7, 0, 1, 3) and form.sets[0].counts == (1, 1, 3, 1)
    assert form.tile_class is None and form.share == (1.0,)


def test_a_folder_says_what_it_lacks(tmp_path: Path) -> None:
    save_layer(tmp_path / "bal", tiled())
    other = Gemm("block 1 up", "linear", "up", 3, 6, 4, 1, 1, "model.layers.1.mlp.up_proj")
    method = quantized_method(tmp_path / "bal", 8, 32, [gemm(), other, head()])
    assert method.label == "bal"
    assert method.format_of(gemm()).tile == 2 and method.format_of(gemm()).stored_bits == tiled().true_bits()
    assert method.format_of(other).stored_bits == method.format_of(head()).stored_bits == 8 + 32 / 6
    half = quantized_method(tmp_path / "bal", 4, 16, [gemm(), other, head()])
    assert half.format_of(gemm()).stored_bits == tiled().true_bits(16)
    assert half.format_of(other).stored_bits == half.format_of(head()).stored_bits == 8 + 16 / 6
    assert (method.cache.stored_bits, half.cache.stored_bits) == (9, 5)
    told = [sentence for sentence in half.assumptions if "halo evaluate" in sentence]
    assert [sentence.split(str(tmp_path / "bal"))[1] for sentence in told] == [
        " --text FILE --activations int8 --kv int4 --scale-bits 16 measures"
    ]
    assert any("The folder bal lacks 1 of 2 layers" in sentence for sentence in method.assumptions)


def test_a_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no quantized folder"):
        quantized_method(tmp_path, 8, 32, [gemm()])
    save_layer(tmp_path, tiled())
    with pytest.raises(HaloError, match="is 4 x 6, the model's 4 x 7"):
        quantized_method(tmp_path, 8, 32, [gemm(k=7)])
    save_layer(tmp_path, tiled("model.layers.9.mlp.up_proj"))
    with pytest.raises(HaloError, match="has no layer 'model"):
        quantized_method(tmp_path, 8, 32, [gemm()])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it is no JSON"),
        ('{"schema": 9, "halo": "7.0"}', r"was written by halo 7\.0"),
    ],
)
def test_a_folder_whose_record_cannot_be_read_is_not_scored(tmp_path: Path, text: str, said: str) -> None:
    save_layer(tmp_path, tiled())
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(HaloError, match=said):
        quantized_method(tmp_path, 8, 32, [gemm(), head()])


def test_stated_and_quantized_methods_say_the_same_of_the_head(tmp_path: Path) -> None:
    save_layer(tmp_path / "q", tiled())
    own = quantized_method(tmp_path / "q", 8, 32, [gemm(), head()])
    stated = stated_method("halo-bal", "llama2-7b", 8)
    assert sum("head" in sentence for sentence in {*own.assumptions, *stated.assumptions}) == 1
