# SPDX-License-Identifier: Apache-2.0
"""Weights of methods in elements of four bits and in those that take pairs: operands, clocks and energies by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import halo
from halo.characterization.table import WeightTable, corner_rows
from halo.dvfs.periods import ELEMENT_SHARE, AssumedPeriods
from halo.errors import HaloError
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.flow.runs.provenance import RunRecord
from halo.flow.score import ScoreConfig, ScoreResult, score_model
from halo.flow.scoring import macs
from halo.flow.scoring.element_modes import PAIR_ZERO, Modes
from halo.flow.scoring.macs import multiplier_clocks
from halo.flow.scoring.methods import ValueSet, WeightFormat
from halo.progress import silent

HALF, PAIRS = Modes(frozenset({"half"}), "half"), Modes(frozenset({"pairs"}), "pairs")
BOTH = Modes(frozenset({"pairs", "whole"}), "both")


def written(folder: Path, weights: range, energies: np.ndarray, **results: object) -> Path:
    """A run with the energies (fJ) of these operands, a period of 1 ns and no leakage; its table alone says clocks."""
    folder.mkdir()
    columns = {"period_ps": 1000.0, "fmax_ghz": 1.0, "energy_fj": energies, "glitch_energy_fj": 0.0, "leakage_nw": 0.0}
    WeightTable(corner_rows("tt", 1.0, 25.0, list(weights), columns)).write(folder)
    if results:
        told = {"registers": 9, "design": "x", "area": 1.0, **results}
        RunRecord("characterize", "", {}, (), {}, (), told, {}, "", 0.0, "", "").write(folder)
    return folder


@pytest.fixture
def no_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables made here name no gates, so their periods are assumed as those of a bare table."""
    monkeypatch.setattr(macs, "table_periods", lambda path, report, element: AssumedPeriods(ELEMENT_SHARE))


def layer(*sets: ValueSet) -> WeightFormat:
    return WeightFormat(sets, tuple(1 / len(sets) for _ in sets), 4.0)


def test_operands_of_four_bits() -> None:
    shifted = layer(ValueSet("a", (-128, 16), (3, 1)), ValueSet("b", (0, 32)))
    assert [own.values for own in HALF.held(shifted).sets] == [(-8, 1), (0, 2)]
    assert HALF.held(shifted).sets[0].counts == (3, 1) and HALF.held(shifted).passes == 1
    assert HALF.held(layer(ValueSet("a", (-8, 7)))).sets[0].values == (-8, 7)
    # 127 = 16 * 7 + 7 + 8 twice; -128 = 16 * -8 - 8 + 8; 9 = 16 * 0 + 1 + 8.
    wide = HALF.held(layer(ValueSet("a", (-128, 9, 127), (1, 1, 2))))
    assert wide.passes == 2 and wide.sets[0].name == "a in two passes"
    counts = dict(zip(wide.sets[0].values, wide.sets[0].counts or (), strict=True))
    assert counts == {-8: 2, 0: 1, 1: 1, 7: 4}
    # Shifted in one set and not in the other: there is no common scale.
    assert HALF.held(layer(ValueSet("a", (16, 32)), ValueSet("b", (1,)))).passes == 2


def test_operands_in_pairs() -> None:
    own = layer(ValueSet("a", (-2, 1), (3, 1)))
    # {high, low}: -2 is 1110, so {-2, -2} is 1110 1110 = -18, {-2, 1} -31, {1, -2} 30, {1, 1} 17.
    found = PAIRS.held(own)
    assert (found.lanes, found.passes) == (2, 1)
    assert dict(zip(found.sets[0].values, found.sets[0].counts or (), strict=True)) == {-31: 3, -18: 9, 17: 1, 30: 3}
    assert BOTH.held(own).sets[0].values == tuple(PAIR_ZERO + w for w in (-31, -18, 17, 30))
    whole = layer(ValueSet("a", (-128, 127)))
    assert BOTH.held(whole) is whole
    with pytest.raises(HaloError, match="more than four bits"):
        PAIRS.held(whole)


def scored(table: Path, folder: Path, methods: tuple[str, ...], *own: tuple[str, Path]) -> ScoreResult:
    """On 32 x 32 elements, memory never waited for."""
    options = {"arch": "systolic-32", "context": 64, "compute_bound": True}
    return score_model(ScoreConfig("opt-1.3b", table, folder, methods=methods, macs=own, **options), silent)  # type: ignore[arg-type]


def linear(result: ScoreResult, method: str) -> pd.Series:
    """The first linear layer, 2048 x 2048 weights."""
    rows = result.rows
    return rows[(rows["method"] == method) & (rows["layer"].str.contains("block 0 q"))].iloc[0]


@pytest.mark.usefixtures("no_gates")
def test_two_passes_cost_the_clocks_and_the_energy_of_both(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", range(-128, 128), np.full(256, 10.0))
    half = written(tmp_path / "half", range(-8, 8), np.arange(16.0))  # mean 7.5 fJ
    own = (("w8a8", half), ("left-aligned-w4", half))
    plain = scored(whole, tmp_path / "a", ("w8a8", "left-aligned-w4"))
    narrow = scored(whole, tmp_path / "b", ("w8a8", "left-aligned-w4"), *own)
    loads = 64 * 64  # of 32 x 32 weights; 64 clocks each
    for method, passes in (("w8a8", 2), ("left-aligned-w4", 1)):
        first, second = linear(plain, method), linear(narrow, method)
        assert second["cycles"] - first["cycles"] == (passes - 1) * loads * 64
        # The elements' own share comes on top in every clock: a table without a record has no registers.
        assert second["macs"] == first["macs"] == 64 * 2048 * 2048
    said = " ".join(narrow.assumptions)
    assert "w8a8: weights of more than four bits, such as the KV cache, take two passes" in said
    assert "two passes" not in " ".join(plain.assumptions)


@pytest.mark.usefixtures("no_gates")
def test_energies_of_parts_and_pairs(tmp_path: Path) -> None:
    recorded = {"roles": {"lanes": 1}}
    half = written(tmp_path / "half", range(-8, 8), np.arange(16.0), **recorded)
    whole = written(tmp_path / "whole", range(-128, 128), np.full(256, 10.0), **recorded)
    pairs = written(tmp_path / "pairs", range(-128, 128), np.full(256, 12.0), roles={"lanes": 2})
    methods = ("w8a8", "left-aligned-w4")
    narrow = scored(half, tmp_path / "a", methods)
    both = scored(whole, tmp_path / "b", methods, ("left-aligned-w4", pairs), ("left-aligned-w4", whole))
    products = 64 * 2048 * 2048
    # Every part is as likely: 7.5 fJ a pass. A pair takes 12 fJ, which is two MACs.
    each = [
        (narrow, "w8a8", 15.0),
        (narrow, "left-aligned-w4", 7.5),
        (both, "w8a8", 10.0),
        (both, "left-aligned-w4", 6.0),
    ]
    for result, method, fj in each:
        assert linear(result, method)["core_pj"] == pytest.approx(products * fj * 1e-3, rel=1e-6)
    slow, fast = (linear(both, method)["cycles"] for method in methods)
    assert slow - fast == 64 * 32 * 64  # 64 x 32 loads less, 64 clocks each
    said = " ".join(both.assumptions)
    assert "take two weights of four bits a clock" in said and str(pairs) in said


@pytest.mark.usefixtures("no_gates")
def test_runs_that_are_no_two_modes_are_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", range(-128, 128), np.full(256, 10.0), roles={"lanes": 1})
    pairs = written(tmp_path / "pairs", range(-128, 128), np.full(256, 12.0), roles={"lanes": 2}, area=2.0)
    for other in (pairs, whole):
        with pytest.raises(HaloError, match="given twice, with runs that are no two modes"):
            scored(whole, tmp_path / "run", ("w4a8",), ("w4a8", whole), ("w4a8", other))
    with pytest.raises(HaloError, match="more than four bits"):
        scored(whole, tmp_path / "run", ("w8a8",), ("w8a8", pairs))
    odd = written(tmp_path / "odd", range(-4, 4), np.full(8, 1.0), roles={"lanes": 2})
    with pytest.raises(HaloError, match="take pairs, and the table has 8 of their 256"):
        scored(odd, tmp_path / "run", ("w4a8",))


@pytest.mark.usefixtures("no_gates")
def test_registers_inside_the_mac_take_clocks(tmp_path: Path) -> None:
    """Three more registers to the result than from the sum, of which one is the activation's: two clocks a segment."""
    plain = written(tmp_path / "plain", range(-128, 128), np.full(256, 1.0), clocks={"activation": 2, "accumulator": 1})
    piped = written(tmp_path / "piped", range(-128, 128), np.full(256, 1.0), clocks={"activation": 4, "accumulator": 1})
    assert (multiplier_clocks(plain), multiplier_clocks(piped)) == (0, 2)
    first, second = (scored(path, tmp_path / name, ("w8a8",)) for path, name in ((plain, "a"), (piped, "b")))
    assert linear(second, "w8a8")["cycles"] == linear(first, "w8a8")["cycles"] + 2
    assert "takes 2 clocks more to fill and to drain" in " ".join(second.assumptions)
    bare = written(tmp_path / "bare", range(-128, 128), np.full(256, 1.0))
    assert multiplier_clocks(bare) is None


@pytest.mark.slow
def test_an_element_of_halo_in_both_modes(osu018: Path, tmp_path: Path) -> None:
    """Gates, tables and periods of ``pair_element`` with registers after rows and product."""
    sources = [*(rtl_folder() / "pe" / f"{name}.v" for name in ("pair_element", "pe_datapath")), *mac_sources()]
    roles = {"pair_i": 0, "activation_i[15:8]": 0}, {"pair_i": 1}
    for name, ties in zip(("whole", "pairs"), roles, strict=True):
        halo.characterize(
            *sources,
            top="pair_element",
            params={"ACC_WIDTH": 16, "PIPELINE": 3, "RECODED": 1, "CORRECTION": 1},
            ties=ties,
            activation="activation_i[7:0]" if name == "whole" else None,
            liberty=osu018,
            stimulus="random:4",
            run_folder=tmp_path / name,
        )
    whole, pairs = tmp_path / "whole", tmp_path / "pairs"
    assert multiplier_clocks(whole) == multiplier_clocks(pairs) == 2
    methods = ("w8a8", "left-aligned-w4")
    found = scored(whole, tmp_path / "run", methods, ("left-aligned-w4", pairs), ("left-aligned-w4", whole))
    slow, fast = (linear(found, method) for method in methods)
    assert slow["cycles"] - fast["cycles"] == 64 * 32 * 64 and 0.3 < fast["core_pj"] / slow["core_pj"] < 0.8
    energy = halo.load_table(pairs).rows()["energy_fj"].mean() / 2
    assert fast["core_pj"] == pytest.approx(64 * 2048 * 2048 * energy * 1e-3, rel=1e-3)
