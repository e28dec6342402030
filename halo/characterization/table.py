# SPDX-License-Identifier: Apache-2.0
"""The per-weight table: its rules, its two files, and the clocks that sets of weights allow."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from halo.characterization.classes import FrequencyClass, best_periods
from halo.characterization.columns import COLUMNS, NAMES
from halo.errors import HaloError
from halo.keywords import fitted
from halo.schema import RUN_RECORD, RUN_SCHEMA, read_stamped

CSV, PARQUET = "weights.csv", "weights.parquet"
_CHARACTERIZE_AGAIN = "Take weights.csv as halo characterize wrote it, or characterize again."
_FLOATS = tuple(c.name for c in COLUMNS if c.style not in ("text", "integer"))
_SIGNED = ("voltage_v", "temperature_c")
_ORDERED_TIMES = (("delay_ps", "bound_ps"), ("mean_ps", "delay_ps"))


@dataclass(frozen=True, eq=False)
class WeightTable:
    """One row for each corner and weight, with the columns of ``halo.characterization.columns`` in that order.

    Corners keep their order; within one, weights ascend, and every corner has the same weights. Values hold the
    digits their files hold, so a table read back equals the table written. NaN (or NA) means not computed.

    Raises:
        HaloError: the frame breaks one of these rules, or a value is impossible (negative, infinite, an exact delay
            above its bound).
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", _canonical(self.frame))

    @property
    def corners(self) -> tuple[str, ...]:
        """Corner names in row order."""
        return tuple(dict.fromkeys(self.frame["corner"]))

    @property
    def weights(self) -> tuple[int, ...]:
        """Weight values, ascending."""
        return tuple(int(w) for w in self.rows(self.corners[0])["weight"])

    def to_pandas(self) -> pd.DataFrame:
        """A copy as a DataFrame: floats are float64 with NaN, ``transitions`` is nullable Int64."""
        return self.frame.copy()

    def __repr__(self) -> str:
        first, last = self.weights[0], self.weights[-1]
        return (
            f"<WeightTable: weights {first} to {last}, corner{'s' * (len(self.corners) > 1)} {', '.join(self.corners)}>"
        )

    def _repr_html_(self) -> str:
        """As a notebook shows it: the columns that hold something."""
        return str(self.frame.dropna(axis="columns", how="all").to_html(max_rows=12, index=False))

    def rows(self, corner: str | None = None) -> pd.DataFrame:
        """The rows of one corner (by default the only one), index 0 to W - 1.

        Raises:
            HaloError: no such corner, or several and none named.
        """
        if corner is None:
            if len(self.corners) > 1:
                raise HaloError("the table has several corners", f"Name one of: {', '.join(self.corners)}.")
            corner = self.corners[0]
        rows = self.frame[self.frame["corner"] == corner]
        if rows.empty:
            raise HaloError(f"the table has no corner {corner!r}", f"Name one of: {', '.join(self.corners)}.")
        return rows.reset_index(drop=True)

    def fmax(self, weights: Iterable[int]) -> pd.Series[float]:
        """The highest clock at which all the weights are safe, in GHz, one value per corner (name ``fmax_ghz``).

        Infinite where none of them ever moves an output and nothing else takes time.

        Raises:
            HaloError: no weights, a weight that the table lacks, or one without a period.
        """
        chosen = sorted(set(fitted("WeightTable.fmax", "weights", tuple[int, ...], weights)))
        if not chosen:
            raise HaloError("no weight is given", "Name at least one weight.")
        clocks = [float(self._clocks(corner, chosen).min()) for corner in self.corners]
        return pd.Series(clocks, index=pd.Index(self.corners, name="corner"), name="fmax_ghz")

    def classes(
        self, n: int | None = None, *, targets_ghz: Iterable[float] | None = None, corner: str | None = None
    ) -> tuple[FrequencyClass, ...]:
        """Frequency classes: nested sets of weights, each with its safe clock, from the slowest (all) to the fastest.

        Args:
            n: number of classes. Their clocks are those that lose least: the sum over all weights of (period of the
                fastest class that holds the weight - its own period) is smallest. Fewer where fewer clocks differ.
            targets_ghz: instead, one class for each clock asked for: every weight that is safe at it. Its
                ``fmax_ghz`` is what its slowest weight allows, at least the target. Targets that admit the same
                weights give one class.
            corner: the corner; may be left out where there is only one.

        Raises:
            HaloError: neither or both of n and targets, no weight reaches a target, or periods were not computed.
        """
        n = fitted("WeightTable.classes", "n", int | None, n)
        targets_ghz = fitted("WeightTable.classes", "targets_ghz", tuple[float, ...] | None, targets_ghz)
        weights = np.array(self.weights, dtype=np.int64)
        name = str(self.rows(corner)["corner"].iloc[0])
        clocks = self._clocks(name, self.weights)
        if (n is None) == (targets_ghz is None):
            raise HaloError("classes need either a number or target clocks", "Give n=3, or targets_ghz=[1.9, 2.4].")
        if n is not None:
            if n < 1:
                raise HaloError(f"{n} classes cannot be made", "Ask for one or more.")
            thresholds = [1.0 / p if p > 0 else np.inf for p in best_periods(1.0 / clocks, n)]
        else:
            thresholds = sorted(targets_ghz or ())
            if not thresholds or thresholds[-1] > clocks.max():
                what = f"no weight reaches {thresholds[-1]:g} GHz" if thresholds else "no target clock is given"
                raise HaloError(what, f"Give clocks up to {_below(clocks.max())} GHz, that of the fastest weight.")
        slack = 1.0 - 1e-12  # a threshold that is the reciprocal of a reciprocal may be one rounding above its clock
        found = [weights[clocks >= threshold * slack] for threshold in thresholds]
        made = [FrequencyClass(float(clocks[np.isin(weights, s)].min()), tuple(int(w) for w in s)) for s in found]
        return tuple(sorted(set(made), key=lambda c: c.fmax_ghz))

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write ``weights.csv`` and ``weights.parquet``; the same table gives the same bytes.

        Returns:
            The two paths.
        """
        csv, parquet = folder / CSV, folder / PARQUET
        csv.write_text(self.to_csv(), encoding="utf-8", newline="\n")
        self.frame.to_parquet(parquet, engine="pyarrow", compression="zstd", index=False)
        return csv, parquet

    def to_csv(self) -> str:
        """The text of ``weights.csv``: fixed formats, an empty field where nothing was computed."""
        texts = pd.DataFrame({c.name: _formatted(self.frame[c.name], c.style) for c in COLUMNS})
        return texts.to_csv(index=False, lineterminator="\n")

    def _clocks(self, corner: str, weights: Iterable[int]) -> npt.NDArray[np.float64]:
        """Highest clock of each weight in GHz; infinite where the period is zero."""
        rows = self.rows(corner).set_index("weight")
        missing = [w for w in weights if w not in rows.index]
        if missing:
            raise HaloError(
                f"the table has no weight {missing[0]}",
                f"Name weights from {rows.index.min()} to {rows.index.max()}.",
            )
        periods = rows.loc[list(weights), "period_ps"].to_numpy(dtype=np.float64)
        if np.isnan(periods).any():
            raise HaloError(f"corner {corner} has weights without a period", "Characterize with a timing method.")
        exact = rows.loc[list(weights), "fmax_ghz"].to_numpy(dtype=np.float64)
        return np.where(periods == 0.0, np.inf, exact)


def corner_rows(
    corner: str,
    voltage_v: float,
    temperature_c: float,
    weights: npt.ArrayLike,
    columns: Mapping[str, npt.ArrayLike | float | int],
) -> pd.DataFrame:
    """Rows of one corner for ``WeightTable(pd.concat(rows))``; columns left out stay empty.

    Args:
        corner, voltage_v, temperature_c: written to every row.
        weights: int[W].
        columns: column name to one value per weight [W], or one for all; in the column's unit.

    Raises:
        KeyError: a name is no column of the table.
    """
    values = np.asarray(weights, dtype=np.int64)
    frame = pd.DataFrame({"corner": corner, "voltage_v": voltage_v, "temperature_c": temperature_c, "weight": values})
    for name in NAMES[4:]:
        frame[name] = np.broadcast_to(np.asarray(columns.get(name, np.nan), dtype=np.float64), values.shape)
    unknown = set(columns) - set(NAMES[4:])
    if unknown:
        raise KeyError(f"no such column: {sorted(unknown)[0]}")
    return frame


def load_table(path: str | Path) -> WeightTable:
    """Read a table from a run folder, a ``.csv`` or a ``.parquet``.

    Raises:
        HaloError: nothing there, a run whose record is damaged or of another version, not a table, or a table that
            breaks a rule of ``WeightTable``.
    """
    path = Path(fitted("halo.load_table", "path", Path, path))
    file = path / CSV if path.is_dir() else path
    if not file.is_file():
        fix = "Give a run folder of halo characterize, its weights.csv or its weights.parquet."
        raise HaloError("no table of weights here" if path.is_dir() else "there is no such file", fix, path)
    if path.is_dir() and (path / RUN_RECORD).is_file():
        read_stamped(path / RUN_RECORD, newest=RUN_SCHEMA, again="Characterize again, or give its weights.csv alone.")
    try:
        if file.suffix == ".parquet":
            frame = pd.read_parquet(file, engine="pyarrow")
        else:
            text = io.StringIO(file.read_text(encoding="utf-8"))
            frame = pd.read_csv(text, dtype={"corner": "string"}, keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise HaloError(f"not a table of weights: {_first_line(error)}", _CHARACTERIZE_AGAIN, file) from error
    try:
        return WeightTable(frame)
    except HaloError as error:
        raise HaloError(error.what, error.fix, file, error.line) from error


def _canonical(frame: pd.DataFrame) -> pd.DataFrame:
    if tuple(frame.columns) != NAMES:
        odd = [c for c in NAMES if c not in frame.columns] + [str(c) for c in frame.columns if c not in NAMES]
        what = f"column {odd[0]!r} is missing or unknown" if odd else "the columns stand in another order"
        raise HaloError(what, f"{_CHARACTERIZE_AGAIN} The columns are: {', '.join(NAMES)}.")
    if frame.empty:
        raise HaloError("the table has no rows", _CHARACTERIZE_AGAIN)
    read = pd.DataFrame({c.name: _typed(frame[c.name].reset_index(drop=True), c.name, c.style) for c in COLUMNS})
    for column in COLUMNS:
        if column.required and read[column.name].isna().any():
            _reject(read[column.name].isna(), f"{column.name} is empty")
    _check_values(read)
    _check_order(read)
    return read


def _typed(values: pd.Series, name: str, style: str) -> pd.Series:
    if style == "text":
        return values.astype("string").astype(object)
    try:
        numbers = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise HaloError(f"{name} is no number: {_first_line(error)}", _CHARACTERIZE_AGAIN) from error
    if style != "integer":
        written = [float(format(v, style)) for v in numbers]
        return pd.Series(np.array(written, dtype=np.float64) + 0.0)
    if (numbers[~np.isnan(numbers)] % 1 != 0).any():
        _reject(pd.Series(numbers % 1 != 0), f"{name} is no whole number")
    return pd.Series(numbers).astype("Int64") if name == "transitions" else _weights(numbers)


def _weights(numbers: npt.NDArray[np.float64]) -> pd.Series:
    if np.isnan(numbers).any():
        _reject(pd.Series(np.isnan(numbers)), "weight is empty")
    return pd.Series(numbers.astype(np.int64))


def _check_values(frame: pd.DataFrame) -> None:
    for name in _FLOATS:
        if np.isinf(frame[name]).any():
            _reject(np.isinf(frame[name]), f"{name} is infinite")
        if name not in _SIGNED and (frame[name] < 0).any():
            _reject(frame[name] < 0, f"{name} is negative")
    for lower, upper in _ORDERED_TIMES:
        above = frame[lower] > frame[upper] + 0.0011  # one femtosecond, and the rounding of either
        if above.any():
            _reject(above, f"{lower} is above {upper}")
    if (frame["glitch_energy_fj"] > frame["energy_fj"] * (1 + 1e-6)).any():
        _reject(frame["glitch_energy_fj"] > frame["energy_fj"] * (1 + 1e-6), "glitch_energy_fj is above energy_fj")
    wrong = frame["fmax_ghz"].isna() != (frame["period_ps"].isna() | (frame["period_ps"] == 0))
    if wrong.any():
        _reject(wrong, "fmax_ghz and period_ps do not go together")
    known = frame["fmax_ghz"].notna()
    apart = known & ((frame["fmax_ghz"] * frame["period_ps"] / 1e3 - 1.0).abs() > 1e-3)
    if apart.any():
        _reject(apart, "fmax_ghz is not 1 / period_ps")


def _check_order(frame: pd.DataFrame) -> None:
    corners = list(dict.fromkeys(frame["corner"]))
    weights = frame.loc[frame["corner"] == corners[0], "weight"].to_numpy()
    if (np.diff(weights) <= 0).any():
        raise HaloError("weights do not ascend, or one appears twice", _CHARACTERIZE_AGAIN)
    expected = [(corner, weight) for corner in corners for weight in weights]
    if list(zip(frame["corner"], frame["weight"], strict=True)) != expected:
        raise HaloError("corners are mixed, or do not hold the same weights in the same order", _CHARACTERIZE_AGAIN)
    if len(frame[["corner", "voltage_v", "temperature_c"]].drop_duplicates()) != len(corners):
        raise HaloError("a corner has two voltages or temperatures", _CHARACTERIZE_AGAIN)


def _reject(where: pd.Series, what: str) -> None:
    """Raise at the first marked row; its line in weights.csv counts the header as line 1."""
    raise HaloError(what, _CHARACTERIZE_AGAIN, line=int(np.flatnonzero(where.to_numpy())[0]) + 2)


def _formatted(values: pd.Series, style: str) -> list[str]:
    if style == "text":
        return [str(v) for v in values]
    if style == "integer":
        return ["" if v is pd.NA else str(int(v)) for v in values]
    return ["" if np.isnan(v) else format(v, style) for v in values]


def _below(value: float) -> str:
    """Four digits, rounded down, so that they may be asked for."""
    if not np.isfinite(value) or value <= 0:
        return f"{value:g}"
    step = 10.0 ** (np.floor(np.log10(value)) - 3)
    return f"{np.floor(value / step) * step:.4g}"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
