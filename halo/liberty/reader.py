# SPDX-License-Identifier: Apache-2.0
"""Liberty files to one corner's library in SI units.

Tests: tests/liberty/test_liberty_cache.py.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from halo.errors import HaloError
from halo.liberty.attributes import Attributes
from halo.liberty.cache import load, store
from halo.liberty.cells import CellReader
from halo.liberty.lexer import Source, decode, read_bytes
from halo.liberty.model import Cell, Library
from halo.liberty.operating import OperatingConditions, read_conditions
from halo.liberty.parser import Group, parse
from halo.liberty.scales import Scales, read_scales
from halo.liberty.tables import TableReader

_SAME_CORNER = (
    ("voltage_v", "nom_voltage"),
    ("temperature_c", "nom_temperature"),
    ("slew_lower", "slew_lower_threshold_pct"),
    ("slew_upper", "slew_upper_threshold_pct"),
    ("slew_derate", "slew_derate_from_library"),
    ("input_threshold", "input_threshold_pct"),
    ("output_threshold", "output_threshold_pct"),
)


def read_corner(paths: Path | str | Sequence[Path | str], *, cache: bool = True) -> Library:
    """Read the Liberty files that together describe one corner.

    Args:
        paths: one or more files, plain or gzip-compressed.
        cache: keep the parsed library on disk and use it when the same bytes are read again (``halo.liberty.cache``).

    Returns:
        The library, in SI units, with the cells of all files in order.

    Raises:
        HaloError: a file is missing, damaged, not Liberty or not understood; two files describe the same cell or
            were characterized under different conditions; there is no timing at all.
    """
    if isinstance(paths, str | Path):
        paths = (paths,)
    if not paths:
        raise HaloError("no Liberty file is given", "Give one or more files of one corner.")
    with _no_garbage_collection():
        merged = _merge([_read_file(Path(path), cache) for path in paths])
    if not any(_has_timing(cell) for cell in merged.cells.values()):
        raise HaloError(
            "the library has no timing table in any cell",
            "Give a library with table_lookup timing (NLDM).",
            merged.paths[0],
        )
    return merged


def _has_timing(cell: Cell) -> bool:
    return any(timing.tables for pin in cell.pins.values() for timing in pin.timing)


def _read_file(path: Path, cache: bool) -> Library:
    data = read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    library = load(digest) if cache else None
    if library is None:
        library = read_text(decode(data, str(path)), str(path))
        if cache:
            store(digest, library)
    cells = {name: replace(cell, path=str(path)) for name, cell in library.cells.items()}
    return replace(library, cells=cells, paths=(str(path),), sha256=(digest,))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Reading makes a million objects and no cycles: collecting meanwhile costs time and finds nothing.

    The collector is the whole process's: of several threads that read at once, the first to finish turns it on again,
    which costs the others time and nothing else.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_text(text: str, path: str) -> Library:
    """Read one library from its text; ``path`` is for messages.

    Raises:
        HaloError: see ``read_corner``.
    """
    source = Source(text, path)
    group = parse(source)
    attributes = Attributes(source)
    model = attributes.text((group,), "delay_model") or "table_lookup"
    if model != "table_lookup":
        raise attributes.error(
            (group,), "delay_model", f"the delay model {model} is not supported", "Give a table_lookup library (NLDM)."
        )
    scales = read_scales(attributes, group)
    conditions = read_conditions(attributes, group)
    reader = CellReader(attributes, scales, TableReader(attributes, scales, group, conditions), group, conditions)
    cells: dict[str, Cell] = {}
    for inner in group.groups:
        if inner.kind == "cell":
            cell = reader.read(inner)
            if cell.name in cells:
                raise source.error(
                    f"the cell {cell.name} is described twice (first at line {cells[cell.name].line})",
                    "Remove one of the two.",
                    inner.offset,
                )
            cells[cell.name] = cell
    return _library(attributes, group, scales, conditions, cells)


def _library(
    attributes: Attributes, group: Group, scales: Scales, conditions: OperatingConditions, cells: dict[str, Cell]
) -> Library:
    transition = attributes.number((group,), "default_max_transition")
    derate = attributes.number((group,), "slew_derate_from_library")
    return Library(
        name=group.names[0] if group.names else "",
        voltage_v=conditions.voltage * scales.voltage,
        temperature_c=conditions.temperature_c,
        cells=cells,
        slew_lower=_thresholds(attributes, group, "slew_lower_threshold_pct", 20.0),
        slew_upper=_thresholds(attributes, group, "slew_upper_threshold_pct", 80.0),
        slew_derate=1.0 if derate is None else derate,
        paths=(attributes.source.path,),
        default_max_transition_s=None if transition is None else transition * scales.time,
        has_power=any(
            group.rise or group.fall for cell in cells.values() for p in cell.pins.values() for group in p.power
        ),
        has_leakage=any(cell.leakage or cell.cell_leakage_w is not None for cell in cells.values()),
        notes=(conditions.note,) if conditions.note else (),
        input_threshold=_thresholds(attributes, group, "input_threshold_pct", 50.0),
        output_threshold=_thresholds(attributes, group, "output_threshold_pct", 50.0),
    )


def _thresholds(attributes: Attributes, library: Group, name: str, default: float) -> dict[str, float]:
    """Rise and fall threshold as fractions of the supply; ``default`` is the manual's, in per cent."""
    found = {}
    for edge in ("rise", "fall"):
        value = attributes.number((library,), f"{name}_{edge}")
        found[edge] = (default if value is None else value) / 100
    return found


def _merge(libraries: Sequence[Library]) -> Library:
    first = libraries[0]
    cells: dict[str, Cell] = {}
    for library in libraries:
        for attribute, name in _SAME_CORNER:
            if getattr(library, attribute) != getattr(first, attribute):
                raise HaloError(
                    f"{name} differs from {first.paths[0]}: {getattr(library, attribute)}, not "
                    f"{getattr(first, attribute)}",
                    "Give files of one corner; several corners are given apart.",
                    library.paths[0],
                )
        for cell in library.cells.values():
            other = cells.setdefault(cell.name, cell)
            if other is not cell:
                raise HaloError(
                    f"the cell {cell.name} is also described in {other.path}:{other.line}",
                    "Leave out one of the two files.",
                    cell.path,
                    cell.line,
                )
    limits = [item.default_max_transition_s for item in libraries if item.default_max_transition_s is not None]
    return replace(
        first,
        cells=cells,
        paths=tuple(library.paths[0] for library in libraries),
        sha256=tuple(library.sha256[0] for library in libraries),
        default_max_transition_s=min(limits, default=None),
        has_power=any(library.has_power for library in libraries),
        has_leakage=any(library.has_leakage for library in libraries),
        notes=tuple(dict.fromkeys(note for library in libraries for note in library.notes)),
    )
