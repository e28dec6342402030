# SPDX-License-Identifier: Apache-2.0
"""What is said to a file of another version, and what of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.schema import check_schema, split_known, stamped
from halo.version import __version__

PATH = Path("run/layers.json")
AGAIN = "Quantize the model again."


def test_a_file_without_a_number_is_of_the_first_version() -> None:
    assert check_schema({}, PATH, newest=1, again=AGAIN) == 0
    assert check_schema({"schema": 1}, PATH, newest=1, again=AGAIN) == 1
    with pytest.raises(HaloError) as caught:
        check_schema({}, PATH, newest=2, oldest=1, again=AGAIN)
    assert caught.value.what == (
        "layers.json was written by halo 0.1.0 (schema 0), older than schema 1, the oldest that is read"
    )
    assert caught.value.fix == AGAIN


@pytest.mark.parametrize(("values", "by"), [({"halo": "0.9.0"}, "halo 0.9.0"), ({}, "a newer halo")])
def test_a_newer_file_names_its_writer(values: dict[str, object], by: str) -> None:
    with pytest.raises(HaloError) as caught:
        check_schema({"schema": 2, **values}, PATH, newest=1, again=AGAIN)
    assert caught.value.what == (
        f"layers.json was written by {by} (schema 2), but this halo {__version__} reads up to schema 1"
    )
    assert caught.value.path == str(PATH) and AGAIN in caught.value.fix and "Install" in caught.value.fix


@pytest.mark.parametrize("schema", ["1", True, -1, 1.0, None])
def test_a_number_that_is_none_is_refused(schema: object) -> None:
    with pytest.raises(HaloError, match="not a whole number"):
        check_schema({"schema": schema}, PATH, newest=1, again=AGAIN)


def test_the_number_comes_first_and_unknown_keys_are_kept() -> None:
    written = stamped(1, {"layers": {}, "later": [1]})
    assert list(written) == ["schema", "layers", "later"]
    assert split_known(written, ("layers",)) == ({"layers": {}}, {"later": [1]})
