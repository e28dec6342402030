# SPDX-License-Identifier: Apache-2.0
"""Speed of Icarus Verilog with delays, on a seeded sample: the plainest bench that still finds settling times.

Each weight is held while the activation walks from one random value to the next, so that every applied value is a
transition and none is spent on preparing one. Start-up is measured apart and subtracted.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from designs import Design, Spec, load, measured, peak_mb
from row import Row

from halo.flow.runs.tools import find_tool
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import reduce_circuit
from halo.timing.sdf.write import write_sdf
from halo.timing.timed_netlist import identifier, write_timed_netlist

LEAST_STEPS = 100
"""Transitions of a weight: the value that each walk starts from is not counted."""


def timed_netlist(spec: Spec, samples: int) -> Row:
    """Icarus on the timed netlist, every settling time compared with the event engine's."""
    design = load(spec)
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as scratch:
        folder = Path(scratch)
        write_timed_netlist(design.circuit, design.delays, folder / "timed.v", library=design.library)
        return _row(design, folder, [folder / "timed.v"], "", samples, "Icarus, timed netlist")


def cell_models(spec: Spec, samples: int) -> Row:
    """Icarus on the library's own Verilog models with our SDF (states that it cannot read are merged)."""
    design = load(spec)
    if spec.cell_models is None:
        raise SystemExit(f"{spec.name}: no Verilog models of the cells")
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as scratch:
        folder = Path(scratch)
        write_sdf(design.circuit, design.delays, folder / "delays.sdf")
        models = re.sub(r"`timescale.*", "`timescale 1ns/1fs", spec.cell_models.read_text())
        (folder / "cells.v").write_text(models)
        annotate = '$sdf_annotate("delays.sdf", dut);'
        return _row(design, folder, [folder / "cells.v", spec.netlist], annotate, samples, "Icarus, cell models + SDF")


def _row(design: Design, folder: Path, sources: list[Path], annotate: str, samples: int, engine: str) -> Row:
    bits, weight_bits = len(design.activation_nets), len(design.weight_nets)
    generator = np.random.default_rng(1)
    chains = max(1, min(1 << weight_bits, samples // LEAST_STEPS))
    steps = max(1, samples // chains)
    weights = np.sort(generator.permutation(1 << weight_bits)[:chains])
    walk = generator.integers(0, 1 << bits, (chains, steps + 1))
    words = np.concatenate([np.repeat(weights[:, None], steps + 1, axis=1).ravel() << bits | walk.ravel(), [0]])
    settle_fs = 2 * reduce_circuit(design.timed, {}).longest_path_fs + 10**6
    (folder / "walk.hex").write_text("".join(f"{word:x}\n" for word in words))
    (folder / "bench.v").write_text(_bench(design, annotate, weight_bits + bits, chains, steps, settle_fs))
    iverilog, vvp = find_tool("iverilog"), find_tool("vvp")
    options = ["-g2005", "-gspecify", "-Tmax", "-s", "bench", "-o", "bench.vvp"]
    build: list[str | Path] = [iverilog.path, *options, "bench.v", *sources]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    run: list[str | Path] = [vvp.path, "-n", "bench.vvp"]
    with measured(children=True) as start_up:
        _run([*run, "+chains=0"], folder)
    with measured(children=True) as cost:
        found = _run([*run, f"+chains={chains}"], folder)
    peak, total_fs = found
    note = f"sample: {chains} weights x {steps} random transitions"
    expected = _native_sum(design, weights, walk)
    if expected == total_fs:
        note += "; sum of settling times equal to the event engine's"
    else:
        note += f"; sum of settling times {(total_fs / expected - 1) * 100:+.2f} % of the event engine's"
    cpu_s, wall_s = cost.cpu_s - start_up.cpu_s, cost.wall_s - start_up.wall_s
    return Row(design.spec.name, design.circuit.gates, engine, 1, chains * steps, cpu_s, wall_s, peak, note)


def _bench(design: Design, annotate: str, width: int, chains: int, steps: int, settle_fs: int) -> str:
    netlist = design.circuit.netlist
    weight, activation = design.spec.weight, design.spec.activation
    bits = len(design.activation_nets)
    ties = [f".{identifier(weight)}(now[{width - 1}:{bits}])", f".{identifier(activation)}(now[{bits - 1}:0])"]
    wires = []
    for port, nets in netlist.outputs.items():
        wires.append(f"  wire [{len(nets) - 1}:0] {identifier('out_' + port)};")
        ties.append(f".{identifier(port)}({identifier('out_' + port)})")
    watched = " or ".join(identifier(f"out_{port}") for port in netlist.outputs)
    return "\n".join(
        [
            "`timescale 1fs/1fs",
            "module bench;",
            f"  reg [{width - 1}:0] walk [0:{chains * (steps + 1)}], now;",
            "  reg [63:0] start, last, total;",
            "  integer chains, c, s, at;",
            *wires,
            f"  {identifier(netlist.name)} dut({', '.join(ties)});",
            f"  always @({watched}) last = $time;",
            "  initial begin",
            f"    {annotate}",
            '    $readmemh("walk.hex", walk); total = 0; at = 0;',
            '    if (!$value$plusargs("chains=%d", chains)) chains = 0;',
            "    for (c = 0; c < chains; c = c + 1) begin",
            f"      now = walk[at]; at = at + 1; #{settle_fs};",
            f"      for (s = 0; s < {steps}; s = s + 1) begin",
            f"        start = $time; last = start; now = walk[at]; at = at + 1; #{settle_fs};",
            "        total = total + (last - start);",
            "      end",
            "    end",
            '    $display("total_fs %0d", total); $fflush;',
            "    c = $fgetc(32'h8000_0000);",  # stays until its memory has been read
            "    $finish;",
            "  end",
            "endmodule",
            "",
        ]
    )


def _run(command: list[str | Path], folder: Path) -> tuple[float, int]:
    """Run the simulator; its peak memory in MB and the sum of all settling times in fs."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the simulator is not connected")
    text, peak = "", 0.0
    for line in process.stdout:
        text += line
        if line.startswith("total_fs"):
            peak = peak_mb(process.pid)
            process.stdin.close()
    if process.wait() != 0 or (total := re.search(r"total_fs (\d+)", text)) is None:
        raise RuntimeError(f"Icarus failed: {text[-500:]}")
    return peak, int(total[1])


def _native_sum(design: Design, weights: np.ndarray, walk: np.ndarray) -> int:
    place = {net: i for i, net in enumerate(design.activation_nets)}
    total = 0
    for weight, values in zip(weights.tolist(), walk, strict=True):
        reduced = reduce_circuit(design.timed, design.held(weight))
        bits = np.array([place[int(net)] for net in reduced.sources], np.int64)
        lanes = (values[:, None] >> bits & 1).astype(np.uint8)
        events = play_transitions(reduced, lanes[:-1], lanes[1:], track_inputs=False)
        if events.arrivals_fs is not None:
            total += int(events.arrivals_fs.sum(dtype=np.int64))
    return total
