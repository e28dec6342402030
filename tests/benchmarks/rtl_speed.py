# SPDX-License-Identifier: Apache-2.0
"""Speed of the arrays' benches in Verilator beside Icarus Verilog, in clock cycles a second with the scoreboard on.

Goal: a 16 x 16 weight-stationary array in Verilator at 10,000 cycles a second. The model is built before the clock
starts; the simulator's own start counts. Run by hand on a quiet machine:

    python tests/benchmarks/rtl_speed.py
    python tests/benchmarks/rtl_speed.py --multiplier csa_array --sizes 4   # structural: slow in Icarus, long to build
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from halo.errors import HaloError
from halo.flow.simulators.bench_run import SimulationResult, simulate
from halo.flow.simulators.runner import SimulatorName

SIMULATORS: tuple[SimulatorName, ...] = ("icarus", "verilator")


def arguments() -> argparse.Namespace:
    """Options of the command line."""
    first, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", default="4,16", help="rows and columns of the arrays (%(default)s)")
    add("--multiplier", default="behavioural", help="family of the multipliers (%(default)s)")
    add("--tiles", type=int, default=600, help="output tiles in Verilator; a tenth in Icarus (%(default)s)")
    return parser.parse_args()


def played(bench: str, simulator: SimulatorName, size: int, multiplier: str, tiles: int) -> tuple[float, int]:
    """Seconds and clock cycles of one test with stalls, of a model that is built."""
    parameters = {"ROWS": size, "COLUMNS": size, "MULTIPLIER": multiplier}

    def run(count: int) -> SimulationResult:
        with tempfile.TemporaryDirectory(prefix="halo-bench-") as folder:
            return simulate(
                bench, simulator, parameters, workdir=Path(folder), tests=["stalls"], settings={"tiles": count}
            )

    run(40)
    start = time.perf_counter()
    result = run(tiles)
    seconds = time.perf_counter() - start
    (test,) = result.tests
    if not test.passed or test.cycles is None:
        raise SystemExit(f"{bench} failed in {simulator}: {test.message}")
    return seconds, test.cycles


def main() -> None:
    """Measure and print."""
    options = arguments()
    print(f"{'bench':<13}{'array':>9}{'simulator':>12}{'cycles':>10}{'s':>8}{'cycles/s':>11}{'x Icarus':>10}")
    for bench in ("systolic_ws", "systolic_os"):
        for size in (int(text) for text in options.sizes.split(",")):
            slowest = 0.0
            for simulator in SIMULATORS:
                tiles = options.tiles if simulator == "verilator" else max(options.tiles // 10, 40)
                seconds, cycles = played(bench, simulator, size, options.multiplier, tiles)
                rate = cycles / seconds
                slowest = slowest or rate
                print(
                    f"{bench:<13}{f'{size} x {size}':>9}{simulator:>12}{cycles:>10,}{seconds:>8.2f}{rate:>11,.0f}"
                    f"{rate / slowest:>10.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    try:
        main()
    except HaloError as error:
        raise SystemExit(f"error: {error}") from None
