# SPDX-License-Identifier: Apache-2.0
"""Power from average activity: the model of OpenSTA 3 (power/Power.cc), to compare with the event-accurate energy.

Per instance, from the toggle rate (density, 1/s) and the share of time at 1 (duty) of every net, pins independent:

* switching: 1/2 C V^2 x density of each output, C the larger of the load's sums for a rising and a falling net;
* internal energy of an output: each group and related pin weighs density x sensitization of the pin, that is the
  probability that the output follows it (``when`` is not looked at if the function names the pin), normalised for each
  supply pin. The energy is the mean of the rise and the fall table, each at the pin's slew for the edge that
  the first timing arc's unateness gives; the sum is multiplied by the output's density. Groups without a related pin
  count nothing;
* internal energy of an input: mean of rise and fall x density x probability of ``when``; a condition that names an
  output whose function has the pin is replaced by the pin's sensitization;
* leakage: sum of value x probability of ``when`` (its pins independent, outputs as well), the rest of the probability
  at ``cell_leakage_power`` if there is one; else unconditional groups; else ``cell_leakage_power``.

So it never asks which input caused an event, how often each edge comes, or which states occur together. The event
counts of :mod:`halo.power.energy` do. Fed with the activity of one simulation, both give nearly the same internal
energy where a library's tables have no conditions; where most have, this model gives more. Switching differs where the
rise and fall capacitances of pins do.

Agreement, instance by instance (tests/power): with OpenSTA 3's own regression result for a buffer and a register on
sky130, all printed digits (internal, switching, leakage). With OpenSTA 2.0.17 (2019, in Debian 12), for the reference
multiplier on osu018 and the same gates on sky130 and gf180: switching within 2e-7, and internal power within 2e-6 once
that version's other rules are put on our loads, slews and tables. Those rules, each a reason why its numbers differ:

* internal energy takes the sum of the rise and the fall table, not their mean;
* both tables are read at the related pin's slew of the output's edge, whatever the unateness;
* weights are not normalised. A related pin weighs density(pin) / density(output) x the probability that the other
  operand of the outermost operator of the function lets it through, and 1/2 where it is no such operand (A and B
  of an OAI21, all pins of an AOI22 or a MUX). Across XOR the condition is "the other operand is 0", half of
  the truth. Where the group has a ``when``, that probability alone counts;
* probabilities follow the expression operator by operator, so a pin named twice counts as two;
* an input's group weighs 1/2 without ``when`` (1 at a clock): with the sum of both tables as much as here;
* leakage takes every input in a ``when`` at duty 1/2 (a clock at 1/4), whatever its activity;
* without operating conditions set, groups without ``when`` and ``related_pg_pin`` are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from halo.liberty.model import Cell, Function, Library, PowerGroup
from halo.netlist.model import Circuit
from halo.timing.delays import Delays

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AveragePower:
    """Power by instance, float64[instances], watts; None where the library has no such figures."""

    switching_w: F64
    internal_w: F64 | None
    leakage_w: F64 | None


@dataclass(frozen=True, eq=False)
class _Group:
    """Instances of one cell with the same pins connected; arrays run over them (K)."""

    cell: Cell
    members: npt.NDArray[np.int64]
    nets: dict[str, npt.NDArray[np.int64]]
    density: dict[str, F64]
    duty: dict[str, F64]

    def probability(self, function: Function) -> F64:
        """Probability that a function is true, its names independent; a name that is no pin is 1 half of the time."""
        return _expectation(function.table.astype(np.float64), function.inputs, self.duty, len(self.members))

    def sensitization(self, function: Function, pin: str) -> F64:
        """Probability that a function follows one of its names."""
        bit = function.inputs.index(pin)
        index = np.arange(len(function.table))
        follows = (function.table != function.table[index ^ (1 << bit)]).astype(np.float64)
        return _expectation(follows, function.inputs, self.duty, len(self.members))


def average_power(circuit: Circuit, library: Library, delays: Delays, density_hz: F64, duty: F64) -> AveragePower:
    """Power of each instance of the netlist from average activity.

    Args:
        circuit: compiled against the library.
        library: the corner.
        delays: loads and slews of the nets in this corner.
        density_hz: float64[N], changes a second of each net; a clock has 2 / period.
        duty: float64[N], share of time at 1; 0 or 1 for constant nets.

    Raises:
        HaloError: a power table depends on more than input transition and output load.
    """
    count = len(circuit.netlist.instances)
    switching = np.zeros(count)
    internal = np.zeros(count)
    leakage = np.zeros(count)
    loads = _worst_loads(circuit, library, delays.net_load_f)
    for group in _groups(circuit, library, density_hz, duty):
        for output in group.cell.outputs:
            if output.name not in group.nets:
                continue
            net = group.nets[output.name]
            switching[group.members] += 0.5 * loads[net] * library.voltage_v**2 * density_hz[net]
            if library.has_power:
                internal[group.members] += _output_internal(group, output.name, loads[net], delays)
        for pin in group.cell.inputs:
            if library.has_power and pin.name in group.nets:
                internal[group.members] += _input_internal(group, pin.name, delays)
        if library.has_leakage:
            leakage[group.members] = _leakage(group)
    return AveragePower(switching, internal if library.has_power else None, leakage if library.has_leakage else None)


def _worst_loads(circuit: Circuit, library: Library, net_load_f: F64) -> F64:
    """Loads as OpenSTA takes them for power: of the sums of the pins' rise and fall capacitances the larger one.

    ``net_load_f`` holds the sum of ``capacitance``, which is more where one pin is heavier rising and another falling.
    """
    plain, rise, fall = np.zeros((3, circuit.nets))
    for instance in circuit.netlist.instances:
        pins = library.cells[instance.cell].pins
        for name, net in instance.pins.items():
            plain[net] += pins[name].capacitance_f
            rise[net] += pins[name].rise_capacitance_f
            fall[net] += pins[name].fall_capacitance_f
    return net_load_f - plain + np.maximum(rise, fall)


def _groups(circuit: Circuit, library: Library, density_hz: F64, duty: F64) -> list[_Group]:
    members: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index, instance in enumerate(circuit.netlist.instances):
        members.setdefault((instance.cell, tuple(sorted(instance.pins))), []).append(index)
    groups = []
    for (cell, pins), indices in members.items():
        nets = {
            pin: np.array([circuit.netlist.instances[i].pins[pin] for i in indices], dtype=np.int64) for pin in pins
        }
        groups.append(
            _Group(
                library.cells[cell],
                np.array(indices, dtype=np.int64),
                nets,
                {pin: density_hz[net] for pin, net in nets.items()},
                {pin: duty[net] for pin, net in nets.items()},
            )
        )
    return groups


def _output_internal(group: _Group, output: str, load: F64, delays: Delays) -> F64:
    pin = group.cell.pins[output]
    weighted: list[tuple[str | None, F64, F64]] = []
    sums: dict[str | None, F64] = {}
    for power in pin.power:
        for related in power.related_pins:
            if related not in group.nets:
                continue
            if pin.function is not None and related in pin.function.inputs:
                share = group.sensitization(pin.function, related)
            elif power.when is not None:
                share = group.probability(power.when)
            else:
                share = np.full(len(group.members), 0.5)
            weight = group.density[related] * share
            slew = delays.net_slew_s[group.nets[related]]
            same = _same_edge(group.cell, related, output)
            energy = _mean_energy(power, slew if same else slew[:, ::-1], load)
            weighted.append((power.pg_pin, weight, energy))
            sums[power.pg_pin] = sums.get(power.pg_pin, np.zeros(len(weight))) + weight
    total = np.zeros(len(group.members))
    for supply, weight, energy in weighted:
        total += np.divide(weight, sums[supply], out=np.zeros(len(weight)), where=sums[supply] != 0.0) * energy
    return total * group.density[output]


def _input_internal(group: _Group, name: str, delays: Delays) -> F64:
    total = np.zeros(len(group.members))
    slew = delays.net_slew_s[group.nets[name]]
    for power in group.cell.pins[name].power:
        total += _mean_energy(power, slew, np.zeros(len(total))) * _input_duty(group, name, power.when)
    return total * group.density[name]


def _input_duty(group: _Group, name: str, when: Function | None) -> F64:
    if when is None:
        return np.ones(len(group.members))
    for other in when.inputs:
        pin = group.cell.pins.get(other)
        if pin is not None and pin.direction == "output":
            if pin.function is not None and name in pin.function.inputs:
                return group.sensitization(pin.function, name)
            break
    return group.probability(when)


def _mean_energy(power: PowerGroup, slew_s: F64, load_f: F64) -> F64:
    """Mean of the fall and the rise table, at slew columns fall and rise; a missing table counts as zero."""
    total = np.zeros(len(load_f))
    for edge, table in enumerate((power.fall, power.rise)):
        if table is not None:
            total += table.at(slew_s[:, edge], load_f)
    return total / 2


def _same_edge(cell: Cell, related: str, output: str) -> bool:
    """Whether an output edge comes from the same edge of the related pin, by the first timing group between them."""
    for timing in cell.pins[output].timing:
        if related in timing.related_pins:
            return timing.sense != "negative_unate"
    return True


def _leakage(group: _Group) -> F64:
    conditional = np.zeros(len(group.members))
    covered = np.zeros(len(group.members))
    unconditional = 0.0
    any_conditional = any_unconditional = False
    for leakage in group.cell.leakage:
        if leakage.when is None:
            unconditional += leakage.power_w
            any_unconditional = True
            continue
        any_conditional = True
        probability = group.probability(leakage.when)
        conditional += leakage.power_w * probability
        if leakage.power_w > 0.0:
            covered += probability
    if any_conditional:
        return conditional + (group.cell.cell_leakage_w or 0.0) * (1.0 - covered)
    value = unconditional if any_unconditional else (group.cell.cell_leakage_w or 0.0)
    return np.full(len(group.members), value)


def _expectation(table: F64, names: tuple[str, ...], duty: Mapping[str, F64], count: int) -> F64:
    """Mean of a function's table over independent inputs: float64[K]."""
    values = np.broadcast_to(table[:, None], (len(table), count))
    for name in reversed(names):  # the last name is the most significant bit
        one = duty.get(name, np.full(count, 0.5))
        half = len(values) // 2
        values = values[:half] * (1.0 - one) + values[half:] * one
    mean: F64 = values[0].copy()
    return mean
