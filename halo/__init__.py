# SPDX-License-Identifier: Apache-2.0
"""Per-weight timing and power of a multiply-accumulate unit (MAC), and what they are worth to language models.

    table = halo.characterize("mac.v", liberty="cells.lib", run_folder="runs/mac")
    table.fmax([0, 32, 64])                                  # highest clock that is safe for these weights, GHz
    halo.quantize("llama", table="runs/mac", run_folder="runs/quantized")
    halo.score("llama", table="runs/mac", quantized="runs/quantized")

The functions are those of the command line (``halo --help``). ``halo.plot`` draws, ``halo.quant`` holds quantized
layers and the options of the methods, ``halo.arch`` the arrays, ``halo.liberty`` the cell libraries. Everything else
is private.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from halo.version import __version__ as __version__

if TYPE_CHECKING:
    from halo import arch, liberty, plot, quant
    from halo.api import (
        characterize,
        check_schedule,
        compare,
        crosscheck,
        evaluate,
        explore,
        quantize,
        read_run,
        score,
        simulate,
        simulate_gates,
        synthesize,
        time_design,
    )
    from halo.characterization.classes import FrequencyClass, trailing_zeros
    from halo.characterization.histograms import load_histograms
    from halo.characterization.table import WeightTable, load_table
    from halo.dvfs.schedule import read_schedules
    from halo.errors import HaloError
    from halo.flow.gate_level.mesh_energy import mesh_energy
    from halo.flow.moving_gates import moving_gates
    from halo.flow.quantization.texts import TextOptions
    from halo.flow.runs.assets import mac_sources, rtl_folder, sim_folder

__all__ = [
    "FrequencyClass",
    "HaloError",
    "TextOptions",
    "WeightTable",
    "arch",
    "characterize",
    "check_schedule",
    "compare",
    "crosscheck",
    "evaluate",
    "explore",
    "liberty",
    "load_histograms",
    "load_table",
    "mac_sources",
    "mesh_energy",
    "moving_gates",
    "plot",
    "quant",
    "quantize",
    "read_run",
    "read_schedules",
    "rtl_folder",
    "score",
    "sim_folder",
    "simulate",
    "simulate_gates",
    "synthesize",
    "time_design",
    "trailing_zeros",
]

_PACKAGES = ("arch", "liberty", "plot", "quant")
_HOMES = {
    "FrequencyClass": "halo.characterization.classes",
    "HaloError": "halo.errors",
    "TextOptions": "halo.flow.quantization.texts",
    "WeightTable": "halo.characterization.table",
    "load_histograms": "halo.characterization.histograms",
    "load_table": "halo.characterization.table",
    "mac_sources": "halo.flow.runs.assets",
    "mesh_energy": "halo.flow.gate_level.mesh_energy",
    "moving_gates": "halo.flow.moving_gates",
    "read_schedules": "halo.dvfs.schedule",
    "rtl_folder": "halo.flow.runs.assets",
    "sim_folder": "halo.flow.runs.assets",
    "trailing_zeros": "halo.characterization.classes",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``import halo`` (and every ``halo --help``) stays instant."""
    if name in _PACKAGES:
        return import_module(f"halo.{name}")
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "halo.api")), name)
    raise AttributeError(f"module 'halo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
