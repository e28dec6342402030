# SPDX-License-Identifier: Apache-2.0
"""Speed of KyuPy's WaveSim on the same gates and delays, on a seeded sample.

Its circuit is built here from the compiled netlist, so any library will do whose cells are among its primitives (up to
four inputs, where need be with inverters; no state-dependent delays: the worst of a pin's states stands for them all).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import metadata
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt
from designs import Design, Spec, load, measured, peak_mb
from row import Row

from halo.netlist.graph import evaluate
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import reduce_circuit

BATCH = 4096
CAPACITY = 32
"""Changes a waveform can hold; overflows are reported."""


class InexpressibleError(Exception):
    """The netlist holds a cell that is not among KyuPy's primitives."""


def wave_sim(spec: Spec, samples: int) -> tuple[Row, Row]:
    """WaveSim alone, and with the capture that yields settling times; values checked against evaluation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kyupy.wave_sim import WaveSim
    design = load(spec)
    circuit, delays = _build(design)
    sim = WaveSim(circuit, delays, sims=BATCH, c_caps=CAPACITY, c_reuse=True, strip_forks=True)
    generator = np.random.default_rng(1)
    sources = design.circuit.source.tolist()
    inputs = [*design.weight_nets, *design.activation_nets]
    outputs = [net for nets in design.circuit.netlist.outputs.values() for net in nets]
    batches = max(1, samples // BATCH)
    simulate = capture = wall = capture_wall = 0.0
    wrong = overflows = 0
    ratios: list[npt.NDArray[np.float64]] = []
    for batch in range(batches + 1):
        before, after = generator.integers(0, 2, (2, BATCH, len(inputs)), dtype=np.uint8)
        before[:, : len(design.weight_nets)] = after[:, : len(design.weight_nets)]
        sim.s[0, : len(inputs)] = before.T
        sim.s[1, : len(inputs)] = 0.0
        sim.s[2, : len(inputs)] = after.T
        with measured() as cost:
            sim.s_to_c()
            sim.c_prop()
        with measured() as captured:
            sim.c_to_s()
        if batch == 0:
            continue  # compiles
        simulate, wall = simulate + cost.cpu_s, wall + cost.wall_s
        capture, capture_wall = capture + captured.cpu_s, capture_wall + captured.wall_s
        expected = evaluate(design.circuit, {net: after[:, inputs.index(net)] for net in sources})[outputs]
        wrong += int(np.count_nonzero(np.any(sim.s[6, len(inputs) :] != expected, axis=0)))
        overflows += int(np.count_nonzero(np.any(sim.s[10, len(inputs) :] != 0, axis=0)))
        ratios.append(_against_native(design, inputs, before, after, sim.s[5, len(inputs) :].max(axis=0)))
    count = batches * BATCH
    near = float(np.mean(np.abs(np.concatenate(ratios) - 1) < 1e-3)) * 100
    note = f"sample: {count:,} random; {count - wrong:,} outputs right, {overflows} overflows"
    name, gates = f"KyuPy {metadata.version('kyupy')} WaveSim", design.circuit.gates
    return (
        Row(spec.name, gates, name, 1, count, simulate, wall, peak_mb(), note),
        Row(
            spec.name,
            gates,
            f"{name} + capture",
            1,
            count,
            simulate + capture,
            wall + capture_wall,
            peak_mb(),
            f"{note}; settling time within 0.1 % of the event engine's in {near:.1f} %",
        ),
    )


def _against_native(
    design: Design,
    inputs: list[int],
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
    lst_ns: npt.NDArray[np.float32],
) -> npt.NDArray[np.float64]:
    """KyuPy's settling time over ours; 1 where both see no change."""
    reduced = reduce_circuit(design.timed, {})
    columns = [inputs.index(int(net)) for net in reduced.sources]
    events = play_transitions(reduced, before[:, columns], after[:, columns], track_inputs=False)
    ours = np.zeros(len(before)) if events.arrivals_fs is None else events.arrivals_fs / 1e6
    theirs = np.maximum(lst_ns.astype(np.float64), 0.0)
    ratio = np.ones(len(before))
    np.divide(theirs, ours, out=ratio, where=ours > 0)
    ratio[(ours == 0) & (theirs > 0)] = np.inf
    return ratio


def _build(design: Design) -> tuple[Any, Any]:
    """KyuPy's circuit and its delays in ns, float64[lines, 2, 2]: edges of the input and of the output, rise first."""
    from kyupy.circuit import Circuit, Line, Node

    netlist, gates = design.circuit.netlist, design.circuit
    circuit = Circuit(netlist.name)
    drivers: dict[int, object] = {}
    delay_of: dict[int, npt.NDArray[np.float64]] = {}
    ways = _ways()

    def node(kind: str) -> object:
        return Node(circuit, f"{kind}_{len(circuit.nodes)}", kind)

    def fork(net: int, driver: object) -> None:
        drivers[net] = Node(circuit, f"n{net}")
        Line(circuit, driver, drivers[net])

    for net in [*design.weight_nets, *design.activation_nets]:
        circuit.io_nodes.append(node("input"))
        fork(net, circuit.io_nodes[-1])
    for net in np.flatnonzero(gates.constant >= 0).tolist():
        fork(net, node(f"__const{gates.constant[net]}__"))
    for gate in range(gates.gates):
        count = int(gates.pin_start[gate + 1] - gates.pin_start[gate])
        way = ways.get(gates.table[gates.table_start[gate] : gates.table_start[gate + 1]].tobytes())
        if way is None:
            cell = netlist.instances[gates.instance[gate]].cell
            raise InexpressibleError(f"KyuPy has no primitive for cell {cell} ({count} inputs)")
        made = node(way.kind)
        for place, (pin, inverted) in enumerate(zip(way.order, way.inverted, strict=True)):
            driver = drivers[int(gates.pin_net[gates.pin_start[gate] + pin])]
            if inverted:
                inverter = node("inv")
                Line(circuit, driver, inverter)
                driver = inverter
            line = Line(circuit, driver, (made, place))
            delay = _pin_delays(design, gate, pin)
            delay = delay[::-1] if inverted else delay
            delay_of[line.index] = delay[:, ::-1] if way.output_inverted else delay
        if way.output_inverted:
            inverter = node("inv")
            Line(circuit, made, inverter)
            made = inverter
        fork(int(gates.out[gate]), made)
    for net in (net for nets in netlist.outputs.values() for net in nets):
        circuit.io_nodes.append(node("output"))
        Line(circuit, drivers[net], circuit.io_nodes[-1])
    delays = np.zeros((len(circuit.lines), 2, 2))
    for index, values in delay_of.items():
        delays[index] = values
    return circuit, delays


@dataclass(frozen=True)
class _Way:
    """A function as a primitive with (delay-free) inverters: pin ``order[i]`` goes to the primitive's input i."""

    kind: str
    order: tuple[int, ...]
    inverted: tuple[bool, ...]
    output_inverted: bool


def _ways() -> dict[bytes, _Way]:
    """Truth tables that KyuPy can simulate, each in the way with the fewest inverters."""
    from kyupy import sim

    found: dict[bytes, tuple[int, _Way]] = {}
    for value, name in sim.prim2name.items():
        digits = [int(c) for c in name if c.isdigit()]
        count = 3 if name == "MUX21" else sum(digits)
        states = np.arange(1 << count)
        table = (int(value) >> states & 1).astype(np.uint8)
        for order in permutations(range(count)):
            for inverted in product((False, True), repeat=count):
                seen = sum((states >> pin & 1 ^ inverted[i]) << i for i, pin in enumerate(order))
                for output_inverted in (False, True):
                    cost = sum(inverted) + output_inverted
                    key = (table[seen] ^ output_inverted).astype(np.uint8).tobytes()
                    if key not in found or cost < found[key][0]:
                        found[key] = (cost, _Way(name.lower(), order, inverted, output_inverted))
    return {table: way for table, (_, way) in found.items()}


def _pin_delays(design: Design, gate: int, pin: int) -> npt.NDArray[np.float64]:
    circuit = design.circuit
    count = int(circuit.pin_start[gate + 1] - circuit.pin_start[gate])
    worst = np.zeros((2, 2))
    for state in range(1 << count):
        output = int(circuit.table[circuit.table_start[gate] + state])
        delay = design.delays.arc_fs[circuit.arc_start[gate] + state * count + pin] / 1e6
        edges = (1 - (state >> pin & 1), 1 - output)
        worst[edges] = max(worst[edges], delay)
    return worst
