# SPDX-License-Identifier: Apache-2.0
"""What is a fast clock worth? One model on a systolic array and on a GPU, for a prompt and for the tokens after it.

./scripts/run.sh                                     # the default MAC, into runs/default
python examples/two_machines.py opt-1.3b runs/default
"""

import sys

import halo

MACHINES = {"systolic-128": "table", "a100-80": "paper-gpu"}  # and the operating points of each
METHODS = ("w8a8", "left-aligned-w4", "halo-bal")


def main(model: str, run: str) -> None:
    """Prints time and energy of each method over those of W8A8."""
    for machine, points in MACHINES.items():
        for phase in ("prefill", "decode"):
            scored = halo.score(model, table=run, arch=machine, dvfs=points, phase=phase, methods=METHODS)
            totals = scored.to_pandas().query("layer == 'total'").set_index("method")
            time, energy = totals["time_ps"].astype(float), totals["energy_pj"].astype(float)
            print(f"\n{machine}, {phase}")
            for method in METHODS:
                bound = totals.loc[method, "bound"]
                print(
                    f"  {method:16} time {time[method] / time['w8a8']:.2f}  "
                    f"energy {energy[method] / energy['w8a8']:.2f}  bound by {bound}"
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
