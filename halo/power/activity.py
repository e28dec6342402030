# SPDX-License-Identifier: Apache-2.0
"""Activation statistics: how often each pair (previous, next) of activation values occurs.

The exhaustive enumeration visits every pair once and multiplies what it counts by an integer weight, so that counts
stay exact and do not depend on the order of summation. A value is known by its index, ``value mod 2**bits``: two's
complement for signed activations.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError

I64 = npt.NDArray[np.int64]

EXHAUSTIVE_BITS = 10
"""Widest activation whose pairs are enumerated: 2^20 pairs a weight. Wider operands are sampled."""

MAX_TOTAL = 1 << 40
"""Bound on the sum of all pair weights: times the toggles of a net in one transition it stays far inside int64."""


def uniform(bits: int) -> I64:
    """Weight one for every pair.

    Args:
        bits: width of the activation.

    Returns:
        int64[A, A] with A = 2**bits, first axis the previous value's index, second the next one's.

    Raises:
        HaloError: the activation is too wide to enumerate.
    """
    size = _size(bits)
    return np.ones((size, size), dtype=np.int64)


def from_histogram(path: str | Path, bits: int, signed: bool) -> I64:
    """Pair weights of independent successive values that follow a histogram.

    The file is CSV with one ``value,count`` a line (a heading without digits may come first), or ``.npz`` with integer
    arrays ``value`` and ``count`` of one length. A value given twice counts with the sum. Counts are divided by their
    greatest common divisor and, where the squared total would still pass ``MAX_TOTAL``, scaled down and rounded; a
    value that occurs keeps at least one.

    Returns:
        int64[A, A], the outer product of the counts; its sum is at most ``MAX_TOTAL``.

    Raises:
        HaloError: a value outside the activation's range, a negative count, a line that does not parse, no count.
    """
    path = Path(path)
    size = _size(bits)
    counts = np.zeros(size, dtype=object)  # Python integers: a user's counts may sum past int64
    for value, count, line in _histogram_rows(path):
        if count < 0:
            raise HaloError(f"count {count} is negative", "Give how often each value occurs.", path, line)
        counts[_index(value, bits, signed, path, line)] += count
    total = int(counts.sum())
    if total == 0:
        raise HaloError("the histogram counts nothing", "Give at least one value with a positive count.", path)
    divisor = math.gcd(*(int(c) for c in counts))
    scaled = [int(c) // divisor for c in counts]
    limit = math.isqrt(MAX_TOTAL)
    if total // divisor > limit:
        # Room for every value that occurs to be raised to one without passing the limit.
        room = limit - size
        scaled = [0 if c == 0 else max(1, c * room // (total // divisor)) for c in scaled]
    weights = np.array(scaled, dtype=np.int64)
    return np.outer(weights, weights)


def from_trace(path: str | Path, bits: int, signed: bool) -> I64:
    """Pair weights counted from a sequence of activation values, in the order of time.

    The file is ``.npy`` with a one-dimensional integer array, or text (``.txt``, ``.csv``) with integers between
    commas, blanks or line ends; ``#`` starts a comment and one leading line without digits is a heading.

    Returns:
        int64[A, A]; the sum is the number of values less one.

    Raises:
        HaloError: a value outside the activation's range, a token that is no integer, fewer than two values.
    """
    path = Path(path)
    size = _size(bits)
    if path.suffix.lower() == ".npy":
        values = _integers(_load(path), path, "the trace")
        outside = np.flatnonzero((values < _lowest(bits, signed)) | (values > _highest(bits, signed)))
        if outside.size:
            where = int(outside[0])
            raise _out_of_range(int(values[where]), bits, signed, path, None, f" (element {where}, counted from 0)")
        indices = values & (size - 1)
    else:
        indices = np.array([_index(v, bits, signed, path, line) for v, line in _trace_values(path)], dtype=np.int64)
    if indices.size < 2:
        raise HaloError(f"the trace holds {indices.size} values", "Give at least two, for one transition.", path)
    pairs = indices[:-1] * size + indices[1:]
    return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int64)


def _size(bits: int) -> int:
    if not 1 <= bits <= EXHAUSTIVE_BITS:
        raise HaloError(
            f"the pairs of a {bits}-bit activation cannot be enumerated (1 to {EXHAUSTIVE_BITS} bits can)",
            "Use a sampled stimulus (--stimulus random:N).",
        )
    return 1 << bits


def _lowest(bits: int, signed: bool) -> int:
    return -(1 << (bits - 1)) if signed else 0


def _highest(bits: int, signed: bool) -> int:
    return (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1


def _out_of_range(value: int, bits: int, signed: bool, path: Path, line: int | None, place: str = "") -> HaloError:
    kind = "a signed" if signed else "an unsigned"
    return HaloError(
        f"value {value}{place} does not fit {kind} activation of {bits} bits",
        f"Give values from {_lowest(bits, signed)} to {_highest(bits, signed)}, or change width or signedness.",
        path,
        line,
    )


def _index(value: int, bits: int, signed: bool, path: Path, line: int | None) -> int:
    if not _lowest(bits, signed) <= value <= _highest(bits, signed):
        raise _out_of_range(value, bits, signed, path, line)
    return value & ((1 << bits) - 1)


def _integer(token: str, path: Path, line: int) -> int:
    try:
        return int(token)
    except ValueError:
        raise HaloError(f"'{token}' is not an integer", "Give decimal integers.", path, line) from None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with content, comments removed, with their number; a heading (no digit) only as the first of them."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise HaloError(f"cannot read the file: {error.strerror}", "Check the path.", path) from None
    except UnicodeDecodeError:
        raise HaloError("the file is not text", "Give a text file, or .npy or .npz by that name.", path) from None
    first = True
    for number, raw in enumerate(text.splitlines(), start=1):
        content = raw.partition("#")[0].strip()
        if not content:
            continue
        if not (first and re.search(r"\d", content) is None):
            yield number, content
        first = False


def _histogram_rows(path: Path) -> Iterator[tuple[int, int, int | None]]:
    if path.suffix.lower() == ".npz":
        with _load(path) as archive:
            missing = {"value", "count"} - set(archive.files)
            if missing:
                names = ", ".join(archive.files) or "nothing"
                raise HaloError(
                    f"the archive has no array '{min(missing)}' (it holds {names})",
                    "Save integer arrays 'value' and 'count'.",
                    path,
                )
            values = _integers(archive["value"], path, "'value'")
            counts = _integers(archive["count"], path, "'count'")
        if len(values) != len(counts):
            raise HaloError(f"{len(values)} values but {len(counts)} counts", "Give one count a value.", path)
        yield from ((int(v), int(c), None) for v, c in zip(values, counts, strict=True))
        return
    for line, content in _lines(path):
        fields = [field.strip() for field in content.split(",")]
        if len(fields) != 2:
            raise HaloError(f"{len(fields)} fields where two belong", "Write value,count on each line.", path, line)
        yield _integer(fields[0], path, line), _integer(fields[1], path, line), line


def _trace_values(path: Path) -> Iterator[tuple[int, int]]:
    for line, content in _lines(path):
        for token in re.split(r"[,\s]+", content):
            if token:
                yield _integer(token, path, line), line


def _load(path: Path) -> Any:  # numpy returns an array or an archive
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise HaloError(f"cannot read the file: {error.strerror or error}", "Check the path.", path) from None
    except (ValueError, EOFError, zipfile.BadZipFile):
        raise HaloError("the file is not a NumPy file of plain arrays", "Save it with numpy.save.", path) from None


def _integers(array: npt.NDArray[np.generic], path: Path, name: str) -> I64:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise HaloError(
            f"{name} is {array.ndim}-dimensional {array.dtype} data",
            "Save a one-dimensional integer array.",
            path,
        )
    if array.dtype == np.uint64 and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise HaloError(f"{name} holds {int(array.max())}", "Keep values below 2**63.", path)
    return array.astype(np.int64)
