# SPDX-License-Identifier: Apache-2.0
"""Where the Verilog and the testbenches are: in the checkout when installed editable, inside the package in a wheel.

Tests: tests/flow/test_characterize.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from halo.errors import HaloError
from halo.netlist.filelist import read_sources
from halo.netlist.sources import Sources
from halo.version import PACKAGE

DEFAULT_MAC = "mac_element"
"""Top module where the user gives no Verilog: Booth digits between registers, a partial sum of two words."""


def mac_sources() -> tuple[Path, ...]:
    """The Verilog of all MACs and multipliers that come with halo, sorted by name."""
    return tuple(sorted((rtl_folder() / "mac").glob("*.v")))


def element_sources(element: str = DEFAULT_MAC) -> tuple[Path, ...]:
    """The Verilog of a MAC between registers, the last file, and all that it may hold."""
    pe = rtl_folder() / "pe"
    return (*mac_sources(), pe / "pe_datapath.v", pe / f"{element}.v")


def design_sources(
    files: Sequence[Path],
    file_lists: Sequence[Path] = (),
    defines: Iterable[tuple[str, str]] = (),
    include_dirs: Iterable[Path] = (),
) -> tuple[Sources, tuple[Path, ...]]:
    """The sources of a run, those of the default MAC where none are given; and all files read for them, lists too.

    Raises:
        HaloError: as ``halo.netlist.filelist.read_sources``.
    """
    if not files and not file_lists:
        return Sources(element_sources()), element_sources()
    sources, lists = read_sources(files, file_lists, defines, include_dirs)
    sources.require()
    return sources, (*lists, *sources.files)


def rtl_folder() -> Path:
    """Folder of the synthesizable Verilog.

    Raises:
        HaloError: the installation is incomplete.
    """
    return _folder("rtl")


def sim_folder() -> Path:
    """Folder of the cocotb testbenches.

    Raises:
        HaloError: the installation is incomplete.
    """
    return _folder("sim")


def _folder(name: str) -> Path:
    for folder in (PACKAGE / "_data" / name, PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise HaloError(
        f"the installation lacks its {name}/ folder", "Install again: pip install --force-reinstall halo-mac."
    )
