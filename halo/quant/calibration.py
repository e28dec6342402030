# SPDX-License-Identifier: Apache-2.0
"""What enters the linear layers of a model on calibration text: Hessians, mean and largest |x|, block after block.

Each block runs once on the stored outputs of the one before, so that only one block's Hessians and the hidden states
of the text (windows x length x width floats) are in memory. A block's outputs may come from its quantized layers, as
in GPTQ; within a block all layers see the float block ("true-sequential" order is not done). PyTorch runs on one thread
unless told otherwise: the last bits of its sums depend on the number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.progress import Progress
from halo.quant.fake import FakeQuantized, Layers
from halo.quant.layer import Float32
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel, pinned_threads


@dataclass(frozen=True, eq=False)
class LayerInputs:
    """Inputs of the layers that read one tensor.

    Attributes:
        layers: their names: query, key and value; gate and up; or one.
        norm: module whose output the tensor is, or None.
        source: where there is no norm: the linear layer (or activation) whose outputs may be scaled instead of the
            tensor, or None.
        tokens: number of input vectors x.
        hessian: float32[in, in], 2 / tokens sum x x^T.
        mean_abs: float32[in], mean |x|.
        max_abs: float32[in], max |x|.
    """

    layers: tuple[str, ...]
    norm: str | None
    tokens: int
    hessian: Float32
    mean_abs: Float32
    max_abs: Float32
    source: str | None = None

    @property
    def folds_into(self) -> str | None:
        """The module that the inverse of a scale of the tensor's channels folds into; None: there is none."""
        return self.norm or self.source


#: Gets the inputs of a block's layers, in the order of computation. What it returns takes the place of those layers
#: when the inputs of the next block are computed; nothing: the block stays as it is.
Visit = Callable[[list[LayerInputs]], Layers]


def calibrate(
    model: RunningModel, windows: Windows, visit: Visit, report: Progress | None = None, *, threads: int = 1
) -> None:
    """Run the calibration text through the model, one block at a time.

    Args:
        model: its weights stay.
        windows: of ``halo.quant.text``.
        visit: called once a block.
        report: progress.
        threads: of PyTorch; more are faster and change the last bits.

    Raises:
        HaloError: an input is not finite.
    """
    import torch

    blocks = model.blocks
    with torch.no_grad(), pinned_threads(threads):
        hidden, arguments = _first_inputs(model, windows.tokens)
        for index, (path, block) in enumerate(blocks):
            groups = _groups(model, path)
            sums = [_Sums() for _ in groups]
            with _watched(model, groups, sums):
                made = [_run(block, h, arguments[index]) for h in hidden]
            replaced = visit([s.inputs(group) for s, group in zip(sums, groups, strict=True)])
            if replaced:
                with FakeQuantized(model, replaced).applied():
                    made = [_run(block, h, arguments[index]) for h in hidden]
            hidden = made
            if report is not None:
                report("calibrating", index + 1, len(blocks))


def layer_inputs(
    model: RunningModel, windows: Windows, report: Progress | None = None, *, threads: int = 1
) -> list[LayerInputs]:
    """Inputs of all layers at once, for models whose Hessians fit in memory. Arguments as for ``calibrate``.

    Raises:
        HaloError: an input is not finite.
    """
    found: list[LayerInputs] = []

    def visit(inputs: list[LayerInputs]) -> Layers:
        found.extend(inputs)
        return {}

    calibrate(model, windows, visit, report, threads=threads)
    return found


class _Sums:
    """Running sums over the inputs of one tensor."""

    def __init__(self) -> None:
        self.tokens = 0
        self.products: Any = None
        self.magnitude: Any = None
        self.largest: Any = None

    def add(self, x: Any) -> None:
        """Take input vectors [..., in]."""
        import torch

        x = x.reshape(-1, x.shape[-1]).float()
        size = x.abs()
        if self.products is None:
            self.products = torch.zeros(x.shape[1], x.shape[1])
            self.magnitude = torch.zeros(x.shape[1], dtype=torch.float64)
            self.largest = torch.zeros(x.shape[1])
        self.products.addmm_(x.T, x)
        self.magnitude += size.sum(dim=0, dtype=torch.float64)
        self.largest = torch.maximum(self.largest, size.amax(dim=0))
        self.tokens += len(x)

    def inputs(self, group: _Group) -> LayerInputs:
        """The sums as means."""
        layers = group.layers
        hessian = (self.products * (2 / self.tokens)).numpy()
        if not np.isfinite(hessian).all():
            raise HaloError(f"an input of layer {layers[0]!r} is not finite", "Look for an overflow before it.")
        mean = (self.magnitude / self.tokens).float().numpy()
        largest = self.largest.numpy()
        return LayerInputs(layers, group.norm, self.tokens, hessian, mean, largest, group.source)


class _Group(NamedTuple):
    """Layers of a block that read the same tensor, and where it comes from; fields as in ``LayerInputs``."""

    layers: tuple[str, ...]
    norm: str | None
    source: str | None


def _groups(model: RunningModel, block: str) -> list[_Group]:
    """The groups of a block."""
    family, linears = model.family, model.linears

    def shape(path: str) -> tuple[int, int]:
        first, second = linears[f"{block}.{path}"].weight.shape
        return (second, first) if family.transposed else (first, second)

    groups: dict[str, _Group] = {}
    for path, role in family.linears.items():
        name = f"{block}.{path}"
        read = family.norms.get(role)
        if read in groups:
            groups[read] = groups[read]._replace(layers=(*groups[read].layers, name))
            continue
        norm = family.norm_of(role)
        source = family.source_of(role, shape(path)[1], lambda other: shape(other)[0])
        norm, source = (None if part is None else f"{block}.{part}" for part in (norm, source))
        groups[read or path] = _Group((name,), norm, source)
    return list(groups.values())


@contextmanager
def _watched(model: RunningModel, groups: list[_Group], sums: list[_Sums]) -> Iterator[None]:
    """Add the inputs of the first layer of each group to its sums."""
    linears = model.linears
    handles = [
        linears[group.layers[0]].register_forward_pre_hook(lambda _, args, s=s: s.add(args[0]))
        for group, s in zip(groups, sums, strict=True)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class _Enough(Exception):
    """Ends a forward pass at the first block."""


def _first_inputs(model: RunningModel, tokens: npt.NDArray[np.int64]) -> tuple[list[Any], list[Arguments]]:
    """Hidden states that enter the first block, one tensor a window; other arguments of every block.

    Masks and positions differ from block to block in some families, and not from window to window: windows are whole.
    """
    import torch

    hidden: list[Any] = []
    arguments: list[Arguments] = []

    def record(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        arguments.append((args[1:], kwargs))

    def stop(_: Any, args: tuple[Any, ...], __: dict[str, Any]) -> None:
        hidden.append(args[0])
        raise _Enough

    windows = torch.from_numpy(tokens)
    handles = [block.register_forward_pre_hook(record, with_kwargs=True) for _, block in model.blocks]
    try:
        model.module(windows[:1], use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    handle = model.blocks[0][1].register_forward_pre_hook(stop, with_kwargs=True)
    try:
        for window in windows:
            try:
                model.module(window[None], use_cache=False)
            except _Enough:
                continue
    finally:
        handle.remove()
    return hidden, arguments


def _run(block: Any, hidden: Any, arguments: Arguments) -> Any:
    """Output of a block, hidden states [1, length, width]."""
    made = block(hidden, *arguments[0], **arguments[1])
    return made[0] if isinstance(made, tuple) else made
