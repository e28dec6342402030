# SPDX-License-Identifier: Apache-2.0
"""The SM: equal to its reference on random programs, and to published throughput against warps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.gpu.device import read_device
from halo.arch.gpu.sm import Program, Tiling, main_loop_program, run, throughput
from halo.arch.gpu.sm_kernel import BARRIER, BRANCH, COPY, LOAD, MMA, run_sm
from halo.arch.gpu.sm_reference import run_sm_reference

# Sun et al. (TPDS 2023): MACs a cycle and SM, with 4 and with 8 warps.
PUBLISHED = [
    *(("a100-80", "m16n8k16 fp16", 4, 897.6), ("a100-80", "m16n8k16 fp16", 8, 1004.2)),
    *(("a100-80", "m16n8k8 fp16", 4, 800.2), ("a100-80", "m16n8k8 fp16", 8, 974.1)),
    *(("a100-80", "m16n8k8 tf32", 4, 435.9), ("a100-80", "m16n8k8 tf32", 8, 492.4)),
    *(("a100-80", "m16n8k32 int8", 4, 1812.4), ("a100-80", "m16n8k32 int8", 8, 1986.5)),
    *(("a100-80", "m16n8k64 int4", 4, 3497.9), ("a100-80", "m16n8k64 int4", 8, 3660.8)),
    ("rtx2080ti", "m16n8k8 fp16, fp32", 8, 255.1),
    ("rtx2080ti", "m16n8k8 fp16, fp16", 8, 509.4),
    ("rtx2080ti", "m8n8k16 int8", 8, 1012.6),
]

INSTRUCTIONS = st.one_of(
    st.tuples(st.just(MMA), st.integers(0, 3), st.integers(0, 1)),
    st.tuples(st.just(LOAD), st.integers(0, 1), st.sampled_from((128, 512))),
    st.tuples(st.just(COPY), st.sampled_from((100, 512)), st.sampled_from((256, 512))),
    st.tuples(st.just(BARRIER), st.just(0), st.just(0)),
    st.tuples(st.just(BRANCH), st.integers(1, 6), st.just(0)),
)


@settings(max_examples=120, deadline=None)
@given(
    code=st.lists(INSTRUCTIONS, min_size=1, max_size=8),
    setup=st.integers(0, 7),
    iterations=st.integers(1, 4),
    warps_per_cta=st.integers(1, 5),
    ctas=st.integers(1, 3),
    sub_cores=st.integers(1, 4),
    numbers=st.tuples(
        st.integers(1, 9), st.integers(1, 30), st.integers(16, 128), st.integers(1, 30), st.integers(0, 60)
    ),
    copy_rate=st.floats(5, 60),
)
def test_kernel_equals_reference(
    code: list[tuple[int, int, int]],
    setup: int,
    iterations: int,
    warps_per_cta: int,
    ctas: int,
    sub_cores: int,
    numbers: tuple[int, int, int, int, int],
    copy_rate: float,
) -> None:
    start = min(setup, len(code) - 1)
    interval, latency, shared_rate, shared_latency, copy_latency = numbers
    rest = (
        *(start, iterations, ctas * warps_per_cta, warps_per_cta, sub_cores, interval, latency),
        *(shared_rate, shared_latency, copy_rate, copy_latency),
    )
    kernel = run_sm(np.array(code, dtype=np.int64), *rest)
    assert tuple(int(value) for value in kernel) == run_sm_reference(code, *rest)


@pytest.mark.parametrize(("name", "instruction", "warps", "published"), PUBLISHED)
def test_published_throughput(name: str, instruction: str, warps: int, published: float) -> None:
    """Nothing is fitted: interval from the peak, latency from one warp, the branch from another simulator.

    Each figure is of the fewest independent chains that let a turn of the loop cover the latency. What is measured with
    int4 and 8 warps stays 10 % below the device's own peak; the model, which knows no reason, comes out 8 % above.
    """
    device = read_device(name)
    mma = next(each for each in device.mma if each.name.startswith(instruction))
    ilp = math.ceil(mma.latency_cycles * published / (warps * mma.macs))
    wrong = throughput(device, mma, warps, ilp) / published - 1
    if instruction.endswith("int4") and warps == 8:
        assert 0.05 < wrong < 0.09
    else:
        assert abs(wrong) < 0.05


@pytest.mark.parametrize("name", ["a100-80", "v100", "rtx2080ti"])
def test_a_chain_waits_for_its_latency_and_many_reach_the_peak(name: str) -> None:
    device = read_device(name)
    for mma in device.mma:
        turn = max(round(mma.latency_cycles), mma.interval_cycles + device.branch_cycles)
        assert throughput(device, mma, 1, 1) == pytest.approx(mma.macs / turn, rel=0.01)
        peak = device.sub_cores * mma.macs / mma.interval_cycles
        reached = throughput(device, mma, 16, 4)
        assert 0.95 * peak < reached <= peak


def test_a_loop_by_hand() -> None:
    """Two dependent MMAs after a load: 512 bytes take 4 cycles and 28 more, then 25 and 25, the branch hidden."""
    device = read_device("a100-80")
    mma = device.instruction("fp16", "fp32")
    program = Program(((LOAD, 0, 512), (MMA, 0, 0), (BRANCH, 4, 0)), 1)
    done = run(device, mma, program, 2, 1, 1)
    assert done.cycles == (4 + 28) + 25 + 25
    assert (done.mmas, done.shared_bytes, done.copied_bytes) == (2, 512, 0)


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(8, 8), (4, 8), (16, 8)])
def test_a_main_loop_moves_every_byte_once(weight_bits: int, activation_bits: int) -> None:
    device = read_device("a100-80")
    mma, tiling, turns = device.instruction("int8", "int32"), Tiling(64, 128, 2, 2, 64), 5
    done = run(device, mma, main_loop_program(device, mma, tiling, activation_bits, weight_bits), turns, 4, 4, 300)
    depth = turns * 64
    assert done.mmas * mma.macs == 64 * 128 * depth
    assert done.copied_bytes == depth * (64 * activation_bits + 128 * weight_bits) // 8
    read = 4 * (32 + 64) * depth  # each of the four warps reads its rows and columns
    assert done.shared_bytes == (64 + 128) * depth + read


def test_a_main_loop_is_bound_by_what_is_slowest() -> None:
    device = read_device("a100-80")
    mma = device.instruction("int8", "int32")

    def pace(tiling: Tiling, ctas: int) -> float:
        program = main_loop_program(device, mma, tiling, 8, 8)
        few, many = (run(device, mma, program, n, ctas * tiling.warps, tiling.warps, 300).cycles for n in (8, 24))
        return (many - few) / 16 / ctas

    large = Tiling(128, 128, 2, 2, 64)
    assert pace(large, 2) == pytest.approx(128 * 128 * 64 / 2048, rel=0.02)  # two blocks hide each other's waits
    assert pace(large, 1) > 1.1 * pace(large, 2)
    flat = Tiling(16, 128, 1, 4, 64)
    copied = (16 + 128) * 64 / (device.l2_bytes_per_cycle / device.sms)
    assert pace(flat, 6) == pytest.approx(copied, rel=0.02)  # the port to L2
