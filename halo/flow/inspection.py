# SPDX-License-Identifier: Apache-2.0
"""What a design looks like to halo: modules, parameters, ports, and the roles they get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halo.characterization.chosen_roles import chosen_roles, controls_of_rtl
from halo.characterization.interface import netlist_ports, read_face
from halo.characterization.ports import Roles
from halo.config import DesignConfig
from halo.errors import HaloError
from halo.flow.runs.assets import DEFAULT_MAC, design_sources
from halo.liberty import read_corner
from halo.netlist.controls import Control, netlist_controls
from halo.netlist.hdl import ModuleInfo, NoSingleTopError, PortInfo
from halo.netlist.port_groups import group_ports
from halo.netlist.supplies import without_supplies
from halo.netlist.verilog import read_netlist

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class InspectionConfig(DesignConfig):
    """Options of ``halo inspect``: those of the design, and

    Attributes:
        liberty: library of the netlist, to see its clocks and resets; none: they are found by name.
    """

    liberty: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """A design as halo sees it.

    Attributes:
        modules: of the files; empty where only Yosys' own reader takes them.
        top: name of the top module; None: not found.
        ports: of the top.
        roles: of the ports; None: not clear.
        unclear: why there is no top, or no roles: what ``halo characterize`` would fail with.
    """

    modules: tuple[ModuleInfo, ...] = ()
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


def inspect_design(config: InspectionConfig) -> Inspection:
    """Read the modules of a design, and the top's ports with their roles in a MAC.

    Raises:
        HaloError: a file is missing or cannot be read, or the named top or parameter is not there.
    """
    if config.netlist:
        netlist = read_netlist(config.netlist, config.top)
        controls: dict[str, Control] = {}
        if config.liberty:
            library = read_corner(config.liberty)
            netlist = without_supplies(netlist, library)
            controls = netlist_controls(netlist, library)
        return _inspection((), netlist.name, netlist_ports(netlist), config, controls)
    sources, _ = design_sources(config.files, config.file_lists, config.defines, config.include_dirs)
    default = None if config.files or config.file_lists else DEFAULT_MAC
    parameters = dict(config.params)
    try:
        face = read_face(sources, config.top or default, parameters)
    except NoSingleTopError as unclear:
        if parameters:
            raise
        return Inspection(unclear.modules, unclear=unclear)
    controls = controls_of_rtl(sources, face.top, parameters, face.ports, config)
    return _inspection(face.modules, face.top, face.ports, config, controls)


def _inspection(
    modules: tuple[ModuleInfo, ...],
    top: str,
    ports: tuple[PortInfo, ...],
    config: InspectionConfig,
    controls: Mapping[str, Control],
) -> Inspection:
    named = (config.weight, config.activation, config.accumulator, config.output, config.clock)
    asked = [name for name in (*named, *dict(config.ties)) if name is not None]
    shown = tuple(group.info for group in group_ports(ports, asked))
    try:
        return Inspection(modules, top, shown, chosen_roles(ports, config, controls))
    except HaloError as unclear:
        return Inspection(modules, top, shown, unclear=unclear)
