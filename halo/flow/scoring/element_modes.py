# SPDX-License-Identifier: Apache-2.0
"""What the elements of a MAC hold, and how the weights of a method stand in them.

- *whole*: a weight of eight bits, or whatever the table has: weights are what they are.
- *half*: a weight of four bits. Weights that are four bits, or such times 16, take one pass. Others take two,
  weight = 16 high + low + 8 with high and low from -8 to 7: a load for each, the same activations twice. Where sums are
  accumulated, that of the high parts is shifted by four bits, and 8 times the sum of the activations is added, the same
  for all columns.
- *pairs*: two weights of four bits at once, of neighbouring rows, each with an activation of its own. The same gates
  take whole weights in their other mode, which has a run, and so a table, of its own.

Tables know the operands of the gates. So weights become operands here: an element's pair of u and v is 16 u + v modulo
256, signed; beside whole weights in one table it stands at ``PAIR_ZERO`` more.

Tests: tests/flow/scoring/test_element_modes.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from halo.characterization.table import WeightTable
from halo.dvfs.periods import Periods
from halo.errors import HaloError
from halo.flow.runs.provenance import read_record
from halo.flow.runs.runfolder import RECORD
from halo.flow.scoring.methods import Method, ValueSet, WeightFormat

Form = Literal["whole", "half", "pairs"]

PAIR_ZERO = 1024
_HALF = tuple(range(-8, 8))
_STEP = 16
_BYTE = tuple(range(-128, 128))


def form_of(path: Path, table: WeightTable) -> Form:
    """What an element of a run takes at once.

    Raises:
        HaloError: pairs of other widths than four bits, or not all of them.
    """
    lanes = read_record(path).results.get("roles", {}).get("lanes", 1) if (path / RECORD).is_file() else 1
    if lanes == 1:
        return "half" if table.weights == _HALF else "whole"
    if table.weights != _BYTE:
        what = f"the elements take pairs, and the table has {len(table.weights)} of their 256 values of four bits each"
        raise HaloError(what, "Characterize an element with WEIGHT_WIDTH 8, all weights.", path)
    return "pairs"


@dataclass(frozen=True)
class Modes:
    """What the elements of a MAC can hold.

    Attributes:
        forms: of its runs; pairs alone, or with whole weights.
        name: of the MAC, for sentences.
    """

    forms: frozenset[Form]
    name: str

    def held(self, own: WeightFormat) -> WeightFormat:
        """A layer's weights as operands of the elements.

        Raises:
            HaloError: the elements take pairs alone, and the weights have more than four bits.
        """
        if own.operand != "int8" or self.forms == {"whole"}:
            return own
        scale = _scale(own.sets)
        if scale and "pairs" in self.forms:
            zero = PAIR_ZERO if "whole" in self.forms else 0
            return replace(own, sets=tuple(_pairs(chosen, scale, zero) for chosen in own.sets), lanes=2)
        if scale and "half" in self.forms:
            return replace(own, sets=tuple(_narrow(chosen, scale) for chosen in own.sets))
        if "half" in self.forms:
            return replace(own, sets=tuple(_parts(chosen) for chosen in own.sets), passes=2)
        if "whole" in self.forms:
            return own
        what = f"{own.sets[0].name} has weights of more than four bits, and the elements of {self.name} take pairs"
        raise HaloError(what, "Name the run of the same element with whole weights as well: --mac METHOD=RUN twice.")

    def method(self, method: Method) -> Method:
        """A method whose weights are operands of the elements; it says how they stand there."""
        if self.forms == {"whole"} or method.operand != "int8":
            return method
        layers = {name: self.held(own) for name, own in method.layers.items()}
        blocks, head, cache = (self.held(own) for own in (method.blocks, method.head, method.cache))
        said = self._said(method.label, [*layers.values(), blocks, head, cache])
        return replace(
            method,
            blocks=blocks,
            head=head,
            cache=cache,
            layers=layers,
            assumptions=(*method.assumptions, *said),
        )

    def _said(self, label: str, formats: Sequence[WeightFormat]) -> list[str]:
        said = []
        lanes, passes = (max(getattr(own, name) for own in formats) for name in ("lanes", "passes"))
        if lanes > 1:
            said.append(
                f"{label}: elements of {self.name} take two weights of four bits a clock, of neighbouring rows, each "
                "with an activation of its own; whole weights, such as the KV cache, one. Clocks are those of each "
                "mode; a change from one to the other is not bounded"
            )
        elif self.forms == {"half"}:
            said.append(f"{label}: elements of {self.name} take a weight of four bits a clock")
        if passes > 1:
            said.append(
                f"{label}: weights of more than four bits, such as the KV cache, take two passes on {self.name}, "
                "16 high + low + 8, each a load with its clocks and energy; the shift by four bits and 8 times the sum "
                "of the activations are added where sums are accumulated, at no cost"
            )
        return said


def _scale(sets: Iterable[ValueSet]) -> int:
    """1 or 16: all weights are so many times a number of four bits; 0: they are not."""
    values = [value for chosen in sets for value in chosen.values]
    if all(value in _HALF for value in values):
        return 1
    return _STEP if all(value % _STEP == 0 for value in values) else 0


def _narrow(chosen: ValueSet, scale: int) -> ValueSet:
    return replace(chosen, values=tuple(value // scale for value in chosen.values))


def _counted(chosen: ValueSet) -> list[tuple[int, int]]:
    """Values that occur with their counts."""
    counts = chosen.counts if chosen.counts is not None and any(chosen.counts) else (1,) * len(chosen.values)
    return list(zip(chosen.values, counts, strict=True))


def _collected(chosen: ValueSet, name: str, found: Counter[int]) -> ValueSet:
    values = tuple(sorted(found))
    return replace(chosen, name=f"{chosen.name}{name}", values=values, counts=tuple(found[value] for value in values))


def _pairs(chosen: ValueSet, scale: int, zero: int) -> ValueSet:
    """Every pair of values, as often as chance has it."""
    found: Counter[int] = Counter()
    own = [(value // scale, count) for value, count in _counted(chosen)]
    for high, often in own:
        for low, count in own:
            found[zero + _STEP * high + low % _STEP] += often * count
    return _collected(chosen, ", pairs", found)


def _parts(chosen: ValueSet) -> ValueSet:
    """High and low parts of the values."""
    found: Counter[int] = Counter()
    for value, count in _counted(chosen):
        found[value // _STEP] += count
        found[value % _STEP - _STEP // 2] += count
    return _collected(chosen, " in two passes", found)


def joined(whole: WeightTable, pairs: WeightTable) -> WeightTable:
    """The tables of both modes as one; pairs stand at ``PAIR_ZERO`` more.

    Raises:
        HaloError: they are of different corners, or whole weights are missing.
    """
    if whole.corners != pairs.corners or whole.weights != _BYTE:
        what = "the two runs of an element are of different corners or weights"
        raise HaloError(what, "Characterize both modes with all weights and the same corners.")
    rows = []
    for corner in whole.corners:
        rows += [whole.rows(corner), pairs.rows(corner).assign(weight=lambda own: own["weight"] + PAIR_ZERO)]
    return WeightTable(pd.concat(rows, ignore_index=True))


@dataclass(frozen=True)
class BothPeriods:
    """Clock periods of sets of operands of both modes of an element, by those of each."""

    whole: Periods
    pairs: Periods

    @property
    def source(self) -> str:
        """Where they come from."""
        return self.whole.source

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What they rest on."""
        return tuple(dict.fromkeys((*self.whole.assumptions, *self.pairs.assumptions)))

    def period_ps(self, weights: Sequence[int], corner: str, table_ps: float) -> float:
        """The longer one of both modes; see ``Periods``."""
        own = [weight for weight in weights if weight in _BYTE]
        others = [weight - PAIR_ZERO for weight in weights if weight not in _BYTE]
        found = [
            periods.period_ps(chosen, corner, table_ps)
            for periods, chosen in ((self.whole, own), (self.pairs, others))
            if chosen
        ]
        return max(found)
