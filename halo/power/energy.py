# SPDX-License-Identifier: Apache-2.0
"""Energy of a weight from the event counts of its stimulus.

Everything is the mean over one transition (one clock cycle). A net's glitch energy is the part of its output energy
(switching and internal) that its surplus toggles cause::

    (switching + internal of the output toggles) * (toggles - functional) / toggles

so it assumes that a surplus toggle costs as much as the net's mean toggle. The energy that glitches cost at the input
pins they arrive at is not in it.

Tests: tests/power/test_power_events.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from halo.power.energy_tables import EventEnergies

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class EventCounts(Protocol):
    """What an event engine counted over a stimulus, each transition with its integer weight.

    Attributes:
        out_counts: int64[arcs], output toggles by cause (``Circuit`` arc index).
        in_counts: int64[arcs], input pin toggles by new state and pin.
        toggles: int64[G], output changes with glitches.
        functional: int64[G], transitions after which the output differs.
        state_counts: int64[table entries], settled states.
    """

    @property
    def out_counts(self) -> I64:
        """See the class."""
        ...

    @property
    def in_counts(self) -> I64:
        """See the class."""
        ...

    @property
    def toggles(self) -> I64:
        """See the class."""
        ...

    @property
    def functional(self) -> I64:
        """See the class."""
        ...

    @property
    def state_counts(self) -> I64:
        """See the class."""
        ...


@dataclass(frozen=True)
class WeightEnergy:
    """Mean energy of a transition.

    Attributes:
        energy_j: switching_j + internal_j + clock_j, without leakage; None when a table that was needed is missing:
            half an energy would look like a whole one.
        switching_j: 1/2 C V^2 of the gates' output nets.
        internal_j: internal energy of output and input toggles; None when missing.
        glitch_j: the part of switching_j + internal_j that glitches caused; None when missing.
        leakage_w: mean leakage power of the settled states; None when missing.
        clock_j: internal energy of the flip-flops' clock pins in one cycle; None when missing.
    """

    energy_j: float | None
    switching_j: float
    internal_j: float | None
    glitch_j: float | None
    leakage_w: float | None
    clock_j: float | None

    def power_w(self, period_s: float) -> float | None:
        """Power at a clock: energy / period, plus leakage where it is known. None when the energy is missing."""
        if self.energy_j is None:
            return None
        return self.energy_j / period_s + (self.leakage_w or 0.0)


def weight_energy(energies: EventEnergies, counts: EventCounts, total: int) -> WeightEnergy:
    """Mean energy and leakage over a stimulus.

    Args:
        energies: of the circuit in one corner.
        counts: over a stimulus of this circuit.
        total: the sum of the transitions' weights.
    """
    net_j = energies.switching_j * counts.toggles
    leakage = _leakage(energies, counts, total)
    switching = float(net_j.sum()) / total
    if energies.output_j is None or energies.input_j is None or energies.clock_j is None:
        return WeightEnergy(None, switching, None, None, leakage, None)
    # Events that never happen cost nothing, even where their energy is unknown (NaN).
    output = np.where(counts.out_counts != 0, energies.output_j * counts.out_counts, 0.0)
    inputs = np.where(counts.in_counts != 0, energies.input_j * counts.in_counts, 0.0)
    internal = (float(output.sum()) + float(inputs.sum())) / total
    clock = float(energies.clock_j.sum())
    if np.isnan(internal):
        return WeightEnergy(None, switching, None, None, leakage, clock)
    net_j = net_j + np.bincount(energies.arc_gate, weights=output, minlength=len(net_j))
    surplus = (counts.toggles - counts.functional) / np.maximum(counts.toggles, 1)
    glitch = float((net_j * surplus).sum()) / total
    return WeightEnergy(switching + internal + clock, switching, internal, glitch, leakage, clock)


def _leakage(energies: EventEnergies, counts: EventCounts, total: int) -> float | None:
    if energies.leakage_w is None:
        return None
    mean = float(np.where(counts.state_counts != 0, energies.leakage_w * counts.state_counts, 0.0).sum()) / total
    return None if np.isnan(mean) else mean + energies.idle_leakage_w
