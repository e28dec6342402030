# SPDX-License-Identifier: Apache-2.0
"""Shapes of a language model: built-in ones by name, any other from its ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from halo.errors import HaloError
from halo.workload.architectures import CONFIG, FAMILIES, Norm, Role, read_json

Activation = Literal["silu", "relu", "gelu", "gelu_new", "gelu_pytorch_tanh"]

_ACTIVATIONS: Mapping[str, Activation] = {name: name for name in get_args(Activation)}
_BUILT_IN = Path(__file__).parent / "data"
_FETCH = "Fetch the model's config.json again, or correct it."


@dataclass(frozen=True)
class LlmConfig:
    """A decoder-only transformer.

    Attributes:
        name: built-in name, or that of the folder.
        family: a key of ``halo.workload.architectures.FAMILIES``.
        blocks, hidden, intermediate, vocabulary: sizes.
        heads, kv_heads: of queries; of keys and values (fewer in grouped-query attention, a divisor of ``heads``).
        head_dim: channels of a head.
        context: positions that the model has.
        tied: the output head shares the matrix of the embeddings.
        activation: function of the MLP.
        norm: kind of all norms.
        position_rows: rows of a learned table of positions; 0 where positions are rotary.
        rotary: channels of a head that are rotated; 0 where positions are learned.
        biased: roles of the linear layers that have a bias.
        windows: per block, to how many of the last positions (itself included) a token attends; None: to all.
        source: where the numbers come from.
    """

    name: str
    family: str
    blocks: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    context: int
    tied: bool
    activation: Activation
    norm: Norm
    position_rows: int
    rotary: int
    biased: frozenset[Role]
    windows: tuple[int | None, ...]
    source: str

    @property
    def linears(self) -> dict[Role, tuple[int, int]]:
        """Role to (input channels, output channels) of a block's linear layers, in the order of computation."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes: dict[Role, tuple[int, int]] = {
            "q": (self.hidden, queries),
            "k": (self.hidden, keys),
            "v": (self.hidden, keys),
            "qkv": (self.hidden, queries + 2 * keys),
            "o": (queries, self.hidden),
            "gate": (self.hidden, self.intermediate),
            "up": (self.hidden, self.intermediate),
            "gate_up": (self.hidden, 2 * self.intermediate),
            "down": (self.intermediate, self.hidden),
        }
        return {role: shapes[role] for role in FAMILIES[self.family].linears.values()}

    @property
    def gated(self) -> bool:
        """The MLP multiplies by a gate."""
        return bool({"gate", "gate_up"} & self.linears.keys())

    @property
    def linear_weights(self) -> int:
        """Weights of the blocks' linear layers, without biases."""
        return self.blocks * sum(inputs * outputs for inputs, outputs in self.linears.values())

    @property
    def parameters(self) -> int:
        """All of them: linear layers, biases, norms, embeddings, positions, and the head where it is not tied."""
        norm = self.hidden * (2 if self.norm == "layer norm" else 1)
        biases = sum(outputs for role, (_, outputs) in self.linears.items() if role in self.biased)
        tables = self.vocabulary * (1 if self.tied else 2) + self.position_rows
        return self.linear_weights + self.blocks * (biases + 2 * norm) + norm + tables * self.hidden

    def positions(self, block: int, context: int) -> int:
        """Positions whose keys and values a block keeps of ``context`` tokens."""
        window = self.windows[block]
        return context if window is None else min(window, context)


def built_in_names() -> tuple[str, ...]:
    """Names that ``read_config`` knows, sorted."""
    return tuple(sorted(path.stem for path in _BUILT_IN.glob("*.json")))


def read_config(name_or_path: str | Path) -> LlmConfig:
    """The model of a built-in name, or that of a folder with ``config.json``.

    Raises:
        HaloError: neither a name nor such a folder; an unknown ``model_type``; a key that is missing (by name) or has a
            value that cannot be.
    """
    name = str(name_or_path)
    if name in built_in_names():
        path = _BUILT_IN / f"{name}.json"
        values = read_json(path, "Install halo again.")
        return _config(values, name, values["source"], path)
    folder = Path(name_or_path)
    if not folder.is_dir():
        near = get_close_matches(name, built_in_names(), n=1)
        fix = f"Did you mean {near[0]}?" if near else f"Give one of: {', '.join(built_in_names())}."
        raise HaloError(f"there is no model {name!r}", f"{fix} Or give a folder with {CONFIG}.")
    path = folder / CONFIG
    values = read_json(path, f"Give a model folder with {CONFIG}, or one of: {', '.join(built_in_names())}.")
    name = folder.resolve().name
    return _config(values, name, f"{CONFIG} of {name}", path)


def _config(values: Mapping[str, Any], name: str, source: str, path: Path) -> LlmConfig:
    family = values.get("model_type")
    if not isinstance(family, str) or family not in FAMILIES:
        raise HaloError(f"model_type {family!r} is unknown", f"Give one of: {', '.join(FAMILIES)}.", path)
    form = FAMILIES[family].config
    for key, wanted in (form.fixed or {}).items():
        if values.get(key, wanted) != wanted:
            fix = f"Only models of this family with {key} = {wanted} are read."
            raise HaloError(f"{key} = {values[key]!r} is not read", fix, path)
    hidden, heads = _count(values, form.hidden, path), _count(values, form.heads, path)
    if values.get("word_embed_proj_dim", hidden) != hidden:
        what = f"word_embed_proj_dim {values['word_embed_proj_dim']!r} differs from {form.hidden} {hidden}"
        raise HaloError(what, "Models with projections around their blocks (OPT-350M) are not read.", path)
    kv_heads = heads
    if form.grouped == "required" or (form.grouped == "optional" and values.get("num_key_value_heads") is not None):
        kv_heads = _count(values, "num_key_value_heads", path)
    if heads % kv_heads:
        raise HaloError(f"{heads} heads do not share {kv_heads} heads of keys and values evenly", _FETCH, path)
    if values.get("head_dim") is None and hidden % heads:
        raise HaloError(f"{form.hidden} {hidden} does not divide into {heads} heads", _FETCH, path)
    head_dim = hidden // heads if values.get("head_dim") is None else _count(values, "head_dim", path)
    context = _count(values, form.context, path)
    blocks = _count(values, FAMILIES[family].count, path)
    # GPT-2 has four times as many channels in its MLP unless told otherwise.
    four_times = family == "gpt2" and values.get(form.intermediate) is None
    return LlmConfig(
        name=name,
        family=family,
        blocks=blocks,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate=4 * hidden if four_times else _count(values, form.intermediate, path),
        vocabulary=_count(values, "vocab_size", path),
        context=context,
        tied=_flag(values, "tie_word_embeddings", form.tied, path),
        activation=_activation(values, form.activation, path),
        norm=form.norm,
        position_rows=0 if form.learned is None else context + form.learned,
        rotary=int(head_dim * _rotated(values, path)) if form.learned is None else 0,
        biased=_biased(values, family, path),
        windows=_windows(values, family, blocks, path),
        source=source,
    )


def _biased(values: Mapping[str, Any], family: str, path: Path) -> frozenset[Role]:
    """Roles of the layers with a bias: what the family always has, or what its flags say."""
    attention: frozenset[Role] = frozenset({"q", "k", "v", "qkv", "o"})
    match family:
        case "llama":
            mlp: frozenset[Role] = frozenset({"gate", "up", "down"})
            with_attention = attention if _flag(values, "attention_bias", False, path) else frozenset()
            return with_attention | (mlp if _flag(values, "mlp_bias", False, path) else frozenset())
        case "qwen2":
            return attention - {"o"}
        case "opt":
            return attention | {"up", "down"} if _flag(values, "enable_bias", True, path) else frozenset()
        case "gpt2":
            return attention | {"up", "down"}
        case _:
            return frozenset()


def _windows(values: Mapping[str, Any], family: str, blocks: int, path: Path) -> tuple[int | None, ...]:
    """Sliding windows, where the config has them and they are active, as transformers decides it."""
    read = family in ("mistral", "phi3") or (family == "qwen2" and _flag(values, "use_sliding_window", False, path))
    if not read or values.get("sliding_window") is None:
        return (None,) * blocks
    window = _count(values, "sliding_window", path)
    if family != "qwen2":
        return (window,) * blocks
    if values.get("layer_types") is None:
        first = _count(values, "max_window_layers", path, least=0)
        return tuple(window if block >= first else None for block in range(blocks))
    kinds = {"sliding_attention": window, "full_attention": None}
    types = values["layer_types"]
    if not isinstance(types, list) or len(types) != blocks or not all(kind in kinds for kind in types):
        raise HaloError(f"layer_types is no list of {blocks} of: {', '.join(kinds)}", _FETCH, path)
    return tuple(kinds[kind] for kind in types)


def _rotated(values: Mapping[str, Any], path: Path) -> float:
    """The share of a head's channels that is rotated."""
    nested = values.get("rope_parameters")
    share = (nested if isinstance(nested, dict) else values).get("partial_rotary_factor", 1.0)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise HaloError(f"partial_rotary_factor = {share!r} is no share", _FETCH, path)
    return share


def _activation(values: Mapping[str, Any], key: str, path: Path) -> Activation:
    value = values.get(key)
    if value is None:
        raise HaloError(f"{key} is missing", _FETCH, path)
    if value not in _ACTIVATIONS:
        raise HaloError(f"{key} = {value!r} is unknown", f"Give one of: {', '.join(_ACTIVATIONS)}.", path)
    return _ACTIVATIONS[value]


def _count(values: Mapping[str, Any], key: str, path: Path, *, least: int = 1) -> int:
    value = values.get(key)
    if value is None:
        raise HaloError(f"{key} is missing", _FETCH, path)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise HaloError(f"{key} = {value!r} is no whole number of {least} or more", _FETCH, path)
    return value


def _flag(values: Mapping[str, Any], key: str, default: bool, path: Path) -> bool:
    value = values.get(key, default)
    if not isinstance(value, bool):
        raise HaloError(f"{key} = {value!r} is neither true nor false", _FETCH, path)
    return value
