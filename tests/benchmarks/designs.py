# SPDX-License-Identifier: Apache-2.0
"""What is measured: a multiplier's netlist on a library, loaded the same way in every child process."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from halo.characterization.design import port_conditions
from halo.flow.runs.assets import mac_sources
from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.synth import synthesize
from halo.timing.delaycalc import nominal_delays
from halo.timing.delays import Delays
from halo.timing.event.reduction import TimedCircuit
from halo.timing.static.timer import endpoints

DEFAULT_TOP = "mul_csa_array"
ENUMERATED_BITS = 8
"""Wider activations are sampled, as ``halo characterize`` does."""


@dataclass(frozen=True)
class Spec:
    """A netlist to measure; small, and handed to child processes.

    Attributes:
        name: for the table.
        netlist, liberty: files.
        weight, activation: input ports.
        input_slew_ps, output_load_ff: None: the library's own flip-flop.
        cell_models: the library's Verilog with specify blocks, or None.
    """

    name: str
    netlist: Path
    liberty: tuple[Path, ...]
    weight: str
    activation: str
    top: str | None = None
    input_slew_ps: float | None = None
    output_load_ff: float | None = None
    cell_models: Path | None = None


@dataclass(frozen=True, eq=False)
class Design:
    """A spec, loaded."""

    spec: Spec
    library: Library
    circuit: Circuit
    delays: Delays
    timed: TimedCircuit

    @property
    def weight_nets(self) -> tuple[int, ...]:
        """Bits of the weight, least significant first."""
        return self.circuit.netlist.inputs[self.spec.weight]

    @property
    def activation_nets(self) -> tuple[int, ...]:
        """Bits of the activation, least significant first."""
        return self.circuit.netlist.inputs[self.spec.activation]

    def held(self, weight: int) -> dict[int, int]:
        """The weight's bits, for ``hold``."""
        return {net: weight >> i & 1 for i, net in enumerate(self.weight_nets)}


def load(spec: Spec) -> Design:
    """Read, compile and calculate delays, as a run does."""
    library = read_corner(spec.liberty)
    circuit = compile_circuit(read_netlist(spec.netlist, spec.top), library)
    ports = port_conditions(circuit, library, None, spec.input_slew_ps, spec.output_load_ff)
    delays = nominal_delays(circuit, library, input_slew_s=ports.input_slew_s, output_load_f=ports.output_load_f)
    if set(circuit.netlist.inputs) != {spec.weight, spec.activation} or np.any(circuit.kind):
        raise SystemExit(f"{spec.netlist}: benchmarks take a combinational multiplier with a weight and an activation")
    ends = np.array([end.net for end in endpoints(circuit)], np.int32)
    launch = np.zeros(circuit.nets, np.int32)
    timed = TimedCircuit(circuit, delays.arc_fs, delays.enabled, launch, ends, np.zeros_like(ends))
    return Design(spec, library, circuit, delays, timed)


def multiplier(width: int, liberty: tuple[Path, ...], cell_models: Path | None, folder: Path) -> Spec:
    """Synthesize the default multiplier, ``width`` bits by ``width`` bits."""
    made = synthesize(
        mac_sources(),
        DEFAULT_TOP,
        liberty,
        parameters={"WEIGHT_WIDTH": width, "ACTIVATION_WIDTH": width},
        workdir=folder / f"{DEFAULT_TOP}_{width}",
    )
    name = f"{DEFAULT_TOP} {width}x{width}"
    return Spec(name, made.netlist_verilog, liberty, "weight_i", "activation_i", made.top, cell_models=cell_models)


@dataclass
class Cost:
    """Seconds a block took; CPU time is that of this process, threads together."""

    cpu_s: float = 0.0
    wall_s: float = 0.0


@contextmanager
def measured(*, children: bool = False) -> Iterator[Cost]:
    """Time a block; ``children``: the CPU time of finished child processes instead."""
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    cost = Cost()
    before, start = resource.getrusage(who), perf_counter()
    yield cost
    after = resource.getrusage(who)
    cost.cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    cost.wall_s = perf_counter() - start


def peak_mb(process: int | None = None) -> float:
    """Largest resident memory of a process so far (getrusage would count the process it was forked from as well)."""
    for line in Path(f"/proc/{process or 'self'}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")
