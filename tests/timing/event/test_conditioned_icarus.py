# SPDX-License-Identifier: Apache-2.0
"""Conditioned delays against Icarus with OpenSTA's SDF, transition by transition, where several inputs move at once.

Icarus reads no conditioned SDF, so the file's paths become specify paths of one module an instance, with the
conditions as the file has them. What stands beside conditioned paths without a condition is a default: it holds where
none of them does and the pin moves the output. Where no path of the inputs that just moved is on, Icarus takes the one
of an input that moved long ago; the modules say when ("loose"), and those changes are held against the rule itself,
cell by cell.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from halo.liberty import Cell, Function, Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.synth import synthesize
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import TimedCircuit, reduce_circuit
from halo.timing.sdf.parse import read_sdf
from halo.timing.sdf.read import delays_from_sdf

pytestmark = pytest.mark.tools

LIBRARIES = {"ihp": "ihp_sg13g2/*typ_1p20V*.lib.gz", "gf180": "gf180mcu7t/*3v30*.lib.gz"}
SLEW_S, LOAD_F = 0.06e-9, 0.01e-12
ENTRY = re.compile(
    r"(?:\(COND (?P<when>(?:(?!IOPATH).)*?)\s*)?"
    r"\(IOPATH (?P<pin>\w+) (?P<out>\w+) \([\d.]*::(?P<rise>[\d.]*)\) \([\d.]*::(?P<fall>[\d.]*)\)\)",
    re.S,
)


@dataclass(frozen=True)
class Annotated:
    """A netlist ``t`` (ports a and y) with OpenSTA's SDF, as its text and as halo reads it."""

    library: Library
    circuit: Circuit
    delays: Delays
    sdf: str

    @property
    def width(self) -> int:
        return len(self.circuit.netlist.inputs["a"])

    def arrivals(self, before: np.ndarray, after: np.ndarray, enabled: np.ndarray | None = None) -> np.ndarray:
        """int64[T, y], fs: last change of each bit of y; ``enabled`` replaces that of the delays."""
        circuit, delays = self.circuit, self.delays
        if enabled is not None:
            delays = replace(delays, enabled=enabled)
        ends = np.array(circuit.netlist.outputs["y"], np.int32)
        nowhere, launch = np.zeros(len(ends), np.int32), np.zeros(circuit.nets, np.int32)
        reduced = reduce_circuit(TimedCircuit(circuit, delays.arc_fs, delays.enabled, launch, ends, nowhere), {})
        place = {net: bit for bit, net in enumerate(circuit.netlist.inputs["a"])}
        bits = np.array([place[net] for net in reduced.sources.tolist()])
        first, last = (((values[:, None] >> bits) & 1).astype(np.uint8) for values in (before, after))
        columns = [play_transitions(reduced.ending_at([net]), first, last).arrivals_fs for net in ends]
        return np.stack(columns, axis=1)


def library_of(name: str, shared: Path, folder: Path) -> Path:
    """The library without its default wire load, which OpenSTA would add."""
    (path,) = (shared / "liberty").glob(LIBRARIES[name])
    text = gzip.decompress(path.read_bytes()).decode()
    copy = folder / path.name.removesuffix(".gz")
    copy.write_text(re.sub(r"^\s*default_wire_load\w*\s*:.*$", "", text, flags=re.M))
    return copy


def annotate(folder: Path, liberty: Path, netlist: Path, digits: int) -> Annotated:
    """Let OpenSTA calculate and write the delays, in nanoseconds with so many digits."""
    script = [
        f"read_liberty {liberty}",
        f"read_verilog {netlist}",
        "link_design t",
        "set_cmd_units -time ns -capacitance pF",
        "create_clock -name ck -period 10",
        f"set_input_transition {SLEW_S * 1e9} [all_inputs]",
        f"set_load {LOAD_F * 1e12} [all_outputs]",
        "set_input_delay 0 -clock ck [all_inputs]",
        f"write_sdf -digits {digits} {folder / 't.sdf'}",
    ]
    (folder / "run.tcl").write_text("\n".join(script) + "\n")
    run = subprocess.run(["sta", "-exit", "run.tcl"], cwd=folder, capture_output=True, text=True, check=True)
    assert "rror" not in run.stdout + run.stderr, run.stdout + run.stderr
    library = read_corner([liberty])
    circuit = compile_circuit(read_netlist(netlist), library)
    base = nominal_delays(circuit, library, input_slew_s=SLEW_S, output_load_f=LOAD_F)
    annotated, delays = delays_from_sdf(circuit, library, read_sdf(folder / "t.sdf"), base)
    assert annotated is circuit
    return Annotated(library, circuit, delays, (folder / "t.sdf").read_text())


def sum_of_states(function: Function, fixed: dict[str, int]) -> str:
    """Verilog text of a function, some inputs fixed, as the sum of its states."""
    terms = []
    for state in np.flatnonzero(function.table).tolist():
        value = {name: state >> bit & 1 for bit, name in enumerate(function.inputs)}
        if all(value[name] == fixed[name] for name in fixed if name in value):
            terms.append(" & ".join(name if value[name] else f"~{name}" for name in value if name not in fixed))
    return " | ".join(f"({term})" if term else "1'b1" for term in terms) or "1'b0"


def entries_of(made: Annotated, instance: str) -> list[dict[str, str]]:
    """The paths of an instance in the SDF: when, pin, out, rise, fall.

    OpenSTA writes the two senses of a pin without conditions as twins, of which the larger delay counts.
    """
    (body,) = re.findall(rf"\(INSTANCE {instance}\)(.*?)(?=\(CELL\s|\Z)", made.sdf, re.S)
    entries = [{key: text or "" for key, text in found.groupdict().items()} for found in ENTRY.finditer(body)]
    assert len(entries) == body.count("IOPATH")
    merged: dict[tuple[str, str, str], dict[str, str]] = {}
    for entry in entries:
        twin = merged.setdefault((entry["when"], entry["pin"], entry["out"]), entry)
        twin |= {edge: max(twin[edge], entry[edge], key=float) for edge in ("rise", "fall")}
    return list(merged.values())


def model(name: str, cell: Cell, entries: list[dict[str, str]]) -> str:
    """Module of an instance with the paths of its SDF entries. Conditions are settled before the outputs move."""
    inputs = [pin.name for pin in cell.inputs]
    outputs = {pin.name: pin.function for pin in cell.outputs}
    registers, settings, paths = ["new_value"], [], []
    for out, function in outputs.items():
        on: dict[str, list[str]] = defaultdict(list)
        for pin in inputs:
            mine = [entry for entry in entries if (entry["pin"], entry["out"]) == (pin, out)]
            conditions = [entry["when"] for entry in mine if entry["when"]]
            anyone = " | ".join(f"({text})" for text in conditions)
            moves = f"({sum_of_states(function, {pin: 0})}) ^ ({sum_of_states(function, {pin: 1})})"
            for entry in mine:
                register = f"on{len(registers)}"
                registers.append(register)
                default = f"~({anyone}) & ({moves})" if anyone else "1'b1"
                settings.append(f"{register} = {entry['when'] or default};")
                paths.append(f"if ({register}) ({pin} => {out}) = ({entry['rise']}, {entry['fall']});")
                on[pin].append(register)
        moved = " | ".join(f"(({pin} !== was_{pin}) & ({' | '.join(found)}))" for pin, found in on.items())
        settings += [
            f"new_value = {sum_of_states(function, {})};",
            f"if (new_value !== {out} && !({moved})) loose_{out} = 1;",
            f"{out} = new_value;",
        ]
    registers += [*outputs, *(f"was_{pin}" for pin in inputs), *(f"loose_{out}" for out in outputs)]
    return "\n".join(
        [
            f"module {name} ({', '.join([*inputs, *outputs])});",
            f"input {', '.join(inputs)}; output {', '.join(outputs)}; reg {', '.join(registers)};",
            "always begin",
            *settings,
            *(f"was_{pin} = {pin};" for pin in inputs),
            f"@({' or '.join(inputs)}); end",
            "specify",
            *paths,
            "endspecify endmodule",
        ]
    )


def simulate(folder: Path, made: Annotated, before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Icarus: int64[T, y], fs, last change of each bit of y; bool[T, gates], whether a change of a gate was loose."""
    netlist = made.circuit.netlist
    outputs = len(netlist.outputs["y"])
    models, places = [], []
    for number, instance in enumerate(netlist.instances):
        models.append(model(f"m{number}", made.library.cells[instance.cell], entries_of(made, instance.name)))
        ties = ", ".join(f".{pin}(n{net})" for pin, net in instance.pins.items())
        places.append(f"m{number} u{number} ({ties});")
    places += [f"wire n{net} = a[{bit}];" for bit, net in enumerate(netlist.inputs["a"])]
    places += [f"assign y[{bit}] = n{net};" for bit, net in enumerate(netlist.outputs["y"])]
    flags = [
        f"u{number}.loose_{out}"
        for number, out in zip(made.circuit.instance.tolist(), made.circuit.output_pin, strict=True)
    ]
    bench = [
        "`timescale 1ns/1fs",
        "module bench;",
        f"reg [{made.width - 1}:0] a; wire [{outputs - 1}:0] y; real start; real last [0:{outputs - 1}]; integer k;",
        *(f"wire n{net};" for net in range(len(netlist.nets)) if net not in netlist.inputs["a"]),
        *places,
        *(f"always @(y[{bit}]) last[{bit}] = ($realtime - start) * 1000000;" for bit in range(outputs)),
        "task play(input integer first, input integer next); begin",
        "a = first; #1000",
        *(f"{flag} = 0;" for flag in flags),
        f"for (k = 0; k < {outputs}; k = k + 1) last[k] = 0;",
        "start = $realtime; a = next; #1000",
        f'for (k = 0; k < {outputs}; k = k + 1) $write("%0.0f ", last[k]);',
        f'$display("{"%b " * len(flags)}", {", ".join(flags)}); end endtask',
        "initial begin",
        *(f"play({first}, {last});" for first, last in zip(before.tolist(), after.tolist(), strict=True)),
        "$finish; end endmodule",
    ]
    (folder / "bench.v").write_text("\n".join([*bench, *models]) + "\n")
    command = ["iverilog", "-gspecify", "-g2005", "-o", "bench.vvp", "bench.v"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0 and not built.stderr, built.stderr
    run = subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, capture_output=True, text=True, check=True)
    rows = np.array([line.split() for line in run.stdout.splitlines()]).astype(np.int64)
    assert rows.shape == (len(before), outputs + len(flags))
    return rows[:, :outputs], rows[:, outputs:].astype(np.bool_)


@pytest.fixture
def tools() -> None:
    for tool, package in (("sta", "opensta"), ("iverilog", "iverilog")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt-get install {package}")


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_every_cell_and_every_set_of_inputs_that_move(name: str, shared: Path, tmp_path: Path, tools: None) -> None:
    liberty = library_of(name, shared, tmp_path)
    library = read_corner([liberty])
    cells = [
        cell
        for cell in library.cells.values()
        if cell.sequential is None
        and 2 <= len(cell.inputs) <= 5
        and cell.outputs
        and all(pin.function is not None and pin.function.inputs and not pin.three_state for pin in cell.outputs)
    ]
    lines, outputs = [], 0
    for number, cell in enumerate(cells):
        ties = [f".{pin.name}(a[{bit}])" for bit, pin in enumerate(cell.inputs)]
        ties += [f".{pin.name}(y[{outputs + i}])" for i, pin in enumerate(cell.outputs)]
        outputs += len(cell.outputs)
        lines.append(f"{cell.name} u{number} ({', '.join(ties)});")
    netlist = tmp_path / "t.v"
    netlist.write_text("\n".join([f"module t(input [4:0] a, output [{outputs - 1}:0] y);", *lines, "endmodule"]) + "\n")
    made = annotate(tmp_path, liberty, netlist, digits=6)
    before, after = np.repeat(np.arange(32), 32), np.tile(np.arange(32), 32)
    icarus, loose = simulate(tmp_path, made, before, after)
    ours = made.arrivals(before, after)
    every = made.arrivals(before, after, np.ones_like(made.delays.enabled))
    circuit = made.circuit
    column = {net: bit for bit, net in enumerate(circuit.netlist.outputs["y"])}
    place = {net: bit for bit, net in enumerate(circuit.netlist.inputs["a"])}
    shorter = 0
    for gate in range(circuit.gates):
        bit, free = column[int(circuit.out[gate])], loose[:, gate]
        assert ours[~free, bit].tolist() == icarus[~free, bit].tolist()
        assert np.all(every[~free, bit] <= icarus[~free, bit]), "a pin more can only shorten"
        shorter += int(np.count_nonzero(every[~free, bit] < icarus[~free, bit]))
        # no path is on: the fastest of the inputs that moved, each by its largest delay of the edge
        pins = range(circuit.pin_start[gate], circuit.pin_start[gate + 1])
        bits = [place[int(circuit.pin_net[pin])] for pin in pins]
        table = circuit.table[circuit.table_start[gate] : circuit.table_start[gate + 1]]
        entries = entries_of(made, circuit.netlist.instances[circuit.instance[gate]].name)
        for t in np.flatnonzero(free):
            edge = "rise" if table[sum((int(after[t]) >> b & 1) << i for i, b in enumerate(bits))] else "fall"
            largest = [
                max(float(one[edge]) for one in entries if (one["pin"], one["out"]) == (name, circuit.output_pin[gate]))
                for name, b in zip((circuit.pin_name[pin] for pin in pins), bits, strict=True)
                if (before[t] ^ after[t]) >> b & 1
            ]
            assert ours[t, bit] == round(min(largest) * 1e6)
    assert shorter > 0 and loose.any()


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_logic_transition_by_transition(name: str, shared: Path, tmp_path: Path, tools: None) -> None:
    """A multiplier, its delays rounded to 10 ps so that many changes meet in one instant."""
    liberty = library_of(name, shared, tmp_path)
    source = tmp_path / "mul.v"
    source.write_text("module t(input [7:0] a, output [7:0] y); assign y = a[3:0] * a[7:4]; endmodule\n")
    netlist = synthesize([source], "t", [liberty], mode="flat", workdir=tmp_path / "synth").netlist_verilog
    made = annotate(tmp_path, liberty, netlist, digits=2)
    before, after = np.random.default_rng(5).integers(0, 1 << made.width, (2, 3000))
    icarus, loose = simulate(tmp_path, made, before, after)
    held = ~loose.any(axis=1)
    assert held.mean() > 0.9
    assert made.arrivals(before, after)[held].tolist() == icarus[held].tolist()
    assert icarus.any(axis=1).mean() > 0.9
