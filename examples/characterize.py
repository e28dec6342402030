# SPDX-License-Identifier: Apache-2.0
"""Characterize a multiplier of your own, and read its table.

python examples/characterize.py cells.lib runs/multiplier
"""

import sys
from pathlib import Path

import halo

SOURCE = Path(__file__).with_name("multiplier.v")


def main(liberty: str, run_folder: str) -> None:
    """Every activation transition of every weight is simulated; the folder keeps table, gates, delays and figures."""
    table = halo.characterize(
        SOURCE, params={"WIDTH": 4}, weight="w", activation="x", liberty=liberty, run_folder=run_folder, force=True
    )

    rows = table.to_pandas()
    print(rows[["weight", "delay_ps", "bound_ps", "static_ps", "fmax_ghz", "energy_fj"]].to_string(index=False))

    slowest = rows.loc[rows["period_ps"].idxmax()]
    print(f"\nThe slowest weight is {slowest['weight']}: {slowest['delay_ps']:,.0f} ps, {slowest['fmax_ghz']:.3f} GHz.")

    print("\nWhat these numbers rest on:")
    for sentence in halo.read_run(run_folder).assumptions:
        print(f"- {sentence}")


if __name__ == "__main__":
    main(*sys.argv[1:])
