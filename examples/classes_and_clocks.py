# SPDX-License-Identifier: Apache-2.0
"""Which weights may run at which clock?

./scripts/run.sh                                     # the default MAC, into runs/default
python examples/classes_and_clocks.py runs/default classes.png
"""

import sys

import halo


def main(run: str, picture: str) -> None:
    """Reads the table of a run; the picture shows the clock of every weight."""
    table = halo.load_table(run)

    everything = table.fmax(table.weights)
    print("Clock that is safe for every weight, GHz, for each corner:")
    print(everything.to_string())

    for step in (8, 16, 32):
        gain = table.fmax(range(-128, 128, step)) / everything
        print(f"multiples of {step}: {gain.iloc[0]:.2f} times as fast")

    print("\nThree classes, chosen so that weights lose the least on average:")
    for found in table.classes(3, corner=table.corners[0]):
        print(f"{found.fmax_ghz:.4f} GHz: {len(found.weights)} weights, such as {found.weights[:6]}")

    halo.plot.frequency_per_weight(table, corner=table.corners[0]).savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
