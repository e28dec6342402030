# SPDX-License-Identifier: Apache-2.0
"""Time, memory and cycles of the array models beside SCALE-Sim 3.0.0, on the same matrix products in one run.

SCALE-Sim runs with its traces off, in an environment of its own (it needs numpy < 2.4): the one of ``--python``, or one
made in a temporary folder from the package index. Each measurement has a process of its own; imports are not timed and
compiled code is warm. SCALE-Sim's time includes its demand and memory passes, which it cannot leave out; the
cycle-level model computes the outputs, which are checked. Cycles differ because the arrays do: SCALE-Sim overlaps no
loads. Run by hand on a quiet machine:

    python tests/benchmarks/scalesim_speed.py
    python tests/benchmarks/scalesim_speed.py --sizes 2048 --array 128 --dataflows ws   # minutes, 6 GB
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
from designs import measured, peak_mb

from halo.arch.systolic.cycle_level import simulate_os, simulate_ws
from halo.arch.systolic.gemm_cycles import os_gemm_cycles, ws_gemm_cycles
from halo.arch.systolic.loads import os_loads, ws_loads
from halo.arch.systolic.os_cycles import OsArray
from halo.arch.systolic.scalesim import scalesim_cycles
from halo.arch.systolic.ws_cycles import WsArray

NEEDED = ("scalesim==3.0.0", "numpy<2.4")
REPEATS = 1000
"""Of what takes microseconds."""

CONFIG = """[general]
run_name = gemm
[architecture_presets]
ArrayHeight: {side}
ArrayWidth: {side}
IfmapSramSzkB: 1024
FilterSramSzkB: 1024
OfmapSramSzkB: 1024
IfmapOffset: 0
FilterOffset: 100000000
OfmapOffset: 200000000
Dataflow: {dataflow}
Bandwidth: 32
ReadRequestBuffer: 512
WriteRequestBuffer: 512
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""

CHILD = """import json, re, time
from scalesim.scale_sim import scalesim
start, cpu = time.perf_counter(), time.process_time()
made = scalesim(save_disk_space=True, verbose=False, config="scale.cfg", topology="gemm.csv", layout="layout.csv",
                input_type_gemm=True)
made.run_scale(top_path="out")
took = time.process_time() - cpu, time.perf_counter() - start
peak = re.search(r"VmHWM:\\s*([0-9]+) kB", open("/proc/self/status").read())
print(json.dumps([*took, int(peak[1]) / 1024]))
"""


@dataclass(frozen=True)
class Case:
    """A product of three equal sizes on a square array."""

    size: int
    side: int
    dataflow: Literal["ws", "os"]


@dataclass(frozen=True)
class Measured:
    """A row of the table; ``cpu_s`` with all threads."""

    engine: str
    cycles: int
    cpu_s: float
    wall_s: float
    peak_mb: float


def arguments() -> argparse.Namespace:
    """Options of the command line."""
    first, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", default="256,512", help="M = K = N (%(default)s)")
    add("--array", type=int, default=32, help="rows and columns of elements (%(default)s)")
    add("--dataflows", default="ws,os", help="weight-, output-stationary (%(default)s)")
    add("--python", type=Path, help="interpreter that has SCALE-Sim; none: make an environment")
    return parser.parse_args()


def environment(folder: Path) -> Path:
    """The interpreter of a new environment with SCALE-Sim."""
    print(f"making an environment with {' and '.join(NEEDED)}", file=sys.stderr)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDED], check=True)
    return python


def scale_sim(python: Path, case: Case) -> Measured:
    """SCALE-Sim in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="halo-scalesim-") as name:
        folder = Path(name)
        (folder / "scale.cfg").write_text(CONFIG.format(side=case.side, dataflow=case.dataflow), encoding="utf-8")
        (folder / "gemm.csv").write_text(f"Layer,M,N,K,\ngemm,{case.size},{case.size},{case.size},\n", encoding="utf-8")
        (folder / "layout.csv").write_text(f"Layer\ngemm,{'1,' * 6}{'0,' * 14}\n", encoding="utf-8")
        ran = subprocess.run([python, "-c", CHILD], cwd=folder, capture_output=True, text=True)
        if ran.returncode:
            raise SystemExit(f"SCALE-Sim failed:\n{ran.stderr[-2000:]}")
        cpu_s, wall_s, peak = json.loads(ran.stdout.splitlines()[-1])
        with (folder / "out" / "gemm" / "COMPUTE_REPORT.csv").open(encoding="utf-8") as file:
            (row,) = csv.DictReader(file, skipinitialspace=True)
    return Measured("SCALE-Sim 3.0.0", int(float(row["Total Cycles"])), cpu_s, wall_s, peak)


def cycle_level(case: Case) -> Measured:
    """The cycle-level model with random operands; the outputs must be the product."""

    def run(size: int) -> tuple[int, bool]:
        generator = np.random.default_rng(1)
        a, w = generator.integers(-128, 128, (2, size, size), np.int8)
        if case.dataflow == "ws":
            ws = WsArray(case.side, case.side, depth=case.size)
            found = simulate_ws(ws, a, w, ws_loads(ws, size, size, size))
        else:
            os = OsArray(case.side, case.side)
            found = simulate_os(os, a, w, os_loads(os, size, size, size))
        return found.cycles, bool((found.outputs == a.astype(np.float64) @ w.astype(np.float64)).all())

    run(2)  # loads compiled code
    with measured() as cost:
        cycles, right = run(case.size)
    if not right:
        raise SystemExit("the cycle-level model computed a wrong product")
    return Measured("cycle-level", cycles, cost.cpu_s, cost.wall_s, peak_mb())


def closed_form(case: Case) -> Measured:
    """The closed form of the same array."""
    size = (case.size,) * 3
    ws, os = WsArray(case.side, case.side, depth=case.size), OsArray(case.side, case.side)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(REPEATS):
        cycles = ws_gemm_cycles(ws, *size) if case.dataflow == "ws" else os_gemm_cycles(os, *size)
    return Measured(
        "closed form",
        cycles,
        (time.process_time() - cpu) / REPEATS,
        (time.perf_counter() - start) / REPEATS,
        peak_mb(),
    )


def measure(python: Path, case: Case) -> Iterator[Measured]:
    """Every engine on one product."""
    theirs = scale_sim(python, case)
    expected = scalesim_cycles(case.dataflow, case.side, case.side, *(case.size,) * 3)
    if theirs.cycles != expected:
        raise SystemExit(f"SCALE-Sim counts {theirs.cycles:,} cycles, its closed form {expected:,}")
    yield theirs
    for engine in (cycle_level, closed_form):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            yield pool.submit(engine, case).result()


def table(python: Path, cases: Iterator[Case]) -> None:
    """Measure and print, ratios to SCALE-Sim's own."""
    print(
        f"{'product':<8}{'array':>9}{'':>4}{'engine':>17}{'cycles':>12}{'busy %':>8}{'CPU s':>11}{'wall s':>11}"
        f"{'peak MB':>9}{'x faster':>11}{'x smaller':>11}"
    )
    for case in cases:
        theirs: Measured | None = None
        for row in measure(python, case):
            theirs = theirs or row
            busy = 100 * case.size**3 / (case.side**2 * row.cycles)
            print(
                f"{case.size:>5}^3 {f'{case.side} x {case.side}':>9}{case.dataflow:>4}{row.engine:>17}{row.cycles:>12,}"
                f"{busy:>8.1f}{row.cpu_s:>11.2g}{row.wall_s:>11.2g}{row.peak_mb:>9.0f}"
                f"{theirs.cpu_s / row.cpu_s:>11,.0f}{theirs.peak_mb / row.peak_mb:>11.1f}",
                flush=True,
            )


def main() -> None:
    """Measure and print."""
    options = arguments()
    cases = (
        Case(int(size), options.array, dataflow)
        for size in options.sizes.split(",")
        for dataflow in options.dataflows.split(",")
    )
    with tempfile.TemporaryDirectory(prefix="halo-scalesim-venv-") as folder:
        # Not resolved: an environment is known by the path of its link to the interpreter.
        table(options.python.absolute() if options.python else environment(Path(folder)), cases)


if __name__ == "__main__":
    main()
