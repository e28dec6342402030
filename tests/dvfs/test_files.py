# SPDX-License-Identifier: Apache-2.0
"""Files of operating points: the paper's numbers, what users may write, and every way it can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.dvfs.files import DATA, allowed_words, dvfs_names, preset, read_allowed, read_dvfs
from halo.dvfs.points import Allowed, AlphaPower
from halo.errors import HaloError
from halo.sourced import load_toml

TEXT = """
name = "mine"
timing = "table"
[transition]
preset = "ldo"
[[points]]
name = "slow"
weights = "all"
voltage_v = { value = 1.0, source = "regulator" }
frequency_ghz = { value = 0.9, source = "oscillator" }
[[points]]
name = "fast"
weights = [4, -4, 0]
voltage_v = { value = 1.1, source = "regulator" }
frequency_ghz = { value = 1.8, source = "oscillator" }
"""


def write(tmp_path: Path, old: str = "", new: str = "") -> str:
    assert old in TEXT
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("paper-systolic", [("slow", 1.0, 1.9), ("middle", 1.1, 2.4), ("fast", 1.2, 3.7)]),
        ("paper-gpu", [("slow", 0.9, 1.5), ("middle", 1.0, 2.0), ("fast", 1.1, 2.8)]),
    ],
)
def test_the_papers_levels(name: str, levels: list[tuple[str, float, float]]) -> None:
    file = read_dvfs(name)
    dvfs = file.dvfs
    assert [(p.name, p.voltage_v, p.frequency_ghz) for p in dvfs.points] == levels
    assert (dvfs.timing, dvfs.voltages, dvfs.periods) == ("assumed", "raised", ())
    assert dvfs.allowed == (Allowed(), Allowed(16), Allowed(32))
    assert [sum(w in allowed for w in range(-128, 128)) for allowed in dvfs.allowed] == [256, 16, 8]
    assert file.parameters.number("fast.frequency_ghz") == levels[2][2]
    assert "2502.19662" in file.parameters.sources["slow.voltage_v"]
    assert set(file.parameters.values) == set(file.parameters.sources)


def test_presets_are_the_published_ones() -> None:
    expected = {"ivr": (20, 10), "ldo": (0, 100), "fivr": (0, 500), "vrm": (1e4, 1e4), "gpu_driver": (0, 1e7)}
    assert set(load_toml(DATA / "transitions.toml")) == set(expected)
    for name, (per_volt, fixed) in expected.items():
        change = preset(name)
        assert (change.name, change.per_volt_ns, change.fixed_ns) == (name, per_volt, fixed)
        assert "parameter" in change.source and "rail_nf" in change.source
    slow, _, fast = read_dvfs("paper-systolic").dvfs.points
    assert preset("ivr").time_ps(slow, fast) == preset("ivr").time_ps(fast, slow) == 14_000  # 20 ns/V 0.2 V + 10 ns
    assert preset("ivr").energy_pj(slow, fast) == 22_000  # 0.5 100 nF (1.44 - 1.00) V^2 = 22 nJ
    assert preset("ivr").time_ps(fast, fast) == 0


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = read_dvfs(write(tmp_path))
    dvfs = file.dvfs
    assert (dvfs.name, dvfs.timing, dvfs.transition.name) == ("mine", "table", "ldo")
    assert dvfs.allowed == (Allowed(), Allowed(values=(-4, 0, 4)))
    assert 4 in dvfs.allowed[1] and 8 not in dvfs.allowed[1]
    assert file.parameters.number("transition.fixed_ns") == 100
    numbers = """per_volt_ns = { value = 5, source = "a" }
fixed_ns = { value = 6, source = "b" }
rail_nf = { value = 7, source = "c" }"""
    change = read_dvfs(write(tmp_path, 'preset = "ldo"', numbers)).dvfs.transition
    assert (change.name, change.per_volt_ns, change.fixed_ns, change.rail_nf) == ("custom", 5, 6, 7)
    assert change.source == "per_volt_ns: a; fixed_ns: b; rail_nf: c"


def test_a_law(tmp_path: Path) -> None:
    law = """[law]
threshold_v = { value = 0.4, source = "model card" }
alpha = { value = 1.3, source = "Sakurai and Newton" }
[transition]"""
    file = read_dvfs(write(tmp_path, "[transition]", law))
    assert file.dvfs.law == AlphaPower(0.4, 1.3, "threshold_v: model card; alpha: Sakurai and Newton")
    assert file.parameters.sources["law.alpha"] == "Sakurai and Newton"
    with pytest.raises(HaloError, match="threshold_v is missing"):
        read_dvfs(
            write(tmp_path, "[transition]", law.replace('threshold_v = { value = 0.4, source = "model card" }', ""))
        )
    with pytest.raises(HaloError, match=r"alpha-power law with Vt = 0.4 V and alpha = 13"):
        read_dvfs(write(tmp_path, "[transition]", law.replace("1.3", "13")))
    path = write(tmp_path, 'timing = "table"', f'timing = "assumed"\n{law.replace("[transition]", "")}')
    with pytest.raises(HaloError, match="goes with timing"):
        read_dvfs(path)


@pytest.mark.parametrize("words", ["all", "multiples of 16", [-3, 0, 5]])
def test_words_of_weights_read_back(words: object) -> None:
    allowed = read_allowed(words)
    assert allowed is not None and allowed_words(allowed) == words


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('frequency_ghz = { value = 1.8, source = "oscillator" }', "", "'fast': frequency_ghz is missing"),
        ("value = 1.1", "value = -1.1", "'fast': voltage_v = -1.1 is no number of 0 or more"),
        ("value = 1.1", "value = 0", "operating point 'fast' of 0 V and 1.8 GHz"),
        ('{ value = 1.1, source = "regulator" }', "1.1", "'fast': voltage_v has no value with a source"),
        ("value = 1.8", "value = 0.8", "clocks of mine do not rise"),
        ('preset = "ldo"', 'preset = "idle"', "no transition preset 'idle'"),
        ('preset = "ldo"', 'preset = ["ldo"]', r"no transition preset \['ldo'\]"),
        ('preset = "ldo"', 'preset = "ldo"\nfixed_ns = { value = 1, source = "x" }', "a preset and numbers"),
        ('preset = "ldo"', 'fixed_ns = { value = 1, source = "x" }', "per_volt_ns is missing"),
        ('[transition]\npreset = "ldo"', "", "does not say what a change takes"),
        ('timing = "table"', "", "timing is missing"),
        ('timing = "table"', 'timing = "guessed"', "timing = 'guessed' is unknown"),
        ('name = "mine"', 'name = "mine"\nmargin = { value = 1.02, source = "x" }', "no margin on the table's periods"),
        ('name = "mine"', 'name = "mine"\nspeed = 3', "'speed' is unknown"),
        ("[4, -4, 0]", '"multiples of 0"', "weights of the operating point 'fast' are unclear"),
        ("[4, -4, 0]", "[true]", "weights of the operating point 'fast' are unclear"),
        ("weights = [4, -4, 0]\n", "", "weights of the operating point 'fast' are missing"),
        ('name = "fast"', 'name = "slow"', "share a name"),
        ('name = "fast"', 'name = "very fast"', "cannot be called 'very fast'"),
        ('name = "fast"\n', "", "has no name"),
        ('name = "mine"\n', "", "does not say its name"),
        ('name = "mine"', "name = ", "not TOML"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, old: str, new: str, what: str) -> None:
    with pytest.raises(HaloError, match=what) as caught:
        read_dvfs(write(tmp_path, old, new))
    assert str(caught.value.path).endswith("mine.toml") and caught.value.fix


def test_no_points_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text('name = "x"\ntiming = "assumed"\n[transition]\npreset = "ivr"\n', encoding="utf-8")
    with pytest.raises(HaloError, match="no operating points"):
        read_dvfs(str(path))
    with pytest.raises(HaloError, match="no operating points 'paper-systolc'") as caught:
        read_dvfs("paper-systolc")
    assert all(name in caught.value.fix for name in dvfs_names())
    with pytest.raises(HaloError, match="Did you mean ivr"):
        preset("irv")
