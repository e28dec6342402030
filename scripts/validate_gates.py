# SPDX-License-Identifier: Apache-2.0
"""Measure at the gates what scoring and its documentation rest on; one line per case. Takes minutes.

python scripts/validate_gates.py swaps cells.lib [FAMILY...]   # period of a class at rest, and when weights swap
python scripts/validate_gates.py sets RUN[,RUN...]              # periods of sets of weights, by element and by MAC
python scripts/validate_gates.py energy cells.lib              # what a table of weights leaves out of an array
python scripts/validate_gates.py units cells.lib [ROWS...]      # whole arrays of ROWS x ROWS, a clock that changes
python scripts/validate_gates.py fp16 runs/array               # the FP16 MAC beside the one of a run
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import halo
from halo.config import CharacterizeConfig
from halo.dvfs.periods import ELEMENT_SHARE
from halo.flow.gate_level.array import build_array
from halo.flow.gate_level.class_period import array_bounds
from halo.flow.gate_level.table_periods import MacPeriods, table_periods
from halo.flow.runs.provenance import read_record
from halo.flow.scoring.fp16 import fp16_mac

FAMILIES = ("csa_array", "booth_r4", "sign_magnitude")
CLASS = tuple(range(-128, 128, 32))


def swaps(liberty: Sequence[Path], family: str) -> tuple[float, float, int]:
    """Period in ps of an element with multiples of 32 at rest, with swaps within the class, and clocks after others.

    Args:
        liberty: all files of one corner.
        family: of the multiplier.

    Returns:
        The two periods, and the clocks between a swap to or from any weight and the first activation that counts.
    """
    with tempfile.TemporaryDirectory(prefix="halo-swaps-") as scratch:
        bounds = array_bounds(build_array("pe", {"MULTIPLIER": family}, liberty, Path(scratch)))
    rest = max(bounds.at_rest(weight).period_fs for weight in CLASS)
    swap = bounds.swapping(CLASS).period_fs
    return rest * 1e-3, swap * 1e-3, bounds.clocks_to_settle(max(rest, swap))


def sets(run: Path) -> Iterator[tuple[str, float, float, float, float]]:
    """Clock periods in ps of sets of weights: name, at rest in the table, with swaps in pe_ws, pe_os, the MAC alone.

    Args:
        run: of one of halo's own MACs with 8-bit weights, one corner, no margin.
    """
    table, record = halo.load_table(run), read_record(run)
    ws, os = table_periods(run), table_periods(run, element="pe_os")
    mac = MacPeriods(run, CharacterizeConfig.from_dict(record.config), record)
    for name, step in (("all", 1), ("INT4 << 4", 16), ("INT3 << 5", 32)):
        weights = range(-128, 128, step)
        rest = 1e3 / float(table.fmax(weights).iloc[0])
        corner = table.corners[0]
        alone = mac.period_ps(weights, corner, rest) / (1 + ELEMENT_SHARE)
        yield name, rest, ws.period_ps(weights, corner, rest), os.period_ps(weights, corner, rest), alone


def energy(liberty: Sequence[Path]) -> dict[str, float]:
    """Parts of the energy of a multiply-accumulate in a 4 x 4 mesh, fJ: random weights and activations, 64 slots."""
    generator = np.random.default_rng(1)
    tiles = [(generator.integers(-128, 128, (4, 4)), generator.integers(-128, 128, (64, 4))) for _ in range(4)]
    return halo.mesh_energy({"any": tiles}, liberty=liberty)["any"].per_mac_fj()


def units(liberty: Sequence[Path], size: int) -> Iterator[str]:
    """Whole arrays of size x size elements and their trials of 5,000 clocks, a line of text each."""
    for bench in ("systolic_ws", "systolic_os"):
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="halo-units-") as scratch:
            params = {"ROWS": size, "COLUMNS": size, "ACC_WIDTH": 24}  # the sums of the elements above
            run = halo.simulate_gates(
                bench, liberty=list(liberty), params=params, cycles=5_000, run_folder=Path(scratch) / "run"
            )
        results, seconds = run.record.results, time.perf_counter() - begun
        clock = results["class"]
        yield (
            f"{bench} {size} x {size}: {results['gates']:,} gates, any weight {clock['any_ps']:,.0f} ps, "
            f"{len(clock['weights'])} weights {clock['class_ps']:,.0f} ps, {seconds:,.0f} s"
        )
        for _, row in run.trials.iterrows():
            counts = ", ".join(f"{row[name]:,} {name}" for name in ("cycles", "wrong", "late"))
            verdict = "as it must" if row["passed"] else "NOT AS IT MUST"
            yield f"  {row['trial']}: {row['period_ps']:,.0f} ps, {counts}: {verdict}"


def fp16(run: Path) -> Iterator[tuple[str, float, float]]:
    """Period and mean energy of the FP16 MAC over those of a run's table, with a pipeline register and without."""
    rows = halo.load_table(run).rows()
    for pipeline, name in ((1, "pipelined"), (0, "one clock")):
        mac = fp16_mac(run, pipeline=1 if pipeline else 0)
        yield name, mac.period_ps / rows["period_ps"].max(), mac.energy_fj / rows["energy_fj"].mean()


def main(arguments: Sequence[str]) -> None:
    """The command."""
    if len(arguments) < 2 or arguments[0] not in ("swaps", "sets", "energy", "units", "fp16"):
        sys.exit(__doc__)
    what, liberty = arguments[0], [Path(name) for name in arguments[1].split(",")]
    if what == "swaps":
        for family in arguments[2:] or FAMILIES:
            rest, swap, clocks = swaps(liberty, family)
            print(f"{family}: at rest {rest:,.0f} ps, swaps {swap:,.0f} ps ({swap / rest - 1:+.1%}), {clocks} clocks")
    elif what == "sets":
        for run in liberty:
            for name, rest, ws, os, alone in sets(run):
                print(f"{run} {name}: table {rest:,.0f} ps, pe_ws {ws:,.0f}, pe_os {os:,.0f}, MAC {alone:,.0f}")
    elif what == "units":
        for size in arguments[2:] or ("2", "4"):
            for line in units(liberty, int(size)):
                print(line, flush=True)
    elif what == "energy":
        parts = energy(liberty)
        print(", ".join(f"{name} {value:,.0f}" for name, value in parts.items()), f"= {sum(parts.values()):,.0f} fJ")
    else:
        for name, period, mean in fp16(Path(arguments[1])):
            print(f"{name}: period x {period:.2f}, energy x {mean:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
