# SPDX-License-Identifier: Apache-2.0
"""Rewrite what is generated from the configuration classes: ``halo/options.py`` and ``tests/public_api.txt``.

python scripts/refresh_api.py

The first holds the options of the Python functions for type checkers, the second the public names and signatures as
they are promised. A test fails when either is out of date: a change of the public API is a change that is seen.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import halo
from halo.api import CONFIGS

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ROOT / "halo" / "options.py"
SIGNATURES = ROOT / "tests" / "public_api.txt"
PACKAGES = ("halo", "halo.plot", "halo.quant", "halo.arch", "halo.liberty")


def options_text() -> str:
    """The source of ``halo/options.py``."""
    imports: dict[str, set[str]] = {"collections.abc": {"Mapping", "Sequence"}, "pathlib": {"Path"}}
    imports["typing"] = {"Required", "TypedDict"}
    classes = [_options(name, *CONFIGS[name], imports) for name in CONFIGS]
    foreign = [module for module in sorted(imports) if module.startswith("halo")]
    lines = [f"from {m} import {', '.join(sorted(imports[m]))}" for m in ("collections.abc", "pathlib", "typing")]
    lines += ["", *(f"from {m} import {', '.join(sorted(imports[m]))}" for m in foreign)] if foreign else []
    return "\n".join(
        [
            "# SPDX-License-Identifier: Apache-2.0",
            '"""Options of the Python functions, for type checkers. Made by scripts/refresh_api.py: do not edit.',
            "",
            "Tests: tests/test_api.py.",
            '"""',
            "",
            "from __future__ import annotations",
            "",
            *lines,
            "",
            "PathLike = str | Path",
            "",
            *(line for text in classes for line in ("", text)),
        ]
    )


def signatures_text() -> str:
    """Every public name with its signature, or what it is."""
    lines = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        lines += [*([""] if lines else []), package]
        lines += [f"  {_promised(name, getattr(module, name), package)}" for name in sorted(module.__all__)]
    return "\n".join(lines) + "\n"


def _promised(name: str, value: Any, package: str) -> str:
    if inspect.ismodule(value):
        return f"{name}: package"
    if isinstance(value, type):
        shown = _members(value) if package == "halo" and not issubclass(value, Exception) else ()
        return "\n".join([f"class {name}", *(f"      {member}" for member in shown)])
    return f"{name}{_signature(value)}" if inspect.isroutine(value) else f"{name}: {type(value).__name__}"


def _signature(function: Any) -> str:
    """As it reads in the source: annotations without quotes, a function that is a default by its name."""
    own = inspect.signature(function)
    parameters = [
        p.replace(default=_Named(p.default.__name__)) if inspect.isroutine(p.default) else p
        for p in own.parameters.values()
    ]
    return str(own.replace(parameters=parameters)).replace("'", "")


class _Named:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def _members(value: type) -> Iterable[str]:
    fields = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
    for name, member in sorted(vars(value).items()):
        if not name.startswith("_") and name not in fields:
            yield name if not inspect.isfunction(member) else f"{name}{_signature(member)}"


def _options(name: str, config: type, left_out: Iterable[str], imports: dict[str, set[str]]) -> str:
    hints = get_type_hints(config)
    lines = [
        f"class {name}(TypedDict, total=False):",
        f'    """Options as of ``{config.__module__}.{config.__name__}``: meanings and defaults are there."""',
        "",
    ]
    for field in dataclasses.fields(config):
        if field.name not in left_out:
            required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            text = _type(hints[field.name], imports)
            lines.append(f"    {field.name}: {f'Required[{text}]' if required else text}")
    return "\n".join([*lines, ""])


def _type(hint: Any, imports: dict[str, set[str]]) -> str:
    """What a caller may write where a field has this type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is NoneType:
        return "None"
    if hint is Path:
        return "PathLike"
    if origin is Literal:
        imports["typing"].add("Literal")
        return f"Literal[{', '.join(chr(34) + a + chr(34) if isinstance(a, str) else repr(a) for a in arguments)}]"
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(_type(argument, imports) for argument in arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        inner = arguments[0]
        if get_origin(inner) is tuple:
            return f"Mapping[{', '.join(_type(argument, imports) for argument in get_args(inner))}]"
        text = _type(inner, imports)
        return f"{text} | Sequence[{text}]" if text in ("PathLike", "str") else f"Sequence[{text}]"
    if hint.__module__ != "builtins":
        imports.setdefault(hint.__module__, set()).add(hint.__name__)
    return str(hint.__name__)


def main() -> None:
    """Write both files."""
    OPTIONS.write_text(options_text(), encoding="utf-8")
    SIGNATURES.write_text(signatures_text(), encoding="utf-8")
    print(f"{OPTIONS}\n{SIGNATURES}\nhalo {halo.__version__}")


if __name__ == "__main__":
    main()
