# SPDX-License-Identifier: Apache-2.0
"""A run folder is there whole or not at all, whatever ends the run."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.runs.resumable import resumable_run
from halo.flow.runs.runfolder import check_file, explain, new_run, replaced_part


def tree(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def finished(target: Path, content: str = "{}") -> Path:
    with new_run(target) as folder:
        (folder / "run.json").write_text(content, encoding="utf-8")
    return target


def test_a_run_appears_at_its_end_with_its_parents(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "first"
    with new_run(target) as folder:
        (folder / "run.json").write_text("{}", encoding="utf-8")
        assert not target.exists()
    assert tree(tmp_path) == {"runs", "runs/first", "runs/first/run.json"}
    assert target.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), KeyboardInterrupt(), SystemExit(143), HaloError("no", "yes")]
)
def test_a_run_that_fails_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), new_run(tmp_path / "runs" / "deep" / "first") as folder:
        (folder / "half").write_text("x", encoding="utf-8")
        raise error
    assert tree(tmp_path) == set()


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from halo.flow.runs.runfolder import new_run\n"
        "with new_run(Path(sys.argv[1])) as folder: (folder / 'half').touch(); print(folder, flush=True); time.sleep(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "first")]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as alive,
    ):
        assert killed.stdout is not None and alive.stdout is not None
        left, held = (Path(run.stdout.readline().strip()) for run in (killed, alive))  # type: ignore[union-attr]
        killed.kill()
        killed.wait()
        other = tmp_path / f".second.{killed.pid}.abcdef.partial"  # of another place: not ours to remove
        other.mkdir()
        assert (left / "half").is_file()
        finished(tmp_path / "first")
        assert not left.exists() and (held / "half").is_file() and other.is_dir()
        alive.kill()


def test_parents_that_others_use_meanwhile_stay(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_run(tmp_path / "runs" / "first"):
        (tmp_path / "runs" / "other").mkdir()
        raise RuntimeError
    assert tree(tmp_path) == {"runs", "runs/other"}


def test_an_existing_run_stays_unless_forced(tmp_path: Path) -> None:
    target = finished(tmp_path / "run", "old")
    with pytest.raises(HaloError, match="this folder exists"), new_run(target):
        pytest.fail("the block must not run")
    with new_run(target, force=True) as folder:
        (folder / "run.json").write_text("new", encoding="utf-8")
        assert (target / "run.json").read_text(encoding="utf-8") == "old"
    assert (target / "run.json").read_text(encoding="utf-8") == "new"
    assert tree(tmp_path) == {"run", "run/run.json"}


def test_a_forced_run_that_fails_keeps_the_old_one(tmp_path: Path) -> None:
    target = finished(tmp_path / "run", "old")
    with pytest.raises(KeyboardInterrupt), new_run(target, force=True) as folder:
        (folder / "run.json").write_text("new", encoding="utf-8")
        raise KeyboardInterrupt
    assert tree(tmp_path) == {"run", "run/run.json"}
    assert (target / "run.json").read_text(encoding="utf-8") == "old"


def test_force_never_replaces_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1").write_text("years", encoding="utf-8")
    with pytest.raises(HaloError, match="finished runs only"), new_run(tmp_path / "thesis", force=True):
        pytest.fail("the block must not run")
    with pytest.raises(HaloError, match="a file stands"), new_run(tmp_path / "thesis" / "chapter1", force=True):
        pytest.fail("the block must not run")
    assert tree(tmp_path) == {"thesis", "thesis/chapter1"}


def test_two_runs_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with new_run(target) as slow:
        (slow / "run.json").write_text("slow", encoding="utf-8")
        finished(target, "quick")
    assert (target / "run.json").read_text(encoding="utf-8") in ("slow", "quick")
    assert tree(tmp_path) == {"run", "run/run.json"}


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(HaloError) as caught, new_run(tmp_path / "file" / "run"):
        pytest.fail("the block must not run")
    assert "Not a directory" in caught.value.what
    assert tree(tmp_path) == {"file"}


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for place in (tmp_path / "file" / "results.xml", tmp_path / "file" / "deep" / "results.xml"):
        with pytest.raises(HaloError, match="Not a directory"):
            check_file(place, force=False)
    check_file(tmp_path / "deep" / "results.xml", force=False)
    assert tree(tmp_path) == {"file"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_said_so_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="No space left") as caught, new_run(tmp_path / "run") as folder:
        (folder / "weights.csv").symlink_to("/dev/full")
        (folder / "weights.csv").write_text("corner\n", encoding="utf-8")
    assert "Free some space" in caught.value.fix
    assert caught.value.path == str(tmp_path / "run")
    assert tree(tmp_path) == set()


def test_errors_name_the_file_by_its_final_place(tmp_path: Path) -> None:
    with pytest.raises(HaloError) as caught, new_run(tmp_path / "run") as folder:
        (folder / "absent" / "file").write_text("x", encoding="utf-8")
    assert caught.value.path == str(tmp_path / "run" / "absent" / "file")
    with pytest.raises(HaloError, match="bad cell") as caught, new_run(tmp_path / "run") as folder:
        raise HaloError("bad cell", "Mend it.", folder / "netlist.v", 7)
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "run" / "netlist.v"), 7)
    with pytest.raises(HaloError) as caught, new_run(tmp_path / "run"):
        (tmp_path / "cells.lib").read_text(encoding="utf-8")
    assert caught.value.path == str(tmp_path / "cells.lib")


@pytest.mark.parametrize(
    ("number", "fix"),
    [(errno.EDQUOT, "Free some space"), (errno.EACCES, "you may read and write"), (errno.EISDIR, "Check the path")],
)
def test_operating_system_errors_come_with_advice(number: int, fix: str) -> None:
    assert fix in explain(OSError(number, os.strerror(number), "there")).fix


def test_a_part_of_a_run_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    for content in ("old", "new"):
        with replaced_part(run / "plots") as folder:
            (folder / content).write_text(content, encoding="utf-8")
    assert tree(run) == {"run.json", "plots", "plots/new"}
    with pytest.raises(RuntimeError), replaced_part(run / "plots") as folder:
        raise RuntimeError
    assert tree(run) == {"run.json", "plots", "plots/new"}


def test_interrupt_from_outside_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib; from halo.flow.runs.runfolder import new_run\n"
        "with new_run(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); print('ready', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "runs" / "a"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    with child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert any(p.name.endswith(".partial") for p in (tmp_path / "runs").iterdir())
        for _ in range(3):
            child.send_signal(signal.SIGINT)
            time.sleep(0.002)
        child.wait(timeout=20)
    assert tree(tmp_path) == set()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
@pytest.mark.parametrize("place", ["/proc/run", "/proc/deep/run"])
def test_a_folder_that_cannot_be_made_is_said_so(place: str) -> None:
    with pytest.raises(HaloError, match="nothing can be written here") as caught, new_run(Path(place)):
        pytest.fail("the block must not run")
    assert caught.value.path == place and "can be written to" in caught.value.fix
    with pytest.raises(HaloError, match="nothing can be written here"), resumable_run(Path(place), False, False, none):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt(), HaloError("bad", "Mend it.")])
def test_a_resumable_run_without_a_finished_part_leaves_no_parents(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), resumable_run(tmp_path / "a" / "b" / "run", False, False, none) as folder:
        assert folder.is_dir()
        raise error
    assert tree(tmp_path) == set()
    with pytest.raises(HaloError, match="1 layer finished"), resumable_run(tmp_path / "a" / "run", False, False, one):
        raise HaloError("bad", "Mend it.")
    assert tree(tmp_path) == {"a", "a/run.partial"}


def none(_folder: Path) -> int:
    return 0


def one(_folder: Path) -> int:
    return 1
