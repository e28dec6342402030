# SPDX-License-Identifier: Apache-2.0
"""Quantization of linear layers to integers that a MAC multiplies fast: the layers of a run, and a method's options."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from halo.quant.options import (
    AwqOptions,
    GptqOptions,
    HaloOptions,
    LeftAlignedOptions,
    RtnOptions,
    SmoothQuantOptions,
    SqueezeOptions,
)

if TYPE_CHECKING:
    from halo.quant.halo_layers import left_aligned_codebooks
    from halo.quant.layer import Codebook, QuantizedLayer
    from halo.quant.sensitivity import fisher_file
    from halo.quant.store import list_layers, load_layer
    from halo.quant.torch_model import load_model

__all__ = [
    "AwqOptions",
    "Codebook",
    "GptqOptions",
    "HaloOptions",
    "LeftAlignedOptions",
    "QuantizedLayer",
    "RtnOptions",
    "SmoothQuantOptions",
    "SqueezeOptions",
    "fisher_file",
    "left_aligned_codebooks",
    "list_layers",
    "load_layer",
    "load_model",
]

_HOME = {
    "Codebook": "halo.quant.layer",
    "QuantizedLayer": "halo.quant.layer",
    "fisher_file": "halo.quant.sensitivity",
    "left_aligned_codebooks": "halo.quant.halo_layers",
    "list_layers": "halo.quant.store",
    "load_layer": "halo.quant.store",
    "load_model": "halo.quant.torch_model",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that the command line reads the options of the methods without NumPy."""
    if name not in _HOME:
        raise AttributeError(f"module 'halo.quant' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
