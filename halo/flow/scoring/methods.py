# SPDX-License-Identifier: Apache-2.0
"""What a quantization method makes of a model's layers: from stated statistics, or from a folder of ``halo quantize``.

A method is known before any clock is. ``WeightFormat`` holds which values the tiles may take and how much is stored;
which operating points are safe for them, and what their MACs cost, follows when the operating points are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.arch.weights import INT8_VALUES, INT8_ZERO
from halo.errors import HaloError
from halo.flow.runs.provenance import read_record
from halo.flow.runs.runfolder import RECORD
from halo.flow.scoring.stated import METHODS, Operand
from halo.quant.codebooks import left_aligned_codebook
from halo.quant.kv_cache import KvCache
from halo.quant.layer import SINGLE, QuantizedLayer
from halo.quant.rest import REST_BITS, rest_bits
from halo.quant.store import list_layers, load_layer
from halo.sourced import Told
from halo.workload.gemm import Gemm

_OWN_MODEL = "Give the folder and the model that it was made from."
_HEAD = "The head is no layer of a block: it runs as w8a8"
_BAND = 128  # rows worked on at a time
_FLOAT_CACHE = 16  # bits of a value of the KV cache that is not quantized
_FAST_BITS, _MIDDLE_BITS, _SPARSE_BITS = 3, 4, 8  # of the paper's effective bits


@dataclass(frozen=True)
class ValueSet:
    """Values that the weights of a tile may take.

    Attributes:
        name: such as ``INT3 << 5``.
        values: ascending; empty for floating point, whose clock no weight sets.
        counts: how often each value occurs in the layer; None: not known, all alike.
    """

    name: str
    values: tuple[int, ...]
    counts: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class WeightFormat:
    """A layer's weights as a method leaves them; fields as in ``halo.arch.weights.LayerWeights``.

    Attributes:
        sets: one a class of tiles.
        share: of the weights in tiles of each.
        tile, tile_class: uint8[ceil(K / tile), ceil(N / tile)], or None: shares only.
        stored_bits: DRAM bits a weight.
        sparse_share: of weights on the sparse unit.
        operand: of the MAC.
        lanes, passes: of the elements.
    """

    sets: tuple[ValueSet, ...]
    share: tuple[float, ...]
    stored_bits: float
    tile: int | None = None
    tile_class: npt.NDArray[np.uint8] | None = None
    sparse_share: float = 0.0
    operand: Operand = "int8"
    lanes: int = 1
    passes: int = 1


@dataclass(frozen=True, eq=False)
class Method:
    """A method on one model.

    Attributes:
        label: its name, or that of the folder.
        blocks: format of the blocks' linear layers, unless ``layers`` has the layer.
        head: the same of the head.
        cache: the KV cache, which is no weight and may hold any value.
        layers: formats by name of the layer, from a folder; empty with stated statistics.
        assumptions: sentences.
        sources: parameter to its value and where it comes from.
    """

    label: str
    blocks: WeightFormat
    head: WeightFormat
    cache: WeightFormat
    layers: Mapping[str, WeightFormat] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    sources: Told = field(default_factory=dict)

    @property
    def operand(self) -> Operand:
        """Operand of its MACs."""
        return self.blocks.operand

    @property
    def sets(self) -> tuple[tuple[int, ...], ...]:
        """Sets of values that tiles may be limited to, each once."""
        formats = (*self.layers.values(), self.blocks, self.head, self.cache)
        return tuple(dict.fromkeys(chosen.values for own in formats for chosen in own.sets))

    def format_of(self, gemm: Gemm) -> WeightFormat:
        """How the operand of a product is held in the array."""
        if gemm.kind == "attention":
            return self.cache
        return self.layers.get(gemm.layer or "", self.blocks if gemm.kind == "linear" else self.head)


def stated_method(name: str, model: str, kv_bits: int) -> Method:
    """A method as definitions and the HALO paper state it.

    Args:
        name: one of ``METHODS``.
        model: as ``halo score`` names it; one that the paper has gets the paper's figures for it.
        kv_bits: of the KV cache; 16 with floating point in any case.

    Raises:
        HaloError: unknown name.
    """
    if name not in METHODS:
        raise HaloError(f"method {name!r} is unknown", f"Give one of: {', '.join(METHODS)}.")
    stated = METHODS[name]
    figures = stated.figures
    if stated.family == "floating point":
        whole = WeightFormat((ValueSet(name, ()),), (1.0,), figures.number("bits"), operand=stated.operand)
        return Method(name, whole, whole, whole, sources=figures.told(name, ("bits",)))
    keys = (stated.bits_key(model), "sparse_share")
    bits, sparse = (figures.number(key) for key in keys)
    sources = figures.told(name, keys)
    said = ["Stated bits a weight count no scales", _HEAD, *_cache_said(kv_bits)]
    sets: tuple[ValueSet, ...]
    share: tuple[float, ...]
    if stated.family == "HALO":
        middle = ((bits - _SPARSE_BITS * sparse) / (1 - sparse) - _FAST_BITS) / (_MIDDLE_BITS - _FAST_BITS)
        sets, share = (_aligned(_MIDDLE_BITS), _aligned(_FAST_BITS)), (middle, 1 - middle)
        told = "follows from bits and sparse_share: bits = 8 sparse + (1 - sparse) (3 fast + 4 middle)"
        sources[f"{name}.middle_share"] = {"value": middle, "source": told}
        said.append(f"Bits a weight and tile classes of {name} are those of the paper, not measured")
    else:
        sets = (_aligned(int(bits)) if stated.family == "left-aligned" else _plain(int(bits)),)
        share = (1.0,)
    blocks = WeightFormat(sets, share, bits, sparse_share=sparse)
    return Method(name, blocks, _W8A8, _cache(kv_bits), assumptions=tuple(said), sources=sources)


def quantized_method(folder: Path, kv_bits: int, scale_bits: int, gemms: Iterable[Gemm]) -> Method:
    """The layers of a folder of ``halo quantize``; what is not in it runs as w8a8, see ``halo.quant.rest``.

    Args:
        folder: of the same model.
        kv_bits: of the KV cache.
        scale_bits: of a stored scale.
        gemms: of the model with its head, to check the shapes.

    Raises:
        HaloError: no such folder, a damaged one, or one of another model.
    """
    gemms = tuple(gemms)
    wanted = {gemm.layer: (gemm.n, gemm.k) for gemm in gemms if gemm.layer is not None}
    if (folder / RECORD).is_file():
        record = read_record(folder)
        if record.command != "quantize":
            raise HaloError(f"this is a run of halo {record.command}", "Give one of halo quantize.", folder)
    names = list_layers(folder)
    if not names:
        raise HaloError("this is no quantized folder: it has no layers.json", "Give one of halo quantize.", folder)
    formats = {}
    for name in names:
        if name not in wanted:
            raise HaloError(f"the model has no layer {name!r}", _OWN_MODEL, folder)
        layer = load_layer(folder, name)
        if layer.shape != wanted[name]:
            shapes = (" x ".join(map(str, shape)) for shape in (layer.shape, wanted[name]))
            raise HaloError("layer {!r} is {}, the model's {}".format(name, *shapes), _OWN_MODEL, folder)
        formats[name] = layer_format(layer, scale_bits)
    said = [f"Bits, tile classes and values of the weights of {folder.name} are those in its folder"]
    missing = len(wanted) - len(names)
    said.append(_HEAD)
    if missing:
        said.append(f"The folder {folder.name} lacks {missing} of {len(wanted)} layers: they run as w8a8")
    said.append(f"In {folder.name} scales of weights have {scale_bits} bits; w8a8 has one for each output channel")
    said += _cache_said(kv_bits)
    accuracy = f"halo evaluate {folder} --text FILE --activations int8"
    accuracy += "" if kv_bits == _FLOAT_CACHE else f" --kv int{kv_bits}"
    accuracy += "" if scale_bits == SINGLE else f" --scale-bits {scale_bits}"
    said.append(f"The accuracy of this model is what {accuracy} measures")
    whole = {k: WeightFormat((_plain(REST_BITS),), (1.0,), rest_bits(k, scale_bits)) for k in {g.k for g in gemms}}
    formats |= {name: whole[k] for name, (_, k) in wanted.items() if name not in formats}
    head = next(gemm for gemm in gemms if gemm.kind == "head")
    return Method(folder.name, whole[head.k], whole[head.k], _cache(kv_bits), formats, tuple(said))


def layer_format(layer: QuantizedLayer, scale_bits: int = SINGLE) -> WeightFormat:
    """What the array sees of a quantized layer; its tile classes turned to K x N.

    Raises:
        HaloError: a code outside its tile's codebook.
    """
    sparse = 0.0 if layer.sparse is None else len(layer.sparse.codes) / layer.codes.size
    if layer.tile is None or layer.tile_class is None:
        (counts,) = _counts_by_class(layer)
        there = np.flatnonzero(counts)
        chosen = ValueSet(layer.method, tuple((there - INT8_ZERO).tolist()), tuple(counts[there].tolist()))
        return WeightFormat((chosen,), (1.0,), layer.true_bits(scale_bits), sparse_share=sparse)
    sets = []
    for book, counts in zip(layer.codebooks, _counts_by_class(layer), strict=True):
        values = book.values.astype(np.int64)
        if counts.sum() != counts[INT8_ZERO + values].sum():
            stray = next(code for code in np.flatnonzero(counts) - INT8_ZERO if code not in book.values)
            what = f"layer {layer.name!r}: code {stray} in a tile of codebook {book.name!r}"
            raise HaloError(what, "Quantize the layer again: at the clock of the codebook this code is not safe.")
        sets.append(ValueSet(book.name, tuple(values.tolist()), tuple(counts[INT8_ZERO + values].tolist())))
    classes = np.ascontiguousarray(layer.tile_class.T)
    bits = layer.true_bits(scale_bits)
    return WeightFormat(tuple(sets), layer.class_share(), bits, layer.tile, classes, sparse)


def _counts_by_class(layer: QuantizedLayer) -> npt.NDArray[np.int64]:
    """Number of codes of each value, int64[classes, INT8_VALUES]; one class where there are no tiles."""
    tile, classes = layer.tile or _BAND, layer.tile_class
    counts = np.zeros((max(1, len(layer.codebooks)), INT8_VALUES), np.int64)
    for band in range(-(-len(layer.codes) // tile)):
        codes = INT8_ZERO + layer.codes[band * tile : (band + 1) * tile].astype(np.int64)
        if classes is not None:
            codes += np.repeat(classes[band], tile)[: codes.shape[1]].astype(np.int64) * INT8_VALUES
        counts += np.bincount(codes.ravel(), minlength=counts.size).reshape(counts.shape)
    return counts


def _plain(bits: int) -> ValueSet:
    half = 1 << (bits - 1)
    return ValueSet(f"INT{bits}", tuple(range(-half, half)))


def _aligned(bits: int) -> ValueSet:
    book = left_aligned_codebook(bits)
    return ValueSet(book.name, tuple(book.values.tolist()))


def _cache(bits: int) -> WeightFormat:
    stored = bits if bits == _FLOAT_CACHE else KvCache(bits).stored_bits
    return WeightFormat((_plain(8),), (1.0,), stored)


def _cache_said(bits: int) -> list[str]:
    if bits == _FLOAT_CACHE:
        return []
    return [f"A value of the KV cache takes {KvCache(bits).stored_bits:g} bits: {KvCache(bits).label}"]


_W8A8 = WeightFormat((_plain(8),), (1.0,), 8)
