# SPDX-License-Identifier: Apache-2.0
"""Non-linear delay model tables: reading them from the syntax tree and looking values up.

Between and beyond its points a table is multilinear: the segment of each axis that holds the value, or the outermost
one, is extended as a straight line. That is what OpenSTA (liberty/TableModel.cc) and the Liberty manual do.

Tests: tests/liberty/test_table_lookup.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from halo.errors import HaloError
from halo.liberty.attributes import Attributes
from halo.liberty.model import SLEW_VARIABLES, FloatArray, Table
from halo.liberty.operating import OperatingConditions
from halo.liberty.parser import Group
from halo.liberty.scales import Scales

_TIMES = frozenset(
    {
        "input_net_transition",
        "input_transition_time",
        "related_pin_transition",
        "constrained_pin_transition",
        "output_pin_transition",
        "connect_delay",
    }
)
_CAPACITANCES = frozenset(
    {
        "total_output_net_capacitance",
        "related_out_total_output_net_capacitance",
        "equal_or_opposite_output_net_capacitance",
        "output_net_wire_cap",
        "output_net_pin_cap",
    }
)
_SEPARATORS = str.maketrans({'"': " ", ",": " "})


def lookup(table: Table, values: Mapping[str, float]) -> float:
    """Value of a table of any axes at one point.

    :meth:`~halo.liberty.model.Table.at` looks up many points over slew and load; it adds the corners of the cell in
    another order, so the last bit may differ.

    Args:
        table: of any number of axes; a scalar table gives its value.
        values: by Liberty axis variable, in SI units (s, F). ``input_net_transition`` and ``input_transition_time``
            are the same thing in timing and power tables: either name serves for both. Others may be present.

    Returns:
        The interpolated or linearly extrapolated value in the table's SI unit.

    Raises:
        HaloError: the table depends on a variable that is not in ``values``.
    """
    flat = table.values.ravel()
    # Corners of the cell around the point, as pairs of index into flat and weight.
    corners = [(0, 1.0)]
    for variable, axis in zip(table.variables, table.axes, strict=True):
        size = len(axis)
        if size == 1:
            continue
        point = values.get(variable)
        if point is None and variable in SLEW_VARIABLES:
            point = next((values[name] for name in SLEW_VARIABLES if name in values), None)
        if point is None:
            raise HaloError(
                f"a library table depends on {variable}, which is not known here",
                "Use a library whose tables depend on input transition and output load.",
            )
        low = min(max(int(axis.searchsorted(point, side="right")) - 1, 0), size - 2)
        start = axis.item(low)
        fraction = (point - start) / (axis.item(low + 1) - start)
        corners = [
            (index * size + step, weight * share)
            for index, weight in corners
            for step, share in ((low, 1.0 - fraction), (low + 1, fraction))
        ]
    return float(sum(weight * flat.item(index) for index, weight in corners))


@dataclass(frozen=True)
class Template:
    """A ``lu_table_template`` or ``power_lut_template``: axis variables and, as written, their default points."""

    variables: tuple[str, ...]
    indexes: tuple[tuple[str, int] | None, ...]


SCALAR = Template((), ())
"""The predefined template ``scalar``."""


class TableReader:
    """Reads the table groups of one library."""

    def __init__(self, attributes: Attributes, scales: Scales, library: Group, conditions: OperatingConditions) -> None:
        """Collect the library's templates.

        Raises:
            HaloError: a template skips a variable.
        """
        self._attributes = attributes
        self._scales = scales
        self._conditions = conditions
        self._axes: dict[tuple[str, float], FloatArray] = {}
        self._templates: dict[tuple[str, str], Template] = {}
        for group in library.groups:
            if group.kind in ("lu_table_template", "power_lut_template") and group.names:
                self._templates[group.kind, group.names[0]] = self._template(group)

    def _template(self, group: Group) -> Template:
        variables = [self._attributes.text((group,), f"variable_{axis}") for axis in (1, 2, 3)]
        names = tuple(variable for variable in variables if variable)
        if tuple(variables[: len(names)]) != names:
            raise self._attributes.source.error(
                f"the template {group.argument.strip()} skips a variable", "Number its variables from 1.", group.offset
            )
        indexes = tuple(group.attributes.get(f"index_{axis}") for axis in range(1, len(names) + 1))
        return Template(names, indexes)

    def read(self, group: Group, timing_type: str | None) -> Table:
        """Read one table group, scaled to the library's operating conditions.

        Args:
            group: its argument names a template; its own ``index_n`` take precedence over the template's.
            timing_type: of the timing group that holds it; None: the values are energies.

        Raises:
            HaloError: unknown template or variable, a bad number, axes that do not ascend, or values that do not
                fill the axes.
        """
        power = timing_type is None
        template = self._find_template(group, power)
        axes = tuple(self._axis(group, template, axis) for axis in range(len(template.variables)))
        entry = group.attributes.get("values")
        if entry is None:
            raise self._attributes.source.error(
                f"the {group.kind} table has no values", "Add them or remove the table.", group.offset
            )
        if timing_type is None:
            scale = self._scales.energy * self._conditions.scale("internal_power")
        else:
            scale = self._scales.time * self._conditions.table_scale(group.kind, timing_type)
        values = self._numbers(entry)
        shape = tuple(len(axis) for axis in axes)
        if values.size != int(np.prod(shape)):
            raise self._attributes.source.error(
                f"the {group.kind} table has {values.size} values, its axes need {' x '.join(map(str, shape)) or 1}",
                "Correct the values, the indexes or the template.",
                entry[1],
            )
        return Table(template.variables, axes, (values * scale).reshape(shape))

    def _find_template(self, group: Group, power: bool) -> Template:
        name = group.names[0] if group.names else "scalar"
        if name == "scalar":
            return SCALAR
        kinds = ("power_lut_template", "lu_table_template") if power else ("lu_table_template", "power_lut_template")
        for kind in kinds:
            template = self._templates.get((kind, name))
            if template is not None:
                return template
        raise self._attributes.source.error(
            f"the {group.kind} table uses a template that is not in the library: {name}",
            f"Add {kinds[0]} ({name}) or correct the name.",
            group.offset,
        )

    def _axis(self, group: Group, template: Template, number: int) -> FloatArray:
        variable = template.variables[number]
        entry = group.attributes.get(f"index_{number + 1}") or template.indexes[number]
        if entry is None:
            raise self._attributes.source.error(
                f"the {group.kind} table has no index_{number + 1} and neither has its template",
                f"Add index_{number + 1}, the points of {variable}.",
                group.offset,
            )
        if variable in _TIMES:
            scale = self._scales.time
        elif variable in _CAPACITANCES:
            scale = self._scales.capacitance
        else:
            raise self._attributes.source.error(
                f"the {group.kind} table depends on {variable}, which is not supported",
                "Use a library whose tables depend on transitions and loads.",
                group.offset,
            )
        axis = self._axes.get((entry[0], scale))
        if axis is None:
            axis = self._numbers(entry)
            if axis.size == 0 or np.any(np.diff(axis) <= 0):
                raise self._attributes.source.error(
                    f"index_{number + 1} does not ascend", "Give its points in ascending order.", entry[1]
                )
            axis = axis * scale
            self._axes[entry[0], scale] = axis
        return axis

    def _numbers(self, entry: tuple[str, int]) -> FloatArray:
        text, offset = entry
        words = text.translate(_SEPARATORS).split()
        try:
            values = np.fromiter(map(float, words), dtype=np.float64, count=len(words))
        except ValueError:
            values = np.array([np.nan])
        if "_" in text or not np.isfinite(values).all():
            bad = next((word for word in words if not _is_number(word)), text.strip())
            raise self._attributes.source.error(f"{bad!r} is not a number", "Correct the table.", offset)
        return values


def _is_number(word: str) -> bool:
    try:
        return "_" not in word and bool(np.isfinite(float(word)))
    except ValueError:
        return False
