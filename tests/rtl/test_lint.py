# SPDX-License-Identifier: Apache-2.0
"""All Verilog is clean in Verilator, Icarus, slang and Yosys for all kinds of parameters; wrong ones stop them all."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pytest

from halo.flow.runs.assets import rtl_folder
from halo.flow.runs.tools import FoundTool
from halo.flow.simulators.own_modules import wrappers
from halo.synth.sources import read_commands
from halo.synth.yosys import run_yosys

FindTool = Callable[[str], FoundTool]
Values = dict[str, int | str]
Design = tuple[str, Values]

FAMILIES = ("csa_array", "booth_r4", "baugh_wooley", "sign_magnitude", "behavioural")
WIDTHS = ((8, 8, 24), (2, 2, 4), (7, 4, 16), (16, 16, 33))
SOURCES = sorted(rtl_folder().glob("*/*.v"))


def elements(weight: int, activation: int, acc: int) -> list[Design]:
    """Every MAC and multiplier with these widths and, up to 8 bits, every processing element."""
    operands: Values = {"WEIGHT_WIDTH": weight, "ACTIVATION_WIDTH": activation}
    macs: Values = operands | {"ACC_WIDTH": acc}
    found: list[Design] = [(f"mul_{family}", operands) for family in FAMILIES]
    found += [(f"mac_{family}", macs) for family in FAMILIES]
    if weight > 8:  # what they are made of is seen above
        return found
    found += [("pe_ws", macs | form) for form in TREE_FORMS]
    if weight < 8:  # elements of the other families differ by the multiplier alone
        return found
    found += [("pe_ws", macs | {"MULTIPLIER": family} | form) for family, form in product(FAMILIES, FORMS[::3])]
    found += [("pe_os", macs | {"MULTIPLIER": "booth_r4", "CARRY_SAVE": n % 2, "PIPELINE": n}) for n in (2, 3)]
    if weight % 4 == 0:
        found += [("pair_element", macs | form) for form in PAIR_FORMS]
    return found + [("pe_os", macs | {"MULTIPLIER": "behavioural"} | form) for form in FORMS]


def arrays(top: str, *others: Values) -> list[Design]:
    """An array in several shapes, in all forms of its elements, and with other values of its own parameters."""
    square: Values = {"ROWS": 2, "COLUMNS": 2, "MULTIPLIER": "behavioural"}
    shapes: list[Values] = [{"ROWS": rows, "COLUMNS": columns} for rows, columns in SHAPES]
    return [(top, square | values) for values in (*shapes, *FORMS, *others, {"MULTIPLIER": "csa_array"})]


def tensor_core() -> list[Design]:
    """The dot product in all families and several widths, the matrix unit in several shapes."""
    found: list[Design] = [("dp4a_unit", {"MULTIPLIER": family}) for family in FAMILIES]
    plain: Values = {"MULTIPLIER": "behavioural"}
    found += [("dp4a_unit", plain | {"WIDTH": width, "ACC_WIDTH": acc}) for width, acc in ((5, 12), (2, 64))]
    sizes: tuple[Values, ...] = ({"M": 1, "N": 1, "K": 4}, {"M": 2, "N": 3, "K": 8}, {"M": 1, "N": 2, "K": 20})
    return found + [("mma_unit", plain | size) for size in sizes]


FORMS: tuple[Values, ...] = tuple(
    {"PIPELINE": pipeline, "CARRY_SAVE": carry_save} for pipeline in (0, 1) for carry_save in (0, 1)
)
TREE_FORMS: tuple[Values, ...] = (
    *({"MULTIPLIER": "booth_r4", "PIPELINE": n, "CARRY_SAVE": 1, "RECODED": 1, "CORRECTION": 1} for n in range(4)),
    {"MULTIPLIER": "booth_r4", "PIPELINE": 2, "RECODED": 1, "ARRAY": 8},
    {"MULTIPLIER": "booth_r4", "CORRECTION": 1, "CLASS_ZEROS": 4, "CLASS_SHARE": 50},
    {"MULTIPLIER": "baugh_wooley", "PIPELINE": 3, "CARRY_SAVE": 1, "CORRECTION": 1},
    {"MULTIPLIER": "baugh_wooley", "PIPELINE": 2, "CORRECTION": 1, "SEED": 3},
)
PAIR_FORMS: tuple[Values, ...] = (
    *({"PIPELINE": n, "CARRY_SAVE": 1, "RECODED": n % 2, "CORRECTION": n // 2} for n in range(4)),
    {"PIPELINE": 1, "CARRY_SAVE": 0, "RECODED": 1},
    {"PIPELINE": 2, "CARRY_SAVE": 0, "ARRAY": 8, "CORRECTION": 1},
)
SHAPES = ((1, 1), (1, 3), (3, 1), (2, 5), (7, 6))
DESIGNS: dict[str, list[Design]] = {
    **{str(widths): elements(*widths) for widths in WIDTHS},
    "systolic_ws": arrays(
        "systolic_ws",
        {"DEPTH": 1, "CLASS_WIDTH": 1},
        {"DEPTH": 5, "SWAP_GAP": 3, "CLASS_WIDTH": 4},
        *TREE_FORMS[2:7:4],
        TREE_FORMS[0] | {"WEIGHT_WIDTH": 7, "ACTIVATION_WIDTH": 4, "ROWS": 1},
        TREE_FORMS[-1] | {"WEIGHT_WIDTH": 3, "ACTIVATION_WIDTH": 6, "COLUMNS": 1},
        {"CLASS_GAP": 0},
        {"CLASS_GAP": 255, "SWAP_GAP": 2},
        {"WEIGHT_WIDTH": 2, "ACTIVATION_WIDTH": 3, "ACC_WIDTH": 5, "SWAP_GAP": 1},
    ),
    "systolic_os": arrays(
        "systolic_os",
        {"STEP_WIDTH": 1, "CLASS_WIDTH": 1},
        {"STEP_WIDTH": 32, "CLASS_WIDTH": 4},
        {"MULTIPLIER": "booth_r4", "PIPELINE": 3, "CARRY_SAVE": 1},
    ),
    "tensor_core": tensor_core(),
    "fp16": [("mac_fp16", {}), ("mac_fp16_pipelined", {})],
}

BAD: tuple[tuple[str, Values, str], ...] = (
    *((f"{kind}_{family}", {"WEIGHT_WIDTH": 1}, "WEIGHT_WIDTH") for kind in ("mul", "mac") for family in FAMILIES),
    *((f"{kind}_csa_array", {"ACTIVATION_WIDTH": 17}, "ACTIVATION_WIDTH") for kind in ("mul", "mac")),
    *((f"mac_{family}", {"ACC_WIDTH": 15}, "ACC_WIDTH") for family in FAMILIES),
    ("mac_csa_array", {"ACC_WIDTH": 65}, "ACC_WIDTH"),
    ("pe_ws", {"MULTIPLIER": "wallace"}, "MULTIPLIER"),
    *((top, {"WEIGHT_WIDTH": 1}, "WEIGHT_WIDTH") for top in ("pe_ws", "pe_os")),
    *((top, {name: 2}, name) for top in ("pe_ws", "pe_os") for name in ("PIPELINE", "CARRY_SAVE")),
    *((top, {"PIPELINE": n, "MULTIPLIER": "booth_r4"}, "PIPELINE") for top in ("pe_ws", "pe_os") for n in (-1, 4)),
    *(("pe_ws", {name: 1}, name) for name in ("RECODED", "CORRECTION")),
    *(("pe_ws", {name: 2, "MULTIPLIER": "booth_r4"}, name) for name in ("RECODED", "CORRECTION")),
    ("pe_ws", {"CORRECTION": 1, "PIPELINE": 1, "MULTIPLIER": "booth_r4"}, "CORRECTION"),
    *(("pe_ws", {name: 101, "MULTIPLIER": "booth_r4"}, name) for name in ("ARRAY", "CLASS_SHARE")),
    ("pe_datapath", {"LANES": 3, "MULTIPLIER": "booth_r4"}, "LANES"),
    ("pe_datapath", {"LANES": 2}, "LANES"),
    ("pair_element", {"WEIGHT_WIDTH": 6}, "LANES"),
    *((top, {name: 0}, name) for top in ("systolic_ws", "systolic_os") for name in ("ROWS", "COLUMNS", "CLASS_WIDTH")),
    *((top, {"ACC_WIDTH": 15}, "ACC_WIDTH") for top in ("systolic_ws", "systolic_os")),
    ("systolic_ws", {"DEPTH": 0}, "DEPTH"),
    *(("systolic_ws", {name: gap}, name) for name in ("SWAP_GAP", "CLASS_GAP") for gap in (-1, 256)),
    *(("systolic_os", {"STEP_WIDTH": width}, "STEP_WIDTH") for width in (0, 33)),
    *(("dp4a_unit", {"WIDTH": width}, "WIDTH") for width in (1, 9)),
    ("dp4a_unit", {"ACC_WIDTH": 17}, "ACC_WIDTH"),
    *(("mma_unit", {name: 0}, name) for name in ("M", "N", "K")),
    ("mma_unit", {"K": 6}, "K"),
    ("mma_unit", {"MULTIPLIER": "wallace"}, "MULTIPLIER"),
)


def start(found: FoundTool, arguments: Sequence[str | Path], more: Sequence[Path] = ()) -> tuple[int, str]:
    run = subprocess.run(
        [found.path, *arguments, *SOURCES, *more],
        env=found.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def verilator(found: FoundTool, top: str, values: Values, *more: Path) -> tuple[int, str]:
    parameters = [f"-G{name}={_literal(value)}" for name, value in values.items()]
    return start(found, ["--lint-only", "-Wall", "--quiet", "--top-module", top, *parameters], more)


def icarus(found: FoundTool, top: str, values: Values, *more: Path) -> tuple[int, str]:
    parameters = [f"-P{top}.{name}={_literal(value)}" for name, value in values.items()]
    return start(found, ["-g2005", "-Wall", "-t", "null", "-s", top, *parameters], more)


def _literal(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("group", DESIGNS)
def test_verilator_has_nothing_to_say(tool: FindTool, group: str) -> None:
    found = tool("verilator")
    said = {(top, str(values)): verilator(found, top, values) for top, values in DESIGNS[group]}
    assert said == dict.fromkeys(said, (0, ""))


@pytest.mark.tools
@pytest.mark.parametrize("group", DESIGNS)
def test_icarus_has_nothing_to_say(tool: FindTool, group: str) -> None:
    found = tool("iverilog")
    said = {(top, str(values)): icarus(found, top, values) for top, values in DESIGNS[group]}
    assert said == dict.fromkeys(said, (0, ""))


@pytest.mark.slow
@pytest.mark.parametrize("group", DESIGNS)
def test_yosys_finds_no_problem(tmp_path: Path, group: str) -> None:
    reading = [line for line in read_commands(SOURCES, "pe_ws", {}) if line.startswith("read_verilog")]
    commands = [*reading, "design -save read"]
    tops = DESIGNS[group][::2]  # Yosys takes longest; the two others see all
    for top, values in tops:
        elaborate = read_commands(SOURCES, top, values)[len(reading) :]
        commands += ["design -load read", *elaborate, "proc", "flatten", "opt_clean", "check -assert -latchonly"]
        commands += ["check -assert"]
    run = run_yosys(commands, tmp_path, "check")
    assert run.error is None
    assert run.log.count("Found and reported 0 problems.") == 2 * len(tops)
    assert "Warning:" not in run.log


def test_slang_has_nothing_to_say(tmp_path: Path) -> None:
    """Every module by itself, with all warnings but three: Verilog extends what is signed or narrower where it stands
    beside other numbers or at a port, and an output may stay open."""
    unheard = ("sign-conversion", "arith-op-mismatch", "empty-output-connection")
    said = tmp_path / "said.json"
    words = ["read_slang", "--single-unit", "--ast-compilation-only", "--diag-json", str(said), "-Weverything"]
    words += [f"-Wno-{name}" for name in unheard]
    words += [word for path in SOURCES for word in ("--top", path.stem)]
    run = run_yosys([" ".join([*words, *map(str, SOURCES)])], tmp_path, "slang")
    assert run.error is None and json.loads(said.read_text(encoding="utf-8")) == [], run.log[-3000:]


@pytest.mark.tools
@pytest.mark.slow
def test_wrong_parameters_stop_verilator(tool: FindTool) -> None:
    found = tool("verilator")
    for top, values, name in BAD:
        status, said = verilator(found, top, values)
        assert status != 0 and f"parameter_{name}_must" in said, (top, values, said)


def test_lines_are_within_120_columns() -> None:
    long = [f"{path.name}:{n}" for path in (*SOURCES, *rtl_folder().glob("*/*.sv"))
            for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if len(line) > 120]  # fmt: skip
    assert SOURCES and not long


@pytest.mark.tools
def test_wrong_parameters_stop_icarus(tool: FindTool) -> None:
    found = tool("iverilog")
    for top, values, name in BAD:
        status, said = icarus(found, top, values)
        assert status != 0 and f"parameter_{name}_must" in said, (top, values, said)


@pytest.mark.slow
def test_wrong_parameters_stop_yosys(tmp_path: Path) -> None:
    # One of each top: every value is tried above, and Yosys takes longer to read the files.
    one_a_top = {top: (top, values, name) for top, values, name in BAD}.values()
    for number, (top, values, name) in enumerate(one_a_top):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = run_yosys(read_commands(SOURCES, top, values), folder, "check")
        assert run.error is not None and f"parameter_{name}_must" in run.error, (top, values, run.error)


@pytest.mark.tools
@pytest.mark.parametrize("multiplier", [True, False], ids=["multiplier", "mac"])
def test_a_module_of_the_user_is_wrapped_cleanly(tool: FindTool, tmp_path: Path, multiplier: bool) -> None:
    """What ``halo sim --source`` writes around it, in all tools."""
    kind, parameters = ("mul", ["WEIGHT_WIDTH", "ACTIVATION_WIDTH"]) if multiplier else ("mac", ["WEIGHT_WIDTH"])
    around = []
    for name, text in wrappers(f"{kind}_booth_r4", parameters, {}, multiplier).items():
        around.append(tmp_path / f"{name}.v")
        around[-1].write_text(text, encoding="utf-8")
    for values in ({"MULTIPLIER": "external"} | form for form in (FORMS[0], *FORMS[3:][:multiplier])):
        assert verilator(tool("verilator"), "pe_ws", values, *around) == (0, "")
        assert icarus(tool("iverilog"), "pe_ws", values, *around) == (0, "")
    commands = [*read_commands([*SOURCES, *around], "pe_ws", {"MULTIPLIER": "external"}), "proc", "check -assert"]
    run = run_yosys(commands, tmp_path, "check")
    assert run.error is None and "Warning:" not in run.log
