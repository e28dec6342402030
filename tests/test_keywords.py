# SPDX-License-Identifier: Apache-2.0
"""From keywords to a configuration, on a small one by hand."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from halo.errors import HaloError
from halo.keywords import configure, shaped, signed


@dataclass(frozen=True)
class Oven:
    shelf: Path
    cakes: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    settings: tuple[tuple[str, int | str], ...] = ()
    degrees: float | None = None


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
    assert caught.value.fix == "Did you mean 'cakes'? It has: shelf, cakes, names, settings, degrees."
    with pytest.raises(HaloError, match="has no option 'zzz'\nIt has: shelf"):
        configure("bake", Oven, {"shelf": "a", "zzz": 1})
    with pytest.raises(HaloError, match="bake needs 'shelf'"):
        configure("bake", Oven, {})


def test_the_signature_shows_the_fields() -> None:
    @signed(Oven, without=("cakes",))
    def bake(shelf: str, *, quick: bool = False, **options: Any) -> None: ...

    assert list(inspect.signature(bake).parameters) == ["shelf", "quick", "names", "settings", "degrees"]
