# SPDX-License-Identifier: Apache-2.0
"""A model that runs: a Hugging Face folder or GGUF file in PyTorch, its blocks and their linear layers by name.

Tests: tests/quant/test_odd_checkpoints.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from halo.errors import HaloError
from halo.quant.checkpoint import Model, open_model
from halo.quant.checkpoint.gguf_config import FACTORS, WAY_OUT
from halo.quant.checkpoint.gguf_file import GgufModel
from halo.quant.layer import Float32
from halo.workload.architectures import CONFIG, Family, family_of

Dtype = Literal["float32", "bfloat16"]
"""What a model computes in."""

_BUFFERS = ("rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias")  # that older checkpoints hold
_SPLITS = ("gpt-2", "llama-bpe", "llama3", "llama-v3", "smaug-bpe", "tekken", "qwen2", "deepseek-r1-qwen", "falcon3")
"""Ways to cut text before byte pairs are merged, as llama.cpp names them, of which transformers has the same."""

_BEGIN_WITH_BOS = ("llama-bpe", "llama3", "llama-v3", "falcon3", "tekken")
"""Those of them with which llama.cpp puts BOS in front of a text, where the file does not say (llama-vocab.cpp)."""

_OTHER_TOKENIZER = "Give the folder of the model's tokenizer: --tokenizer FOLDER."


def require_torch() -> ModuleType:
    """PyTorch, imported.

    Raises:
        HaloError: it or transformers is not installed.
    """
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise HaloError(f"{package} is not installed", "Install the extra: pip install 'halo-mac[torch]'.")
    import torch

    return torch  # type: ignore[no-any-return]


@contextmanager
def pinned_threads(threads: int | None) -> Iterator[None]:
    """PyTorch and the BLAS of NumPy compute with so many threads: the last bits of their sums depend on the number.

    Args:
        threads: None: as many as they take by themselves.

    Raises:
        HaloError: less than one.
    """
    import torch
    from threadpoolctl import threadpool_limits

    if threads is None:
        yield
        return
    if threads < 1:
        raise HaloError(f"{threads} threads are none", "Give 1 or more.")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class RunningModel:
    """A causal language model on the CPU, in float32 or bfloat16.

    Attributes:
        path: its folder or file.
        family: where its blocks and linear layers are.
        module: the transformers model, in evaluation mode.
        tokenizer: the transformers tokenizer.
    """

    path: Path
    family: Family
    module: Any
    tokenizer: Any

    @property
    def context(self) -> int:
        """Longest window, in tokens."""
        return int(self.module.config.max_position_embeddings)

    @property
    def dtype(self) -> str:
        """What it computes in: float32 or bfloat16."""
        return str(self.module.dtype).removeprefix("torch.")

    @property
    def vocabulary(self) -> int:
        """Number of tokens that it knows."""
        return int(self.module.config.vocab_size)

    @property
    def blocks(self) -> list[tuple[str, Any]]:
        """Transformer blocks with the paths of their modules, in the order of computation."""
        stack = self.module.get_submodule(self.family.blocks)
        return [(f"{self.family.blocks}.{i}", block) for i, block in enumerate(stack)]

    @property
    def linears(self) -> dict[str, Any]:
        """Linear layers of the blocks by the paths of their modules, in the order of computation."""
        return {
            f"{path}.{name}": block.get_submodule(name) for path, block in self.blocks for name in self.family.linears
        }

    @property
    def head(self) -> tuple[str, Any]:
        """The output head with the path of its module. Its weight may be that of the embeddings, too."""
        module = self.module.get_output_embeddings()
        return next((name, own) for name, own in self.module.named_modules() if own is module)

    def weight(self, name: str) -> Float32:
        """A copy of the weight of a layer or the head, float32[out, in], also where the model keeps it transposed."""
        head, module = self.head
        if name == head:
            return np.array(module.weight.detach().float().numpy(), order="C")
        weight = self.linears[name].weight.detach().float().numpy()
        return np.array(weight.T if self.family.transposed else weight, order="C")

    def digest(self) -> str:
        """SHA-256 of its configuration and of all its weights and buffers as they stand now."""
        state = hashlib.sha256(json.dumps(self.module.config.to_dict(), sort_keys=True, default=str).encode())
        for name, tensor in sorted(self.module.state_dict().items()):
            state.update(f"{name} {tuple(tensor.shape)}".encode())
            state.update(tensor.detach().float().contiguous().numpy().tobytes())
        return state.hexdigest()


def load_model(path: Path, *, dtype: Dtype = "float32", tokenizer: Path | None = None) -> RunningModel:
    """Load a Hugging Face folder or a GGUF file; nothing is looked for on the network.

    The weights are those that ``halo.quant.checkpoint`` reads and, where they are quantized, dequantizes, so that what
    runs is what is quantized. No package of a quantizer is asked.

    Args:
        path: folder with ``config.json`` and safetensors, or a ``.gguf`` file.
        dtype: that the model computes in.
        tokenizer: folder of the tokenizer; None: that of the model.

    Raises:
        HaloError: PyTorch missing, no such model, an architecture that is not known, matrices without a model, files
            that do not load, or a GGUF file whose tokenizer is not known.
    """
    require_torch()
    from transformers.utils import logging

    model = open_model(path)
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what is missing or too much is an error here, and named below
    try:
        module = _loaded(model, dtype)
        words = _tokenizer(model, tokenizer)
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
    module.eval()
    module.requires_grad_(False)
    if isinstance(model, GgufModel):
        return RunningModel(path, model.architecture, module, words)
    matrices = {name: tuple(p.shape) for name, p in module.named_parameters() if p.ndim == 2}
    family = family_of(model.family, matrices, path / CONFIG).of_config(model.config)
    return RunningModel(path, family, module, words)


def _loaded(model: Model, dtype: Dtype) -> Any:
    """The transformers model with the weights of a checkpoint."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind = getattr(torch, dtype)
    try:
        values = model.module_config()
        config = type(AutoConfig.for_model(values["model_type"])).from_dict(values)
        with torch.device("meta"):
            made = type(AutoModelForCausalLM.from_config(config))
        state = {name: torch.from_numpy(tensor).to(kind) for name, tensor in model.state()}
        module, report = made.from_pretrained(
            None,
            config=config,
            state_dict=state,
            dtype=kind,
            ignore_mismatched_sizes=True,  # they are an error here
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise HaloError(f"transformers cannot load the model: {first}", "Repair the model.", model.path) from None
    absent = sorted(report["missing_keys"])
    if absent:  # transformers would go on with random numbers
        what = f"{len(absent)} tensor{'s are' if len(absent) > 1 else ' is'} missing, the first is {absent[0]}"
        raise HaloError(what, "Fetch the model again.", model.path)
    too_much = sorted(name for name in report["unexpected_keys"] if _matters(name, state))
    wrong = sorted(str(entry[0]) for entry in report.get("mismatched_keys", ()))
    if wrong or too_much:
        what = f"{(wrong or too_much)[0]} is {'of another shape than' if wrong else 'not known to'} transformers' model"
        raise HaloError(what, f"Check {CONFIG}, or fetch the model again.", model.path)
    head, embeddings = (part.weight for part in (module.get_output_embeddings(), module.get_input_embeddings()))
    if module.config.tie_word_embeddings and not torch.equal(head, embeddings):
        what = "embeddings and head are one matrix in the config (tie_word_embeddings) and two in the checkpoint"
        fix = f"Set tie_word_embeddings to false in {CONFIG} if both are meant, else remove lm_head.weight."
        raise HaloError(what, fix, model.path)
    divisors = getattr(module.config, FACTORS, None)
    if divisors is not None:
        _divide_frequencies(module, divisors, model.path)
    return module


def _matters(name: str, state: Mapping[str, Any]) -> bool:
    """A tensor that the model does not have would change something: no buffer, and no bias of zeros."""
    return not (name.endswith(_BUFFERS) or (name.endswith(".bias") and not state[name].any()))


def _divide_frequencies(module: Any, divisors: Sequence[float], path: Path) -> None:
    """Stretch the rotary positions, as Llama 3.1 does."""
    import torch

    rotary = module.base_model.rotary_emb
    if len(divisors) != len(rotary.inv_freq):
        what = f"{len(divisors)} divisors of rotary frequencies do not fit {len(rotary.inv_freq)}"
        raise HaloError(what, WAY_OUT, path)
    rotary.inv_freq = rotary.inv_freq / torch.tensor(divisors, dtype=rotary.inv_freq.dtype)


def _tokenizer(model: Model, folder: Path | None) -> Any:
    """The tokenizer of a model, or that of a folder."""
    from transformers import AutoTokenizer

    place, more = folder or model.path, {}
    if folder is not None and not folder.is_dir():
        raise HaloError("there is no such folder of a tokenizer", "Give one with tokenizer.json.", folder)
    if folder is None and isinstance(model, GgufModel):
        _require_tokenizer(model)
        place, more = model.path.parent, {"gguf_file": model.path.name, **_ends(model)}
    try:
        made = AutoTokenizer.from_pretrained(place, local_files_only=True, **more)
    except Exception as error:  # of any class: the tokenizers package raises Exception itself
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise HaloError(f"transformers cannot load the tokenizer: {first}", _OTHER_TOKENIZER, place) from None
    if more and model.config["tokenizer.ggml.model"] == "llama":
        _put_spaces(made, bool(model.config.get("tokenizer.ggml.add_space_prefix", True)))
    return made


def _ends(model: GgufModel) -> dict[str, bool]:
    """Whether a text begins with BOS and ends with EOS; what the file does not say as in llama.cpp (llama-vocab.cpp).

    Versions of transformers differ in what they make of the file.
    """
    key, config = "tokenizer.ggml", model.config
    begins = config[f"{key}.model"] == "llama" or config.get(f"{key}.pre") in _BEGIN_WITH_BOS
    return {
        "add_bos_token": bool(config.get(f"{key}.add_bos_token", begins)),
        "add_eos_token": bool(config.get(f"{key}.add_eos_token", False)),
    }


def _put_spaces(tokenizer: Any, prefix: bool) -> None:
    """A space in front of the text, as llama.cpp puts it: transformers puts none where the text begins with one."""
    from tokenizers import normalizers

    steps = [normalizers.Prepend("\u2581")] if prefix else []
    backend = tokenizer.backend_tokenizer
    backend.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "\u2581")])
    backend.pre_tokenizer = None


def _require_tokenizer(model: GgufModel) -> None:
    """Refuse tokenizers that transformers would build otherwise than llama.cpp, without a word."""
    kind, split = (model.config.get(f"tokenizer.ggml.{key}") for key in ("model", "pre"))
    if kind is None or "tokenizer.ggml.tokens" not in model.config:
        raise HaloError("the file holds no tokenizer", _OTHER_TOKENIZER, model.path)
    if kind == "gpt2" and split not in _SPLITS:
        what = f"the tokenizer cuts text into words as {split!r} does, which is not known"
        raise HaloError(what, _OTHER_TOKENIZER, model.path)
