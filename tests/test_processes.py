# SPDX-License-Identifier: Apache-2.0
"""Children end with their parent, whatever ends it, and after their time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from halo.processes import TooLongError, end_children, run_child

CHILD = """import sys
from halo.processes import run_child
run_child([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"])
"""


def gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_code_and_output(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['A'], sys.stdin.read()); sys.exit(3)"
    with (tmp_path / "log").open("wb") as log:
        env = {**os.environ, "A": "b"}
        assert run_child([sys.executable, "-c", code], cwd=tmp_path, env=env, stdout=log) == 3
    assert (tmp_path / "log").read_text(encoding="utf-8").split() == [str(tmp_path), "b"]
    assert run_child([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]) == -signal.SIGSEGV


def test_a_limit_of_time_and_a_watch() -> None:
    looked: list[float] = []
    began = time.monotonic()
    with pytest.raises(TooLongError):
        run_child(["sleep", "60"], limit_s=0.7, watch=lambda: looked.append(time.monotonic()))
    assert time.monotonic() - began < 10 and len(looked) >= 2


def test_children_of_all_threads_are_ended() -> None:
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(run_child(["sleep", "60"]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    end_children()
    for thread in threads:
        thread.join(10)
    assert codes == [-signal.SIGKILL] * 2


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_child_outlives_its_parent(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, stderr=-3) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(number)
        parent.wait(10)
    deadline = time.monotonic() + 10
    while not gone(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(child)
