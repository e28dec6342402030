# SPDX-License-Identifier: Apache-2.0
"""Forms of a sum beyond partial sum + weight x activation: several words, a term of the weight left out, pairs.

Carry-save sums are {carry, sum}, words that add up to the sum. What depends on the weight alone may be left out, so
that the output is psum + weight * activation + K(weight), and the K of a column are added once. An element may take a
pair of weights of half the width, each with an activation of its own, and add both products. Which form a design has is
seen from what its gates compute, for every weight.

Tests: tests/characterization/test_sum_form.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.characterization.ports import Roles
from halo.netlist.graph import drive_port, evaluate, propagate_constants_lanes
from halo.netlist.model import I64, U8, Circuit

Signs = tuple[bool, bool]
"""Weight and activation, each signed or not."""

ALL_WEIGHTS = 12
"""Weight bits up to which every weight is played; a seeded 2^12 of wider ones."""
_ENUMERATED = 8
_ACTIVATIONS = 32
_SEED = 20251
_FIRST = 8
_LANES = 1 << 15
_MOST_BITS = 62


@dataclass(frozen=True)
class SumForm:
    """output = partial sum + weight x activation + K(weight), each sum the total of its words.

    Attributes:
        signs: how weight and activation are read.
        words: words of the output, and of the partial sum.
        lanes: 2: the operands are pairs {high, low} of half the width, whose products are added; 1: they are not.
        offsets: K of each weight that was played, by the weight's value, between -2^(n-1) and 2^(n-1) for words of n
            bits; empty: 0 for all.
        weights, activations: how many were played, each weight with as many activations.
    """

    signs: Signs
    words: int
    lanes: int
    offsets: Mapping[int, int]
    weights: int
    activations: int

    def said(self, roles: Roles) -> list[str]:
        """Sentences for the record."""
        bits = roles.output_bits // self.words
        played = f"seen from the gates for {self.weights:,} weights with {self.activations:,} activations each"
        found = []
        if self.lanes > 1:
            halves = f"{roles.weight_bits // 2} and {roles.activation_bits // 2} bits"
            found.append(
                f"{roles.weight} and {roles.activation} are pairs {{high, low}} of {halves}, and {roles.output} is "
                f"the sum of both products, {played}: a weight stands for its bits, and its energy is that of two MACs"
            )
        if self.words > 1:
            ports = f"{roles.output} is" if roles.accumulator is None else f"{roles.accumulator} and {roles.output} are"
            found.append(f"{ports} {self.words} words of {bits} bits that add up to the sum, {played}")
        if self.offsets:
            shown = [w for w in (1, -1, 3, max(self.offsets), min(self.offsets)) if self.offsets.get(w)][:4]
            terms = ", ".join(f"K({w}) = {self.offsets[w]:,}" for w in dict.fromkeys(shown or list(self.offsets)[:4]))
            partial = "" if roles.accumulator is None else f"{roles.accumulator} + "
            product = f"{roles.weight} x {roles.activation}" if self.lanes == 1 else "both products"
            formula = f"{partial}{product} + K({roles.weight})"
            found.append(
                f"{roles.output} is {formula}, where K depends on the weight alone, {played}: {terms}; run.json has all"
            )
        return found


def find_sum_form(circuit: Circuit, roles: Roles, readings: Sequence[Signs]) -> SumForm | None:
    """The form of a design's sums, or None where the output is no such sum.

    Args:
        circuit: compiled top.
        roles: of its ports; ``words`` above 1 is how many they have, 1 leaves it open.
        readings: signs of the operands, the likeliest first.
    """
    generator = np.random.default_rng(_SEED)
    bits = roles.weight_bits
    patterns = np.arange(1 << bits, dtype=np.int64) if bits <= ALL_WEIGHTS else _some(bits, 1 << ALL_WEIGHTS, generator)
    few = _some(bits, _FIRST, generator)
    activations = (
        np.arange(1 << roles.activation_bits, dtype=np.int64)
        if roles.activation_bits <= _ENUMERATED
        else _some(roles.activation_bits, _ACTIVATIONS, generator)
    )
    open_ = [(1, signs) for signs in readings]
    if roles.weight_bits % 2 == 0 and roles.activation_bits % 2 == 0:
        open_.append((2, (True, True)))
    form = _played(circuit, roles, few, activations, open_, _word_counts(roles), generator)
    if form is None:
        return None
    return _played(circuit, roles, patterns, activations, [(form.lanes, form.signs)], [form.words], generator)


def products(roles: Roles, weights: I64, activations: I64, signs: Signs, lanes: int) -> I64:
    """Weight x activation of bit patterns, or the sum of the products of pairs: int64, as its arguments."""
    bits, other_bits = roles.weight_bits // lanes, roles.activation_bits // lanes
    total = np.zeros(len(weights), np.int64)
    for lane in range(lanes):
        weight = weights >> lane * bits & (1 << bits) - 1
        activation = activations >> lane * other_bits & (1 << other_bits) - 1
        total += _read(weight, bits, signs[0]) * _read(activation, other_bits, signs[1])
    return total


def one_step(circuit: Circuit, fixed: Mapping[int, U8]) -> dict[int, U8]:
    """Values of the registers that feed themselves after one step from 0; none where an input has no value.

    Args:
        circuit: compiled top.
        fixed: net to uint8[L], inputs.
    """
    states = [int(net) for net in circuit.out[circuit.state_gates]]
    lanes = len(next(iter(fixed.values())))
    given = {**fixed, **{net: np.zeros(lanes, np.uint8) for net in states}}
    if not states or any(int(net) not in given for net in circuit.source):
        return {}
    nets = evaluate(circuit, given)
    after = {}
    for gate in circuit.state_gates:
        pins = circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
        index = (nets[pins].astype(np.int64) << np.arange(len(pins))[:, None]).sum(axis=0)
        after[int(circuit.out[gate])] = circuit.table[circuit.table_start[gate] + index]
    return after


def _word_counts(roles: Roles) -> list[int]:
    if roles.words > 1:
        return [roles.words]
    even = roles.output_bits % 2 == 0 and roles.accumulator_bits in (0, roles.output_bits)
    return [1, 2] if even else [1]


def _some(bits: int, number: int, generator: np.random.Generator) -> I64:
    """Different bit patterns, the extremes among them, ascending."""
    if bits < 8 and number >= 1 << bits:
        return np.arange(1 << bits, dtype=np.int64)
    extremes = np.array([0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1], np.int64)
    drawn = generator.integers(0, 1 << bits, max(number - len(extremes), 0), dtype=np.int64)
    return np.unique(np.concatenate([extremes, drawn]))


def _played(
    circuit: Circuit,
    roles: Roles,
    patterns: I64,
    activations: I64,
    readings: Sequence[tuple[int, Signs]],
    words: Sequence[int],
    generator: np.random.Generator,
) -> SumForm | None:
    """The first form, of some lanes and signs, that fits what the gates make of weights with some activations each."""
    open_: dict[tuple[int, int, Signs, bool], list[I64]] = {
        (count, lanes, signs, signed): []
        for lanes, signs in readings
        for count in words
        for signed in ((False, True) if 0 < roles.accumulator_bits < roles.output_bits else (False,))
    }
    rows = max(1, _LANES // len(activations))
    for start in range(0, len(patterns), rows):
        weights = np.repeat(patterns[start : start + rows], len(activations))
        moved = np.tile(activations, len(weights) // len(activations))
        sums = generator.integers(0, 2, (roles.accumulator_bits, len(weights)), dtype=np.uint8)
        seen = _output(circuit, roles, weights, moved, sums)
        if seen is None:
            return None
        for key in list(open_):
            count, lanes, signs, signed = key
            bits = min(roles.output_bits // count, _MOST_BITS)
            product = products(roles, weights, moved, signs, lanes)
            rest = _total(seen, count, bits, False) - product - _total(sums, count, bits, signed)
            rest = (rest & ((1 << bits) - 1)).reshape(-1, len(activations))
            if np.all(rest == rest[:, :1]):
                open_[key].append(_read(rest[:, 0], bits, True))
            else:
                del open_[key]
        if not open_:
            return None
    (count, lanes, signs, _), found = next(iter(open_.items()))
    constants = np.concatenate(found)
    values = _read(patterns, roles.weight_bits, signs[0])
    order = np.argsort(values)
    offsets = dict(zip(values[order].tolist(), constants[order].tolist(), strict=True)) if np.any(constants) else {}
    return SumForm(signs, count, lanes, offsets, len(patterns), len(activations))


def _output(circuit: Circuit, roles: Roles, weights: I64, activations: I64, sums: U8) -> U8 | None:
    """Bits of the output, uint8[bits, L]; None where one has no steady value."""
    netlist = circuit.netlist
    fixed = drive_port(netlist, roles.weight, weights) | drive_port(netlist, roles.activation, activations)
    if roles.accumulator is not None:
        fixed |= dict(zip(netlist.inputs[roles.accumulator], sums, strict=True))
    for name, value in roles.tie.items():
        fixed |= drive_port(netlist, name, np.full(len(weights), value, np.int64))
    for name in roles.drawn:
        fixed |= drive_port(netlist, name, np.zeros(len(weights), np.int64))
    fixed |= one_step(circuit, fixed)
    bits = propagate_constants_lanes(circuit, fixed)[list(netlist.outputs[roles.output])]
    return None if np.any(bits < 0) else bits.astype(np.uint8)


def _total(bits: U8, words: int, low: int, signed: bool) -> I64:
    """The words of a sum, ``bits`` from the least significant one on, added up modulo 2**low."""
    each = len(bits) // words
    total = np.zeros(bits.shape[1], np.int64)
    for word in range(words):
        for i in range(min(each, low)):
            total += bits[word * each + i].astype(np.int64) << i
        if signed and 0 < each < low:
            total -= bits[(word + 1) * each - 1].astype(np.int64) << each
    return total & ((1 << low) - 1)


def _read(patterns: I64, bits: int, signed: bool) -> npt.NDArray[np.int64]:
    return patterns - ((patterns >> (bits - 1) & 1) << bits) if signed else patterns
