# SPDX-License-Identifier: Apache-2.0
"""The table of methods: which method each layer gets, what options belong to whom, and what the command line shows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from synthetic_run import corner

from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.quant.calibration import LayerInputs
from halo.quant.checkpoint import LayerInfo
from halo.quant.options import GptqOptions, HaloOptions, QuantizerOptions, SmoothQuantOptions
from halo.quant.quantizers import QUANTIZERS, options_of, owners_of, quantizer_of
from halo.quant.task import LayerGroup, LayerTask, ModelTask
from halo.workload.architectures import Role

RNG = np.random.default_rng(5)


def group(roles: tuple[Role, ...], norm: str | None, known: bool = True, source: str | None = None) -> LayerGroup:
    """Layers of 32 x 48 that read one tensor, with inputs of a model where they are known."""
    tasks = tuple(
        LayerTask(
            LayerInfo(f"block.{role}", (32, 48), 0, role),
            RNG.standard_normal((32, 48)).astype(np.float32),
            RNG.exponential(size=(32, 48)).astype(np.float32),
        )
        for role in roles
    )
    x = RNG.standard_normal((200, 48)).astype(np.float32)
    names = tuple(task.name for task in tasks)
    size = np.abs(x)
    inputs = LayerInputs(names, norm, 200, 2 / 200 * x.T @ x, size.mean(axis=0), size.max(axis=0), source)
    return LayerGroup(tasks, names, inputs if known else None)


BEHIND_A_NORM = {
    "rtn": "RTN",
    "left-aligned": "left-aligned RTN",
    "smoothquant": "SmoothQuant",
    "gptq": "GPTQ",
    "awq": "AWQ, scale and clip",
    "squeezellm": "SqueezeLLM, centroids int8",
    "halo": "HALO bal",
}
NOT_CLIPPED = {**BEHIND_A_NORM, "awq": "AWQ, scale only"}
BEHIND_A_LAYER = {**BEHIND_A_NORM, "smoothquant": "RTN"}
BEHIND_NOTHING = {**BEHIND_A_LAYER, "awq": "AWQ, clip only"}
LEFT_ALONE = {**BEHIND_A_LAYER, "awq": "RTN"}


@pytest.mark.parametrize("name", QUANTIZERS)
def test_each_layer_gets_the_method_that_the_table_promises(name: str) -> None:
    row = QUANTIZERS[name]
    options = HaloOptions(tile=16) if name == "halo" else options_of(name, {})
    quantizer = row.make(options, WeightTable(corner()[0]) if row.table else None)
    quantizer = quantizer.for_model(ModelTask(False, lambda: iter(())))
    for layers, expected in (
        (group(("q", "k", "v"), "norm"), (NOT_CLIPPED, NOT_CLIPPED, BEHIND_A_NORM)),
        (group(("gate", "up"), "norm"), (BEHIND_A_NORM, BEHIND_A_NORM)),
        (group(("o",), None), (BEHIND_NOTHING,)),
        (group(("o",), None, source="v"), (BEHIND_A_LAYER,)),
        (group(("down",), None, source="up"), (BEHIND_A_LAYER,)),
        (group(("q", "k", "v"), None), (LEFT_ALONE, LEFT_ALONE, BEHIND_NOTHING)),
    ):
        made = [*quantizer.quantize(layers)]
        assert [layer.method for layer in made] == [methods[name] for methods in expected]
        assert [layer.name for layer in made] == [task.name for task in layers.layers]
        for layer in made:
            layer.check()
            assert (layer.input_scale is not None) is (layer.method == "SmoothQuant" or "scale" in layer.method)
    treats_all = BEHIND_A_NORM[name] == LEFT_ALONE[name]
    assert (row.fallback is None) is treats_all
    assert row.fallback is None or row.fallback.method == LEFT_ALONE[name]
    assert (row.input_scales is not None) is (name in ("smoothquant", "awq"))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_method_that_needs_inputs_says_so(name: str) -> None:
    row = QUANTIZERS[name]
    if row.inputs == "needs":
        with pytest.raises(HaloError, match=f"{name} needs the inputs of the layers\nGive a text: calibration="):
            next(row.make(row.options()).quantize(group(("o",), None, known=False)))
    elif row.table:
        with pytest.raises(HaloError, match="needs the table of a MAC's weights"):
            row.make(row.options())
    else:
        assert len([*row.make(row.options()).quantize(group(("o",), None, known=False))]) == 1


def test_only_the_layers_wanted_are_made_and_all_are_looked_at() -> None:
    both = group(("q", "k"), "norm")
    one = dataclasses.replace(both, wanted=("block.k",))
    quantizer = QUANTIZERS["smoothquant"].make(SmoothQuantOptions())
    (alone,), (_, beside) = [*quantizer.quantize(one)], [*quantizer.quantize(both)]
    assert alone.name == beside.name == "block.k" and alone.input_scale is not None
    np.testing.assert_array_equal(alone.codes, beside.codes)
    np.testing.assert_array_equal(alone.input_scale, beside.input_scale)


def test_options_are_found_by_name_and_their_class_is_the_method() -> None:
    made = options_of("gptq", {"bits": 3, "align_left": True})
    assert made == GptqOptions(3, align_left=True) and quantizer_of(made).name == "gptq"
    assert owners_of("damping") == ("gptq", "halo") and owners_of("tile") == ("halo",)
    assert all(issubclass(row.options, QuantizerOptions) for row in QUANTIZERS.values())
    assert len({row.options for row in QUANTIZERS.values()}) == len(QUANTIZERS)


@pytest.mark.parametrize(
    ("method", "given", "words"),
    [
        ("gtpq", {}, "no quantization method 'gtpq'\nDid you mean 'gptq'"),
        ("rtn", {"tile": 16}, "tile is an option of halo, not of rtn\nLeave it out, or take halo"),
        ("rtn", {"damping": 0.1}, "damping is an option of gptq and halo, not of rtn"),
        ("halo", {"tiel": 16}, "halo has no option 'tiel'\nDid you mean 'tile'"),
        ("gptq", {"damping": 0.0}, "the damping of 0 is out of range"),
        ("smoothquant", {"alpha": 1.5}, "smoothing strength of 1.5"),
        ("awq", {"bits": 9}, "9 bits a weight are not supported"),
        ("halo", {"codebooks": "class", "energy_weight": 0.1}, "whatever its energy"),
        ("halo", {"energy_weight": -1.0}, "energy weight of -1 is out of range"),
        ("halo", {"clock_ghz": (1.0,)}, "belong to the clocks of 4 and 3 bits"),
    ],
)
def test_a_wrong_option_is_answered_with_what_there_is(method: str, given: dict[str, object], words: str) -> None:
    with pytest.raises(HaloError) as caught:
        options_of(method, given)
    assert words in f"{caught.value.what}\n{caught.value.fix}"


def test_the_command_line_has_every_option_of_the_table() -> None:
    import typer.main

    from halo.cli.main import application

    command = typer.main.get_command(application()).commands["quantize"]  # type: ignore[attr-defined]
    shown = {parameter.name: parameter for parameter in command.params}
    for row in QUANTIZERS.values():
        for field in dataclasses.fields(row.options):
            if field.metadata:
                parameter = shown[field.name]
                assert row.name in parameter.help or len(owners_of(field.name)) >= len(QUANTIZERS) - 2
                if field.name != "bits" and field.default != ():
                    assert parameter.default == field.default
    assert shown["bits"].default is None and "8 for smoothquant, else 4" in shown["bits"].help
    assert shown["method"].metavar == "|".join(QUANTIZERS)


def test_energy_moves_the_codebooks_of_halo() -> None:
    frame = corner()[0].copy()
    frame["energy_fj"] = 10.0 + np.abs(frame["weight"].to_numpy()) ** 1.5
    frame["glitch_energy_fj"] = 1.0
    table = WeightTable(frame)
    layers = group(("o",), None, known=False)
    energies = []
    for weight in (0.0, 0.3, 3.0):
        row = QUANTIZERS["halo"]
        quantizer = row.make(HaloOptions(tile=16, energy_weight=weight), table)
        (made,) = quantizer.quantize(layers)
        made.check()
        energies.append(float(np.mean([book.energy_fj for book in made.codebooks])))
    assert energies[0] > energies[1] > energies[2]
    frame["energy_fj"] = frame["glitch_energy_fj"] = np.nan
    with pytest.raises(HaloError, match="the table has no energies"):
        QUANTIZERS["halo"].make(HaloOptions(tile=16, energy_weight=0.3), WeightTable(frame))
