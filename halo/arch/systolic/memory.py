# SPDX-License-Identifier: Apache-2.0
"""What moves between DRAM, buffers and an array, and when the array waits for it.

A GEMM runs in *passes*: a group of columns of weight tiles times a chunk of rows of activations, whose sums fit the
accumulators. Sums never go to DRAM. Weights are double-buffered: while the array works on one load, the next one's
weights and activations arrive and results of the pass before leave, evenly over the loads of a pass; a load lasts the
longer of the two. Nothing hides the first arrival and the last results. What would arrive while the clock changes is
not counted on. Every product stands alone: nothing of the next one comes early, and what attention computes between
its two products goes through DRAM.

DRAM sees each operand once where the buffers can keep it. Otherwise

- with all chunks of a group first, as the RTL's tiles come, weights come again for each chunk unless the weight buffer
  keeps the group, and activations for each group unless the activation buffer keeps them all;
- with all groups of a chunk first, weights come again for each chunk unless the buffer keeps the whole operand, and
  activations for each group unless the buffer keeps the chunk;
- a chunk that the activation buffer cannot keep comes again for every column of tiles.

Parts of weights (``LayerWeights.passes``) follow each other in a load's place: they share what DRAM brings, and each
reads activations and sums again from their buffers. A weight takes a whole operand in the buffers, whatever its bits.

The order with the smaller traffic is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.arch.systolic.array import SUM_BYTES, SystolicArch

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Formats:
    """How operands are stored.

    Attributes:
        weight_bits: in DRAM, scales and sparse part counted.
        activation_bits: in DRAM, of inputs and of (requantized) results.
        operand_bytes: of either in the buffers.
        lanes, passes: of the weights, see ``LayerWeights``.
    """

    weight_bits: float
    activation_bits: float
    operand_bytes: int
    lanes: int = 1
    passes: int = 1


@dataclass(frozen=True, eq=False)
class Plan:
    """The passes of a GEMM in order of time.

    Attributes:
        group: column group of each pass.
        rows: of activations in each pass.
        transfer_bytes: to and from DRAM in each pass: what it reads, and the results of the pass before.
        last_bytes: results of the last pass, which leave when all is computed.
        weight_bytes, activation_bytes, result_bytes: to and from DRAM in all.
        buffer_pj: reads and writes of all buffers.
    """

    group: I64
    rows: I64
    transfer_bytes: F64
    last_bytes: float
    weight_bytes: float
    activation_bytes: float
    result_bytes: float
    buffer_pj: float


def plan_passes(
    arch: SystolicArch, m: int, k: int, n: int, group_columns: int, chunk_rows: int, formats: Formats
) -> Plan:
    """Passes of a weight-stationary GEMM.

    Args:
        arch: that runs it.
        m, k, n: sizes of the product.
        group_columns: columns of weight tiles that a pass goes through.
        chunk_rows: of activations that go through each of them; the last chunk may be shorter.
        formats: how operands are stored.
    """
    columns, rows = _cut(n, group_columns * arch.columns), _cut(m, chunk_rows)
    width, height = columns[:, None].astype(np.float64), rows[None, :].astype(np.float64)  # the rest: [group, chunk]
    shape = (len(columns), len(rows))
    first_group, first_chunk = np.indices(shape) == 0
    size = formats.operand_bytes
    one_load = arch.elements * formats.lanes * size
    group_kept = k * width * size + one_load <= arch.weight_bytes
    operand_kept = k * n * size + one_load <= arch.weight_bytes
    chunk_kept = k * height * size <= arch.activation_bytes
    input_kept = m * k * size <= arch.activation_bytes
    weights = k * width * np.ones(shape)
    activations = k * height * np.where(chunk_kept, 1.0, np.ceil(width / arch.columns))
    by_group = (weights * (first_chunk | ~group_kept), activations * (first_group | (not input_kept)))
    by_chunk = (weights * (first_chunk | (not operand_kept)), activations * (first_group | ~chunk_kept))
    groups_outside = _bits(*by_group, formats) <= _bits(*by_chunk, formats)
    weights, activations = by_group if groups_outside else by_chunk
    places = np.arange(weights.size).reshape(shape)
    in_time = places.ravel() if groups_outside else places.T.ravel()
    group, chunk = np.unravel_index(in_time, shape)
    passes = _Passes(
        group=group,
        rows=rows[chunk],
        weights=weights.ravel()[in_time],
        activations=activations.ravel()[in_time],
        results=(width * height).ravel()[in_time],
        weight_reads=len(rows),
        # Each k-tile adds to what is there, in each pass; complete sums are read once more.
        sums=2 * m * n * -(-k // (arch.rows * formats.lanes)) * formats.passes,
    )
    return _plan(arch, (m, k, n), formats, passes)


def plan_columns(arch: SystolicArch, m: int, k: int, order: I64, columns: I64, formats: Formats) -> Plan:
    """Passes of an output-stationary GEMM: one a column of output tiles, all rows of activations.

    Args:
        arch: that runs it.
        m, k: sizes of the product.
        order: columns in order of time.
        columns: of weights in each of them, by index.
        formats: how operands are stored.
    """
    size = formats.operand_bytes
    row_tiles = -(-m // arch.rows)
    width = columns[order]
    again = np.where(k * width * size + arch.elements * size <= arch.weight_bytes, 1, row_tiles)
    weights = (k * width * again).astype(np.float64)
    activations = np.full(len(order), float(m * k))
    if m * k * size <= arch.activation_bytes:
        activations[1:] = 0
    n = int(columns.sum())
    passes = _Passes(
        group=order,
        rows=np.full(len(order), m),
        weights=weights,
        activations=activations,
        results=(m * width).astype(np.float64),
        weight_reads=row_tiles,
        sums=2 * m * n,
    )
    return _plan(arch, (m, k, n), formats, passes)


@dataclass(frozen=True, eq=False)
class _Passes:
    """What passes read and write, in values.

    Attributes:
        group, rows: as in ``Plan``.
        weights, activations, results: float64[passes], from and to DRAM in each pass, in order of time.
        weight_reads: how often each weight goes from its buffer into the array.
        sums: reads and writes of partial sums in the accumulators.
    """

    group: I64
    rows: I64
    weights: F64
    activations: F64
    results: F64
    weight_reads: int
    sums: int


def _plan(arch: SystolicArch, sizes: tuple[int, int, int], formats: Formats, passes: _Passes) -> Plan:
    """Values as bytes and energy; nothing comes from DRAM that lies in the activation buffer."""
    (m, k, n), size = sizes, formats.operand_bytes
    weights, activations, results = passes.weights, passes.activations, passes.results
    if arch.activations == "buffer" and m * (k + n) * size <= arch.activation_bytes:
        into_buffer = float(m * n)  # results instead of what would come from DRAM
        activations, results = np.zeros_like(activations), np.zeros_like(results)
    else:
        into_buffer = float(activations.sum())
    read = weights * (formats.weight_bits / 8) + activations * (formats.activation_bits / 8)
    written = results * (formats.activation_bits / 8)
    buffers_pj = (
        (weights.sum() + float(k * n) * passes.weight_reads) * size * arch.weight_pj_byte
        + (into_buffer + float(m * k) * -(-n // arch.columns) * formats.passes) * size * arch.activation_pj_byte
        + float(passes.sums) * SUM_BYTES * arch.accumulator_pj_byte
    )
    return Plan(
        group=passes.group,
        rows=passes.rows,
        transfer_bytes=read + np.concatenate(([0.0], written[:-1])),
        last_bytes=float(written[-1]),
        weight_bytes=float(weights.sum()) * formats.weight_bits / 8,
        activation_bytes=float(activations.sum()) * formats.activation_bits / 8,
        result_bytes=float(written.sum()),
        buffer_pj=float(buffers_pj),
    )


def _cut(size: int, part: int) -> I64:
    """Lengths of the parts; the last may be shorter."""
    return np.minimum(part, size - np.arange(0, size, part))


def _bits(weights: F64, activations: F64, formats: Formats) -> float:
    """Bits that come from DRAM in all passes."""
    return float(weights.sum()) * formats.weight_bits + float(activations.sum()) * formats.activation_bits


@dataclass(frozen=True, eq=False)
class Stalls:
    """What double buffering could not hide.

    Attributes:
        waits_ps: of each run of loads, before and between them; the last one's holds the results that leave last.
        transfer_ps: time of loads that last as long as their transfer, instead of their computation, and of what
            nothing hides.
    """

    waits_ps: F64
    transfer_ps: float


def double_buffer(loads: I64, compute_ps: F64, transfer_ps: F64, last_ps: float) -> Stalls:
    """Stalls of runs of equal loads, one after the other.

    While a load computes, the transfer of the next goes on; the first transfer and the last results stand alone.

    Args:
        loads: in each run, 1 or more.
        compute_ps: of a load of each run.
        transfer_ps: of what has to come before a load of each run can start.
        last_ps: transfer of the last results.
    """
    following: F64 = np.append(transfer_ps[1:], 0.0)
    within: F64 = np.where(transfer_ps > compute_ps, loads - 1.0, 0.0)
    after: F64 = np.where(following > compute_ps, 1.0, 0.0)
    waits = within * (transfer_ps - compute_ps) + after * (following - compute_ps)
    bound = within * transfer_ps + after * following
    if len(waits):
        waits[0] += transfer_ps[0]
        waits[-1] += last_ps
    return Stalls(waits, float(bound.sum() + transfer_ps[:1].sum() + last_ps))
