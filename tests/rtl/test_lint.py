"""Every MAC and processing element is clean in Verilator, Icarus and Yosys, and wrong parameters stop all three."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from halo.flow.assets import mac_sources, rtl_folder
from halo.flow.tools import FoundTool
from halo.synth.sources import read_commands
from halo.synth.yosys import run_yosys

FindTool = Callable[[str], FoundTool]
Values = dict[str, int | str]

FAMILIES = ("csa_array", "booth_r4", "sign_magnitude", "behavioural")
WIDTHS = ((8, 8, 24), (2, 2, 4), (7, 4, 16), (16, 16, 33))
PE = sorted((rtl_folder() / "pe").glob("*.v"))


def designs(widths: tuple[int, int, int]) -> list[tuple[str, Values]]:
    """Every top with the widths of weight, activation and accumulator."""
    weight, activation, acc = widths
    operands: Values = {"WEIGHT_WIDTH": weight, "ACTIVATION_WIDTH": activation}
    macs: Values = operands | {"ACC_WIDTH": acc}
    found: list[tuple[str, Values]] = [(f"mul_{family}", operands) for family in FAMILIES]
    found += [(f"mac_{family}", macs) for family in FAMILIES]
    return found + [("pe_ws", macs | {"MULTIPLIER": family}) for family in FAMILIES]


BAD: tuple[tuple[str, Values, str], ...] = (
    *((f"{kind}_{family}", {"WEIGHT_WIDTH": 1}, "WEIGHT_WIDTH") for kind in ("mul", "mac") for family in FAMILIES),
    *((f"{kind}_csa_array", {"ACTIVATION_WIDTH": 17}, "ACTIVATION_WIDTH") for kind in ("mul", "mac")),
    *((f"mac_{family}", {"ACC_WIDTH": 15}, "ACC_WIDTH") for family in FAMILIES),
    ("mac_csa_array", {"ACC_WIDTH": 65}, "ACC_WIDTH"),
    ("pe_ws", {"MULTIPLIER": "wallace"}, "MULTIPLIER"),
    ("pe_ws", {"WEIGHT_WIDTH": 1}, "WEIGHT_WIDTH"),
)


def start(found: FoundTool, arguments: Sequence[str | Path]) -> tuple[int, str]:
    run = subprocess.run(
        [found.path, *arguments, *mac_sources(), *PE],
        env=found.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def verilator(found: FoundTool, top: str, values: Values) -> tuple[int, str]:
    parameters = [f"-G{name}={_literal(value)}" for name, value in values.items()]
    return start(found, ["--lint-only", "-Wall", "--quiet", "--top-module", top, *parameters])


def icarus(found: FoundTool, top: str, values: Values) -> tuple[int, str]:
    parameters = [f"-P{top}.{name}={_literal(value)}" for name, value in values.items()]
    return start(found, ["-g2005", "-Wall", "-t", "null", "-s", top, *parameters])


def _literal(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_verilator_has_nothing_to_say(tool: FindTool, widths: tuple[int, int, int]) -> None:
    found = tool("verilator")
    said = {(top, str(values)): verilator(found, top, values) for top, values in designs(widths)}
    assert said == dict.fromkeys(said, (0, ""))


@pytest.mark.tools
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_icarus_has_nothing_to_say(tool: FindTool, widths: tuple[int, int, int]) -> None:
    found = tool("iverilog")
    said = {(top, str(values)): icarus(found, top, values) for top, values in designs(widths)}
    assert said == dict.fromkeys(said, (0, ""))


@pytest.mark.slow
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_yosys_finds_no_problem(tmp_path: Path, widths: tuple[int, int, int]) -> None:
    reading = [line for line in read_commands([*mac_sources(), *PE], "pe_ws", {}) if line.startswith("read_verilog")]
    commands = [*reading, "design -save read"]
    tops = designs(widths)
    for top, values in tops:
        elaborate = read_commands([*mac_sources(), *PE], top, values)[len(reading) :]
        commands += ["design -load read", *elaborate, "proc", "flatten", "opt_clean", "check -assert -latchonly"]
        commands += ["check -assert"]
    run = run_yosys(commands, tmp_path, "check")
    assert run.error is None
    assert run.log.count("Found and reported 0 problems.") == 2 * len(tops)
    assert "Warning:" not in run.log


@pytest.mark.tools
@pytest.mark.slow
def test_wrong_parameters_stop_verilator(tool: FindTool) -> None:
    found = tool("verilator")
    for top, values, name in BAD:
        status, said = verilator(found, top, values)
        assert status != 0 and f"parameter_{name}_must" in said, (top, values, said)


@pytest.mark.tools
def test_wrong_parameters_stop_icarus(tool: FindTool) -> None:
    found = tool("iverilog")
    for top, values, name in BAD:
        status, said = icarus(found, top, values)
        assert status != 0 and f"parameter_{name}_must" in said, (top, values, said)


@pytest.mark.slow
def test_wrong_parameters_stop_yosys(tmp_path: Path) -> None:
    for number, (top, values, name) in enumerate(BAD):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = run_yosys(read_commands([*mac_sources(), *PE], top, values), folder, "check")
        assert run.error is not None and f"parameter_{name}_must" in run.error, (top, values, run.error)
