# SPDX-License-Identifier: Apache-2.0
"""What ``halo inspect`` prints: modules, the top's ports, and the roles that they would get.

Tests: tests/flow/test_inspection.py.
"""

from __future__ import annotations

from halo.characterization.ports import Roles
from halo.flow.inspection import Inspection
from halo.netlist.hdl import ModuleInfo, PortInfo
from halo.report.model import Report, Section, Table, closing


def inspection_report(found: Inspection) -> Report:
    """Report of a design: its ports, and for the operands how their bits are read.

    Where the roles are not clear it says why, in the words of ``halo characterize``.
    """
    sections = [_modules(found)] if found.modules or found.top is not None else []
    if found.top is not None:
        sections.append(Section(f"top {found.top}", [_ports(found.ports, found.roles)]))
    if found.unclear is not None:
        what = "no top module found" if found.top is None else "roles are not clear"
        sections.append(Section(f"{what}: {found.unclear.what}", [found.unclear.fix]))
    if found.roles is not None:
        sections += closing(found.roles.assumptions, ())
    return Report("", sections)


def _modules(found: Inspection) -> Section:
    if not found.modules:
        return Section("modules are not listed: the design is a netlist, or only Yosys' own reader takes it", [])
    return Section("modules", [_module(module) for module in found.modules])


def _module(module: ModuleInfo) -> str:
    values = ", ".join(f"{p.name} = {p.value if p.value is not None else '?'}" for p in module.parameters)
    return f"{module.name}{f' #({values})' if values else ''}   {module.path}:{module.line}"


def _reading(port: str, roles: Roles) -> str:
    """How the values of an operand follow from its bits, where a netlist or an option does not say otherwise."""
    encodings = {roles.weight: roles.weight_encoding, roles.activation: roles.activation_encoding}
    if port not in encodings:
        return ""
    values = encodings[port].values
    return f", read as {'' if encodings[port].signed else 'un'}signed: {values[0]:,} to {values[-1]:,}"


def _ports(ports: tuple[PortInfo, ...], roles: Roles | None) -> Table:
    rows = [
        (
            port.direction,
            port.name,
            f"{port.width:>3} bit{'' if port.width == 1 else 's'}",
            "signed" if port.signed else "unsigned",
            "" if roles is None else roles.of(port.name) + _reading(port.name, roles),
        )
        for port in ports
    ]
    return Table((), rows, "l")
