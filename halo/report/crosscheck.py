# SPDX-License-Identifier: Apache-2.0
"""What ``halo crosscheck`` prints: how many transitions are equal, whether RTL and gates are, and first differences.

Tests: tests/flow/test_crosscheck.py.
"""

from __future__ import annotations

from halo.flow.crosscheck import ROWS, CrosscheckResult
from halo.flow.simulators.comparison import Difference
from halo.flow.simulators.rtl_function import FunctionCheck, FunctionDifference
from halo.report.model import File, Report, Section
from halo.units import FS_PER_PS

_SHOWN_NETS = 20


def crosscheck_report(result: CrosscheckResult) -> Report:
    """Report of a comparison with Icarus Verilog."""
    title = (
        f"{result.compared:,} transitions compared with Icarus Verilog: {result.equal:,} equal in settling time (fs), "
        f"toggle count and outputs, {result.compared - result.equal:,} different."
    )
    first = result.first_difference
    sections = [] if first is None else [difference_section(first)]
    if result.function is not None or result.not_compared:
        sections.append(function_section(result.function, result.not_compared))
    if result.run_folder is not None:
        sections.append(Section("", [File(result.run_folder / ROWS)]))
    return Report(title, sections)


def function_section(found: FunctionCheck | None, not_compared: str) -> Section:
    """The RTL beside the gates: how many inputs were compared, and the first for which they differ."""
    if found is None:
        return Section("", [not_compared])
    said = f"{found.compared:,} inputs of the RTL as {found.simulator} reads it: "
    lines = [
        said + ("outputs equal to those of the gates." if found.equal else "outputs differ from those of the gates.")
    ]
    if found.unknown:
        count = len(found.unknown)
        which = f"output bit {found.unknown[0]}" if count == 1 else f"{count} output bits, from {found.unknown[0]} on,"
        lines.append(f"{which} never had a known value on both sides: not compared.")
    if found.outvoted is not None:
        lines += ["Icarus Verilog reads the RTL differently, and Verilator as synthesis does:", *_both(found.outvoted)]
    if found.difference is None:
        return Section("", lines)
    lines += _both(found.difference)
    lines.append(
        "Synthesis and the simulator read the RTL differently, or it simulates in another way than it is built "
        "(a race, full_case, an incomplete sensitivity list)."
    )
    return Section(f"RTL and gates differ, first in pattern {found.difference.pattern}", lines)


def _both(found: FunctionDifference) -> list[str]:
    """A pattern and the outputs that differ."""
    inputs = ", ".join(f"{port} = {value}" for port, value in found.inputs.items())
    return [
        f"inputs         {inputs}",
        *(f"output {port}: RTL {bits}, gates {found.gates[port]}" for port, bits in found.rtl.items()),
    ]


def difference_section(found: Difference) -> Section:
    """A transition that differs: its inputs, both answers, and the gate outputs that differ."""
    (native, icarus), toggles = map(_picoseconds, found.delay_fs), found.toggles
    lines = [
        *(
            f"{name:<14} " + ", ".join(f"{port} = {value}" for port, value in values.items())
            for name, values in (("before", found.before), ("after", found.after))
        ),
        f"settling time  native {native} ps, Icarus {icarus} ps",
        f"toggles        native {toggles[0]}, Icarus {toggles[1]}",
    ]
    evaluated, played = found.outputs
    lines += [
        f"output {port}: evaluated {bits}, Icarus {played[port]}"
        for port, bits in evaluated.items()
        if bits != played[port]
    ]
    return Section(f"First difference: corner {found.corner}, weight {found.weight}", [*lines, *_nets(found)])


def _nets(found: Difference) -> list[str]:
    if not found.nets:
        return ["every gate output changes equally often and last at the same time"]
    lines = [f"gate outputs that differ, earliest in the signal's order first ({len(found.nets)}):"]
    for net in found.nets[:_SHOWN_NETS]:
        native, icarus = map(_picoseconds, net.last_fs)
        lines.append(
            f"  {net.net} ({net.cell} {net.instance}): toggles native {net.toggles[0]}, Icarus {net.toggles[1]}; "
            f"last change native {native} ps, Icarus {icarus} ps"
        )
    more = len(found.nets) - _SHOWN_NETS
    return [*lines, f"  and {more} more"] if more > 0 else lines


def _picoseconds(time_fs: int) -> str:
    return f"{time_fs // FS_PER_PS}.{time_fs % FS_PER_PS:03d}"
