# SPDX-License-Identifier: Apache-2.0
"""What a Verilog design looks like to halo: modules, parameters, ports, and the roles they would get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halo.characterization.interface import read_ports
from halo.characterization.ports import Roles, find_roles
from halo.errors import HaloError
from halo.netlist.hdl import ModuleInfo, PortInfo, inspect
from halo.netlist.preprocess import UnreadableHdlError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Inspection:
    """A design as halo sees it.

    Attributes:
        modules: of the files; empty where only Yosys can read them.
        unreadable: why the modules are not listed; None: they are.
        top: name of the top module; None: not found.
        ports: of the top.
        roles: of the ports; None: not clear.
        unclear: why there is no top, or no roles: what ``halo characterize`` would fail with.
    """

    modules: tuple[ModuleInfo, ...] = ()
    unreadable: UnreadableHdlError | None = None
    top: str | None = None
    ports: tuple[PortInfo, ...] = ()
    roles: Roles | None = None
    unclear: HaloError | None = None

    def to_pandas(self) -> pd.DataFrame:
        """One row a port of the top: direction, name, width (none where it is not known), signed, role."""
        import pandas as pd

        rows = [
            (port.direction, port.name, port.width, port.signed, self.roles.of(port.name) if self.roles else "")
            for port in self.ports
        ]
        return pd.DataFrame(rows, columns=["direction", "name", "width", "signed", "role"]).astype({"width": "Int64"})

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False))


def inspect_design(
    files: Sequence[Path], top: str | None = None, parameters: Mapping[str, int | str] | None = None
) -> Inspection:
    """Read the modules of some files, and the top's ports with their likely roles in a MAC.

    Args:
        files: Verilog or SystemVerilog.
        top: top module; None: the only one that no other instantiates.
        parameters: of the top that differ from their defaults.

    Raises:
        HaloError: a file is missing or is no Verilog, or the named top or parameter is not there.
    """
    modules: tuple[ModuleInfo, ...] = ()
    unreadable = None
    try:
        modules = tuple(inspect(files, top, parameters))
    except UnreadableHdlError as beyond:  # Yosys may still read it
        unreadable = beyond
    try:
        name, ports = read_ports(files, top, parameters)
    except HaloError as unclear:
        if unreadable is not None or top is not None or parameters:
            raise
        return Inspection(modules, unclear=unclear)
    try:
        return Inspection(modules, unreadable, name, tuple(ports), find_roles(ports))
    except HaloError as unclear:
        return Inspection(modules, unreadable, name, tuple(ports), unclear=unclear)
