# SPDX-License-Identifier: Apache-2.0
"""Child processes that end with this one: a simulator whose parent was killed would run for hours, unseen.

Linux ends them itself (``setpriv --pdeathsig``, of util-linux), also after ``kill -9``. Elsewhere, and without setpriv,
only what this process can still do counts: an exception ends its children.

Tests: tests/test_processes.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

_POLL_S = 0.2
_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


class TooLongError(Exception):
    """A child ran longer than it may, and was ended."""


def run_child(
    command: Sequence[str | os.PathLike[str]],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: IO[Any] | int | None = None,
    stderr: IO[Any] | int | None = None,
    limit_s: float | None = None,
    watch: Callable[[], None] | None = None,
) -> int:
    """Run a program to its end, in a process group of its own, without input.

    Args:
        command: program and arguments.
        cwd, env, stdout, stderr: as of ``subprocess.Popen``.
        limit_s: wall time that it may take; None: any.
        watch: called several times a second.

    Returns:
        Its exit code.

    Raises:
        TooLongError: it took longer than ``limit_s``. It and all it started are ended then, as after any exception.
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        [*_dies_with_parent(), *(os.fspath(word) for word in command)],
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        process_group=0,
    )
    with _lock:
        _running.add(process)
    began = time.monotonic()
    try:
        while True:
            try:
                return process.wait(_POLL_S if watch is not None or limit_s is not None else None)
            except subprocess.TimeoutExpired:
                if limit_s is not None and time.monotonic() - began > limit_s:
                    raise TooLongError from None
                if watch is not None:
                    watch()
    finally:
        if process.poll() is None:
            _end(process)
        with _lock:
            _running.discard(process)


def end_children() -> None:
    """End all that ``run_child`` has running, in any thread: before a pool of threads is waited for."""
    with _lock:
        running = list(_running)
    for process in running:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # ended this moment
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@cache
def _dies_with_parent() -> tuple[str, ...]:
    """The words before a command that make it end with its parent."""
    found = shutil.which("setpriv") if sys.platform == "linux" else None
    if found is None:
        return ()
    tried = subprocess.run([found, "--pdeathsig", "KILL", "true"], capture_output=True, check=False)
    return () if tried.returncode else (found, "--pdeathsig", "KILL", "--")


class Conversation:
    """A child that answers lines with lines, and ends with this process.

    Args:
        command: program and arguments.
        env: as of ``subprocess.Popen``.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [*_dies_with_parent(), *command],
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        with _lock:
            _running.add(self._process)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def ask(self, line: str, limit_s: float | None = None) -> str | None:
        """Send a line and wait for the one that answers it; None: the child has ended.

        Raises:
            TooLongError: it took longer than ``limit_s``; the child has been ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            _end(self._process)

        timer = None if limit_s is None else threading.Timer(limit_s, give_up)
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            if timer is not None:
                timer.cancel()
        if late.is_set():
            raise TooLongError
        return answer.decode() if answer.endswith(b"\n") else None

    def end(self) -> None:
        """End the child and all it started."""
        _end(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        with _lock:
            _running.discard(self._process)
