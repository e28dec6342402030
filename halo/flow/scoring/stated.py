# SPDX-License-Identifier: Apache-2.0
"""Methods with stated statistics: definitions of formats, and the figures of the HALO paper, from ``methods.toml``.

Tests: tests/flow/scoring/test_methods.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from halo.errors import HaloError
from halo.sourced import Parameters, load_toml, read_parameters

Operand = Literal["int8", "fp16"]
Family = Literal["floating point", "right-aligned", "left-aligned", "HALO"]

_DATA = Path(__file__).parent / "data" / "methods.toml"
_OF_A_MODEL = "bits_"


@dataclass(frozen=True, eq=False)
class StatedMethod:
    """What is stated about a method.

    Attributes:
        name: as ``halo score --method`` takes it.
        family: what its values are, see ``data/methods.toml``.
        figures: ``bits`` a weight, also as ``bits_MODEL`` where they are stated for a model, and ``sparse_share``.
    """

    name: str
    family: Family
    figures: Parameters

    @property
    def operand(self) -> Operand:
        """Operand of its MACs."""
        return "fp16" if self.family == "floating point" else "int8"

    def bits_key(self, model: str) -> str:
        """Name of the figure that holds the bits of a weight in a model."""
        own = f"{_OF_A_MODEL}{model}"
        return own if own in self.figures.values else "bits"


def _stated(name: str, table: dict[str, Any]) -> StatedMethod:
    family = table.pop("family", None)
    if family not in get_args(Family):
        raise HaloError(
            f"{name}: family = {family!r} is unknown", f"Give one of: {', '.join(get_args(Family))}.", _DATA
        )
    models = [key for key in table if key.startswith(_OF_A_MODEL)]
    return StatedMethod(name, family, read_parameters(_DATA, table, ("bits", "sparse_share", *models), {}))


METHODS: Mapping[str, StatedMethod] = {name: _stated(name, table) for name, table in load_toml(_DATA).items()}
"""By name, in the order of results."""
