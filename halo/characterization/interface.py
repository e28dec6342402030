# SPDX-License-Identifier: Apache-2.0
"""The ports of the design: from its Verilog (pyverilog, slang, else Yosys' own view) or from a gate netlist.

Tests: tests/characterization/test_interface_and_signedness.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from halo.errors import HaloError
from halo.netlist.hdl import ModuleInfo, PortInfo, find_top, inspect
from halo.netlist.model import Netlist
from halo.netlist.port_groups import regroup
from halo.netlist.preprocess import UnreadableHdlError
from halo.netlist.sources import Sources


@dataclass(frozen=True)
class DesignFace:
    """A design from outside.

    Attributes:
        top: name of the top module.
        ports: of the top, all widths known.
        modules: of the design; empty where only Yosys' own reader takes the files.
    """

    top: str
    ports: tuple[PortInfo, ...]
    modules: tuple[ModuleInfo, ...] = ()


def read_face(
    sources: Sources | Sequence[str | Path],
    top: str | None = None,
    parameters: Mapping[str, int | str] | None = None,
) -> DesignFace:
    """Top module, ports and modules of some Verilog or SystemVerilog.

    pyverilog reads plain Verilog. SystemVerilog, and what pyverilog cannot read (ranges given by functions), is
    elaborated by slang, and what slang refuses by Yosys' own reader.

    Raises:
        HaloError: as ``halo.netlist.hdl.inspect``; if none reads the files, slang's error; or a parameter reverses the
            range of a port.
    """
    given = Sources.of(sources)
    if not given.systemverilog:
        try:
            modules = inspect(given, top, parameters)
            module = find_top(modules, top)
            if all(port.width is not None for port in module.ports):
                _require_forward_ranges(module, parameters or {})
                return DesignFace(module.name, module.ports, tuple(modules))
            top = module.name
        except UnreadableHdlError:
            pass
    # Synthesis stands beside this layer: loading it (pyosys) costs time that plain Verilog need not spend.
    from halo.synth import ports_by_yosys
    from halo.synth.slang import SlangRefusedError, elaborate, module_places

    with tempfile.TemporaryDirectory(prefix="halo-ports-") as scratch:
        folder = Path(scratch).resolve()
        try:
            found = elaborate(given, top, parameters or {}, folder)
            _require_forward_ranges(found.top, parameters or {})
            return DesignFace(found.top.name, found.top.ports, found.modules)
        except SlangRefusedError as refused:
            names = list(module_places(given))
            name = top or (names[0] if len(names) == 1 else None)
            if name is None:
                raise
            try:
                ports = ports_by_yosys(given, name, parameters or {}, workdir=folder)
            except HaloError:
                raise refused from None
    return DesignFace(name, tuple(PortInfo(port.name, port.direction, port.width, port.signed) for port in ports))


def _require_forward_ranges(module: ModuleInfo, given: Mapping[str, int | str]) -> None:
    """Check that no port has a range as ``[-1:0]``: ``[W-1:0]`` with W=0, which Verilog takes for two bits.

    Raises:
        HaloError: one has, and the module has parameters that it can come from.
    """
    for port in module.ports:
        if port.upward and port.lsb == 0 and port.width is not None and module.parameters:
            values = ", ".join(f"{name}={value}" for name, value in given.items())
            names = ", ".join(parameter.name for parameter in module.parameters)
            raise HaloError(
                f"port {port.name} has the reversed range [{1 - port.width}:0]" + (f" with {values}" if values else ""),
                f"Give the parameter of its width 1 or more with --param; {module.name} has {names}.",
                module.path,
                port.line or module.line,
            )


def read_ports(
    sources: Sources | Sequence[str | Path],
    top: str | None = None,
    parameters: Mapping[str, int | str] | None = None,
) -> tuple[str, tuple[PortInfo, ...]]:
    """Name and ports of the top module, as ``read_face`` finds them.

    Raises:
        HaloError: as ``read_face``.
    """
    face = read_face(sources, top, parameters)
    return face.top, face.ports


def with_operands(netlist: Netlist, asked: Sequence[str]) -> Netlist:
    """The netlist in a view in which the named operands are ports (``halo.netlist.port_groups``).

    Raises:
        HaloError: as ``halo.netlist.port_groups.group_ports``.
    """
    return regroup(netlist, netlist_ports(netlist), asked)


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
            upward=name in netlist.upward_ports,
        )
        for direction, ports in groups
        for name, bits in ports.items()
    )
