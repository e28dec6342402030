"""Quantization of linear layers to integers that a MAC multiplies fast: the layers of a run, and a method's options."""

from halo.quant.halo_method import HaloOptions
from halo.quant.layer import Codebook, QuantizedLayer
from halo.quant.sensitivity import fisher_file
from halo.quant.store import list_layers, load_layer
from halo.quant.torch_model import load_model

__all__ = [
    "Codebook",
    "HaloOptions",
    "QuantizedLayer",
    "fisher_file",
    "list_layers",
    "load_layer",
    "load_model",
]
