# SPDX-License-Identifier: Apache-2.0
"""What errors say, in the words of whoever reads them.

A message is written with the options of the command line. Read from Python, ``--tile 32`` becomes ``tile=32``, and
``--force`` becomes ``force=True``: one text serves both, and neither tells of something that cannot be typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_AT_THE_COMMAND_LINE: ContextVar[bool] = ContextVar("at the command line", default=False)

_NAMES = {"o": "run_folder", "output-folder": "run_folder", "param": "params", "tie": "ties", "test": "tests"} | {
    "file-list": "file_lists",
    "define": "defines",
    "include": "include_dirs",
    "source": "files",
}
"""Options whose keyword is another word."""
_SWITCHES = (
    *("force", "resume", "pad", "asymmetric", "align-left", "act-order", "static-groups", "compute-bound"),
    "log-samples",
)
_PAIRS = ("params", "ties", "defines")
_FOREIGN = ("enable-shared", "force-reinstall")
"""Options of other programs that messages name."""
_CHOICES = (
    *(
        "exact",
        "bound",
        "static",
        "structural",
        "flat",
        "adders",
        "min",
        "typ",
        "max",
        "papers",
        "documents",
        "class",
        "best",
    ),
    *("layer", "model", "row", "channel", "perf", "acc", "bal", "int8-static", "int8", "int4", "table", "raised"),
    *("weight", "activation"),
    *("prefill", "decode", "icarus", "verilator"),
)
"""Values that are words."""
_NUMBERS = ("N", "X", "W", "PS", "GHZ", "VALUE")
"""What stands for a number."""
_COMMAND = re.compile(r"\b(?:halo [a-z]+|pip install|apt-get install|iverilog)(?: [^\s,;:)]*[^\s,;:).])*")
_VALUE = (
    r"(?:\w+=\w+(?:\.\w+)?(?:\[,\w+\.\.\.\])?"  # NAME=VALUE, NAME=FILE[,FILE...]
    r"|'[^']*'|(?:-?\d[\w.]*\w|-?\d|[A-Z][A-Z0-9_]*(?:\.v)?|\w*[0-9_]\w*|" + "|".join(_CHOICES) + r")\b)"
)
_OPTION = re.compile(rf"(?<![\w-])-(?:-(?P<name>[a-z][a-z-]*[a-z])|o\b)(?:[ =](?P<value>{_VALUE}))?")


@contextmanager
def command_line() -> Iterator[None]:
    """While the block lasts, errors speak in options of the command line."""
    token = _AT_THE_COMMAND_LINE.set(True)
    try:
        yield
    finally:
        _AT_THE_COMMAND_LINE.reset(token)


def readers_words(text: str) -> str:
    """A text with options of the command line, in the words of its reader."""
    return text if _AT_THE_COMMAND_LINE.get() else in_python(text)


def in_python(text: str) -> str:
    """The text with keywords of Python in the place of options; a whole command stays as it is typed in a shell."""
    parts, at = [], 0
    for command in _COMMAND.finditer(text):
        parts += [_OPTION.sub(_keyword, text[at : command.start()]), command[0]]
        at = command.end()
    said = "".join([*parts, _OPTION.sub(_keyword, text[at:])])
    return re.sub(r"\} (?:params|ties)=\{", ", ", said)


def _keyword(option: re.Match[str]) -> str:
    name, value = option["name"] or "o", option["value"]
    if name in _FOREIGN:
        return option[0]
    keyword = _NAMES.get(name, name).replace("-", "_")
    if name.startswith("no-"):
        return f"{keyword.removeprefix('no_')}=False" + (f" {value}" if value else "")
    if name in _SWITCHES:
        return f"{keyword}=True" + (f" {value}" if value else "")
    if value is None:
        return keyword
    if name == "clock" and value == "GHZ":
        return "clock_ghz=(GHZ, ...)"
    if "=" in value:
        value = value.strip("'")
        key, _, own = value.partition("=")
        inside = own if keyword in _PAIRS else f"'{own.partition('[')[0]}'"
        return f"{'corners' if keyword == 'corner' else keyword}={{'{key}': {inside}}}"
    plain = value in _NUMBERS or value[0] in "'-" or value[0].isdigit()
    return f"{keyword}={value if plain else repr(value)}"
