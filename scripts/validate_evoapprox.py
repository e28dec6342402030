# SPDX-License-Identifier: Apache-2.0
"""Area, delay and function of published multipliers against what their authors' tools printed.

    python scripts/validate_evoapprox.py DIR [cells.lib] [energy]     # or the environment variable HALO_EVOAPPROX

DIR is a checkout of https://github.com/ehw-fit/evoapprox8b: 505 unsigned 8 x 8 multipliers, mapped to the OSU 0.18 um
cells. Each file's head holds its area, delay and power and its largest and mean error. The cells have a prefix there
that was put in by replacing text, and again in what it had put in; it is taken out before the netlist is read.
Delay is that of static timing with nothing held. Power is from the mean activity of random operands without delays, at
a rate of our own. ``energy`` also compares the energy of event simulation, glitches included, which takes ten minutes.
Fails if an area or, of a netlist without multiplexers, an error differs: the library's MUX2X1
inverts, and the one that the published errors are of does not.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

import halo
from halo.liberty import read_corner
from halo.liberty.model import Library
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, evaluate, read_port
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist
from halo.power.average import average_power
from halo.timing.delaycalc import DelayCalculator
from halo.timing.static.timer import static_arrivals

OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
PREFIX = "PDKGEN"
SLEW_PS, LOAD_FF = 74.56, 8.829
"""At the ports: a DFFPOSX1 of the library that drives four others, and the data pin of one."""
PATTERNS = 4096
"""Random operands behind the power."""
HEAD = {
    "area": r"Area   \(180\)",
    "delay_ns": r"Delay  \(180\)",
    "power": r"Power  \(180\)",
    "mean": "MAE",
    "worst": "WCE",
}


@dataclass(frozen=True)
class Figures:
    """Of one multiplier: area in the library's units, delay in ns, mean and worst error of the product, power.

    Power is in uW; ours with 10^9 random operands a second, the published one under conditions that are not known.
    """

    area: float
    delay_ns: float
    mean: float
    worst: float
    power: float


def multipliers(folder: Path) -> list[Path]:
    """The netlists of the 0.18 um cells below a folder."""
    return sorted(path for path in folder.rglob("mul8_*.v") if not path.stem.endswith("_pdk45"))


def published(text: str) -> Figures:
    """What the head of a file says."""
    found = {name: re.search(rf"^// {label} = ([\d.]+)", text, re.MULTILINE) for name, label in HEAD.items()}
    return Figures(**{name: float(match[1]) for name, match in found.items() if match is not None})


def with_library_names(text: str) -> str:
    """The netlist with its cells called as in the library."""
    while PREFIX in text:
        text = text.replace(PREFIX, "")
    return text


def errors(circuit: Circuit) -> tuple[float, float]:
    """Mean and largest distance of the gates' product from the exact one, over all operands."""
    a, b = (axis.ravel() for axis in np.meshgrid(np.arange(256), np.arange(256)))
    nets = evaluate(circuit, drive_port(circuit.netlist, "A", a) | drive_port(circuit.netlist, "B", b))
    distance = np.abs(read_port(circuit.netlist, nets, "O", signed=False) - a * b)
    return float(distance.mean()), float(distance.max())


def power_uw(circuit: Circuit, library: Library) -> float:
    """Switching and internal power at 10^9 random operands a second, each net changing once or not at all."""
    random = np.random.default_rng(1)
    a, b = random.integers(0, 256, (2, PATTERNS))
    values = evaluate(circuit, drive_port(circuit.netlist, "A", a) | drive_port(circuit.netlist, "B", b))
    slew_s, load_f = SLEW_PS * 1e-12, LOAD_FF * 1e-15
    calculator = DelayCalculator(circuit, library, input_slew_s=slew_s, output_load_f=load_f, clock_slew_s=slew_s)
    toggles = (values[:, 1:] != values[:, :-1]).mean(axis=1) * 1e9
    found = average_power(circuit, library, calculator.delays(), toggles, values.mean(axis=1))
    assert found.internal_w is not None
    return float(found.switching_w.sum() + found.internal_w.sum()) * 1e6


def ours(netlist: Path, library: Library) -> tuple[Figures, bool]:
    """Our figures of a netlist, and whether it has multiplexers."""
    read = read_netlist(netlist, None, library.cells)
    circuit = compile_circuit(read, library, {})
    arrivals = static_arrivals(circuit, library, case={}, input_slew_s=SLEW_PS * 1e-12, output_load_f=LOAD_FF * 1e-15)
    area = sum(library.cells[instance.cell].area for instance in read.instances)
    muxes = any(instance.cell == "MUX2X1" for instance in read.instances)
    return Figures(area, float(arrivals.delay_s[0]) * 1e9, *errors(circuit), power_uw(circuit, library)), muxes


def energy_fj(netlist: Path, liberty: Path) -> float:
    """Mean energy of a change of operand A at 32 random values of B, 256 changes each."""
    table = halo.characterize(
        netlist=netlist,
        liberty=liberty,
        weight="B",
        activation="A",
        output="O",
        weights="random:32",
        stimulus="random:256",
        input_slew_ps=SLEW_PS,
        output_load_ff=LOAD_FF,
    )
    return float(table.rows()["energy_fj"].mean())


def compared(folder: Path, liberty: Path, *, energies: bool = False) -> Iterator[tuple[Figures, Figures, bool, float]]:
    """For each netlist: published figures, ours, whether it has multiplexers, and its energy or 0.

    Args:
        folder: with the netlists.
        liberty: of the cells.
        energies: whether to simulate.
    """
    library = read_corner((liberty,))
    with tempfile.TemporaryDirectory(prefix="halo-evoapprox-") as scratch:
        for path in multipliers(folder):
            text = path.read_text(encoding="utf-8")
            own = Path(scratch) / path.name
            own.write_text(with_library_names(text), encoding="utf-8")
            yield published(text), *ours(own, library), energy_fj(own, liberty) if energies else 0.0


def correlations(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Pearson's and Spearman's."""
    return float(stats.pearsonr(ours, theirs).statistic), float(stats.spearmanr(ours, theirs).statistic)


def main(arguments: Sequence[str]) -> None:
    """The command."""
    energies = "energy" in arguments
    names = [name for name in arguments if name != "energy"] or list(filter(None, [os.environ.get("HALO_EVOAPPROX")]))
    if not 1 <= len(names) <= 2 or not multipliers(Path(names[0])):
        sys.exit(__doc__)
    rows = list(compared(Path(names[0]), Path(names[1]) if len(names) > 1 else OSU018, energies=energies))
    plain = [(theirs, own) for theirs, own, muxes, _ in rows if not muxes]
    areas = sum(theirs.area == own.area for theirs, own, _, _ in rows)
    same = sum(abs(theirs.mean - own.mean) < 6e-6 and theirs.worst == own.worst for theirs, own in plain)
    delays = [own.delay_ns for _, own, _, _ in rows], [theirs.delay_ns for theirs, *_ in rows]
    slope, offset = np.polyfit(delays[1], delays[0], 1)
    residual = np.std(np.array(delays[0]) - slope * np.array(delays[1]) - offset)
    print(f"area: {areas} of {len(rows)} equal")
    print(f"mean and largest error, netlists without multiplexers: {same} of {len(plain)} equal")
    print("delay: Pearson {:.4f}, Spearman {:.4f};".format(*correlations(*delays)), end=" ")
    print(f"ours = {slope:.3f} x published {offset:+.3f} ns, residual {residual * 1e3:.0f} ps")
    power = [own.power for _, own, _, _ in rows], [theirs.power for theirs, *_ in rows]
    print("power, no glitches: Pearson {:.4f}, Spearman {:.4f}".format(*correlations(*power)))
    if energies:
        power = [energy for *_, energy in rows], [theirs.power for theirs, *_ in rows]
        print(
            "energy with glitches, over published power: Pearson {:.4f}, Spearman {:.4f}".format(*correlations(*power))
        )
    if areas < len(rows) or same < len(plain):
        sys.exit("error: areas or errors differ")


if __name__ == "__main__":
    main(sys.argv[1:])
