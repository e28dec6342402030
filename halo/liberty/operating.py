# SPDX-License-Identifier: Apache-2.0
"""Operating conditions of a library other than those of its tables, and the factors that scale the tables to them.

Source: Liberty Reference Manual 2017.06, ``k_process_``, ``k_temp_`` and ``k_volt_`` attributes: a value at the
conditions is the table's times ``(1 + dP kP) (1 + dT kT) (1 + dV kV)``, with the differences of the conditions from
``nom_process``, ``nom_temperature`` and ``nom_voltage``. OpenSTA scales the same way (liberty/Liberty.cc).

Tests: tests/liberty/test_operating.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from halo.liberty.attributes import Attributes
from halo.liberty.parser import Group

QUANTITIES = {"process": "k_process", "temperature": "k_temp", "voltage": "k_volt"}
"""Quantities of operating conditions, and how the names of their factors begin."""


@dataclass(frozen=True)
class OperatingConditions:
    """Where a library is used.

    Attributes:
        voltage: in the library's unit; NaN where the library does not say.
        temperature_c: the same.
        note: a sentence where these are not the nominal conditions or could not be reached, else empty.
        differences: of each quantity from its nominal value; empty where tables are taken as they are.
        factors: of the library, by attribute name.
    """

    voltage: float
    temperature_c: float
    note: str = ""
    differences: dict[str, float] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)

    def scale(self, what: str) -> float:
        """Factor of a kind of value: ``cell_rise``, ``rise_transition``, ``setup_fall``, ``pin_cap`` and so on."""
        scale = 1.0
        for quantity, difference in self.differences.items():
            scale *= 1.0 + difference * self.factors.get(f"{QUANTITIES[quantity]}_{what}", 0.0)
        return scale

    def table_scale(self, kind: str, timing_type: str) -> float:
        """Factor of a timing table, by its group (``cell_rise``, ``fall_constraint``) and its timing type."""
        edge, _, what = kind.partition("_")
        if what != "constraint":
            return self.scale(kind)
        return self.scale(f"{timing_type.rpartition('_')[0]}_{edge}")


def read_conditions(attributes: Attributes, library: Group) -> OperatingConditions:
    """The conditions of ``default_operating_conditions``, else the nominal ones.

    Raises:
        HaloError: the conditions are not the nominal ones, and cells have factors or tables of their own for them.
    """
    name = attributes.text((library,), "default_operating_conditions")
    groups = [group for group in library.groups if group.kind == "operating_conditions" and group.names == [name]]
    nominal: dict[str, float] = {}
    wanted: dict[str, float] = {}
    for quantity in QUANTITIES:
        value = attributes.number(groups, quantity)
        own = _nominal(attributes, library, quantity)
        if own is None:
            own = 1.0 if quantity == "process" else math.nan
        nominal[quantity], wanted[quantity] = own, own if value is None else value
    at = OperatingConditions(nominal["voltage"], nominal["temperature"])
    differences = {
        quantity: 0.0 if math.isnan(nominal[quantity]) else wanted[quantity] - nominal[quantity]
        for quantity in QUANTITIES
    }
    if not any(differences.values()):
        return at
    shown = [
        f"{each['voltage']:g} V, {each['temperature']:g} °C, process {each['process']:g}" for each in (nominal, wanted)
    ]
    factors = {
        key: value
        for key in library.attributes
        if key.startswith(tuple(f"{start}_" for start in QUANTITIES.values()))
        and (value := attributes.number((library,), key))
    }
    _refuse_own(attributes, library, str(name))
    if not factors:
        return OperatingConditions(
            at.voltage,
            at.temperature_c,
            f"Tables hold at the library's nominal conditions ({shown[0]}): it has no factors to scale them to its "
            f"default ones, {name} ({shown[1]}).",
        )
    return OperatingConditions(
        wanted["voltage"],
        wanted["temperature"],
        f"Tables are scaled from the library's nominal conditions ({shown[0]}) to its default ones, {name} "
        f"({shown[1]}), by its k-factors.",
        differences,
        factors,
    )


def _nominal(attributes: Attributes, library: Group, quantity: str) -> float | None:
    """``nom_<quantity>``; without it that of the default, else of the only conditions, else the only supply's."""
    value = attributes.number((library,), f"nom_{quantity}")
    if value is not None:
        return value
    conditions = [group for group in library.groups if group.kind == "operating_conditions"]
    wanted = attributes.text((library,), "default_operating_conditions")
    chosen = [group for group in conditions if group.names == [wanted]] or conditions
    if len(chosen) == 1:
        value = attributes.number(chosen, quantity)
    return _supply(library) if value is None and quantity == "voltage" else value


def _supply(library: Group) -> float | None:
    """The only voltage above ground in ``voltage_map``."""
    supplies = set()
    for entry in library.repeated.get("voltage_map", ()):
        try:
            supplies.add(float(entry.replace('"', " ").rpartition(",")[2]))
        except ValueError:
            return None
    supplies = {voltage for voltage in supplies if voltage > 0}
    return supplies.pop() if len(supplies) == 1 else None


def _refuse_own(attributes: Attributes, library: Group, name: str) -> None:
    for group in library.groups:
        cell_factors = group.kind == "cell" and attributes.find((group,), "scaling_factors") is not None
        if cell_factors or group.kind == "scaled_cell":
            raise attributes.source.error(
                f"{group.argument.strip()} has {'factors' if cell_factors else 'tables'} of its own for conditions "
                f"other than the nominal ones, such as the library's default ones, {name}",
                "Give a library characterized at these conditions, or take default_operating_conditions out of this "
                "one to use its tables as they are.",
                group.offset,
            )
