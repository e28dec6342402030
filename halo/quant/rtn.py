# SPDX-License-Identifier: Apache-2.0
"""Round to nearest: the grids every baseline rounds to, and their conventions.

Symmetric: codes -2^(b-1) to 2^(b-1) - 1 times a scale, no zero point. Asymmetric: the 2^b codes span the weights of a
group and 0. Codes and zero points are shifted by -2^(b-1) so that 8 bits fit int8: same weights, and the integer the
MAC sees is that shifted code. ``halo.quant.scales`` tells how scales are found.

Ties round to even, as ``torch.round`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.layer import Float32, Int8, QuantizedLayer
from halo.quant.options import RtnOptions, UniformOptions
from halo.quant.scales import Fit, grid_scales
from halo.quant.task import LayerGroup, LayerQuantizer


@dataclass(frozen=True)
class UniformFormat:
    """The integers weights are rounded to and how many weights share a scale.

    Attributes:
        bits: 2 to 8.
        symmetric: no zero point.
        group: input channels that share a scale; None: all of an output channel.
        fit: how scales are found, see ``halo.quant.scales``.

    Raises:
        HaloError: bits or group out of range, or signed scales with zero points.
    """

    bits: int
    symmetric: bool = True
    group: int | None = None
    fit: Fit = "range"

    @classmethod
    def of(cls, options: UniformOptions) -> UniformFormat:
        """The format that the options of a method ask for."""
        return cls(options.bits, not options.asymmetric, options.group, options.chosen_fit)

    def __post_init__(self) -> None:
        if self.fit == "signed" and not self.symmetric:
            raise HaloError("signed scales have no zero points", "Fit them by range or mse, or take symmetric codes.")
        if not 2 <= self.bits <= 8:
            raise HaloError(f"{self.bits} bits a weight are not supported", "Give 2 to 8 bits.")
        if self.group is not None and self.group < 1:
            raise HaloError(f"a group of {self.group} input channels is impossible", "Give 1 or more, or no group.")

    @property
    def lowest(self) -> int:
        """The smallest code."""
        return -(1 << (self.bits - 1))

    @property
    def highest(self) -> int:
        """The largest code."""
        return (1 << (self.bits - 1)) - 1

    @property
    def codes(self) -> range:
        """All codes."""
        return range(self.lowest, self.highest + 1)

    @property
    def aligned_codes(self) -> range:
        """The same at the top of int8 (``halo.quant.left_aligned``)."""
        return range(-128, 128, 1 << (8 - self.bits))

    @property
    def label(self) -> str:
        """Bits, symmetry, grouping and scales in words."""
        kind = "symmetric" if self.symmetric else "asymmetric"
        groups = "per channel" if self.group is None else f"per group of {self.group}"
        scales = {"range": "", "mse": ", scales searched", "signed": ", signed scales fitted"}[self.fit]
        return f"W{self.bits} {kind} {groups}{scales}"

    def block(self, columns: int) -> int:
        """Input channels that share a scale in a layer of so many."""
        return columns if self.group is None else min(self.group, columns)

    def grid(self, weight: Float32) -> Grid:
        """The grid of a layer, float32[out, in], from its weights in each group."""
        return Grid(self, *grid_scales(weight, self.bits, self.block(weight.shape[1]), self.symmetric, self.fit))


@dataclass(frozen=True, eq=False)
class Grid:
    """A format with its scales.

    Attributes:
        format: bits, symmetry, grouping.
        scale: float32[out, groups]; negative where signed.
        zero: int16[out, groups], or None.
    """

    format: UniformFormat
    scale: Float32
    zero: npt.NDArray[np.int16] | None

    def codes(self, weight: Float32) -> Int8:
        """Nearest codes of float32[out, in], int8[out, in]."""
        block = self.format.block(weight.shape[1])
        made = np.empty(weight.shape, dtype=np.int8)
        for group in range(self.scale.shape[1]):
            columns = slice(group * block, (group + 1) * block)
            made[:, columns] = self.round(weight[:, columns], group)
        return made

    def round(self, weight: Float32, group: int) -> Int8:
        """Nearest codes of columns of one group, float32[out, n]."""
        code = np.rint(weight / self.scale[:, group, None])
        if self.zero is not None:
            code += self.zero[:, group, None]
        codes: Int8 = np.clip(code, self.format.lowest, self.format.highest).astype(np.int8)
        return codes

    def weights(self, codes: Int8, group: int) -> Float32:
        """What codes of columns of one group, int8[out, n], stand for, float32[out, n]."""
        value = codes.astype(np.float32)
        if self.zero is not None:
            value -= self.zero[:, group, None]
        return value * self.scale[:, group, None]

    def layer(self, name: str, codes: Int8, method: str, input_scale: Float32 | None = None) -> QuantizedLayer:
        """Codes on this grid as a layer."""
        return QuantizedLayer(
            name=name,
            codes=codes,
            scale=self.scale,
            scale_block=(1, self.format.block(codes.shape[1])),
            bits=self.format.bits,
            method=method,
            zero=self.zero,
            input_scale=input_scale,
            details={"format": self.format.label},
        )


def rtn(weight: Float32, format: UniformFormat, *, name: str = "layer") -> QuantizedLayer:
    """Round every weight to the nearest code.

    Args:
        weight: float32[out, in].
        format: bits, symmetry, grouping.
        name: of the layer, for reports.

    Raises:
        HaloError: a weight is not finite, or the layer is no matrix.
    """
    weight = checked(weight, name)
    grid = format.grid(weight)
    return grid.layer(name, grid.codes(weight), "RTN")


def checked(weight: npt.NDArray[np.floating], name: str) -> Float32:
    """The weights of a layer as float32[out, in].

    Raises:
        HaloError: not a matrix, empty, or not finite: names the layer and the first such place.
    """
    if weight.ndim != 2 or weight.size == 0:
        shape = " x ".join(map(str, weight.shape))
        raise HaloError(f"layer {name!r} has shape {shape or 'of a number'}", "Give a matrix [outputs, inputs].")
    finite = np.isfinite(weight)
    if not finite.all():
        row, column = (int(i) for i in np.unravel_index(int(np.argmin(finite)), weight.shape))
        what = f"layer {name!r} holds {weight[row, column]} at row {row}, column {column}"
        raise HaloError(what, "Give a checkpoint with finite weights.")
    return np.ascontiguousarray(weight, dtype=np.float32)


@dataclass(frozen=True)
class RtnQuantizer(LayerQuantizer):
    """Round to nearest, as a method of ``halo quantize``."""

    options: RtnOptions

    @property
    def codes(self) -> Sequence[int]:
        """See ``LayerQuantizer``."""
        return UniformFormat.of(self.options).codes

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """Each layer by itself."""
        format = UniformFormat.of(self.options)
        for task in group.chosen:
            yield rtn(task.weight, format, name=task.name)
