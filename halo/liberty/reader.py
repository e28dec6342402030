# SPDX-License-Identifier: Apache-2.0
"""Liberty files to one corner's library in SI units.

Tests: tests/liberty/test_liberty_cache.py.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from halo.errors import HaloError
from halo.liberty.attributes import Attributes
from halo.liberty.cache import load, store
from halo.liberty.cells import CellReader
from halo.liberty.lexer import Source, decode, read_bytes
from halo.liberty.model import Cell, LeftOut, Library
from halo.liberty.operating import OperatingConditions, read_conditions
from halo.liberty.parser import Group, parse
from halo.liberty.scales import Scales, read_scales
from halo.liberty.tables import TableReader
from halo.liberty.wire_loads import read_wire_loads

_NAMED = 8
"""Most left-out cells that are told one by one."""
_KNOWN_OR_NOT = (("voltage_v", "nom_voltage"), ("temperature_c", "nom_temperature"))
_SAME_CORNER = (
    *_KNOWN_OR_NOT,
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
        digests = [hashlib.sha256(read_bytes(Path(inner))).hexdigest() for inner in library.paths[1:]]
        library = replace(library, sha256=(digest, *digests))
        if cache and not digests:  # an entry stands for the bytes of one file
            store(digest, library)
    if library.paths[0] == str(path):
        return library
    cells = {name: replace(cell, path=str(path)) for name, cell in library.cells.items()}
    left_out = {name: replace(cell, path=str(path)) for name, cell in library.left_out.items()}
    return replace(library, cells=cells, left_out=left_out, paths=(str(path),))


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
    """Read one library from its text; ``path`` is for messages, and included files lie beside it.

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
    refused: dict[str, HaloError] = {}
    for inner in group.groups:
        if inner.kind != "cell":
            continue
        if len(inner.names) != 1:
            raise source.error("a cell group without a name", "Name it: cell (NAME) {.", inner.offset)
        name = inner.names[0]
        if name in cells or name in refused:
            first = cells.pop(name).line if name in cells else refused[name].line
            what = f"the cell {name} is described twice (first at line {first})"
            refused.setdefault(name, source.error(what, "Remove one of the two.", inner.offset))
            continue
        try:
            cells[name] = reader.read(inner)
        except HaloError as error:
            refused[name] = error
    if refused and not any(map(_has_timing, cells.values())):
        raise next(iter(refused.values()))
    return _library(attributes, group, scales, conditions, cells, refused)


def _library(
    attributes: Attributes,
    group: Group,
    scales: Scales,
    conditions: OperatingConditions,
    cells: dict[str, Cell],
    refused: dict[str, HaloError],
) -> Library:
    transition = attributes.number((group,), "default_max_transition")
    derate = attributes.number((group,), "slew_derate_from_library")
    source = attributes.source
    left_out = {
        name: LeftOut(error.what, error.path or source.path, error.line or 0) for name, error in refused.items()
    }
    return Library(
        name=group.names[0] if group.names else "",
        voltage_v=conditions.voltage * scales.voltage,
        temperature_c=conditions.temperature_c,
        cells=cells,
        slew_lower=_thresholds(attributes, group, "slew_lower_threshold_pct", 20.0),
        slew_upper=_thresholds(attributes, group, "slew_upper_threshold_pct", 80.0),
        slew_derate=1.0 if derate is None else derate,
        paths=(source.path, *source.included),
        default_max_transition_s=None if transition is None else transition * scales.time,
        has_power=any(
            group.rise or group.fall for cell in cells.values() for p in cell.pins.values() for group in p.power
        ),
        has_leakage=any(cell.leakage or cell.cell_leakage_w is not None for cell in cells.values()),
        input_threshold=_thresholds(attributes, group, "input_threshold_pct", 50.0),
        output_threshold=_thresholds(attributes, group, "output_threshold_pct", 50.0),
        left_out=left_out,
        wire_loads=read_wire_loads(attributes, group, scales, conditions),
        notes=tuple(_notes(attributes, group, scales, conditions, left_out)),
    )


def _notes(
    attributes: Attributes,
    library: Group,
    scales: Scales,
    conditions: OperatingConditions,
    left_out: Mapping[str, LeftOut],
) -> Iterator[str]:
    """What the library lacks, and what was made of it."""
    if conditions.note:
        yield conditions.note
    for name, cell in itertools.islice(left_out.items(), _NAMED):
        yield f"Cell {name} of the library is left out: {cell.what} (line {cell.line})."
    if len(left_out) > _NAMED:
        yield f"{len(left_out) - _NAMED} more cells of the library are left out, because they cannot be understood."
    if attributes.find((library,), "capacitive_load_unit") is None:
        yield "The library names no capacitive_load_unit: 1 pF is taken, as in OpenSTA."
    told = any("cell_leakage_power" in cell.attributes or _has(cell, "leakage_power") for cell in library.groups)
    if scales.power is None and told:
        yield "The library names no leakage_power_unit: leakage is left empty."
    if math.isnan(conditions.voltage):
        yield "The library names no supply voltage (nom_voltage): the voltage, and energies, are left empty."
    if math.isnan(conditions.temperature_c):
        yield "The library names no temperature (nom_temperature): it is left empty."


def _has(group: Group, kind: str) -> bool:
    return any(inner.kind == kind for inner in group.groups)


def _thresholds(attributes: Attributes, library: Group, name: str, default: float) -> dict[str, float]:
    """Rise and fall threshold as fractions of the supply; ``default`` is the manual's, in per cent."""
    found = {}
    for edge in ("rise", "fall"):
        value = attributes.number((library,), f"{name}_{edge}")
        found[edge] = (default if value is None else value) / 100
    return found


def _merge(libraries: Sequence[Library]) -> Library:
    first = libraries[0]
    known: dict[str, float] = {}
    for attribute, _ in _KNOWN_OR_NOT:
        said = (getattr(library, attribute) for library in libraries)
        known[attribute] = next((value for value in said if not math.isnan(value)), math.nan)
    cells: dict[str, Cell] = {}
    for library in libraries:
        for attribute, name in _SAME_CORNER:
            ours, theirs = getattr(library, attribute), known.get(attribute, getattr(first, attribute))
            if ours != theirs and not (attribute in known and math.isnan(ours)):
                raise HaloError(
                    f"{name} differs from {first.paths[0]}: {ours}, not {theirs}",
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
    estimated = next((library.wire_loads for library in libraries if library.wire_loads.models), first.wire_loads)
    limits = [item.default_max_transition_s for item in libraries if item.default_max_transition_s is not None]
    return replace(
        first,
        voltage_v=known["voltage_v"],
        temperature_c=known["temperature_c"],
        cells=cells,
        wire_loads=estimated,
        paths=tuple(path for library in libraries for path in library.paths),
        sha256=tuple(digest for library in libraries for digest in library.sha256),
        default_max_transition_s=min(limits, default=None),
        has_power=any(library.has_power for library in libraries),
        has_leakage=any(library.has_leakage for library in libraries),
        left_out={name: cell for library in libraries for name, cell in library.left_out.items() if name not in cells},
        notes=tuple(dict.fromkeys(note for library in libraries for note in library.notes)),
    )
