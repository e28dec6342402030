# SPDX-License-Identifier: Apache-2.0
"""What weight-aware clocks are worth against other MACs: the table of docs/validation.md, a library a call.

    python scripts/compare_macs.py FOLDER cells.lib[,more.lib...]

Characterizes registered MACs (mac_element of rtl/pe) into FOLDER, unless they are there, and scores the prefill of
LLaMA-2-7B on arrays whose MACs take as much area as 128 x 128 of the first. Takes minutes.
"""

import sys
from pathlib import Path

import halo
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.flow.runs.provenance import read_record

MACS = {
    "carry-save array": {"MULTIPLIER": "csa_array", "CARRY_SAVE": 0},
    "Booth tree": {"CORRECTION": 1, "RECODED": 1, "SEED": 8},
    "Booth tree, INT4 rows last": {
        "CORRECTION": 1, "RECODED": 1, "PIPELINE": 1, "CLASS_ZEROS": 4, "CLASS_SHARE": 40,
    },
    "Booth tree, three stages": {"CORRECTION": 1, "RECODED": 1, "PIPELINE": 3},
}  # fmt: skip
"""The first is the paper's shape: one row for each weight bit, a partial sum of one word. The others keep it in two."""
METHODS = ("w8a8", "left-aligned-w4", "halo-perf")
TRANSITIONS = 200
INT4 = range(-128, 128, 16)


def characterized(folder: Path, liberty: list[Path]) -> dict[str, Path]:
    """Run folders by name of the MAC."""
    pe = [rtl_folder() / "pe" / name for name in ("mac_element.v", "pe_datapath.v")]
    runs = {}
    for number, (name, parameters) in enumerate(MACS.items()):
        runs[name] = folder / f"mac{number}"
        if not runs[name].exists():
            halo.characterize(
                *pe, *mac_sources(), top="mac_element", params=tuple(parameters.items()), liberty=liberty,
                stimulus=f"random:{TRANSITIONS}", run_folder=runs[name],
            )  # fmt: skip
    return runs


def line(name: str, run: Path, first: Path) -> str:
    """A row of the table."""
    table, area = halo.load_table(run), read_record(run).results["area"]
    rows = table.rows().set_index("weight")
    any_ps, int4_ps = rows["period_ps"].max(), rows.loc[list(INT4), "period_ps"].max()
    macs = () if run == first else tuple((method, run) for method in METHODS)
    equal = "size" if run == first else "area"
    scores = halo.score("llama2-7b", table=first, methods=METHODS, macs=macs, equal=equal).to_pandas()
    total = scores[scores["role"] == "total"].set_index("method")
    times = " | ".join(f"{total.loc[method, 'time_ps'] * 1e-12:.3f}" for method in METHODS)
    energies = " | ".join(f"{total.loc[method, 'energy_pj'] * 1e-12:.4g}" for method in METHODS)
    figures = f"{any_ps:,.0f} | {int4_ps:,.0f} | {area:,.1f} | {rows['energy_fj'].mean():,.0f}"
    return f"| {name} | {figures} | {1e6 / (any_ps * area):.4g} | {times} | {energies} |"


def main(arguments: list[str]) -> None:
    """The command."""
    if len(arguments) != 2:
        sys.exit(__doc__)
    runs = characterized(Path(arguments[0]), [Path(name) for name in arguments[1].split(",")])
    first = next(iter(runs.values()))
    for name, run in runs.items():
        print(line(name, run, first), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
