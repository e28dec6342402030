"""What a Verilog design looks like to halo: modules, parameters, ports, and the roles they would get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from halo.characterization.interface import read_ports
from halo.characterization.ports import Roles, find_roles
from halo.errors import HaloError
from halo.netlist.hdl import ModuleInfo, PortInfo, inspect
from halo.netlist.preprocess import UnreadableHdlError


def describe(files: Sequence[Path], top: str | None = None, parameters: Mapping[str, int | str] | None = None) -> str:
    """The modules of some files, and the top's ports with their likely roles in a MAC.

    Where the roles are not clear, the text says why: the same words ``halo characterize`` would fail with.

    Raises:
        HaloError: a file is missing or is no Verilog, or the named top or parameter is not there.
    """
    unreadable = None
    try:
        blocks = [_modules(inspect(files, top, parameters))]
    except UnreadableHdlError as beyond:  # Yosys may still read it
        unreadable = beyond
        place = f"{beyond.path}:{beyond.line}" if beyond.line else f"{beyond.path}"
        blocks = [f"modules are not listed: {place}: {beyond.what} (the top's ports come from Yosys)"]
    try:
        name, ports = read_ports(files, top, parameters)
    except HaloError as unclear:
        if unreadable is not None or top is not None or parameters:
            raise
        return "\n\n".join([*blocks, f"no top module found: {unclear.what}\n  {unclear.fix}"])
    try:
        roles = find_roles(ports)
    except HaloError as unclear:
        return "\n\n".join([*blocks, _top(name, ports, None), f"roles are not clear: {unclear.what}\n  {unclear.fix}"])
    return "\n\n".join([*blocks, _top(name, ports, roles), *_notes(roles)])


def _modules(modules: Sequence[ModuleInfo]) -> str:
    return "\n".join(["modules", *(f"  {_module(module)}" for module in modules)])


def _module(module: ModuleInfo) -> str:
    values = ", ".join(f"{p.name} = {p.value if p.value is not None else '?'}" for p in module.parameters)
    return f"{module.name}{f' #({values})' if values else ''}   {module.path}:{module.line}"


def _top(name: str, ports: Sequence[PortInfo], roles: Roles | None) -> str:
    lines = [f"top {name}"]
    width = max((len(port.name) for port in ports), default=0)
    for port in ports:
        sign = "signed  " if port.signed else "unsigned"
        bits = f"{port.width:>3} bit{' ' if port.width == 1 else 's'}"
        role = f"  {_role(port.name, roles)}" if roles is not None else ""
        lines.append(f"  {port.direction:<6}  {port.name:<{width}}  {bits}  {sign}{role}".rstrip())
    return "\n".join(lines)


def _role(port: str, roles: Roles) -> str:
    named = {
        roles.weight: "weight",
        roles.activation: "activation",
        roles.accumulator: "accumulator",
        roles.output: "output",
        roles.clock: "clock",
    }
    held = f"held at {roles.tie[port]}" if port in roles.tie else ""
    return "reset, " + held if port in roles.resets else named.get(port, held)


def _notes(roles: Roles) -> list[str]:
    return (
        ["\n".join(["assumptions", *(f"  - {sentence}" for sentence in roles.assumptions)])]
        if roles.assumptions
        else []
    )
