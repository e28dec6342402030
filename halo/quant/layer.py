# SPDX-License-Identifier: Apache-2.0
"""What every method returns: integer codes with scales, a codebook for each tile and a sparse part, and its error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer_kernel import first_outside, scale_codes, sum_errors
from halo.quant.rows import over_rows

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]

HALF, SINGLE = 16, 32
"""Bits of a stored scale."""

_BEYOND_HALF = "a scale is too large or too small for half precision"
_CHUNK = 1 << 18  # weights that a thread takes at a time


@dataclass(frozen=True, eq=False)
class Codebook:
    """The integers that the weights of a tile may take.

    Attributes:
        name: for reports.
        values: int8[n], ascending, with 0 (a pruned or sparse weight leaves a zero in the dense part).
        frequency_ghz: clock at which every value is safe; None: not characterized.
        energy_fj: mean energy of its values a multiply-accumulate; None: not characterized.
        source: where the values come from, in words.

    Raises:
        HaloError: values out of order, repeated, without 0, or of another type.
    """

    name: str
    values: Int8
    frequency_ghz: float | None
    energy_fj: float | None
    source: str

    def __post_init__(self) -> None:
        values = self.values
        if values.dtype != np.int8 or values.ndim != 1 or (np.diff(values.astype(np.int64)) <= 0).any():
            raise HaloError(f"codebook {self.name!r} is no ascending list of int8 values", "Sort it and drop repeats.")
        if 0 not in values:
            raise HaloError(f"codebook {self.name!r} has no 0", "Add 0: sparse weights leave a zero in the dense part.")

    @property
    def bits(self) -> int:
        """Bits that tell its values apart."""
        return (len(self.values) - 1).bit_length()


@dataclass(frozen=True, eq=False)
class Sparse:
    """Weights kept apart from the dense part, as int8 with one scale per output channel (CSR).

    Attributes:
        indptr: int64[out + 1]; row r holds entries ``indptr[r]`` to ``indptr[r + 1]``.
        columns: int32[nnz], ascending within a row.
        codes: int8[nnz].
        scale: float32[out]; a weight is ``scale[row] * code``.
    """

    indptr: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    codes: Int8
    scale: Float32

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Row of every entry, int64[nnz]."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))

    @property
    def values(self) -> Float32:
        """Weights of the entries, float32[nnz]."""
        return np.repeat(self.scale, np.diff(self.indptr)) * self.codes.astype(np.float32)


@dataclass(frozen=True)
class Errors:
    """What quantization did to the weights of a layer.

    Attributes:
        weights: their number.
        signal: sum w^2.
        noise: sum (w - w')^2.
        loss: sum F (w - w')^2, twice the loss increase that the diagonal Fisher F predicts.
    """

    weights: int
    signal: float
    noise: float
    loss: float

    @property
    def mse(self) -> float:
        """Mean squared error."""
        return self.noise / self.weights

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise in dB, 10 log10(signal / noise); infinite where exact."""
        if self.noise == 0:
            return float("inf")
        return float("-inf") if self.signal == 0 else 10 * float(np.log10(self.signal / self.noise))


@dataclass(frozen=True, eq=False)
class QuantizedLayer:
    """A linear layer as integers: ``weight = (scale * (codes - zero) + sparse) / input_scale``.

    Rows are output channels, columns input channels, as in ``torch.nn.Linear.weight``.

    Attributes:
        name: of the layer in its model.
        codes: int8[out, in], the operand of the MAC (see ``mac_integer``).
        scale: float32[gr, gc], one a block of ``scale_block`` (rows, columns); blocks at the edges may be smaller.
        zero: int16[gr, gc], or None for symmetric codes.
        tile: side of the square tiles, or None; tiles at the right and lower edges may be smaller.
        tile_class: uint8[ceil(out / tile), ceil(in / tile)], index into ``codebooks``, or None.
        codebooks: empty where codes are not restricted.
        sparse: None, or weights outside the dense part; there the dense part contributes nothing.
        input_scale: float32[in], or None. The MAC sees ``x / input_scale`` (SmoothQuant, AWQ).
        table_bits: size of tables that turn stored indices into codes, besides ``codebooks`` (SqueezeLLM).
        bits: nominal bits of a dense code where no codebook restricts it.
        method: name of the method.
        details: JSON values the method wants reported.
    """

    name: str
    codes: Int8
    scale: Float32
    scale_block: tuple[int, int]
    bits: int
    method: str
    zero: npt.NDArray[np.int16] | None = None
    tile: int | None = None
    tile_class: npt.NDArray[np.uint8] | None = None
    codebooks: tuple[Codebook, ...] = ()
    sparse: Sparse | None = None
    input_scale: Float32 | None = None
    table_bits: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mac_integer(self) -> Literal["q - z", "q"]:
        """Which integer the MAC sees, and so what sets its delay: ``q - z``, or ``q`` with the zero handled apart."""
        return "q - z" if self.zero is None else "q"

    @property
    def shape(self) -> tuple[int, int]:
        """(output channels, input channels)."""
        rows, columns = self.codes.shape
        return rows, columns

    def dequantize(self) -> Float32:
        """The weights that the codes stand for, float32[out, in], for inputs as the model has them."""
        weight = np.empty(self.shape, np.float32)

        def band(first: int, stop: int) -> None:
            weight[first:stop] = self._rows(first, stop)

        over_rows(band, len(weight), self._step, None)
        return weight

    def true_bits(self, scale_bits: int = 32) -> float:
        """Bits a weight with everything counted that has to be stored besides the model's shape.

        Dense codes take the bits of their tile's codebook (else ``bits``), also where a sparse weight replaces them.
        A zero takes the bits of the zeros' range (in steps of a power of two, which left-aligned ones share), a tile
        class those of the number of codebooks, a codebook 8 a value, a sparse entry 8 and the bits of a column, a row
        of the sparse part a pointer and a scale. An input scale takes nothing: it folds into the module before.

        Args:
            scale_bits: bits of a scale; they are float32 here, while published figures count 16.
        """
        rows, columns = self.shape
        total: float = self._dense_bits() + self.table_bits
        total += self.scale.size * scale_bits
        if self.zero is not None:
            total += self.zero.size * _bits_between(self.zero)
        if self.sparse is not None:
            nnz = len(self.sparse.codes)
            total += nnz * (8 + (columns - 1).bit_length()) + (rows + 1) * nnz.bit_length() + rows * scale_bits
        return total / (rows * columns)

    def with_half_scales(self) -> QuantizedLayer:
        """The layer with its scales, those of the sparse part too, as half precision keeps them.

        Raises:
            HaloError: one is beyond half precision.
        """

        def half(scale: Float32) -> Float32:
            with np.errstate(over="ignore"):
                made = scale.astype(np.float16).astype(np.float32)
            self._require(bool(np.isfinite(made).all() and ((made != 0) | (scale == 0)).all()), _BEYOND_HALF)
            return made

        sparse = None if self.sparse is None else replace(self.sparse, scale=half(self.sparse.scale))
        return replace(self, scale=half(self.scale), sparse=sparse)

    def class_share(self) -> tuple[float, ...]:
        """Share of the layer's weights in tiles of each codebook; empty without tiles."""
        if self.tile is None or self.tile_class is None:
            return ()
        size = self._tile_sizes()
        return tuple(float(size[self.tile_class == k].sum() / size.sum()) for k in range(len(self.codebooks)))

    def errors(self, weight: Float32, fisher: Float32 | None = None) -> Errors:
        """Hold the layer against the original.

        Args:
            weight: float32[out, in].
            fisher: float32[out, in], what a squared error costs; None: the squared weights, a proxy.

        Raises:
            HaloError: they have another shape.
        """
        for given in (weight, fisher):
            if given is not None and given.shape != self.shape:
                what = (
                    f"layer {self.name!r} is {self.shape[0]} x {self.shape[1]}, not {' x '.join(map(str, given.shape))}"
                )
                raise HaloError(what, "Compare it with the weights and the Fisher of the same layer.")
        sums = np.empty((3, len(weight)))

        def band(first: int, stop: int) -> None:
            part = weight[first:stop]
            price = np.square(part) if fisher is None else fisher[first:stop]
            sum_errors(part, self._rows(first, stop), price, *sums[:, first:stop])

        over_rows(band, len(weight), self._step, None)
        return Errors(weight.size, *(float(total) for total in sums.sum(axis=1)))

    def mse(self, weight: Float32) -> float:
        """Mean squared error against the original, float32[out, in]."""
        return self.errors(weight).mse

    def sqnr_db(self, weight: Float32) -> float:
        """Signal to quantization noise in dB, see ``Errors``."""
        return self.errors(weight).sqnr_db

    def fisher_error(self, weight: Float32, fisher: Float32) -> float:
        """Sum of F (w - w')^2, see ``Errors``; F is float32[out, in]."""
        return self.errors(weight, fisher).loss

    def check(self) -> None:
        """Hold the layer against what its attributes promise.

        Raises:
            HaloError: a shape does not fit, a number is not finite, a code is outside its tile's codebook, or the
                dense part is not zero under a sparse weight.
        """
        rows, columns = self.shape
        blocks = (-(-rows // self.scale_block[0]), -(-columns // self.scale_block[1]))
        self._require(self.codes.dtype == np.int8, "codes are not int8")
        self._require(min(self.scale_block) > 0 and self.scale.shape == blocks, "scales do not cover the layer")
        self._require(bool(np.isfinite(self.scale).all()), "a scale is not finite")
        self._require(self.zero is None or self.zero.shape == blocks, "zeros do not cover the layer")
        if self.input_scale is not None:
            fits = self.input_scale.shape == (columns,)
            self._require(fits, "input scales do not cover the input channels")
            usable = bool(np.isfinite(self.input_scale).all() and (self.input_scale != 0).all())
            self._require(usable, "an input scale is zero or not finite")
        tiled = (self.tile is not None, self.tile_class is not None, bool(self.codebooks))
        self._require(len(set(tiled)) == 1, "tile, tile classes and codebooks go together")
        if self.tile is not None and self.tile_class is not None:
            self._check_tiles(self.tile, self.tile_class)
        if self.sparse is not None:
            self._check_sparse(self.sparse)

    def _check_tiles(self, tile: int, tile_class: npt.NDArray[np.uint8]) -> None:
        rows, columns = self.shape
        tiles = (-(-rows // tile), -(-columns // tile)) if tile > 0 else ()
        self._require(tile_class.shape == tiles, "tile classes do not cover the layer")
        self._require(int(tile_class.max(initial=0)) < len(self.codebooks), "a tile class has no codebook")
        allowed = np.zeros((len(self.codebooks), 256), dtype=np.bool_)
        for k, book in enumerate(self.codebooks):
            allowed[k, book.values.view(np.uint8)] = True

        def band(first: int, stop: int) -> int:
            codes = self.codes[first:stop].view(np.uint8)
            place = int(first_outside(codes, tile, tile_class[first // tile : -(-stop // tile)], allowed))
            return place if place < 0 else first * columns + place

        outside = [place for place in over_rows(band, rows, tile, None) if place >= 0]
        if outside:
            row, column = divmod(outside[0], columns)
            book = self.codebooks[tile_class[row // tile, column // tile]].name
            what = f"code {self.codes[row, column]} at row {row}, column {column} is not in codebook {book!r}"
            self._require(False, what)

    def _check_sparse(self, sparse: Sparse) -> None:
        rows, columns = self.shape
        nnz = len(sparse.codes)
        pointers = len(sparse.indptr) == rows + 1 and sparse.indptr[0] == 0 and sparse.indptr[-1] == nnz
        self._require(bool(pointers and (np.diff(sparse.indptr) >= 0).all()), "sparse row pointers do not fit")
        inside = (sparse.columns >= 0) & (sparse.columns < columns)
        self._require(len(sparse.columns) == nnz and bool(inside.all()), "a sparse column is outside the layer")
        place = sparse.rows * columns + sparse.columns
        self._require(bool((np.diff(place) > 0).all()), "a sparse weight appears twice or out of order")
        fits = sparse.codes.dtype == np.int8 and sparse.scale.shape == (rows,) and np.isfinite(sparse.scale).all()
        self._require(bool(fits), "sparse codes or scales do not fit")
        under = self.codes[sparse.rows, sparse.columns].astype(np.int64)
        if self.zero is not None:
            under -= self.zero[sparse.rows // self.scale_block[0], sparse.columns // self.scale_block[1]]
        self._require(not under.any(), "the dense part is not zero under a sparse weight")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise HaloError(f"layer {self.name!r}: {what}", "Quantize the layer again.")

    def _tile_sizes(self) -> npt.NDArray[np.int64]:
        """Weights in each tile, int64[tile rows, tile columns]."""
        tile = self.tile or 1
        high, wide = (np.diff(np.append(np.arange(0, n, tile), n)) for n in self.shape)
        return np.asarray(np.multiply.outer(high, wide), dtype=np.int64)

    def _dense_bits(self) -> int:
        if self.tile_class is None:
            return self.codes.size * self.bits
        width = np.array([book.bits for book in self.codebooks], dtype=np.int64)
        dense = int((self._tile_sizes() * width[self.tile_class]).sum())
        classes = self.tile_class.size * (len(self.codebooks) - 1).bit_length()
        return dense + classes + sum(8 * len(book.values) for book in self.codebooks)

    @property
    def _step(self) -> int:
        return max(1, _CHUNK // self.shape[1])

    def _rows(self, first: int, stop: int) -> Float32:
        """Weights of a range of rows, float32[rows, in]."""
        weight = np.empty((stop - first, self.shape[1]), np.float32)
        zero = np.zeros((1, 1), np.int16) if self.zero is None else self.zero
        scale_codes(self.codes[first:stop], zero, self.zero is not None, self.scale, first, *self.scale_block, weight)
        if self.sparse is not None:
            entries = slice(self.sparse.indptr[first], self.sparse.indptr[stop])
            count = np.diff(self.sparse.indptr[first : stop + 1])
            values = np.repeat(self.sparse.scale[first:stop], count) * self.sparse.codes[entries].astype(np.float32)
            weight[np.repeat(np.arange(stop - first), count), self.sparse.columns[entries]] += values
        if self.input_scale is not None:
            weight /= self.input_scale
        return weight


def require_scale_bits(bits: int) -> None:
    """Check the width of stored scales.

    Raises:
        HaloError: neither half nor single precision.
    """
    if bits not in (HALF, SINGLE):
        raise HaloError(f"scales of {bits} bits", f"Give {HALF} or {SINGLE}.")


def _bits_between(zero: npt.NDArray[np.int16]) -> int:
    """Bits that tell zero points apart, counted in the largest power of two that divides all their differences."""
    above = zero.astype(np.int64) - int(zero.min())
    either = int(np.bitwise_or.reduce(above, axis=None))
    step = either & -either
    return max(1, (int(above.max()) // max(step, 1)).bit_length())
