# SPDX-License-Identifier: Apache-2.0
"""The wires that options name, and the sentences about what a clock with them includes.

Tests: tests/flow/test_wires.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from halo.config import WireModel
from halo.liberty.model import Library
from halo.netlist.model import Netlist
from halo.parasitics.loads import ExtractedWires, Wires
from halo.parasitics.network import bind_networks
from halo.parasitics.spef import read_spef

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


def design_wires(
    netlist: Netlist, library: Library, spef: Path | None, model: WireModel, coupling_factor: float
) -> DesignWires:
    """Read the wires of a netlist.

    Args:
        netlist: flat; library: its cells.
        spef: file of extracted wires; None: wires are nothing.
        model: what their resistance does.
        coupling_factor: coupling capacitances count this often.

    Raises:
        HaloError: the file is no SPEF, or that of another netlist.
    """
    if spef is None:
        return DesignWires(None, "none", (NO_WIRES,))
    networks = bind_networks(read_spef(spef), netlist, library, coupling_factor=coupling_factor)
    wires = ExtractedWires(networks, lumped=model == "lumped")
    whole = float(np.sum(list(networks.wire_cap_f.values())))
    sentence = (
        f"Wires are those of {spef}, {whole * 1e15:,.6g} fF on {len(networks.wire_cap_f):,} nets: {_HOW[model]}. "
        f"Coupling capacitances count {coupling_factor:g} times, to ground."
    )
    return DesignWires(wires, f"SPEF {spef}", (sentence, *networks.notes))


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
