# SPDX-License-Identifier: Apache-2.0
"""Weights to exercise: which they are, and which are too many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.characterization.encoding import Encoding
from halo.characterization.stimulus import BOUND_IN_ALL, enumerated_bits
from halo.characterization.table import load_table
from halo.characterization.weights import MOST_WEIGHTS, chosen_weights, lasting
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.flow.runs.provenance import read_record

NARROW = Encoding("twos_complement", 4)
WIDE = Encoding("unsigned", 32)
WIDEST = Encoding("twos_complement", 62)


def test_forms(tmp_path: Path) -> None:
    listed = tmp_path / "weights.txt"
    listed.write_text("# fast\n-8\n0  # quiet\n\n4\n")
    assert chosen_weights("all", NARROW, 1).tolist() == list(range(-8, 8))
    assert chosen_weights("-2:2", NARROW, 1).tolist() == [-2, -1, 0, 1, 2]
    assert chosen_weights("7,-8,0,7", NARROW, 1).tolist() == [-8, 0, 7]
    assert chosen_weights(str(listed), NARROW, 1).tolist() == [-8, 0, 4]
    assert chosen_weights("4294967295", WIDE, 1).tolist() == [4294967295]


@pytest.mark.parametrize("encoding", [Encoding("unsigned", 12), Encoding("twos_complement", 17), WIDE, WIDEST])
def test_random_values_differ_and_follow_from_the_seed(encoding: Encoding) -> None:
    drawn = chosen_weights("random:3000", encoding, 7)
    assert len(np.unique(drawn)) == 3000 and np.all(np.diff(drawn) > 0)
    assert encoding.values[0] <= drawn[0] and drawn[-1] <= encoding.values[-1]
    assert np.array_equal(drawn, chosen_weights("random:3000", encoding, 7))
    assert not np.array_equal(drawn, chosen_weights("random:3000", encoding, 8))
    middle = (encoding.values[0] + encoding.values[-1]) / 2
    assert 1300 < np.count_nonzero(drawn > middle) < 1700
    assert chosen_weights("random:99", NARROW, 1).tolist() == list(range(-8, 8)), "there are no more"


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        (
            "all",
            WIDE,
            r"4,294,967,296 weights cannot be exercised: about \d+ days by bound.*GB\n.*weights='random:4096'",
        ),
        ("all", WIDEST, "cannot be exercised"),
        (f"0:{MOST_WEIGHTS}", WIDE, f"{MOST_WEIGHTS + 1:,} weights cannot be exercised"),
        (f"random:{MOST_WEIGHTS + 1}", WIDE, "cannot be exercised"),
        ("-9:0", NARROW, r"the weight cannot be -9: 4 bits, signed, hold -8 to 7"),
        ("0,8", NARROW, r"the weight cannot be 8(.|\n)*unsigned='weight'"),
        ("3:1", NARROW, "an empty range"),
    ],
)
def test_refusals(text: str, encoding: Encoding, message: str) -> None:
    with pytest.raises(HaloError, match=message):
        chosen_weights(text, encoding, 1)


def test_files_that_list_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    for text, message in (("1\n2.5\n", r"weights.txt:2: '2.5' is no whole number"), ("# none\n", "lists no weight")):
        path.write_text(text)
        with pytest.raises(HaloError, match=message):
            chosen_weights(str(path), NARROW, 1)


def test_the_bounds_of_many_weights_stay_affordable() -> None:
    assert [enumerated_bits(8, count) for count in (1, 256, 4096, 65536, MOST_WEIGHTS)] == [8, 8, 8, 6, 5]
    assert enumerated_bits(4, 65536) == 4 and enumerated_bits(9, 1) == 0
    assert all(count << 2 * enumerated_bits(8, count) <= BOUND_IN_ALL for count in (1, 5000, 65536, MOST_WEIGHTS))


def test_durations() -> None:
    assert [lasting(s) for s in (3, 600, 36000, 864000)] == ["3 s", "10 min", "10 h", "10 days"]


MULTIPLIER = (
    "module m(input signed [{}:0] w, input signed [2:0] a, output signed [{}:0] y); assign y = w * a; endmodule\n"
)


def run(folder: Path, liberty: Path, bits: int, **options: object) -> Path:
    folder.mkdir()
    source = folder / "m.v"
    source.write_text(MULTIPLIER.format(bits - 1, bits + 2))
    config = CharacterizeConfig(
        corners=(("c", (liberty,)),),
        run_folder=folder / "run",
        files=(source,),
        **options,  # type: ignore[arg-type]
    )
    return characterize(config, lambda stage, done, total: None)


def test_some_weights_are_rows_of_the_whole_table(tmp_path: Path, osu018: Path) -> None:
    every = load_table(run(tmp_path / "all", osu018, 4)).to_pandas().drop(columns="power_uw").set_index("weight")
    folder = run(tmp_path / "some", osu018, 4, weights="-8,1,6")
    some = load_table(folder).to_pandas().drop(columns="power_uw").set_index("weight")
    assert some.index.tolist() == [-8, 1, 6]
    assert some.equals(every.loc[some.index])
    assert any(text.startswith("3 of the 16 weights are exercised") for text in read_record(folder).assumptions)


def test_a_wide_weight(tmp_path: Path, osu018: Path) -> None:
    """Thirty-two bits: all are refused at once, some are exercised."""
    with pytest.raises(HaloError, match="cannot be exercised"):
        run(tmp_path / "all", osu018, 32, method="static")
    table = load_table(run(tmp_path / "some", osu018, 32, method="bound", weights="random:20")).to_pandas()
    assert len(table) == 20 and (table["bound_ps"] > 0).all() and table["weight"].abs().max() > 1 << 29
