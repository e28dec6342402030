# SPDX-License-Identifier: Apache-2.0
"""``halo plot`` of a folder of ``halo quantize``: which files, of which layers, and of no other weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic_run import corner, write_run

from halo.characterization.table import WeightTable
from halo.cli.main import main
from halo.errors import HaloError
from halo.flow.quantize import QuantizeConfig, quantize_model
from halo.plot.run import draw_run
from halo.progress import silent
from halo.quant.options import HaloOptions
from halo.quant.quantizers import options_of


def weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {name: random.standard_t(4, (48, 32)).astype(np.float32) for name in ("a.0.up", "a.0.down", "a.1.up")}


def quantized(folder: Path, method: str = "halo") -> Path:
    np.savez(folder / "m.npz", **weights())
    (folder / "mac").mkdir()
    WeightTable(corner()[0]).write(folder / "mac")
    options = HaloOptions(tile=16) if method == "halo" else options_of(method, {})
    return quantize_model(QuantizeConfig(folder / "m.npz", folder / "q", options, folder / "mac"), silent).run_folder


def test_layers_and_the_weights_and_tiles_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = quantized(tmp_path)
    assert main(["plot", str(run)]) == 0
    drawn = sorted(path.name for path in (run / "plots").iterdir())
    assert drawn[0] == "layers.png" and len(drawn) == 3 and {name[:6] for name in drawn[1:]} == {"tiles.", "weight"}
    assert main(["plot", str(run), "--layers", "*.up"]) == 0
    wanted = {f"{what}.a.{n}.up.png" for what in ("weights", "tiles") for n in (0, 1)} | {"layers.png"}
    assert {path.name for path in (run / "plots").iterdir()} == wanted
    assert {Path(line).name for line in capsys.readouterr().out.splitlines()} >= wanted


def test_methods_without_tiles_have_the_profile_only(tmp_path: Path) -> None:
    assert [path.name for path in draw_run(quantized(tmp_path, "rtn"))] == ["layers.png"]


def test_other_weights_and_other_runs_are_refused(tmp_path: Path) -> None:
    run = quantized(tmp_path)
    with pytest.raises(HaloError, match="no layer matches 'q'"):
        draw_run(run, ["q"])
    np.savez(tmp_path / "other.npz", **{name: weight + 1 for name, weight in weights().items()})
    with pytest.raises(HaloError, match="not the model that was quantized"):
        draw_run(run, model=tmp_path / "other.npz")
    (tmp_path / "m.npz").rename(tmp_path / "elsewhere.npz")
    with pytest.raises(HaloError, match=r"m\.npz"):
        draw_run(run)
    assert len(draw_run(run, model=tmp_path / "elsewhere.npz")) == 3
    mac = write_run(tmp_path / "run", corner())
    with pytest.raises(HaloError, match="has no layers"):
        draw_run(mac, ["a"])
