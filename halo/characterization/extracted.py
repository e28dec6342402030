# SPDX-License-Identifier: Apache-2.0
"""The wires that options name, and the sentences about what a clock with them includes.

Tests: tests/flow/test_wires.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halo.config import WireOptions
from halo.liberty.model import Library
from halo.netlist.model import Netlist
from halo.parasitics.loads import ExtractedWires, Wires
from halo.parasitics.network import bind_networks
from halo.parasitics.spef import read_spef
from halo.parasitics.wire_load import estimated_wires

NO_WIRES = "Wires have no capacitance and no delay."
_HOW = {
    "elmore": "gates see their effective capacitance, and sinks are late by them",
    "lumped": "as capacitance alone, without resistance",
}


@dataclass(frozen=True, eq=False)
class DesignWires:
    """Wires of a design.

    Attributes:
        wires: for delay calculation; None: they are nothing.
        source: what they come from, as in "wires: SPEF a.spef".
        assumptions: one sentence each.
    """

    wires: Wires | None
    source: str
    assumptions: tuple[str, ...]


def design_wires(netlist: Netlist, library: Library, options: WireOptions) -> DesignWires:
    """Read the wires of a netlist, or estimate them.

    Args:
        netlist: flat; library: its cells.
        options: where wires come from, and how they count.

    Raises:
        HaloError: the file is no SPEF, or that of another netlist; the library has no such wire-load model.
    """
    lumped = options.wire_model == "lumped"
    if options.spef is not None:
        networks = bind_networks(read_spef(options.spef), netlist, library, coupling_factor=options.coupling_factor)
        whole = float(np.sum(list(networks.wire_cap_f.values())))
        sentence = (
            f"Wires are those of {options.spef}, {whole * 1e15:,.6g} fF on {len(networks.wire_cap_f):,} nets: "
            f"{_HOW[options.wire_model]}. Coupling capacitances count {options.coupling_factor:g} times, to ground."
        )
        wires = ExtractedWires(networks, lumped)
        return DesignWires(wires, f"SPEF {options.spef}", (sentence, *networks.notes))
    told = library.wire_loads
    if options.wire_load is not None:
        enclosed = (options.wire_load_mode or told.mode) == "enclosed"
        estimated, names = estimated_wires(netlist, library, options.wire_load, enclosed=enclosed, lumped=lumped)
        whole = float(estimated.loads(netlist, library, 0.0).cap_f.sum())
        sentence = (
            f"Wires are estimated by wire-load model {names} of the library, {whole * 1e15:,.6g} fF in all: "
            f"{_HOW[options.wire_model]}."
        )
        return DesignWires(estimated, f"wire-load model {names}", (sentence,))
    if told.models:
        name = told.default or next(iter(told.models))
        sentence = f"The library has wire-load models, which are not used: --wire-load {name} would count them."
        return DesignWires(None, "none (the library's wire-load models are not used)", (NO_WIRES, sentence))
    return DesignWires(None, "none", (NO_WIRES,))


def clock_includes(source: str, *, registers: bool, margin_ps: float | None = None) -> str:
    """What a clock includes and what it does not, in one sentence.

    Args:
        source: of the wires.
        registers: clk-to-Q and setup of registers are in it.
        margin_ps: added to each period.
    """
    parts = ["gates", *(["clk-to-Q and setup of registers"] if registers else [])]
    if margin_ps:
        parts.append(f"a margin of {margin_ps:g} ps")
    missing = "clock skew and jitter, variation, crosstalk"
    joined = ", ".join(parts)
    return f"the clock includes {joined}; wires: {source}. Not included: {missing}."
