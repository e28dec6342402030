# SPDX-License-Identifier: Apache-2.0
"""Wire-load models of a library: ``wire_load`` and ``wire_load_selection`` groups, and which of them are the defaults.

A model, or a selection, that cannot be understood is left out: a library is not refused for it.

Tests: tests/parasitics/test_wire_load.py.
"""

from __future__ import annotations

from halo.errors import HaloError
from halo.liberty.attributes import Attributes
from halo.liberty.model import WireLoad, WireLoads
from halo.liberty.operating import OperatingConditions
from halo.liberty.parser import Group
from halo.liberty.scales import Scales, resistance_scale


def read_wire_loads(
    attributes: Attributes, library: Group, scales: Scales, conditions: OperatingConditions
) -> WireLoads:
    """Read the models of a library group, in ohm and farads, scaled to its operating conditions."""
    models: dict[str, WireLoad] = {}
    try:
        ohm = resistance_scale(attributes, library)
    except HaloError:
        return WireLoads()
    selections: dict[str, tuple[tuple[float, str], ...]] = {}
    for group in library.groups:
        if group.kind not in ("wire_load", "wire_load_selection") or not group.names:
            continue
        try:
            if group.kind == "wire_load":
                models[group.names[0]] = _model(attributes, library, group, ohm, scales, conditions)
            else:
                selections[group.names[0]] = _selection(group)
        except (HaloError, ValueError):
            continue
    wanted = attributes.text((library,), "default_operating_conditions")
    at = [group for group in library.groups if group.kind == "operating_conditions" and group.names == [wanted]]
    return WireLoads(
        models,
        attributes.text((library,), "default_wire_load") or "",
        selections,
        attributes.text((library,), "default_wire_load_selection") or "",
        attributes.text((library,), "default_wire_load_mode") or "",
        (attributes.text(at, "tree_type") or "") if at else "",
    )


def _model(
    attributes: Attributes,
    library: Group,
    group: Group,
    ohm: float,
    scales: Scales,
    conditions: OperatingConditions,
) -> WireLoad:
    def number(name: str) -> float:
        value = attributes.number((group,), name)
        if value is None:
            value = attributes.number((library,), f"default_wire_load_{name}")
        return 0.0 if value is None else value

    entries = (_words(entry) for entry in group.repeated.get("fanout_length", ()))
    return WireLoad(
        group.names[0],
        number("resistance") * ohm * conditions.scale("wire_res"),
        number("capacitance") * scales.capacitance * conditions.scale("wire_cap"),
        attributes.number((group,), "slope") or 0.0,
        tuple(sorted((float(words[0]), float(words[1])) for words in entries if len(words) > 1)),
    )


def _selection(group: Group) -> tuple[tuple[float, str], ...]:
    entries = (_words(entry) for entry in group.repeated.get("wire_load_from_area", ()))
    return tuple(sorted((float(words[0]), words[2]) for words in entries if len(words) > 2))


def _words(entry: str) -> list[str]:
    return entry.replace(",", " ").replace('"', " ").split()
