# SPDX-License-Identifier: Apache-2.0
"""Reader of structural gate-level Verilog.

A tokenizer of one regular expression and a recursive-descent parser (``tokens``, ``syntax``, ``flatten``). pyverilog
was tried: it is several times slower and yields a syntax tree only.

Tests: tests/netlist/test_verilog_reader.py.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Container, Sequence
from difflib import get_close_matches
from pathlib import Path

from halo.errors import HaloError
from halo.netlist.flatten import flatten
from halo.netlist.model import Netlist
from halo.netlist.sources import refuse_liberty
from halo.netlist.syntax import ModuleText, parse
from halo.netlist.text import decode
from halo.netlist.tokens import tokenize


def read_netlist(path: str | Path | Sequence[Path], top: str | None = None, cells: Container[str] = ()) -> Netlist:
    """Read a gate netlist and flatten it.

    Args:
        path: Verilog file, also gzipped (whatever its suffix), or the files of a hierarchical netlist.
        top: module to read; without it the one module that no other instantiates.
        cells: names of library cells. A module of such a name is that cell, whatever the file holds of it (simulation
            models that were concatenated with the netlist).

    Returns:
        A flat netlist. Inner names are joined with dots (``u1.n5``), vector bits are ``name[i]``. Pins tied to a
        constant hang on a net ``1'b0`` or ``1'b1``; an undefined one (``1'bx``) on the undriven net ``1'bx``.

    Raises:
        HaloError: file missing or not text, syntax error, behavioural construct, top not found or not unique, several
            drivers of a net, width mismatch; with file and line.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else list(path)
    modules: dict[str, ModuleText] = {}
    for file in paths:
        refuse_liberty(file)
        for name, module in parse(tokenize(_read(file), str(file)), cells).items():
            if name in modules and not (module.is_cell or modules[name].is_cell):
                first = f"{modules[name].path}:{modules[name].line}"
                what = f"module {name} is defined twice, before at {first}"
                raise HaloError(what, "Give one of the two.", file, module.line)
            if name not in modules or modules[name].is_cell:  # an empty shell stands for what another file holds
                modules[name] = module
    first_path = str(paths[0])
    return flatten(modules, _top(modules, top, first_path), first_path)


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b" or path.suffix == ".gz":
            data = gzip.decompress(data)
        text = decode(data)
    except FileNotFoundError:
        raise HaloError("netlist not found", "Check the path.", path) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise HaloError(f"damaged gzip file ({error})", "Fetch or write it again.", path) from None
    except OSError as error:
        raise HaloError(f"cannot read the netlist: {error.strerror}", "Check the path.", path) from None
    if text is None:
        raise HaloError("not a text file", "Give a Verilog gate netlist.", path)
    return text


def _top(modules: dict[str, ModuleText], top: str | None, path: str) -> str:
    real = [name for name, module in modules.items() if not module.is_cell]
    if top is not None:
        if top in modules:
            return top
        near = get_close_matches(top, modules, 3, 0.5) or real[:8]
        raise HaloError(
            f"no module {top} in the netlist",
            f"Give one of its modules with --top: {', '.join(near)}." if near else "Give a netlist that holds it.",
            path,
        )
    if not real:
        raise HaloError("the file holds no module with instances", "Give a Verilog gate netlist.", path)
    used = {instance.cell for name in real for instance in modules[name].instances}
    roots = [name for name in real if name not in used]
    if len(roots) != 1:
        raise HaloError(
            f"{len(roots) or 'no'} modules could be the top: {', '.join(roots or real)}",
            "Name the top module with --top.",
            path,
        )
    return roots[0]
