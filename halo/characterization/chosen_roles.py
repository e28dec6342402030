# SPDX-License-Identifier: Apache-2.0
"""Roles of the ports as the options of a command choose them.

Tests: tests/characterization/test_control_ports.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from halo.characterization.ports import Roles, find_roles
from halo.config import DesignConfig
from halo.errors import HaloError
from halo.netlist.controls import Control
from halo.netlist.hdl import PortInfo
from halo.netlist.sources import Sources


def chosen_roles(ports: Sequence[PortInfo], options: DesignConfig, controls: Mapping[str, Control]) -> Roles:
    """Roles of the ports as the options say, and else as ``find_roles`` finds them.

    Raises:
        HaloError: as ``find_roles``.
    """
    return find_roles(
        ports,
        weight=options.weight,
        activation=options.activation,
        accumulator=options.accumulator,
        output=options.output,
        clock=options.clock,
        tie=dict(options.ties),
        signed=options.signed,
        unsigned=options.unsigned,
        controls=controls,
    )


def controls_of_rtl(
    sources: Sources | Sequence[str | Path],
    top: str,
    parameters: Mapping[str, int | str],
    ports: Sequence[PortInfo],
    options: DesignConfig,
) -> dict[str, Control]:
    """What the one-bit inputs of RTL do to its registers, where the names of the ports leave something open.

    Raises:
        HaloError: the sources cannot be read.
    """
    from halo.synth.controls import rtl_controls  # loads Yosys, which few designs need here

    try:
        chosen_roles(ports, options, {})
    except HaloError:
        return rtl_controls(sources, top, parameters)
    return {}
