# SPDX-License-Identifier: Apache-2.0
"""Shows that a mapped netlist does what its RTL does.

A combinational design is proven by ABC's combinational equivalence check (SAT sweeping). Where that finds no answer in
time, and for designs with registers, both sides are simulated: every input pattern where there are at most 2^20, seeded
random ones beyond. Registers whose names the netlist kept take random states, and outputs and next states are compared;
else random input sequences are played from unknown states. The cells of the netlist take part with models made from
their Liberty functions, so the library as this package reads it is checked along.
"""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from halo.errors import HaloError
from halo.liberty import read_corner
from halo.netlist.sources import Sources
from halo.netlist.verilog import read_netlist
from halo.processes import TooLongError, run_child
from halo.synth.cellmodels import cell_models
from halo.synth.explain import explain
from halo.synth.gatesim import GateDesign, Words, evaluate, next_state, outputs, read_gates
from halo.synth.sources import NO_PRINTS, run_on_sources
from halo.synth.yosys import quoted, run_yosys

Method = Literal["proof", "exhaustive simulation", "random simulation", "random states", "random sequences"]

_EXHAUSTIVE_BITS = 20
_RANDOM_PATTERNS = 1 << 20
_LANES = 4096
_CYCLES = 128
_WARM_UP = 64  # cycles in which two copies with different initial states must have come to agree
SEED = 0
"""Seed of the random patterns."""


@dataclass(frozen=True)
class EquivalenceResult:
    """The outcome of a check.

    Attributes:
        equal: no difference exists (``proof``, ``exhaustive simulation``) or was found.
        method: how it was checked.
        compared: patterns compared: of inputs, of inputs and registers (``random states``), or clocks times
            sequences (``random sequences``); 0 for a proof.
        difference: inputs and both outputs of the first difference found, or None.
    """

    equal: bool
    method: Method
    compared: int
    difference: str | None = None


def check_equivalence(
    sources: Sources | Sequence[str | Path],
    top: str,
    netlist: str | Path,
    liberty: Sequence[str | Path],
    *,
    parameters: Mapping[str, int | str] | None = None,
    workdir: Path,
    proof_seconds: float = 20.0,
) -> EquivalenceResult:
    """Compare a netlist with the RTL it was made from.

    Args:
        sources, top, parameters: the RTL, as for ``synthesize``.
        netlist: flat netlist whose module is named ``top``.
        liberty: all files of the corner.
        workdir: folder for scripts, logs and intermediate files; made when absent.
        proof_seconds: time the proof may take before simulation is used instead; 0 for none.

    Raises:
        HaloError: a file cannot be read, the ports differ, or the design's registers keep values that no input
            sequence sets, so that simulation cannot compare them.
    """
    values = dict(parameters or {})
    workdir.mkdir(parents=True, exist_ok=True)
    workdir = workdir.resolve()
    used = {instance.cell for instance in read_netlist(netlist, top).instances}
    models = workdir / "cell_models.v"
    models.write_text(cell_models(read_corner(list(liberty)), used), encoding="utf-8")
    run_on_sources(sources, top, values, _conversion(top, workdir, "rtl"), workdir, "equivalence_rtl")
    gold = read_gates(workdir / "rtl.json", top)
    reading = [
        f"read_verilog {quoted(Path(netlist).resolve())}",
        f"read_verilog {quoted(models)}",
        f"hierarchy -check -top {top}",
    ]
    run = run_yosys([*reading, *_conversion(top, workdir, "netlist")], workdir, "equivalence_netlist")
    if run.error is not None:
        raise explain(run, top, {})
    gate = read_gates(workdir / "netlist.json", top)
    _check_ports(gold, gate, netlist)
    if gold.flops or gate.flops:
        if _same_steps(gold, gate):
            return EquivalenceResult(True, "random states", _RANDOM_PATTERNS)
        return _sequences(gold, gate)
    if proof_seconds > 0 and _proven(workdir, proof_seconds):
        return EquivalenceResult(True, "proof", 0)
    return _patterns(gold, gate)


def _conversion(top: str, workdir: Path, name: str) -> list[str]:
    """Bring a design to simple gates; write ``name.json``, and ``name.aig`` with an and-inverter graph of its logic."""
    return [
        "proc",
        NO_PRINTS,
        "flatten -noscopeinfo",
        "async2sync",  # simulated clock by clock, a clear or preset acts with the clock on both sides
        f"synth -noabc -top {top}",
        "dfflegalize -cell $_DFF_P_ 01",
        "opt_clean",
        "setundef -zero",  # as in the netlist: an undefined value that is left is 0
        f"rename -top {top}",
        f"write_json {quoted(workdir / f'{name}.json')}",
        "aigmap",
        f"write_aiger -symbols -zinit {quoted(workdir / f'{name}.aig')}",
    ]


def _check_ports(gold: GateDesign, gate: GateDesign, netlist: str | Path) -> None:
    for kind, ours, theirs in (("input", gold.inputs, gate.inputs), ("output", gold.outputs, gate.outputs)):
        for name in sorted(ours.keys() | theirs.keys()):
            widths = [len(side[name]) if name in side else None for side in (ours, theirs)]
            if widths[0] != widths[1]:
                raise HaloError(
                    f"{kind} {name} has {widths[0] or 'no'} bits in the RTL and {widths[1] or 'no'} in the netlist",
                    "Compare a netlist with the RTL and parameters it was made from.",
                    netlist,
                )


def _proven(workdir: Path, seconds: float) -> bool:
    """Whether ABC proves the two graphs equal. No answer, or a difference (which simulation then shows), is False.

    ABC pairs inputs and outputs by the names in the files: their order is not the same in two runs of Yosys.
    """
    package = importlib.util.find_spec("pyosys")
    if package is None or package.origin is None:
        return False
    abc = Path(package.origin).parent / "yosys-abc"
    command = f"cec -T {max(1, int(seconds))} rtl.aig netlist.aig"
    try:
        with (workdir / "abc.log").open("wb") as log:
            run_child([abc, "-c", command], cwd=workdir, stdout=log, stderr=subprocess.DEVNULL, limit_s=seconds)
    except (OSError, TooLongError):
        return False
    return "Networks are equivalent" in (workdir / "abc.log").read_text(encoding="utf-8", errors="replace")


def _data_inputs(gold: GateDesign) -> dict[str, int]:
    """Widths of the inputs that are not clocks."""
    return {name: len(nets) for name, nets in gold.inputs.items() if not set(nets) <= gold.clocks}


def _patterns(gold: GateDesign, gate: GateDesign) -> EquivalenceResult:
    widths = _data_inputs(gold)
    bits = sum(widths.values())
    exhaustive = bits <= _EXHAUSTIVE_BITS
    count = 1 << bits if exhaustive else _RANDOM_PATTERNS
    words = (count + 63) // 64
    if exhaustive:
        numbers = np.arange(words * 64, dtype=np.uint64)
        rows = [
            np.packbits(((numbers >> np.uint64(b)) & np.uint64(1)).astype(np.uint8), bitorder="little")
            for b in range(bits)
        ]
        flat = np.array(rows, np.uint8).reshape(bits, words * 8).view(np.uint64)
    else:
        flat = _random(np.random.default_rng(SEED), bits, words)
    inputs = _split(flat, widths)
    nothing = np.zeros((0, words), np.uint64)
    expected, found = (outputs(design, evaluate(design, inputs, nothing)) for design in (gold, gate))
    difference = _difference(inputs, expected, found)
    return EquivalenceResult(
        difference is None, "exhaustive simulation" if exhaustive else "random simulation", count, difference
    )


def _same_steps(gold: GateDesign, gate: GateDesign) -> bool:
    """Whether every register of the RTL is a named net of the netlist and random states and inputs show no difference.

    The netlist takes a random state and the RTL the one its nets of the registers' names say; outputs and next states
    must agree. A difference proves nothing: the random state may be one that is never reached (copies of one register
    that differ).
    """
    names: dict[int, list[str]] = {}
    for name, net in gold.names.items():
        names.setdefault(net, []).append(name)
    registers = []
    for _, q in gold.flops:
        known = [gate.names[name] for name in names.get(q, ()) if name in gate.names]
        if not known:
            return False
        registers.append(known[0])
    generator = np.random.default_rng(SEED)
    widths = _data_inputs(gold)
    words = _RANDOM_PATTERNS // 64
    first, second = (_split(_random(generator, sum(widths.values()), words), widths) for _ in range(2))
    ours = evaluate(gate, first, _random(generator, len(gate.flops), words))
    theirs = evaluate(gold, first, np.array([ours[net] for net in registers], np.uint64))
    if _difference(first, outputs(gold, theirs), outputs(gate, ours)) is not None:
        return False
    after = evaluate(gate, second, next_state(gate, ours))
    return np.array_equal(next_state(gold, theirs), np.array([after[net] for net in registers], np.uint64))


def _sequences(gold: GateDesign, gate: GateDesign) -> EquivalenceResult:
    """Random input sequences. Each side runs twice from different states, to know when its outputs are settled."""
    generator = np.random.default_rng(SEED)
    widths = _data_inputs(gold)
    words = _LANES // 64
    states = []
    for design in (gold, gate):
        first = _random(generator, len(design.flops), words)
        states.append([first, ~first])
    for cycle in range(_CYCLES):
        inputs = _split(_random(generator, sum(widths.values()), words), widths)
        seen: list[dict[str, Words]] = []
        for design, pair in zip((gold, gate), states, strict=True):
            runs = [evaluate(design, inputs, state) for state in pair]
            pair[:] = [next_state(design, values) for values in runs]
            shown = [outputs(design, values) for values in runs]
            if cycle >= _WARM_UP and any((shown[0][n] != shown[1][n]).any() for n in design.outputs):
                raise HaloError(
                    f"after {_WARM_UP} clocks of random inputs the outputs still depend on the initial state",
                    "Check this design in a testbench that brings it to a known state.",
                )
            seen.append(shown[0])
        if cycle >= _WARM_UP:
            difference = _difference(inputs, seen[0], seen[1])
            if difference is not None:
                compared = (cycle - _WARM_UP + 1) * _LANES
                return EquivalenceResult(False, "random sequences", compared, f"clock {cycle}: {difference}")
    return EquivalenceResult(True, "random sequences", (_CYCLES - _WARM_UP) * _LANES)


def _random(generator: np.random.Generator, bits: int, words: int) -> Words:
    return generator.integers(0, 1 << 64, (bits, words), dtype=np.uint64)


def _split(flat: Words, widths: Mapping[str, int]) -> dict[str, Words]:
    inputs = {}
    at = 0
    for name, width in widths.items():
        inputs[name] = flat[at : at + width]
        at += width
    return inputs


def _difference(inputs: Mapping[str, Words], expected: Mapping[str, Words], found: Mapping[str, Words]) -> str | None:
    """Inputs and outputs of the first pattern in which an output differs."""
    wrong = np.bitwise_or.reduce([np.bitwise_or.reduce(expected[n] ^ found[n], axis=0) for n in expected])
    if not wrong.any():
        return None
    word = int(np.flatnonzero(wrong)[0])
    bit = (int(wrong[word]) & -int(wrong[word])).bit_length() - 1

    def number(rows: Words) -> int:
        return sum(((int(row[word]) >> bit) & 1) << i for i, row in enumerate(rows))

    given = ", ".join(f"{name} = {number(rows)}" for name, rows in inputs.items())
    wanted = ", ".join(f"{n} = {number(expected[n])} (netlist {number(found[n])})" for n in expected)
    return f"with {given}: {wanted}"
