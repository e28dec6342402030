# SPDX-License-Identifier: Apache-2.0
"""Vectorised tables, look-ups and sums against plain loops, on random libraries, nets and counts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.liberty.model import Cell, Function, Library, Pin, PowerGroup, Table
from halo.liberty.tables import lookup
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Instance, Netlist
from halo.power import reference
from halo.power.energy import weight_energy
from halo.power.energy_tables import event_energies
from halo.timing.delays import Delays

numbers = st.floats(-1e-12, 1e-12)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Up to two axes of one to four points, in either order."""
    names = draw(st.permutations(["input_transition_time", "total_output_net_capacitance"]))
    names = names[: draw(st.integers(0, 2))]
    axes = tuple(
        np.cumsum(draw(st.lists(st.floats(1e-13, 1e-10), min_size=1, max_size=4))).astype(np.float64) for _ in names
    )
    shape = tuple(len(axis) for axis in axes)
    count = int(np.prod(shape))
    values = np.array(draw(st.lists(numbers, min_size=count, max_size=count))).reshape(shape)
    return Table(tuple(names), axes, values)


@given(tables(), st.lists(st.tuples(st.floats(0, 1e-9), st.floats(0, 1e-9)), min_size=1, max_size=5))
def test_look_up(table: Table, points: list[tuple[float, float]]) -> None:
    slew, load = np.array(points).T
    found = table.at(slew, load)
    for value, (s, c) in zip(found, points, strict=True):
        expected = lookup(table, {"input_transition_time": s, "total_output_net_capacitance": c})
        # Extrapolated points may be far larger than the table's values; compare on their scale.
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9 * np.abs(found).max() + 1e-20)


def test_unknown_axis() -> None:
    axis = np.array([0.0, 1.0])
    table = Table(("equal_or_opposite_output_net_capacitance",), (axis,), axis)
    with pytest.raises(HaloError, match="equal_or_opposite_output_net_capacitance"):
        table.at(np.zeros(1), np.zeros(1))
    alone = Table(("equal_or_opposite_output_net_capacitance",), (axis[:1],), np.array([3.0]))
    np.testing.assert_array_equal(alone.at(np.zeros(2), np.zeros(2)), 3.0)


@st.composite
def functions(draw: st.DrawFn, names: tuple[str, ...]) -> Function:
    used = tuple(draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)))
    bits = draw(st.lists(st.integers(0, 1), min_size=1 << len(used), max_size=1 << len(used)))
    return Function("?", used, np.array(bits, dtype=np.uint8))


@st.composite
def groups(draw: st.DrawFn, related: tuple[str, ...], names: tuple[str, ...]) -> tuple[PowerGroup, ...]:
    made = []
    for _ in range(draw(st.integers(0, 4))):
        made.append(
            PowerGroup(
                tuple(draw(st.lists(st.sampled_from(related), max_size=2, unique=True))) if related else (),
                draw(st.none() | functions(names)),
                draw(st.none() | tables()),
                draw(st.none() | tables()),
                draw(st.sampled_from([None, "VDD", "VSS"])),
            )
        )
    return tuple(made)


@st.composite
def libraries(draw: st.DrawFn) -> Library:
    """One cell of two outputs: Y from A, B, C and Z from A alone; conditions name anything."""
    names = ("A", "B", "C", "Y", "Z")
    y = draw(st.lists(st.integers(0, 1), min_size=8, max_size=8))
    pins = {n: Pin(n, "input", 0.0, 0.0, 0.0, power=draw(groups((), names))) for n in "ABC"}
    for name, inputs, bits in (("Y", ("A", "B", "C"), y), ("Z", ("A",), [1, 0])):
        table = Function("?", inputs, np.array(bits, dtype=np.uint8))
        pins[name] = Pin(name, "output", 0.0, 0.0, 0.0, function=table, power=draw(groups(inputs, names)))
    return Library("random", 1.0, 25.0, {"X": Cell("X", 1.0, pins)}, {}, {}, has_power=True)


NETLIST = Netlist(
    "t", ("a", "b", "c", "y", "z", "u", "v"), {"a": (0,), "b": (1,), "c": (2,)},
    {n: (i,) for i, n in enumerate("yzuv", start=3)}, {}, frozenset("abcyzuv"),
    (
        Instance("one", "X", {"A": 0, "B": 1, "C": 2, "Y": 3, "Z": 4}),
        Instance("two", "X", {"A": 3, "B": 0, "C": 4, "Y": 5, "Z": 6}),
    ),
    {},
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(libraries(), st.integers(0, 2**32 - 1))
def test_events(library: Library, seed: int) -> None:
    circuit = compile_circuit(NETLIST, library)
    rng = np.random.default_rng(seed)
    arcs = int(circuit.arc_start[-1])
    delays = Delays(
        np.zeros(arcs, np.int32), np.ones(arcs, np.bool_), np.zeros(len(circuit.pin_net), np.int32),
        rng.random(circuit.nets) * 1e-10, rng.random((circuit.nets, 2)) * 1e-10,
    )  # fmt: skip
    found = event_energies(circuit, library, delays)
    assert found.output_j is not None
    assert found.input_j is not None
    counts = SimpleNamespace(
        out_counts=rng.integers(0, 50, arcs) * rng.integers(0, 2, arcs),
        in_counts=rng.integers(0, 50, arcs),
        toggles=np.zeros(circuit.gates, np.int64),
        functional=np.zeros(circuit.gates, np.int64),
        state_counts=rng.integers(0, 50, int(circuit.table_start[-1])),
    )
    internal = glitch = 0.0
    counted: set[tuple[int, str]] = set()
    for gate in sorted(range(circuit.gates), key=lambda g: circuit.pin_start[g] - circuit.pin_start[g + 1]):
        span = slice(int(circuit.arc_start[gate]), int(circuit.arc_start[gate + 1]))
        counts.toggles[gate] = counts.out_counts[span].sum()
        counts.functional[gate] = counts.toggles[gate] // 3
        names = circuit.pin_name[circuit.pin_start[gate] : circuit.pin_start[gate + 1]]
        mine = [n for n in names if (int(circuit.instance[gate]), n) not in counted]
        counted |= {(int(circuit.instance[gate]), n) for n in mine}
        net_j = 0.5 * delays.net_load_f[circuit.out[gate]] * counts.toggles[gate]
        for state in range(1 << len(names)):
            for pin, name in enumerate(names):
                index = span.start + state * len(names) + pin
                output = reference.output_energy(circuit, library, delays, gate, state, pin)
                np.testing.assert_allclose(found.output_j[index], output, rtol=1e-6, atol=1e-18)
                own = reference.input_energy(circuit, library, delays, gate, state, pin) if name in mine else 0.0
                np.testing.assert_allclose(found.input_j[index], own, rtol=1e-6, atol=1e-18)
                if counts.out_counts[index]:
                    internal += output * counts.out_counts[index]
                    net_j += output * counts.out_counts[index]
                internal += own * counts.in_counts[index]
        if counts.toggles[gate]:
            glitch += net_j * (counts.toggles[gate] - counts.functional[gate]) / counts.toggles[gate]
    result = weight_energy(found, counts, 7)
    if np.isnan(internal):
        assert result.internal_j is result.energy_j is result.glitch_j is None
    else:
        assert result.internal_j == pytest.approx(internal / 7, rel=1e-6, abs=1e-15)
        assert result.glitch_j == pytest.approx(glitch / 7, rel=1e-6, abs=1e-15)
        parts = result.switching_j + result.internal_j + result.clock_j
        assert result.energy_j == pytest.approx(parts, rel=1e-12)
