# SPDX-License-Identifier: Apache-2.0
"""Progress on stderr: bars on a terminal, plain lines elsewhere.

Tests: tests/cli/test_main.py.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PLAIN_INTERVAL_S = 10.0


class StageProgress:
    """Shows ``report(stage, done, total)`` calls while a ``with`` block runs; ``done == total`` ends a stage."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)  # as it is now: work may point sys.stderr elsewhere for a while
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._said = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            left = TimeRemainingColumn(compact=True, elapsed_when_finished=False)
            self._bars = Progress(*columns, left, console=self._console)
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show where the run stands."""
        if self._bars is None:
            self._say(stage, done, total)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def _say(self, stage: str, done: int, total: int) -> None:
        """One line when a stage begins and ends, and one every ten seconds between."""
        now = time.monotonic()
        began = self._began.get(stage)
        if began is None:
            self._began[stage] = began = now
            text = f"{stage} ..."
        elif done >= total:
            text = f"{stage} done in {now - began:.1f} s"
        elif now - self._said >= _PLAIN_INTERVAL_S:
            text = f"{stage} {done:,} of {total:,}{_left(now - began, done, total)}"
        else:
            return
        self._said = now
        print(text, file=sys.stderr, flush=True)


def _left(seconds: float, done: int, total: int) -> str:
    """How long the rest of a stage takes if it goes on as it has."""
    if done <= 0:
        return ""
    rest = seconds * (total - done) / done
    if rest < 90:
        return f", about {max(rest, 1):.0f} s left"
    minutes = round(rest / 60)
    return f", about {minutes} min left" if minutes < 90 else f", about {rest / 3600:.1f} h left"
