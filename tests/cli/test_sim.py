# SPDX-License-Identifier: Apache-2.0
"""``halo sim``: its list, its table, its files, its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from halo.cli.main import main
from halo.errors import HaloError
from halo.flow.simulators.benches import BENCHES, Bench
from halo.flow.simulators.runner import find_simulator

SMALL = ["--param", "MULTIPLIER=behavioural", "--param", "WEIGHT_WIDTH=4", "--param", "ACTIVATION_WIDTH=4"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty, with a cache outside of it."""
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def icarus() -> None:
    try:
        find_simulator("icarus")
    except HaloError as problem:
        pytest.skip(str(problem))


@pytest.mark.parametrize("arguments", [[], ["--list"], ["pe", "--list"]])
def test_the_list_teaches_every_bench(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(["sim", *arguments]) == 0
    shown = capsys.readouterr().out
    for bench in BENCHES.values():
        assert f"{bench.name}: {bench.description}" in shown
        assert f"  tests: {', '.join(bench.tests)}" in shown
        for parameter in bench.parameters:
            assert re.search(rf"^  {parameter.name} +{parameter.default} +{parameter.meaning}", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fly"], ["there is no bench fly", "Choose one of mac, pe"]),
        (["pe", "--param", "WIDTH=4"], ["bench pe has no parameter WIDTH", "It has WEIGHT_WIDTH"]),
        (["pe", "--param", "WEIGHT_WIDTH=wide"], ["parameter WEIGHT_WIDTH cannot be wide", "whole number"]),
        (["pe", "--param", "MULTIPLIER=wallace"], ["parameter MULTIPLIER cannot be wallace", "booth_r4"]),
        (["pe", "--test", "walk"], ["bench pe has no test walk", "random_slots"]),
        (["pe", "--simulator", "questa"], ["questa", "icarus", "verilator"]),
        (["pe", "--seed", "-1"], ["--seed"]),
        (["mac", "--param", "NETLIST=1"], ["bench mac has no parameter NETLIST"]),
        (["pe", "--waves", "pe.vcd"], ["pe.vcd: waves are written in the form FST", "as in waves.fst"]),
        (["pe", "--waves", "."], ["a folder stands where the file should go"]),
        (["pe", "--junit", "there.xml"], ["there.xml: this file exists", "--force"]),
        (["pe", "-o", "run"], ["run: this folder exists", "Choose another with -o."]),
        (["pe", "-o", "run", "--force"], ["holds no run.json"]),
    ],
)
def test_wrong_arguments(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    (folder / "there.xml").write_text("mine", encoding="utf-8")
    (folder / "run").mkdir()
    assert main(["sim", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.splitlines()[-1].startswith("  fix: ")
    assert all(word in err for word in words), err
    assert (folder / "there.xml").read_text(encoding="utf-8") == "mine"
    assert {path.name for path in folder.iterdir()} == {"there.xml", "run"}


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
@pytest.mark.parametrize(
    ("bench", "value", "says"),
    [
        ("pe", "PIPELINE=3", "PIPELINE must be 0 or 1 unless MULTIPLIER is booth r4 or baugh wooley"),
        ("pe", "PIPELINE=4", "PIPELINE must be 0 to 3"),
        ("pe", "RECODED=1", "RECODED must be 0 unless MULTIPLIER is booth r4"),
        ("pe", "WEIGHT_WIDTH=-4", "WEIGHT_WIDTH must be 2 to 16"),
        ("pe", "ACC_WIDTH=-1", "ACC_WIDTH must be 0 to 65536"),
        ("systolic_ws", "DEPTH=99999999999", "DEPTH must be 0 to 65536"),
        ("mac_fp16", "PIPELINE=2", "PIPELINE must be 0 or 1"),
        ("mac_fp16", "LANES=0", "LANES must be 1 to 64"),
        ("mac", "LANES=0", "LANES must be 1 to 64"),
        ("mac", "ACC_WIDTH=8", "ACC_WIDTH must hold the product and be at most 64"),
        ("systolic_ws", "CLASS_WIDTH=0", "CLASS_WIDTH must be 1 or more"),
    ],
)
def test_a_value_that_the_verilog_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str], bench: str, value: str, says: str
) -> None:
    assert main(["sim", bench, "--param", value, "--waves", "a/pe.fst"]) == 2
    assert f"error: parameter {says}\n" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
def test_lanes_that_do_not_divide_the_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--param", "LANES=5", "--param", "WEIGHT_WIDTH=3", "--param", "ACTIVATION_WIDTH=3"]
    assert main(["sim", "mac", *arguments]) == 0
    assert "passed        65" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("prints", "says"),
    [("Icarus Verilog version 10.3", "iverilog 10.3 is too old, 11.0 is needed"), (None, "iverilog is not installed")],
)
def test_a_simulator_that_is_old_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], prints: str | None, says: str
) -> None:
    if prints is not None:
        fake = tmp_path / "iverilog"
        fake.write_text(f"#!/bin/sh\necho '{prints}'\n", encoding="utf-8")
        fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["sim", "pe"]) == 2
    err = capsys.readouterr().err
    assert says in err and "apt-get install iverilog" in err


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
def test_table_junit_waves_and_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sim", "pe", *SMALL, "--seed", "3", "--waves", "deep/pe.fst", "--junit", "pe.xml", "-o", "run"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[0] == "building pe for icarus ..." and "simulating pe done in " in err
    head, built, _, *table = out.splitlines()
    assert re.match(r"pe in Icarus Verilog 1\d\.\d+: WEIGHT_WIDTH=4, .*MULTIPLIER=behavioural.*, seed 3$", head)
    assert re.match(r"  model built in \d+\.\d s$", built)
    assert table[0].split() == ["test", "result", "compared", "cycles", "coverage", "cycles/s", "seconds"]
    assert [line.split()[:2] for line in table[1:3]] == [["random_slots", "passed"], ["reset_in_the_middle", "passed"]]
    assert re.fullmatch(r"  random_slots +passed +1,\d{3} +2,0\d\d +27/27 +[\d,]+ +\d+\.\d\d", table[1])
    bins = table[table.index("hits of each bin over all tests") + 1 : table.index("files") - 1]
    assert all(re.match(r"  [a-z_]+: [a-z_ ]+ [\d,]+(, [a-z_ ]+ [\d,]+)*$", line) for line in bins)
    (operands,) = (line for line in bins if line.startswith("  weight: "))
    assert re.search(r"\bzero [1-9]", operands) and re.search(r"\bsmallest [1-9]", operands)
    assert table[-3:] == ["  deep/pe.fst", "  pe.xml", "  run"]
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == {
        "deep/pe.fst",
        "pe.xml",
        "run/run.json",
        "run/log.txt",
        "run/simulation.log",
        "run/tests.csv",
    }
    record = json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["config"]["seed"] == 3 and record["results"]["tests"][0]["passed"]
    assert {"iverilog", "cocotb"} <= set(record["tools"])
    suite = require_junit(folder / "pe.xml")
    assert suite.attrib["name"] == "pe" and suite.attrib["failures"] == "0"
    assert "compared = 1" in (suite.findtext("testcase/system-out") or "")

    assert main([*arguments, "--force"]) == 0
    assert "model taken from the cache, nothing was built" in capsys.readouterr().out
    assert not [path for path in folder.rglob(".*")]


@pytest.mark.tools
@pytest.mark.usefixtures("icarus")
def test_a_failing_test_ends_with_1(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "pe_ws.v"
    sources = []
    for path in BENCHES["pe"].sources:
        text = path.read_text(encoding="utf-8")
        if path.name == wrong.name:
            assert text.count("<= swap_i;") == 1
            wrong.write_text(text.replace("<= swap_i;", "<= valid_i;"), encoding="utf-8")
            path = wrong
        sources.append(path)
    monkeypatch.setattr(Bench, "sources", tuple(sources))
    assert main(["sim", "pe", *SMALL, "--junit", "pe.xml"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^  random_slots +FAILED", out, re.MULTILINE)
    assert re.search(r"^random_slots failed: .* are wrong, first: ", out, re.MULTILINE)
    suite = require_junit(folder / "pe.xml")
    assert suite.attrib["failures"] == "2"
    failure = suite.find("testcase/failure")
    assert failure is not None and "are wrong, first: " in failure.attrib["message"]
    assert main(["sim", "pe", *SMALL, "--max-failures", "1"]) == 1
    assert "reset_in_the_middle failed: Regression stopped after 1 failures" in capsys.readouterr().out


def require_junit(path: Path) -> ElementTree.Element:
    """The suite of a JUnit file whose counts are those of its cases, with the elements the format knows."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites" and len(root) == 1
    suite = root[0]
    cases = suite.findall("testcase")
    assert suite.tag == "testsuite" and [child.tag for child in suite] == ["properties", *["testcase"] * len(cases)]
    for element in (root, suite):
        assert int(element.attrib["tests"]) == len(cases) > 0
        assert int(element.attrib["failures"]) == len(suite.findall("testcase/failure"))
        assert element.attrib["errors"] == element.attrib["skipped"] == "0"
        total = sum(float(case.attrib["time"]) for case in cases)
        assert float(element.attrib["time"]) == pytest.approx(total, abs=0.01)
    for case in cases:
        assert {"classname", "name", "time"} == set(case.attrib)
        assert [child.tag for child in case] in (["system-out"], ["failure", "system-out"])
    return suite
