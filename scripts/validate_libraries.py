#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Characterize the default multiplier in many corners, crosscheck each with Icarus, and print one line per corner.

Usage: validate_libraries.py FOLDER OUTPUT [--samples 2000]

FOLDER holds one folder for each library family with Liberty files in it; the files of a folder whose name is given with
--merge make one corner together. Takes minutes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import halo
from halo.flow.crosscheck import CrosscheckConfig, crosscheck
from halo.flow.runs.assets import mac_sources


def corners(folder: Path, merged: list[str]) -> dict[str, list[Path]]:
    """Liberty files by corner name."""
    found: dict[str, list[Path]] = {}
    for family in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = sorted(p for p in family.iterdir() if p.name.endswith((".lib", ".lib.gz")))
        if family.name in merged:
            found[family.name] = files
        else:
            found |= {f"{family.name}.{path.name.split('.lib')[0]}": [path] for path in files}
    return found


def main() -> int:
    """Run all; the exit code is 1 when any corner disagrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--merge", action="append", default=[], metavar="FAMILY")
    parser.add_argument("--samples", type=int, default=2000)
    options = parser.parse_args()
    bad = 0
    print(f"{'corner':<58} {'s':>6} {'slowest ps':>11} {'w=64 ps':>9} {'pJ':>9} {'ordered':>7} {'Icarus equal':>13}")
    for name, files in corners(options.folder, options.merge).items():
        start = time.perf_counter()
        run = options.output / name
        table = halo.characterize(
            *mac_sources(), top="mul_csa_array", liberty=files, run_folder=run, force=True
        ).to_pandas()
        took = time.perf_counter() - start
        checked = crosscheck(CrosscheckConfig(run, options.samples), lambda stage, done, total: None)
        ordered = bool((table["delay_ps"] <= table["bound_ps"]).all())
        bad += not ordered or checked.equal != checked.compared
        slow, energy = float(table["delay_ps"].max()), float(table["energy_fj"].mean()) / 1e3
        fast = float(table.loc[table["weight"] == 64, "delay_ps"].iloc[0])
        print(
            f"{name:<58} {took:6.1f} {slow:11.3f} {fast:9.3f} {energy:9.4f} "
            f"{ordered!s:>7} {checked.equal:>6}/{checked.compared}",
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
