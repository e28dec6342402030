# SPDX-License-Identifier: Apache-2.0
"""Devices as data: peaks on paper, and what a bad file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.arch.gpu.device import DATA, device_names, read_device
from halo.errors import HaloError

# TFLOPS and TOPS on the vendor's data sheets.
PEAKS = [
    *(("a100-40", "fp16", "fp32", 312), ("a100-80", "int8", "int32", 624), ("a100-80", "int4", "int32", 1248)),
    *(("a100-80", "tf32", "fp32", 156), ("v100", "fp16", "fp32", 125)),
    *(("rtx2080ti", "fp16", "fp32", 53.8), ("rtx2080ti", "fp16", "fp16", 107.6), ("rtx2080ti", "int8", "int32", 215.2)),
]


@pytest.mark.parametrize(("name", "operand", "accumulator", "tera"), PEAKS)
def test_peaks_are_those_on_paper(name: str, operand: str, accumulator: str, tera: float) -> None:
    device = read_device(name)
    peak = 2e-3 * device.clock_ghz * device.macs_per_cycle(device.instruction(operand, accumulator))
    assert peak == pytest.approx(tera, rel=0.005)


@pytest.mark.parametrize("name", device_names())
def test_every_number_has_a_source(name: str) -> None:
    device = read_device(name)
    assert set(device.parameters.sources) == set(device.parameters.values)
    assert all(device.parameters.sources.values())
    assert device == read_device(DATA / f"{name}.toml")


def test_stand_ins_are_told() -> None:
    assert read_device("v100").stand_ins == ()
    assert any(text.startswith("dram_measured_gb_s: stand-in") for text in read_device("rtx2080ti").stand_ins)


def test_v100_has_no_int8() -> None:
    with pytest.raises(HaloError, match="V100 SXM2 multiply no int8") as error:
        read_device("v100").instruction("int8", "int32")
    assert "fp16 with fp32 sums" in error.value.fix


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("l2_bytes =", "# l2_bytes =", "l2_bytes is missing"),
        ("interval_cycles =", "# interval_cycles =", "interval_cycles is missing"),
        ("sms = { value = 80", "sms = { value = 80.5", "sms = 80.5 is no count"),
        ("clock_ghz = { value = 1.53", "clock_ghz = { value = 0", "clock_ghz is zero"),
        ("dram_gb_s = { value = 900", "dram_gb_s = { value = 800", "dram_measured_gb_s is above dram_gb_s"),
        ("sms =", "smss =", "'smss' is unknown"),
        ('value = "fp16"', 'value = "fp61"', "operand = 'fp61' is unknown"),
        ("[[mma]]", "[mma]", "mma is missing"),
    ],
)
def test_a_bad_file_says_which_number(tmp_path: Path, old: str, new: str, what: str) -> None:
    text = (DATA / "v100.toml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "gpu.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(HaloError) as error:
        read_device(file)
    assert what in error.value.what and error.value.path == str(file)


def test_an_unknown_name_says_the_known_ones() -> None:
    with pytest.raises(HaloError, match="no device v1000") as error:
        read_device("v1000")
    assert "a100-40, a100-80, rtx2080ti, v100" in error.value.fix
