# SPDX-License-Identifier: Apache-2.0
"""How commands start and end: help, exit codes, two readable lines for every failure, nothing left behind."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from synthetic_run import corner, write_run

from halo.cli.main import main
from halo.errors import HaloError

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "doctor",
    "inspect",
    "synth",
    "characterize",
    "crosscheck",
    "compare",
    "plot",
    "sim",
    "quantize",
    "evaluate",
    "score",
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "cells.lib"
    path.write_text("library (cells) {}\n", encoding="utf-8")
    return path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Put a function in the place of ``halo.flow.characterize.characterize``."""

    def install(function: Any) -> None:
        importlib.import_module("halo.flow.crosscheck")  # takes what it needs from the real one
        module = ModuleType("halo.flow.characterize")
        module.characterize = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "halo.flow.characterize", module)

    return install


def failed(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """The two lines of a failure with exit code 2."""
    out, err = capsys.readouterr()
    assert code == 2
    lines = err.splitlines()
    assert len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith("  fix: "), err
    assert "Traceback" not in out + err
    for word in words:
        assert word in err
    return err


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {command} " in shown for command in COMMANDS)
    assert "..." not in shown.partition("Start:")[2], "a summary is cut off: shorten it"
    headings = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Options:", "Start:", "Timing and power:", "RTL:", "Models:"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_teaches_by_example(capsys: pytest.CaptureFixture[str], command: str, flag: str) -> None:
    assert main([command, flag]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: halo {command}" in shown
    assert f"    halo {command}" in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("halo ")
    module = subprocess.run([sys.executable, "-m", "halo", "--version"], capture_output=True, text=True, cwd=ROOT)
    assert (module.returncode, module.stdout) == (0, said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fly"], ["No such command 'fly'", "halo --help"]),
        (["characterize", "--liberty", "x.lib"], ["-o", "halo characterize --help"]),
        (["characterize", "-o", "r", "--speed", "9"], ["--speed"]),
        (["characterize", "-o", "r", "--method", "guess"], ["guess", "exact", "bound", "static"]),
        (["characterize", "-o", "r", "--margin-ps", "much"], ["--margin-ps"]),
        (["crosscheck", "r", "--samples", "0"], ["--samples"]),
        (["quantize", "m", "-o", "r"], ["m: there is no such file or folder"]),
        (["quantize", "m", "-o", "r", "--bits", "4"], ["bits is an option of"]),
        (["quantize", "m", "-o", "r", "--method", "rtn", "--bits", "9"], ["9 bits"]),
        (["quantize", "m", "-o", "r", "--method", "best"], ["best", "gptq"]),
        (["evaluate", "gone", "--text", "t"], ["gone: there is no such folder"]),
        (["evaluate", "gone"], ["nothing to score"]),
        (["inspect", "-f", "gone.f"], ["gone.f: there is no such file list"]),
        (["inspect", "m.v", "-D", "W=a b"], ["-D W=a b is no macro"]),
        (["characterize", "-o", "r", "--weight", "a", "--weight", "b"], ["--weight is given twice"]),
        (["score", "m", "--table", "t", "--phase", "decode", "--phase", "prefill"], ["--phase is given twice"]),
        (["characterize", "-o", "r"], ["no Liberty library", "--liberty FILE"]),
        (["characterize", "-o", "r", "--liberty", "gone.lib"], ["gone.lib: there is no such file"]),
        (["characterize", "-o", "r", "--corner", "tt"], ["not NAME=FILE"]),
        (["characterize", "-o", "r", "--liberty", "a", "--corner", "t=b"], ["both given"]),
        (["characterize", "-o", "r", "--liberty", "a", "--param", "N"], ["--param N is not NAME=VALUE"]),
        (["characterize", "-o", "r", "--liberty", "a", "--tie", "en=high"], ["no whole number"]),
        (["characterize", "-o", "r", "--liberty", "a", "--stimulus", "random:x"], ["no number of samples"]),
        (["characterize", "-o", "r", "--liberty", "a", "--sdf", "d.sdf"], ["belongs to a gate netlist"]),
        (["characterize", "gone.v", "-o", "r", "--liberty", __file__], ["gone.v: there is no such file"]),
        (["synth", "-o", "r", "--liberty", "gone.lib"], ["gone.lib: there is no such file"]),
        (["synth", "gone.v", "-o", "r", "--liberty", __file__], ["gone.v: there is no such Verilog file"]),
        (["inspect", "gone.v"], ["gone.v"]),
        (["plot", "gone"], ["gone: there is no such folder"]),
        (["crosscheck", "gone"], ["gone: there is no such folder"]),
    ],
)
def test_wrong_arguments(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    engine: Callable[[Any], None],
    arguments: list[str],
    words: list[str],
) -> None:
    engine(lambda *_, **__: pytest.fail("must not start"))
    monkeypatch.chdir(tmp_path)
    failed(capsys, main(arguments), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            HaloError("port weigth is\nnot there", "Near: weight.", "mac.v", 7),
            ["error: mac.v:7: port weigth is not there"],
        ),
        (OSError(28, "No space left on device", "run/weights.csv"), ["run/weights.csv", "Free some space"]),
        (PermissionError(13, "Permission denied", "cells.lib"), ["cells.lib", "read and write"]),
        (MemoryError(), ["not enough memory", "random:N"]),
    ],
)
def test_failures_inside_the_run(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    engine: Callable[[Any], None],
    library: Path,
    error: Exception,
    words: list[str],
) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise error

    engine(fail)
    failed(capsys, main(["characterize", "--liberty", str(library), "-o", str(tmp_path / "run")]), *words)


def test_a_fault_of_halo_itself_is_not_dressed_up(engine: Callable[[Any], None], library: Path) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise ZeroDivisionError

    engine(fail)
    with pytest.raises(ZeroDivisionError):
        main(["characterize", "--liberty", str(library), "-o", "run"])


def test_interrupt_is_one_line(
    capsys: pytest.CaptureFixture[str], engine: Callable[[Any], None], library: Path
) -> None:
    def interrupt(*_: object, **__: object) -> Path:
        raise KeyboardInterrupt

    engine(interrupt)
    assert main(["characterize", "--liberty", str(library), "-o", "run"]) == 130
    assert capsys.readouterr().err == "interrupted; nothing was written\n"


def test_characterize_hands_over_its_options_and_ends_with_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: Callable[[Any], None], library: Path
) -> None:
    seen: list[Any] = []

    def run(config: Any, report: Any, finish: Any) -> Path:
        seen.append(config)
        report("timing", 0, 256)
        report("timing", 100, 256)
        report("timing", 256, 256)
        finish(write_run(config.run_folder, corner()))
        return Path(config.run_folder)

    engine(run)
    options = "--weight w --activation a --param N=8 --tie en=1 --method bound --stimulus random:9 --jobs 2 --force"
    arguments = ["characterize", str(library), "--corner", f"tt={library},{library}", *options.split()]
    assert main([*arguments, "--no-register-overhead", "-o", str(tmp_path / "run")]) == 0
    (config,) = seen
    assert config.files == (library,) and config.corners == (("tt", (library, library)),)
    assert (config.weight, config.activation, config.accumulator) == ("w", "a", None)
    assert (config.params, config.ties) == ((("N", 8),), (("en", 1),))
    assert (config.method, config.random_samples, config.jobs) == ("bound", 9, 2)
    assert config.force and not config.register_overhead
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == "timing ..."
    assert err.splitlines()[1].startswith("timing done in ")
    assert "synthetic test data: characterize took" in out
    assert "tt (1.8 V, 25 °C): 256 weights, 65,536 transitions each" in out
    assert "fastest but 0" in out and "weight -128" in out
    assert "\n               0      128   2,810.9   2,867.1     0.3215" in out
    assert "\n        weight 0        1       0.0       0.0      3.333" in out
    assert "% of it in glitches; leakage 3.200 nW" in out
    assert "  - The numbers are made up." in out
    for name in ("weights.csv", "run.json", "plots/frequency_per_weight.png"):
        assert f"\n  {tmp_path / 'run' / name}" in out
        assert (tmp_path / "run" / name).is_file()


@pytest.mark.parametrize(("equal", "code"), [(7, 0), (6, 1)])
def test_crosscheck_prints_its_result_and_fails_when_one_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], equal: int, code: int
) -> None:
    module = importlib.import_module("halo.flow.crosscheck")
    rows = pd.DataFrame({"weight": range(7), "equal": [n < equal for n in range(7)]})
    seen: list[Any] = []

    def played(config: Any, report: Any) -> Any:
        seen.append(config)
        return module.CrosscheckResult(rows, None, run_folder=config.run_folder)

    monkeypatch.setattr(module, "crosscheck", played)
    assert main(["crosscheck", "run", "--samples", "7", "--seed", "3", "-o", "checked"]) == code
    said = capsys.readouterr().out
    assert said.startswith(f"7 transitions compared with Icarus Verilog: {equal} equal in")
    assert said.splitlines()[-1] == f"  {Path('checked') / 'crosscheck.csv'}"
    assert seen == [module.CrosscheckConfig(Path("run"), 7, 3, Path("checked"))]


def test_plot_redraws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", corner())
    assert main(["plot", str(run)]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(paths) == 4 and all(path.is_file() for path in paths)


def test_doctor_names_every_tool_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HALO_STA", str(tmp_path / "gone"))
    main(["doctor"])
    shown = capsys.readouterr().out
    assert "  absent  iverilog   iverilog is not installed (sim, crosscheck (compiler) needs it)" in shown
    assert "Run: apt-get install iverilog, or set HALO_IVERILOG to the executable." in shown
    assert "c++ is not installed (sim with Verilator needs it)" in shown and "not ready to simulate\n" in shown
    assert "HALO_STA names" in shown and "Correct or unset HALO_STA." in shown


@pytest.mark.parametrize("missing", ["iverilog", "make"])
def test_doctor_says_which_simulators_are_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    from halo.flow import doctor
    from halo.flow.runs.tools import TOOLS, Finding, FoundTool

    found = {name: FoundTool(name, Path(name), "9.9") for name in TOOLS}
    gone = HaloError(f"{missing} is not installed", "Get it.")
    findings = [Finding(tool, gone if name == missing else found[name]) for name, tool in TOOLS.items()]
    monkeypatch.setattr(doctor, "examine", lambda: tuple(findings))
    assert main(["doctor"]) == 0
    other = {"iverilog": "verilator", "make": "icarus"}[missing]
    assert capsys.readouterr().out.endswith(f"\nready to simulate in {other}\n\nready to characterize\n")


def test_doctor_fails_only_without_what_characterize_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from halo.flow.runs import tools

    monkeypatch.setattr(tools.util, "find_spec", lambda _: None)
    assert main(["doctor"]) == 2
    assert "missing  yosys" in capsys.readouterr().out


def started(tmp_path: Path, library: Path, *arguments: str) -> subprocess.Popen[str]:
    """``halo characterize`` in a process of its own, with an engine that fills half a folder and then waits."""
    script = tmp_path / "halo_waits.py"
    script.write_text(
        "import sys, time, types\n"
        "from halo.flow.runs.runfolder import new_run\n"
        "def characterize(config, report, finish):\n"
        "    with new_run(config.run_folder, config.force) as folder:\n"
        "        (folder / 'weights.csv').write_text('half')\n"
        "        report('timing', 1, 256)\n"
        "        time.sleep(60)\n"
        "module = types.ModuleType('halo.flow.characterize')\n"
        "module.characterize = characterize\n"
        "sys.modules['halo.flow.characterize'] = module\n"
        "from halo.cli.main import run\n"
        "run()\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(script), "characterize", "--liberty", str(library), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "interrupted; nothing was written\n"), (signal.SIGTERM, 143, "")],
)
def test_signals_end_a_run_without_debris(tmp_path: Path, library: Path, number: int, code: int, said: str) -> None:
    old = write_run(tmp_path / "runs" / "old", corner())
    before = sorted(tmp_path.rglob("*"))
    for arguments in (["-o", str(tmp_path / "runs" / "new" / "deep")], ["-o", str(old), "--force"]):
        with started(tmp_path, library, *arguments) as child:
            assert child.stderr is not None and child.stderr.readline() == "timing ...\n"
            child.send_signal(number)
            time.sleep(0.01)
            rest = child.stderr.read()
            assert child.wait(timeout=20) == code
        assert rest == said
        (tmp_path / "halo_waits.py").unlink()
        assert sorted(tmp_path.rglob("*")) == before


def test_a_reader_that_leaves_is_no_error() -> None:
    code = "from halo.cli.main import run; run()"
    command = f"{sys.executable} -c '{code}' characterize --help | true; echo ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
        assert done.stdout.strip() in ("0", "1") and done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "q", "--tasks", "t", "--limit", "0"], ["limit of samples of 0 is out of range", "--limit 100."]),
        (["evaluate", "q", "--tasks", "t", "--limit", "x"], ["'--limit'", "whole number"]),
        (["score", "m", "--table", "t", "-o", "s", "--phase", "both"], ["'--phase': 'both' is not one of 'prefill'"]),
        (["characterize", "-o", "r", "--margin-ps", "much"], ["'--margin-ps'", "number"]),
        (
            ["characterize", "--netlist", "g.v", "--synth", "flat", "--liberty", "a.lib", "-o", "r"],
            ["Leave out --synth"],
        ),
        (["characterize", "-o", "r"], ["Add --liberty FILE, or --corner NAME=FILE"]),
    ],
)
def test_values_are_refused_in_plain_words(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    said = failed(capsys, main(arguments), *words)
    assert "Value error" not in said and "Input should" not in said


def test_who_asks_for_help_gets_it(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["score", "--help", "--machine"], ["score", "--machine", "-h"], ["--nothing", "--help"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out.startswith("Usage: halo")
    failed(capsys, main(["score", "--machine"]), "No such option: --machine", "halo score --help")


def test_plain_progress_says_how_long_the_rest_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from halo.cli import progress

    clock = iter([100.0, 105.0, 120.0, 700.0, 5000.0, 5001.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.StageProgress() as report:
        for done in (0, 1, 2, 20, 21, 1000):
            report("evaluating", done, 1000)
    assert capsys.readouterr().err.splitlines() == [
        "evaluating ...",
        "evaluating 2 of 1,000, about 2.8 h left",
        "evaluating 20 of 1,000, about 8.2 h left",
        "evaluating 21 of 1,000, about 63.5 h left",
        "evaluating done in 4901.0 s",
    ]
