# SPDX-License-Identifier: Apache-2.0
"""A small Liberty library whose every number can be worked out by hand, and circuits on it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from halo.liberty import Cell, Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.timing.arcs import ignored_pins
from halo.timing.overhead import plain_flip_flop

CompileText = Callable[[str], Circuit]


def table(kind: str, base: float, per_slew: float = 0.0, per_load: float = 0.0) -> str:
    """Table ``base + per_slew * slew + per_load * load`` (ns, ns, pF): two points an axis, so linear everywhere."""
    rows = [[base + per_slew * slew + per_load * load for load in (0.0, 1.0)] for slew in (0.0, 1.0)]
    values = ", ".join('"' + ", ".join(f"{value:.9f}" for value in row) + '"' for row in rows)
    return f"{kind} (linear) {{ values ({values}); }}"


def arc(
    pin: str, sense: str | None, rise: float, fall: float, when: str | None = None, timing_type: str | None = None
) -> str:
    """Timing group with delays ``rise`` and ``fall`` + 0.1 slew + 1 load, slews 0.02 and 0.03 + 0.5 slew + 2 load."""
    lines = [f'related_pin : "{pin}";']
    lines += [] if sense is None else [f"timing_sense : {sense};"]
    lines += [] if when is None else [f'when : "{when}";']
    lines += [] if timing_type is None else [f"timing_type : {timing_type};"]
    lines += [table("cell_rise", rise, 0.1, 1.0), table("cell_fall", fall, 0.1, 1.0)]
    lines += [table("rise_transition", 0.02, 0.5, 2.0), table("fall_transition", 0.03, 0.5, 2.0)]
    return "timing () { " + " ".join(lines) + " }"


def cell(name: str, inputs: dict[str, float], outputs: dict[str, tuple[str, list[str]]]) -> str:
    """A cell: input capacitances (pF; fall is 0.001 more), outputs with function and timing groups."""
    pins = [
        f"pin ({pin}) {{ direction : input; capacitance : {cap:.4f}; rise_capacitance : {cap:.4f}; "
        f"fall_capacitance : {cap + 0.001:.4f}; }}"
        for pin, cap in inputs.items()
    ]
    pins += [
        f'pin ({pin}) {{ direction : output; function : "{function}"; {" ".join(groups)} }}'
        for pin, (function, groups) in outputs.items()
    ]
    return f"cell ({name}) {{ area : 1; {' '.join(pins)} }}"


def flop(name: str, area: float, clock: str, edge: str, outputs: dict[str, str], control: str = "") -> str:
    """A D flip-flop: clock-to-output 0.2 rise, 0.25 fall (+ 0.1 slew + 1 load); setup 0.05 rise, 0.07 fall + slews."""
    active = "rising" if edge == "" else "falling"
    enable = "(E & D) | (!E & IQ)" if "E" in control.split() else "D"
    clear = "" if enable != "D" else control
    setup = (
        f'timing () {{ related_pin : "CK"; timing_type : setup_{active}; '
        'rise_constraint (check) { values ("0.05, 0.35", "0.25, 0.55"); } '
        'fall_constraint (check) { values ("0.07, 0.37", "0.27, 0.57"); } }'
    )
    pins = [f"pin (D) {{ direction : input; capacitance : 0.003; {setup} }}"]
    pins += ["pin (CK) { direction : input; capacitance : 0.002; clock : true; }"]
    for pin, used in (("R", bool(clear)), ("E", enable != "D")):
        pins += [f"pin ({pin}) {{ direction : input; capacitance : 0.002; }}"] * used
    pins += [
        f'pin ({pin}) {{ direction : output; function : "{function}"; '
        f"{arc('CK', 'non_unate', 0.2, 0.25, timing_type=f'{active}_edge')} }}"
        for pin, function in outputs.items()
    ]
    state = f'ff (IQ, IQN) {{ clocked_on : "{edge}CK"; next_state : "{enable}"; {clear} }}'
    return f"cell ({name}) {{ area : {area}; {state} {' '.join(pins)} }}"


def library_text() -> str:
    """The library: each cell shows one habit of real libraries."""
    positive, negative, both = "positive_unate", "negative_unate", "non_unate"
    cells = [
        cell("INV", {"A": 0.002}, {"Y": ("!A", [arc("A", negative, 0.1, 0.08)])}),
        cell("BUF", {"A": 0.002}, {"Y": ("A", [arc("A", positive, 0.15, 0.16)])}),
        cell(
            "NAND2",
            {"A": 0.002, "B": 0.002},
            {"Y": ("!(A & B)", [arc("A", negative, 0.1, 0.08), arc("B", negative, 0.12, 0.07)])},
        ),
        # Conditioned groups and an unconditioned default that is slower (IHP).
        cell(
            "XOR2",
            {"A": 0.002, "B": 0.002},
            {
                "Y": (
                    "A ^ B",
                    [
                        arc("A", positive, 0.11, 0.12, "!B"),
                        arc("A", negative, 0.13, 0.14, "B"),
                        arc("A", both, 0.5, 0.6),
                        arc("B", positive, 0.21, 0.22, "!A"),
                        arc("B", negative, 0.23, 0.24, "A"),
                    ],
                )
            },
        ),
        # Opposite senses without a condition (sky130).
        cell(
            "XORT",
            {"A": 0.002, "B": 0.002},
            {
                "Y": (
                    "A ^ B",
                    [
                        arc(pin, sense, rise, rise + 0.01)
                        for pin in "AB"
                        for sense, rise in ((positive, 0.1), (negative, 0.2))
                    ],
                )
            },
        ),
        cell(
            "MUX2",
            {"A": 0.002, "B": 0.002, "S": 0.004},
            {
                "Y": (
                    "S & B | !S & A",
                    [arc("A", positive, 0.1, 0.11), arc("B", positive, 0.12, 0.13), arc("S", None, 0.2, 0.21)],
                )
            },
        ),
        # Two outputs.
        cell(
            "HA",
            {"A": 0.002, "B": 0.002},
            {
                "S": ("A ^ B", [arc("A", both, 0.3, 0.31), arc("B", both, 0.32, 0.33)]),
                "CO": ("A & B", [arc("A", positive, 0.1, 0.11), arc("B", positive, 0.12, 0.13)]),
            },
        ),
        # An arc from one output to another (ASAP7).
        cell(
            "HAO",
            {"A": 0.002, "B": 0.002},
            {
                "S": ("A ^ B", [arc("A", both, 0.3, 0.31), arc("B", both, 0.32, 0.33), arc("CO", negative, 0.9, 0.9)]),
                "CO": ("A & B", [arc("A", positive, 0.1, 0.11), arc("B", positive, 0.12, 0.13)]),
            },
        ),
        # Conditions that leave out a pin (GF180), name all others (Nangate), and stand beside a default (IHP).
        cell(
            "AO21",
            {"A": 0.002, "B": 0.002, "C": 0.002},
            {
                "Y": (
                    "A & B | C",
                    [
                        arc("A", positive, 0.1, 0.11, "!C"),
                        arc("B", positive, 0.12, 0.13, "A & !C"),
                        arc("C", positive, 0.3, 0.4, "!A & !B"),
                        arc("C", positive, 0.31, 0.41, "A & !B"),
                        arc("C", positive, 0.5, 0.6),
                    ],
                )
            },
        ),
        cell("TIE1", {}, {"Y": ("1", [])}),
        # No arc from B.
        cell("LACK", {"A": 0.002, "B": 0.002}, {"Y": ("A & B", [arc("A", positive, 0.1, 0.1)])}),
        cell("FAST", {"A": 0.002}, {"Y": ("A", [arc("A", positive, -0.1, 0.05)])}),
        flop("DFF", 5, "CK", "", {"Q": "IQ"}),
        flop("DFFN", 4, "CK", "!", {"Q": "IQ", "QN": "IQN"}),
        flop("DFFR", 3, "CK", "", {"Q": "IQ"}, 'clear : "!R";'),
        flop("DFFE", 3, "CK", "", {"Q": "IQ"}, "E"),
    ]
    return (
        'library (hand) { time_unit : "1ns"; capacitive_load_unit (1, pf); voltage_unit : "1V"; '
        'current_unit : "1mA"; leakage_power_unit : "1nW"; pulling_resistance_unit : "1kohm"; '
        "nom_voltage : 1.0; nom_temperature : 25; nom_process : 1; "
        "lu_table_template (linear) { variable_1 : input_net_transition; variable_2 : total_output_net_capacitance; "
        'index_1 ("0, 1"); index_2 ("0, 1"); } '
        "lu_table_template (check) { variable_1 : related_pin_transition; variable_2 : constrained_pin_transition; "
        'index_1 ("0, 1"); index_2 ("0, 1"); }\n' + "\n".join(cells) + "\n}\n"
    )


@pytest.fixture(scope="session")
def hand_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hand") / "hand.lib"
    path.write_text(library_text())
    return path


@pytest.fixture(scope="session")
def hand(hand_path: Path) -> Library:
    return read_corner([hand_path])


@pytest.fixture
def compiled(hand: Library, tmp_path: Path) -> CompileText:
    """Compile Verilog text against the hand library."""

    def compile_text(text: str) -> Circuit:
        path = tmp_path / "netlist.v"
        path.write_text(text)
        return compile_circuit(read_netlist(path), hand)

    return compile_text


def build_random_netlist(library: Library, seed: int, *, read_once: bool = False, registers: int = 0) -> str:
    """A netlist of every combinational cell of a library, each once, on 12 inputs ``a``; loose nets are outputs ``y``.

    Args:
        library: cells that are three-state, sequential, without a function or with arcs from one output to another
            are left out.
        seed: of the order and the connections.
        read_once: only cells whose functions name each pin once, for which three-valued logic is exact.
        registers: flip-flops (clock port ``clk``) put in the middle, each behind one net.
    """
    rng = random.Random(seed)
    cells = [cell for cell in library.cells.values() if _usable(cell) and not (read_once and _repeats(cell))]
    rng.shuffle(cells)
    nets = [f"a[{i}]" for i in range(12)]
    loads: set[str] = set()
    lines: list[str] = []
    outputs: list[str] = []

    def place(cell: Cell, ties: dict[str, str]) -> None:
        pins = []
        for pin in cell.inputs:
            source = ties.get(pin.name) or rng.choice(nets[:12] + nets[-24:])
            loads.add(source)
            pins.append(f".{pin.name}({source})")
        for pin in cell.outputs:
            outputs.append(f"n{len(outputs)}")
            pins.append(f".{pin.name}({outputs[-1]})")
        lines.append(f"  {cell.name} u{len(lines)} ({', '.join(pins)});")

    for i, cell in enumerate(cells):
        place(cell, {})
        nets += outputs[len(nets) - 12 :]
        if i == len(cells) // 2:
            for _ in range(registers):
                register, flop = plain_flip_flop(library)
                held = {
                    pin: str(1 - int(control.table[1]))
                    for control in (flop.clear, flop.preset)
                    if control is not None
                    for pin in control.inputs
                }
                place(
                    register, {pin: f"1'b{value}" for pin, value in held.items()} | {flop.clocked_on.inputs[0]: "clk"}
                )
                nets += outputs[len(nets) - 12 :]
    loose = [net for net in outputs if net not in loads]
    port = {net: f"y[{i}]" for i, net in enumerate(loose)}
    body = re.sub(r"\((n\d+)\)", lambda match: f"({port.get(match[1], match[1])})", "\n".join(lines))
    head = "clk, " if registers else ""
    declared = ["  input clk;"] if registers else []
    declared += ["  input [11:0] a;", f"  output [{len(loose) - 1}:0] y;"]
    declared += [f"  wire {net};" for net in outputs if net not in port]
    return "\n".join([f"module t({head}a, y);", *declared, body, "endmodule"]) + "\n"


def _usable(cell: Cell) -> bool:
    pins = {pin.name for pin in cell.inputs}
    return (
        cell.sequential is None
        and bool(pins)
        and bool(cell.outputs)
        and all(pin.direction in ("input", "output") for pin in cell.pins.values())
        and all(
            pin.function is not None
            and pin.function.inputs
            and set(pin.function.inputs) <= pins
            and not pin.three_state
            and not ignored_pins(cell, pin.name, pin.function.inputs)
            for pin in cell.outputs
        )
    )


def _repeats(cell: Cell) -> bool:
    texts = [re.findall(r"[A-Za-z_]\w*", pin.function.text) for pin in cell.outputs if pin.function is not None]
    return any(len(names) != len(set(names)) for names in texts)


@pytest.fixture(scope="session")
def random_netlist() -> Callable[..., str]:
    """:func:`build_random_netlist`."""
    return build_random_netlist
