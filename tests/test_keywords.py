# SPDX-License-Identifier: Apache-2.0
"""From keywords to a configuration, on a small one by hand."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from halo.errors import HaloError
from halo.keywords import checked, configure, shaped, signed


@dataclass(frozen=True)
class Oven:
    shelf: Path
    cakes: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    settings: tuple[tuple[str, int | str], ...] = ()
    degrees: float | None = None
    minutes: int = 0
    fan: bool = False
    heat: Literal["top", "bottom"] = "top"


def test_values_take_the_shape_of_their_fields() -> None:
    made = configure("bake", Oven, {"shelf": "a", "cakes": ["b", Path("c")], "settings": {"x": 1}, "degrees": 180})
    assert made == Oven(Path("a"), (Path("b"), Path("c")), (), (("x", 1),), 180)
    assert configure("bake", Oven, {"shelf": "a", "cakes": "b", "names": "c"}) == Oven(Path("a"), (Path("b"),), ("c",))
    assert shaped(Path | None, None) is None and shaped(Path | None, "a") == Path("a")
    assert shaped(str, Path("a")) == "a" and shaped(str | None, "a") == "a"
    assert shaped(tuple[int, ...], range(3)) == (0, 1, 2)


def test_what_is_unknown_or_missing_is_told() -> None:
    with pytest.raises(HaloError) as caught:
        configure("bake", Oven, {"shelf": "a", "cake": "b"})
    assert caught.value.what == "bake has no option 'cake'"
    assert (
        caught.value.fix == "Did you mean 'cakes'? It has: shelf, cakes, names, settings, degrees, minutes, fan, heat."
    )
    with pytest.raises(HaloError, match="has no option 'zzz'\nIt has: shelf"):
        configure("bake", Oven, {"shelf": "a", "zzz": 1})
    with pytest.raises(HaloError, match="bake needs 'shelf'"):
        configure("bake", Oven, {})


def test_the_signature_shows_the_fields() -> None:
    @signed(Oven, without=("cakes",))
    def bake(shelf: str, *, quick: bool = False, **options: Any) -> None: ...

    assert list(inspect.signature(bake).parameters) == [
        "shelf",
        "quick",
        "names",
        "settings",
        "degrees",
        "minutes",
        "fan",
        "heat",
    ]


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("shelf", 3, "Give a path."),
        ("cakes", 3, "Give a path or several."),
        ("names", ["a", 1], "Give a text or several."),
        ("settings", "x=1", "Give a mapping, such as {'NAME': 8}."),
        ("settings", ["x=1"], "Give a mapping, such as {'NAME': 8}."),
        ("degrees", "hot", "Give a number or None."),
        ("degrees", True, "Give a number or None."),
        ("minutes", 1.5, "Give a whole number."),
        ("fan", "no", "Give True or False."),
        ("heat", "side", "Give one of 'top', 'bottom'."),
    ],
)
def test_a_value_of_another_kind_is_told_by_its_name(name: str, value: Any, fix: str) -> None:
    given = {"shelf": "a", name: value}
    with pytest.raises(HaloError) as caught:
        configure("bake", Oven, given)
    assert (caught.value.what, caught.value.fix) == (f"bake: {name} is {value!r}", fix)
    with pytest.raises(HaloError) as caught:
        checked(Oven)(**given)
    assert (caught.value.what, caught.value.fix) == (f"Oven: {name} is {value!r}", fix)


def test_numbers_of_numpy_are_numbers() -> None:
    made = configure("bake", Oven, {"shelf": "a", "minutes": np.int64(3), "degrees": np.float32(0.5), "fan": np.True_})
    assert (made.minutes, made.degrees, made.fan) == (3, 0.5, True)
    assert [type(v) for v in (made.minutes, made.degrees, made.fan)] == [int, float, bool]
