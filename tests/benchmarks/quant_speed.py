# SPDX-License-Identifier: Apache-2.0
"""Time and memory of HALO on one large layer, Fisher given; weights and Fisher are synthetic.

Each measurement has a process of its own; compiled code is warm. Goal: a 4096 x 11008 layer in 3 s on two cores, under
2 GB. Run by hand on a quiet machine:

    python tests/benchmarks/quant_speed.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from designs import measured, peak_mb

from halo.quant.codebooks import left_aligned_codebook
from halo.quant.halo_method import quantize_halo
from halo.quant.layer import Float32
from halo.quant.options import HaloOptions

BOOKS = (replace(left_aligned_codebook(4), frequency_ghz=2.4), replace(left_aligned_codebook(3), frequency_ghz=3.7))
COLUMNS = ("variant", "tile", "scale", "threads", "wall s", "CPU s", "peak MB", "ns/weight", "bits", "SQNR dB")


@dataclass(frozen=True)
class Case:
    """One measurement."""

    rows: int
    columns: int
    options: HaloOptions
    threads: int


def layer(rows: int, columns: int) -> tuple[Float32, Float32]:
    """Normal weights whose channels differ in size, one input in 500 five times as large; Fisher of four decades."""
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((rows, columns), dtype=np.float32)
    weight *= np.exp(0.3 * rng.standard_normal((rows, 1))).astype(np.float32) * np.float32(0.02)
    weight[:, rng.random(columns) < 0.002] *= 5
    fisher = rng.standard_normal((rows, columns), dtype=np.float32)
    np.square(fisher, out=fisher)
    fisher *= np.exp(rng.standard_normal((1, columns))).astype(np.float32) * np.float32(1e-9)
    return weight, fisher


def measure(case: Case) -> tuple[str, ...]:
    """A row of the table."""
    options = case.options
    small = layer(2 * options.tile, 2 * options.tile)
    quantize_halo(*small, BOOKS, options, threads=case.threads)  # loads compiled code
    weight, fisher = layer(case.rows, case.columns)
    with measured() as cost:
        made = quantize_halo(weight, fisher, BOOKS, options, threads=case.threads)
    peak = peak_mb()
    made.check()
    figures = (cost.wall_s, cost.cpu_s)
    return (
        options.variant,
        str(options.tile),
        options.scale,
        str(case.threads),
        *(f"{t:.2f}" for t in figures),
        f"{peak:.0f}",
        f"{cost.cpu_s / weight.size * 1e9:.0f}",
        f"{made.true_bits(16):.2f}",
        f"{made.sqnr_db(weight):.2f}",
    )


def cases(rows: int, columns: int) -> Iterator[Case]:
    """What is measured: the default on one and two threads, then each option that changes the work."""
    base = HaloOptions()
    for threads in (1, 2):
        yield Case(rows, columns, base, threads)
    for changed in (
        replace(base, variant="perf"),
        replace(base, variant="acc", criterion="sensitivity"),
        replace(base, scale="tile"),
        replace(base, scale="channel"),
        replace(base, tile=32),
        replace(base, tile=16),
    ):
        yield Case(rows, columns, changed, 2)


def main() -> None:
    """Measure and print each row as it is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rows", type=int, default=4096, help="output channels (%(default)s)")
    parser.add_argument("--columns", type=int, default=11008, help="input channels (%(default)s)")
    given = parser.parse_args()
    print("  ".join(name.rjust(9) for name in COLUMNS))
    for case in cases(given.rows, given.columns):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            print("  ".join(text.rjust(9) for text in pool.submit(measure, case).result()), flush=True)


if __name__ == "__main__":
    main()
