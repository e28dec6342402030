# SPDX-License-Identifier: Apache-2.0
"""What a run did: ``run.json`` (options, input hashes, versions, assumptions, times) and ``log.txt``."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from halo.errors import HaloError
from halo.flow.runs.runfolder import RECORD
from halo.progress import Progress
from halo.schema import RUN_SCHEMA, read_stamped, split_known, stamped
from halo.version import __version__

if TYPE_CHECKING:
    import pandas as pd

LOG = "log.txt"
_AGAIN = "Run the command again."
_WORD = re.compile(r"[a-z]+[,']?(?= |\.?$)")
"""A first word that takes a capital; what holds a digit, hyphen, underscore or colon is a name."""
_NAMED = re.compile(r"'(\w+)'")
_PACKAGES = (
    "numpy",
    "numba",
    "pandas",
    "pyarrow",
    "pyosys",
    "pyverilog",
    "matplotlib",
    "cocotb",
    "torch",
    "transformers",
)


@dataclass(frozen=True)
class InputFile:
    """A file the run read: its path as given, SHA-256 of its bytes, and size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class RunRecord:
    """The content of ``run.json``.

    Attributes:
        command: ``characterize`` and the like.
        config: every option, as ``CharacterizeConfig.to_dict`` writes them.
        inputs: every file read.
        tools: name to version, of external tools and of the Python packages that touch a number.
        assumptions: one sentence each, in the order they were made.
        results: what the run found besides its tables; ``design`` names the module characterized.
        stages: seconds of wall time by stage, in order.
        started: UTC, ISO 8601.
        wall_time_s: from start to writing.
        extra: keys of another version, kept for when the record is written again.
    """

    command: str
    halo: str
    config: dict[str, Any]
    inputs: tuple[InputFile, ...]
    tools: dict[str, str]
    assumptions: tuple[str, ...]
    results: dict[str, Any]
    stages: dict[str, float]
    started: str
    wall_time_s: float
    python: str
    platform: str
    extra: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write ``run.json``, the keys of another version behind its own."""
        values = asdict(self)
        text = json.dumps(
            stamped(RUN_SCHEMA, values | values.pop("extra")), indent=2, ensure_ascii=False, allow_nan=False
        )
        (folder / RECORD).write_text(text + "\n", encoding="utf-8")

    def to_pandas(self) -> pd.DataFrame:
        """A row for each option, input, tool, assumption and stage: section, name and value, all text."""
        import pandas as pd

        rows = [("run", name, getattr(self, name)) for name in ("command", "halo", "started", "python", "platform")]
        rows += [("config", name, json.dumps(value)) for name, value in self.config.items()]
        rows += [("inputs", file.path, f"sha256 {file.sha256}, {file.size} bytes") for file in self.inputs]
        rows += [("tools", name, version) for name, version in self.tools.items()]
        rows += [("assumptions", str(number), text) for number, text in enumerate(self.assumptions, 1)]
        rows += [("stages", name, f"{seconds} s") for name, seconds in self.stages.items()]
        return pd.DataFrame(rows, columns=["section", "name", "value"])

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(index=False))


_KEYS = frozenset(field.name for field in fields(RunRecord)) - {"extra"}


@dataclass
class Recorder:
    """Collects the record while a run goes on, and writes it when the ``with`` block ends well.

        with new_run(config.run_folder, config.force) as folder, Recorder(folder, "characterize", ...) as record:
            record.report("synthesis", 0, 1)
            record.assume("The partial sum is unknown to the bound.")
            record.results["gates"] = 374

    Attributes:
        folder: the folder being built.
        results: free; JSON values only.
        tools: name to version; those of Python packages are added automatically.
    """

    folder: Path
    command: str
    config: Mapping[str, Any]
    inputs: Iterable[Path]
    onward: Progress | None = None
    results: dict[str, Any] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    _assumptions: dict[str, None] = field(default_factory=dict)
    _stages: dict[str, float] = field(default_factory=dict)
    _stage: tuple[str, float] | None = None
    _inputs: tuple[InputFile, ...] = ()
    _started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _clock: float = field(default_factory=time.perf_counter)

    def __enter__(self) -> Self:
        self.log(f"halo {__version__} {self.command}")
        for name, value in self.config.items():
            self.log(f"  {name} = {json.dumps(value)}")
        with ThreadPoolExecutor() as pool:  # hashing releases the interpreter lock
            self._inputs = tuple(pool.map(input_file, self.inputs))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            return
        self._end_stage()
        record = RunRecord(
            command=self.command,
            halo=__version__,
            config=dict(self.config),
            inputs=self._inputs,
            tools={**self.tools, **package_versions()},
            assumptions=tuple(self._assumptions),
            results=self.results,
            stages={name: round(seconds, 3) for name, seconds in self._stages.items()},
            started=self._started.isoformat(timespec="seconds"),
            wall_time_s=round(time.perf_counter() - self._clock, 3),
            python=platform.python_version(),
            platform=platform.platform(),
        )
        self.log(f"done in {record.wall_time_s:.1f} s")
        record.write(self.folder)

    def also_read(self, paths: Iterable[str]) -> None:
        """Note files that only reading showed to be inputs, such as those that a library includes."""
        known = {file.path for file in self._inputs}
        self._inputs += tuple(input_file(Path(path)) for path in dict.fromkeys(paths) if path not in known)

    def wrote(self, *names: str) -> None:
        """Note the hashes of files of the folder that belong together (``require_own``)."""
        self.results["files"] = {name: input_file(self.folder / name).sha256 for name in names}

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The sentences stated so far."""
        return tuple(self._assumptions)

    @property
    def files(self) -> tuple[InputFile, ...]:
        """The files read, with their hashes."""
        return self._inputs

    def report(self, stage: str, done: int, total: int) -> None:
        """Note where the run stands, and pass it on. Cheap enough to call for every weight."""
        if self._stage is None or self._stage[0] != stage:
            self._end_stage()
            self._stage = (stage, time.perf_counter())
            self.log(f"{stage} ...")
        if self.onward is not None:
            self.onward(stage, done, total)

    def assume(self, sentence: str) -> None:
        """State an assumption behind the numbers. Stated twice, it is written once.

        A full stop is added, and a capital unless the sentence begins with a name: of a corner (``tt: ...``), a method
        or a port.
        """
        if _WORD.match(sentence):
            sentence = sentence[:1].upper() + sentence[1:]
        sentence = sentence.rstrip(".") + "."
        if sentence not in self._assumptions:
            self._assumptions[sentence] = None
            self.log(f"assumes: {sentence}")

    def log(self, text: str) -> None:
        """Add a line to ``log.txt``, with the seconds since the start."""
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(f"{time.perf_counter() - self._clock:9.3f}  {text}\n")

    def _end_stage(self) -> None:
        if self._stage is not None:
            name, start = self._stage
            self._stages[name] = self._stages.get(name, 0.0) + time.perf_counter() - start
            self.log(f"{name} took {time.perf_counter() - start:.3f} s")
            self._stage = None


def read_record(folder: Path) -> RunRecord:
    """Read ``run.json`` of a run folder.

    Raises:
        HaloError: the folder is no run, or its record is damaged or of a newer version.
    """
    path = folder / RECORD
    if not folder.exists():
        raise HaloError("there is no such folder", "Give a folder that a halo command wrote.", folder)
    if not path.is_file():
        raise HaloError("this is no run folder", "Give a folder that a halo command wrote.", folder)
    try:
        values, extra = split_known(read_stamped(path, newest=RUN_SCHEMA, again=_AGAIN), _KEYS)
        values["inputs"] = tuple(InputFile(**item) for item in values["inputs"])
        values["assumptions"] = tuple(values["assumptions"])
        return RunRecord(**values, extra=extra)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HaloError(f"the record is damaged: {_told(error)}", _AGAIN, path) from error


def require_own(record: RunRecord, folder: Path, *, fix: str) -> None:
    """Check that the files of a run folder are those that its run wrote, as far as they are there.

    Args:
        record: of the run; a version that kept no hashes promises nothing.
        folder: of the run.
        fix: the full sentence that says what to do where they are not.

    Raises:
        HaloError: a file was changed, or comes from another run.
    """
    for name, written in record.results.get("files", {}).items():
        path = folder / name
        if path.is_file() and input_file(path).sha256 != written:
            raise HaloError(f"{name} is not the one that its run wrote", fix, path)


def require_unchanged(record: RunRecord, files: Iterable[Path], path: Path, *, again: str) -> None:
    """Check that files are those that a run read.

    Args:
        record: of the run; path: of the record.
        files: files that the run read.
        again: the full sentence that says what to do where they are not.

    Raises:
        HaloError: a file is not there, the run did not read it, or it has changed.
    """
    known = {item.path: item.sha256 for item in record.inputs}
    for file in files:
        if not file.is_file():
            fix = f"Put it back, or start from the folder that halo {record.command} was started from."
            raise HaloError("a file that the run read is not there", fix, file)
        hashed = known.get(str(file))
        if hashed is None:
            raise HaloError(f"the record has no hash of {file}", again, path)
        if input_file(file).sha256 != hashed:
            raise HaloError("this file has changed since the run", again, file)


def _told(error: Exception) -> str:
    """What a record lacks or holds, without the words of Python's constructors."""
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    missing = sorted(_NAMED.findall(str(error)))
    return f"it lacks or misplaces {', '.join(missing)}" if missing else str(error)


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that touch a number."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def input_file(path: Path) -> InputFile:
    """A file with its hash."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return InputFile(str(path), digest, path.stat().st_size)
