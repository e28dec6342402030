# SPDX-License-Identifier: Apache-2.0
"""Figures. Each function takes a result and returns a matplotlib ``Figure``; ``draw_run`` redraws those of a folder."""

from halo.plot.delays import delay_histograms, delay_map
from halo.plot.energy_parts import energy_parts
from halo.plot.error_rate import error_rate
from halo.plot.quantization import accuracy_trade, layer_profile, tile_class_map, weight_histogram
from halo.plot.roofline import roofline
from halo.plot.run import draw_run
from halo.plot.score import energy_bars, tile_size_bars, time_against_energy, time_bars
from halo.plot.score_run import roofs
from halo.plot.timeline import schedule_timeline
from halo.plot.voltage import delay_across_voltage
from halo.plot.waves import Trace, draw_waves, read_changes
from halo.plot.weights import energy_per_weight, frequency_per_weight

__all__ = [
    "Trace",
    "accuracy_trade",
    "delay_across_voltage",
    "delay_histograms",
    "delay_map",
    "draw_run",
    "draw_waves",
    "energy_bars",
    "energy_parts",
    "energy_per_weight",
    "error_rate",
    "frequency_per_weight",
    "layer_profile",
    "read_changes",
    "roofline",
    "roofs",
    "schedule_timeline",
    "tile_class_map",
    "tile_size_bars",
    "time_against_energy",
    "time_bars",
    "weight_histogram",
]
