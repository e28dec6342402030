# SPDX-License-Identifier: Apache-2.0
"""Synthesis with Yosys: Verilog to a flat netlist of library cells, and proof that the two agree."""

from halo.synth.cellmodels import cell_models
from halo.synth.equivalence import EquivalenceResult, check_equivalence
from halo.synth.result import Mode, SynthesisResult
from halo.synth.sources import Port, ports_by_yosys
from halo.synth.synthesize import synthesize

__all__ = [
    "EquivalenceResult",
    "Mode",
    "Port",
    "SynthesisResult",
    "cell_models",
    "check_equivalence",
    "ports_by_yosys",
    "synthesize",
]
