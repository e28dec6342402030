# SPDX-License-Identifier: Apache-2.0
"""run.json and log.txt: what goes in comes out, and damage is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.runs.provenance import Recorder, read_record


@pytest.fixture
def config(tmp_path: Path) -> CharacterizeConfig:
    library = tmp_path / "cells.lib"
    library.write_bytes(b"library (cells) {}\n")
    return CharacterizeConfig(corners=(("tt", (library,)),), run_folder=tmp_path / "run", params=(("N", 8),))


def test_a_record_reads_back_as_written(tmp_path: Path, config: CharacterizeConfig) -> None:
    seen: list[tuple[str, int, int]] = []
    with Recorder(
        tmp_path, "characterize", config.to_dict(), config.input_files, lambda *call: seen.append(call)
    ) as record:
        for done in range(3):
            record.report("timing", done, 2)
        record.report("energy", 0, 1)
        record.assume("The clock has no uncertainty.")
        record.assume("The clock has no uncertainty.")
        record.results["gates"] = 374
        record.tools["iverilog"] = "11.0"
    read = read_record(tmp_path)
    assert seen == [("timing", 0, 2), ("timing", 1, 2), ("timing", 2, 2), ("energy", 0, 1)]
    assert CharacterizeConfig.from_dict(read.config) == config
    library = tmp_path / "cells.lib"
    (source,) = read.inputs
    assert source.path == str(library)
    assert (source.sha256, source.size) == (hashlib.sha256(library.read_bytes()).hexdigest(), 19)
    assert read.assumptions == ("The clock has no uncertainty.",)
    assert read.results == {"gates": 374}
    assert list(read.stages) == ["timing", "energy"]
    assert read.tools["iverilog"] == "11.0" and "numpy" in read.tools
    shown = read.to_pandas()
    assert list(shown.columns) == ["section", "name", "value"]
    assert ["assumptions", "1", "The clock has no uncertainty."] in shown.to_numpy().tolist()
    assert source.sha256 in read._repr_html_()
    assert read.wall_time_s >= sum(read.stages.values()) - 0.002
    log = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert log.count("assumes: The clock") == 1
    assert "timing ..." in log and 'params = [["N", 8]]' in log and "done in" in log


def test_a_run_that_fails_writes_no_record(tmp_path: Path, config: CharacterizeConfig) -> None:
    with pytest.raises(RuntimeError), Recorder(tmp_path, "characterize", config.to_dict(), ()):
        raise RuntimeError
    assert not (tmp_path / "run.json").exists()


def test_no_run_and_a_damaged_run_are_told_apart(tmp_path: Path, config: CharacterizeConfig) -> None:
    with pytest.raises(HaloError, match="no run folder"):
        read_record(tmp_path)
    with pytest.raises(HaloError, match="there is no such folder"):
        read_record(tmp_path / "gone")
    with Recorder(tmp_path, "characterize", config.to_dict(), ()):
        pass
    values = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    for damage in ("{", "[]", json.dumps({**values, "inputs": [{}]}), json.dumps({"inputs": []})):
        (tmp_path / "run.json").write_text(damage, encoding="utf-8")
        with pytest.raises(HaloError, match="damaged"):
            read_record(tmp_path)


def test_a_record_of_another_version_is_read_where_it_can_be(tmp_path: Path, config: CharacterizeConfig) -> None:
    with Recorder(tmp_path, "characterize", config.to_dict(), ()):
        pass
    path = tmp_path / "run.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    assert next(iter(values.items())) == ("schema", 1)
    path.write_text(json.dumps({**values, "machine": {"cores": 2}}), encoding="utf-8")
    read = read_record(tmp_path)
    assert read.extra == {"machine": {"cores": 2}}
    read.write(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == {**values, "machine": {"cores": 2}}
    del values["schema"]  # as 0.1.0 wrote it
    path.write_text(json.dumps(values), encoding="utf-8")
    assert read_record(tmp_path).config == read.config
    path.write_text(json.dumps({**values, "schema": 2, "halo": "7.0"}), encoding="utf-8")
    with pytest.raises(HaloError, match=r"written by halo 7\.0 \(schema 2\), but this halo"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("port w is the weight", "Port w is the weight."),
        ("tt_1p8: port w is the weight.", "tt_1p8: port w is the weight."),
        ("tt: Wires have no delay.", "tt: Wires have no delay."),
        ("fp16 is left out", "fp16 is left out."),
        ("psum_o is tied", "psum_o is tied."),
        ("halo-bal is stated", "halo-bal is stated."),
        ("wires", "Wires."),
    ],
)
def test_a_sentence_takes_a_capital_but_no_name_does(tmp_path: Path, said: str, kept: str) -> None:
    with Recorder(tmp_path, "x", {}, ()) as record:
        record.assume(said)
    assert read_record(tmp_path).assumptions == (kept,)


def test_what_a_record_lacks_is_named(tmp_path: Path) -> None:
    for text, said in (("[]", "holds no JSON object"), ('{"schema": 1}', "it has no 'inputs'"), ("{", "it is no JSON")):
        (tmp_path / "run.json").write_text(text, encoding="utf-8")
        with pytest.raises(HaloError, match=said):
            read_record(tmp_path)
