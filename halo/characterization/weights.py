# SPDX-License-Identifier: Apache-2.0
"""Which weight values are exercised, and whether that can be done at all.

Tests: tests/characterization/test_weights.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.characterization.encoding import Encoding
from halo.characterization.ports import Roles
from halo.characterization.stimulus import enumerated_bits
from halo.config import TimingMethod
from halo.errors import HaloError

I64 = npt.NDArray[np.int64]

MOST_WEIGHTS = 1 << 17
"""More than these are not started: the table alone would take hundreds of megabytes, and days of work."""
# Least time that one weight took on one core, in seconds, measured on multipliers of 4 to 16 bits with OSU 0.18 um
# cells (scripts: halo characterize --weights random:N): static timing, and the bound per activation transition.
STATIC_SECONDS = 50e-6
BOUND_SECONDS = 1e-3
_RANGE = re.compile(r"(-?\d+):(-?\d+)\Z")
_LIST = re.compile(r"-?\d+(?:,-?\d+)*\Z")
_DAY = 86400.0


def chosen_weights(text: str, encoding: Encoding, seed: int) -> I64:
    """Weight values to exercise, ascending, each once: int64[W].

    Args:
        text: ``all``, ``A:B`` (both included), ``random:N`` different values, values with commas, or the path of a
            file with one value a line.
        encoding: of the weight.
        seed: of the random choice.

    Raises:
        HaloError: no such form, a value that the weight cannot hold, a file that cannot be read, or so many that no
            machine finishes (``MOST_WEIGHTS``), with an estimate.
    """
    lowest, highest = encoding.values[0], encoding.values[-1]
    found = _RANGE.match(text)
    if text == "all" or found is not None:
        first, last = (lowest, highest) if found is None else (int(found[1]), int(found[2]))
        if first > last:
            raise HaloError(f"the weights {text} are an empty range", "Write the lower value first, as in -8:7.")
        _require_held(first, last, encoding, text)
        _require_few(last - first + 1, encoding)
        return np.arange(first, last + 1, dtype=np.int64)
    if text.startswith("random:"):
        return _random(int(text.removeprefix("random:")), encoding, seed)
    values = [int(word) for word in text.split(",")] if _LIST.match(text) else _listed(Path(text))
    _require_held(min(values), max(values), encoding, text)
    chosen = np.unique(np.array(values, np.int64))
    _require_few(len(chosen), encoding)
    return chosen


def plan(roles: Roles, count: int, method: TimingMethod, transitions: int | None) -> str:
    """What is about to be done, for the record.

    Args:
        roles: of the ports.
        count: number of weights.
        method: of timing.
        transitions: of the exact method, for each weight.
    """
    bits = roles.activation_bits
    said = f"{count:,} of the {1 << roles.weight_bits:,} weights are exercised"
    if method == "static":
        return f"{said}, by static timing."
    known = enumerated_bits(bits, count)
    which = "all" if known == bits else f"the highest {known} of" if known else "none of"
    said += f"; their bounds enumerate {which} the {bits} activation bits"
    said += "" if known == bits else ", and hold for any value of the others"
    return said + ("." if transitions is None else f"; {count * transitions:,} transitions are simulated.")


def lasting(seconds: float) -> str:
    """A duration in words."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * _DAY else f"{seconds / _DAY:,.0f} days"


def _require_held(first: int, last: int, encoding: Encoding, text: str) -> None:
    lowest, highest = encoding.values[0], encoding.values[-1]
    if first < lowest or last > highest:
        value = first if first < lowest else last
        raise HaloError(
            f"the weight cannot be {value}: {encoding.bits} bits, {'' if encoding.signed else 'un'}signed, hold "
            f"{lowest:,} to {highest:,} (--weights '{text}')",
            f"Give values such as --weights={lowest}:{highest}, or say how the bits are read: --signed weight or "
            "--unsigned weight.",
        )


def _require_few(count: int, encoding: Encoding) -> None:
    if count <= MOST_WEIGHTS:
        return
    raise HaloError(
        f"{count:,} weights cannot be exercised: about {lasting(count * BOUND_SECONDS)} by bound on one core, "
        f"{lasting(count * STATIC_SECONDS)} by static timing, and a table of {count * 200 / 1e9:,.1f} GB",
        f"Exercise some of them, as in --weights 'random:4096' or --weights '{encoding.values[0]}:"
        f"{encoding.values[0] + 4095}'; {MOST_WEIGHTS:,} are possible. Or take a part of the port as the weight.",
    )


def _random(count: int, encoding: Encoding, seed: int) -> I64:
    """``count`` different values, all of them where there are no more."""
    possible = 1 << encoding.bits
    _require_few(min(count, possible), encoding)
    if count >= possible:
        return np.array(encoding.values, np.int64)
    generator = np.random.default_rng([seed, encoding.bits])
    if possible <= 2 * MOST_WEIGHTS:
        patterns = generator.permutation(possible)[:count]
    else:
        drawn = np.zeros(0, np.int64)
        while len(drawn) < count:  # at least twice as many values as are drawn: few repeat
            more = generator.integers(0, possible, 2 * count, dtype=np.int64)
            _, first = np.unique(both := np.concatenate([drawn, more]), return_index=True)
            drawn = both[np.sort(first)]
        patterns = drawn[:count]
    return np.sort(encoding.value(patterns.astype(np.int64)))


def _listed(path: Path) -> list[int]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise HaloError("not a text file", "Give a file with one weight a line.", path) from None
    values = []
    for number, line in enumerate(lines, 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        try:
            values.append(int(word))
        except ValueError:
            raise HaloError(f"{word!r} is no whole number", "Write one weight a line.", path, number) from None
    if not values:
        raise HaloError("the file lists no weight", "Write one weight a line.", path)
    return values
