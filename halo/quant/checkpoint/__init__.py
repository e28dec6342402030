# SPDX-License-Identifier: Apache-2.0
"""Models from disk: ``open_model`` gives the linear layers of a checkpoint one at a time, quantized or not."""

from __future__ import annotations

from pathlib import Path

from halo.errors import HaloError
from halo.quant.checkpoint.folder import open_folder
from halo.quant.checkpoint.gguf_file import open_gguf
from halo.quant.checkpoint.matrices import open_matrices
from halo.quant.checkpoint.model import LayerInfo, Model

__all__ = ["LayerInfo", "Model", "open_model"]


def open_model(path: str | Path) -> Model:
    """Open a Hugging Face folder, a ``.gguf`` file, or matrices in ``.npy``, ``.npz`` or ``.safetensors``.

    Nothing but headers is read; weights come when asked for.

    Raises:
        HaloError: nothing there, damaged or incomplete, an unknown architecture (its layers are listed), or a
            quantization format that is not read (by name).
    """
    path = Path(path)
    if path.is_dir():
        return open_folder(path)
    if not path.is_file():
        raise HaloError("there is no such file or folder", "Give a model folder or a file of weights.", path)
    match path.suffix:
        case ".gguf":
            return open_gguf(path)
        case ".npy" | ".npz" | ".safetensors":
            return open_matrices(path)
        case _:
            fix = "Give a Hugging Face folder, a .gguf file, or matrices in .npy, .npz or .safetensors."
            raise HaloError("this is no model that can be read", fix, path)
