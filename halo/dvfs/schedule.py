# SPDX-License-Identifier: Apache-2.0
"""Schedules: which weights run at which operating point and in which order, and the JSON file that holds them.

The file says everything that a check needs besides the per-weight table: the operating points with the corners that
they refer to, what sets of weights need there, the weights of each class, and the segments of each layer. It names the
table by its hash.

Tests: tests/dvfs/test_schedule_and_check.py.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from halo.characterization.table import WeightTable
from halo.dvfs.cost import LayerCost, Segment
from halo.dvfs.files import allowed_words, read_allowed, read_timing
from halo.dvfs.periods import ClassPeriod
from halo.dvfs.points import Allowed, AlphaPower, Dvfs, OperatingPoint, Transition
from halo.dvfs.voltage import BoundDvfs
from halo.errors import HaloError
from halo.keywords import fitted
from halo.schema import check_schema, stamped

FORMAT, SCHEMA = "halo schedules", 2
"""Up to schema 1 a schedule stated one margin on all periods of the table, which swaps of weights may exceed."""
_SCORE_AGAIN = "Score again with this version."
_WRITE_AGAIN = "Take schedule.json as halo score wrote it, or score again."


@dataclass(frozen=True)
class WeightSet:
    """Weights that the tiles of a class may hold.

    Attributes:
        name: of the class.
        values: integers of the table; empty where the operand is none of these (FP16).
        limit_ghz: for such an operand, the highest safe clock of its element at the lowest voltage of the points.

    Raises:
        HaloError: neither values nor a limit, or both.
    """

    name: str
    values: tuple[int, ...]
    limit_ghz: float | None = None

    def __post_init__(self) -> None:
        if bool(self.values) == (self.limit_ghz is not None):
            fix = "Give its weights or, where these are no integers, the clock that its MAC allows."
            raise HaloError(f"class {self.name!r} has both weights and a limit, or neither", fix)


@dataclass(frozen=True)
class ScheduledLayer:
    """Segments of a layer in order of time, over again for each of ``count`` equal products."""

    name: str
    segments: tuple[Segment, ...]
    count: int


@dataclass(frozen=True)
class Schedule:
    """One pass through a model.

    Attributes:
        name: of the model, method and phase.
        dvfs: operating points.
        classes: what the segments' ``tile_class`` refers to.
        operand: what segments of class -1 may hold: operands that are no weights (attention).
        layers: in order of time.
        table_sha256: of the per-weight table it was made with (``table_hash``).

    Raises:
        HaloError: a segment refers to a point or class that there is not, or a number that cannot be.
    """

    name: str
    dvfs: Dvfs
    classes: tuple[WeightSet, ...]
    operand: WeightSet
    layers: tuple[ScheduledLayer, ...]
    table_sha256: str

    def __post_init__(self) -> None:
        for layer in self.layers:
            if layer.count < 1 or not layer.segments:
                raise HaloError(f"layer {layer.name!r} never runs", "Give it segments, and a count of 1 or more.")
            for i, segment in enumerate(layer.segments):
                if not 0 <= segment.point < len(self.dvfs.points):
                    wrong = f"operating point {segment.point}, of {len(self.dvfs.points)}"
                elif not -1 <= segment.tile_class < len(self.classes):
                    wrong = f"class {segment.tile_class}, of {len(self.classes)}"
                elif segment.cycles < 0 or segment.tiles < 0:
                    wrong = f"{segment.cycles} cycles and {segment.tiles} tiles"
                else:
                    continue
                raise HaloError(f"layer {layer.name!r}, segment {i}: {wrong}", _WRITE_AGAIN)

    def weights(self, segment: Segment) -> WeightSet:
        """What a segment may hold."""
        return self.operand if segment.tile_class < 0 else self.classes[segment.tile_class]


def make_schedule(
    name: str,
    bound: BoundDvfs,
    classes: Sequence[WeightSet],
    operand: WeightSet,
    layers: Sequence[tuple[str, LayerCost, int]],
) -> Schedule:
    """A schedule from the chosen way to run each layer.

    Args:
        name: of the model, method and phase.
        bound: operating points and the table that it is made with.
        classes: what the segments' ``tile_class`` refers to.
        operand: what segments of class -1 may hold.
        layers: name, cost and number of equal products of each, in order of time.

    Raises:
        HaloError: as ``Schedule``.
    """
    scheduled = tuple(ScheduledLayer(layer, cost.segments, count) for layer, cost, count in layers)
    return Schedule(name, bound.dvfs, tuple(classes), operand, scheduled, table_hash(bound.table))


def table_hash(table: WeightTable) -> str:
    """SHA-256 of the text of ``weights.csv``."""
    return hashlib.sha256(table.to_csv().encode()).hexdigest()


def write_schedules(path: Path, schedules: Sequence[Schedule]) -> None:
    """Write ``schedule.json``; the same schedules give the same bytes."""
    data = stamped(SCHEMA, {"format": FORMAT, "schedules": [_written(schedule) for schedule in schedules]})
    path.write_text(_text(data, 4) + "\n", encoding="utf-8", newline="\n")


def read_schedules(path: Path | str) -> tuple[Schedule, ...]:
    """Read what ``write_schedules`` wrote.

    Raises:
        HaloError: no such file, no schedule, one of a newer or older halo, or a part that is missing or cannot be.
    """
    path = Path(fitted("halo.read_schedules", "path", Path, path))
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise HaloError("there is no such file", "Give the schedule.json of a scored run.", path) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HaloError(f"not JSON: {error}", _WRITE_AGAIN, path) from error
    try:
        top = _Part(data, "the file")
        if top.text("format") != FORMAT:
            raise HaloError("the file holds no schedules", _WRITE_AGAIN)
        check_schema(data, path, newest=SCHEMA, oldest=SCHEMA, again=_SCORE_AGAIN)
        return tuple(_schedule(part) for part in top.parts("schedules"))
    except HaloError as error:
        raise HaloError(error.what, error.fix, path) from error


def _text(value: Any, depth: int, indent: str = "") -> str:
    """JSON with a line for every member down to some depth, so that a layer is a line."""
    if depth == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value, allow_nan=False)
    inner = indent + " "
    if isinstance(value, dict):
        members = [f"{inner}{json.dumps(key)}: {_text(own, depth - 1, inner)}" for key, own in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _text(own, depth - 1, inner) for own in value) + f"\n{indent}]"


def _written(schedule: Schedule) -> dict[str, Any]:
    dvfs = schedule.dvfs
    points: list[dict[str, Any]] = [asdict(point) for point in dvfs.points]
    for point, allowed in zip(points, dvfs.allowed, strict=False):  # none or one for each
        point["weights"] = allowed_words(allowed)
    return {
        "name": schedule.name,
        "table_sha256": schedule.table_sha256,
        "dvfs": {
            "name": dvfs.name,
            "timing": dvfs.timing,
            "voltages": dvfs.voltages,
            "corners": list(dvfs.corners),
            "periods": [asdict(own) for own in dvfs.periods],
            "law": None if dvfs.law is None else asdict(dvfs.law),
            "transition": asdict(dvfs.transition),
            "points": points,
        },
        "classes": [_written_set(weights) for weights in schedule.classes],
        "operand": _written_set(schedule.operand),
        "layers": [asdict(layer) for layer in schedule.layers],
    }


def _written_set(weights: WeightSet) -> dict[str, Any]:
    return {"name": weights.name, "values": list(weights.values), "limit_ghz": weights.limit_ghz}


def _schedule(part: _Part) -> Schedule:
    return Schedule(
        name=part.text("name"),
        dvfs=_dvfs(part.part("dvfs")),
        classes=tuple(_weights(weights) for weights in part.parts("classes")),
        operand=_weights(part.part("operand")),
        layers=tuple(
            ScheduledLayer(
                layer.text("name"),
                tuple(
                    Segment(*(segment.whole(key) for key in ("point", "tile_class", "cycles", "tiles")))
                    for segment in layer.parts("segments")
                ),
                layer.whole("count"),
            )
            for layer in part.parts("layers")
        ),
        table_sha256=part.text("table_sha256"),
    )


def _dvfs(part: _Part) -> Dvfs:
    timing = read_timing(part.value("timing"))
    points = part.parts("points")
    change = part.part("transition")
    law = None if part.value("law") is None else part.part("law")
    return Dvfs(
        name=part.text("name"),
        points=tuple(
            OperatingPoint(p.text("name"), p.number("voltage_v"), p.number("frequency_ghz"), p.text("source"))
            for p in points
        ),
        transition=Transition(
            change.text("name"),
            change.number("per_volt_ns"),
            change.number("fixed_ns"),
            change.number("rail_nf"),
            change.text("source"),
        ),
        timing=timing,
        allowed=tuple(_allowed(p) for p in points if "weights" in p.data),
        corners=tuple(part.texts("corners")),
        periods=tuple(
            ClassPeriod(tuple(own.wholes("weights")), tuple(own.numbers("ratios")), own.text("source"))
            for own in part.parts("periods")
        ),
        law=None if law is None else AlphaPower(law.number("threshold_v"), law.number("alpha"), law.text("source")),
    )


def _allowed(part: _Part) -> Allowed:
    allowed = read_allowed(part.value("weights"))
    if allowed is None:
        raise HaloError(f"{part.place}: weights are unclear", _WRITE_AGAIN)
    return allowed


def _weights(part: _Part) -> WeightSet:
    limit = None if part.value("limit_ghz") is None else part.number("limit_ghz")
    return WeightSet(part.text("name"), tuple(part.wholes("values")), limit)


@dataclass(frozen=True)
class _Part:
    """An object of the file, whose members are asked for by key and kind; ``place`` says where it is."""

    data: Any
    place: str

    def __post_init__(self) -> None:
        if not isinstance(self.data, dict):
            raise HaloError(f"{self.place} is no object", _WRITE_AGAIN)

    def value(self, key: str) -> Any:
        if key not in self.data:
            raise HaloError(f"{self.place}: {key} is missing", _WRITE_AGAIN)
        return self.data[key]

    def text(self, key: str) -> str:
        return str(self._kind(key, self.value(key), "text", isinstance(self.value(key), str)))

    def number(self, key: str) -> float:
        """Finite and not negative, as every number of a schedule is."""
        value = self.value(key)
        right = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        return float(self._kind(key, value, "number of 0 or more", right))

    def numbers(self, key: str) -> list[float]:
        right = (isinstance(value, int | float) and not isinstance(value, bool) for value in self._list(key))
        return [float(self._kind(key, v, "number", ok)) for v, ok in zip(self._list(key), right, strict=True)]

    def whole(self, key: str) -> int:
        return int(self._kind(key, self.value(key), "whole number", _is_whole(self.value(key))))

    def wholes(self, key: str) -> list[int]:
        return [int(self._kind(key, value, "whole number", _is_whole(value))) for value in self._list(key)]

    def texts(self, key: str) -> list[str]:
        return [str(self._kind(key, value, "text", isinstance(value, str))) for value in self._list(key)]

    def part(self, key: str) -> _Part:
        return _Part(self.value(key), f"{self.place}, {key}")

    def parts(self, key: str) -> list[_Part]:
        return [_Part(value, f"{self.place}, {key} {i}") for i, value in enumerate(self._list(key))]

    def _list(self, key: str) -> list[Any]:
        return list(self._kind(key, self.value(key), "list", isinstance(self.value(key), list)))

    def _kind(self, key: str, value: Any, kind: str, right: bool) -> Any:
        if not right:
            raise HaloError(f"{self.place}: {key} = {value!r} is no {kind}", _WRITE_AGAIN)
        return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
