# SPDX-License-Identifier: Apache-2.0
"""Timing of a whole design as rows: endpoints, blocks, gates of paths; and the same conditions for another timer.

Tests: tests/flow/test_timing.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from halo.flow.design_timing.columns import ENDPOINT_COLUMNS, PATH_COLUMNS
from halo.liberty.model import Library
from halo.netlist.model import COMB, FLOP, Circuit
from halo.netlist.ternary import live_pins
from halo.timing.arcs import EDGE_NAMES, RISE
from halo.timing.clock_edges import port_edge
from halo.timing.static.design import DesignTiming, PathSet
from halo.timing.wires import bit_name

_NUMBERED = re.compile(r"_\d+_")  # as Yosys names what has no name
_PS = 1e12
_FF = 1e15


def block_of(instance: str, net: str, top: str) -> str:
    """Path of the module instance that an instance lies in; by its net where its own name is only a number."""
    head, _, own = instance.rpartition(".")
    if not head and (not own or _NUMBERED.fullmatch(own)):
        head = net.rpartition(".")[0]
    return head or top


def endpoint_rows(timing: DesignTiming, period_s: float) -> pd.DataFrame:
    """A row for each endpoint that a path reaches, the slowest first.

    Args:
        timing: of the design.
        period_s: of the clock, for the slacks.
    """
    circuit, ends = timing.circuit, timing.ends
    names, state = _Starts(circuit), _state_nets(circuit)
    periods = timing.periods_s()
    slack, of, edge = timing.worst(timing.late, period_s)
    hold, hold_of, hold_edge = timing.worst(timing.early, period_s)
    rows = []
    for i in np.flatnonzero(~np.isnan(slack)).tolist():
        number = int(ends.instance[i])
        late, data = timing.late[of[i]], int(edge[i])
        early, first = timing.early[hold_of[i]], int(hold_edge[i])
        own = "" if number < 0 else circuit.netlist.instances[number].name
        net = state.get(number, "")
        rows.append(
            {
                "endpoint": ends.name[i],
                "register": net,
                "block": block_of(own, net, circuit.netlist.name),
                "startpoint": names[int(late.start[i, data])],
                "launch": EDGE_NAMES[late.launch],
                "capture": EDGE_NAMES[ends.capture[i]],
                "arrival_ps": late.arrival_s[i, data] * _PS,
                "setup_ps": late.check_s[i, data] * _PS,
                "period_ps": periods[i] * _PS,
                "slack_ps": slack[i] * _PS,
                "hold_startpoint": names[int(early.start[i, first])],
                "hold_arrival_ps": early.arrival_s[i, first] * _PS,
                "hold_ps": early.check_s[i, first] * _PS,
                "hold_slack_ps": hold[i] * _PS,
            }
        )
    frame = pd.DataFrame(rows, columns=[column.name for column in ENDPOINT_COLUMNS])
    return frame.sort_values(["period_ps", "endpoint"], ascending=[False, True], ignore_index=True)


def block_rows(endpoints: pd.DataFrame) -> pd.DataFrame:
    """The slowest endpoint of each block, the slowest block first: block, endpoints in it, and that endpoint's row."""
    worst = endpoints.drop_duplicates("block")
    counts, hold = endpoints["block"].value_counts(), endpoints.groupby("block")["hold_slack_ps"].min()
    return pd.DataFrame(
        {
            "block": worst["block"],
            "endpoints": counts.loc[worst["block"]].to_numpy(),
            "endpoint": worst["endpoint"],
            "startpoint": worst["startpoint"],
            "period_ps": worst["period_ps"],
            "slack_ps": worst["slack_ps"],
            "hold_slack_ps": hold.loc[worst["block"]].to_numpy(),
        }
    ).reset_index(drop=True)


def path_rows(timing: DesignTiming, blocks: pd.DataFrame, period_s: float) -> pd.DataFrame:
    """A row for each gate on the slowest path of each block, in the order of the blocks."""
    circuit = timing.circuit
    _, of, edge = timing.worst(timing.late, period_s)
    place = {name: i for i, name in enumerate(timing.ends.name)}
    fanout = _fanout(circuit, timing.library)
    rows = []
    for block, endpoint in zip(blocks["block"], blocks["endpoint"], strict=True):
        end = place[endpoint]
        paths: PathSet = timing.late[of[end]]
        before = 0.0
        steps = timing.path(paths, end, int(edge[end]))
        for number, step in enumerate(steps):
            out = EDGE_NAMES.index(step.edge)
            rows.append(
                {
                    "block": block,
                    "endpoint": endpoint,
                    "step": number,
                    "instance": step.instance,
                    "cell": step.cell,
                    "input": step.pin,
                    "output": step.output,
                    "net": step.net,
                    "edge": step.edge,
                    "fanout": int(fanout[step.net_index]),
                    "load_ff": paths.load_f[step.net_index, out] * _FF,
                    "slew_ps": step.slew_s * _PS,
                    "delay_ps": (step.arrival_s - before) * _PS,
                    "arrival_ps": step.arrival_s * _PS,
                }
            )
            before = step.arrival_s
    return pd.DataFrame(rows, columns=[column.name for column in PATH_COLUMNS])


def constraints(timing: DesignTiming, period_s: float, duty: float) -> str:
    """Commands that give OpenSTA the same clock, slews, loads and port delays; to be read behind ``link_design``."""
    circuit, conditions = timing.circuit, timing.conditions
    netlist = circuit.netlist
    clock = next(port for port, bits in netlist.inputs.items() if circuit.clock_nets.intersection(bits))
    edge = "" if port_edge(circuit) == RISE else " -clock_fall"
    inputs = [port for port in netlist.inputs if port != clock]
    held = [
        f"set_case_analysis {circuit.constant[net]} [get_ports {{{bit_name(circuit, port, i)}}}]"
        for port in inputs
        for i, net in enumerate(netlist.inputs[port])
        if circuit.constant[net] >= 0
    ]
    off = [
        f"set_disable_timing -from {pin} -to {output} [get_cells {{{_escaped(instance)}}}]"
        for instance, pin, output in _dead_arcs(timing)
    ]
    lines = [
        f"# {netlist.name}: the conditions of halo timing. The wire-load models of a library are not used.",
        "set_cmd_units -time ps -capacitance fF",
        "set_operating_conditions -analysis_type on_chip_variation",
        f"create_clock -name clock -period {period_s * _PS:.6f} "
        f"-waveform {{0 {period_s * duty * _PS:.6f}}} [get_ports {{{clock}}}]",
        f"set_clock_transition {conditions.clock_slew_s * _PS:.6f} [get_clocks clock]",
        *(f"set_input_transition {conditions.input_slew_s * _PS:.6f} [get_ports {{{p}}}]" for p in inputs),
        *(f"set_load {conditions.output_load_f * _FF:.6f} [get_ports {{{p}}}]" for p in netlist.outputs),
        *held,
        "# Arcs that constants switch off; an OpenSTA that was built without BDDs would keep them.",
        *off,
    ]
    boundary = conditions.boundary
    if boundary is not None:
        for port in inputs:
            for limit, value in (("max", boundary.late_s), ("min", boundary.early_s)):
                lines.append(f"set_input_delay -{limit} {value * _PS:.6f}{edge} -clock clock [get_ports {{{port}}}]")
        for port in netlist.outputs:
            for limit, value in (("max", boundary.setup_s), ("min", -boundary.hold_s)):
                lines.append(f"set_output_delay -{limit} {value * _PS:.6f}{edge} -clock clock [get_ports {{{port}}}]")
    return "\n".join(lines) + "\n"


def _dead_arcs(timing: DesignTiming) -> Iterator[tuple[str, str, str]]:
    """Instance, input and output of each gate's arc whose pin can change, and no longer changes the output."""
    circuit = timing.circuit
    value = timing.late[0].nets.value
    constant = value[circuit.pin_net] >= 0
    count = np.add.reduceat(np.append(constant, False), circuit.pin_start[:-1]) if circuit.gates else np.zeros(0)
    for g in np.flatnonzero((count > 0) & (circuit.kind == COMB) & (value[circuit.out] < 0)).tolist():
        first, last = int(circuit.pin_start[g]), int(circuit.pin_start[g + 1])
        table = circuit.table[circuit.table_start[g] : circuit.table_start[g + 1]].tobytes()
        values = tuple(value[circuit.pin_net[first:last]].tolist())
        live = live_pins(table, values)
        for pin, known in enumerate(values):
            if known < 0 and pin not in live:
                instance = circuit.netlist.instances[int(circuit.instance[g])].name
                yield instance, circuit.pin_name[first + pin], circuit.output_pin[g]


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]])", r"\\\1", name)


class _Starts(dict[int, str]):
    """Names of starts, as ``path_starts`` numbers them: instances of flip-flops, bits of ports."""

    def __init__(self, circuit: Circuit) -> None:
        super().__init__({-1: ""})
        self.circuit = circuit
        for port, bits in circuit.netlist.inputs.items():
            for i, net in enumerate(bits):
                self[-2 - net] = bit_name(circuit, port, i)

    def __missing__(self, gate: int) -> str:
        name: str = self.circuit.netlist.instances[int(self.circuit.instance[gate])].name
        return name


def _state_nets(circuit: Circuit) -> dict[int, str]:
    """The net of each flip-flop's first output, by instance."""
    found: dict[int, str] = {}
    for gate in np.flatnonzero(circuit.kind == FLOP).tolist():
        found.setdefault(int(circuit.instance[gate]), circuit.netlist.nets[circuit.out[gate]])
    return found


def _fanout(circuit: Circuit, library: Library) -> npt.NDArray[np.int64]:
    """Input pins and output ports on each net: int64[N]."""
    count = np.zeros(circuit.nets, np.int64)
    for instance in circuit.netlist.instances:
        pins = library.cells[instance.cell].pins
        for pin, net in instance.pins.items():
            count[net] += pins[pin].direction == "input"
    for bits in circuit.netlist.outputs.values():
        for net in bits:
            count[net] += 1
    return count
