# SPDX-License-Identifier: Apache-2.0
"""The floating-point MAC equals binary32 arithmetic bit by bit: model, RTL in simulators, gates of a real library."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from halo.flow.scoring.fp16 import fp16_sources
from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.simulators.benches import BENCHES
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.netlist.verilog import read_netlist
from halo.synth import synthesize

pytestmark = pytest.mark.usefixtures("sim_modules")

Simulated = Callable[..., SimulationResult]
Gates = Callable[..., np.ndarray]

HIDDEN = 1 << 23


@pytest.fixture
def gates(tmp_path: Path, osu018: Path) -> Gates:
    """``gates(top, output, **inputs)``: what the gates of a module on osu018 make of bit patterns, without delays."""

    def run(top: str, output: str, **inputs: np.ndarray) -> np.ndarray:
        made = synthesize(fp16_sources(), top, [osu018], mode="flat", workdir=tmp_path / top)
        assert made.warnings == ()
        netlist = read_netlist(made.netlist_verilog, top)
        driven: dict[int, Any] = {}
        for port, values in inputs.items():
            driven |= drive_port(netlist, port, values.astype(np.int64))
        values = evaluate(compile_circuit(netlist, read_corner([osu018])), driven)
        return read_port(netlist, values, output, signed=False)

    return run


def exact(bits: int, fraction_bits: int, exponent_bits: int) -> Fraction:
    """A finite IEEE number as a fraction."""
    fraction = bits & ((1 << fraction_bits) - 1)
    exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1)
    significand = fraction + (1 << fraction_bits if exponent else 0)
    power = max(exponent, 1) - (1 << (exponent_bits - 1)) + 1 - fraction_bits
    return (-1) ** (bits >> (fraction_bits + exponent_bits)) * significand * Fraction(2) ** power


def nearest(value: Fraction) -> int:
    """The magnitude bits of the binary32 number nearest to a fraction other than zero, ties to even."""
    value = abs(value)
    power = max(value.numerator.bit_length() - value.denominator.bit_length(), -126)
    while power > -126 and value < Fraction(2) ** power:
        power -= 1
    units = value / Fraction(2) ** (power - 23)
    below = int(units)
    rest = units - below
    significand = below + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1))
    return significand if significand < HIDDEN else (power + 126 << 23) + significand


def test_the_model_against_fractions() -> None:
    from components.float_operands import HARD, random_patterns
    from models.mac_fp16 import mac_fp16

    generator = np.random.default_rng(1)
    compared = 0
    for kind in (random_patterns, *HARD):
        played = kind(400, generator)
        sums = mac_fp16(played.weight, played.activation, played.psum)
        rows = zip(*(c.tolist() for c in (played.weight, played.activation, played.psum, sums)), strict=True)
        for weight, activation, psum, found in rows:
            if weight >> 10 & 31 == 31 or activation >> 10 & 31 == 31 or psum >> 23 & 255 == 255:
                continue
            total = exact(weight, 10, 5) * exact(activation, 10, 5) + exact(psum, 23, 8)
            wanted = (nearest(total) | (int(total < 0) << 31)) if total else found & 1 << 31
            assert found == wanted, f"{weight:04x} * {activation:04x} + {psum:08x}"
            compared += 1
    assert compared > 1200


def test_the_model_of_what_is_no_number() -> None:
    from models.mac_fp16 import mac_fp16

    rows = [
        (0x7C00, 0x0000, 0x00000000, 0x7FC00000),  # infinity times zero
        (0x7C00, 0xBC00, 0x7F800000, 0x7FC00000),  # infinities of opposite signs
        (0x7C00, 0xBC00, 0xFF800000, 0xFF800000),
        (0x7C01, 0x3C00, 0x3F800000, 0x7FC00000),  # NaN of each operand
        (0x3C00, 0xFE00, 0x3F800000, 0x7FC00000),
        (0x3C00, 0x3C00, 0xFF800001, 0x7FC00000),
        (0x8000, 0x3C00, 0x80000000, 0x80000000),  # - 0 - 0
        (0x0000, 0x3C00, 0x80000000, 0x00000000),  # 0 - 0
        (0x3C00, 0x3C00, 0xBF800000, 0x00000000),  # 1 - 1
    ]
    weight, activation, psum, wanted = (np.array(column) for column in zip(*rows, strict=True))
    found = mac_fp16(weight.astype(np.uint16), activation.astype(np.uint16), psum.astype(np.uint32))
    assert found.tolist() == wanted.tolist()


@pytest.mark.tools
@pytest.mark.slow
def test_a_hundred_thousand_sums_in_verilator(simulated: Simulated) -> None:
    result = simulated("mac_fp16", "verilator", settings={"count": 25_000})
    assert result.passed, result.log[-3000:]
    assert [test.compared for test in result.tests] == [5184, 100_000]


@pytest.mark.tools
def test_the_pipelined_mac_in_icarus(simulated: Simulated) -> None:
    result = simulated("mac_fp16", "icarus", {"PIPELINE": 1}, tests=["random"], settings={"count": 100})
    assert result.passed and result.tests[0].compared == 400, result.log[-3000:]


@pytest.mark.slow
def test_a_hundred_thousand_sums_at_gate_level(gates: Gates) -> None:
    from components.float_operands import HARD, corner_operands, random_patterns

    generator = np.random.default_rng(2)
    played = [corner_operands(), *(kind(25_000, generator) for kind in (random_patterns, *HARD))]
    weight, activation, psum = (
        np.concatenate([getattr(p, n) for p in played]) for n in ("weight", "activation", "psum")
    )
    found = gates("mac_fp16_pipelined", "psum_o", weight_i=weight, activation_i=activation, psum_i=psum)
    np.testing.assert_array_equal(found, np.concatenate([p.sums for p in played]))


@pytest.mark.slow
def test_the_adder_at_gate_level(gates: Gates) -> None:
    """Sums that no product of two binary16 numbers reaches: overflow, and subnormal numbers on both sides."""
    from models.mac_fp16 import add_fp32

    generator = np.random.default_rng(3)
    a = generator.integers(0, 1 << 32, 20_000, dtype=np.uint32)
    near = generator.integers(-(1 << 25), 1 << 25, len(a))
    b = np.where(np.arange(len(a)) % 4 == 3, generator.integers(0, 1 << 32, len(a)), (a + near) & 0xFFFFFFFF)
    b = (b ^ generator.integers(0, 2, len(a)) << 31).astype(np.uint32)
    a[0::4], b[0::4] = a[0::4] & 0x81FFFFFF, b[0::4] & 0x81FFFFFF  # small
    a[1::4], b[1::4] = a[1::4] | 0x7E000000, b[1::4] | 0x7E000000  # large
    wanted = add_fp32(a, b)
    finite = (a >> 23 & 0xFF != 0xFF) & (b >> 23 & 0xFF != 0xFF)
    assert np.count_nonzero(finite & (wanted & 0x7FFFFFFF == 0x7F800000)) > 100
    assert np.count_nonzero((wanted >> 23 & 0xFF == 0) & (wanted << 1 != 0)) > 100
    np.testing.assert_array_equal(gates("fp32_add", "sum_o", a_i=a, b_i=b), wanted)


FAULTS = (
    (
        "fp16_multiply.v",
        "{3'd0, activation_i[14:11], activation_i[10] | ~activation_normal}",
        "{3'd0, activation_i[14:10]}",
    ),
    ("fp32_add.v", "shifted[3] & (shifted[4] | (|shifted[2:0]))", "shifted[3]"),
    ("shift_right_sticky.v", "STEP < WIDTH ? STEP : WIDTH", "1"),
    ("fp32_add.v", "sum | (28'h8000000 >> exponent)", "sum"),
    ("fp32_add.v", "sign & ~cancelled", "sign"),
    ("mac_fp16_pipelined.v", ".b_i  (product_q)", ".b_i  (product)"),
)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("name, right, wrong", FAULTS, ids=[f"{name}: {wrong}" for name, _, wrong in FAULTS])
def test_the_bench_finds_a_planted_fault(
    simulated: Simulated, tmp_path: Path, name: str, right: str, wrong: str
) -> None:
    sources = []
    for source in BENCHES["mac_fp16"].sources:
        if source.name == name:
            text = source.read_text(encoding="utf-8")
            assert text.count(right) == 1
            source = tmp_path / name
            source.write_text(text.replace(right, wrong), encoding="utf-8")
        sources.append(source)
    parameters = {"LANES": 1, "PIPELINE": int("pipelined" in name)}
    result = simulated("mac_fp16", "icarus", parameters, sources=sources, tests=["random"], settings={"count": 30})
    assert not result.passed and "sums are wrong, first: " in result.tests[0].message
