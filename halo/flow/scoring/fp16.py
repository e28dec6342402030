# SPDX-License-Identifier: Apache-2.0
"""Period and energy of a floating-point MAC in the library and under the conditions of a characterized run.

Method FP16 of a comparison needs a MAC of its own: ``rtl/fp16`` multiplies binary16 operands exactly and adds the
product to a binary32 partial sum. It goes through the gates of the same library as the integer MAC: synthesis, delay
calculation, a clock period with the same register overhead, and energy by event simulation with the weight held.

**Synthesis** is flat: exponents and shifters have no structure that a weight could switch off, and only the flat flow
sizes gates and buffers the select lines of the shifters. It buys speed with energy.

**Period**: static timing with every input free, so it holds for every operand.

**Pipeline**: by default a register stands between multiplier and adder. Sums run down a column without feedback, so it
costs a clock of latency and no throughput, and it keeps the multiplier's glitches from the adder. ``pipeline=0`` does
all in one clock.

**Stimulus**: normally distributed weights (sigma 0.02) and activations (sigma 1) in binary16; partial sums rounded row
by row down a column of 64, in which the element stands in a random row. ``WEIGHTS`` weights are held one after the
other, for ``TRANSITIONS`` transitions each; the error of the mean comes from the weights' own means.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from halo.cachedir import cache_folder, cache_key
from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.encoding import Encoding
from halo.characterization.ports import Roles
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.flow.runs.provenance import read_record, require_unchanged
from halo.flow.runs.runfolder import RECORD, new_file
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.power.energy import WeightEnergy, weight_energy
from halo.power.energy_tables import ASSUMPTIONS as ENERGY_ASSUMPTIONS
from halo.power.energy_tables import EventEnergies, event_energies
from halo.progress import Progress, silent
from halo.synth import synthesize
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import reduce_circuit
from halo.timing.static.timer import static_arrivals
from halo.version import __version__

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

FORMAT = 2
"""Of the cache; raise it with every change of what is computed."""
TOPS = ("mac_fp16", "mac_fp16_pipelined")
"""By number of registers between multiplier and adder."""
WEIGHTS = 512
"""Held one after the other: enough for a standard error of half a percent."""
TRANSITIONS = 16
"""Of each weight."""
ROWS = 64
WEIGHT_SIGMA = 0.02
SEED = 1


@dataclass(frozen=True)
class Fp16Mac:
    """The floating-point MAC in one corner.

    Attributes:
        period_ps: clock period that holds for every operand, registers included as in the run's table.
        energy_fj: mean of one multiply-accumulate with the weight held; energy_error_fj: its standard error.
        leakage_nw: mean over the same states.
        cells: number of gates and flip-flops; area: in library units.
        source: where the numbers come from, in words.
        assumptions: what they rest on, one sentence each.
    """

    period_ps: float
    energy_fj: float
    energy_error_fj: float
    leakage_nw: float
    cells: int
    area: float
    source: str
    assumptions: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Operands:
    """What W weights see in T transitions each: float16[W], float16[W, T] twice, float32[W, T] twice."""

    weight: npt.NDArray[np.float16]
    activations: tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]
    psums: tuple[F32, F32]


def fp16_mac(
    run_folder: Path,
    corner: str | None = None,
    report: Progress = silent,
    *,
    pipeline: Literal[0, 1] = 1,
    weights: int = WEIGHTS,
) -> Fp16Mac:
    """The floating-point MAC in the library of a characterized run.

    The first call takes seconds; its result is kept in the user's cache folder (or HALO_CACHE) under a key of the
    library, the Verilog and the conditions, and later calls read it from there.

    Args:
        run_folder: a folder of ``halo characterize``.
        corner: one of the run's; may be left out where there is only one.
        report: told about progress.
        pipeline: registers between multiplier and adder, 0 or 1.
        weights: number of weights that are held for the energy.

    Raises:
        HaloError: no such run or corner; its library is gone, has changed, or has no power tables or flip-flop.
    """
    record = read_record(run_folder)
    path = run_folder / RECORD
    if record.command != "characterize":
        raise HaloError(f"this run is of halo {record.command}", "Give a folder of halo characterize.", path)
    config = CharacterizeConfig.from_dict(record.config)
    name = _corner_name(config, corner, path)
    liberty = dict(config.corners)
    libraries = dict.fromkeys((*liberty[name], *config.corners[0][1]))
    require_unchanged(record, libraries, path, again="Characterize again: the FP16 MAC is made of the library's cells.")
    ports = record.results["ports"][name]
    sources = fp16_sources()
    hashes = {item.path: item.sha256 for item in record.inputs}
    key = cache_key(
        [FORMAT, __version__, metadata.version("pyosys"), TOPS[pipeline], weights, TRANSITIONS, SEED],
        [ports, config.margin_ps, config.register_overhead, config.dont_use],
        [[hashes[str(library)] for library in files] for files in (liberty[name], config.corners[0][1])],
        [hashlib.sha256(source.read_bytes()).hexdigest() for source in sources],
    )
    entry = cache_folder(f"fp16-{FORMAT}") / f"{key}.json"
    kept = _read(entry)
    if kept is None:
        wanted = CharacterizeConfig(
            corners=config.corners,
            run_folder=run_folder,
            synth="flat",
            dont_use=config.dont_use,
            input_slew_ps=config.input_slew_ps,
            output_load_ff=ports["output_load_ff"],
            margin_ps=config.margin_ps,
            register_overhead=config.register_overhead,
            seed=SEED,
        )
        kept = _measure(wanted, name, TOPS[pipeline], sources, weights, report)
        with new_file(entry, force=True) as file:
            file.write_text(json.dumps(asdict(kept)), encoding="utf-8")
    return kept


def fp16_sources() -> tuple[Path, ...]:
    """The Verilog of the floating-point MAC and of the adders it is made of."""
    return (*mac_sources(), *sorted((rtl_folder() / "fp16").glob("*.v")))


def dot_products(weights: int, transitions: int, seed: int) -> Operands:
    """Operands of an element in a column: each weight in random rows, its partial sums from the rows above it.

    Every transition has its own activations before and after, in all rows; sums are rounded to binary32 in each row.
    """
    generator = np.random.default_rng([seed, 16])
    size = (weights, transitions)
    own = (WEIGHT_SIGMA * generator.standard_normal(weights)).astype(np.float16)
    column = (WEIGHT_SIGMA * generator.standard_normal((ROWS, weights, 1))).astype(np.float16).astype(np.float32)
    row = generator.integers(0, ROWS, size)
    activations, psums = [], []
    for _ in range(2):
        activations.append(generator.standard_normal(size).astype(np.float16))
        psum = np.zeros(size, np.float32)
        for k in range(ROWS):
            above = generator.standard_normal(size).astype(np.float16).astype(np.float32)
            psum = np.where(k < row, psum + column[k] * above, psum)
        psums.append(psum)
    return Operands(own, (activations[0], activations[1]), (psums[0], psums[1]))


def _measure(
    config: CharacterizeConfig, name: str, top: str, sources: Sequence[Path], weights: int, report: Progress
) -> Fp16Mac:
    liberty = dict(config.corners)
    report("synthesis of the FP16 MAC", 0, 1)
    with tempfile.TemporaryDirectory(prefix="halo-fp16-") as scratch:
        made = synthesize(
            sources, top, config.corners[0][1], mode="flat", dont_use=config.dont_use, workdir=Path(scratch)
        )
        corner = load_corner(name, liberty[name], made.netlist_verilog, top, config, roles=_roles(top))
    report("synthesis of the FP16 MAC", 1, 1)
    operands = dot_products(weights, TRANSITIONS, config.seed)
    _require_right_sums(corner, operands)
    period_s, overhead = _period_s(corner)
    events = event_energies(corner.circuit, corner.library, corner.delays)
    found = _energies(corner, events, operands, report)
    energy_fj = np.array([1e15 * energy.energy_j for energy in found if energy.energy_j is not None])
    if len(energy_fj) < len(found):
        what = f"library {corner.library.name} lacks power tables of cells that the FP16 MAC uses"
        raise HaloError(what, "Use a library with internal_power groups.")
    leakage_w = [energy.leakage_w for energy in found if energy.leakage_w is not None]
    return Fp16Mac(
        period_ps=period_s * 1e12 + config.margin_ps,
        energy_fj=float(energy_fj.mean()),
        energy_error_fj=float(energy_fj.std(ddof=1) / np.sqrt(len(energy_fj))),
        leakage_nw=1e9 * float(np.mean(leakage_w)) if leakage_w else 0.0,
        cells=sum(made.cell_counts.values()),
        area=made.area,
        source=f"{top}.v of halo {__version__}, gates of {corner.library.name}, static timing, event simulation",
        assumptions=(
            f"The FP16 MAC is {top}, synthesized flat: sized and buffered for speed, at about a "
            "quarter more energy (osu018).",
            *corner.assumptions,
            "Its clock period is the longest static path, sound for every operand.",
            overhead,
            f"Its energy is the mean of {weights} normally distributed weights (sigma {WEIGHT_SIGMA:g}), each held for "
            f"{TRANSITIONS} transitions of normally distributed activations (sigma 1) and of the partial sums of a "
            f"column of {ROWS} rows.",
            *ENERGY_ASSUMPTIONS,
            *events.notes,
            *corner.library.notes,
            *(() if leakage_w else (f"Library {corner.library.name} states no leakage: none is counted.",)),
        ),
    )


def _roles(top: str) -> Roles:
    return Roles(
        weight="weight_i",
        activation="activation_i",
        accumulator="psum_i",
        output="psum_o",
        clock="clk_i" if top == TOPS[1] else None,
        resets=(),
        weight_encoding=Encoding("unsigned", 16),
        activation_encoding=Encoding("unsigned", 16),
        accumulator_bits=32,
        output_bits=32,
    )


def _period_s(corner: DesignCorner) -> tuple[float, str]:
    """Longest path of any operands with the registers around it, and the sentence about them."""
    found = corner.boundary
    said = "The period holds no clk-to-Q and setup at the ports." if found is None else found.in_the_period
    arrivals = static_arrivals(
        corner.circuit,
        corner.library,
        case={},
        input_slew_s=corner.input_slew_s,
        clock_slew_s=corner.clock_slew_s,
        output_load_f=corner.output_load_f,
        input_arrival_s=0.0 if found is None else found.clk_to_q_s,
        output_setup_s=0.0 if found is None else found.setup_s,
    )
    return float(arrivals.delay_with_setup_s[0]), said


def _energies(
    corner: DesignCorner, energies: EventEnergies, operands: Operands, report: Progress
) -> list[WeightEnergy]:
    """Mean energy of a transition, weight by weight, on all cores."""
    netlist = corner.circuit.netlist
    track = energies.input_j is not None and bool(np.any(energies.input_j))

    def exercise(index: int) -> WeightEnergy:
        reduced = reduce_circuit(corner.timed, corner.held(int(operands.weight[index].view(np.uint16))))
        lanes = []
        for activation, psum in zip(operands.activations, operands.psums, strict=True):
            values = drive_port(netlist, "activation_i", activation[index].view(np.uint16).astype(np.int64))
            values |= drive_port(netlist, "psum_i", psum[index].view(np.uint32).astype(np.int64))
            lanes.append(np.stack([values[int(net)] for net in reduced.sources], axis=1))
        events = play_transitions(reduced, lanes[0], lanes[1], track_inputs=track)
        return weight_energy(energies, events, events.total)

    found = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for energy in pool.map(exercise, range(len(operands.weight))):
            found.append(energy)
            report("energy of the FP16 MAC", len(found), len(operands.weight))
    return found


def _require_right_sums(corner: DesignCorner, operands: Operands) -> None:
    """Check that the gates compute what binary32 arithmetic does, on every operand that is played."""
    netlist = corner.circuit.netlist
    weight = np.repeat(operands.weight[:, None], operands.psums[0].shape[1], axis=1)
    for activation, psum in zip(operands.activations, operands.psums, strict=True):
        wanted = psum + weight.astype(np.float32) * activation.astype(np.float32)
        inputs = drive_port(netlist, "weight_i", weight.ravel().view(np.uint16).astype(np.int64))
        inputs |= drive_port(netlist, "activation_i", activation.ravel().view(np.uint16).astype(np.int64))
        inputs |= drive_port(netlist, "psum_i", psum.ravel().view(np.uint32).astype(np.int64))
        sums = read_port(netlist, evaluate(corner.circuit, inputs), "psum_o", signed=False)
        if not np.array_equal(sums, wanted.ravel().view(np.uint32)):
            raise HaloError("the gates of the FP16 MAC do not compute its sums", "Report this with the library.")


def _corner_name(config: CharacterizeConfig, corner: str | None, path: Path) -> str:
    names = [name for name, _ in config.corners]
    if corner is None and len(names) == 1:
        return names[0]
    if corner is None:
        raise HaloError("the run has several corners", f"Name one of: {', '.join(names)}.", path)
    if corner not in names:
        raise HaloError(f"the run has no corner {corner!r}", f"Name one of: {', '.join(names)}.", path)
    return corner


def _read(entry: Path) -> Fp16Mac | None:
    """An entry of the cache; None where there is none that can be read."""
    try:
        values: Mapping[str, Any] = json.loads(entry.read_text(encoding="utf-8"))
        return Fp16Mac(**{**values, "assumptions": tuple(values["assumptions"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
