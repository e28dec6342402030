# SPDX-License-Identifier: Apache-2.0
"""A run folder whose finished part outlives an interruption, for runs of hours.

It is built as ``DIR.partial`` beside its place and renamed to ``DIR`` at the end. An interrupted run leaves it there,
with ``resume.json``: the options and the hashes of the inputs, which a run that goes on must share.

Tests: tests/flow/test_quantize.py.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from halo.errors import HaloError, Interrupted
from halo.flow.runs.provenance import InputFile
from halo.flow.runs.runfolder import check_target, explain, make_folder, put_in_place, remove_empty, signals_held

KEY = "resume.json"
_ANEW = "Give the same again, or start anew with --force."


def partial_folder(target: Path) -> Path:
    """Where an unfinished run stands."""
    return target.with_name(target.name + ".partial")


@contextmanager
def resumable_run(target: Path, force: bool, resume: bool, kept: Callable[[Path], int]) -> Iterator[Path]:
    """Give a folder to fill, new or as an interrupted run left it; rename it to ``target`` when the block ends well.

    When the block is cut short for any reason, the folder stays if something in it was finished.

    Args:
        target: the run folder; parents are made.
        force: replace a finished run at ``target``, and drop an unfinished one unless ``resume``.
        resume: go on with an unfinished run where there is one.
        kept: number of finished parts in a folder.

    Raises:
        HaloError: ``target`` or an unfinished run is in the way, or the folder cannot be written.
        Interrupted: by Ctrl-C, with parts finished.
    """
    check_target(target, force)
    place = target.resolve()
    folder = partial_folder(place)
    if folder.exists() and not resume:
        if not force:
            what = f"an interrupted run stands here, {_layers(kept(folder))} of it finished"
            raise HaloError(what, "Go on with it: --resume; or start anew: --force.", partial_folder(target))
        shutil.rmtree(folder)
    made = make_folder(folder, target)
    try:
        yield folder
        with signals_held():
            (folder / KEY).unlink()
            put_in_place(folder, place)
    except BaseException as error:
        count = kept(folder) if folder.is_dir() else 0
        if count == 0:
            shutil.rmtree(folder, ignore_errors=True)
            remove_empty(made)
        left = f"{_layers(count)} finished: go on with --resume." if count else ""
        if isinstance(error, KeyboardInterrupt) and count:
            raise Interrupted(f"interrupted; {left}") from error
        if not isinstance(error, HaloError | OSError):
            raise
        said = error if isinstance(error, HaloError) else explain(error, None if error.filename else folder)
        place_said = said.path
        if place_said is not None and Path(place_said).is_relative_to(folder):
            place_said = str(partial_folder(target) / Path(place_said).relative_to(folder))
        raise HaloError(said.what, f"{said.fix} {left}".rstrip(), place_said, said.line) from error


def same_run(folder: Path, config: Mapping[str, Any], inputs: Sequence[InputFile]) -> None:
    """Check that an interrupted run had these options and inputs; in a new folder, write them down.

    Raises:
        HaloError: it had others; the first that differs is named.
    """
    path = folder / KEY
    values = {"config": dict(config), "inputs": [asdict(item) for item in inputs]}
    if not path.is_file():
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    old, new = _flat(before["config"]), _flat(json.loads(json.dumps(values["config"])))
    for name in [*new, *old]:
        if old.get(name) != new.get(name):
            what = (
                f"the interrupted run had {name.replace('_', '-')} {_told(old.get(name))}, not {_told(new.get(name))}"
            )
            raise HaloError(what, _ANEW, path)
    hashes = {item["path"]: item["sha256"] for item in before["inputs"]}
    for item in inputs:
        if hashes.pop(item.path, None) != item.sha256:
            raise HaloError("this file is not what the interrupted run read", _ANEW, item.path)
    if hashes:
        raise HaloError("the interrupted run also read this file", _ANEW, next(iter(hashes)))


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options within options, with the names of both."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= {f"{name} {k}": v for k, v in _flat(value).items()} if isinstance(value, Mapping) else {name: value}
    return flat


def _layers(count: int) -> str:
    return f"{count} layer" if count == 1 else f"{count} layers"


def _told(value: Any) -> str:
    return "none" if value in (None, []) else json.dumps(value)
