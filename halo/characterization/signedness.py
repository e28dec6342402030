# SPDX-License-Identifier: Apache-2.0
"""Whether a MAC's operands are signed, seen from what its gates compute.

Netlists seldom keep ``signed``, and RTL often declares plain vectors for two's-complement operands, so the function
is asked: which reading of the operand bits makes output = weight x activation (+ accumulator)?

Tests: tests/characterization/test_interface_and_signedness.py.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from halo.characterization.encoding import Encoding
from halo.characterization.ports import Roles
from halo.netlist.graph import drive_port, propagate_constants_lanes
from halo.netlist.model import Circuit

_SAMPLES = 192
_CORNERS = 5
_SEED = 20250


def observe_signedness(circuit: Circuit, roles: Roles) -> Roles:
    """Roles with the signedness that the gates show.

    The steady output is evaluated for corner and random operands, registers loaded, ties held. Where the declared
    reading fits (also where several do, as in a product cut to the operand width), it stays; where another fits, that
    one is taken and noted; where none does or the output has no steady value (an accumulator in a loop), the declared
    one stays and that is noted.

    Args:
        circuit: compiled top.
        roles: from ``find_roles``; at most 63 output bits take part.
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
    nets = list(netlist.outputs[roles.output])[:63]
    bits = propagate_constants_lanes(circuit, fixed)[nets].astype(np.int64)
    if np.any(bits < 0):
        return _noted(roles, "the output has no steady value")
    seen = (bits << np.arange(len(nets))[:, None]).sum(axis=0)
    mask = (1 << len(nets)) - 1
    readings = [(first, second) for first in (True, False) for second in (True, False)]
    fitting = [signs for signs in readings if _fits(seen, weights, activations, sums, signs, roles, mask)]
    declared = (roles.weight_encoding.signed, roles.activation_encoding.signed)
    if declared in fitting:
        return roles
    if not fitting:
        return _noted(roles, "the output is not weight x activation (+ accumulator)")
    weight_signed, activation_signed = fitting[0]
    words = {True: "signed", False: "unsigned"}
    note = (
        f"the gates multiply weight {roles.weight} as {words[weight_signed]} and activation {roles.activation} as "
        f"{words[activation_signed]}, and so are the values labelled"
    )
    return replace(
        roles,
        weight_encoding=Encoding.of(weight_signed, roles.weight_bits),
        activation_encoding=Encoding.of(activation_signed, roles.activation_bits),
        assumptions=(*roles.assumptions, note),
    )


def _operands(bits: int, generator: np.random.Generator, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bit patterns: the extremes in the given order, then random ones."""
    corners = np.array([0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1], np.int64)[order]
    return np.concatenate([corners, generator.integers(0, 1 << bits, _SAMPLES - len(corners))])


def _fits(
    seen: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
    activations: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    signs: tuple[bool, bool],
    roles: Roles,
    mask: int,
) -> bool:
    """Compare modulo the output width; a narrower accumulator may be extended either way."""
    multiplied = _read(weights, roles.weight_bits, signs[0]) * _read(activations, roles.activation_bits, signs[1])
    readings = [sums, _read(sums, roles.accumulator_bits, True)] if roles.accumulator is not None else [sums]
    return any(bool(np.array_equal((multiplied + addend) & mask, seen)) for addend in readings)


def _read(patterns: npt.NDArray[np.int64], bits: int, signed: bool) -> npt.NDArray[np.int64]:
    if not signed or bits > 62:
        return patterns
    return patterns - ((patterns >> (bits - 1) & 1) << bits)


def _noted(roles: Roles, reason: str) -> Roles:
    note = f"{reason}, so the signedness of the operands is taken as declared"
    return replace(roles, assumptions=(*roles.assumptions, note))
