# SPDX-License-Identifier: Apache-2.0
"""File lists, macros and include folders: what the readers get to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.netlist.filelist import parse_define, read_sources
from halo.netlist.hdl import inspect
from halo.netlist.sources import Sources
from halo.netlist.verilog import read_netlist
from halo.synth import ports_by_yosys
from halo.synth.slang import elaborate

MAC = '`include "types.vh"\nmodule mac(input [`W-1:0] a, input [`W-1:0] b, output [2*`W-1:0] y);\n'
MAC += "  assign y = a * b;\nendmodule\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("rtl", "include"):
        (tmp_path / folder).mkdir()
    (tmp_path / "rtl" / "mac.v").write_text(MAC)
    (tmp_path / "rtl" / "defines.v").write_text("// widths only\n`ifndef W\n`define W 5\n`endif\n")
    (tmp_path / "include" / "types.vh").write_text("// nothing\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project: Path, text: str, name: str = "mac.f") -> Path:
    (project / name).write_text(text)
    return Path(name)


def test_a_list_with_everything(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTL", "rtl")
    write(project, "mac.v\n", "rtl/own.f")
    listed = write(
        project,
        "// a MAC\n+incdir+include /* and\nmore */ -sv\n+define+W=3+FAST -DNARROW # all\n"
        "$RTL/defines.v\n-F ${RTL}/own.f\n",
    )
    sources, lists = read_sources([Path("rtl/mac.v")], [listed], [("W", "4")])
    assert sources == Sources(
        (Path("rtl/defines.v"), Path("rtl/mac.v")),
        (("W", "4"), ("FAST", "1"), ("NARROW", "1")),
        (Path("include"),),
    )
    assert lists == (Path("mac.f"), Path("rtl/own.f"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rtl/mac.v\nrtl/gone.v\n", r"mac.f:2: there is no file rtl/gone.v"),
        ("-y rtl\n", r"mac.f:1: -y is no option"),
        ("\n+incdir+gone\n", r"mac.f:2: there is no folder gone"),
        ("$NOT_SET_HERE/a.v\n", r"mac.f:1: environment variable NOT_SET_HERE is not set"),
        ("-f mac.f\n", r"mac.f:1: file lists name each other without end"),
        ("-f gone.f\n", r"mac.f:1: there is no file list gone.f"),
        ("-D 8=x\n", r"mac.f:1: 8=x is no macro"),
        ("rtl/mac.v -I", r"mac.f:1: -I at the end of the list"),
        ("'rtl/mac.v\n", r"mac.f:1: this line cannot be read"),
    ],
)
def test_bad_lists(project: Path, text: str, message: str) -> None:
    with pytest.raises(HaloError, match=message):
        read_sources([], [write(project, text)])


def test_a_path_that_counts_from_the_list_is_told(project: Path) -> None:
    write(project, "mac.v\n", "rtl/own.f")
    with pytest.raises(HaloError, match=r"there is no file mac.v\nIt is there seen from the list: write -F rtl/own.f"):
        read_sources([], [Path("rtl/own.f")])


def test_macros(project: Path) -> None:
    assert [parse_define(text) for text in ("W", "W=8", "W=", "W=a b", "8", 'W="x"')] == [
        ("W", "1"),
        ("W", "8"),
        ("W", ""),
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(("defines", "width"), [((), 5), ((("W", "3"),), 3)])
def test_all_readers_see_macros_and_include_folders(
    project: Path, defines: tuple[tuple[str, str], ...], width: int
) -> None:
    """A file of macros only comes first; ``W`` that is given wins over it, through the conditional."""
    sources = Sources((Path("rtl/defines.v"), Path("rtl/mac.v")), defines, (Path("include"),))
    scratch = project / "scratch"
    scratch.mkdir()
    assert [port.width for port in inspect(sources)[0].ports] == [width, width, 2 * width]
    assert [port.width for port in elaborate(sources, None, {}, scratch).top.ports] == [width, width, 2 * width]
    assert [port.width for port in ports_by_yosys(sources, "mac", workdir=scratch)] == [width, width, 2 * width]


def test_an_include_that_is_nowhere(project: Path) -> None:
    with pytest.raises(
        HaloError, match=r"mac.v:1: file not found.*types.vh\nGive the folder it is in with include_dirs"
    ):
        inspect(Sources((Path("rtl/mac.v"),), (("W", "3"),)))


def test_files_of_macros_alone_hold_no_module(project: Path) -> None:
    with pytest.raises(HaloError, match="the files hold no module"):
        inspect([Path("rtl/defines.v")])


@pytest.mark.parametrize("name", ["cells.lib", "cells.lib.gz"])
def test_a_liberty_file_is_no_source(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    for read in (Sources((path,)).require, lambda: read_netlist(path)):
        with pytest.raises(HaloError, match="a Liberty file by its name") as refused:
            read()
        assert "liberty" in refused.value.fix
