# SPDX-License-Identifier: Apache-2.0
"""Whether a MAC's operands are signed, seen from what its gates compute.

Netlists seldom keep ``signed``, and RTL often declares plain vectors for two's-complement operands, so the function
is asked: which reading of the operand bits makes output = weight x activation (+ accumulator)? Sums of several words,
those that lack a term of the weight alone, and pairs of weights are told by ``halo.characterization.sum_form``.

Tests: tests/characterization/test_interface_and_signedness.py.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.characterization.encoding import Encoding
from halo.characterization.ports import Roles
from halo.characterization.sum_form import find_sum_form, one_step
from halo.netlist.graph import drive_port, propagate_constants_lanes
from halo.netlist.model import Circuit

_SAMPLES = 192
_CORNERS = 5
_SEED = 20250
_OPERANDS = 2
# An approximate product errs by a few per cent of full scale; a wrong reading of the sign by a quarter of it.
_APPROXIMATE = 0.05
_CLEARLY = 2.0


class _Trial(NamedTuple):
    """Bit patterns of the operands and of the output that the gates made of them, one of each a sample."""

    seen: npt.NDArray[np.int64]
    weights: npt.NDArray[np.int64]
    activations: npt.NDArray[np.int64]
    sums: npt.NDArray[np.int64]

    def product(self, signs: tuple[bool, bool], roles: Roles) -> npt.NDArray[np.int64]:
        """Weight x activation, each signed or not."""
        weights = _read(self.weights, roles.weight_bits, signs[0])
        return weights * _read(self.activations, roles.activation_bits, signs[1])


def observe_signedness(circuit: Circuit, roles: Roles, told: Collection[str] = ()) -> Roles:
    """Roles with the signedness that the gates show.

    The output is evaluated for corner and random operands, registers loaded, ties held, and inputs that take random
    values at 0; registers that accumulate make one step from 0. Where the declared reading fits (also where several
    do, as in a product cut to the operand width), it stays; where another fits, that one is taken and noted. Where
    none does, the output may be an approximate product: the reading that it is nearest to is taken if it is clearly
    nearer than the others, else the declared one stays, and that is noted.

    Args:
        circuit: compiled top.
        roles: from ``find_roles``; at most 63 output bits take part.
        told: operands (``weight``, ``activation``) whose signedness the user gave: it stays, and is only checked.
    """
    generator = np.random.default_rng(_SEED)
    weights = _operands(roles.weight_bits, generator, np.repeat(np.arange(_CORNERS), _CORNERS))
    activations = _operands(roles.activation_bits, generator, np.tile(np.arange(_CORNERS), _CORNERS))
    sums = np.zeros(_SAMPLES, np.int64)
    netlist = circuit.netlist
    fixed = drive_port(netlist, roles.weight, weights) | drive_port(netlist, roles.activation, activations)
    if roles.accumulator is not None:
        sums = _operands(min(roles.accumulator_bits, 62), generator, np.arange(_CORNERS))
        fixed |= drive_port(netlist, roles.accumulator, sums)
    for name, value in roles.tie.items():
        fixed |= drive_port(netlist, name, np.full(_SAMPLES, value, np.int64))
    for name in roles.drawn:
        fixed |= drive_port(netlist, name, np.zeros(_SAMPLES, np.int64))
    fixed |= one_step(circuit, fixed)
    nets = list(netlist.outputs[roles.output])[:63]
    bits = propagate_constants_lanes(circuit, fixed)[nets].astype(np.int64)
    if np.any(bits < 0):
        return _noted(roles, "the output has no steady value")
    seen = (bits << np.arange(len(nets))[:, None]).sum(axis=0)
    trial = _Trial(seen, weights, activations, sums)
    declared = (roles.weight_encoding.signed, roles.activation_encoding.signed)
    readings = [(first, second) for first in (True, False) for second in (True, False)]
    fitting = [] if roles.words > 1 else [signs for signs in readings if _fits(trial, signs, roles, len(nets))]
    if declared in fitting:
        return roles
    if not fitting:
        form = find_sum_form(circuit, roles, sorted(readings, key=lambda signs: signs != declared))
        if form is not None:
            fitting = [form.signs]
            roles = replace(
                roles,
                words=form.words,
                lanes=form.lanes,
                offsets=dict(form.offsets),
                assumptions=(*roles.assumptions, *form.said(roles)),
            )
            if form.signs == declared:
                return roles
    open_ = [
        signs
        for signs in (fitting or readings)
        if ("weight" not in told or signs[0] == declared[0]) and ("activation" not in told or signs[1] == declared[1])
    ]
    words = {True: "signed", False: "unsigned"}

    def say(signs: tuple[bool, bool]) -> str:
        return f"weight {roles.weight} as {words[signs[0]]} and activation {roles.activation} as {words[signs[1]]}"

    if fitting:
        if not open_:
            note = f"the gates multiply {say(fitting[0])}; the values are labelled as the options say"
            return replace(roles, assumptions=(*roles.assumptions, note))
        chosen = open_[0]
        note = f"the gates multiply {say(chosen)}, and so are the values labelled"
    elif roles.words > 1:
        return _noted(roles, "the words of the output do not add up to weight x activation (+ accumulator)")
    else:
        errors = {s: _error(trial, s, roles, len(nets)) for s in readings}
        chosen = min(open_, key=lambda signs: (errors[signs], signs != declared))
        others = min(errors[signs] for signs in readings if signs != chosen)
        if len(told) == _OPERANDS or errors[chosen] > _APPROXIMATE or errors[chosen] * _CLEARLY > others:
            return _noted(roles, "the output is not weight x activation (+ accumulator)")
        note = (
            f"the output is no exact product; it is nearest to one of {say(chosen)} (mean error "
            f"{errors[chosen]:.2%} of full scale, of any other reading {others:.2%}), and so are the values labelled"
        )
    return replace(
        roles,
        weight_encoding=Encoding.of(chosen[0], roles.weight_bits),
        activation_encoding=Encoding.of(chosen[1], roles.activation_bits),
        assumptions=(*roles.assumptions, note),
    )


def _error(trial: _Trial, signs: tuple[bool, bool], roles: Roles, bits: int) -> float:
    """Mean distance, modulo the output width, between the output and a reading, as a share of the largest product."""
    difference = (trial.seen - trial.product(signs, roles) - trial.sums) & ((1 << bits) - 1)
    distance = np.minimum(difference, (1 << bits) - difference)
    return float(np.mean(distance)) / (1 << min(roles.weight_bits + roles.activation_bits, 62))


def _operands(bits: int, generator: np.random.Generator, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bit patterns: the extremes in the given order, then random ones."""
    corners = np.array([0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1], np.int64)[order]
    return np.concatenate([corners, generator.integers(0, 1 << bits, _SAMPLES - len(corners))])


def _fits(trial: _Trial, signs: tuple[bool, bool], roles: Roles, bits: int) -> bool:
    """Compare modulo the output width; a narrower accumulator may be extended either way."""
    sums, mask = trial.sums, (1 << bits) - 1
    readings = [sums, _read(sums, roles.accumulator_bits, True)] if roles.accumulator is not None else [sums]
    product = trial.product(signs, roles)
    return any(bool(np.array_equal((product + addend) & mask, trial.seen)) for addend in readings)


def _read(patterns: npt.NDArray[np.int64], bits: int, signed: bool) -> npt.NDArray[np.int64]:
    if not signed or bits > 62:
        return patterns
    return patterns - ((patterns >> (bits - 1) & 1) << bits)


def _noted(roles: Roles, reason: str) -> Roles:
    note = f"{reason}, so the signedness of the operands is taken as declared"
    return replace(roles, assumptions=(*roles.assumptions, note))
