# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.power.activity import EXHAUSTIVE_BITS, MAX_TOTAL, from_histogram, from_trace, uniform


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_uniform() -> None:
    weights = uniform(3)
    assert weights.shape == (8, 8)
    assert weights.dtype == np.int64
    assert (weights == 1).all()


@pytest.mark.parametrize("bits", [0, EXHAUSTIVE_BITS + 1])
def test_too_wide(bits: int) -> None:
    with pytest.raises(HaloError, match="cannot be enumerated"):
        uniform(bits)


def test_histogram_of_signed_values(tmp_path: Path) -> None:
    """-1 has index 7; counts 6, 4, 2 reduce to 3, 2, 1."""
    path = write(tmp_path / "h.csv", "value,count\n# of layer 3\n-1, 6\n0,3\n\n0,1\n3,2\n")
    weights = from_histogram(path, 3, signed=True)
    expected = np.zeros(8, np.int64)
    expected[[7, 0, 3]] = 3, 2, 1
    np.testing.assert_array_equal(weights, np.outer(expected, expected))


def test_histogram_from_npz(tmp_path: Path) -> None:
    path = tmp_path / "h.npz"
    np.savez(path, value=np.array([7, 0], np.uint8), count=np.array([2, 1]))
    weights = from_histogram(path, 3, signed=False)
    assert weights[7, 7] == 4
    assert weights[0, 7] == 2
    assert weights.sum() == 9


@given(st.lists(st.integers(0, 10**30), min_size=16, max_size=16).filter(any))
def test_large_counts_are_scaled(tmp_path_factory: pytest.TempPathFactory, counts: list[int]) -> None:
    path = tmp_path_factory.getbasetemp() / "large.csv"
    write(path, "".join(f"{value},{count}\n" for value, count in enumerate(counts)))
    marginal = np.sqrt(np.diag(from_histogram(path, 4, signed=False))).astype(int)
    assert int(marginal.sum()) ** 2 <= MAX_TOTAL
    assert ((marginal > 0) == (np.array(counts) > 0)).all()
    share = np.array([count / sum(counts) for count in counts])
    np.testing.assert_allclose(marginal / marginal.sum(), share, atol=1e-4)


@pytest.mark.parametrize("name", ["t.txt", "t.csv", "t.npy"])
def test_trace(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.npy":
        np.save(path, np.array([-2, 1, 1, -2, 1], np.int8))
    else:
        write(path, "activation\n-2, 1 1\n-2\n1  # end\n")
    weights = from_trace(path, 2, signed=True)
    expected = np.zeros((4, 4), np.int64)
    expected[2, 1] = 2
    expected[1, 1] = 1
    expected[1, 2] = 1
    np.testing.assert_array_equal(weights, expected)


@given(st.lists(st.integers(-8, 7), min_size=2, max_size=40))
def test_trace_counts_every_pair(tmp_path_factory: pytest.TempPathFactory, values: list[int]) -> None:
    path = write(tmp_path_factory.getbasetemp() / "pairs.txt", "\n".join(map(str, values)))
    weights = from_trace(path, 4, signed=True)
    expected = np.zeros((16, 16), np.int64)
    for before, after in pairwise(values):
        expected[before % 16, after % 16] += 1
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("value,count\n0,1\n8,2\n", 3, "value 8 does not fit an unsigned activation of 3 bits"),
        ("-1,2\n", 1, "value -1 does not fit"),
        ("1,2\n1,-3\n", 2, "count -3 is negative"),
        ("1,2\n1,2,3\n", 2, "3 fields"),
        ("1,2\nx,3\n", 2, "'x' is not an integer"),
        ("1,2.5\n", 1, "'2.5' is not an integer"),
        ("1,0\n", None, "counts nothing"),
        ("", None, "counts nothing"),
    ],
)
def test_bad_histogram(tmp_path: Path, text: str, line: int | None, what: str) -> None:
    path = write(tmp_path / "h.csv", text)
    with pytest.raises(HaloError, match=what) as error:
        from_histogram(path, 3, signed=False)
    assert error.value.path == str(path)
    assert error.value.line == line


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("1\n2\n\n4\n", 4, "value 4 does not fit a signed activation of 3 bits"),
        ("1 2\n3 q\n", 2, "'q' is not an integer"),
        ("name\nother\n", 2, "'other' is not an integer"),
        ("1\n", None, "the trace holds 1 values"),
    ],
)
def test_bad_trace(tmp_path: Path, text: str, line: int | None, what: str) -> None:
    path = write(tmp_path / "t.txt", text)
    with pytest.raises(HaloError, match=what) as error:
        from_trace(path, 3, signed=True)
    assert error.value.line == line


def test_bad_arrays(tmp_path: Path) -> None:
    trace = tmp_path / "t.npy"
    np.save(trace, np.array([0, 1, 9, 2]))
    with pytest.raises(HaloError, match=r"value 9 \(element 2, counted from 0\) does not fit"):
        from_trace(trace, 3, signed=False)
    np.save(trace, np.array([0.0, 1.0]))
    with pytest.raises(HaloError, match="1-dimensional float64 data"):
        from_trace(trace, 3, signed=False)
    np.save(trace, np.array([0, 2**63], np.uint64))
    with pytest.raises(HaloError, match="holds 9223372036854775808"):
        from_trace(trace, 3, signed=False)
    np.save(trace, np.array([None], dtype=object), allow_pickle=True)
    with pytest.raises(HaloError, match="not a NumPy file of plain arrays"):
        from_trace(trace, 3, signed=False)
    trace.write_bytes(b"1\n2\n")
    with pytest.raises(HaloError, match="not a NumPy file"):
        from_trace(trace, 3, signed=False)
    archive = tmp_path / "h.npz"
    np.savez(archive, value=np.array([0]), counts=np.array([1]))
    with pytest.raises(HaloError, match="no array 'count'"):
        from_histogram(archive, 3, signed=False)
    np.savez(archive, value=np.array([0, 1]), count=np.array([1]))
    with pytest.raises(HaloError, match="2 values but 1 counts"):
        from_histogram(archive, 3, signed=False)
    archive.write_bytes(b"no archive")
    with pytest.raises(HaloError, match="not a NumPy file"):
        from_histogram(archive, 3, signed=False)


@pytest.mark.parametrize("name", ["absent.csv", "absent.npz"])
def test_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(HaloError, match="No such file"):
        from_histogram(tmp_path / name, 3, signed=False)


def test_binary_text(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HaloError, match="not text"):
        from_trace(path, 3, signed=False)
