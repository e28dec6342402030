"""What one characterization is asked to do: every option of ``halo characterize``, checked before anything runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

from halo.errors import HaloError

Method = Literal["exact", "bound", "static"]
Synthesis = Literal["structural", "flat"]
CornerFiles = tuple[str, tuple[Path, ...]]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_CORNER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*\Z")
_PREFIXED = re.compile(r"-?0([xX][0-9a-fA-F]+|[bB][01]+)\Z")
_DECIMAL = re.compile(r"-?[0-9]+\Z")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*\Z")


@dataclass(frozen=True)
class CharacterizeConfig:
    """The options of one characterization. Immutable; building one checks every value, not the files.

    Attributes:
        corners: ``(name, Liberty files)`` in the order of the table's rows. At least one.
        run_folder: folder to write.
        files: Verilog sources; empty with no ``netlist``: the default MAC.
        top: top module; None where only one module can be it.
        weight, activation, accumulator, output, clock: port names; None: found where only one reading fits.
        params: Verilog parameters set on the top module, whole numbers or words.
        ties: constant value of every other input port that needs one (unsigned, or negative in two's complement).
        netlist: a gate netlist to take instead of synthesising ``files``.
        sdf: its delays by another timer; None: delays are calculated from the library.
        synth: ``structural`` keeps the source's structure, ``flat`` lets ABC restructure across it.
        method: ``exact`` event simulation, ``bound`` the sound settle bound only, ``static`` static timing only.
        stimulus: ``all`` activation transitions, ``random:N`` seeded ones, or the path of a trace file.
        activations: histogram (.csv, .npz) or trace of activation values that weights the energy; None: uniform.
        input_slew_ps, output_load_ff: at the ports; None: what the library's own cells give (see ``run.json``).
        margin_ps: added to every clock period.
        register_overhead: ports pay the library flip-flop's clk-to-Q and setup, as of a register outside.
        psum_samples: partial-sum steps of the exact method's accumulation stimulus.
        seed: of every random choice.
        jobs: threads; None: all cores. Never changes a result.
        force: replace a finished run folder.

    Raises:
        HaloError: a value is out of range, or two options contradict each other.
    """

    corners: tuple[CornerFiles, ...]
    run_folder: Path
    files: tuple[Path, ...] = ()
    top: str | None = None
    weight: str | None = None
    activation: str | None = None
    accumulator: str | None = None
    output: str | None = None
    clock: str | None = None
    params: tuple[tuple[str, int | str], ...] = ()
    ties: tuple[tuple[str, int], ...] = ()
    netlist: Path | None = None
    sdf: Path | None = None
    synth: Synthesis = "structural"
    method: Method = "exact"
    stimulus: str = "all"
    activations: Path | None = None
    input_slew_ps: float | None = None
    output_load_ff: float | None = None
    margin_ps: float = 0.0
    register_overhead: bool = True
    psum_samples: int = 4096
    seed: int = 1
    jobs: int | None = None
    force: bool = False

    def __post_init__(self) -> None:
        self._check_corners()
        self._check_sources()
        self._check_choices()
        self._check_numbers()

    @property
    def random_samples(self) -> int | None:
        """N of ``random:N``, else None."""
        return int(self.stimulus.removeprefix("random:")) if self.stimulus.startswith("random:") else None

    @property
    def stimulus_file(self) -> Path | None:
        """The trace file of the stimulus, or None for ``all`` and ``random:N``."""
        return None if self.stimulus == "all" or self.stimulus.startswith("random:") else Path(self.stimulus)

    @property
    def input_files(self) -> tuple[Path, ...]:
        """Every file the run reads, in a fixed order, each once."""
        optional = (self.netlist, self.sdf, self.activations, self.stimulus_file)
        libraries = (path for _, paths in self.corners for path in paths)
        return tuple(dict.fromkeys([*self.files, *(p for p in optional if p is not None), *libraries]))

    def require_files(self) -> None:
        """Check that every input file is there, before minutes are spent.

        Raises:
            HaloError: a file is absent, or is a folder.
        """
        for path in self.input_files:
            if path.is_dir():
                raise HaloError("this is a folder where a file is expected", "Give the path of a file.", path)
            if not path.is_file():
                raise HaloError("there is no such file", _near_files(path), path)

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON values, in the order of the fields; paths as given."""
        return {field.name: _to_json(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CharacterizeConfig:
        """The inverse of ``to_dict``.

        Raises:
            HaloError: an option is unknown, missing or out of range.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown or not {"corners", "run_folder"} <= set(values):
            what = f"unknown option {unknown[0]!r}" if unknown else "the record names no corners or no run folder"
            raise HaloError(what, "Characterize again with this version of halo.")
        read = dict(values)
        read["corners"] = tuple((name, tuple(Path(p) for p in paths)) for name, paths in values["corners"])
        read["files"] = tuple(Path(p) for p in values.get("files", ()))
        for name in ("params", "ties"):
            read[name] = tuple((key, value) for key, value in values.get(name, ()))
        for name in ("run_folder", "netlist", "sdf", "activations"):
            if values.get(name) is not None:
                read[name] = Path(values[name])
        return cls(**read)

    def _check_corners(self) -> None:
        if not self.corners:
            raise HaloError("no Liberty library is given", "Add --liberty FILE, or --corner NAME=FILE[,FILE...].")
        for name, paths in self.corners:
            if not _CORNER_NAME.match(name):
                raise HaloError(
                    f"{name!r} cannot name a corner", "Use letters, digits, '_', '.', '+' and '-', as in tt_1p80V_25C."
                )
            if not paths:
                raise HaloError(f"corner {name} names no file", "Write --corner NAME=FILE[,FILE...].")
        _reject_repeats([name for name, _ in self.corners], "corner")

    def _check_sources(self) -> None:
        if self.netlist is not None and self.files:
            raise HaloError(
                "Verilog to synthesise and a gate netlist are both given", "Give either Verilog files or --netlist."
            )
        if self.netlist is not None and self.params:
            raise HaloError("a gate netlist has no parameters to set", "Drop --param, or give the Verilog instead.")
        if self.sdf is not None and self.netlist is None:
            raise HaloError("an SDF belongs to a gate netlist, and none is given", "Add --netlist FILE.v.")
        if self.sdf is not None and len(self.corners) > 1:
            raise HaloError("one SDF holds the delays of one corner, and several are given", "Run each corner apart.")
        for kind, pairs in (("parameter", self.params), ("tied port", self.ties)):
            _reject_repeats([name for name, _ in pairs], kind)
        roles = [r for r in (self.weight, self.activation, self.accumulator, self.output, self.clock) if r is not None]
        _reject_repeats(roles, "port")
        for name in [*roles, *(name for name, _ in (*self.params, *self.ties)), *([self.top] if self.top else [])]:
            if not _IDENTIFIER.match(name):
                raise HaloError(f"{name!r} is no Verilog name", "Name a port, parameter or module as the Verilog does.")
        tied = sorted({name for name, _ in self.ties} & set(roles))
        if tied:
            raise HaloError(f"port {tied[0]} is tied and has a role as well", "Drop --tie for it, or the role.")

    def _check_choices(self) -> None:
        for option, value, choices in (
            ("--synth", self.synth, get_args(Synthesis)),
            ("--method", self.method, get_args(Method)),
        ):
            if value not in choices:
                raise HaloError(f"{option} cannot be {value!r}", f"Use one of: {', '.join(choices)}.")
        count = self.stimulus.removeprefix("random:")
        if self.stimulus.startswith("random:") and not (count.isascii() and count.isdigit() and int(count) > 0):
            raise HaloError(f"--stimulus {self.stimulus} names no number of samples", "Write --stimulus random:100000.")
        if not self.stimulus:
            raise HaloError("--stimulus is empty", "Use all, random:N, or the path of a trace file.")

    def _check_numbers(self) -> None:
        for option, value in (
            ("--input-slew-ps", self.input_slew_ps),
            ("--output-load-ff", self.output_load_ff),
            ("--margin-ps", self.margin_ps),
        ):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise HaloError(f"{option} {value} is no physical value", "Give a number of zero or more.")
        for option, number, least in (
            ("--psum-samples", self.psum_samples, 1),
            ("--seed", self.seed, 0),
            ("--jobs", self.jobs, 1),
        ):
            if number is not None and number < least:
                raise HaloError(f"{option} {number} is too small", f"Give {least} or more.")


def parse_parameters(texts: Iterable[str]) -> tuple[tuple[str, int | str], ...]:
    """Read ``--param NAME=VALUE`` options; VALUE is decimal, 0x, 0b, or a word (a string parameter).

    Raises:
        HaloError: no such form.
    """
    pairs: list[tuple[str, int | str]] = []
    for text in texts:
        name, value = _split_assignment(text, "--param")
        number = _integer(value)
        if number is None and not _WORD.match(value):
            raise HaloError(f"--param {text} is no whole number and no word", "Write --param WIDTH=8.")
        pairs.append((name, value if number is None else number))
    return tuple(pairs)


def parse_ties(texts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Read ``--tie NAME=VALUE`` options; VALUE is decimal, 0x or 0b.

    Raises:
        HaloError: no such form.
    """
    pairs: list[tuple[str, int]] = []
    for text in texts:
        name, value = _split_assignment(text, "--tie")
        number = _integer(value)
        if number is None:
            raise HaloError(f"--tie {text} holds no whole number", "Write --tie enable=1.")
        pairs.append((name, number))
    return tuple(pairs)


def parse_corners(liberty: Sequence[Path], corners: Iterable[str]) -> tuple[CornerFiles, ...]:
    """Corners from ``--liberty`` (the files of one corner) or ``--corner NAME=FILE[,FILE...]``.

    A corner given by ``--liberty`` takes its name from its first file, without folder and ``.lib`` or ``.lib.gz``.

    Raises:
        HaloError: both or neither are given, or a corner has no such form.
    """
    texts = list(corners)
    if liberty and texts:
        raise HaloError(
            "--liberty and --corner are both given",
            "Use --liberty for one corner, or --corner NAME=FILE[,FILE...] for each of several.",
        )
    if liberty:
        stem = liberty[0].name.removesuffix(".gz").removesuffix(".lib")
        return ((re.sub(r"[^A-Za-z0-9_.+-]", "_", stem).lstrip("_.+-") or "library", tuple(liberty)),)
    read = []
    for text in texts:
        name, equals, paths = text.partition("=")
        if not equals or not all(paths.split(",")):
            raise HaloError(f"--corner {text} is not NAME=FILE[,FILE...]", "Write --corner tt=core.lib,extra.lib.")
        read.append((name, tuple(Path(path) for path in paths.split(","))))
    return tuple(read)


def _split_assignment(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not _IDENTIFIER.match(name):
        raise HaloError(f"{option} {text} is not NAME=VALUE", f"Write {option} NAME=VALUE.")
    return name, value


def _integer(text: str) -> int | None:
    if _PREFIXED.match(text):
        return int(text, 0)
    return int(text) if _DECIMAL.match(text) else None


def _reject_repeats(names: Sequence[str], kind: str) -> None:
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise HaloError(f"{kind} {repeated[0]} is given twice", "Give each one once.")


def _near_files(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder} either: check the path."
    near = get_close_matches(path.name, sorted(p.name for p in folder.iterdir() if p.is_file()), n=3, cutoff=0.6)
    return f"Near names in that folder: {', '.join(near)}." if near else "Check the path."


def _to_json(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    return value
