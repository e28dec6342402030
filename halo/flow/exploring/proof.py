# SPDX-License-Identifier: Apache-2.0
"""Shows what a gate netlist computes: partial sum + weight x activation, all weights and activations tried.

The netlist is simulated clock by clock, 64 patterns a machine word: every pair of operands in every clock, with random
partial sums. That the sum of two words is right for every partial sum is not proven, but a wrong one among so many
patterns would be rare.

Tests: tests/flow/exploring/test_proof.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from halo.characterization.ports import Roles
from halo.characterization.sum_form import products
from halo.flow.exploring.constants import booth_correction, lanes_correction, row_correction
from halo.netlist.model import FLOP, Circuit

I64 = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

PAIR_BITS = 16
"""Weights and activations of so many bits together are tried in all pairs; of wider ones, as many pairs are drawn."""
MOST_CLOCKS = 6
"""Longest latency that is looked for."""
CHECKED = 10
"""Clocks that are compared."""


@dataclass(frozen=True)
class Proof:
    """What was found.

    Attributes:
        function: in words, such as ``psum + weight * activation``; empty: the netlist computes something else.
        how: what was compared.
        clocks: from operands at the ports to their sum at the output.
        words: of the partial sum.
        correction: the sum lacks, or holds, a number that depends on the weight alone.
        difference: where it computes something else, an example.
    """

    function: str
    how: str
    clocks: int
    words: int
    correction: bool
    difference: str = ""


def prove(circuit: Circuit, roles: Roles, seed: int) -> Proof:
    """Find out what a netlist with a clock computes of weight, activation and partial sum."""
    first: Proof | None = None
    for resting in (False, True):
        played = _Play(circuit, roles, seed, resting)
        found = played.explain()
        first = first or found
        if found.function:
            return found
    assert first is not None
    return first


class _Play:
    """One simulation, and what explains it."""

    def __init__(self, circuit: Circuit, roles: Roles, seed: int, resting: bool) -> None:
        self.resting = resting
        self.roles = roles
        weight_bits, activation_bits = roles.weight_bits, roles.activation_bits
        self.exhaustive = weight_bits + activation_bits <= PAIR_BITS
        generator = np.random.default_rng(seed)
        lanes = 1 << (weight_bits + activation_bits if self.exhaustive else PAIR_BITS)
        lanes = max(lanes, 64)
        index = np.arange(lanes, dtype=np.int64)
        clocks = 2 * MOST_CLOCKS + CHECKED
        netlist = circuit.netlist
        self.weights, self.activations, self.sums, self.outputs = [], [], [], []
        accumulator = roles.accumulator
        pattern = index >> activation_bits & (1 << weight_bits) - 1
        if not self.exhaustive:
            pattern = generator.integers(0, 1 << weight_bits, lanes, dtype=np.int64)
        machine = _Machine(circuit, lanes)
        for _ in range(clocks):
            if self.exhaustive:
                turn = int(generator.integers(0, 1 << weight_bits))
                weight = pattern if resting else pattern ^ turn
                activation = (index ^ int(generator.integers(0, 1 << activation_bits))) & (1 << activation_bits) - 1
            else:
                weight = pattern if resting else generator.integers(0, 1 << weight_bits, lanes, dtype=np.int64)
                activation = generator.integers(0, 1 << activation_bits, lanes, dtype=np.int64)
            given = {
                **_bits(netlist.inputs[roles.weight], weight),
                **_bits(netlist.inputs[roles.activation], activation),
            }
            if accumulator is not None:
                words = generator.integers(0, 1 << 64, (roles.accumulator_bits, lanes // 64), dtype=np.uint64)
                words[:, :1] = 0
                words[:, -1:] = ~np.uint64(0)
                given |= dict(zip(netlist.inputs[accumulator], words, strict=True))
                self.sums.append(words)
            for port, value in roles.tie.items():
                for i, net in enumerate(netlist.inputs[port]):
                    given[net] = np.full(lanes // 64, -(value >> i & 1), np.int64).view(np.uint64)
            self.weights.append(weight)
            self.activations.append(activation)
            self.outputs.append(machine.clock(given, netlist.outputs[roles.output]))
        self.checked = range(clocks - CHECKED, clocks)

    def explain(self) -> Proof:
        """The first reading that fits every checked clock."""
        roles = self.roles
        if roles.accumulator is None:
            return Proof("", "", 0, 0, False, "it has no partial sum to add to")
        readings = [words for words in (1, 2) if self._fits(words)]
        if not readings:
            return Proof("", "", 0, 0, False, "partial sum and result have different widths")
        nearest: tuple[float, str] = (2.0, "")
        for words in readings:
            for clocks, later in self._latencies():
                share, example = self._wrong(words, clocks, later, self.checked[:1])
                if share == 0:
                    share, example = self._wrong(words, clocks, later, self.checked)
                if share == 0:
                    return self._proof(words, clocks)
                nearest = min(nearest, (share, example))
        return Proof("", "", 0, 0, False, nearest[1])

    def _fits(self, words: int) -> bool:
        bits = self.roles.output_bits
        return bits == self.roles.accumulator_bits and bits % words == 0 and bits // words <= 62

    def _latencies(self) -> Iterator[tuple[int, int]]:
        """Clocks from operands to result, and from partial sum to result, the likely ones first."""
        pairs = [(c, s) for c in range(MOST_CLOCKS + 1) for s in range(MOST_CLOCKS + 1)]
        yield from sorted(pairs, key=lambda pair: (pair[1] > pair[0], pair[1], pair[0]))

    def _wrong(self, words: int, clocks: int, later: int, checked: Sequence[int]) -> tuple[float, str]:
        """Share of patterns that are not explained, and one of them in words."""
        bits = self.roles.output_bits // words
        mask = (1 << bits) - 1
        table: I64 | None = None
        for clock in checked:
            weight, activation = self.weights[clock - clocks], self.activations[clock - clocks]
            signs = self.roles.weight_encoding.signed, self.roles.activation_encoding.signed
            value = products(self.roles, weight, activation, signs, self.roles.lanes)
            psum = _number(self.sums[clock - later], words)
            rest = (_number(self.outputs[clock], words) - psum - value) & mask
            seen = np.full(1 << self.roles.weight_bits, -1, np.int64) if table is None else table
            fresh = np.flatnonzero(seen[weight] < 0)
            seen[weight[fresh[::-1]]] = rest[fresh[::-1]]  # the first of each weight stays
            table = seen
            wrong = np.flatnonzero(seen[weight] != rest)
            if len(wrong):
                at = int(wrong[0])
                w = int(self.roles.weight_encoding.value(weight[at : at + 1])[0])
                a = int(self.roles.activation_encoding.value(activation[at : at + 1])[0])
                return len(wrong) / len(rest), (
                    f"with weight {w}, activation {a} and partial sum {int(psum[at]) & mask} it gives "
                    f"{int(_number(self.outputs[clock], words)[at]) & mask}, which no number that depends on the "
                    "weight alone explains"
                )
        self._table = table
        return 0.0, ""

    def _proof(self, words: int, clocks: int) -> Proof:
        assert self._table is not None
        bits = self.roles.output_bits // words
        table = self._table
        correction = bool(np.any(table > 0))
        product = "weight * activation" if self.roles.lanes == 1 else "high * high activation + low * low activation"
        function = f"psum + {product}"
        if correction:
            weights = np.flatnonzero(table >= 0)
            signed = self.roles.weight_encoding.value(weights)
            sizes = self.roles.weight_bits, self.roles.activation_bits
            named = {
                "booth_r4 in two lanes": lanes_correction(signed, *sizes, pair=False),
                "booth_r4 in two lanes, pairs": lanes_correction(signed, sizes[0], sizes[1] // 2, pair=True),
                "booth_r4": booth_correction(signed, self.roles.weight_bits, self.roles.activation_bits),
                "baugh_wooley": row_correction(signed, self.roles.weight_bits, self.roles.activation_bits),
            }
            same = [n for n, k in named.items() if np.array_equal(-k & (1 << bits) - 1, table[weights])]
            function += f" - correction(weight) of {same[0]}" if same else " + K(weight)"
        pairs = f"all {1 << (self.roles.weight_bits + self.roles.activation_bits):,}" if self.exhaustive else "65,536"
        how = (
            f"{pairs} pairs of weight and activation in each of {len(self.checked)} clocks, random partial sums"
            f"{' of two words' if words == 2 else ''}{', weight at rest' if self.resting else ''}, on the gates"
        )
        return Proof(function, how, clocks, words, correction)


def _bits(nets: Sequence[int], values: I64) -> dict[int, Words]:
    return {net: _packed(values >> i & 1) for i, net in enumerate(nets)}


def _packed(bits: I64) -> Words:
    packed: Words = np.packbits(bits.astype(np.uint8), bitorder="little").view(np.uint64)
    return packed


def _number(words: Words, parts: int) -> I64:
    """Sum of a port's words, each of ``len(words) / parts`` bits: int64[lanes], its high bits of no meaning."""
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    width = len(words) // parts
    total = np.zeros(bits.shape[1], np.int64)
    for part in range(parts):
        octets = np.packbits(bits[part * width : (part + 1) * width], axis=0, bitorder="little")
        for i, row in enumerate(octets):
            total += row.astype(np.int64) << (8 * i)
    return total


class _Machine:
    """The registers of a circuit, clocked."""

    def __init__(self, circuit: Circuit, lanes: int) -> None:
        self._words = lanes // 64
        self._zero = np.zeros(self._words, np.uint64)
        self._constant = {
            int(net): self._zero if circuit.constant[net] == 0 else ~self._zero
            for net in np.flatnonzero(circuit.constant >= 0)
        }
        spans = list(pairwise(circuit.table_start.tolist()))
        pins = list(pairwise(circuit.pin_start.tolist()))
        gates = [
            (circuit.table[slice(*spans[g])].tobytes(), circuit.pin_net[slice(*pins[g])].tolist(), int(circuit.out[g]))
            for g in range(circuit.gates)
        ]
        self._flops = [gates[g] for g in range(circuit.gates) if circuit.kind[g] == FLOP]
        self._gates = [gates[g] for g in range(circuit.gates) if circuit.kind[g] != FLOP]
        self._state: dict[int, Words] = {out: self._zero for _, _, out in self._flops}

    def clock(self, inputs: Mapping[int, Words], output: Sequence[int]) -> Words:
        """Output bits before the next edge, uint64[bits, words], and that edge."""
        nets = {**self._constant, **inputs, **self._state}
        for table, pins, out in self._gates:
            if out not in nets:
                nets[out] = _looked_up(table, [nets.get(net, self._zero) for net in pins], self._zero)
        shown = np.array([nets.get(net, self._zero) for net in output], np.uint64)
        self._state = {
            out: _looked_up(table, [nets.get(net, self._zero) for net in pins], self._zero)
            for table, pins, out in self._flops
        }
        return shown


@cache
def _is(table: bytes) -> int | None:
    """0 or 1: the table holds nothing else."""
    return table[0] if len(set(table)) == 1 else None


@cache
def _inverse(table: bytes) -> bytes:
    return bytes(1 - value for value in table)


def _looked_up(table: bytes, pins: Sequence[Words], zero: Words) -> Words:
    """A table's entries, its last pin the highest bit of the index, 64 lanes a word."""
    constant = _is(table)
    if constant is not None:
        return ~zero if constant else zero
    half = len(table) // 2
    low, high = table[:half], table[half:]
    rest, pin = pins[:-1], pins[-1]
    if low == high:
        return _looked_up(low, rest, zero)
    ends = _is(low), _is(high)
    if ends == (0, 1):
        return pin
    if ends == (1, 0):
        return ~pin
    if ends[0] == 0:
        return pin & _looked_up(high, rest, zero)
    if ends[0] == 1:
        return ~pin | _looked_up(high, rest, zero)
    if ends[1] == 0:
        return ~pin & _looked_up(low, rest, zero)
    if ends[1] == 1:
        return pin | _looked_up(low, rest, zero)
    if high == _inverse(low):
        return pin ^ _looked_up(low, rest, zero)
    return (pin & _looked_up(high, rest, zero)) | (~pin & _looked_up(low, rest, zero))
