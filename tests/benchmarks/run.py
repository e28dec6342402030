# SPDX-License-Identifier: Apache-2.0
"""Speed of the native engines beside Icarus Verilog and KyuPy, as transitions per core-second, in one run.

Each measurement has a process of its own, so that CPU time and peak memory are its own; compiled code is warm. The two
engines for comparison play a seeded sample of the same transitions, and the last column says which. Run by hand on a
quiet machine:

    python tests/benchmarks/run.py
    python tests/benchmarks/run.py --netlist gates.v --weight w --activation a --liberty cells.lib

With no netlist it takes the default multiplier on osu018 (Debian: qflow-tech-osu018), the reference multiplier of the
shared data where that is present (HALO_SHARED, or ../shared), and the default multiplier in other widths.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import icarus_speed
import kyupy_speed
import native_speed
from designs import Spec, multiplier
from row import Row

from halo.errors import HaloError

OSU018 = Path("/usr/share/qflow/tech/osu018")
REFERENCE = Path("reference/osu018_mult8/netlist.v")
COLUMNS = {
    "design": 21,
    "gates": 5,
    "engine": 29,
    "threads": 7,
    "transitions": 11,
    "CPU s": 7,
    "wall s": 7,
    "per core-s": 11,
    "x Icarus": 8,
    "peak MB": 7,
}
"""Columns of the table and their widths; the first and the third are text."""


def arguments() -> argparse.Namespace:
    """Options of the command line."""
    first, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--netlist", type=Path, help="gate netlist of a combinational multiplier; none: the default ones")
    add("--top", help="its top module")
    add("--weight", default="weight_i", help="its weight port (%(default)s)")
    add("--activation", default="activation_i", help="its activation port (%(default)s)")
    add("--liberty", type=Path, action="append", default=[], help="Liberty file; several are the files of one corner")
    add("--cell-models", type=Path, help="the library's Verilog models, for Icarus with SDF")
    add("--input-slew-ps", type=float, help="slew at the inputs; none: the library's flip-flop")
    add("--output-load-ff", type=float, help="load of the outputs; none: the library's flip-flop")
    add("--widths", default="4,6,8,10,12", help="widths of the default multiplier ('' for none; default %(default)s)")
    add("--threads", default="1,2", help="threads of the native engines (%(default)s)")
    add("--icarus-samples", type=int, default=20_000, help="transitions for Icarus (%(default)s)")
    add("--kyupy-samples", type=int, default=32_768, help="transitions for KyuPy (%(default)s)")
    add("--csv", type=Path, default=Path("benchmarks.csv"), help="file for the numbers (%(default)s)")
    return parser.parse_args()


def specs(options: argparse.Namespace, folder: Path) -> Iterator[Spec]:
    """Designs to measure."""
    liberty = tuple(options.liberty) or (OSU018 / "osu018_stdcells.lib",)
    models = options.cell_models
    if models is None and liberty[0].is_relative_to(OSU018):
        models = OSU018 / "osu018_stdcells.v"
    ports = (options.weight, options.activation, options.top, options.input_slew_ps, options.output_load_ff)
    if options.netlist is not None:
        yield Spec(options.netlist.stem, options.netlist.resolve(), liberty, *ports, cell_models=models)
        return
    yield multiplier(8, liberty, models, folder)
    shared = Path(os.environ.get("HALO_SHARED", Path(__file__).resolve().parents[3] / "shared"))
    if (shared / REFERENCE).is_file() and not options.liberty:
        yield Spec("reference 8x8", shared / REFERENCE, liberty, "w", "a", None, 60.0, 20.0, models)
    for width in (int(text) for text in options.widths.split(",") if text and text != "8"):
        yield multiplier(width, liberty, models, folder)


def apart(function: Callable[..., Row | tuple[Row, ...]], *given: object) -> tuple[Row, ...]:
    """Run one measurement in a fresh process; say why if it cannot be made."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            found = pool.submit(function, *given).result()
        except (HaloError, ImportError, kyupy_speed.InexpressibleError) as error:
            print(f"  left out: {' '.join(str(error).split())}", file=sys.stderr)
            return ()
    return (found,) if isinstance(found, Row) else found


def measure(spec: Spec, options: argparse.Namespace) -> Iterator[Row]:
    """Every engine on one design."""
    if spec.cell_models is not None:
        yield from apart(icarus_speed.cell_models, spec, options.icarus_samples)
    yield from apart(icarus_speed.timed_netlist, spec, options.icarus_samples)
    yield from apart(kyupy_speed.wave_sim, spec, options.kyupy_samples)
    for threads in (int(text) for text in options.threads.split(",")):
        yield from apart(native_speed.exact, spec, threads)
        yield from apart(native_speed.bound, spec, threads)


def ratio(row: Row, rows: list[Row]) -> float | None:
    """Speed over the fastest Icarus on the same design."""
    icarus = [r.rate for r in rows if r.design == row.design and r.engine.startswith("Icarus") and r.rate is not None]
    return row.rate / max(icarus) if icarus and row.rate is not None else None


def cells(row: Row, rows: list[Row]) -> list[str]:
    """A row of the table."""
    times = ratio(row, rows)
    return [
        row.design,
        str(row.gates),
        row.engine,
        str(row.threads),
        "" if row.transitions is None else f"{row.transitions:,}",
        f"{row.cpu_s:.2f}",
        f"{row.wall_s:.2f}",
        "" if row.rate is None else f"{row.rate:,.0f}",
        "" if times is None else f"{times:.1f}" if times < 100 else f"{times:,.0f}",
        f"{row.peak_mb:.0f}",
    ]


def main() -> None:
    """Measure, print each row as it is known, and write the CSV."""
    options = arguments()
    if not options.liberty and not OSU018.is_dir():
        raise SystemExit("give --liberty FILE, or install osu018: apt-get install qflow-tech-osu018")
    rows: list[Row] = []
    print(aligned(list(COLUMNS)))
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as scratch:
        for spec in specs(options, Path(scratch)):
            for row in measure(spec, options):
                rows.append(row)
                print(f"{aligned(cells(row, rows))}  {row.note}", flush=True)
            write_csv(options.csv, rows)
    print(f"numbers in {options.csv}", file=sys.stderr)


def aligned(texts: list[str]) -> str:
    """A line of the table."""
    widths = COLUMNS.values()
    return "  ".join(
        t.ljust(w) if i in (0, 2) else t.rjust(w) for i, (t, w) in enumerate(zip(texts, widths, strict=True))
    )


def write_csv(path: Path, rows: list[Row]) -> None:
    """The same with all digits; empty where there is no number."""
    names = ["design", "gates", "engine", "threads", "transitions", "cpu_s", "wall_s", "peak_mb", "note"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "transitions_per_core_s", "times_icarus"])
        for row in rows:
            writer.writerow([*(getattr(row, name) for name in names), row.rate, ratio(row, rows)])


if __name__ == "__main__":
    try:
        main()
    except HaloError as error:
        raise SystemExit(f"error: {error}") from None
