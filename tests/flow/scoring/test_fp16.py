# SPDX-License-Identifier: Apache-2.0
"""The floating-point MAC of a run: its numbers against what its gates do, its cache, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from halo.characterization.design import DesignCorner
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import characterize
from halo.flow.scoring import fp16
from halo.flow.scoring.fp16 import Fp16Mac, dot_products, fp16_mac
from halo.netlist.graph import drive_port
from halo.power.energy_tables import event_energies
from halo.progress import silent
from halo.timing.event.engine import play_transitions
from halo.timing.event.reduction import reduce_circuit

SMALL = (("WEIGHT_WIDTH", 2), ("ACTIVATION_WIDTH", 2), ("ACC_WIDTH", 4))


@pytest.fixture(scope="module")
def original(osu018: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A characterized run of a small MAC, beside a copy of its library."""
    folder = tmp_path_factory.mktemp("fp16")
    library = folder / "cells.lib"
    shutil.copyfile(osu018, library)
    config = CharacterizeConfig(
        corners=(("typ", (library,)),), run_folder=folder / "run", params=SMALL, method="static", margin_ps=50.0
    )
    return characterize(config, silent)


@pytest.fixture(scope="module")
def measured(original: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Fp16Mac, DesignCorner, Path]:
    """The MAC of that run, the gates it was measured on, and the cache that keeps it."""
    seen: list[DesignCorner] = []
    load = fp16.load_corner

    def watched(*arguments: Any, **named: Any) -> DesignCorner:
        found = load(*arguments, **named)
        seen.append(found)
        return found

    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALO_CACHE", str(cache))
        patch.setattr(fp16, "load_corner", watched)
        mac = fp16_mac(original, weights=128)
    (corner,) = seen
    return mac, corner, cache


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    """A copy of the run whose library may be spoilt."""
    folder = tmp_path / "run"
    shutil.copytree(original, folder)
    shutil.copyfile(original.parent / "cells.lib", tmp_path / "cells.lib")
    record = folder / "run.json"
    record.write_text(record.read_text(encoding="utf-8").replace(str(original.parent), str(tmp_path)), encoding="utf-8")
    return folder


def edit(run: Path, **values: Any) -> None:
    path = run / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | values), encoding="utf-8")


@pytest.mark.slow
def test_no_transition_takes_longer_than_the_period(measured: tuple[Fp16Mac, DesignCorner, Path]) -> None:
    mac, corner, _ = measured
    generator = np.random.default_rng(5)
    reduced = reduce_circuit(corner.timed, {})
    ports = corner.circuit.netlist.inputs
    lanes = []
    for _ in range(2):
        values: dict[int, Any] = {}
        for port in ("weight_i", "activation_i", "psum_i"):
            values |= drive_port(corner.circuit.netlist, port, generator.integers(0, 1 << len(ports[port]), 4000))
        lanes.append(np.stack([values[int(net)] for net in reduced.sources], axis=1))
    events = play_transitions(reduced, lanes[0], lanes[1])
    slowest_ps = events.period_fs / 1000 + 50.0
    assert 0.6 * mac.period_ps < slowest_ps <= mac.period_ps + 0.01


@pytest.mark.slow
def test_energy_does_not_hang_on_the_seed(measured: tuple[Fp16Mac, DesignCorner, Path]) -> None:
    mac, corner, _ = measured
    events = event_energies(corner.circuit, corner.library, corner.delays)
    found = fp16._energies(corner, events, dot_products(128, 16, seed=9), silent)
    each = np.array([energy.energy_j for energy in found]) * 1e15
    error = np.hypot(mac.energy_error_fj, each.std(ddof=1) / np.sqrt(len(each)))
    assert abs(each.mean() - mac.energy_fj) < 4 * error
    assert mac.energy_error_fj < 0.02 * mac.energy_fj
    assert np.mean([energy.leakage_w for energy in found]) * 1e9 == pytest.approx(mac.leakage_nw, rel=0.02)


@pytest.mark.slow
def test_the_second_call_reads_the_cache(
    measured: tuple[Fp16Mac, DesignCorner, Path], original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mac, corner, cache = measured
    monkeypatch.setenv("HALO_CACHE", str(cache))
    monkeypatch.delattr(fp16, "synthesize")  # would fail with NameError
    assert fp16_mac(original, weights=128) == fp16_mac(original, "typ", weights=128) == mac
    assert mac.cells == len(corner.circuit.netlist.instances)
    assert any("DFFPOSX1" in sentence for sentence in mac.assumptions)
    (entry,) = (cache / f"fp16-{fp16.FORMAT}").iterdir()
    with pytest.raises(NameError):  # all in one clock is another MAC
        fp16_mac(original, pipeline=0, weights=128)
    entry.write_text("{}", encoding="utf-8")
    with pytest.raises(NameError):  # a spoilt entry is measured again
        fp16_mac(original, weights=128)


def test_partial_sums_run_down_a_column() -> None:
    operands = dot_products(40, 50, seed=1)
    assert operands.weight.shape == (40,) and operands.weight.dtype == np.float16
    for activation, psum in zip(operands.activations, operands.psums, strict=True):
        assert activation.shape == psum.shape == (40, 50) and psum.dtype == np.float32
        assert 0 < np.count_nonzero(psum == 0) < 100, "one row in 64 is the first"
        # Half of 64 rows are above on average: the variance is that of 31.5 products.
        assert psum.var() == pytest.approx(31.5 * 0.02**2, rel=0.15)
    again = dot_products(40, 50, seed=1)
    assert np.array_equal(again.psums[1], operands.psums[1])
    assert not np.array_equal(operands.psums[0], operands.psums[1])


def test_a_library_that_is_gone_or_another_is_refused(run: Path) -> None:
    library = run.parent / "cells.lib"
    with library.open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(HaloError, match="this file has changed since the run"):
        fp16_mac(run)
    library.unlink()
    with pytest.raises(HaloError, match="a file that the run read is not there") as refused:
        fp16_mac(run)
    assert refused.value.path == str(library)


def test_what_is_no_run_or_no_corner_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="this is no run folder"):
        fp16_mac(tmp_path)
    with pytest.raises(HaloError, match="the run has no corner 'fast'"):
        fp16_mac(run, "fast")
    config = json.loads((run / "run.json").read_text(encoding="utf-8"))["config"]
    edit(run, config=config | {"corners": [*config["corners"], ["slow", config["corners"][0][1]]]})
    with pytest.raises(HaloError, match="the run has several corners"):
        fp16_mac(run)
    edit(run, command="synth")
    with pytest.raises(HaloError, match="this run is of halo synth"):
        fp16_mac(run)
