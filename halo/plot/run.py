# SPDX-License-Identifier: Apache-2.0
"""All figures of a run folder, redrawn at once.

Tests: tests/plot/test_figures.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from halo.characterization.histograms import load_histograms
from halo.characterization.table import WeightTable, load_table
from halo.errors import HaloError
from halo.flow.runs.provenance import RunRecord, read_record, require_own
from halo.flow.runs.runfolder import replaced_part
from halo.keywords import fitted
from halo.plot.delays import delay_histograms, delay_map, telling_weights
from halo.plot.explore import exploration_figures
from halo.plot.quantized_run import quantized_figures
from halo.plot.score_run import score_figures
from halo.plot.style import signed
from halo.plot.voltage import delay_across_voltage
from halo.plot.weights import energy_per_weight, frequency_per_weight

PLOTS = "plots"
HISTOGRAMS = "histograms.npz"


def draw_run(run_folder: str | Path, layers: Sequence[str] = (), model: Path | None = None) -> list[Path]:
    """Draw every figure for which the run has numbers, into ``plots/``; the old ones stay until the new are complete.

    Of a run of ``halo characterize`` one file for each figure and corner: ``frequency_per_weight.png``, with several
    corners ``frequency_per_weight.CORNER.png``. Of ``halo explore``, ``halo quantize`` and ``halo score``
    as ``halo.plot.explore``, ``halo.plot.quantized_run`` and ``halo.plot.score_run`` say.

    Args:
        run_folder: of ``halo characterize``, ``halo explore``, ``halo quantize`` or ``halo score``.
        layers, model: of a quantized one.

    Returns:
        The paths, in order of drawing.

    Raises:
        HaloError: no run folder, one of another command, damaged files, or the folder cannot be written.
    """
    home: Path = fitted("halo.plot.draw_run", "run_folder", Path, run_folder)
    layers = fitted("halo.plot.draw_run", "layers", tuple[str, ...], layers)
    model = fitted("halo.plot.draw_run", "model", Path | None, model)
    record = read_record(home)
    if record.command == "quantize":
        figures = quantized_figures(home, record, layers, model)
    elif layers or model is not None:
        fix = "Leave out --layers and --model."
        raise HaloError(f"a run of halo {record.command} has no layers to draw", fix, home)
    elif record.command == "score":
        figures = score_figures(home)
    elif record.command == "explore":
        figures = exploration_figures(home)
    elif record.command != "characterize":
        raise HaloError(f"halo plot draws no run of halo {record.command}", "Give another run.", home)
    else:
        require_own(record, home, fix="Characterize again, or put back the file that the run wrote.")
        figures = figures_of(home, load_table(home), record)
    with replaced_part(home / PLOTS) as folder:
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png")
            plt.close(figure)
    return [home / PLOTS / f"{name}.png" for name in figures]


def figures_of(run_folder: Path, table: WeightTable, record: RunRecord) -> dict[str, Figure]:
    """The figures by file name without ending."""
    stored = run_folder / HISTOGRAMS
    histograms = load_histograms(stored) if stored.is_file() else {}
    figures: dict[str, Figure] = {}
    for corner in table.corners:
        suffix = f".{corner}" if len(table.corners) > 1 else ""
        rows, subject = table.rows(corner), subject_of(record, table, corner)
        if rows["fmax_ghz"].notna().any():
            figures[f"frequency_per_weight{suffix}"] = frequency_per_weight(
                table, corner, subject, clock_note(record, corner)
            )
        if rows["energy_fj"].notna().any():
            figures[f"energy_per_weight{suffix}"] = energy_per_weight(table, corner, subject)
        if corner in histograms:
            weights = [w for w in telling_weights(table, corner) if w in histograms[corner].weights]
            if weights:
                figures[f"delay_histograms{suffix}"] = delay_histograms(
                    table, histograms[corner], weights, corner, subject
                )
            if len(histograms[corner].activations):
                figures[f"delay_map{suffix}"] = delay_map(table, histograms[corner], corner, subject)
    if table.frame["voltage_v"].nunique() > 1:
        figures["delay_across_voltage"] = delay_across_voltage(table, design_of(record))
    return figures


def subject_of(record: RunRecord, table: WeightTable, corner: str) -> str:
    """Design, corner, and its voltage and temperature where they are known, for a title."""
    row = table.rows(corner).iloc[0].dropna()
    said = [design_of(record), corner]
    if "voltage_v" in row:
        said.append(f"{row['voltage_v']:g} V")
    if "temperature_c" in row:
        said.append(f"{signed(row['temperature_c'])} °C")
    return ", ".join(said)


def clock_note(record: RunRecord, corner: str) -> str:
    """What the clock rests on and includes, in the run's words; empty for a run of 0.1.0, which did not keep them."""
    return " ".join(record.results.get("clock", {}).get(corner, ()))


def design_of(record: RunRecord) -> str:
    """Name of the module characterized."""
    return str(record.results.get("design") or record.config.get("top") or "MAC")
