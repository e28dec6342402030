# SPDX-License-Identifier: Apache-2.0
"""Simulates Yosys' own gate-level cells, 64 patterns a machine word: the functional side of equivalence checking.

Tests: tests/synth/test_gate_simulation.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError

Words = npt.NDArray[np.uint64]

_GATES: dict[str, tuple[tuple[str, ...], Callable[..., Words]]] = {
    "$_BUF_": (("A",), lambda a: a),
    "$_NOT_": (("A",), lambda a: ~a),
    "$_AND_": (("A", "B"), lambda a, b: a & b),
    "$_NAND_": (("A", "B"), lambda a, b: ~(a & b)),
    "$_OR_": (("A", "B"), lambda a, b: a | b),
    "$_NOR_": (("A", "B"), lambda a, b: ~(a | b)),
    "$_XOR_": (("A", "B"), lambda a, b: a ^ b),
    "$_XNOR_": (("A", "B"), lambda a, b: ~(a ^ b)),
    "$_ANDNOT_": (("A", "B"), lambda a, b: a & ~b),
    "$_ORNOT_": (("A", "B"), lambda a, b: a | ~b),
    "$_MUX_": (("A", "B", "S"), lambda a, b, s: (b & s) | (a & ~s)),
}
_FLOPS = {"$_DFF_P_", "$_DFF_N_"}


@dataclass(frozen=True, eq=False)
class GateDesign:
    """A flat design of one-bit gates and plain flip-flops.

    Attributes:
        inputs, outputs: port name to net numbers, least significant bit first. Constant output bits are the nets
            ``ZERO`` and ``ONE``.
        gates: (function, input nets, output net) in topological order.
        flops: (D net, Q net).
        clocks: nets that clock the flip-flops; not among the data.
        names: net of each named bit of the source, e.g. ``u_mac.sum[3]``.
    """

    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]
    gates: tuple[tuple[Callable[..., Words], tuple[int, ...], int], ...]
    flops: tuple[tuple[int, int], ...]
    clocks: frozenset[int]
    names: dict[str, int]


ZERO = 0
ONE = 1


def read_gates(path: Path, top: str) -> GateDesign:
    """Read a design from Yosys' JSON format.

    Raises:
        HaloError: the design holds a cell that is neither a simple gate nor a plain flip-flop.
    """
    module = json.loads(path.read_text(encoding="utf-8"))["modules"][top]
    nets = {"0": ZERO, "1": ONE, "x": ZERO, "z": ZERO}

    def net(bit: int | str) -> int:
        return nets[bit] if isinstance(bit, str) else bit

    ports: dict[str, dict[str, tuple[int, ...]]] = {"input": {}, "output": {}, "inout": {}}
    for name, port in module["ports"].items():
        ports[port["direction"]][name] = tuple(net(bit) for bit in port["bits"])
    driver: dict[int, tuple[Callable[..., Words], tuple[int, ...], int]] = {}
    flops = []
    clocks = set()
    for cell in module["cells"].values():
        pins = {pin: net(bits[0]) for pin, bits in cell["connections"].items()}
        if cell["type"] in _FLOPS:
            flops.append((pins["D"], pins["Q"]))
            clocks.add(pins["C"])
        elif cell["type"] in _GATES:
            sources, function = _GATES[cell["type"]]
            driver[pins["Y"]] = (function, tuple(pins[pin] for pin in sources), pins["Y"])
        else:
            raise HaloError(
                f"{top} holds a {cell['type'].strip('$_')}, which the equivalence check does not simulate",
                "Check it in the testbench instead.",
            )
    if ports["inout"]:
        raise HaloError(
            f"port {next(iter(ports['inout']))} of {top} is an inout, which the equivalence check does not simulate",
            "Make it an input or an output.",
        )
    names = {
        f"{name}[{number}]": net(bit)
        for name, wire in module["netnames"].items()
        if not wire["hide_name"]
        for number, bit in enumerate(wire["bits"])
    }
    return GateDesign(ports["input"], ports["output"], _ordered(driver), tuple(flops), frozenset(clocks), names)


def _ordered(
    driver: dict[int, tuple[Callable[..., Words], tuple[int, ...], int]],
) -> tuple[tuple[Callable[..., Words], tuple[int, ...], int], ...]:
    order = []
    done: set[int] = set()
    for start in driver:
        stack = [start]
        while stack:
            top = stack[-1]
            waiting = [n for n in driver[top][1] if n in driver and n not in done] if top not in done else []
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if top not in done:
                done.add(top)
                order.append(driver[top])
    return tuple(order)


def evaluate(design: GateDesign, inputs: Mapping[str, Words], state: Words) -> dict[int, Words]:
    """Values of all nets for many patterns at once: uint64[words] a net.

    Args:
        design: the design.
        inputs: port name to uint64[bits, words]; bit p of word w is pattern 64 w + p. Clocks may be absent.
        state: uint64[flops, words].
    """
    words = state.shape[1]
    values: dict[int, Words] = {ZERO: np.zeros(words, np.uint64), ONE: ~np.zeros(words, np.uint64)}
    for name, nets in design.inputs.items():
        for bit, net in enumerate(nets):
            values[net] = inputs[name][bit] if name in inputs else values[ZERO]
    for number, (_, q) in enumerate(design.flops):
        values[q] = state[number]
    for function, sources, output in design.gates:
        values[output] = function(*(values[s] for s in sources))
    return values


def outputs(design: GateDesign, values: Mapping[int, Words]) -> dict[str, Words]:
    """Output name to uint64[bits, words]."""
    return {name: np.array([values[net] for net in nets], np.uint64) for name, nets in design.outputs.items()}


def next_state(design: GateDesign, values: Mapping[int, Words]) -> Words:
    """State after the next clock edge: uint64[flops, words]."""
    words = len(values[ZERO])
    return np.array([values[d] for d, _ in design.flops], np.uint64).reshape(len(design.flops), words)
