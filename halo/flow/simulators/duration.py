# SPDX-License-Identifier: Apache-2.0
"""About how long a bench takes, to say so before it starts: within a factor of about two on a processor of 2024.

A simulation in Icarus Verilog costs what its multipliers cost in each clock, or step of a bench without a clock. How
many clocks there are is fitted to what ``halo sim`` counts; what a multiplier costs in one was measured with it at
8 x 8 bits in Icarus Verilog 11. Verilator 5 simulates in seconds what it builds in minutes: there the build takes the
time, and that in proportion to the multipliers.

Tests: tests/flow/simulators/test_duration.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from halo.flow.simulators.benches import Value
from halo.flow.simulators.runner import SimulatorName

WORTH_SAYING_S = 120.0

_ICARUS_MS = {
    "mac": 0.37,
    "pe": 0.46,
    "pe_os": 0.46,
    "systolic_ws": 0.18,
    "systolic_os": 0.13,
    "tensor_core": 0.5,
    "dp4a": 0.65,
}
"""Of a carry-save array with its sum, in a clock of the bench; in arrays some clocks are empty."""
_FAMILY = {"booth_r4": 0.6, "behavioural": 0.02}
"""Relative to the carry-save array, which sign-magnitude equals; a user's module counts as one."""
_DOT_PRODUCT = {"booth_r4": 0.9, "behavioural": 0.25}
"""The same with the rows that compress the products."""
_BY_BITS = 1.8
"""Exponent of the product of the widths."""
_BUILD_S = {"tensor_core": 0.5, "dp4a": 0.3}
"""Of a multiplier in Verilator, where not 1.1."""


def simulation_s(bench: str, values: Mapping[str, Value]) -> float:
    """Seconds that Icarus Verilog simulates a bench; 0 where nothing is known about it."""
    if bench not in _ICARUS_MS:
        return 0.0
    per_clock = _ICARUS_MS[bench] * _family(values) * math.pow(_bits(values), _BY_BITS)
    return 2.0 + 1e-3 * _clocks(bench, values) * _multipliers(bench, values) * per_clock


def build_s(bench: str, values: Mapping[str, Value]) -> float:
    """Seconds that Verilator and a compiler build the model of a bench; 0 where nothing is known about it."""
    if bench not in _ICARUS_MS:
        return 0.0
    return 20.0 + _BUILD_S.get(bench, 1.1) * _family(values) * _multipliers(bench, values) * _bits(values)


def duration(
    bench: str, simulator: SimulatorName, values: Mapping[str, Value], share: float, *, built: bool
) -> tuple[str, str]:
    """What the names of the stages say more, build and simulation: ``, about 5 min``, or nothing if it is not long.

    Args:
        share: of the bench's tests that run.
        built: the model is there already.
    """
    building = 0.0 if built or simulator == "icarus" else build_s(bench, values)
    simulating = share * simulation_s(bench, values) if simulator == "icarus" else 0.0
    return _words(building), _words(simulating)


def _words(seconds: float) -> str:
    if seconds <= WORTH_SAYING_S:
        return ""
    minutes = seconds / 60
    return f", about {minutes:,.0f} min" if minutes < 100 else f", about {minutes / 60:,.0f} h"


def _clocks(bench: str, values: Mapping[str, Value]) -> float:
    """Clock cycles of all tests, or steps."""

    def of(name: str) -> int:
        return _size(values, name)

    if bench == "mac":
        bits = of("WEIGHT_WIDTH") + of("ACTIVATION_WIDTH")
        return (1 << bits if bits <= 16 else 2_000) / of("LANES")
    if bench == "systolic_ws":
        return 4_300 + 1_140 * of("ROWS") + 440 * of("COLUMNS") + 455 * of("DEPTH")
    if bench == "systolic_os":
        return 11_000 + 700 * (of("ROWS") + of("COLUMNS"))
    return 300 + 105 * of("K") if bench == "tensor_core" else 2_700


def _multipliers(bench: str, values: Mapping[str, Value]) -> int:
    sizes = {"mac": ("LANES",), "tensor_core": ("M", "N")}.get(bench, ("ROWS", "COLUMNS"))
    count = 4 if bench in ("dp4a", "tensor_core") else 1
    for name in sizes:
        count *= _size(values, name)
    return count


def _bits(values: Mapping[str, Value]) -> float:
    """Product of the operands' widths, relative to 8 x 8."""
    names = ("WIDTH", "WIDTH") if "WIDTH" in values else ("WEIGHT_WIDTH", "ACTIVATION_WIDTH")
    return math.prod(_size(values, name) for name in names) / 64


def _size(values: Mapping[str, Value], name: str) -> int:
    """A size; 1 where a value is none, which the Verilog refuses later."""
    return max(1, int(values.get(name, 1)))


def _family(values: Mapping[str, Value]) -> float:
    family = str(values.get("DUT", values.get("MULTIPLIER", ""))).removeprefix("mac_").removeprefix("mul_")
    return (_DOT_PRODUCT if "WIDTH" in values else _FAMILY).get(family, 1.0)
