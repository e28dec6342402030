# SPDX-License-Identifier: Apache-2.0
"""Products as launches: what an SM holds, waves, traffic, and both bounds of the roofline."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.arch.gpu.device import device_names, read_device
from halo.arch.gpu.sm import Tiling, main_loop_program, run
from halo.arch.gpu.waves import TILINGS, GemmSlice, best_launch, loop_cycles, occupancy, whole_gemm
from halo.errors import HaloError

LARGE = Tiling(128, 128, 2, 2, 64)


def test_an_sm_holds_what_its_registers_and_shared_memory_allow() -> None:
    """128 x 128 with 64 x 64 warps: 128 registers a thread for sums, 64 for fragments, 40 others."""
    a100, turing = read_device("a100-80"), read_device("rtx2080ti")
    mma = a100.instruction("fp16", "fp32")
    assert occupancy(a100, mma, LARGE) == 65536 // (232 * 128) == 2
    assert occupancy(a100, mma, Tiling(16, 64, 1, 4, 64)) == 65536 // (64 * 128) == 8  # the same, 8 and 16
    assert occupancy(turing, turing.instruction("int8", "int32"), Tiling(16, 32, 1, 2, 64)) == 65536 // (2 * 48 * 64)
    assert occupancy(a100, mma, Tiling(128, 128, 1, 1, 64)) == 0  # 512 sums a thread
    assert occupancy(a100, mma, Tiling(24, 64, 1, 2, 64)) == 0  # no whole instructions


@pytest.mark.parametrize("name", device_names())
def test_every_tiling_moves_whole_instructions(name: str) -> None:
    device = read_device(name)
    for mma in device.mma:
        assert sum(occupancy(device, mma, tiling) > 0 for tiling in TILINGS) >= len(TILINGS) // 2


@pytest.mark.parametrize("tiling", [LARGE, Tiling(16, 64, 1, 4, 64)], ids=str)
def test_a_long_loop_goes_on_at_its_pace(tiling: Tiling) -> None:
    device = read_device("a100-80")
    mma = device.instruction("int8", "int32")
    program = main_loop_program(device, mma, tiling, 8, 4)
    for iterations in (3, 50):
        whole = run(device, mma, program, iterations, 2 * tiling.warps, tiling.warps, 300).cycles
        assert loop_cycles(device, mma, tiling, 2, iterations, 8, 4, 300) == pytest.approx(
            whole, rel=0.01 * (iterations > 4)
        )


@pytest.mark.parametrize("name", device_names())
@pytest.mark.parametrize(("k", "n"), [(4096, 4096), (4096, 11008), (11008, 4096), (5120, 13824)])
def test_decode_runs_at_the_measured_bandwidth_of_dram(name: str, k: int, n: int) -> None:
    device = read_device(name)
    for operand, sums, bits in (("fp16", "fp32", 16), ("int8", "int32", 8)):
        if any(mma.operand == operand for mma in device.mma):
            launch = best_launch(device, device.instruction(operand, sums), whole_gemm(1, k, n, 16, bits, 16), 1.4)
            took_ps = max(launch.dram_ps(device), launch.cycles * 1e3 / 1.4)
            assert (k * n * bits // 8 + 2 * (k + n)) * 1e3 / took_ps == pytest.approx(
                device.dram_measured_gb_s, rel=0.01
            )


@pytest.mark.parametrize("name", device_names())
def test_large_products_come_near_the_peak(name: str) -> None:
    device = read_device(name)
    mma = device.instruction("fp16", "fp32")
    launch = best_launch(device, mma, whole_gemm(8192, 8192, 8192, 16, 16, 16), device.clock_ghz)
    reached = 8192**3 / launch.cycles / device.macs_per_cycle(mma)
    assert 0.9 < reached <= 1
    assert launch.dram_ps(device) < launch.cycles * 1e3 / device.clock_ghz


@pytest.mark.parametrize(("side", "measured"), [(512, 32.5), (2048, 192.5), (8192, 215.3)])
def test_a_measured_board(side: int, measured: float) -> None:
    """An A800 PCIe, the chip of an A100 limited to 300 W, in TFLOPS (public runs of mli/transformers-benchmarks).

    The model leaves out the launch, some 3 to 5 microseconds, and the power limit: 300 W, where the board of the device
    file has 400, and a clock at worst in proportion. So what was measured takes longer, but by no more than that and a
    tenth for all else.
    """
    launch_us, power = 5.0, 400 / 300
    device = read_device("a100-80")
    work = whole_gemm(side, side, side, 16, 16, 16)
    launch = best_launch(device, device.instruction("fp16", "fp32"), work, device.clock_ghz)
    here_us = max(launch.cycles / device.clock_ghz * 1e-3, launch.dram_ps(device) * 1e-6)
    measured_us = 2e-6 * side**3 / measured
    assert here_us < measured_us < 1.1 * here_us * (power if side == 8192 else 1.0) + launch_us


def test_waves_have_a_tail() -> None:
    """2 CTAs an SM on 108 SMs: 216 tiles take one wave, 217 a second one for the last."""
    device = read_device("a100-80")
    mma = device.instruction("int8", "int32")
    one, more = (
        best_launch(device, mma, whole_gemm(128 * 8, 8192, 128 * columns, 8, 8, 8), 1.41) for columns in (27, 28)
    )
    assert (one.ctas, one.waves) == (216, 1) and one.tiling == LARGE
    assert more.cycles > 1.2 * one.cycles


def test_traffic_by_hand() -> None:
    """V100, 8192^3 in 128 x 128 tiles: 160 together make blocks of 12 x 13, each panel too large for L2."""
    device = read_device("v100")
    mma = device.instruction("fp16", "fp32")
    launch = best_launch(device, mma, whole_gemm(8192, 8192, 8192, 16, 16, 16), 1.53)
    assert launch.tiling == LARGE and launch.ctas_per_sm * device.sms == 160
    operand = 8192 * 8192 * 2
    assert {launch.weight_bytes, launch.activation_bytes} == {
        operand * math.ceil(64 / 12),
        operand * math.ceil(64 / 13),
    }
    assert launch.result_bytes == operand


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["a100-80", "rtx2080ti"]),
    m=st.integers(1, 3000),
    k=st.integers(1, 9000),
    n=st.integers(1, 9000),
    weight_bits=st.floats(2, 16),
    clock_ghz=st.floats(0.5, 3),
)
def test_conservation(name: str, m: int, k: int, n: int, weight_bits: float, clock_ghz: float) -> None:
    device = read_device(name)
    mma = device.instruction("int8", "int32")
    work = whole_gemm(m, k, n, 8, weight_bits, 8)
    launch = best_launch(device, mma, work, clock_ghz)
    assert work.macs == m * k * n <= launch.mmas * mma.macs <= launch.cycles * device.macs_per_cycle(mma)
    assert launch.weight_bytes >= k * n * weight_bits / 8
    assert launch.activation_bytes >= m * k and launch.result_bytes >= m * n
    assert launch.l2_bytes >= launch.activation_bytes + launch.result_bytes
    assert (
        launch.cycles <= best_launch(device, mma, whole_gemm(m, k, 2 * n, 8, weight_bits, 8), clock_ghz).cycles * 1.01
    )


def test_depths_of_columns() -> None:
    device = read_device("a100-80")
    mma = device.instruction("int8", "int32")
    even = GemmSlice(512, 1024, (512,) * 8, 128, 512, 8, 8, 8)
    skewed = GemmSlice(512, 1024, (0, 0, 0, 0, 1024, 1024, 1024, 1024), 128, 1024, 8, 8, 8)
    assert even.macs == skewed.macs == 512 * 1024 * 512
    first, second = (best_launch(device, mma, work, 1.41, memory_time=False) for work in (even, skewed))
    assert first.mmas == second.mmas == even.macs // mma.macs
    assert second.cycles > first.cycles  # half the columns, twice the depth: fewer SMs have work
    with pytest.raises(HaloError, match="columns in blocks of 16"):
        best_launch(device, mma, GemmSlice(512, 1024, (512, 256) * 32, 16, 512, 8, 8, 8), 1.41)


def test_sums_between_launches_are_moved() -> None:
    device = read_device("v100")
    mma = device.instruction("fp16", "fp32")
    alone = GemmSlice(4096, 4096, (2048,), 4096, 2048, 16, 16, 16)
    first = GemmSlice(4096, 4096, (2048,), 4096, 2048, 16, 16, 0)
    last = GemmSlice(4096, 4096, (2048,), 4096, 2048, 16, 16, 16, adds=True)
    moved = [best_launch(device, mma, work, 1.53).result_bytes for work in (alone, first, last)]
    results, sums = 4096 * 4096 * 2, 4096 * 4096 * 4  # the sums do not fit into L2
    assert moved == [results, sums, results + sums]
