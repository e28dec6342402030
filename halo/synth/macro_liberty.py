# SPDX-License-Identifier: Apache-2.0
"""A Liberty file for a module of the sources whose timing is two numbers: a memory, say, that is not chosen yet.

Outputs change so long after the rising clock edge, whatever they drive; inputs settle so long before it and hold for
nothing. Pins load like the data pin of a flip-flop.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.sources import Sources
from halo.synth.sources import Port, run_on_sources
from halo.synth.yosys import quoted

_CLOCK = re.compile(r"(?:^|_)(?:clk|clock|ck)", re.IGNORECASE)
_HEADER = """library (macros) {
  delay_model : table_lookup;
  time_unit : "1ps";
  voltage_unit : "1V";
  current_unit : "1mA";
  capacitive_load_unit (1, ff);
  nom_process : 1;
"""


@dataclass(frozen=True)
class Macro:
    """Timing of a module.

    Attributes:
        module: its name in the sources.
        clk_to_q_ps: when its outputs change after the rising clock edge.
        setup_ps: when its inputs settle before the edge.
    """

    module: str
    clk_to_q_ps: float
    setup_ps: float = 0.0


def macro_liberty(
    macros: Sequence[Macro],
    sources: Sources,
    top: str,
    parameters: Mapping[str, int | str],
    library: Library,
    *,
    input_f: float,
    slew_s: float,
) -> str:
    """The text of a Liberty file of the same corner as a library.

    Args:
        macros: at least one.
        sources, top, parameters: of the design, which says how wide the ports are.
        library: of the other cells.
        input_f: capacitance of every input pin.
        slew_s: transition of every output.

    Raises:
        HaloError: a module is not in the design, has other ports in different instances, or no clear clock.
    """
    with tempfile.TemporaryDirectory(prefix="halo-macros-") as folder:
        path = Path(folder).resolve() / "design.json"
        run_on_sources(sources, top, parameters, ["proc", f"write_json {quoted(path)}"], path.parent, "macros")
        modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
    lines = [_HEADER]
    for attribute, value in (("nom_voltage", library.voltage_v), ("nom_temperature", library.temperature_c)):
        lines += [f"  {attribute} : {value:.12g};\n"] if math.isfinite(value) else []
    for name, fractions in (
        ("input_threshold_pct", library.input_threshold),
        ("output_threshold_pct", library.output_threshold),
        ("slew_lower_threshold_pct", library.slew_lower),
        ("slew_upper_threshold_pct", library.slew_upper),
    ):
        lines += [f"  {name}_{edge} : {100 * fraction:.12g};\n" for edge, fraction in fractions.items()]
    lines.append(f"  slew_derate_from_library : {library.slew_derate:.12g};\n")
    found = {macro.module: _ports(macro.module, modules) for macro in macros}
    widths = sorted({port.width for ports in found.values() for port in ports if port.width > 1})
    lines += [
        f"  type (bits_{n}) {{ base_type : array; data_type : bit; bit_width : {n}; "
        f"bit_from : {n - 1}; bit_to : 0; }}\n"
        for n in widths
    ]
    lines += [_cell(macro, found[macro.module], input_f * 1e15, slew_s * 1e12) for macro in macros]
    return "".join([*lines, "}\n"])


def _ports(name: str, modules: Mapping[str, dict[str, object]]) -> tuple[Port, ...]:
    """Ports of a module, as wide as in the widest instance: others leave pins unused, which changes no path."""
    own = re.compile(rf"{re.escape(name)}(?:\$.*)?|\$paramod\\{re.escape(name)}\\.*|\$paramod\$.*\\{re.escape(name)}")
    known = [
        {
            port: Port(port, how["direction"], len(how["bits"]), bool(how.get("signed", 0)))
            for port, how in module["ports"].items()  # type: ignore[attr-defined]
        }
        for key, module in modules.items()
        if own.fullmatch(key)
    ]
    if not known:
        what = f"the design has no instance of a module {name}"
        raise HaloError(what, "Name a module whose header is in the sources, or give its Liberty file with --liberty.")
    if any(
        {(p.name, p.direction) for p in ports.values()} != {(p.name, p.direction) for p in known[0].values()}
        for ports in known
    ):
        what = f"instances of module {name} have different ports"
        raise HaloError(what, "Give each a module of its own, or a Liberty file with --liberty.")
    return tuple(max((ports[port] for ports in known), key=lambda p: p.width) for port in known[0])


def _cell(macro: Macro, ports: tuple[Port, ...], input_ff: float, slew_ps: float) -> str:
    clocks = [port.name for port in ports if port.direction == "input" and port.width == 1 and _CLOCK.search(port.name)]
    if len(clocks) != 1:
        some = f"{len(clocks)} inputs that look like clocks: {', '.join(clocks)}" if clocks else "no input called clk"
        raise HaloError(f"module {macro.module} has {some}", "Give its Liberty file with --liberty instead.")
    clock = clocks[0]
    lines = [f"  cell ({macro.module}) {{\n    area : 0; interface_timing : true;\n"]
    for port in ports:
        kind = "pin" if port.width == 1 else "bus"
        bus = "" if port.width == 1 else f" bus_type : bits_{port.width};"
        lines.append(f"    {kind} ({port.name}) {{{bus} direction : {port.direction};")
        if port.direction == "input":
            lines.append(f" capacitance : {input_ff:.12g};")
            if port.name == clock:
                lines.append(" clock : true;")
            else:
                lines += [_check(clock, "setup_rising", macro.setup_ps), _check(clock, "hold_rising", 0.0)]
        else:
            tables = (("cell_rise", macro.clk_to_q_ps), ("cell_fall", macro.clk_to_q_ps))
            shown = "".join(
                f' {table} (scalar) {{ values ("{value:.12g}"); }}'
                for table, value in (*tables, ("rise_transition", slew_ps), ("fall_transition", slew_ps))
            )
            lines.append(
                f'\n      timing () {{ related_pin : "{clock}"; timing_type : rising_edge; '
                f"timing_sense : non_unate;{shown} }}"
            )
        lines.append(" }\n")
    return "".join([*lines, "  }\n"])


def _check(clock: str, kind: str, value_ps: float) -> str:
    tables = "".join(f' {edge}_constraint (scalar) {{ values ("{value_ps:.12g}"); }}' for edge in ("rise", "fall"))
    return f'\n      timing () {{ related_pin : "{clock}"; timing_type : {kind};{tables} }}'
