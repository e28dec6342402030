# SPDX-License-Identifier: Apache-2.0
"""What synthesis returns.

Tests: tests/synth/test_synthesize.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from halo.liberty import Library

Mode = Literal["structural", "flat", "adders"]


@dataclass(frozen=True)
class SynthesisResult:
    """A mapped design.

    Attributes:
        top: name of the module, as in the netlist.
        mode: how it was mapped.
        netlist_verilog: one flat module of library cells, plain Verilog-2001 without attributes or ``signed``.
        netlist_json: the same in Yosys' JSON format.
        area: sum of the cells' areas, in the library's unit.
        cell_counts: instances per library cell, sorted by name.
        script: the Yosys commands.
        log: what Yosys and ABC printed.
        yosys_version: e.g. ``Yosys 0.70 (...)``.
        warnings: Yosys' warnings about the sources, in order.
        reading: which front end read the sources, where it is not the one their suffixes ask for; else None.
        open_outputs: output ports with bits that nothing drives.
        buffering: how many buffers were put in, in a sentence; None: none were asked for.
        library: the cells as read, with the notes on what it lacks.
    """

    top: str
    mode: Mode
    netlist_verilog: Path
    netlist_json: Path
    area: float
    cell_counts: dict[str, int]
    script: str
    log: str
    yosys_version: str
    library: Library
    warnings: tuple[str, ...] = ()
    reading: str | None = None
    open_outputs: tuple[str, ...] = ()
    buffering: str | None = None
