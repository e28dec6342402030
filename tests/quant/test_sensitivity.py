# SPDX-License-Identifier: Apache-2.0
"""Fisher diagonals against gradients taken one sequence at a time, their file, and the stand-in."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import FAMILIES, tiny_model

from halo.errors import HaloError
from halo.quant.calibration import layer_inputs
from halo.quant.sensitivity import Magnitude, fisher, fisher_file, open_fisher
from halo.quant.text import Windows
from halo.quant.torch_model import RunningModel, load_model, pinned_threads
from halo.workload import architectures

torch = pytest.importorskip("torch", reason="running models needs halo-mac[torch]")
pytest.importorskip("transformers", reason="running models needs halo-mac[torch]")

WINDOWS = Windows(np.random.default_rng(3).integers(3, 64, size=(3, 16)), "random tokens")


def running(family: str, folder: Path) -> RunningModel:
    return RunningModel(folder, architectures.FAMILIES[family], tiny_model(family, folder).requires_grad_(False), None)


def gradients(module: Any, names: list[str], tokens: np.ndarray) -> list[np.ndarray]:
    """Of the mean loss over all predictions of a batch, by the definition of the loss."""
    weights = [module.get_submodule(name).weight.requires_grad_(True) for name in names]
    batch = torch.from_numpy(tokens)
    chances = torch.log_softmax(module(batch).logits[:, :-1].double(), -1)
    loss = -chances.gather(-1, batch[:, 1:, None]).mean()
    found = torch.autograd.grad(loss, weights)
    for weight in weights:
        weight.requires_grad_(False)
    return [g.numpy().astype(np.float64) for g in found]


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_the_mean_of_squared_gradients_of_sequences(family: str, tmp_path: Path) -> None:
    model = running(family, tmp_path)
    found = fisher(model, WINDOWS)
    names = list(model.linears)
    assert list(found) == names
    single = [gradients(model.module, names, WINDOWS.tokens[i : i + 1]) for i in range(3)]
    together = gradients(model.module, names, WINDOWS.tokens)
    for i, name in enumerate(names):
        expected = np.mean([np.square(g[i]) for g in single], axis=0)
        expected, batch = (e.T if family == "gpt2" else e for e in (expected, np.square(together[i])))
        assert found[name].shape == model.weight(name).shape and found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], expected, rtol=1e-2, atol=1e-4 * expected.max())
        assert np.abs(batch - expected).max() > 0.1 * expected.max(), "squaring a batch's mean gradient is not it"
    assert not any(p.requires_grad or p.grad is not None for p in model.module.parameters())


def test_the_file_is_used_again_for_the_same_model_and_text_only(tmp_path: Path) -> None:
    model = running("llama", tmp_path / "model")
    file = tmp_path / "made" / "fisher.safetensors"
    calls: list[int] = []

    def report(_: str, done: int, __: int) -> None:
        calls.append(done)

    first = fisher_file(model, WINDOWS, file, report)
    content = file.read_bytes()
    assert calls == [1, 2, 3] and first.label == "Fisher diagonal, random tokens" and not first.proxy
    assert fisher_file(model, WINDOWS, file, report) == first == open_fisher(file)
    assert calls == [1, 2, 3]
    weight = model.weight("model.layers.1.mlp.up_proj")
    np.testing.assert_array_equal(
        first.layer("model.layers.1.mlp.up_proj", weight), fisher(model, WINDOWS)["model.layers.1.mlp.up_proj"]
    )
    fisher_file(model, Windows(WINDOWS.tokens[:2], "fewer"), file, report)
    assert calls == [1, 2, 3, 1, 2] and file.read_bytes() != content
    fisher_file(model, WINDOWS, file, report)
    assert file.read_bytes() == content, "same inputs, same bytes"
    with torch.no_grad():
        model.module.model.norm.weight *= 1.5
    assert fisher_file(model, WINDOWS, file, report).key != first.key


def test_blas_computes_with_so_many_threads_too() -> None:
    from threadpoolctl import threadpool_info

    def counts() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = counts()
    assert before, "NumPy brings a BLAS"
    for count in (1, 2):
        with pinned_threads(count):
            assert set(counts()) == {count}
    assert counts() == before
    with pinned_threads(None):
        assert counts() == before


def test_the_machine_s_threads_do_not_matter(shared: Path) -> None:
    model = load_model(shared / "models" / "stories260K")
    windows = Windows(np.random.default_rng(5).integers(3, 512, size=(2, 300)), "random tokens")
    found = []
    for count in (1, 3):
        with pinned_threads(count):
            layers = [*fisher(model, windows).values(), *(group.hessian for group in layer_inputs(model, windows))]
            assert torch.get_num_threads() == count
        found.append(b"".join(layer.tobytes() for layer in layers))
    assert found[0] == found[1]
    with pytest.raises(HaloError, match="0 threads"), pinned_threads(0):
        pass


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    (tmp_path / "text").write_text("no tensors", encoding="utf-8")
    save_file({"a": np.zeros(1)}, tmp_path / "other")
    with pytest.raises(HaloError, match="there is no such file"):
        open_fisher(tmp_path / "missing")
    for name in ("text", "other"):
        with pytest.raises(HaloError, match="no file of Fisher information"):
            open_fisher(tmp_path / name)
    save_file(
        {"a": np.zeros((2, 2), np.float32), "b": np.ones((2, 3), np.float32)},
        tmp_path / "mine",
        {"fisher": '{"label": "", "key": ""}'},
    )
    mine = open_fisher(tmp_path / "mine")
    weight = np.ones((2, 2), np.float32)
    with pytest.raises(HaloError, match="layer 'a' is zero everywhere"):
        mine.layer("a", weight)
    with pytest.raises(HaloError, match="layer 'b' is 2 x 3, the layer is not"):
        mine.layer("b", weight)
    with pytest.raises(HaloError, match="has no layer 'c'"):
        mine.layer("c", weight)


def test_a_layer_no_gradient_reaches_is_named(tmp_path: Path) -> None:
    model = running("llama", tmp_path)
    with torch.no_grad():
        model.module.get_submodule("model.layers.1.mlp.down_proj").weight.zero_()
    with pytest.raises(HaloError, match=r"'model\.layers\.1\.mlp\.gate_proj' is zero everywhere"):
        fisher(model, WINDOWS)


def test_the_stand_in_says_so() -> None:
    weight = np.array([[1.0, -2.0], [0.0, 3.0]], dtype=np.float32)
    made = Magnitude().layer("a", weight)
    np.testing.assert_allclose(made, np.square(weight) / 3.5)
    assert Magnitude.proxy and "stand-in" in Magnitude.label
    with pytest.raises(HaloError, match="only zeros"):
        Magnitude().layer("a", np.zeros((2, 2), np.float32))


def test_without_torch_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else found(name, *rest)
    )
    with pytest.raises(HaloError, match=r"torch is not installed\nInstall the extra: pip install 'halo-mac\[torch\]'"):
        load_model(tmp_path)


def test_importing_the_quantizers_does_not_load_torch() -> None:
    code = (
        "import pkgutil, sys, importlib, halo.quant\n"
        "for m in pkgutil.walk_packages(halo.quant.__path__, 'halo.quant.'): importlib.import_module(m.name)\n"
        "sys.exit(f'loads {heavy}' if (heavy := {'torch', 'transformers', 'lm_eval'} & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
