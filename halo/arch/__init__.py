# SPDX-License-Identifier: Apache-2.0
"""Systolic arrays, tensor cores and memory: their parameters, and the cycles that an array takes."""

from halo.arch.gpu.device import Device, device_names, read_device
from halo.arch.systolic.array import SystolicArch, arch_names, read_arch
from halo.arch.systolic.os_cycles import OsArray, OsTile, os_cycles, os_tiles
from halo.arch.systolic.ws_cycles import WsArray, WsTile, ws_cycles, ws_tiles

__all__ = [
    "Device",
    "OsArray",
    "OsTile",
    "SystolicArch",
    "WsArray",
    "WsTile",
    "arch_names",
    "device_names",
    "os_cycles",
    "os_tiles",
    "read_arch",
    "read_device",
    "ws_cycles",
    "ws_tiles",
]
