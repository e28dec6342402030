# SPDX-License-Identifier: Apache-2.0
"""Every numeric option has one range, held wherever a configuration is made: no sign, NaN or size slips through."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from halo.cli.main import main
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.crosscheck import CrosscheckConfig
from halo.flow.evaluate import EvaluateConfig
from halo.flow.gate_level.proof import GatesConfig
from halo.flow.quantization.texts import TextOptions
from halo.flow.quantize import QuantizeConfig
from halo.flow.score import ScoreConfig
from halo.flow.simulation import SimulationConfig
from halo.flow.synthesis import SynthesisConfig
from halo.flow.timing import TimingConfig
from halo.quant.options import GptqOptions, HaloOptions, SmoothQuantOptions
from halo.ranges import RANGES, check_ranges, require_range

PATH = Path("x")
NEEDED: dict[type, dict[str, Any]] = {
    CharacterizeConfig: {"corners": (("tt", (PATH,)),), "run_folder": PATH},
    TimingConfig: {"liberty": (PATH,), "run_folder": PATH},
    SynthesisConfig: {"liberty": (PATH,), "run_folder": PATH},
    GatesConfig: {"bench": "pe", "liberty": (PATH,), "run_folder": PATH},
    SimulationConfig: {},
    CrosscheckConfig: {"run": PATH},
    QuantizeConfig: {"model": PATH, "run_folder": PATH},
    EvaluateConfig: {"run": PATH, "tasks": PATH},
    ScoreConfig: {"model": "m", "table": PATH, "run_folder": PATH},
    TextOptions: {},
    HaloOptions: {},
    GptqOptions: {},
}
CHECKED_THEMSELVES = {"scale_bits", "activation_bits", "kv_bits", "class_of", "tile", "share", "salient_share"} | {
    "bits",
    "group",
}
"""Numbers with few allowed values, or those of one quantizer or design."""


def numbers(config: type) -> list[tuple[str, type]]:
    """Numeric options of a configuration, and whether they are whole."""
    hints = get_type_hints(config)
    kinds = {field.name: get_args(hints[field.name]) or (hints[field.name],) for field in dataclasses.fields(config)}
    return [
        (name, kind) for name, given in kinds.items() for kind in (int, float) if given[0] is kind and ... not in given
    ]


@pytest.mark.parametrize("config", NEEDED, ids=lambda config: config.__name__)
def test_every_number_has_a_range(config: type) -> None:
    for name, kind in numbers(config):
        if name in CHECKED_THEMSELVES:
            continue
        known = RANGES[name]
        wrong = [known.least - 1, known.most * 2 + 1, *([] if kind is int else [math.nan, math.inf, -math.inf])]
        for value in wrong:
            if known.holds(value):
                continue
            with pytest.raises(HaloError, match=r"out of range") as refused:
                config(**NEEDED[config], **{name: kind(value)})
            assert f"{known.usual:g}." in refused.value.fix
        for value in (known.least, known.most):
            require_range(name, value)


def test_what_is_shown_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    for words, shown in (
        (["timing", "--liberty", "x", "-o", "r", "--input-slew-ps", "1e9"], "Give 0 to 100,000 ps, such as --input-sl"),
        (["synth", "--liberty", "x", "-o", "r", "--max-fanout", "1"], "Give 2 to 1,000,000 pins, or 0 for no buffers"),
        (["characterize", "--liberty", "x", "-o", "r", "--margin-ps", "nan"], "such as --margin-ps 50."),
        (["crosscheck", "r", "--seed=-1"], "such as --seed 1."),
        (["timing", "--liberty", "x", "-o", "r", "--period", "-3"], "such as 4000."),
    ):
        assert main(words) == 2
        assert shown in capsys.readouterr().err


def test_python_reads_its_own_keyword() -> None:
    with pytest.raises(HaloError, match="the input slew of -1 ps is out of range") as refused:
        CharacterizeConfig(corners=(("tt", (PATH,)),), run_folder=PATH, input_slew_ps=-1.0)
    assert refused.value.fix == "Give 0 to 100,000 ps, such as input_slew_ps=50."


def test_zero_and_tuples() -> None:
    require_range("max_fanout", 0)
    check_ranges({"clock_ghz": (0.3, 0.5), "top": "m", "jobs": None})
    with pytest.raises(HaloError, match="the clock of nan GHz"):
        check_ranges({"clock_ghz": (0.3, math.nan)})
    with pytest.raises(HaloError, match="damping of inf"):
        GptqOptions(damping=math.inf)
    with pytest.raises(HaloError, match="alpha is 'much'"):
        SmoothQuantOptions(alpha="much")  # type: ignore[arg-type]
