# SPDX-License-Identifier: Apache-2.0
"""Every design on the front of a search, transition by transition in Icarus Verilog.

    halo explore --liberty cells.lib -o runs/macs
    python scripts/validate_explore.py runs/macs [TRANSITIONS]

Writes each design's Verilog and run folder, as ``halo explore --choose NAME`` does, and crosschecks it: settling times,
toggles and outputs of its gates, and its Verilog beside them. Fails if one differs. Candidates of the user's are left
out, since the search may have asked for options about them. Takes about half a minute a design.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd

import halo

TRANSITIONS = 1000
FROM_THE_SEARCH = ("liberty", "class_weights", "budget", "dont_use", "samples", "seed")


def check(name: str, config: dict[str, object], folder: Path, transitions: int) -> bool:
    """Crosscheck one design; whether all is equal."""
    options = {option: config[option] for option in FROM_THE_SEARCH}
    halo.explore(run_folder=folder, choose=name, **options)
    equal = True
    for run in sorted((folder / "chosen").glob("run*")):
        result = halo.crosscheck(run, samples=transitions)
        equal &= result.equal == result.compared and result.function is not None and result.function.equal
        rtl = "no RTL" if result.function is None else f"RTL {'equal' if result.function.equal else 'DIFFERS'}"
        print(f"{name:40s} {run.name:10s} {result.equal:,} of {result.compared:,} transitions equal, {rtl}", flush=True)
    return equal


def main(run: Path, transitions: int = TRANSITIONS) -> int:
    """Check every design; 0 where all is equal."""
    frame, config = pd.read_csv(run / "candidates.csv"), halo.read_run(run).config
    front = frame[frame["pareto"] & frame["file"].isna()]
    equal = True
    for name in front["candidate"]:
        with tempfile.TemporaryDirectory() as scratch:
            equal &= check(str(name), dict(config), Path(scratch) / "run", transitions)
    print(f"{len(front)} designs on the front; {'all equal' if equal else 'NOT EQUAL'}")
    return 0 if equal and len(front) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
