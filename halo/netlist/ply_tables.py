# SPDX-License-Identifier: Apache-2.0
"""pyverilog's parser, built once and without litter.

PLY derives the LALR tables anew (about one second) unless it can import them as ``pyverilog.vparser.parsetab``, which
it writes to its output folder. That folder is temporary here; the tables are kept in the user's cache, which is put on
that package's path while the parser is built, and PLY itself checks that they belong to its grammar. That path belongs
to the whole process, and so does the one parser: read Verilog from one thread at a time.

Tests: tests/netlist/test_hdl_inspect.py.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import warnings
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from halo.cachedir import cache_folder

_PACKAGE = "pyverilog.vparser"
_TABLES = "parsetab"


@lru_cache(maxsize=1)
def verilog_parser() -> Any:
    """The process's one ``pyverilog.vparser.parser.VerilogParser``; reset its lexer's line before each use."""
    with warnings.catch_warnings():
        # pyverilog 1.3 leaves a file open and has invalid escapes in plain strings.
        warnings.simplefilter("ignore")
        from pyverilog.vparser.parser import VerilogParser
    kept = cache_folder(f"pyverilog-{metadata.version('pyverilog')}")
    path = importlib.import_module(_PACKAGE).__path__
    path.insert(0, str(kept))
    importlib.invalidate_caches()
    try:
        with tempfile.TemporaryDirectory(prefix="halo_ply_") as folder:
            try:
                parser = VerilogParser(outputdir=folder, debug=False)
            except (SyntaxError, ValueError, AttributeError):
                # Damaged tables: without them PLY derives its own.
                with contextlib.suppress(OSError):
                    (kept / f"{_TABLES}.py").unlink()
                sys.modules.pop(f"{_PACKAGE}.{_TABLES}", None)
                importlib.invalidate_caches()
                parser = VerilogParser(outputdir=folder, debug=False)
            _keep(Path(folder) / f"{_TABLES}.py", kept)
    finally:
        path.remove(str(kept))
        sys.modules.pop(f"{_PACKAGE}.{_TABLES}", None)
    return parser


def _keep(written: Path, kept: Path) -> None:
    """Move freshly derived tables into the cache in one step; a cache that cannot be written costs a second."""
    if not written.is_file():
        return
    with contextlib.suppress(OSError):
        kept.mkdir(parents=True, exist_ok=True)
        draft = kept / f"{_TABLES}.{os.getpid()}.tmp"
        draft.write_bytes(written.read_bytes())
        draft.replace(kept / written.name)
