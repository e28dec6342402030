# SPDX-License-Identifier: Apache-2.0
"""Characterize every MAC family in ``rtl/mac`` on the OSU 0.18 um cells and rewrite the table in ``rtl/README.md``.

    python scripts/refresh_rtl_table.py

Takes some minutes. Activations are sampled, so clocks rest on the settle bound and hold for every activation and
partial sum; energies are means over the sample, the same in every run.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import halo

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "rtl" / "README.md"
LIBRARY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
FAMILIES = ("csa_array", "booth_r4", "baugh_wooley", "sign_magnitude", "behavioural")
SAMPLES = 256
HEAD = ("module", "cells", "area µm²", "clock MHz", "x16 MHz", "x32 MHz", "energy pJ", "x32 pJ")


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        module: its name.
        cells, area_um2: number of cells, and the sum of their areas in the library.
        clock_mhz: safe for every weight, for multiples of 16, and for multiples of 32.
        energy_pj: mean of a transition over all weights, and over multiples of 32 but 0.
    """

    module: str
    cells: int
    area_um2: float
    clock_mhz: tuple[float, float, float]
    energy_pj: tuple[float, float]

    def line(self) -> str:
        """As in the table: clocks in whole MHz, energies with three digits."""
        clocks = (f"{clock:.0f}" for clock in self.clock_mhz)
        energies = (f"{energy:#.3g}" for energy in self.energy_pj)
        cells = (f"`{self.module}`", f"{self.cells:,}", f"{self.area_um2:,.0f}", *clocks, *energies)
        return f"| {' | '.join(cells)} |\n"


def measure(module: str) -> Row:
    """Characterize one module, 8-bit operands and 24-bit sums as its parameters have them."""
    sources = sorted((ROOT / "rtl" / "mac").glob("*.v"))
    with tempfile.TemporaryDirectory(prefix="halo-rtl-") as scratch:
        run = Path(scratch) / "run"
        table = halo.characterize(
            *sources,
            top=module,
            liberty=LIBRARY,
            stimulus=f"random:{SAMPLES}",
            psum_samples=SAMPLES,
            run_folder=run,
        )
        results = json.loads((run / "run.json").read_text(encoding="utf-8"))["results"]
    every, sixteens, fast = (1e3 * float(table.fmax(range(-128, 128, step)).iloc[0]) for step in (1, 16, 32))
    energy = table.rows().set_index("weight")["energy_fj"] * 1e-3
    energies = (float(energy.mean()), float(energy[[w for w in range(-128, 128, 32) if w]].mean()))
    return Row(module, sum(results["cells"].values()), results["area"], (every, sixteens, fast), energies)


def modules() -> tuple[str, ...]:
    """Every multiplier, then every MAC."""
    return tuple(f"{kind}_{family}" for kind in ("mul", "mac") for family in FAMILIES)


def main() -> None:
    """The command."""
    lines = [f"| {' | '.join(HEAD)} |\n", f"| {' | '.join(['---', *['---:'] * (len(HEAD) - 1)])} |\n"]
    lines += [measure(module).line() for module in modules()]
    text = PAGE.read_text(encoding="utf-8")
    marked = r"(<!-- begin families -->\n).*?(<!-- end families -->)"
    made = re.sub(marked, lambda match: match[1] + "".join(lines) + match[2], text, flags=re.DOTALL)
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
