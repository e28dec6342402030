# SPDX-License-Identifier: Apache-2.0
"""The part of a chip's SDF that lies below one instance, as if it had been written for that instance alone.

Tests: tests/timing/sdf/test_scope.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from halo.errors import HaloError
from halo.timing.sdf.parse import Sdf, SdfCell, SdfPath

_SHOWN = 5


def below(sdf: Sdf, instance: str) -> Sdf:
    """The cells below an instance, with names that start there.

    Wire delays stand in the cells of the levels above as well: those that end inside are kept, wherever the wire
    comes from. Those that leave the instance are not.

    Args:
        sdf: of a design that holds the instance.
        instance: its path, joined by the file's divider, ``/`` or ``.``.

    Raises:
        HaloError: nothing in the file lies below it.
    """
    path = instance.replace(sdf.divider, ".").replace("/", ".").strip(".")
    inside = f"{path}."
    cells: list[SdfCell] = []
    found = False
    for cell in sdf.cells:
        if cell.instance == "*" or not path:
            cells.append(cell)
        elif cell.instance == path or cell.instance.startswith(inside):
            cells.append(replace(cell, instance=cell.instance.removeprefix(path).removeprefix(".")))
        elif not cell.instance or inside.startswith(f"{cell.instance}."):
            rest = inside.removeprefix(f"{cell.instance}.") if cell.instance else inside
            cells.append(replace(cell, instance="", paths=tuple(_wires_into(cell.paths, rest)), setups=()))
            found |= bool(cells[-1].paths)
            continue
        else:
            continue
        found |= cell.instance != "*"
    if not found:
        names = sorted({cell.instance.rpartition(".")[0] for cell in sdf.cells} - {""})
        near = get_close_matches(path, names, _SHOWN, 0.3) or names[:_SHOWN]
        raise HaloError(
            f"the SDF has no cell below instance {instance}",
            f"Give one of its instances, such as {', '.join(near)}." if near else "Its cells lie in no instance.",
            sdf.path,
        )
    return replace(sdf, cells=tuple(cells))


def _wires_into(paths: Iterable[SdfPath], inside: str) -> Iterable[SdfPath]:
    """Wire delays to pins whose names begin with ``inside``, without that beginning."""
    for path in paths:
        if path.kind in ("INTERCONNECT", "PORT") and path.target.startswith(inside):
            yield replace(path, target=path.target.removeprefix(inside))
