# SPDX-License-Identifier: Apache-2.0
"""Options that say which design is meant and what its ports are, for every command that reads one.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from halo.config import Synthesis, WireLoadMode, WireModel

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE.v", help="Verilog or SystemVerilog (.sv) source. Without one, the default MAC is used."
    ),
]
FileLists = Annotated[
    list[Path] | None,
    typer.Option("-f", "--file-list", metavar="LIST", help="List of sources, as simulators take it. Repeatable."),
]
Defines = Annotated[
    list[str] | None,
    typer.Option("-D", "--define", metavar="NAME[=VALUE]", help="Define a macro for the sources. Repeatable."),
]
Includes = Annotated[
    list[Path] | None,
    typer.Option("-I", "--include", metavar="DIR", help="Look for included files there too. Repeatable."),
]
Top = Annotated[
    str | None, typer.Option(metavar="NAME", help="Top module. Needed only if several modules could be it.")
]
Params = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Set a Verilog parameter of the top module. Repeatable."),
]
Synth = Annotated[
    Synthesis,
    typer.Option(
        metavar="structural|flat|adders",
        help="Keep the structure of the source, or let ABC optimize across it; or keep it, and use the library's adder "
        "cells for its modules full_adder and half_adder.",
    ),
]
DontUse = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Keep synthesis from using these cells, for example 'XNOR*'. Repeatable."),
]
MaxFanout = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Buffer nets with more than N pins; 0: insert no buffers. Default: as many as the driver's "
        "max_capacitance allows.",
    ),
]
Netlists = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE.v",
        help="Use your own gate-level netlist instead of synthesizing. Repeat it for one of several files.",
    ),
]
Weight = Annotated[
    str | None, typer.Option(metavar="PORT", help="Input port of the weight, or bits of one: 'w[3:0]'. ¹")
]
Activation = Annotated[str | None, typer.Option(metavar="PORT", help="Input port of the activation, or bits of one. ¹")]
Accumulator = Annotated[
    str | None, typer.Option(metavar="PORT", help="Input port of the partial sum, or those of its words: carry,sum. ¹")
]
Output = Annotated[
    str | None, typer.Option(metavar="PORT", help="Output port of the result, or those of its words: carry,sum. ¹")
]
Clock = Annotated[str | None, typer.Option(metavar="PORT", help="Clock port, if the top has registers. ¹")]
Signed = Annotated[
    list[str] | None,
    typer.Option(metavar="weight|activation", help="Read this operand as signed, whatever is declared. Repeatable."),
]
Unsigned = Annotated[
    list[str] | None, typer.Option(metavar="weight|activation", help="Read this operand as unsigned. Repeatable.")
]
Ties = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Hold any other input port, or bits of one, at a constant. VALUE may be 'random' (drawn for each "
        "transition) or 'any' (changing in it). Repeatable.",
    ),
]
Spef = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Wires of the gate-level netlist, extracted from a layout (SPEF, plain or .gz). Without it: no wires.",
    ),
]
WireLoad = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|default|area",
        help="Wires before layout by a wire-load model of the library: one by its name, the library's default, or its "
        "selection by the area of the cells.",
    ),
]
WireLoadModeOption = Annotated[
    WireLoadMode | None,
    typer.Option(
        "--wire-load-mode",
        metavar="top|enclosed",
        help="With --wire-load area: the area of the whole design, or of the block that holds a net. Default: as the "
        "library says, else top.",
    ),
]
WireModelOption = Annotated[
    WireModel,
    typer.Option(
        "--wire-model",
        metavar="elmore|lumped",
        help="With the resistance of wires, as OpenSTA computes it by default, or with their capacitance alone.",
    ),
]
CouplingFactor = Annotated[
    float,
    typer.Option(metavar="X", help="How often a coupling capacitance of the SPEF counts to ground: 1, or 2 for worst."),
]
