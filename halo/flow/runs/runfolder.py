# SPDX-License-Identifier: Apache-2.0
"""A folder of results, or a file, that is there whole or not at all.

It is built under a hidden name beside its place and renamed at the end, so a reader never meets half a run. An error,
Ctrl-C or a termination signal (raised as an exception) removes the hidden folder and every parent made for it; what a
killed run left, the next run to the same place removes.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from halo.cachedir import cache_folder
from halo.errors import HaloError
from halo.schema import RUN_RECORD

RECORD = RUN_RECORD
"""The file that marks a folder as a run."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def new_run(target: Path, force: bool = False) -> Iterator[Path]:
    """Give a folder to fill; rename it to ``target`` when the block ends well.

    Args:
        target: the run folder; parents are made.
        force: replace a finished run that stands there. Nothing else is ever replaced.

    Yields:
        The folder to write into.

    Raises:
        HaloError: ``target`` exists (without ``force``, or it is no run), cannot be written, or the disk is full.
    """
    check_target(target, force)
    with _built_beside(target.resolve()) as folder:
        yield folder


@contextmanager
def replaced_part(target: Path) -> Iterator[Path]:
    """The same for a part of a finished run, such as its plots: what stood there goes when the block ends well.

    Raises:
        HaloError: it cannot be written, or the disk is full.
    """
    with _built_beside(target.resolve()) as folder:
        yield folder


@contextmanager
def new_file(target: Path, force: bool = False) -> Iterator[Path]:
    """The same for a single file: give a path to write, rename it to ``target`` when the block ends well.

    Raises:
        HaloError: as ``check_file``, or it cannot be written, or the disk is full.
    """
    check_file(target, force)
    target = target.resolve()
    beside = _hidden(target)
    made: list[Path] = []
    try:
        made = _make_parents(target)
        yield beside
        with signals_held():
            beside.replace(target)
            made.clear()
    except OSError as error:
        raise explain(error, target) from error
    finally:
        with signals_held():
            beside.unlink(missing_ok=True)
            remove_empty(made)


def check_file(target: Path, force: bool) -> None:
    """Refuse a place where a new file cannot stand, before the work whose result it is to hold.

    Raises:
        HaloError: it is a folder, or a file and not ``force``, or nothing can be written there.
    """
    if target.is_dir():
        raise HaloError("a folder stands where the file should go", "Choose another name.", target)
    if target.exists() and not force:
        raise HaloError("this file exists", "Choose another name, or replace it with --force.", target)
    standing = next(parent for parent in target.resolve().parents if parent.exists())
    try:
        tempfile.TemporaryFile(dir=standing).close()
    except OSError as error:
        raise explain(error, target) from error


def explain(error: OSError, path: Path | None = None) -> HaloError:
    """Say what an error of the operating system means to a user."""
    place = path if path is not None else error.filename
    reason = error.strerror or str(error)
    if error.errno in _FULL or "No space left" in str(error):
        return HaloError(f"cannot write: {reason}", "Free some space, or choose another folder with -o.", place)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return HaloError(f"not allowed: {reason}", "Choose a place you may read and write.", place)
    return HaloError(reason, "Check the path.", place)


@contextmanager
def _built_beside(target: Path) -> Iterator[Path]:
    made: list[Path] = []
    folder = _hidden(target)
    _remove_abandoned(target)
    mark: int | None = None
    try:
        made = make_folder(folder, target)
        mark = os.open(folder, os.O_RDONLY)
        fcntl.flock(mark, fcntl.LOCK_EX)
        yield folder
        with signals_held():
            put_in_place(folder, target)
            made.clear()
    except HaloError as error:
        if error.path is None or not Path(error.path).is_relative_to(folder):
            raise
        raise HaloError(error.what, error.fix, _kept(Path(error.path), folder, target), error.line) from error
    except OSError as error:
        place = target if error.filename is None else _public_place(os.fsdecode(error.filename), folder, target)
        raise explain(error, place) from error
    finally:
        with signals_held():
            if folder.exists():
                shutil.rmtree(folder)
            if mark is not None:
                os.close(mark)
            remove_empty(made)


def check_target(target: Path, force: bool) -> None:
    """Refuse a place where a new run folder cannot stand.

    Raises:
        HaloError: it is a file, a folder and not ``force``, or a folder that is no run.
    """
    if target.is_dir():
        finished = (target / RECORD).is_file()
        if not force:
            fix = "Choose another with -o" + (", or replace it with --force." if finished else ".")
            raise HaloError("this folder exists", fix, target)
        if not finished:
            raise HaloError(
                f"--force replaces finished runs only, and this folder holds no {RECORD}",
                "Choose another folder with -o, or delete this one yourself.",
                target,
            )
    elif target.exists() or target.is_symlink():
        raise HaloError("a file stands where the run folder should go", "Choose another folder with -o.", target)


def _hidden(target: Path) -> Path:
    """Where something is built until it is whole."""
    return target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(3)}.partial")


def _remove_abandoned(target: Path) -> None:
    """Remove what killed runs for the same place left: nobody holds its lock, and its writer is gone.

    The lock also tells of writers in other containers and on other machines, whose numbers say nothing here.
    """
    form = re.compile(rf"\.{re.escape(target.name)}\.(\d+)\.[0-9a-f]+\.partial")
    beside = [*target.parent.iterdir()] if target.parent.is_dir() else []
    for folder in beside:
        written = form.fullmatch(folder.name)
        if written is None or folder.is_symlink() or not folder.is_dir() or _lives(int(written[1])):
            continue
        with suppress(OSError):  # held, or gone this moment
            mark = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(mark)


def _lives(process: int) -> bool:
    """Whether a process of this machine has that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _make_parents(target: Path) -> list[Path]:
    """The parents of a file or folder to write that were missing.

    Raises:
        HaloError: they cannot be made; nothing is left then.
    """
    made: list[Path] = []
    try:
        for parent in reversed([p for p in target.parents if not p.exists()]):
            parent.mkdir(exist_ok=True)
            made.append(parent)
    except OSError as error:
        remove_empty(made)
        raise _refused(error, target) from error
    return made


def make_folder(folder: Path, target: Path) -> list[Path]:
    """Make a folder where results for ``target`` are collected, and the parents that are missing.

    Returns:
        The parents made, for ``remove_empty``.

    Raises:
        HaloError: it cannot be made; nothing is left then.
    """
    made = _make_parents(target)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        remove_empty(made)
        raise _refused(error, target) from error
    return made


def remove_empty(made: list[Path]) -> None:
    """Remove those of some folders, each inside the one before it, that hold nothing."""
    for parent in reversed(made):
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _refused(error: OSError, target: Path) -> HaloError:
    """What to say where results cannot be written at all."""
    if error.errno in _FULL:
        return explain(error, target)
    reason = error.strerror or str(error)
    return HaloError(f"nothing can be written here: {reason}", "Choose a place that can be written to.", target)


def put_in_place(folder: Path, target: Path) -> None:
    """Rename a folder to its place; what stands there goes when that is done."""
    if not target.exists():
        folder.rename(target)
        return
    aside = folder.with_suffix(".old")
    target.rename(aside)
    try:
        folder.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside)


def _kept(path: Path, folder: Path, target: Path) -> Path:
    """A file of a folder that goes, copied to where it stays: a line in it may be all that tells what is wrong."""
    if not path.is_file():
        return _public_place(str(path), folder, target)
    kept = cache_folder("logs") / f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, kept)
    return kept


def _public_place(path: str, folder: Path, target: Path) -> Path:
    """The path as the user will know it: what is inside the hidden folder will be inside the target."""
    return target / Path(path).relative_to(folder) if Path(path).is_relative_to(folder) else Path(path)


@contextmanager
def signals_held() -> Iterator[None]:
    """Deliver signals after the block, so that renaming and cleaning up are never cut short."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        held.append(number)

    before = [(number, signal.signal(number, hold)) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        for received in held:
            signal.raise_signal(received)
