# SPDX-License-Identifier: Apache-2.0
"""How much memory an evaluation takes at least, and what is free: said before the work, not by the kernel during it.

Counted are the weights of the float model, the copy of each quantized layer that computes in its place with its codes,
what is alive in one block for a window of tokens, and a slice of predictions. Python, PyTorch and texts come on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from halo.errors import HaloError
from halo.quant.predictions import SLICE_VALUES
from halo.quant.torch_model import Dtype
from halo.workload.config import LlmConfig

_BYTES: Mapping[Dtype, int] = {"float32": 4, "bfloat16": 2}
_CODE = 1
_SLICES = 4
"""Tensors of a slice that are alive together: two models' predictions, logits and a product."""
_MEMORY = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of an evaluation.

    Attributes:
        weights: of both models, in floating point.
        codes: of quantized layers.
        predictions: of a slice.
        token: that one more token in the window takes.
        tokens: in a window; 0: not known, such as those of tasks.
        dtype: of the computation.
    """

    weights: int
    codes: int
    predictions: int
    token: int
    tokens: int
    dtype: Dtype = "float32"

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.codes + self.predictions + self.token * self.tokens


def evaluation_memory(
    model: LlmConfig, tokens: int, *, quantized: int, head: bool, compare: bool = True, dtype: Dtype = "float32"
) -> MemoryNeed:
    """What an evaluation takes at least.

    Args:
        model: shapes.
        tokens: in a window.
        quantized: weights of the layers of the blocks that are quantized.
        head: the head is quantized, too.
        compare: the float model runs beside the quantized one.
        dtype: that the models compute in; predictions are compared in float32.
    """
    each = _BYTES[dtype]
    copies = quantized + (model.vocabulary * model.hidden if head else 0)
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    attention = 2 * model.hidden + 2 * queries + 2 * keys  # the residual, its norm; queries and what they gather
    mlp = 2 * model.hidden + (3 if model.gated else 2) * model.intermediate
    alive = max(attention, mlp) + model.hidden * (1 + compare)  # hidden states of each model for the head
    return MemoryNeed(
        weights=each * (model.parameters + copies),
        codes=_CODE * copies,
        predictions=4 * _SLICES * min(max(SLICE_VALUES, model.vocabulary), max(tokens, 1) * model.vocabulary),
        token=each * alive,
        tokens=tokens,
        dtype=dtype,
    )


def free_memory() -> int | None:
    """Bytes that this process can still take, of its machine and control group; None: the system does not say."""
    try:
        found = dict(line.split(":", 1) for line in _MEMORY.read_text(encoding="ascii").splitlines())
        free = int(found["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:
        limit = int((_GROUP / "memory.max").read_text(encoding="ascii"))  # "max": no limit
        used = int((_GROUP / "memory.current").read_text(encoding="ascii"))
        counts = dict(line.split() for line in (_GROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        return min(free, limit - used + int(counts["inactive_file"]))
    except (OSError, KeyError, ValueError):
        return free


def require_memory(need: MemoryNeed, free: int | None) -> None:
    """Refuse work that does not fit.

    Args:
        need: of the work.
        free: bytes; None: not known, and nothing is refused.

    Raises:
        HaloError: it takes more; the fix is a shorter window, where one fits, or half the width.
    """
    if free is None or need.total <= free:
        return
    window = f", {_gigabytes(need.token * need.tokens)} for a window of {need.tokens:,} tokens" if need.tokens else ""
    what = (
        f"the evaluation takes at least {_gigabytes(need.total)} of memory ({_gigabytes(need.weights)} for weights in "
        f"{need.dtype}{window}), and {_gigabytes(free)} are free"
    )
    fits = min((free - need.total + need.token * need.tokens) // need.token, need.tokens - 1)
    fits -= fits % 64 if fits > 64 else 0
    if fits >= 2:
        raise HaloError(what, f"Give --length {fits} or less.")
    if need.dtype == "float32" and need.total - (need.weights + need.token * need.tokens) // 2 <= free:
        raise HaloError(what, "Give --dtype bfloat16, which takes half of that.")
    raise HaloError(what, "Stop other programs, or take a machine with more memory.")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
