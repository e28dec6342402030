# SPDX-License-Identifier: Apache-2.0
"""Draw the pictures of the documentation from a finished run of the default MAC.

    ./scripts/run.sh
    python scripts/docs_figures.py runs/default

Writes docs/images: the overview of the first page, and the run's own figures as the tutorial shows them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import halo

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SHOWN = ("frequency_per_weight", "energy_per_weight", "delay_histograms", "delay_map")
LARGEST = 200_000
WIDEST = 1200


def overview(run: Path, path: Path) -> None:
    """Clock and energy of every weight, one above the other."""
    rows = halo.load_table(run).rows()
    weights = rows["weight"].to_numpy()
    zeros = np.array([min((int(w) & -int(w)).bit_length() - 1, 5) if w else 6 for w in weights])
    colours = [plt.colormaps["viridis"](k / 5.5) if k < 6 else (0.55, 0.55, 0.55, 1.0) for k in zeros]
    figure, (clock, energy) = plt.subplots(2, 1, figsize=(10, 5.4), sharex=True, layout="constrained")
    slowest, span = rows["fmax_ghz"].min(), rows["fmax_ghz"].max() - rows["fmax_ghz"].min()
    clock.vlines(weights, slowest, rows["fmax_ghz"], colors=colours, linewidth=2)
    clock.axhline(slowest, color="#b22234", linewidth=1, linestyle="--")
    said = f"safe for every weight: {slowest:.4g} GHz"
    clock.text(127, slowest - 0.02 * span, said, color="#b22234", ha="right", va="top")
    clock.set(ylabel="highest safe clock (GHz)", ylim=(slowest - 0.12 * span, None))
    energy.vlines(weights, 0, rows["energy_fj"] * 1e-3, colors=colours, linewidth=2)
    energy.set(ylabel="energy of a transition (pJ)", xlabel="weight value", ylim=(0, None), xlim=(-131, 130))
    energy.set_xticks(range(-128, 128, 32))
    for axes in (clock, energy):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    names = ["odd", *(f"multiples of {2**k}" for k in range(1, 6)), "0"]
    handles = [plt.Line2D([], [], color=colours[list(zeros).index(k)], linewidth=4, label=names[k]) for k in range(7)]
    figure.legend(handles=handles, loc="outside lower center", ncols=7, frameon=False, fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def smaller(path: Path, source: Path) -> None:
    """A copy with 256 colours, at most ``WIDEST`` pixels wide.

    Raises:
        SystemExit: still larger than ``LARGEST``.
    """
    with Image.open(source) as image:
        shown = image.convert("RGB")
        if shown.width > WIDEST:
            shown = shown.resize((WIDEST, round(shown.height * WIDEST / shown.width)), Image.Resampling.LANCZOS)
        shown.quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"error: {path} has {path.stat().st_size} bytes\n  fix: Use fewer colours or pixels.")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of halo characterize, with its plots")
    run = parser.parse_args().run
    first = IMAGES / "default_mac.png"
    overview(run, first)
    smaller(first, first)
    for name in SHOWN:
        smaller(IMAGES / f"{name}.png", run / "plots" / f"{name}.png")


if __name__ == "__main__":
    main()
