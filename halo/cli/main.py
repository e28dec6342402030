# SPDX-License-Identifier: Apache-2.0
"""The ``halo`` command: its subcommands, and how every failure ends.

Bad input, a missing tool or a full disk: two lines on stderr, exit code 2. Ctrl-C: one line, 130. SIGTERM: 143, and
SIGHUP: 129.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from halo.errors import HaloError, Interrupted
from halo.version import __version__
from halo.wording import command_line

_GROUPS = {
    "Start": {"doctor": "doctor", "inspect": "inspection"},
    "Timing and power": {name: name for name in ("characterize", "synth", "timing", "crosscheck", "compare", "plot")},
    "RTL": {"sim": "sim", "explore": "explore"},
    "Models": {name: name for name in ("quantize", "evaluate", "score")},
}
"""The module of each command, which lies in ``halo.cli``."""


class _Commands(TyperGroup):
    """Lists the commands under the headings of ``_GROUPS``."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.commands))
        for heading, names in _GROUPS.items():
            with formatter.section(heading):
                texts = (self.commands[name].get_short_help_str(limit=100) for name in names)
                formatter.write_dl([(name.ljust(width), text) for name, text in zip(names, texts, strict=True)])


class _Once(TyperCommand):
    """A command that refuses an option of one value given twice: the last would win without a word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        order = self.make_parser(ctx).parse_args(args=list(args))[2]
        for option in order:
            if option.param_type_name == "option" and not option.multiple and order.count(option) > 1:
                name = max(option.opts, key=len)
                raise HaloError(f"{name} is given twice, and takes one value", f"Give {name} once.")
        return super().parse_args(ctx, args)


_PLAIN = (
    (re.compile(r": Value error, "), ": "),
    (re.compile(r": Input should be greater than or equal to (\S+?)\.?$"), r": it must be \1 or more"),
    (re.compile(r": Input should be less than or equal to (\S+?)\.?$"), r": it must be \1 or less"),
    (re.compile(r": Input should be a valid integer.*$"), ": it must be a whole number"),
    (re.compile(r": Input should be a valid number.*$"), ": it must be a number"),
    (re.compile(r": Input should be a valid (?:bool|boolean).*$"), ": it must be true or false"),
    (re.compile(r"'(\S*)' is not a valid (?:integer|int)(?: range)?\.?$"), r"'\1' is no whole number"),
    (re.compile(r"'(\S*)' is not a valid float\.?$"), r"'\1' is no number"),
)
"""What Typer's versions say of a value, in words that name no library's own."""
_INTERRUPTED = 128 + signal.SIGINT
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # Click's, wherever this version of Typer keeps it


def application(wanted: str | None = None) -> typer.Typer:
    """The command line, with all commands or with the one that is wanted, so that no other is imported."""
    app = typer.Typer(
        name="halo",
        cls=_Commands,
        help="Measure delay, clock and energy of a multiply-accumulate unit (MAC) for each weight, from its Verilog "
        "and a Liberty cell library; quantize language models to its fast weights, and score them on arrays and GPUs.",
        epilog="Try: halo characterize --liberty cells.lib -o runs/default",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback(invoke_without_command=True)(_start)
    modules = {name: module for group in _GROUPS.values() for name, module in group.items()}
    for name, module in modules.items():
        if wanted == name or wanted not in modules:
            app.command(name, cls=_Once)(import_module(f"halo.cli.{module}").command)
    return app


def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"halo {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run() -> NoReturn:
    """Entry point of the console script."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # a terminal that closes must not leave simulators behind
        signal.signal(number, _terminate)
    sys.exit(main())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: those after ``halo``; None: the process's own.
    """
    with command_line():
        return _run(sys.argv[1:] if arguments is None else list(arguments))


def _run(arguments: list[str]) -> int:
    from halo.flow.runs.runfolder import explain

    try:
        code = application(arguments[0] if arguments else None)(arguments, prog_name="halo", standalone_mode=False)
        sys.stdout.flush()
        if code == _INTERRUPTED:  # newer versions of Typer catch Ctrl-C themselves, silently
            return _interrupted()
        return code if isinstance(code, int) else 0
    except HaloError as error:
        return _fail(error)
    except _UsageError as error:
        context = getattr(error, "ctx", None)
        if context is not None and {"-h", "--help"} & set(
            arguments
        ):  # who asks for help gets it, whatever else is wrong
            typer.echo(context.get_help())
            return 0
        return _fail(_explain_usage(error))
    except Interrupted as stopped:
        return _interrupted(str(stopped))
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except BrokenPipeError:
        # The reader (head, less) has gone. Nothing more can be said to it, not even at interpreter exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _fail(HaloError("not enough memory", "Use --stimulus random:N, fewer --jobs, or a larger machine."))
    except OSError as error:
        return _fail(explain(error))


def _fail(error: HaloError) -> int:
    what, fix = (" ".join(text.split()) for text in (error.what, error.fix))
    print(f"error: {error.place}{what}\n  fix: {fix}", file=sys.stderr)
    return 2


def _explain_usage(error: Exception) -> HaloError:
    message = getattr(error, "format_message", lambda: str(error))()
    for pattern, plain in _PLAIN:
        message = pattern.sub(plain, message)
    context = getattr(error, "ctx", None)
    return HaloError(message, f"See: {context.command_path if context else 'halo'} --help")


def _interrupted(said: str = "interrupted; nothing was written") -> int:
    print(said, file=sys.stderr)
    return _INTERRUPTED


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
