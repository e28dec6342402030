# SPDX-License-Identifier: Apache-2.0
"""GGUF files (llama.cpp), through the gguf package: layers in every type that it dequantizes.

Names are the file's own (``blk.0.attn_q``). In the llama architecture llama.cpp stores the rows of attn_q and attn_k
in another order than transformers, which changes nothing inside a row.

Q4_0 and Q8_0 hold integers that a MAC can take, q - z: Q4_0 codes minus 8, and Q8_0 codes as they are. The others
(Q4_1, the K and IQ types, MXFP4 and so on) have offsets that are no multiples of the scale, scales of scales or
vector codebooks: of these only the weights are given.

Tests: tests/quant/test_checkpoint_quantized.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import gguf
import numpy as np

from halo.errors import HaloError
from halo.quant.checkpoint.formats import unread
from halo.quant.checkpoint.model import Float32, LayerInfo, Model
from halo.quant.checkpoint.safetensor_file import Tensor
from halo.quant.layer import QuantizedLayer
from halo.workload.architectures import FAMILIES, Role, summary

_FAMILIES = tuple(name for name, family in FAMILIES.items() if family.gguf)
_ROLES: dict[str, Role] = {
    "attn_qkv": "qkv",
    "attn_q": "q",
    "attn_k": "k",
    "attn_v": "v",
    "attn_output": "o",
    "ffn_gate": "gate",
    "ffn_up": "up",
    "ffn_down": "down",
}
_BLOCK = 32  # weights a scale, in both formats
_BYTES = {"Q4_0": 18, "Q8_0": 34}  # of a block: a scale in float16, then the codes
_PLAIN = ("F32", "F16", "BF16")
_CHUNK = 1 << 20  # weights that the package dequantizes at a time: it takes several times their size
_LAYER = re.compile(r"blk\.(\d+)\.(\w+)\.weight")


@dataclass(frozen=True, eq=False)
class GgufModel(Model):
    """A ``Model`` in a GGUF file.

    Attributes:
        tensors: by layer name; ``dtype`` is GGUF's name of the type, the shape (out, in).
    """

    tensors: Mapping[str, Tensor]

    def quantized(self, name: str) -> QuantizedLayer | None:
        """See ``Model``."""
        tensor = self.tensors[self.layer(name).name]
        if tensor.dtype not in _BYTES:
            return None
        rows, columns = tensor.shape
        blocks = tensor.raw().reshape(rows, columns // _BLOCK, _BYTES[tensor.dtype])
        scale = blocks[..., :2].copy().view("<f2")[..., 0].astype(np.float32)
        stored = blocks[..., 2:]
        codes = np.empty((rows, columns // _BLOCK, _BLOCK), dtype=np.int8)
        if tensor.dtype == "Q8_0":
            codes[...] = stored.view(np.int8)
        else:  # the low nibbles hold the first half of a block, the high ones the second
            codes[..., :16] = (stored & 0x0F).view(np.int8) - np.int8(8)
            codes[..., 16:] = (stored >> 4).view(np.int8) - np.int8(8)
        bits = 8 if tensor.dtype == "Q8_0" else 4
        return QuantizedLayer(name, codes.reshape(rows, columns), scale, (1, _BLOCK), bits, f"GGUF {tensor.dtype}")

    def _plain(self, layer: LayerInfo) -> Float32:
        tensor = self.tensors[layer.name]
        if tensor.dtype in _PLAIN:
            return tensor.float32()
        kind = gguf.GGMLQuantizationType[tensor.dtype]
        rows = tensor.raw().reshape(tensor.shape[0], -1)
        weight = np.empty(tensor.shape, np.float32)
        step = max(1, _CHUNK // tensor.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is named with its place later
            for first in range(0, len(rows), step):
                weight[first : first + step] = gguf.dequantize(np.ascontiguousarray(rows[first : first + step]), kind)
        return weight


def open_gguf(path: Path) -> GgufModel:
    """Open a GGUF file; weights stay on the disk.

    Raises:
        HaloError: a damaged file, or an architecture that is not known.
    """
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, KeyError, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise HaloError(f"this is no GGUF file, or it is damaged: {error}", "Fetch it again.", path) from error
    if reader.byte_order != "I":
        raise HaloError("the file is big-endian, which is not read", "Convert it to little-endian.", path)
    config = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    found = {
        t.name.removesuffix(".weight"): _tensor(t, path)
        for t in reader.tensors
        if _LAYER.fullmatch(t.name) and len(t.shape) == 2
    }
    for name, tensor in found.items():
        if not _dequantized(tensor.dtype):
            raise unread(f"GGUF {tensor.dtype} in {name}", path)
    family = str(config.get("general.architecture"))
    if family not in _FAMILIES:
        matrices = summary({name: tensor.shape for name, tensor in found.items()})
        what = f"architecture {family!r} is unknown; it has {matrices}"
        raise HaloError(what, f"Known in GGUF: {', '.join(_FAMILIES)}.", path)
    fused = "gate_up" in FAMILIES[family].linears.values()
    order = list(_ROLES)
    layers = []
    for name, tensor in found.items():
        _, block, kind = name.split(".")
        if kind not in _ROLES:
            raise HaloError(f"{name} is no layer of the architecture {family!r}", "Give a dense model.", path)
        role: Role = "gate_up" if kind == "ffn_up" and fused else _ROLES[kind]
        rows, columns = tensor.shape
        layers.append((int(block), order.index(kind), LayerInfo(name, (rows, columns), int(block), role)))
    layers.sort(key=lambda item: item[:2])
    _require_blocks(layers, config.get(f"{family}.block_count"), path)
    return GgufModel(path, family, config, tuple(layer for _, _, layer in layers), found)


def _require_blocks(layers: list[tuple[int, int, LayerInfo]], count: object, path: Path) -> None:
    blocks: dict[int, set[int]] = {}
    for block, kind, _ in layers:
        blocks.setdefault(block, set()).add(kind)
    alike = len({frozenset(kinds) for kinds in blocks.values()}) == 1
    if not alike or sorted(blocks) != list(range(len(blocks))) or len(blocks) != count:
        what = f"the file promises {count} blocks and holds {len(blocks)}, or some lack layers"
        raise HaloError(what, "Fetch it again.", path)


@lru_cache
def _dequantized(dtype: str) -> bool:
    """The package dequantizes this type, tried on a block."""
    kind = gguf.GGMLQuantizationType[dtype]
    try:
        gguf.dequantize(np.zeros((1, gguf.GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
    except RuntimeError:  # its own subclass for types that it has no code for
        return False
    return True


def _tensor(tensor: gguf.ReaderTensor, path: Path) -> Tensor:
    """Where a tensor stands; the reader's own mapping of the whole file ends with the reader."""
    columns, rows = (int(n) for n in tensor.shape)
    return Tensor(
        tensor.name, path, tensor.tensor_type.name, (rows, columns), int(tensor.data_offset), int(tensor.n_bytes)
    )
