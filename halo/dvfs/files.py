# SPDX-License-Identifier: Apache-2.0
"""Files of operating points: the paper's, and those that users write; and what a change takes with known regulators.

name = "mine"
timing = "table"      # the per-weight table decides what is safe; "assumed": the weights named below

[transition]
preset = "ivr"        # or per_volt_ns, fixed_ns and rail_nf

[[points]]            # from the slowest clock to the fastest
name = "slow"
voltage_v = { value = 1.0, source = "..." }
frequency_ghz = { value = 1.9, source = "..." }
weights = "all"       # or "multiples of 16", or a list of integers
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from halo.dvfs.points import Allowed, AlphaPower, Dvfs, OperatingPoint, Transition
from halo.errors import HaloError
from halo.sourced import Parameters, load_toml, read_parameters

DATA = Path(__file__).with_name("data")
_TRANSITIONS = DATA / "transitions.toml"
_TRANSITION = ("per_volt_ns", "fixed_ns", "rail_nf")
_POINT = ("voltage_v", "frequency_ghz")
_LAW = ("threshold_v", "alpha")
_MULTIPLES = re.compile(r"multiples of ([1-9][0-9]{0,8})")


@dataclass(frozen=True, eq=False)
class DvfsFile:
    """What a file of operating points says.

    Attributes:
        dvfs: the points. With timing ``table`` they still need their table: ``halo.dvfs.table_points.bind``.
        parameters: every number with its source, as ``fast.voltage_v`` or ``transition.fixed_ns``.
    """

    dvfs: Dvfs
    parameters: Parameters


def dvfs_names() -> tuple[str, ...]:
    """Operating points that come with the package."""
    return tuple(sorted(path.stem for path in DATA.glob("*.toml") if path != _TRANSITIONS))


def preset_names() -> tuple[str, ...]:
    """Presets of what a change takes, from the fastest."""
    return tuple(load_toml(_TRANSITIONS))


def read_dvfs(name_or_path: str) -> DvfsFile:
    """Operating points by name (``dvfs_names``) or from a file.

    Raises:
        HaloError: no such name or file, a number that is missing, has no source or cannot be, an unknown preset, or
            clocks that do not rise.
    """
    path = DATA / f"{name_or_path}.toml" if name_or_path in dvfs_names() else Path(name_or_path)
    if not path.is_file():
        fix = f"Give a file, or one of: {', '.join(dvfs_names())}."
        raise HaloError(f"there are no operating points {name_or_path!r}", fix)
    try:
        return _read(path, load_toml(path))
    except HaloError as error:
        raise HaloError(error.what, error.fix, path, error.line) from error


def preset(name: str) -> Transition:
    """What a change takes with a known regulator, see ``preset_names``.

    Raises:
        HaloError: an unknown name.
    """
    return _preset(name)[0]


def read_allowed(words: Any) -> Allowed | None:
    """``all``, ``multiples of N`` or a list of integers; None where it is nothing of the kind."""
    if words == "all":
        return Allowed()
    found = _MULTIPLES.fullmatch(words) if isinstance(words, str) else None
    if found:
        return Allowed(int(found[1]))
    if isinstance(words, list) and words and all(isinstance(w, int) and not isinstance(w, bool) for w in words):
        return Allowed(values=tuple(sorted(set(words))))
    return None


def read_timing(word: Any) -> Literal["table", "assumed"]:
    """``table`` or ``assumed``.

    Raises:
        HaloError: another word, or None.
    """
    if word == "table":
        return "table"
    if word == "assumed":
        return "assumed"
    fix = 'Write timing = "table" (the table decides what is safe) or timing = "assumed" (the file does).'
    raise HaloError("timing is missing" if word is None else f"timing = {word!r} is unknown", fix)


def allowed_words(allowed: Allowed) -> str | list[int]:
    """What ``read_allowed`` reads back."""
    if allowed.values is not None:
        return list(allowed.values)
    return "all" if allowed.multiple_of == 1 else f"multiples of {allowed.multiple_of}"


def _read(path: Path, tables: dict[str, Any]) -> DvfsFile:
    timing = read_timing(tables.pop("timing", None))
    transition, change = _transition(tables.pop("transition", None), path)
    law, numbers = _law(tables.pop("law"), timing, path) if "law" in tables else (None, None)
    rows = tables.pop("points", None)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise HaloError("the file has no operating points", "Write one [[points]] table for each.")
    if "margin" in tables:
        fix = "Leave margin out: what an array needs is computed. halo characterize --margin-ps X adds to every period."
        raise HaloError("operating points have no margin on the table's periods", fix)
    own = read_parameters(path, tables, [], {})
    read = [_point(row, path) for row in rows]
    dvfs = Dvfs(
        name=own.name,
        points=tuple(point for point, _, _ in read),
        transition=transition,
        timing=timing,
        allowed=tuple(allowed for _, allowed, _ in read),
        law=law,
    )
    parts = [(f"{point.name}.", parameters) for point, _, parameters in read]
    parts += [("", own), ("transition.", change), *([("law.", numbers)] if numbers else [])]
    values = {prefix + key: value for prefix, part in parts for key, value in part.values.items()}
    sources = {prefix + key: source for prefix, part in parts for key, source in part.sources.items()}
    return DvfsFile(dvfs, Parameters(own.name, path, values, sources))


def _transition(table: Any, path: Path) -> tuple[Transition, Parameters]:
    if not isinstance(table, dict):
        raise HaloError("the file does not say what a change takes", 'Add [transition] with preset = "ivr".')
    if "preset" not in table:
        return _numbers({"name": "custom", **table}, path)
    if len(table) > 1:
        raise HaloError("[transition] has a preset and numbers", "Give either the preset or all the numbers.")
    return _preset(table["preset"])


def _preset(name: Any) -> tuple[Transition, Parameters]:
    known = load_toml(_TRANSITIONS)
    if not isinstance(name, str) or name not in known:
        near = get_close_matches(str(name), known, n=1)
        fix = f"Did you mean {near[0]}?" if near else f"Give one of: {', '.join(known)}."
        raise HaloError(f"there is no transition preset {name!r}", fix)
    return _numbers({"name": name, **known[name]}, _TRANSITIONS)


def _numbers(table: Mapping[str, Any], path: Path) -> tuple[Transition, Parameters]:
    read = read_parameters(path, table, _TRANSITION, {})
    per_volt, fixed, rail = (float(read.number(key)) for key in _TRANSITION)
    return Transition(read.name, per_volt, fixed, rail, _joined(read)), read


def _law(table: Any, timing: str, path: Path) -> tuple[AlphaPower, Parameters]:
    if timing == "assumed" or not isinstance(table, dict):
        raise HaloError('[law] goes with timing = "table"', "Leave it out: assumed clocks need none.")
    read = read_parameters(path, {"name": "alpha-power", **table}, _LAW, {})
    threshold, alpha = (float(read.number(key)) for key in _LAW)
    return AlphaPower(threshold, alpha, _joined(read)), read


def _point(row: dict[str, Any], path: Path) -> tuple[OperatingPoint, Allowed, Parameters]:
    name = row.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        what = "an operating point has no name" if name is None else f"an operating point cannot be called {name!r}"
        raise HaloError(what, "Give it one: letters, digits, - and _, such as fast.")
    allowed = read_allowed(row.get("weights"))
    if allowed is None:
        what = f"weights of the operating point {name!r} are " + ("unclear" if "weights" in row else "missing")
        raise HaloError(what, 'Write weights = "all", "multiples of 16" or a list of integers.')
    try:
        read = read_parameters(path, {key: value for key, value in row.items() if key != "weights"}, _POINT, {})
    except HaloError as error:
        raise HaloError(f"operating point {name!r}: {error.what}", error.fix) from error
    voltage, clock = (float(read.number(key)) for key in _POINT)
    return OperatingPoint(name, voltage, clock, _joined(read)), allowed, read


def _joined(read: Parameters) -> str:
    """The sources of all numbers in a sentence."""
    return "; ".join(f"{key}: {text}" for key, text in read.sources.items())
