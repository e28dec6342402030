# SPDX-License-Identifier: Apache-2.0
"""Clocks, resets and load enables of RTL, by what they drive once it is elaborated; before anything is mapped.

Tests: tests/characterization/test_control_ports.py.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from halo.netlist.controls import Control
from halo.netlist.sources import Sources
from halo.synth.sources import run_on_sources
from halo.synth.yosys import quoted

# Pin of Yosys' registers, its polarity parameter, and what it is; in the order of what counts most.
_PINS = (("CLK", "CLK_POLARITY"), ("ARST", "ARST_POLARITY"), ("ALOAD", "ALOAD_POLARITY"), ("SRST", "SRST_POLARITY"))
_ENABLE = ("EN", "EN_POLARITY")


def rtl_controls(
    sources: Sources | Sequence[str | Path], top: str, parameters: Mapping[str, int | str]
) -> dict[str, Control]:
    """Clocks, resets and enables among the one-bit inputs of a design; others are absent.

    Raises:
        HaloError: the sources cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="halo-controls-") as scratch:
        path = Path(scratch).resolve() / "controls.json"
        commands = ["proc", "flatten", "opt_expr", "opt_dff", "opt_clean", f"rename -top {top}"]
        run_on_sources(
            sources, top, parameters, [*commands, f"write_json {quoted(path)}"], Path(scratch).resolve(), "controls"
        )
        module = json.loads(path.read_text(encoding="utf-8"))["modules"][top]
    seen: dict[int | str, dict[str, set[int]]] = {}
    for cell in module["cells"].values():
        for pin, polarity in (*_PINS, _ENABLE):
            bits = cell["connections"].get(pin, ())
            if len(bits) == 1 and polarity in cell.get("parameters", {}):
                level = int(cell["parameters"][polarity], 2)
                seen.setdefault(bits[0], {}).setdefault(pin, set()).add(level)
    found = {}
    for name, port in module["ports"].items():
        uses = seen.get(port["bits"][0], {}) if port["direction"] == "input" and len(port["bits"]) == 1 else {}
        if "CLK" in uses:
            found[name] = Control("clock")
        elif resets := [uses[pin] for pin, _ in _PINS[1:] if pin in uses]:
            active = set.union(*resets)
            found[name] = Control("reset", 1 - active.pop() if len(active) == 1 else None)
        elif "EN" in uses:
            active = set(uses["EN"])
            found[name] = Control("enable", active.pop() if len(active) == 1 else None)
    return found
