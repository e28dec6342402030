# SPDX-License-Identifier: Apache-2.0
"""Units of a Liberty file as factors to SI.

Source: Liberty Reference Manual, library-level attributes. Energy has no unit attribute: the tables of
``internal_power`` are in ``voltage_unit ** 2 * capacitive_load_unit`` (the same rule as OpenSTA's).

Tests: tests/liberty/test_liberty_cache.py.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from halo.liberty.attributes import Attributes
from halo.liberty.parser import Group

_UNIT = re.compile(r"\s*(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)?\s*,?\s*([a-zA-Z]+)\s*")
_PREFIX = {"": 1.0, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18}


@dataclass(frozen=True)
class Scales:
    """Factors from a file's units to SI: seconds, farads, volts, joules, watts.

    ``power`` is None where the file names no leakage power unit.
    """

    time: float
    capacitance: float
    voltage: float
    power: float | None

    @property
    def energy(self) -> float:
        """Joules of one unit of an internal power table."""
        return self.voltage * self.voltage * self.capacitance


def read_scales(attributes: Attributes, library: Group) -> Scales:
    """Read the unit attributes of a library group.

    ``time_unit`` and ``voltage_unit`` may be missing: the manual's defaults are 1ns and 1V. For
    ``capacitive_load_unit`` it has none, and OpenSTA's 1pF is taken.

    Raises:
        HaloError: a unit is unknown.
    """
    return Scales(
        time=_scale(attributes, library, "time_unit", "s") or 1e-9,
        capacitance=_scale(attributes, library, "capacitive_load_unit", "f") or 1e-12,
        voltage=_scale(attributes, library, "voltage_unit", "v") or 1.0,
        power=_scale(attributes, library, "leakage_power_unit", "w"),
    )


def resistance_scale(attributes: Attributes, library: Group) -> float:
    """Ohm of one unit of resistance, ``pulling_resistance_unit``; 1 where it is missing, as in OpenSTA.

    Raises:
        HaloError: the unit is unknown.
    """
    return _scale(attributes, library, "pulling_resistance_unit", "ohm") or 1.0


def _scale(attributes: Attributes, library: Group, name: str, base: str) -> float | None:
    """Factor of one unit attribute such as ``"1ns "`` or ``1, pf``; capital letters mean the same as small ones."""
    entry = attributes.find((library,), name)
    if entry is None:
        return None
    text = entry[0].replace('"', " ")
    match = _UNIT.fullmatch(text)
    if match:
        unit = match[2].lower()
        number = float(match[1] or 1)
        if unit.endswith(base) and unit[: -len(base)] in _PREFIX and 0 < number < math.inf:
            return number * _PREFIX[unit[: -len(base)]]
    raise attributes.source.error(
        f"the unit of {name} is unknown: {text.strip()!r}", f"Give a number and a unit of {base.upper()}.", entry[1]
    )
