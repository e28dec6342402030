# SPDX-License-Identifier: Apache-2.0
"""Options are checked before anything runs, and survive the way through run.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from halo.config import CharacterizeConfig, one_corner
from halo.errors import HaloError

LIB = Path("cells.lib")


def config(**options: Any) -> CharacterizeConfig:
    return CharacterizeConfig(**{"corners": (("tt", (LIB,)),), "run_folder": Path("run"), **options})


def test_options_survive_json() -> None:
    full = config(
        corners=(("tt", (LIB, Path("b.lib"))), ("ss_1p62V_m40C", (Path("ss.lib.gz"),))),
        files=(Path("mac.v"), Path("add.v")),
        top="mac",
        weight="w",
        activation="a",
        params=(("N", 8), ("SIGNED", -1), ("KIND", "booth")),
        ties=(("enable", 1),),
        activations=Path("layer3.npz"),
        stimulus="random:5000",
        input_slew_ps=60.0,
        jobs=2,
        force=True,
        file_lists=(Path("mac.f"),),
        defines=(("WIDTH", "8"),),
        include_dirs=(Path("include"),),
        dont_use=("XNOR*", "AOI22X1"),
    )
    assert CharacterizeConfig.from_dict(json.loads(json.dumps(full.to_dict()))) == full
    assert CharacterizeConfig.from_dict({"corners": [["tt", ["cells.lib"]]], "run_folder": "run"}) == config()


@pytest.mark.parametrize("values", [{"corners": [], "run_folder": "r", "speed": 1}, {"corners": []}])
def test_a_record_of_another_version_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(HaloError, match=r"does not know|name no corners"):
        CharacterizeConfig.from_dict(values)


def test_stimulus_in_its_three_forms() -> None:
    assert (config().random_samples, config().stimulus_file) == (None, None)
    assert config(stimulus="random:12").random_samples == 12
    assert config(stimulus="trace.npz").stimulus_file == Path("trace.npz")


def test_input_files_are_all_listed_once() -> None:
    made = config(
        corners=(("tt", (LIB,)), ("again", (LIB,))), netlist=(Path("n.v"),), activations=Path("h.csv"), stimulus="t.csv"
    )
    assert made.input_files == (Path("n.v"), Path("h.csv"), Path("t.csv"), LIB)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"corners": ()}, "no Liberty library"),
        ({"corners": (("tt", ()),)}, "names no file"),
        ({"corners": (("a,b", (LIB,)),)}, "cannot name a corner"),
        ({"corners": (("../tt", (LIB,)),)}, "cannot name a corner"),
        ({"corners": (("tt", (LIB,)), ("tt", (LIB,)))}, "corner tt is given twice"),
        ({"netlist": (Path("n.v"),), "synth": "flat"}, "a gate netlist is not synthesized"),
        ({"files": (Path("m.v"),), "netlist": (Path("n.v"),)}, "both given"),
        ({"netlist": (Path("n.v"),), "params": (("N", 8),)}, "no parameters"),
        ({"sdf": Path("d.sdf")}, "belongs to a gate netlist"),
        (
            {"netlist": (Path("n.v"),), "sdf": Path("d.sdf"), "corners": (("a", (LIB,)), ("b", (LIB,)))},
            "delays of one corner",
        ),
        ({"sdf_corner": "typ"}, "typ delays of an SDF are asked for"),
        ({"netlist": (Path("n.v"),), "sdf": Path("d.sdf"), "sdf_corner": "best"}, "sdf_corner is 'best'"),
        ({"params": (("N", 8), ("N", 9))}, "parameter N is given twice"),
        ({"weight": "w", "activation": "w"}, "port w is given twice"),
        ({"weight": "w", "ties": (("w", 0),)}, "tied and has a role"),
        ({"weight": "w 3"}, "no name of a port"),
        ({"top": "a b"}, "no Verilog name"),
        ({"synth": "magic"}, "synth is 'magic'"),
        ({"method": "guess"}, "method is 'guess'"),
        ({"stimulus": "random:"}, "no number of samples"),
        ({"stimulus": "random:0"}, "no number of samples"),
        ({"stimulus": "random:1e3"}, "no number of samples"),
        ({"stimulus": ""}, "the stimulus is empty"),
        ({"weights": ""}, "the weights are empty"),
        ({"weights": "random:many"}, "'random:many' name no number"),
        ({"signed": ("weight",), "unsigned": ("weight",)}, "signed and unsigned"),
        ({"signed": ("sum",)}, "signed is"),
        ({"ties": (("m", "odd"),)}, "'odd' is no value of tied port m"),
        ({"include_dirs": (Path("d"),)}, "no Verilog to read"),
        ({"input_slew_ps": -1.0}, "out of range"),
        ({"output_load_ff": float("nan")}, "out of range"),
        ({"margin_ps": float("inf")}, "out of range"),
        ({"margin_ps": 1e300}, "out of range"),
        ({"psum_samples": 0}, "number of partial-sum samples of 0 is out of range"),
        ({"seed": -1}, "seed of -1 is out of range"),
        ({"jobs": 0}, "number of jobs of 0 is out of range"),
    ],
)
def test_impossible_options(options: dict[str, Any], what: str) -> None:
    with pytest.raises(HaloError, match=what):
        config(**options)


def test_missing_files_are_named_with_near_names(tmp_path: Path) -> None:
    (tmp_path / "osu018_stdcells.lib").touch()
    for path, fix in (
        (tmp_path / "osu018_stdcell.lib", "osu018_stdcells.lib"),
        (tmp_path / "quite_else", "Check the path"),
        (tmp_path / "gone" / "a.lib", "no folder"),
    ):
        with pytest.raises(HaloError, match="no such file") as caught:
            config(corners=(("tt", (path,)),)).require_files()
        assert fix in caught.value.fix
        assert caught.value.path == str(path)
    with pytest.raises(HaloError, match="a folder where a file"):
        config(corners=(("tt", (tmp_path,)),)).require_files()
    config(corners=(("tt", (tmp_path / "osu018_stdcells.lib",)),)).require_files()


def test_a_corner_is_named_by_its_first_file() -> None:
    files = (Path("x/tt_025C.lib.gz"), Path("y.lib"))
    assert one_corner(files) == ("tt_025C", files)
    assert one_corner([Path("my cells (2).lib")])[0] == "my_cells__2_"


def test_no_message_speaks_of_an_option_that_its_reader_cannot_give() -> None:
    """Read from Python, a fix names keywords."""
    for options in ({"corners": ()}, {"sdf": Path("d.sdf")}, {"seed": -1}, {"method": "guess"}, {"sdf_corner": "min"}):
        with pytest.raises(HaloError) as caught:
            config(**options)
        assert "--" not in str(caught.value)
