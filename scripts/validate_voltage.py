# SPDX-License-Identifier: Apache-2.0
"""How far off is a clock interpolated between corners? Each inner corner is left out, and found from its neighbours.

    python scripts/validate_voltage.py LIBRARY.lib LIBRARY.lib LIBRARY.lib ...

Takes corners of one process and temperature, one file each, and `mac_csa_array` with static timing. Also prints by
how much the clocks of weights grow from the lowest voltage to the highest.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

import halo


def main(files: Sequence[str]) -> None:
    """The command."""
    if len(files) < 3:
        sys.exit(__doc__)
    corners = {f"c{i}": file for i, file in enumerate(files)}
    table = halo.characterize(*halo.mac_sources(), top="mac_csa_array", corners=corners, method="static")
    by_corner = sorted((table.rows(corner) for corner in table.corners), key=lambda rows: rows["voltage_v"].iloc[0])
    volts = np.array([rows["voltage_v"].iloc[0] for rows in by_corner])
    clocks = np.array([rows["fmax_ghz"] for rows in by_corner])
    for i in range(1, len(volts) - 1):
        share = (volts[i] - volts[i - 1]) / (volts[i + 1] - volts[i - 1])
        between = clocks[i - 1] ** (1 - share) * clocks[i + 1] ** share
        low, high = (between / clocks[i] - 1).min(), (between / clocks[i] - 1).max()
        print(
            f"{volts[i]:.2f} V from {volts[i - 1]:.2f} and {volts[i + 1]:.2f} V: clock off by {low:+.1%} to {high:+.1%}"
        )
    growth = clocks[-1] / clocks[0]
    print(f"{volts[0]:.2f} to {volts[-1]:.2f} V: clocks grow {growth.min():.2f} to {growth.max():.2f} times")


if __name__ == "__main__":
    main(sys.argv[1:])
