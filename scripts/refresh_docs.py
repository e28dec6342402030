# SPDX-License-Identifier: Apache-2.0
"""Rewrite what the documentation takes from the code: the reference of commands and columns, and the layer picture.

    python scripts/refresh_docs.py

The generated parts of a page stand between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. A test fails when one of
them is out of date (tests/docs/test_reference.py).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import typer.main

from halo.arch.gpu.device import DATA as GPU_DATA
from halo.arch.systolic.array import DATA as SYSTOLIC_DATA
from halo.characterization.columns import COLUMNS
from halo.cli.main import application
from halo.flow.design_timing.columns import CLASS_COLUMNS, ENDPOINT_COLUMNS, PATH_COLUMNS
from halo.flow.exploring.columns import COLUMNS as CANDIDATE_COLUMNS
from halo.flow.scoring.columns import COLUMNS as SCORE_COLUMNS
from halo.flow.scoring.columns import POINT
from halo.sourced import load_toml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LAYER_PICTURE = DOCS / "images" / "layers.svg"

PACKAGES = ("halo", "halo.plot", "halo.quant", "halo.arch", "halo.liberty")

# What stands in each layer of tests/test_imports.py, in a few words. The first group is drawn as one bar.
FOUNDATIONS = "errors, units, numba policy, progress, caches, schemas, options, sources"
MEANINGS = {
    "liberty": "Liberty libraries, read into SI units",
    "netlist": "gate netlists as flat arrays; Verilog front ends",
    "synth": "Yosys, and proof that gates and source agree",
    "parasitics": "wires: SPEF files, networks reduced to pi models and time constants",
    "timing": "delay calculation; static timing, settle bound, event simulation; SDF",
    "power": "switching, internal and leakage energy",
    "characterization": "ports, corners, stimulus, the per-weight table",
    "dvfs": "operating points, schedules, and the check that they are safe",
    "workload": "matrix products of language models",
    "quant": "quantizers, codebooks, checkpoints, calibration",
    "arch": "systolic arrays and GPUs: cycles and energy of a layer",
    "flow": "what each command does, step by step; run folders; simulators",
    "plot": "figures from results",
    "report": "sections and tables from results, rendered as text",
    "keywords": "keywords turned into configurations, and near names for unknown ones",
    "options": "types of the options, for type checkers",
    "api": "the Python interface",
    "cli": "the command line, without logic of its own",
}


def regions() -> dict[str, str]:
    """Name of each generated part, and its text."""
    group: Any = typer.main.get_command(application())
    commands = group.commands
    return {
        "commands": _table(
            ("command", "what it does"),
            ((f"[`halo {name}`](#halo-{name})", c.get_short_help_str(200)) for name, c in commands.items()),
        ),
        "reference of commands": "\n".join(_command(name, command) for name, command in commands.items()),
        "columns of score.csv": _table(
            ("column", "meaning", "better"),
            ((f"`{c.name.replace(POINT, 'POINT')}`", c.meaning, c.better or "") for c in SCORE_COLUMNS),
        ),
        "columns of weights.csv": _table(
            ("column", "unit", "meaning"), ((f"`{c.name}`", c.unit, c.meaning) for c in COLUMNS)
        ),
        **{
            f"columns of {name}": _table(
                ("column", "unit", "meaning"), ((f"`{c.name}`", c.unit, c.meaning) for c in columns)
            )
            for name, columns in (
                ("timing.csv", ENDPOINT_COLUMNS),
                ("candidates.csv", CANDIDATE_COLUMNS),
                ("paths.csv", PATH_COLUMNS),
                ("classes.csv", CLASS_COLUMNS),
            )
        },
        "machines": _table(
            ("name", "kind", "what it is"),
            [(f"`{path.stem}`", "systolic array", _array(path)) for path in sorted(SYSTOLIC_DATA.glob("*.toml"))]
            + [(f"`{path.stem}`", "GPU", load_toml(path)["name"]) for path in sorted(GPU_DATA.glob("*.toml"))],
        ),
        **{f"names of {package}": _names(package) for package in PACKAGES},
    }


def refreshed(text: str, made: dict[str, str]) -> str:
    """A page with its generated parts made anew.

    Raises:
        SystemExit: a part that nothing generates.
    """

    def part(match: re.Match[str]) -> str:
        if match[2] not in made:
            raise SystemExit(f"error: nothing generates {match[2]!r}\n  fix: Use one of: {', '.join(made)}.")
        return f"{match[1]}{made[match[2]]}{match[3]}"

    return re.sub(r"(<!-- begin ([^>]*?) -->\n).*?(<!-- end \2 -->)", part, text, flags=re.DOTALL)


def layers() -> tuple[list[str], dict[str, list[tuple[str, ...]]]]:
    """LAYERS and FLOORS of tests/test_imports.py, from the ground up; the package and its ``__main__`` are left out."""
    found: dict[str, Any] = {}
    tree = ast.parse((ROOT / "tests" / "test_imports.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("LAYERS", "FLOORS"):
                found[name] = _value(node.value)
    return [name for name in found["LAYERS"] if name not in ("", "__main__")], found["FLOORS"]


def layer_picture() -> str:
    """The layers as an SVG, the command line on top: a bar imports its own and those below it."""
    names, floors = layers()
    first = names.index("liberty")
    missing = [name for name in names[first:] if name not in MEANINGS]
    if missing:
        raise SystemExit(f"error: layer {missing[0]} has no meaning\n  fix: Add it to MEANINGS in {__file__}.")
    bars = [(name, MEANINGS[name], floors.get(name, [])) for name in reversed(names[first:])]
    bars.append(("foundations", FOUNDATIONS, []))
    lines, y = [], 10
    for name, meaning, inside in bars:
        rooms = [", ".join(room for room in floor if room) for floor in inside]
        texts = [room for room in reversed(rooms) if room]
        height = 34 + (20 if texts else 0)
        lines.append(
            f'<rect x="10" y="{y}" width="780" height="{height}" rx="4" fill="#eef2f5" stroke="#607d8b"/>'
            f'<text x="24" y="{y + 22}" font-weight="bold">{escape(name)}</text>'
            f'<text x="190" y="{y + 22}">{escape(meaning)}</text>'
        )
        if texts:
            inner = "inside, top to bottom: " + " / ".join(texts)
            lines.append(f'<text x="190" y="{y + 42}" fill="#455a64" font-size="12">{escape(inner)}</text>')
        y += height + 6
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {y + 4}" width="800" height="{y + 4}" '
        'font-family="sans-serif" font-size="14">\n'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def pages() -> list[Path]:
    """Pages that may have generated parts."""
    return sorted(DOCS.rglob("*.md"))


def main() -> None:
    """The command."""
    made = regions()
    for page in pages():
        page.write_text(refreshed(page.read_text(encoding="utf-8"), made), encoding="utf-8")
    LAYER_PICTURE.write_text(layer_picture(), encoding="utf-8")


def _names(package: str) -> str:
    """Directives for every public function and class of a package, functions first; other values need no page."""
    module = importlib.import_module(package)
    found = [getattr(module, name) for name in module.__all__]
    functions = [value for value in found if inspect.isfunction(value)]
    classes = [value for value in found if inspect.isclass(value) and not hasattr(value, "__origin__")]
    return "".join(f"::: {value.__module__}.{value.__qualname__}\n\n" for value in [*functions, *classes])


def _command(name: str, command: Any) -> str:
    """One command: usage, what it does, options, examples."""
    text = (command.help or "").replace("\b\n", "\n")
    prose, _, rest = re.sub(r"\n{3,}", "\n\n", text).partition("\n\n")
    found = re.search(r"Examples?:\n((?: +\S.*\n?)+)", rest)
    remaining = (rest[: found.start()] + rest[found.end() :]).strip() if found else rest.strip()
    usage = " ".join(
        parameter.metavar + (" ..." if parameter.nargs != 1 else "")
        for parameter in command.params
        if parameter.param_type_name == "argument"
    )
    lines = [f"## halo {name}", "", " ".join(prose.split()), "", f"    halo {name} [OPTIONS] {usage}".rstrip(), ""]
    if rows := list(_options(command)):
        lines += [_table(("option", "meaning", "default"), rows)]
    if found:
        shown = "\n".join(f"    {line.strip()}" for line in found[1].strip().splitlines())
        lines += ["Examples:", "", shown, ""]
    if remaining:
        lines += [*(" ".join(paragraph.split()) + "\n" for paragraph in _paragraphs(remaining))]
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n|\n(?=¹)", text) if part.strip()]


def _options(command: Any) -> Iterator[tuple[str, str, str]]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = f"`{parameter.metavar}`" + ("" if parameter.nargs == 1 else " ...")
        else:
            flags = ", ".join([*parameter.opts, *parameter.secondary_opts])
            name = f"`{flags} {parameter.metavar}`" if parameter.metavar else f"`{flags}`"
        default = parameter.default
        if isinstance(default, bool):
            default = "on" if default else None
        shown = "" if default is None or not isinstance(default, str | int | float) else f"`{default}`"
        yield name.replace("|", "\\|"), parameter.help, "required" if parameter.required else shown


def _array(path: Path) -> str:
    numbers = load_toml(path)
    words = {"ws": "weight-stationary", "os": "output-stationary"}
    size = f"{numbers['rows']['value']} x {numbers['columns']['value']}"
    return f"{size}, {words[numbers['dataflow']['value']]}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _value(node: ast.expr) -> Any:
    """A literal; lists may hold starred tuples."""
    if isinstance(node, ast.List):
        values: list[Any] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                values += _value(item.value)
            else:
                values.append(_value(item))
        return values
    if isinstance(node, ast.Dict):
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True) if key}
    return ast.literal_eval(node)


if __name__ == "__main__":
    main()
