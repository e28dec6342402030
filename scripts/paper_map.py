# SPDX-License-Identifier: Apache-2.0
"""Which MAC has the clocks of the HALO paper's figure 4? The table and the picture of docs/validation.md.

    python scripts/paper_map.py FOLDER cells.lib[,more.lib...] [PICTURE.png]

Characterizes MACs of rtl/ into FOLDER, unless they are there: in an element, whose periods hold the registers, and
without registers, where periods are delays. A line for each has the slowest period in ps; by what factor multiples of
16 and of 32, the weight 64 and the weight 0 are faster; whether each further trailing zero leaves the slowest weight of
its kind as it is or makes it faster; how much of the variance of the periods the number of trailing zeros explains; and
how far the clocks are from those of the figure (RMS of their logarithm, at the best common factor).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from docs_figures import smaller

import halo
from halo.flow.runs.assets import mac_sources, rtl_folder

F64 = npt.NDArray[np.float64]
PLAIN: dict[str, str | int] = {
    "PIPELINE": 0,
    "RECODED": 0,
    "CORRECTION": 0,
    "CLASS_ZEROS": 0,
    "CLASS_SHARE": 0,
    "SEED": 0,
}
TREE: dict[str, str | int] = {**PLAIN, "MULTIPLIER": "baugh_wooley"}
MACS: dict[str, tuple[dict[str, str | int], str, dict[str, str | int]]] = {
    "carry-save array": ({**PLAIN, "MULTIPLIER": "csa_array", "CARRY_SAVE": 0}, "mac_csa_array", {}),
    "linear array, one word": (
        {**TREE, "ARRAY": 8, "CARRY_SAVE": 0},
        "pe_datapath",
        {**TREE, "ARRAY": 8, "CARRY_SAVE": 0},
    ),
    "linear array, register, two words": (
        {**TREE, "ARRAY": 8, "CARRY_SAVE": 1, "PIPELINE": 1},
        "carry_save_mac",
        {**PLAIN, "RECODING": "baugh_wooley", "ARRAY": 8, "ACC_WIDTH": 16, "ADDEND": 0, "SUM": 2},
    ),
    "rows of multiples of 32 last, two words": (
        {**TREE, "ARRAY": 4, "CARRY_SAVE": 1, "CLASS_ZEROS": 5, "CLASS_SHARE": 100},
        "pe_datapath",
        {**TREE, "ARRAY": 4, "CARRY_SAVE": 1, "CLASS_ZEROS": 5, "CLASS_SHARE": 100},
    ),
}
"""Parameters of ``mac_element``; then the module without registers, and its parameters."""
WEIGHTS = np.arange(-128, 128)
ZEROS = np.array([8 if w == 0 else (int(w) & -int(w)).bit_length() - 1 for w in WEIGHTS])
FIGURE_GHZ = np.select([ZEROS >= 5, ZEROS == 4], [3.7, 2.3], 2.0)
"""Read off the figure: 8 values reach 3.7, 16 exceed 2.3, the rest lie from 1.9 to 2.1."""
FAST, MIDDLE = 3.7 / 1.9, 2.3 / 1.9


def characterized(folder: Path, liberty: Sequence[Path]) -> dict[str, tuple[Path, Path]]:
    """Run folders of each MAC: in an element, and without registers."""
    sources = [*sorted((rtl_folder() / "pe").glob("*.v")), *mac_sources()]
    runs = {}
    for number, (name, (element, top, parameters)) in enumerate(MACS.items()):
        runs[name] = folder / f"element{number}", folder / f"bare{number}"
        ways = (("mac_element", element, True), (top, parameters, False))
        for run, (module, values, registers) in zip(runs[name], ways, strict=True):
            if not run.exists():
                halo.characterize(
                    *sources,
                    top=module,
                    params=tuple(values.items()),
                    weight="weight_i",
                    activation="activation_i",
                    output="psum_o",
                    register_overhead=registers,
                    signed=("weight", "activation"),
                    liberty=liberty,
                    method="bound",
                    run_folder=run,
                )
    return runs


def periods(run: Path) -> F64:
    """Clock period of each weight in ps, ascending weights."""
    rows = halo.load_table(run).rows().set_index("weight")
    found: F64 = rows.loc[WEIGHTS, "period_ps"].to_numpy(np.float64)
    return found


def line(name: str, period: F64) -> str:
    """A row of the table."""
    moving = period > 0  # the weight 0 has no delay where nothing else is added
    slowest = period.max()
    ratios = [slowest / period[WEIGHTS % step == 0].max() for step in (16, 32)]
    ratios.append(slowest / period[WEIGHTS == 64][0])
    zero = period[WEIGHTS == 0][0]
    within = sum(((period[z] - period[z].mean()) ** 2).sum() for k in range(8) for z in [k == ZEROS])
    counted = ZEROS < 8
    explained = 1 - within / ((period[counted] - period[counted].mean()) ** 2).sum()
    classes = [period[k == ZEROS].max() for k in range(8)]
    distance = np.log(1 / period[moving]) - np.log(FIGURE_GHZ[moving])
    texts = [f"{slowest:,.0f}", *(f"{ratio:.2f}" for ratio in ratios), f"{slowest / zero:.2f}" if zero else "-"]
    monotone = "yes" if all(a >= b for a, b in pairwise(classes)) else "no"
    return f"| {name} | {' | '.join(texts)} | {monotone} | {explained:.0%} | {distance.std():.3f} |"


def picture(runs: dict[str, tuple[Path, Path]], path: Path) -> None:
    """Clock of each weight over that of the slowest, registers included; lines where the figure has its classes."""
    colours = [plt.colormaps["viridis"](min(k, 5) / 5.5) if k < 8 else (0.55, 0.55, 0.55, 1.0) for k in ZEROS]
    figure, every = plt.subplots(2, 2, figsize=(10, 5.6), sharex=True, sharey=True, layout="constrained")
    for axes, (name, (run, _)) in zip(every.flat, runs.items(), strict=True):
        period = periods(run)
        axes.scatter(WEIGHTS, period.max() / period, s=9, c=colours)
        for height in (MIDDLE, FAST):
            axes.axhline(height, color="#b22234", linewidth=1, linestyle="--")
        axes.set_title(name, fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    for axes in every[:, 0]:
        axes.set(ylabel="clock over the slowest", ylim=(0.95, 2.75))
    for axes in every[1]:
        axes.set(xlabel="weight value", xlim=(-131, 130), xticks=range(-128, 128, 32))
    names = ["odd", *(f"multiples of {2**k}" for k in range(1, 6)), "0"]
    shown = [colours[list(ZEROS).index(k)] for k in (*range(6), 8)]
    handles = [plt.Line2D([], [], color=c, linewidth=4, label=n) for c, n in zip(shown, names, strict=True)]
    handles.append(plt.Line2D([], [], color="#b22234", linestyle="--", label="paper"))
    figure.legend(handles=handles, loc="outside lower center", ncols=8, frameon=False, fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    smaller(path, path)


def main(arguments: Sequence[str]) -> None:
    """The command."""
    if not 2 <= len(arguments) <= 3:
        sys.exit(__doc__)
    runs = characterized(Path(arguments[0]), [Path(name) for name in arguments[1].split(",")])
    for name, (element, bare) in runs.items():
        print(line(name, periods(element)))
        print(line(f"{name}, no registers", periods(bare)))
    if len(arguments) > 2:
        picture(runs, Path(arguments[2]))


if __name__ == "__main__":
    main(sys.argv[1:])
