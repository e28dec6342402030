# SPDX-License-Identifier: Apache-2.0
"""One candidate under a library: gates, area, function, static clock of each weight, energy.

Runs in a worker process, so it takes and gives JSON values. What a candidate lacks is a reason in its figures, never an
exception: a search goes on without it.

Tests: tests/flow/exploring/test_evaluation.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from halo.characterization.chosen_roles import chosen_roles, controls_of_rtl
from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.engine import characterize_corner
from halo.characterization.interface import read_ports
from halo.characterization.stimulus import Stimulus, make_stimulus
from halo.characterization.weights import chosen_weights
from halo.config import CharacterizeConfig, one_corner
from halo.errors import HaloError
from halo.flow.exploring.candidate import ELEMENT, PAIRS, Candidate, Conditions
from halo.flow.exploring.placing import placed
from halo.flow.exploring.proof import prove
from halo.flow.exploring.space import WHOLE_BITS
from halo.flow.runs.assets import element_sources
from halo.netlist.hdl import PortInfo
from halo.netlist.sources import Sources
from halo.synth import synthesize

I64 = npt.NDArray[np.int64]

WHOLE: dict[str, Any] = {"ties": (("pair_i", 0), ("activation_i[15:8]", 0)), "activation": "activation_i[7:0]"}
"""Roles in ``pair_element`` of one weight of eight bits."""
PAIRS_TIES = (("pair_i", 1),)
ENERGY_WEIGHTS = 32
"""Weights behind the energy of all: as many, evenly over all values and over their low bits."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is known of a candidate. None: not known, and ``reason`` says why.

    Attributes:
        area: of its cells, in the library's units; cells, registers: their numbers.
        clocks: of latency, from the operands at the ports to their sum.
        passes_all, passes_class: clocks that a weight of eight bits, and one of the class, takes.
        macs_class: MACs with weights of the class that an element does at once.
        periods_ps: shortest clock of each weight that the ports can hold, ascending.
        period_all_ps, period_class_ps: the longest of all, and of the class.
        energy_all_fj, energy_class_fj: of a MAC, all its passes.
        function: computed, in words; proven: how that was shown; empty: it was not.
        reason: why it does not count; empty: it does.
    """

    area: float | None = None
    cells: int | None = None
    registers: int | None = None
    clocks: int | None = None
    passes_all: int | None = None
    passes_class: int | None = None
    macs_class: int = 1
    periods_ps: tuple[float, ...] = ()
    period_all_ps: float | None = None
    period_class_ps: float | None = None
    energy_all_fj: float | None = None
    energy_class_fj: float | None = None
    function: str = ""
    proven: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Figures:
        """The inverse of ``to_json``.

        Raises:
            TypeError: the values are not of that form.
        """
        return cls(**{**values, "periods_ps": tuple(values["periods_ps"])})


def evaluate_json(candidate: Mapping[str, Any], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """``evaluate`` of JSON values."""
    return evaluate(Candidate.from_json(candidate), Conditions.from_json(conditions)).to_json()


def evaluate(candidate: Candidate, conditions: Conditions) -> Figures:
    """Everything about one candidate."""
    with tempfile.TemporaryDirectory(prefix="halo-explore-") as scratch:
        try:
            return _evaluate(candidate, conditions, Path(scratch).resolve())
        except HaloError as error:
            place = error.place.replace(f"{Path(scratch).resolve()}/", "")
            return Figures(reason=" ".join(f"{place}{error.what}".split()))


def _evaluate(candidate: Candidate, conditions: Conditions, work: Path) -> Figures:
    liberty = tuple(map(Path, conditions.liberty))
    sources, top, parameters, ports = _design(candidate, work)
    own: dict[str, Any] = {"signed": candidate.signed, **dict(candidate.roles)} if top not in (ELEMENT, PAIRS) else {}
    config = CharacterizeConfig(
        corners=(one_corner(liberty),),
        run_folder=work / "run",
        files=tuple(sources.files),
        method="static",
        dont_use=conditions.dont_use,
        **(WHOLE if top == PAIRS else own),
    )
    controls = controls_of_rtl(sources, top, parameters, ports, config)
    roles = chosen_roles(ports, config, controls)
    output = roles.output.partition("[")[0]
    made = synthesize(
        sources,
        top,
        liberty,
        parameters=parameters,
        mode=candidate.synth,
        dont_use=conditions.dont_use,
        may_stay_open=[p.name for p in ports if p.direction == "output" and p.name != output],
        workdir=work / "synthesis",
    )
    found = Figures(area=made.area, cells=sum(made.cell_counts.values()))
    corner = load_corner(
        config.corners[0][0], liberty, made.netlist_verilog, top, config, declared=tuple(ports), controls=controls
    )
    found = replace(found, registers=_registers(corner))
    proof = prove(corner.circuit, corner.roles, conditions.seed)
    if not proof.function:
        return replace(found, reason=f"it does not compute psum + weight * activation: {proof.difference}")
    found = replace(found, function=proof.function, proven=proof.how, clocks=proof.clocks)
    if top != PAIRS:
        return _measured(found, corner, conditions)
    config = replace(config, ties=PAIRS_TIES, activation=None)
    pairs = load_corner(
        config.corners[0][0], liberty, made.netlist_verilog, top, config, declared=tuple(ports), controls=controls
    )
    proof = prove(pairs.circuit, pairs.roles, conditions.seed)
    if not proof.function or pairs.roles.lanes == 1:
        return replace(found, reason=f"it does not add the products of pairs: {proof.difference}")
    found = replace(
        found,
        function=f"{found.function}; of pairs: {proof.function}",
        proven=f"{found.proven}; of pairs: {proof.how}",
    )
    return _of_pairs(_measured(found, corner, conditions), pairs, conditions)


def _of_pairs(found: Figures, corner: DesignCorner, conditions: Conditions) -> Figures:
    """The figures of an element that takes pairs, whose class is two at once if its weights are four bits times 16."""
    own_class = class_on(conditions.class_weights, corner.roles.weight_bits // 2)
    if own_class.passes > 1:
        return found
    high, low = (part.ravel() for part in np.meshgrid(own_class.weights, own_class.weights, indexing="ij"))
    pairs = np.unique(16 * high + low % 16)
    periods = _periods_ps(corner, pairs, conditions)
    energies = _energies_fj(corner, spread(pairs, ENERGY_WEIGHTS), conditions, pairs)
    return replace(
        found,
        macs_class=2,
        period_class_ps=round(float(periods.max()), 3),
        energy_class_fj=round(float(energies.mean()) / 2, 3),
    )


def _design(candidate: Candidate, work: Path) -> tuple[Sources, str, dict[str, int | str], Sequence[PortInfo]]:
    if candidate.file:
        return placed(candidate, work)
    own = candidate.structure
    ports = _element_ports(own.element, own.weight_width, own.carry_save)
    return Sources(element_sources(own.element)), own.element, own.parameters, ports


@cache
def _element_ports(element: str, weight_width: int, carry_save: int) -> tuple[PortInfo, ...]:
    """Ports of an element; no other parameter shapes them."""
    parameters = {"WEIGHT_WIDTH": weight_width, "CARRY_SAVE": carry_save}
    return read_ports(Sources(element_sources(element)[-1:]), element, parameters)[1]


def _registers(corner: DesignCorner) -> int:
    circuit = corner.circuit
    return len({int(i) for i in circuit.instance[circuit.kind == 1]})


def _measured(found: Figures, corner: DesignCorner, conditions: Conditions) -> Figures:
    encoding = corner.roles.weight_encoding
    weights = chosen_weights("all", encoding, conditions.seed)
    own_class = class_on(conditions.class_weights, encoding.bits)
    within = np.isin(weights, own_class.weights)
    periods = _periods_ps(corner, weights, conditions)
    passes = -(-WHOLE_BITS // encoding.bits)
    chosen = spread(weights, ENERGY_WEIGHTS)
    energies = _energies_fj(corner, chosen, conditions)
    of_class = energies
    if not within.all():
        of_class = _energies_fj(corner, spread(own_class.weights, ENERGY_WEIGHTS), conditions, own_class.weights)
    return replace(
        found,
        passes_all=passes,
        passes_class=own_class.passes,
        periods_ps=tuple(round(float(p), 3) for p in periods),
        period_all_ps=round(float(periods.max()), 3),
        period_class_ps=round(float(periods[within].max()), 3),
        energy_all_fj=round(float(energies.mean()) * passes, 3),
        energy_class_fj=round(float(of_class.mean()) * own_class.passes, 3),
    )


@dataclass(frozen=True, eq=False)
class ClassOnPort:
    """The weights that a class puts on a port, and how often it takes one to multiply by a weight of the class."""

    weights: I64
    passes: int


def class_on(class_weights: Sequence[int], bits: int) -> ClassOnPort:
    """What a class of eight-bit weights is to an element whose weights have fewer bits.

    A class whose weights are multiples of what an upper part of so many bits stands for takes one pass of those parts.
    Any other takes all passes, and so all weights of the port.
    """
    values = np.unique(np.array(class_weights, np.int64))
    if bits >= WHOLE_BITS:
        return ClassOnPort(values, 1)
    step = 1 << (WHOLE_BITS - bits)
    if np.all(values % step == 0):
        return ClassOnPort(values // step, 1)
    return ClassOnPort(np.arange(-(1 << (bits - 1)), 1 << (bits - 1), dtype=np.int64), -(-WHOLE_BITS // bits))


def spread(weights: I64, count: int) -> I64:
    """So many of some weights, ascending, evenly over them and over the residues modulo the step between them."""
    if len(weights) <= count:
        return weights
    step = len(weights) // count
    start = np.arange(count) * step
    chosen: I64 = weights[start + np.arange(count) * 5 % step]
    return chosen


def _periods_ps(corner: DesignCorner, weights: I64, conditions: Conditions) -> npt.NDArray[np.float64]:
    stimulus = _stimulus(corner, conditions, weights)
    result = characterize_corner(
        corner, stimulus, weights, method="static", seed=conditions.seed, jobs=1, report=lambda done, total: None
    )
    seconds = result.static_period_s
    if not corner.registered and corner.boundary is not None:
        seconds = seconds + corner.boundary.clk_to_q_s + corner.boundary.setup_s
    return np.asarray(seconds * 1e12, np.float64)


def _energies_fj(
    corner: DesignCorner, weights: I64, conditions: Conditions, rows: I64 | None = None
) -> npt.NDArray[np.float64]:
    """Energy of each weight; the rows above hold some of ``rows``, or any."""
    stimulus = _stimulus(corner, conditions, weights, rows)
    result = characterize_corner(
        corner, stimulus, weights, method="exact", seed=conditions.seed, jobs=1, report=lambda done, total: None
    )
    energies = [w.energy.energy_j for w in result.weights if w.energy is not None]
    if None in energies:
        raise HaloError("the library has no energies", "Give one with internal_power, or none of the energies.")
    return np.array(energies, np.float64) * 1e15


def _stimulus(corner: DesignCorner, conditions: Conditions, weights: I64, rows: I64 | None = None) -> Stimulus:
    return make_stimulus(
        corner.roles,
        corner.circuit,
        random_samples=conditions.samples,
        trace=None,
        activations=None,
        psum_samples=conditions.samples,
        weights=len(weights),
        seed=conditions.seed,
        rows=rows,
    )
