# SPDX-License-Identifier: Apache-2.0
"""Which transitions a weight is exercised with.

* A bare multiplier with an activation of up to eight bits: every one of the 2^(2n) activation transitions.
* A wider activation: seeded random transitions, so many that all weights together play 2^24.
* A partial-sum input: accumulations along an array column. The element stands in a random row of a column of random
  weights; before and after each transition the partial sum is what the rows above it make of their own activations.
  Sums of several words, and those that lack a term of the weight, are what the gates themselves make in the rows above.
* A register that accumulates: seeded runs of activations in the order of time, begun with all register outputs at 0.

Every random choice follows from the seed and the weight's bit pattern alone, so threads and corners do not change it.

Tests: tests/flow/test_characterize.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.characterization.ports import Roles
from halo.netlist.graph import drive_port, evaluate
from halo.netlist.model import Circuit
from halo.power.activity import from_histogram, from_trace
from halo.timing.event.engine import TransitionWeights, transition_weights

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Values = dict[int, U8]
"""Net index to uint8[T]."""

ENUMERATED_BITS = 8
SAMPLED_IN_ALL = 1 << 24
COLUMN_ROWS = 64
_FEWEST = 256  # a handful of weights gets no more transitions each than one of all 8-bit weights
COLUMNS = 512
"""Columns whose partial sums the gates make."""
LANES = 64
BOUND_IN_ALL = 1 << 28
"""Activation transitions that the bounds of all weights together enumerate: minutes of work."""


def enumerated_bits(activation_bits: int, weights: int) -> int:
    """Activation bits that the bound of each of some weights enumerates.

    All of an activation of up to ``ENUMERATED_BITS`` bits, and none of a wider one; of many thousand weights fewer,
    so that all together stay within ``BOUND_IN_ALL`` transitions. Bits that are not enumerated are unknown: the bound
    stays sound, and is looser.
    """
    if activation_bits > ENUMERATED_BITS:
        return 0
    affordable = (max(BOUND_IN_ALL // max(weights, 1), 1).bit_length() - 1) // 2
    return min(activation_bits, affordable)


@dataclass(frozen=True, eq=False)
class Stimulus:
    """What is played to every weight.

    Attributes:
        exhaustive: weights of all transitions of the activation, or None: transitions are listed.
        joint: int64[A, A] weights the activation pairs are drawn with, None for uniform.
        pairs: (before, after, weight) of a trace's different pairs, or None: drawn.
        samples: transitions drawn a weight.
        rows: int64[R], weights that the rows above may hold; None: any.
        column: (before, after) uint8[B, P], bits of P partial sums that the gates make along columns; None: integers.
        assumptions: sentences for the record.
    """

    exhaustive: TransitionWeights | None
    joint: I64 | None
    pairs: tuple[I64, I64, I64] | None
    samples: int
    assumptions: tuple[str, ...]
    column: tuple[U8, U8] | None = None
    rows: I64 | None = None


def activation_statistics(path: Path | None, bits: int, signed: bool) -> I64 | None:
    """Joint weights of activation pairs from a file: ``.csv`` and ``.npz`` histograms, any other suffix a trace.

    Raises:
        HaloError: as the readers in ``halo.power.activity``.
    """
    if path is None:
        return None
    if path.suffix.lower() in (".csv", ".npz"):
        return from_histogram(path, bits, signed)
    return from_trace(path, bits, signed)


def make_stimulus(
    roles: Roles,
    circuit: Circuit,
    *,
    random_samples: int | None,
    trace: Path | None,
    activations: Path | None,
    psum_samples: int,
    weights: int,
    seed: int,
    rows: I64 | None = None,
) -> Stimulus:
    """Choose the stimulus.

    Args:
        roles: the design's ports.
        circuit: the design; a register whose next value depends on itself is stepped.
        random_samples: transitions asked for by the user, or None.
        trace: activation trace to play, or None.
        activations: histogram or trace that weights the activation pairs.
        psum_samples: transitions a weight where partial sums are sampled.
        weights: number of weights that are exercised.
        seed: of the partial sums that the gates make.
        rows: int64[R], weights that the rows above may hold, as in a tile of a class; None: any.

    Raises:
        HaloError: a file cannot be read.
    """
    bits = roles.activation_bits
    joint = activation_statistics(activations, bits, roles.activation_encoding.signed)
    said = ["Activations are uniform." if joint is None else f"Activation pairs are weighted by {activations}."]
    sequential = len(circuit.state_gates) > 0
    summed = roles.accumulator is not None or sequential or bool(roles.drawn)
    pairs, column = None, None
    if trace is not None:
        counted = from_trace(trace, bits, roles.activation_encoding.signed)
        before, after = np.nonzero(counted)
        pairs = (before.astype(np.int64), after.astype(np.int64), counted[before, after])
        said.append(f"Transitions are the {len(before):,} different activation pairs of {trace}.")
        samples = len(before)
    elif summed:
        samples = random_samples or psum_samples
    elif random_samples is None and bits <= ENUMERATED_BITS:
        said.append(f"Every one of the {1 << (2 * bits):,} activation transitions is simulated.")
        each = transition_weights(np.ones((1 << bits, 1 << bits), np.int64) if joint is None else joint)
        return Stimulus(each, joint, None, 1 << (2 * bits), tuple(said))
    else:
        samples = random_samples or max(64, SAMPLED_IN_ALL // max(weights, min(1 << roles.weight_bits, _FEWEST)))
        said.append(
            f"{samples:,} seeded random activation transitions a weight are simulated, not all {1 << (2 * bits):,}: "
            "the delay is the largest seen, the bound holds for all."
        )
    if sequential:
        said.append(
            f"The accumulating registers hold what {samples:,} seeded steps leave in them, from all outputs at 0: "
            "the delay is the largest seen, the bound holds for every value."
        )
    elif roles.accumulator is not None:
        said.append(
            f"Partial sums are accumulations along an array column of up to {COLUMN_ROWS} rows with random weights, "
            f"{samples:,} seeded transitions a weight: the delay is the largest seen, the bound holds for every value."
        )
        if made_by_gates(roles):
            form = f"{roles.words} words" if roles.words > 1 else "bits"
            begun = "minus the column's terms K" if roles.offsets else "0"
            said.append(f"Their {form} are what the gates make in {COLUMNS} such columns, which begin with {begun}.")
            column = gate_columns(circuit, roles, joint, seed, rows)
    if roles.drawn:
        said.append(
            f"{', '.join(roles.drawn)} took {samples:,} seeded random values a weight: the delay is the largest seen, "
            "the bound holds for every value."
        )
    return Stimulus(None, joint, pairs, samples, tuple(said), column, rows)


def listed_transitions(
    stimulus: Stimulus, circuit: Circuit, roles: Roles, pattern: int, seed: int
) -> tuple[Values, Values, I64]:
    """Values of every source before and after each transition for one weight.

    Args:
        pattern: the weight's bit pattern.

    Returns:
        (before, after, weight of each transition int64[T]); values by net for all input ports and state registers.
    """
    generator = np.random.default_rng([seed, pattern])
    if stimulus.pairs is not None:
        first, second, weights = stimulus.pairs
    else:
        first, second = _draw(generator, stimulus, roles.activation_bits)
        weights = np.ones(len(first), np.int64)
    fixed = _held(circuit, roles, pattern, len(first))
    states = circuit.out[circuit.state_gates]
    drawn = _drawn(circuit, roles, generator, len(first))
    if len(states):
        return *_accumulate(circuit, roles, fixed, drawn, generator, stimulus, first, second), weights
    before = fixed | drawn[0] | drive_port(circuit.netlist, roles.activation, first)
    after = fixed | drawn[1] | drive_port(circuit.netlist, roles.activation, second)
    if roles.accumulator is not None:
        sums = _partial_sums(circuit, generator, stimulus, roles, len(first))
        before |= sums[0]
        after |= sums[1]
    return before, after, weights


def _held(circuit: Circuit, roles: Roles, pattern: int, length: int) -> Values:
    held = drive_port(circuit.netlist, roles.weight, np.full(length, pattern, np.int64))
    for name, value in roles.tie.items():
        held |= drive_port(circuit.netlist, name, np.full(length, value, np.int64))
    return held


def _drawn(circuit: Circuit, roles: Roles, generator: np.random.Generator, length: int) -> tuple[Values, Values]:
    """Random values of the inputs that take them, before and after each transition."""
    before: Values = {}
    after: Values = {}
    for name, how in roles.drawn.items():
        for net in circuit.netlist.inputs[name]:
            before[net] = generator.integers(0, 2, length, dtype=np.uint8)
            after[net] = generator.integers(0, 2, length, dtype=np.uint8) if how == "any" else before[net]
    return before, after


def _draw(generator: np.random.Generator, stimulus: Stimulus, bits: int) -> tuple[I64, I64]:
    if stimulus.joint is None:
        return generator.integers(0, 1 << bits, (2, stimulus.samples), dtype=np.int64)  # type: ignore[return-value]
    flat = stimulus.joint.ravel()
    drawn = generator.choice(len(flat), stimulus.samples, p=flat / flat.sum())
    return drawn >> bits, drawn & ((1 << bits) - 1)


def _partial_sums(
    circuit: Circuit, generator: np.random.Generator, stimulus: Stimulus, roles: Roles, samples: int
) -> tuple[Values, Values]:
    """Partial sums before and after each transition, by net; none for a design without."""
    if roles.accumulator is None:
        return {}, {}
    if stimulus.column is None:
        before, after = _column(generator, stimulus, roles, samples)
        netlist = circuit.netlist
        return drive_port(netlist, roles.accumulator, before), drive_port(netlist, roles.accumulator, after)
    nets = circuit.netlist.inputs[roles.accumulator]
    drawn = generator.integers(0, stimulus.column[0].shape[1], samples)
    first, second = ({net: bits[drawn] for net, bits in zip(nets, side, strict=True)} for side in stimulus.column)
    return first, second


def made_by_gates(roles: Roles) -> bool:
    """Whether the partial sums that a design makes are other bits than those of the sum as one integer.

    The sum must be one that the next row can take.
    """
    return (roles.words > 1 or roles.lanes > 1 or bool(roles.offsets)) and roles.accumulator_bits == roles.output_bits


def gate_columns(
    circuit: Circuit, roles: Roles, joint: I64 | None, seed: int, weights: I64 | None = None
) -> tuple[U8, U8]:
    """Partial sums that the gates make along columns of random weights, each with two sets of activations.

    Columns begin with 0, or with minus the sum of the offsets of their weights, which leaves the true sum in the end.

    Returns:
        (before, after) uint8[B, ``COLUMNS`` * ``COLUMN_ROWS``], bits of the accumulator; element p of both is what
        comes into the same row of the same column.

    Raises:
        ValueError: the design has no accumulator as wide as its output.
    """
    netlist = circuit.netlist
    if roles.accumulator is None or roles.accumulator_bits != roles.output_bits:
        raise ValueError(f"{roles.output} is no partial sum of a next row")
    generator = np.random.default_rng([seed, COLUMNS])
    patterns = _row_patterns(generator, roles, weights, (COLUMN_ROWS, COLUMNS))
    each = len(netlist.inputs[roles.accumulator]) // roles.words
    loaded = np.zeros(COLUMNS, np.int64)
    if len(roles.offsets) == 1 << roles.weight_bits:
        known = np.array(
            [roles.offsets[value] for value in roles.weight_encoding.value(np.arange(len(roles.offsets))).tolist()]
        )
        loaded = -known[patterns].sum(axis=0)
    entering = np.zeros((roles.accumulator_bits, 2 * COLUMNS), np.uint8)
    for i in range(each):
        entering[i] = np.tile((loaded >> min(i, 62) & 1).astype(np.uint8), 2)
    rows = []
    for row in patterns:
        rows.append(entering)
        drawn = Stimulus(None, joint, None, COLUMNS, ())
        given = drive_port(netlist, roles.weight, np.tile(row, 2))
        given |= drive_port(netlist, roles.activation, np.concatenate(_draw(generator, drawn, roles.activation_bits)))
        given |= dict(zip(netlist.inputs[roles.accumulator], entering, strict=True))
        for name, value in roles.tie.items():
            given |= drive_port(netlist, name, np.full(2 * COLUMNS, value, np.int64))
        for name in roles.drawn:
            given |= drive_port(netlist, name, np.zeros(2 * COLUMNS, np.int64))
        given |= {int(net): np.zeros(2 * COLUMNS, np.uint8) for net in circuit.out[circuit.state_gates]}
        entering = evaluate(circuit, given)[list(netlist.outputs[roles.output])]
    bits = np.stack(rows, axis=1)
    return tuple(  # type: ignore[return-value]
        bits[:, :, side * COLUMNS : (side + 1) * COLUMNS].reshape(len(bits), -1) for side in (0, 1)
    )


def _row_patterns(
    generator: np.random.Generator, roles: Roles, weights: I64 | None, shape: int | tuple[int, int]
) -> I64:
    """Bit patterns of the weights in rows, each equally likely."""
    if weights is None:
        return generator.integers(0, 1 << roles.weight_bits, shape, dtype=np.int64)
    return roles.weight_encoding.pattern(generator.choice(weights, shape))


def _column(generator: np.random.Generator, stimulus: Stimulus, roles: Roles, samples: int) -> tuple[I64, I64]:
    """Partial sums (modulo 2**62) before and after, from the rows above a random row of a column of random weights."""
    row_weight = roles.weight_encoding.value(_row_patterns(generator, roles, stimulus.rows, COLUMN_ROWS))
    row = generator.integers(0, COLUMN_ROWS, samples)
    before = np.zeros(samples, np.int64)
    after = np.zeros(samples, np.int64)
    for k in range(COLUMN_ROWS):
        drawn = Stimulus(None, stimulus.joint, None, samples, ())
        first, second = _draw(generator, drawn, roles.activation_bits)
        above = (k < row) * row_weight[k]
        before += above * roles.activation_encoding.value(first)
        after += above * roles.activation_encoding.value(second)
    return before, after


def _accumulate(
    circuit: Circuit,
    roles: Roles,
    fixed: Values,
    drawn: tuple[Values, Values],
    generator: np.random.Generator,
    stimulus: Stimulus,
    first: I64,
    second: I64,
) -> tuple[Values, Values]:
    """Step the state registers from zero; lanes run side by side, each a sequence of its own.

    Transition t goes from the sources of one step (activation, state) to those of the next: its state is what the
    step before left.
    """
    netlist = circuit.netlist
    states = circuit.out[circuit.state_gates]
    samples = len(first)
    lanes = min(LANES, samples)
    if stimulus.pairs is None:  # the next activation of a lane is the one it goes on with
        second = np.append(first[lanes:], second[:lanes])
    state = {int(net): np.zeros(lanes, np.uint8) for net in states}
    sums = _partial_sums(circuit, generator, stimulus, roles, samples)
    collected: dict[int, list[U8]] = {int(net): [] for net in states}
    following: dict[int, list[U8]] = {int(net): [] for net in states}
    for start in range(0, samples, lanes):
        now = slice(start, min(start + lanes, samples))
        width = now.stop - now.start
        given = {net: values[now] for net, values in (fixed | drawn[0]).items()}
        given |= drive_port(netlist, roles.activation, first[now])
        given |= {net: values[now] for net, values in sums[0].items()}
        given |= {net: values[:width] for net, values in state.items()}
        nets = evaluate(circuit, given)
        for gate in circuit.state_gates:
            net = int(circuit.out[gate])
            pins = circuit.pin_net[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
            index = (nets[pins].astype(np.int64) << np.arange(len(pins))[:, None]).sum(axis=0)
            collected[net].append(given[net])
            following[net].append(circuit.table[circuit.table_start[gate] + index])
        state = {net: np.resize(following[net][-1], lanes) for net in state}
    before = fixed | drawn[0] | drive_port(netlist, roles.activation, first)
    after = fixed | drawn[1] | drive_port(netlist, roles.activation, second)
    before |= sums[0]
    after |= sums[1]
    before |= {net: np.concatenate(parts) for net, parts in collected.items()}
    after |= {net: np.concatenate(parts) for net, parts in following.items()}
    return before, after
