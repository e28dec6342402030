# SPDX-License-Identifier: Apache-2.0
"""What --arch names: arrays and GPUs as one protocol, with their peaks by hand."""

from __future__ import annotations

import pytest

from halo.errors import HaloError
from halo.flow.scoring.machine import GpuMachine, Machine, SystolicMachine, read_machine


def test_an_array_is_one_mac_an_element() -> None:
    machine = read_machine("systolic-128")
    assert isinstance(machine, SystolicMachine)
    assert machine.peak_macs("int8", 2.0) == machine.peak_macs("fp16", 2.0) == 128 * 128 * 2e9
    assert machine.bandwidth_gb_s == machine.arch.dram_gb_s
    assert machine.multiplies("fp16") and machine.own_float_clock and not machine.side_by_side
    assert machine.regulator == "ivr"


def test_a_gpu_is_its_tensor_cores() -> None:
    machine = read_machine("a100-80")
    assert isinstance(machine, GpuMachine)
    # A100: 624 int8 TOPS and 312 fp16 TFLOPS at 1.41 GHz, two operations a multiply-accumulate
    assert machine.peak_macs("int8", 1.41) == pytest.approx(312e12, rel=0.001)
    assert machine.peak_macs("fp16", 1.41) == pytest.approx(156e12, rel=0.001)
    assert machine.bandwidth_gb_s == machine.device.dram_measured_gb_s < machine.device.dram_gb_s
    assert machine.side_by_side and machine.regulator == "gpu_driver"


def test_what_a_gpu_cannot_multiply_has_no_peak() -> None:
    machine: Machine = read_machine("v100")
    assert machine.multiplies("fp16") and not machine.multiplies("int8")
    with pytest.raises(HaloError, match="multiply no int8"):
        machine.peak_macs("int8", 1.53)
