# SPDX-License-Identifier: Apache-2.0
"""Traffic and stalls against one pass, one transfer after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.systolic.array import SystolicArch, read_arch
from halo.arch.systolic.memory import Formats, double_buffer, plan_columns, plan_passes

INT8 = Formats(4.5, 8, 1)


def small(weights: int, activations: int) -> SystolicArch:
    return replace(read_arch("systolic-32"), rows=4, columns=3, weight_bytes=weights, activation_bytes=activations)


def cut(size: int, part: int) -> list[int]:
    return [min(part, size - done) for done in range(0, size, part)]


def passes_by_hand(
    arch: SystolicArch, m: int, k: int, n: int, width: int, height: int, outside: str
) -> list[tuple[int, int, int, int, int]]:
    """(group, rows, weights, activations, results) of each pass, in values."""
    groups, chunks = list(enumerate(cut(n, width))), list(enumerate(cut(m, height)))
    pairs = (
        [(g, c) for g in groups for c in chunks] if outside == "groups" else [(g, c) for c in chunks for g in groups]
    )
    held_weights = lambda columns: k * columns + arch.elements <= arch.weight_bytes  # noqa: E731
    passes = []
    for (group, columns), (chunk, rows) in pairs:
        weights_are_there = chunk > 0 and held_weights(columns if outside == "groups" else n)
        input_is_there = group > 0 and k * (m if outside == "groups" else rows) <= arch.activation_bytes
        visits = 1 if k * rows <= arch.activation_bytes else -(-columns // arch.columns)
        passes.append(
            (
                group,
                rows,
                0 if weights_are_there else k * columns,
                0 if input_is_there else k * rows * visits,
                rows * columns,
            )
        )
    return passes


@settings(max_examples=60, deadline=None)
@given(*[st.integers(1, 20)] * 3, st.integers(1, 4), st.integers(1, 8), st.integers(24, 300), st.integers(8, 300))
def test_traffic_of_passes(m: int, k: int, n: int, group: int, chunk: int, weights: int, activations: int) -> None:
    arch = small(weights, activations)
    plan = plan_passes(arch, m, k, n, group, chunk, INT8)
    found = []
    for outside in ("groups", "chunks"):
        hand = passes_by_hand(arch, m, k, n, group * arch.columns, chunk, outside)
        read = [w * 4.5 / 8 + a for _, _, w, a, _ in hand]
        written = [r for *_, r in hand]
        moved = [a + b for a, b in zip(read, [0, *written[:-1]], strict=True)]
        found.append((sum(read), outside != "groups", hand, moved, written[-1]))
    _, _, hand, moved, last = min(found)
    assert plan.group.tolist() == [g for g, *_ in hand] and plan.rows.tolist() == [r for _, r, *_ in hand]
    assert plan.transfer_bytes == pytest.approx(moved) and plan.last_bytes == last
    total = plan.weight_bytes + plan.activation_bytes + plan.result_bytes
    assert total == pytest.approx(plan.transfer_bytes.sum() + plan.last_bytes)
    assert plan.weight_bytes >= k * n * 4.5 / 8 and plan.activation_bytes >= m * k and plan.result_bytes == m * n


def test_everything_fits_and_nothing_fits() -> None:
    roomy, tight = small(10_000, 10_000), small(24, 8)
    plan = plan_passes(roomy, 20, 8, 9, 1, 10, INT8)
    assert (plan.weight_bytes, plan.activation_bytes, plan.result_bytes) == (8 * 9 * 4.5 / 8, 20 * 8, 20 * 9)
    # 2 chunks read the weights, 3 columns of tiles the activations
    plan = plan_passes(tight, 20, 8, 9, 1, 10, INT8)
    assert (plan.weight_bytes, plan.activation_bytes) == (2 * 8 * 9 * 4.5 / 8, 3 * 20 * 8)
    stay = plan_passes(replace(roomy, activations="buffer"), 20, 8, 9, 1, 10, INT8)
    assert (stay.activation_bytes, stay.result_bytes, stay.last_bytes) == (0, 0, 0)
    spilled = plan_passes(replace(tight, activations="buffer"), 20, 8, 9, 1, 10, INT8)
    assert spilled.result_bytes == 20 * 9


def test_energy_of_the_buffers_by_hand() -> None:
    arch = replace(small(10_000, 10_000), weight_pj_byte=1.0, activation_pj_byte=100.0, accumulator_pj_byte=10_000.0)
    plan = plan_passes(arch, 20, 8, 9, 1, 10, INT8)  # 2 k-tiles, 3 columns of tiles, 2 chunks
    weights = 8 * 9 + 2 * 8 * 9  # written once, read for each chunk
    activations = 20 * 8 + 3 * 20 * 8  # written once, read for each column
    sums = 4 * (2 * 20 * 9 + 20 * 9 + 20 * 9)  # written twice, read once to add and once to leave
    assert plan.buffer_pj == weights + 100 * activations + 10_000 * sums


def test_traffic_of_columns() -> None:
    order, columns = np.array([2, 0, 1]), np.array([3, 3, 1])
    roomy = plan_columns(small(10_000, 10_000), 10, 8, order, columns, INT8)
    assert (roomy.weight_bytes, roomy.activation_bytes, roomy.result_bytes) == (8 * 7 * 4.5 / 8, 80, 70)
    assert roomy.transfer_bytes.tolist() == [8 * 4.5 / 8 + 80, 24 * 4.5 / 8 + 10, 24 * 4.5 / 8 + 30]
    assert roomy.last_bytes == 30
    tight = plan_columns(small(12, 8), 10, 8, order, columns, INT8)  # 3 tiles of rows, 3 columns
    assert (tight.weight_bytes, tight.activation_bytes) == (3 * 8 * 7 * 4.5 / 8, 3 * 80)


def one_after_the_other(compute: list[float], transfer: list[float], last: float) -> tuple[float, float]:
    """End of all, and the array's time in computation, with one transfer and one load at a time."""
    arrived = transfer[0]
    free = 0.0
    for number, duration in enumerate(compute):
        start = max(free, arrived)
        free = start + duration
        if number + 1 < len(transfer):
            arrived = start + transfer[number + 1]  # the buffer is free once this load is in the array
    return free + last, sum(compute)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 50), st.integers(0, 60)), min_size=1, max_size=8),
    st.integers(0, 30),
)
def test_stalls_of_double_buffering(runs: list[tuple[int, int, int]], last: int) -> None:
    loads, compute, transfer = (np.array(column, np.int64) for column in zip(*runs, strict=True))
    stalls = double_buffer(loads, compute.astype(float), transfer.astype(float), float(last))
    each = [(float(c), float(t)) for n, c, t in runs for _ in range(n)]
    end, busy = one_after_the_other([c for c, _ in each], [t for _, t in each], float(last))
    assert stalls.waits_ps.sum() == pytest.approx(end - busy)
    assert 0 <= stalls.transfer_ps <= end


def test_what_memory_binds() -> None:
    # First transfer 5; load 1 hidden behind 10; loads 2 and 3 wait for 8 and 8 while 1 computes; last results 2.
    stalls = double_buffer(np.array([1, 3]), np.array([10.0, 1.0]), np.array([5.0, 8.0]), 2.0)
    assert stalls.waits_ps.tolist() == [5, 2 * 7 + 2] and stalls.transfer_ps == 5 + 8 + 8 + 2
