# SPDX-License-Identifier: Apache-2.0
"""Options of the Python functions, for type checkers. Made by scripts/refresh_api.py: do not edit.

Tests: tests/test_api.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Required, TypedDict

from halo.flow.quantization.texts import TextOptions
from halo.quant.options import QuantizerOptions

PathLike = str | Path


class CharacterizeOptions(TypedDict, total=False):
    """Options as of ``halo.config.CharacterizeConfig``: meanings and defaults are there."""

    file_lists: PathLike | Sequence[PathLike]
    defines: Mapping[str, str]
    include_dirs: PathLike | Sequence[PathLike]
    top: str | None
    params: Mapping[str, int | str]
    ties: Mapping[str, int | str]
    netlist: PathLike | Sequence[PathLike]
    weight: str | None
    activation: str | None
    accumulator: str | None
    output: str | None
    clock: str | None
    signed: Sequence[Literal["weight", "activation"]]
    unsigned: Sequence[Literal["weight", "activation"]]
    sdf: PathLike | None
    sdf_corner: Literal["min", "typ", "max"]
    sdf_instance: str | None
    spef: PathLike | None
    corner_spef: Mapping[str, PathLike]
    wire_load: str | None
    wire_load_mode: Literal["top", "enclosed"] | None
    wire_model: Literal["elmore", "lumped"]
    coupling_factor: float
    synth: Literal["structural", "flat", "adders"]
    dont_use: str | Sequence[str]
    method: Literal["exact", "bound", "static"]
    stimulus: str
    weights: str
    activations: PathLike | None
    input_slew_ps: float | None
    output_load_ff: float | None
    margin_ps: float
    duty_cycle: float
    case_slews: bool
    register_overhead: bool
    psum_samples: int
    seed: int
    jobs: int | None
    force: bool


class SynthesizeOptions(TypedDict, total=False):
    """Options as of ``halo.flow.synthesis.SynthesisConfig``: meanings and defaults are there."""

    file_lists: PathLike | Sequence[PathLike]
    defines: Mapping[str, str]
    include_dirs: PathLike | Sequence[PathLike]
    top: str | None
    params: Mapping[str, int | str]
    liberty: Required[PathLike | Sequence[PathLike]]
    synth: Literal["structural", "flat", "adders"]
    dont_use: str | Sequence[str]
    max_fanout: int | None
    force: bool


class TimeDesignOptions(TypedDict, total=False):
    """Options as of ``halo.flow.timing.TimingConfig``: meanings and defaults are there."""

    file_lists: PathLike | Sequence[PathLike]
    defines: Mapping[str, str]
    include_dirs: PathLike | Sequence[PathLike]
    top: str | None
    params: Mapping[str, int | str]
    ties: Mapping[str, int | str]
    netlist: PathLike | Sequence[PathLike]
    liberty: Required[PathLike | Sequence[PathLike]]
    macros: str | Sequence[str]
    spef: PathLike | None
    wire_load: str | None
    wire_load_mode: Literal["top", "enclosed"] | None
    wire_model: Literal["elmore", "lumped"]
    coupling_factor: float
    synth: Literal["structural", "flat", "adders"]
    dont_use: str | Sequence[str]
    period_ps: float | None
    paths: Literal["all", "registers"]
    input_slew_ps: float | None
    output_load_ff: float | None
    duty_cycle: float
    max_fanout: int | None
    table: PathLike | None
    corner: str | None
    element: str | Sequence[str]
    worst: int
    force: bool


class ExploreOptions(TypedDict, total=False):
    """Options as of ``halo.flow.explore.ExploreConfig``: meanings and defaults are there."""

    liberty: Required[PathLike | Sequence[PathLike]]
    top: str | None
    weight: str | None
    activation: str | None
    accumulator: str | None
    output: str | None
    clock: str | None
    signed: Sequence[Literal["weight", "activation"]]
    class_weights: str
    weights: PathLike | None
    budget: int
    dont_use: str | Sequence[str]
    samples: int
    choose: str
    jobs: int | None
    scheduler: str | None
    seed: int
    force: bool


class CrosscheckOptions(TypedDict, total=False):
    """Options as of ``halo.flow.crosscheck.CrosscheckConfig``: meanings and defaults are there."""

    samples: int
    seed: int
    run_folder: PathLike | None
    force: bool


class SimulateOptions(TypedDict, total=False):
    """Options as of ``halo.flow.simulation.SimulationConfig``: meanings and defaults are there."""

    files: PathLike | Sequence[PathLike]
    file_lists: PathLike | Sequence[PathLike]
    defines: Mapping[str, str]
    include_dirs: PathLike | Sequence[PathLike]
    top: str | None
    params: Mapping[str, int | str]
    simulator: Literal["icarus", "verilator"]
    seed: int
    tests: str | Sequence[str]
    max_failures: int
    waves: PathLike | None
    junit: PathLike | None
    run_folder: PathLike | None
    force: bool
    signed: Sequence[Literal["weight", "activation"]]
    testbench: PathLike | None
    timeout_s: float | None


class GatesOptions(TypedDict, total=False):
    """Options as of ``halo.flow.gate_level.proof.GatesConfig``: meanings and defaults are there."""

    files: PathLike | Sequence[PathLike]
    file_lists: PathLike | Sequence[PathLike]
    defines: Mapping[str, str]
    include_dirs: PathLike | Sequence[PathLike]
    top: str | None
    params: Mapping[str, int | str]
    liberty: Required[PathLike | Sequence[PathLike]]
    weights: Sequence[int]
    class_of: int | None
    period_ps: float | None
    cycles: int | None
    seed: int
    force: bool
    dont_use: str | Sequence[str]
    signed: Sequence[Literal["weight", "activation"]]


class QuantizeOptions(TypedDict, total=False):
    """Options as of ``halo.flow.quantize.QuantizeConfig``: meanings and defaults are there."""

    options: QuantizerOptions
    table: PathLike | None
    corner: str | None
    fisher: PathLike | None
    calibration: PathLike | None
    text_options: TextOptions
    threads: int
    dtype: Literal["float32", "bfloat16"]
    tokenizer: PathLike | None
    layers: str | Sequence[str]
    export: Literal["w8a8"] | None
    force: bool
    resume: bool


class EvaluateOptions(TypedDict, total=False):
    """Options as of ``halo.flow.evaluate.EvaluateConfig``: meanings and defaults are there."""

    text: PathLike | None
    text_options: TextOptions
    activations: Literal["int8", "int8-static"] | None
    calibration: PathLike | None
    kv: Literal["int8", "int4"] | None
    rest: Literal["int8", "float"] | None
    scale_bits: int
    model: PathLike | None
    tokenizer: PathLike | None
    compare: bool
    dtype: Literal["float32", "bfloat16"]
    threads: int | None
    tasks: PathLike | None
    task: str | Sequence[str]
    few_shot: int | None
    limit: int | None
    log_samples: bool
    run_folder: PathLike | None
    force: bool


class ScoreOptions(TypedDict, total=False):
    """Options as of ``halo.flow.score.ScoreConfig``: meanings and defaults are there."""

    table: Required[PathLike]
    quantized: PathLike | Sequence[PathLike]
    methods: str | Sequence[str]
    macs: Mapping[str, PathLike]
    equal: Literal["size", "area", "power"]
    corner: str | None
    arch: str
    dvfs: str
    transition: str | None
    phase: Literal["prefill", "decode"]
    batch: int
    context: int | None
    activation_bits: int
    kv_bits: int
    scale_bits: int
    objective: Literal["time", "energy", "edp"]
    compute_bound: bool
    force: bool
