# SPDX-License-Identifier: Apache-2.0
"""How much the loss minds a change of each weight: the diagonal of the Fisher information, or a stand-in.

F = mean over sequences of g^2, g the gradient of a sequence's mean causal-LM loss (HALO's equation 1; SqueezeLLM takes
100 sequences of 512 tokens). Each sequence is a batch of its own: the square of a mean over a batch is something else.
Sums are float32. Their last bits depend on the number of threads, which is therefore 1 and not the machine's unless
told otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from halo.errors import HaloError
from halo.progress import Progress
from halo.quant.checkpoint.safetensor_file import read_tensors
from halo.quant.layer import Float32
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel, pinned_threads

#: Called with (stage, done, total).


class Sensitivity(Protocol):
    """Sensitivities of a model's layers.

    Attributes:
        label: what they are, for every result made with them.
        proxy: they are not the Fisher information.
    """

    @property
    def label(self) -> str: ...  # noqa: D102

    @property
    def proxy(self) -> bool: ...  # noqa: D102

    def layer(self, name: str, weight: Float32) -> Float32:
        """Sensitivity of every weight of a layer, float32[out, in], not negative."""
        ...


class Magnitude:
    """The stand-in without gradients: w^2 over its mean in the layer.

    It calls large weights salient and tiles of large weights sensitive. That is magnitude pruning's guess; it knows
    nothing of the inputs and ranks no layer against another.
    """

    label = "weight magnitude (stand-in for the Fisher information: no gradients)"
    proxy = True

    def layer(self, name: str, weight: Float32) -> Float32:
        """w^2 / mean w^2, float32[out, in].

        Raises:
            HaloError: all weights are zero.
        """
        square = np.square(weight)
        mean = np.float32(square.mean(dtype=np.float64))
        if not mean > 0:
            raise HaloError(f"layer {name!r} has only zeros: no weight matters more than another", "Leave it out.")
        return np.asarray(square / mean, dtype=np.float32)


@dataclass(frozen=True)
class FisherFile:
    """Diagonal Fisher information in a safetensors file, read layer by layer.

    Attributes:
        path: the file.
        label: what it was made from.
        key: SHA-256 of model, tokens and options.
    """

    path: Path
    label: str
    key: str
    proxy: bool = False

    def require(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        """Check that the file holds these layers in these shapes; only its header is read.

        Raises:
            HaloError: one is missing, or of another shape.
        """
        held = read_tensors(self.path)
        for name, shape in shapes.items():
            if name not in held:
                what = f"the Fisher information has no layer {name!r}"
                raise HaloError(what, "Compute it for this model.", self.path)
            found = held[name].shape
            if found != shape:
                size = " x ".join(map(str, found))
                what = f"the Fisher information of layer {name!r} is {size}, the layer is {shape[0]} x {shape[1]}"
                raise HaloError(what, "Compute it for this model.", self.path)

    def layer(self, name: str, weight: Float32) -> Float32:
        """F of a layer, float32[out, in].

        Raises:
            HaloError: the layer is missing, of another shape, or its F is zero everywhere.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="numpy") as file:
                found: Float32 = file.get_tensor(name)
        except SafetensorError:
            what = f"the Fisher information has no layer {name!r}"
            raise HaloError(what, "Compute it for this model.", self.path) from None
        if found.shape != weight.shape:
            what = f"the Fisher information of layer {name!r} is {found.shape[0]} x {found.shape[1]}, the layer is not"
            raise HaloError(what, "Compute it for this model.", self.path)
        if not found.any():
            what = f"the Fisher information of layer {name!r} is zero everywhere"
            raise HaloError(what, "Compute it on other or more text.", self.path)
        return found


def open_fisher(path: Path) -> FisherFile:
    """A file that ``fisher_file`` wrote.

    Raises:
        HaloError: missing, damaged, or something else.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise HaloError("there is no such file", "Give the fisher.safetensors of another run.", path)
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["fisher"])
    except (OSError, SafetensorError, KeyError, ValueError):
        raise HaloError("this is no file of Fisher information", "Compute it again.", path) from None
    return FisherFile(path, about["label"], about["key"])


def fisher_file(
    model: RunningModel, windows: Windows, path: Path, report: Progress | None = None, *, threads: int = 1
) -> FisherFile:
    """The Fisher information of a model on a text: from the file where it holds just that, else computed and saved.

    Args:
        model: that computes the gradients.
        windows: one sequence each.
        path: safetensors file; another model's, text's or thread count's is overwritten.
        report: progress.
        threads: of PyTorch; more are faster and change the last bits.

    Raises:
        HaloError: as for ``fisher``; or the file cannot be written.
    """
    from safetensors.numpy import save_file

    made_from = ["mean squared gradients", model.digest(), windows.digest, f"{threads} threads"]
    if model.dtype != "float32":  # whose key is that of files written before there was a choice
        made_from.append(model.dtype)
    key = hashlib.sha256("\n".join(made_from).encode()).hexdigest()
    if path.is_file():
        saved = open_fisher(path)
        if saved.key == key:
            return saved
    label = f"Fisher diagonal, {windows.label}"
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One entry: safetensors writes several in no fixed order.
        found = fisher(model, windows, report, threads=threads)
        save_file(found, partial, {"fisher": json.dumps({"label": label, "key": key})})
        partial.replace(path)
    except OSError as error:
        raise HaloError(f"cannot write: {error.strerror}", "Choose another place.", path) from None
    return FisherFile(path, label, key)


def fisher(
    model: RunningModel, windows: Windows, report: Progress | None = None, *, threads: int = 1
) -> dict[str, Float32]:
    """Diagonal Fisher information of every linear layer of the blocks.

    Args:
        model: left as it was.
        windows: one sequence each.
        report: progress.
        threads: of PyTorch; more are faster and change the last bits.

    Returns:
        By layer name, float32[out, in].

    Raises:
        HaloError: a gradient is not finite, or no gradient reaches a layer.
    """
    import torch

    linears = model.linears
    sums = {name: torch.zeros_like(layer.weight, dtype=torch.float32) for name, layer in linears.items()}
    handles = []
    for name, layer in linears.items():
        layer.weight.requires_grad_(True)
        handles.append(layer.weight.register_post_accumulate_grad_hook(_adding(sums[name])))
    try:
        with pinned_threads(threads):
            for index, window in enumerate(torch.from_numpy(windows.tokens)):
                model.module(window[None], labels=window[None], use_cache=False).loss.backward()
                if report is not None:
                    report("Fisher information", index + 1, len(windows.tokens))
    finally:
        for handle in handles:
            handle.remove()
        for layer in linears.values():
            layer.weight.requires_grad_(False)
    made = {}
    for name in linears:
        mean = sums.pop(name).div_(len(windows.tokens)).numpy()
        if not np.isfinite(mean).all() or not mean.any():
            kind = "zero everywhere" if np.isfinite(mean).all() else "not finite"
            raise HaloError(f"the Fisher information of layer {name!r} is {kind}", "Take other calibration text.")
        made[name] = np.ascontiguousarray(mean.T if model.family.transposed else mean)
    return made


def _adding(total: Any) -> Callable[[Any], None]:
    """Hook that adds a weight's squared gradient to a sum and frees it."""

    def hook(weight: Any) -> None:
        gradient = weight.grad.float()
        total.addcmul_(gradient, gradient)
        weight.grad = None

    return hook
