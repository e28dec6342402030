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
    """Report of a design. Where the roles are not clear it says why, in the words of ``halo characterize``."""
    sections = [_modules(found)]
    if found.top is not None:
        sections.append(Section(f"top {found.top}", [_ports(found.ports, found.roles)]))
    if found.unclear is not None:
        what = "no top module found" if found.top is None else "roles are not clear"
        sections.append(Section(f"{what}: {found.unclear.what}", [found.unclear.fix]))
    if found.roles is not None:
        sections += closing(found.roles.assumptions, ())
    return Report("", sections)


def _modules(found: Inspection) -> Section:
    beyond = found.unreadable
    if beyond is None:
        return Section("modules", [_module(module) for module in found.modules])
    place = f"{beyond.path}:{beyond.line}" if beyond.line else f"{beyond.path}"
    return Section(f"modules are not listed: {place}: {beyond.what} (the top's ports come from Yosys)", [])


def _module(module: ModuleInfo) -> str:
    values = ", ".join(f"{p.name} = {p.value if p.value is not None else '?'}" for p in module.parameters)
    return f"{module.name}{f' #({values})' if values else ''}   {module.path}:{module.line}"


def _ports(ports: tuple[PortInfo, ...], roles: Roles | None) -> Table:
    rows = [
        (
            port.direction,
            port.name,
            f"{port.width:>3} bit{'' if port.width == 1 else 's'}",
            "signed" if port.signed else "unsigned",
            "" if roles is None else roles.of(port.name),
        )
        for port in ports
    ]
    return Table((), rows, "l")
