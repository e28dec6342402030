# SPDX-License-Identifier: Apache-2.0
"""GGUF files (llama.cpp), through the gguf package: layers in every type that it dequantizes.

Layers have the names that transformers gives them (``model.layers.0.self_attn.q_proj`` for ``blk.0.attn_q``), and their
rows its order: in the llama architecture llama.cpp stores the two halves of each head of q and k interleaved, which is
undone here. So a GGUF file and the folder it was made from hold the same layers.

Q4_0 and Q8_0 hold integers that a MAC can take, q - z: Q4_0 codes minus 8, and Q8_0 codes as they are. The others
(Q4_1, the K and IQ types, MXFP4 and so on) have offsets that are no multiples of the scale, scales of scales or
vector codebooks: of these only the weights are given.

Tests: tests/quant/test_checkpoint_quantized.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt

from halo.errors import HaloError
from halo.quant.checkpoint.formats import unread
from halo.quant.checkpoint.gguf_config import DIVISORS, WAY_OUT, config_of
from halo.quant.checkpoint.model import Float32, LayerInfo, Model, require_finite
from halo.quant.checkpoint.safetensor_file import Tensor
from halo.quant.layer import QuantizedLayer
from halo.workload.architectures import FAMILIES, Family, Role, summary

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
_OUTSIDE = {  # modules outside of the blocks, by the module that holds the blocks
    "model.layers": {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"},
    "transformer.h": {
        "token_embd": "transformer.wte",
        "position_embd": "transformer.wpe",
        "output_norm": "transformer.ln_f",
        "output": "lm_head",
    },
}


@dataclass(frozen=True, eq=False)
class GgufModel(Model):
    """A ``Model`` in a GGUF file.

    Attributes:
        tensors: every tensor of the file by its name there; ``dtype`` is GGUF's name of the type, a matrix (out, in).
        own_names: the tensor that holds the weights of a layer, by the layer's name.
    """

    tensors: Mapping[str, Tensor]
    own_names: Mapping[str, str]

    @property
    def architecture(self) -> Family:
        """Where transformers keeps its layers and norms."""
        return FAMILIES[self.family]

    def stored_bits(self, name: str) -> float:
        """See ``Model``."""
        tensor = self.tensors[self.own_names[self.layer(name).name]]
        return 8 * tensor.size / (tensor.shape[0] * tensor.shape[1])

    def module_config(self) -> dict[str, Any]:
        """See ``Model``."""
        unknown = [name for name in self.tensors if transformers_name(name, self.architecture) is None]
        others = [name for name in unknown if name != DIVISORS]
        if others:
            what = f"{others[0]} is no tensor of the architecture {self.family!r} in transformers"
            raise HaloError(what, WAY_OUT, self.path)
        return config_of(self.config, self.family, self.tensors, self._values, self.path)

    def state(self) -> Iterator[tuple[str, Float32]]:
        """See ``Model``; GPT-2's layers as its modules keep them, [in, out]."""
        for own in self.tensors:
            name = transformers_name(own, self.architecture)
            if name is None:
                continue
            values = self._values(own)
            require_finite(np.atleast_2d(values), own, self.path)
            turned = self.architecture.transposed and name.rpartition(".")[0] in self.own_names and values.ndim == 2
            yield name, np.ascontiguousarray(values.T) if turned else values

    def quantized(self, name: str) -> QuantizedLayer | None:
        """See ``Model``."""
        own = self.own_names[self.layer(name).name]
        tensor = self.tensors[own]
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
        order = self._row_order(own)
        if order is not None:
            codes, scale = codes[order], scale[order]
        return QuantizedLayer(name, codes.reshape(rows, columns), scale, (1, _BLOCK), bits, f"GGUF {tensor.dtype}")

    def _plain(self, layer: LayerInfo) -> Float32:
        return self._values(self.own_names[layer.name])

    def _values(self, own: str) -> Float32:
        """Values of a tensor in the order of transformers, float32."""
        tensor = self.tensors[own]
        values = _dequantize(tensor)
        order = self._row_order(own)
        return values if order is None else values[order]

    def _row_order(self, own: str) -> npt.NDArray[np.int64] | None:
        """Where the rows of a tensor stand in the file, if not in their order: q and k of the llama architecture."""
        kind = own.split(".")[2] if own.startswith("blk.") else ""
        if self.family != "llama" or kind not in ("attn_q", "attn_k"):
            return None
        key = "llama.attention.head_count" + ("_kv" if kind == "attn_k" else "")
        heads = self.config.get(key, self.config.get("llama.attention.head_count"))
        rows = self.tensors[own].shape[0]
        if not isinstance(heads, int) or heads < 1 or rows % (2 * heads):
            what = f"{own} has {rows} rows, which are not {key} = {heads} heads of an even size"
            raise HaloError(what, "Write the file again with that number in its metadata.", self.path)
        return np.arange(rows).reshape(heads, -1, 2).swapaxes(1, 2).reshape(-1)


def transformers_name(own: str, family: Family) -> str | None:
    """What transformers calls a tensor of a GGUF file; None: it has none such."""
    module, _, last = own.rpartition(".")
    if last not in ("weight", "bias"):
        return None
    if not module.startswith("blk."):
        outside = _OUTSIDE[family.blocks].get(module)
        return None if outside is None else f"{outside}.{last}"
    _, block, kind = module.split(".", 2)
    path = _inside(family).get(kind)
    return None if path is None else f"{family.blocks}.{block}.{path}.{last}"


def _inside(family: Family) -> dict[str, str]:
    """Modules inside a block by their names in GGUF files."""
    paths = {role: path for path, role in family.linears.items()}
    made = {kind: paths[role] for kind, role in _kinds(family).items() if role in paths}
    norms = list(dict.fromkeys(family.norms.values()))  # of attention, and of the rest
    return made | dict(zip(("attn_norm", "ffn_norm"), norms, strict=True))


def _kinds(family: Family) -> dict[str, Role]:
    fused: dict[str, Role] = {"ffn_up": "gate_up"} if "gate_up" in family.linears.values() else {}
    return {**_ROLES, **fused}


def _dequantize(tensor: Tensor) -> Float32:
    """Values of a tensor of any type that the package dequantizes, float32, in the order of the file."""
    if tensor.dtype in _PLAIN:
        return tensor.float32()
    if not _dequantized(tensor.dtype):
        raise unread(f"GGUF {tensor.dtype} in {tensor.name}", tensor.path)
    kind = gguf.GGMLQuantizationType[tensor.dtype]
    columns = tensor.shape[-1]
    rows = tensor.raw().reshape(math.prod(tensor.shape[:-1]), -1)
    weight = np.empty((len(rows), columns), np.float32)
    step = max(1, _CHUNK // columns)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is named with its place later
        for first in range(0, len(rows), step):
            weight[first : first + step] = gguf.dequantize(np.ascontiguousarray(rows[first : first + step]), kind)
    return weight.reshape(tensor.shape)


def open_gguf(path: Path) -> GgufModel:
    """Open a GGUF file; weights stay on the disk.

    Raises:
        HaloError: a damaged file, a part of a model, or an architecture that is not known.
    """
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, KeyError, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise HaloError(f"this is no GGUF file, or it is damaged: {error}", "Fetch it again.", path) from error
    if reader.byte_order != "I":
        raise HaloError("the file is big-endian, which is not read", "Convert it to little-endian.", path)
    config = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    parts = config.get("split.count", 1)
    if parts != 1:
        what = f"this is part {config.get('split.no', 0) + 1} of {parts} of a model, and parts are not read"
        first = re.sub(r"-\d{5}-of-", "-00001-of-", str(path))
        raise HaloError(what, f"Put them together with llama.cpp (llama-gguf-split --merge {first} whole.gguf).", path)
    tensors = {t.name: _tensor(t, path) for t in reader.tensors}
    found = {
        name.removesuffix(".weight"): tensor
        for name, tensor in tensors.items()
        if _LAYER.fullmatch(name) and len(tensor.shape) == 2
    }
    for name, tensor in found.items():
        if not _dequantized(tensor.dtype):
            raise unread(f"GGUF {tensor.dtype} in {name}", path)
    architecture = str(config.get("general.architecture"))
    if architecture not in _FAMILIES:
        matrices = summary({name: tensor.shape for name, tensor in found.items()})
        what = f"architecture {architecture!r} is unknown; it has {matrices}"
        raise HaloError(what, f"Known in GGUF: {', '.join(_FAMILIES)}.", path)
    family = FAMILIES[architecture]
    kinds = _kinds(family)
    paths = {role: place for place, role in family.linears.items()}
    order = list(_ROLES)
    layers = []
    for name, tensor in found.items():
        _, block, kind = name.split(".")
        if kind not in kinds or kinds[kind] not in paths:
            raise HaloError(f"{name} is no layer of the architecture {architecture!r}", "Give a dense model.", path)
        rows, columns = tensor.shape
        layer = LayerInfo(f"{family.blocks}.{block}.{paths[kinds[kind]]}", (rows, columns), int(block), kinds[kind])
        layers.append((int(block), order.index(kind), layer, tensor.name))
    layers.sort(key=lambda item: item[:2])
    _require_blocks(layers, config.get(f"{architecture}.block_count"), path)
    own_names = {layer.name: own for _, _, layer, own in layers}
    return GgufModel(path, architecture, config, tuple(layer for _, _, layer, _ in layers), tensors, own_names)


def _require_blocks(layers: list[tuple[int, int, LayerInfo, str]], count: object, path: Path) -> None:
    blocks: dict[int, set[int]] = {}
    for block, kind, _, _ in layers:
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
    shape = tuple(int(n) for n in reversed(tensor.shape))
    return Tensor(tensor.name, path, tensor.tensor_type.name, shape, int(tensor.data_offset), int(tensor.n_bytes))
