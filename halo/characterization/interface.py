# SPDX-License-Identifier: Apache-2.0
"""The ports of the design: from its Verilog (pyverilog, else Yosys' own view) or from a gate netlist.

Tests: tests/characterization/test_interface_and_signedness.py.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from halo.errors import HaloError
from halo.netlist.hdl import PortInfo, find_top, inspect
from halo.netlist.model import Netlist
from halo.netlist.preprocess import UnreadableHdlError

_MODULE = re.compile(r"^\s*module\s+(?:automatic\s+)?([A-Za-z_]\w*)", re.MULTILINE)


def read_ports(
    sources: Sequence[str | Path], top: str | None = None, parameters: Mapping[str, int | str] | None = None
) -> tuple[str, tuple[PortInfo, ...]]:
    """Name and ports of the top module of some Verilog or SystemVerilog.

    pyverilog reads it first; where it cannot (SystemVerilog, ranges given by functions), Yosys elaborates the top.

    Raises:
        HaloError: as ``halo.netlist.hdl.inspect``. If neither reads the files: pyverilog's error for Verilog, Yosys'
            for SystemVerilog (``.sv``).
    """
    try:
        module = find_top(inspect(sources, top, parameters), top)
    except UnreadableHdlError as unreadable:
        name = top or _only_module(sources)
        if name is None:
            raise HaloError(
                f"{unreadable.what}; the top module cannot be found without reading this file",
                "Name the top module with --top, or correct the Verilog there.",
                unreadable.path,
                unreadable.line,
            ) from None
        try:
            return name, _yosys(sources, name, parameters)
        except HaloError:
            if any(Path(source).suffix.lower() == ".sv" for source in sources):
                raise
            raise unreadable from None
    if all(port.width is not None for port in module.ports):
        return module.name, module.ports
    return module.name, _yosys(sources, module.name, parameters)


def netlist_ports(netlist: Netlist) -> tuple[PortInfo, ...]:
    """Ports of a gate netlist; signedness only where the netlist kept it."""
    groups = (("input", netlist.inputs), ("output", netlist.outputs))
    return tuple(
        PortInfo(
            name=name,
            direction=direction,
            width=len(bits),
            signed=name in netlist.signed_ports,
            lsb=netlist.port_lsb[name],
            scalar=name in netlist.scalar_ports,
        )
        for direction, ports in groups
        for name, bits in ports.items()
    )


def _only_module(sources: Sequence[str | Path]) -> str | None:
    names = [name for source in sources for name in _MODULE.findall(Path(source).read_text(errors="replace"))]
    return names[0] if len(names) == 1 else None


def _yosys(sources: Sequence[str | Path], top: str, parameters: Mapping[str, int | str] | None) -> tuple[PortInfo, ...]:
    # Synthesis stands beside this layer: loading it (pyosys) costs time that plain Verilog need not spend.
    from halo.synth import ports_by_yosys

    with tempfile.TemporaryDirectory(prefix="halo-ports-") as scratch:
        paths = [Path(source) for source in sources]
        found = ports_by_yosys(paths, top, parameters or {}, workdir=Path(scratch))
    return tuple(PortInfo(name, direction, width, signed) for name, direction, width, signed in found)
