# SPDX-License-Identifier: Apache-2.0
"""Tests of the user's own: a cocotb file that runs on one of halo's designs, or on a design of the user's.

``components`` and ``models`` of ``sim/`` can be imported in it, and whatever lies beside it. cocotb's verdict counts: a
test passes unless it raises. One that ends with a ``Report`` shows its numbers in the table.

Tests: tests/flow/simulators/test_own_bench.py.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from halo.characterization.interface import read_face
from halo.config import IDENTIFIER, SourcesConfig
from halo.errors import HaloError
from halo.flow.runs.assets import design_sources
from halo.flow.simulators.benches import Bench, Parameter


def with_tests(bench: Bench, file: Path) -> Bench:
    """A bench whose tests are those of a file.

    Raises:
        HaloError: there is no such file, it is not Python, or its name is no module's.
    """
    if not file.is_file():
        raise HaloError("there is no such file", "Check the path.", file)
    if file.suffix != ".py" or not IDENTIFIER.match(file.stem):
        raise HaloError("this is no name of a Python module", "Name it as in tb_my_mac.py.", file)
    try:
        ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise HaloError(f"{error.msg}", "Correct the Python there.", file, error.lineno) from None
    except ValueError:
        raise HaloError("not a text file", "Give a Python file with cocotb tests.", file) from None
    return replace(bench, module=file.stem, tests_file=file)


def own_design(config: SourcesConfig, file: Path) -> tuple[Bench, tuple[Path, ...]]:
    """The user's tests on the user's design, and every file that was read for it.

    Raises:
        HaloError: as ``with_tests`` and the readers of Verilog; no Verilog is given, or its top is not clear.
    """
    if not config.files and not config.file_lists:
        raise HaloError(
            "there are tests, and nothing that they run on",
            "Give the Verilog of a design, --source FILE.v, or name a bench whose design they are for.",
        )
    sources, read = design_sources(config.files, config.file_lists, config.defines, config.include_dirs)
    face = read_face(sources, config.top, dict(config.params))
    module = next((module for module in face.modules if module.name == face.top), None)
    declared = () if module is None else module.parameters
    parameters = tuple(Parameter(p.name, p.value, "") for p in declared if isinstance(p.value, int | str))
    design = Bench(
        name=face.top,
        description="",
        toplevel=face.top,
        module=file.stem,
        rtl=(),
        parameters=parameters,
        verilog=sources,
    )
    return with_tests(design, file), read
