# SPDX-License-Identifier: Apache-2.0
"""Starts Yosys (PyPI ``pyosys``) on a script in a child process and returns its log.

Tests: tests/synth/test_gate_simulation.py.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from halo.cachedir import cache_folder, cache_key
from halo.errors import HaloError
from halo.processes import run_child

_PROMPT = "\nhalo> "
_CHILD = Path(__file__).with_name("_child.py")
_FAILURE = re.compile(r"^(?:(?P<path>[^\n]*?):(?P<line>\d+)(?:[.\-][\d.\-]*)?: )?ERROR: ?(?P<text>.*)", re.MULTILINE)


@dataclass(frozen=True)
class YosysRun:
    """What one run left behind.

    Attributes:
        script: the commands, one a line.
        log: everything Yosys and ABC printed.
        version: e.g. ``Yosys 0.70 (git sha1 28ba3cb92, ...)``.
        error: Yosys' own message when a pass failed, else None.
        error_path, error_line: the place Yosys names with it, if any.
    """

    script: str
    log: str
    version: str
    error: str | None = None
    error_path: str | None = None
    error_line: int | None = None

    def kept_log(self) -> Path:
        """Write the log where it stays, under the user's cache folder, and return its path.

        A failed run leaves no folder behind, and its log may be all that tells why.
        """
        path = cache_folder("logs") / f"yosys-{cache_key(self.script, self.log)[:12]}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.log, encoding="utf-8")
        return path

    @property
    def last_command(self) -> str:
        """The command that ran last: of a failed run, the one that failed."""
        return self.log[self.log.rfind(_PROMPT) + len(_PROMPT) :].split("\n", 1)[0]


def quoted(path: Path) -> str:
    """Return a path as one word of a Yosys script.

    Raises:
        HaloError: the path holds a double quote or a line break, which Yosys scripts cannot express.
    """
    text = str(path)
    if any(c in text for c in '"\n\r'):
        raise HaloError("the path holds a double quote or a line break", "Rename the file or folder.", path)
    return f'"{text}"'


def run_yosys(commands: Sequence[str], workdir: Path, name: str) -> YosysRun:
    """Run Yosys commands in a child process; script and log stay in ``workdir`` as ``name.ys`` and ``name.log``.

    A failing pass or a crash is no exception here: ``YosysRun.error`` holds its message, for the caller to explain.

    Args:
        commands: one Yosys command each.
        workdir: existing folder.
        name: stem of script and log.

    Raises:
        HaloError: pyosys is not installed.
    """
    script = "\n".join(commands) + "\n"
    script_path = workdir / f"{name}.ys"
    log_path = workdir / f"{name}.log"
    script_path.write_text(script, encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="halo-yosys-") as scratch, log_path.open("wb") as log_file:
        # Yosys keeps parsed libraries in the temporary folder under their paths' names: a private one, so that a
        # library that changed is never served from it.
        status = run_child(
            [sys.executable, "-P", _CHILD, script_path],
            stdout=log_file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": scratch, "PYTHONUNBUFFERED": "1"},
        )
    log = log_path.read_text(encoding="utf-8", errors="replace").replace(scratch, "<scratch>")
    version = re.search(r"halo> (Yosys [^\n]*)", log)
    run = YosysRun(script, log, version.group(1).strip() if version else "")
    if status == 0:
        return run
    if "No module named 'pyosys'" in log:
        raise HaloError("pyosys, the Python build of Yosys, is not installed", "Run: pip install pyosys.")
    failures = list(_FAILURE.finditer(log))
    if not failures:
        ending = f"crashed ({signal.Signals(-status).name})" if status < 0 else f"ended with status {status}"
        said = "; ".join(line for line in log.strip().splitlines()[-3:])
        return replace(run, error=f"{ending} without an error message: {said}")
    failure = failures[-1]
    line = failure.group("line")
    return YosysRun(
        script,
        log,
        run.version,
        failure.group("text").strip(),
        failure.group("path"),
        int(line) if line else None,
    )
