# SPDX-License-Identifier: Apache-2.0
"""Models in floating point: every family's layers equal the torch modules', and damage is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tiny_models import FAMILIES, NEEDS, tiny_model

from halo.errors import HaloError
from halo.quant.checkpoint import open_model
from halo.quant.checkpoint.folder import INDEX, WHOLE
from halo.quant.checkpoint.safetensor_file import DTYPES, Planned, Tensor, read_tensors, write_tensors


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    pytest.importorskip("transformers", reason=NEEDS)
    root = tmp_path_factory.mktemp("models")
    return {family: (root / family, tiny_model(family, root / family)) for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_are_the_linear_modules_of_the_blocks(family: str, models: dict[str, tuple[Path, Any]]) -> None:
    torch = pytest.importorskip("torch", reason=NEEDS)
    from transformers.pytorch_utils import Conv1D

    folder, reference = models[family]
    model = open_model(folder)
    blocks = {
        name: module.weight.detach().T if isinstance(module, Conv1D) else module.weight.detach()
        for name, module in reference.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and name != "lm_head"
    }
    assert model.family == family
    assert {layer.name for layer in model.layers} == set(blocks)
    for layer in model.layers:
        weight = model.weight(layer.name)
        assert layer.shape == weight.shape == tuple(blocks[layer.name].shape)
        assert weight.flags.c_contiguous and weight.flags.writeable
        np.testing.assert_array_equal(weight, blocks[layer.name].numpy())
        assert f".{layer.block}." in layer.name
        assert model.quantized(layer.name) is None


def test_roles_cover_a_block_in_the_order_of_computation(models: dict[str, tuple[Path, Any]]) -> None:
    roles = {f: [x.role for x in open_model(folder).layers if x.block == 1] for f, (folder, _) in models.items()}
    gated = ["q", "k", "v", "o", "gate", "up", "down"]
    assert roles == {
        "llama": gated,
        "mistral": gated,
        "qwen2": gated,
        "phi3": ["qkv", "o", "gate_up", "down"],
        "opt": ["q", "k", "v", "o", "up", "down"],
        "gpt2": ["qkv", "o", "up", "down"],
    }


def test_the_real_model(shared: Path) -> None:
    model = open_model(shared / "models" / "stories260K")
    assert len(model.layers) == 35
    assert model.config["hidden_size"] == 64
    sizes = sum(rows * columns for rows, columns in (layer.shape for layer in model.layers))
    assert sizes == 5 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 172 * 64)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_becomes_float32_exactly(dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason=NEEDS)
    reference = tiny_model("llama", tmp_path / "m", dtype=dtype)
    model = open_model(tmp_path / "m")
    for layer in model.layers:
        expected = reference.get_submodule(layer.name).weight.detach().float().numpy()
        np.testing.assert_array_equal(model.weight(layer.name), expected)


def test_base_models_are_saved_without_their_root(tmp_path: Path, models: dict[str, tuple[Path, Any]]) -> None:
    for family in ("llama", "opt", "gpt2"):
        folder, reference = models[family]
        reference.base_model.save_pretrained(tmp_path / family)
        assert not any(name.startswith(("model.", "transformer.")) for name in read_tensors(tmp_path / family / WHOLE))
        whole, base = open_model(folder), open_model(tmp_path / family)
        assert whole.layers == base.layers
        for layer in whole.layers:
            np.testing.assert_array_equal(whole.weight(layer.name), base.weight(layer.name))


def test_shards_are_one_model_and_missing_ones_are_named(tmp_path: Path, models: dict[str, tuple[Path, Any]]) -> None:
    folder, reference = models["llama"]
    reference.save_pretrained(tmp_path / "m", max_shard_size="20KB")
    shards = sorted(path.name for path in (tmp_path / "m").glob("*.safetensors"))
    assert len(shards) >= 3
    whole, sharded = open_model(folder), open_model(tmp_path / "m")
    for layer in whole.layers:
        np.testing.assert_array_equal(whole.weight(layer.name), sharded.weight(layer.name))
    for shard in shards[1:3]:
        (tmp_path / "m" / shard).unlink()
    with pytest.raises(HaloError, match=f"2 of {len(shards)} shards are missing: {shards[1]}, {shards[2]}"):
        open_model(tmp_path / "m")


def write_llama(folder: Path, change: dict[str, np.ndarray | None], blocks: int = 2, **config: Any) -> None:
    """A llama checkpoint without torch; ``change`` replaces, adds or (None) drops tensors."""
    rng = np.random.default_rng(5)
    shapes = {"q_proj": (8, 8), "k_proj": (4, 8), "v_proj": (4, 8), "o_proj": (8, 8)}
    shapes = {f"self_attn.{name}": shape for name, shape in shapes.items()}
    shapes |= {"mlp.gate_proj": (12, 8), "mlp.up_proj": (12, 8), "mlp.down_proj": (8, 12)}
    tensors = {
        f"model.layers.{block}.{name}.weight": rng.normal(size=shape).astype(np.float32)
        for block in range(blocks)
        for name, shape in shapes.items()
    }
    tensors |= {name: value for name, value in change.items() if value is not None}
    folder.mkdir(exist_ok=True)
    kept = [
        Planned.of(name, value) for name, value in tensors.items() if name not in change or change[name] is not None
    ]
    write_tensors(folder / WHOLE, kept)
    values = {"model_type": "llama", "num_hidden_layers": blocks} | config
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_no_number_is_placed(value: float, tmp_path: Path) -> None:
    weight = np.ones((12, 8), dtype=np.float32)
    weight[7, 3] = value
    write_llama(tmp_path, {"model.layers.1.mlp.up_proj.weight": weight})
    model = open_model(tmp_path)
    model.weight("model.layers.0.mlp.up_proj")
    with pytest.raises(HaloError, match=r"'model.layers.1.mlp.up_proj' holds (nan|-?inf) at row 7, column 3"):
        model.weight("model.layers.1.mlp.up_proj")


def test_an_unknown_architecture_lists_its_layers(tmp_path: Path) -> None:
    write_llama(tmp_path, {}, model_type="mamba")
    with pytest.raises(HaloError, match=r"'mamba' is unknown; it has .*layers\.\{0-1\}\.mlp\.down_proj\.weight 8 x 12"):
        open_model(tmp_path)


def test_a_checkpoint_with_too_little_or_too_much_is_refused(tmp_path: Path) -> None:
    write_llama(tmp_path / "less", {"model.layers.1.self_attn.o_proj.weight": None})
    with pytest.raises(HaloError, match=r"lacks model\.layers\.1\.self_attn\.o_proj"):
        open_model(tmp_path / "less")
    write_llama(tmp_path / "more", {"model.layers.0.mlp.router.weight": np.ones((2, 8), dtype=np.float32)})
    with pytest.raises(HaloError, match=r"does not have: model\.layers\.\{0\}\.mlp\.router\.weight 2 x 8"):
        open_model(tmp_path / "more")
    write_llama(tmp_path / "fewer", {}, num_hidden_layers=1)
    with pytest.raises(HaloError, match=r"does not have: model\.layers\.\{1\}"):
        open_model(tmp_path / "fewer")


def test_other_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no such file or folder"):
        open_model(tmp_path / "none")
    with pytest.raises(HaloError, match="no such file"):
        open_model(tmp_path)
    write_llama(tmp_path, {})
    model = open_model(tmp_path)
    with pytest.raises(HaloError, match=r"Did you mean model\.layers\.0\.mlp\.up_proj"):
        model.weight("model.layers.0.mlp.up_project")
    data = (tmp_path / WHOLE).read_bytes()
    (tmp_path / WHOLE).write_bytes(data[:-40])
    with pytest.raises(HaloError, match="cut off"):
        open_model(tmp_path)
    (tmp_path / WHOLE).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(HaloError, match="no safetensors file"):
        open_model(tmp_path)
    (tmp_path / WHOLE).unlink()
    with pytest.raises(HaloError, match=r"neither model\.safetensors nor"):
        open_model(tmp_path)
    (tmp_path / INDEX).write_text("{", encoding="utf-8")
    with pytest.raises(HaloError, match="damaged"):
        open_model(tmp_path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
def test_matrices_by_themselves(suffix: str, tmp_path: Path) -> None:
    weight = np.random.default_rng(1).normal(size=(5, 7)).astype(np.float32)
    path = tmp_path / f"up{suffix}"
    if suffix == ".npy":
        np.save(path, np.asfortranarray(weight))
    elif suffix == ".npz":
        np.savez(path, up=weight, bias=weight[0])
    else:
        write_tensors(path, [Planned.of("up", weight), Planned.of("bias", weight[0])])
    model = open_model(path)
    assert [(x.name, x.shape, x.block, x.role) for x in model.layers] == [("up", (5, 7), None, None)]
    np.testing.assert_array_equal(model.weight("up"), weight)
    assert model.weight("up").flags.c_contiguous


def test_matrices_that_are_none(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(4))
    np.save(tmp_path / "b.npy", np.ones((2, 2), dtype=np.complex64))
    (tmp_path / "c.npz").write_bytes(b"nothing")
    (tmp_path / "d.bin").write_bytes(b"nothing")
    for name, text in (("a.npy", "no matrix"), ("b.npy", "complex64"), ("c.npz", "numpy"), ("d.bin", "no model")):
        with pytest.raises(HaloError, match=text):
            open_model(tmp_path / name)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_safetensors_files_agree_with_the_package(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    package = pytest.importorskip("safetensors.numpy", reason=NEEDS)
    kinds = st.sampled_from([d.newbyteorder("=") for d in DTYPES.values()])
    values = kinds.flatmap(lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)))
    tensors = data.draw(st.dictionaries(st.text("abc.é0", min_size=1, max_size=8), values, max_size=4))
    folder = tmp_path_factory.mktemp("files")
    ours, theirs = folder / "ours.safetensors", folder / "theirs.safetensors"
    write_tensors(ours, [Planned.of(name, value) for name, value in tensors.items()])
    package.save_file(tensors, theirs)
    for read in (package.load_file(ours), {name: t.array() for name, t in read_tensors(theirs).items()}):
        assert read.keys() == tensors.keys()
        for name, value in tensors.items():
            assert read[name].dtype == value.dtype and read[name].shape == value.shape
            assert read[name].tobytes() == value.tobytes()


def test_every_bfloat16_becomes_the_float32_with_its_bits(tmp_path: Path) -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    (tmp_path / "b").write_bytes(bits.astype("<u2").tobytes())
    values = Tensor("all", tmp_path / "b", "BF16", (256, 256), 0, 1 << 17).float32()
    np.testing.assert_array_equal(values.reshape(-1).view(np.uint32), bits.astype(np.uint32) << 16)


@pytest.mark.slow
def test_memory_stays_at_a_few_layers(tmp_path: Path) -> None:
    """A checkpoint of half a gigabyte in bfloat16 is read, layer by layer, in a fraction of its size."""
    hidden, inner, blocks = 2048, 5632, 6
    shapes = dict.fromkeys(
        ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"), (hidden,) * 2
    )
    shapes |= {"mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden), "mlp.down_proj": (hidden, inner)}
    noise = np.random.default_rng(2).integers(0x3C00, 0x3F00, hidden * inner, dtype=np.uint16)
    planned = [
        Planned(
            f"model.layers.{block}.{name}.weight",
            "BF16",
            shape,
            2 * shape[0] * shape[1],
            lambda n=shape[0] * shape[1]: noise[:n],
        )
        for block in range(blocks)
        for name, shape in shapes.items()
    ]
    write_tensors(tmp_path / WHOLE, planned)
    config = {"model_type": "llama", "num_hidden_layers": blocks}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from halo.quant.checkpoint import open_model\n"
        "def peak():\n"  # getrusage would count the process that started this one as well
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM:')) / 1024\n"
        "model = open_model(sys.argv[1])\n"
        "start = peak()\n"
        "for layer in model.layers:\n"
        "    weight = model.weight(layer.name)\n"
        "print(peak() - start)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    size, layer = (tmp_path / WHOLE).stat().st_size / 2**20, hidden * inner * 4 / 2**20
    assert size > 10 * layer
    assert layer < float(done.stdout) < 4 * layer, f"{done.stdout} MiB for a model of {size:.0f} MiB"
