# SPDX-License-Identifier: Apache-2.0
"""The range of every numeric option that commands and functions share, and the one way in which a value is held to it.

Options are known by their keyword: the same name means the same range in every command. What only one quantizer knows
(bits, groups, shares) is checked where it is defined.

Tests: tests/test_ranges.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from halo.errors import HaloError


@dataclass(frozen=True)
class Range:
    """What a number may be.

    Attributes:
        name: of the option, in words.
        least, most: both allowed.
        usual: a value to show.
        unit: of all three, if any.
        zero: 0 is allowed as well, and means this.
        option: as it is typed; empty: its keyword with dashes; None: not the same in every command.
    """

    name: str
    least: float
    most: float
    usual: float
    unit: str = ""
    zero: str = ""
    option: str | None = ""

    def holds(self, value: float) -> bool:
        """Whether a value is allowed; NaN never is."""
        return self.least <= value <= self.most or (bool(self.zero) and value == 0)


_COUNT = 1e6
_THREADS = 1024
_SEED = 2**32 - 1
"""Largest seed that every simulator and generator takes."""

MACRO_PS = Range("time of a macro", 0, 1e6, 1500, "ps")
"""Clock-to-output delay and setup of a macro, which are parts of one option."""

RANGES: dict[str, Range] = {
    "input_slew_ps": Range("input slew", 0, 1e5, 50, "ps"),
    "output_load_ff": Range("output load", 0, 1e6, 10, "fF"),
    "coupling_factor": Range("coupling factor", 0, 10, 1),
    "margin_ps": Range("margin", 0, 1e6, 50, "ps"),
    "period_ps": Range("clock period", 1, 1e9, 4000, "ps", option=None),
    "duty_cycle": Range("duty cycle", 1, 99, 50, "%"),
    "max_fanout": Range("largest fan-out", 2, _COUNT, 16, "pins", zero="no buffers"),
    "worst": Range("number of paths", 0, _COUNT, 3),
    "psum_samples": Range("number of partial-sum samples", 1, _COUNT, 4096),
    "samples": Range("number of transitions", 1, 1e8, 2000),
    "cycles": Range("number of clock cycles", 1, 1e8, 5000),
    "max_failures": Range("number of failing tests", 0, _COUNT, 1),
    "timeout_s": Range("time limit", 1, 1e7, 3600, "s"),
    "budget": Range("number of structures", 1, _COUNT, 120, zero="only your own candidates"),
    "seed": Range("seed", 0, _SEED, 1),
    "jobs": Range("number of jobs", 1, _THREADS, 2),
    "threads": Range("number of threads", 1, _THREADS, 2),
    "batch": Range("batch", 1, _COUNT, 1),
    "context": Range("context", 1, 1e8, 2048),
    "length": Range("length of a window", 2, 1e8, 2048, "tokens"),
    "windows": Range("number of windows", 1, 1e8, 128),
    "limit": Range("limit of samples", 1, 1e8, 100),
    "few_shot": Range("number of examples", 0, _THREADS, 5),
    "damping": Range("damping", 1e-9, 1e3, 0.01),
    "energy_weight": Range("energy weight", 0, 1e6, 0.1),
    "outlier_sigmas": Range("limit of outliers in standard deviations", 1e-3, 1e6, 3),
    "clock_ghz": Range("clock", 1e-6, 1e3, 0.5, "GHz", option="--clock"),
}


def check_ranges(given: Mapping[str, Any]) -> None:
    """Check the numbers among some options.

    Args:
        given: values by keyword; None and what is no number stand for themselves. Of a tuple, each number counts.

    Raises:
        HaloError: one is out of its range, or NaN.
    """
    for name in RANGES.keys() & given.keys():
        value = given[name]
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float):
                require_range(name, number)


def require_range(name: str, value: float) -> None:
    """Check one number.

    Args:
        name: a key of ``RANGES``.
        value: to check.

    Raises:
        HaloError: it is out of range, or NaN.
    """
    known = RANGES[name]
    if known.holds(value):
        return
    unit = f" {known.unit}" if known.unit else ""
    option = "" if known.option is None else (known.option or f"--{name.replace('_', '-')}") + " "
    zero = f", or 0 for {known.zero}" if known.zero else ""
    most = f"{known.most:,.0f}" if known.most >= 1 else f"{known.most:g}"
    raise HaloError(
        f"the {known.name} of {value:g}{unit} is out of range",
        f"Give {known.least:g} to {most}{unit}{zero}, such as {option}{known.usual:g}.",
    )
