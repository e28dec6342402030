# SPDX-License-Identifier: Apache-2.0
"""A model that runs: the Hugging Face folder in PyTorch, its blocks and their linear layers by name.

Tests: tests/quant/test_sensitivity.py.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from halo.errors import HaloError
from halo.quant.layer import Float32
from halo.workload.architectures import Family, family_of


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
def pinned_threads(threads: int) -> Iterator[None]:
    """PyTorch computes with so many threads: the last bits of its sums depend on their number.

    Raises:
        HaloError: less than one.
    """
    import torch

    if threads < 1:
        raise HaloError(f"{threads} threads are none", "Give 1 or more.")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class RunningModel:
    """A causal language model in float32 on the CPU.

    Attributes:
        path: its folder.
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


def load_model(path: Path) -> RunningModel:
    """Load a Hugging Face folder; nothing is looked for on the network.

    Args:
        path: folder with ``config.json``, safetensors and tokenizer.

    Raises:
        HaloError: PyTorch missing, no such folder, an architecture that is not known, or files that do not load.
    """
    require_torch()
    config = _config(path)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        module, report = AutoModelForCausalLM.from_pretrained(
            path, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        first = str(error).splitlines()[0]
        raise HaloError(f"transformers cannot load the model: {first}", "Repair the folder.", path) from None
    finally:
        if bars:
            logging.enable_progress_bar()
    absent = sorted(report["missing_keys"])
    if absent:  # transformers would go on with random numbers
        raise HaloError(f"{len(absent)} tensors are missing, the first is {absent[0]}", "Repair the folder.", path)
    module.eval()
    module.requires_grad_(False)
    matrices = {name: tuple(p.shape) for name, p in module.named_parameters() if p.ndim == 2}
    family = family_of(str(config.get("model_type")), matrices, path / "config.json").of_config(config)
    return RunningModel(path, family, module, tokenizer)


def _config(path: Path) -> Mapping[str, Any]:
    file = path / "config.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise HaloError("this is no Hugging Face model: config.json is missing", "Give its folder.", path) from None
    except ValueError:
        raise HaloError("this is no JSON", "Repair the folder.", file) from None
    if not isinstance(found, dict):
        raise HaloError("this is no configuration of a model", "Repair the folder.", file)
    return found
