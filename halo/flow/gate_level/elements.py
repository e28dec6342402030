# SPDX-License-Identifier: Apache-2.0
"""Single elements of arrays around a MAC, and the clock period of a set of weights in them, swaps at any clock.

``pe_ws`` keeps its weight until a swap; ``pe_os`` takes a weight with every activation, so weights always swap, and its
sum comes back from its own register. Both are bounded in the same way (``class_period``): the weight bits in which the
set agrees are held, in the registers and wherever they come from, and everything else moves.

For ``pe_os`` what is held is found by a zero-delay run in which these bits of the weight port are still and all other
inputs are random: bits of the weight register that stay still in it, and provably do so as long as the port's do
(``Registered.kept``). The sum is free: products of other weights may stand in it.

Elements are bounded without buffers, whole arrays (``unit``) with some: the bit that restarts the sum of ``pe_os``
drives many gates, so that its fast classes have longer periods here (``docs/validation.md``).

Tests: tests/flow/gate_level/test_elements.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from halo.characterization.encoding import Encoding
from halo.errors import HaloError
from halo.flow.gate_level.array import CutGates, array_spec, cut_gates, gate_array
from halo.flow.gate_level.class_period import Period, array_bounds, bounded_period
from halo.flow.gate_level.weight_streams import RESET, Shape
from halo.flow.runs.assets import rtl_folder
from halo.netlist.sources import Sources
from halo.synth import Mode
from halo.timing.registered import Registered, Trace

I64 = npt.NDArray[np.int64]

Element = Literal["pe_ws", "pe_os"]
CLOCKS = 512
"""Of a zero-delay run: so many that every bit that may move does."""


class SwapBounds(Protocol):
    """What bounds an element."""

    def swapping(self, weights: Sequence[int]) -> Period:
        """Period of a set of weight values, any of which may follow any other at any clock."""


@dataclass(frozen=True, eq=False)
class OsElement:
    """An output-stationary element as gates.

    Attributes:
        design: the cut netlist.
        shape: its widths.
        activation, weight: state nets of these registers, lowest bit first.
    """

    design: Registered
    shape: Shape
    activation: tuple[int, ...]
    weight: tuple[int, ...]

    def swapping(self, weights: Sequence[int]) -> Period:
        """Period of a set of weight values, any of which may follow any other."""
        return bounded_period(self.design, self.held(weights), (self.activation,))

    def held(self, weights: Sequence[int]) -> dict[int, int]:
        """Sources that stay still while no other weights come: the weight bits in which they agree."""
        common, some = agreed(self.shape.weight_encoding, weights)
        design, inputs = self.design, self.design.clocked.netlist.inputs
        steady = _play(design, self.shape, common, common ^ some).sources[2 * RESET :]
        ours = [*inputs["srst_ni"], *inputs["weight_i"], *self.weight]
        others = ~np.isin(design.timed.circuit.source, ours)
        steady[0, others] = 1 - steady[1, others]  # no other source counts as still
        return design.kept(steady)


def swap_bounds(
    element: Element,
    parameters: Mapping[str, int | str],
    liberty: Sequence[Path],
    workdir: Path,
    *,
    dont_use: Sequence[str] = (),
    mode: Mode = "structural",
    timed: Sequence[Path] | None = None,
    slew_ps: float | None = None,
    load_ff: float | None = None,
) -> SwapBounds:
    """Synthesize an element and make ready to bound it; arguments as ``cut_gates``.

    Args:
        element: the module.
        parameters: those that differ from the defaults of ``pe_ws``.

    Raises:
        HaloError: as ``cut_gates``, or the netlist has no register of the activation.
    """
    spec = array_spec("pe", parameters)
    gates = cut_gates(
        element,
        spec.parameters,
        liberty,
        workdir,
        sources=Sources(element_sources()),
        dont_use=dont_use,
        mode=mode,
        timed=timed,
        slew_ps=slew_ps,
        load_ff=load_ff,
    )
    if element == "pe_ws":
        return array_bounds(gate_array(spec.shape, gates))
    registers = (_register(gates, spec.shape, port) for port in ("activation_i", "weight_i"))
    return OsElement(gates.design, spec.shape, *registers)


def element_sources() -> tuple[Path, ...]:
    """The Verilog of the MACs and the elements."""
    return tuple(path for part in ("mac", "pe") for path in sorted((rtl_folder() / part).glob("*.v")))


def agreed(encoding: Encoding, weights: Sequence[int]) -> tuple[int, int]:
    """Bits that all weights have, and bits that some have: a set moves where the two differ."""
    patterns = encoding.pattern(np.array(weights, np.int64))
    return int(np.bitwise_and.reduce(patterns)), int(np.bitwise_or.reduce(patterns))


def _register(gates: CutGates, shape: Shape, port: str) -> tuple[int, ...]:
    """State nets of the register that follows an input port by one clock, lowest bit first.

    Raises:
        HaloError: there is none for a bit.
    """
    design = gates.design
    trace = _play(design, shape, 0, (1 << shape.weight_bits) - 1, always_valid=True)
    ports = {int(net): i for i, net in enumerate(design.port_sources)}
    states = trace.sources[2 * RESET + 1 :, len(ports) :]
    found = []
    for bit, net in enumerate(design.clocked.netlist.inputs[port]):
        seen = states ^ trace.sources[2 * RESET : -1, ports[net]][:, None]
        same = np.flatnonzero(np.all(seen == seen[0], axis=0))
        if not len(same):
            what = f"no register of {gates.synthesis.top} holds bit {bit} of {port}"
            raise HaloError(what, "Synthesize it with its structure kept.")
        found.append(int(design.state[same[0]]))
    return tuple(found)


def _play(design: Registered, shape: Shape, weight: int, moving: int, *, always_valid: bool = False) -> Trace:
    """A zero-delay run with random inputs, after a reset.

    Args:
        design: ``pe_os``; shape: its widths.
        weight: bits that the weight port shows; moving: bits of it that are random instead.
        always_valid: every slot counts.
    """
    generator = np.random.default_rng(3)

    def drawn(bits: int) -> I64:
        return generator.integers(0, 1 << bits, CLOCKS)

    values = {name: drawn(1) for name in ("valid_i", "first_i", "last_i", "drain_valid_i")}
    values |= {"activation_i": drawn(shape.activation_bits), "drain_i": drawn(shape.psum_bits)}
    values["weight_i"] = drawn(shape.weight_bits) & moving | weight
    values["srst_ni"] = (np.arange(CLOCKS) >= RESET).astype(np.int64)
    for clock in (RESET, RESET + 1):
        values["valid_i"][clock] = 1  # the weight is in its register from here on
    if always_valid:
        values["valid_i"][:] = 1
    return design.run(design.drive(values))
