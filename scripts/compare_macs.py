# SPDX-License-Identifier: Apache-2.0
"""What weight-aware clocks are worth against other MACs: the table of docs/validation.md, a library a call.

    python scripts/compare_macs.py FOLDER cells.lib[,more.lib...]

Characterizes registered MACs (mac_element and pair_element of rtl/pe) into FOLDER, unless they are there, and scores
the prefill of LLaMA-2-7B on arrays whose MACs take as much area as 128 x 128 of the first. Takes minutes.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import halo
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.flow.runs.provenance import read_record

TREE = {"CORRECTION": 1, "RECODED": 1}
PLAIN = {"PIPELINE": 0, "RECODED": 0, "CORRECTION": 0, "CLASS_ZEROS": 0, "CLASS_SHARE": 0}
"""Of mac_element, where nothing else is said: a plain element, which its defaults are not."""


@dataclass(frozen=True)
class Mac:
    """An element: its parameters, and how its gates take weights of eight and of four bits.

    Attributes:
        parameters: of ``mac_element``, or of ``pair_element``.
        passes: clocks of a weight of eight bits.
        lanes: weights of four bits a clock; 2: a pair_element, with a run for each of its modes.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    passes: int = 1
    lanes: int = 1


MACS = {
    "carry-save array": Mac({"MULTIPLIER": "csa_array", "CARRY_SAVE": 0}),
    "Booth tree": Mac(TREE | {"SEED": 2}),
    "Booth tree, INT4 rows last": Mac(TREE | {"PIPELINE": 1, "CLASS_ZEROS": 4, "CLASS_SHARE": 40}),
    "Booth tree, three stages": Mac(TREE | {"PIPELINE": 3}),
    "4-bit weight, Booth tree": Mac(TREE | {"WEIGHT_WIDTH": 4, "SEED": 7}, passes=2),
    "4-bit weight, three stages": Mac(TREE | {"WEIGHT_WIDTH": 4, "PIPELINE": 3}, passes=2),
    "two 4-bit weights, Booth tree": Mac(TREE | {"SEED": 10}, lanes=2),
    "two 4-bit weights, three stages": Mac(TREE | {"PIPELINE": 3}, lanes=2),
}
"""The first is the paper's shape: one row for each weight bit, a partial sum of one word. The others keep it in two."""
METHODS = ("w8a8", "left-aligned-w4", "halo-perf")
TRANSITIONS = 200
INT4 = range(-128, 128, 16)
PAIRS = {"ties": (("pair_i", 1),)}
WHOLE = {"ties": (("pair_i", 0), ("activation_i[15:8]", 0)), "activation": "activation_i[7:0]"}


def characterized(folder: Path, liberty: list[Path]) -> dict[str, tuple[Path, ...]]:
    """Run folders by name of the MAC; of an element that takes pairs, that of whole weights and that of pairs."""
    runs = {}
    for number, (name, mac) in enumerate(MACS.items()):
        first = folder / f"mac{number}"
        modes = {first: WHOLE, folder / f"mac{number}-pairs": PAIRS} if mac.lanes > 1 else {first: {}}
        top = "pair_element" if mac.lanes > 1 else "mac_element"
        parameters = mac.parameters if mac.lanes > 1 else PLAIN | mac.parameters
        sources = [*(rtl_folder() / "pe" / f"{module}.v" for module in (top, "pe_datapath")), *mac_sources()]
        for run, mode in modes.items():
            if not run.exists():
                halo.characterize(
                    *sources, top=top, params=tuple(parameters.items()), liberty=liberty,
                    stimulus=f"random:{TRANSITIONS}", run_folder=run, **mode,
                )  # fmt: skip
        runs[name] = tuple(modes)
    return runs


def line(name: str, runs: tuple[Path, ...], first: Path) -> str:
    """A row of the table."""
    mac, area = MACS[name], read_record(runs[0]).results["area"]
    rows, low = (halo.load_table(run).rows().set_index("weight") for run in (runs[0], runs[-1]))
    if mac.passes == 1 and mac.lanes == 1:
        low = rows.loc[list(INT4)]
    any_ps, int4_ps = rows["period_ps"].max(), low["period_ps"].max()
    own = () if runs[0] == first else tuple((method, run) for method in METHODS for run in _runs(method, runs))
    equal = "area" if own else "size"
    scores = halo.score("llama2-7b", table=first, methods=METHODS, macs=own, equal=equal).to_pandas()
    total = scores[scores["role"] == "total"].set_index("method")
    times = " | ".join(f"{total.loc[method, 'time_ps'] * 1e-12:.3f}" for method in METHODS)
    energies = " | ".join(f"{total.loc[method, 'energy_pj'] * 1e-12:.4g}" for method in METHODS)
    fj = f"{rows['energy_fj'].mean() * mac.passes:,.0f} | {low['energy_fj'].mean() / mac.lanes:,.0f}"
    rates = f"{1e9 / (any_ps * area * mac.passes):,.1f} | {1e9 * mac.lanes / (int4_ps * area):,.1f}"
    return f"| {name} | {any_ps:,.0f} | {int4_ps:,.0f} | {area:,.1f} | {fj} | {rates} | {times} | {energies} |"


def _runs(method: str, runs: tuple[Path, ...]) -> tuple[Path, ...]:
    """Those that a method needs: pairs are of weights of four bits."""
    return runs[:1] if method == "w8a8" else runs


def main(arguments: list[str]) -> None:
    """The command."""
    if len(arguments) != 2:
        sys.exit(__doc__)
    runs = characterized(Path(arguments[0]), [Path(name) for name in arguments[1].split(",")])
    first = next(iter(runs.values()))[0]
    for name, own in runs.items():
        print(line(name, own, first), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
