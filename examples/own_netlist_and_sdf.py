# SPDX-License-Identifier: Apache-2.0
"""Characterize gates of your own with delays of your own timer, and check the result in Icarus Verilog.

python examples/own_netlist_and_sdf.py gates.v signoff.sdf cells.lib runs/signoff
"""

import sys

import halo


def main(netlist: str, sdf: str, liberty: str, run_folder: str) -> None:
    """The SDF replaces halo's delay calculation; the library says what cells compute, and what energy they take."""
    table = halo.characterize(netlist=netlist, sdf=sdf, liberty=liberty, run_folder=run_folder, force=True)
    print(f"{len(table.weights)} weights, safe together at {table.fmax(table.weights).iloc[0]:.4f} GHz")

    result = halo.crosscheck(run_folder, samples=500)
    print(f"{result.equal} of {result.compared} transitions equal in settling time, toggles and outputs")
    if result.equal != result.compared:
        sys.exit(f"the first that differs: {result.first_difference}")


if __name__ == "__main__":
    main(*sys.argv[1:])
