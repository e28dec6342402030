# SPDX-License-Identifier: Apache-2.0
"""Quantized checkpoints: bit for bit what compressed-tensors and gguf dequantize, and worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.quant.checkpoint import Model, open_model
from halo.quant.checkpoint.bits import unpack
from halo.quant.checkpoint.folder import WHOLE
from halo.quant.checkpoint.safetensor_file import Planned, write_tensors
from halo.quant.layer import QuantizedLayer

NEEDS = "the extra halo-mac[torch] holds compressed-tensors, which these tests compare with"
LAYER = "model.layers.0.self_attn.q_proj"
UP = "model.layers.0.mlp.up_proj"
OTHERS = ("self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def checkpoint(folder: Path, tensors: dict[str, npt.NDArray[Any]], quantization: dict[str, Any]) -> Model:
    """A llama of one block whose q_proj has these tensors; all other layers are in floating point."""
    folder.mkdir(exist_ok=True)
    planned = [Planned.of(f"{LAYER}.{name}", value) for name, value in tensors.items()]
    ones = np.ones((2, 2), dtype=np.float32)
    planned += [Planned.of(f"model.layers.0.{name}.weight", ones) for name in OTHERS]
    write_tensors(folder / WHOLE, planned)
    config = {"model_type": "llama", "num_hidden_layers": 1, "quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return open_model(folder)


def read(folder: Path, tensors: dict[str, npt.NDArray[Any]], quantization: dict[str, Any]) -> QuantizedLayer:
    model = checkpoint(folder, tensors, quantization)
    layer = model.quantized(LAYER)
    assert layer is not None
    layer.check()
    assert model.layer(LAYER).shape == layer.shape
    assert model.quantized("model.layers.0.mlp.up_proj") is None
    np.testing.assert_array_equal(model.weight(LAYER), layer.dequantize())
    return layer


def pack(values: Sequence[int], bits: int) -> list[int]:
    """Dense packing in words, as one large integer: the definition, without any trick."""
    whole = sum(value << (i * bits) for i, value in enumerate(values))
    words = -(-len(values) * bits // 32)
    return [(whole >> (32 * i)) & 0xFFFFFFFF for i in range(words)]


def words(rows: Sequence[Sequence[int]], bits: int) -> npt.NDArray[np.int32]:
    return np.array([pack(row, bits) for row in rows], dtype=np.uint32).view(np.int32)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(1, 3), st.integers(1, 70), st.randoms(use_true_random=False))
def test_unpacking_undoes_packing(bits: int, rows: int, count: int, random: Any) -> None:
    values = [[random.randrange(1 << bits) for _ in range(count)] for _ in range(rows)]
    np.testing.assert_array_equal(unpack(words(values, bits), bits, count), values)


# compressed-tensors

STRATEGIES: dict[str, dict[str, Any]] = {
    "tensor": {"strategy": "tensor"},
    "channel": {"strategy": "channel"},
    "group": {"strategy": "group", "group_size": 16},
    "block": {"strategy": "block", "block_structure": [16, 32]},
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("form", "bits"), [("int-quantized", 8), ("pack-quantized", 8), ("pack-quantized", 4)])
def test_compressed_tensors(strategy: str, symmetric: bool, form: str, bits: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason=NEEDS)
    pytest.importorskip("compressed_tensors", reason=NEEDS)
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams

    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(40, 96, generator=generator)
    arguments = QuantizationArgs(num_bits=bits, symmetric=symmetric, **STRATEGIES[strategy])
    scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
    high, wide = {"tensor": (40, 96), "channel": (1, 96), "group": (1, 16), "block": (16, 32)}[strategy]
    padded = torch.full((-(-40 // high) * high, 96), torch.nan)
    padded[:40] = weight
    blocks = padded.reshape(len(padded) // high, high, 96 // wide, wide)
    low, top = blocks.nan_to_num(torch.inf).amin((1, 3)), blocks.nan_to_num(-torch.inf).amax((1, 3))
    scale, zero = calculate_qparams(low, top, arguments)
    state = {"weight": weight, "weight_scale": scale, "weight_zero_point": zero}
    compressor = BaseCompressor.get_value_from_registry(form)
    compressed = compressor.compress(state, scheme)
    expected = compressor.decompress(compressed, scheme)["weight"]
    group = {"targets": ["Linear"], "weights": arguments.model_dump(mode="json")}
    config = {"quant_method": "compressed-tensors", "format": form, "config_groups": {"group_0": group}}
    layer = read(tmp_path, {name: value.numpy() for name, value in compressed.items()}, config)
    assert (layer.scale_block, layer.bits) == ((high, wide), bits)
    assert layer.mac_integer == ("q - z" if symmetric else "q")
    assert (expected - weight).abs().max() < 0.7 * scale.max()
    np.testing.assert_array_equal(layer.dequantize(), expected.numpy())


def test_compressed_tensors_act_order_by_hand(tmp_path: Path) -> None:
    codes = [[-8, 7, 1, 2], [3, -4, 5, -6]]
    tensors = {
        "weight_packed": words([[q + 8 for q in row] for row in codes], 4),
        "weight_shape": np.array([2, 4], dtype=np.int64),
        "weight_scale": np.array([[0.5, 2.0], [1.0, 4.0]], dtype=np.float32),
        "weight_g_idx": np.array([1, 0, 0, 1], dtype=np.int32),
    }
    weights = {"num_bits": 4, "strategy": "group", "group_size": 2, "actorder": "group"}
    config = {"quant_method": "compressed-tensors", "format": "pack-quantized"}
    config |= {"config_groups": {"a": {"targets": ["re:.*q_proj"], "weights": weights}}}
    layer = read(tmp_path, tensors, config)
    np.testing.assert_array_equal(layer.dequantize(), [[-16, 3.5, 0.5, 4], [12, -4, 5, -24]])
    tensors["weight_g_idx"] = np.full(4, -1, dtype=np.int32)
    layer = read(tmp_path, tensors, config)
    assert layer.scale_block == (1, 2)
    np.testing.assert_array_equal(layer.dequantize(), [[-4, 3.5, 2, 4], [3, -4, 20, -24]])


def test_compressed_tensors_targets_name_the_scheme(tmp_path: Path) -> None:
    tensors = {"weight": np.array([[4, -3]], dtype=np.int8), "weight_scale": np.array([[2.0]], dtype=np.float16)}
    eight = {"targets": ["Linear"], "weights": {"num_bits": 8, "strategy": "channel"}}
    seven = {"targets": [LAYER], "weights": {"num_bits": 7, "strategy": "channel"}}
    config: dict[str, Any] = {"quant_method": "compressed-tensors", "format": "int-quantized"}
    assert read(tmp_path, tensors, config | {"config_groups": {"a": eight, "b": seven}}).bits == 7
    assert read(tmp_path, tensors, config | {"config_groups": {"a": eight}}).bits == 8
    for damaged in (
        {"config_groups": {"a": {**seven, "targets": ["re:.*k_proj"]}}},
        {"config_groups": {"a": eight}, "ignore": [LAYER]},
    ):
        with pytest.raises(HaloError, match="does not say how"):
            checkpoint(tmp_path, tensors, config | damaged).quantized(LAYER)


# GPTQ

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 4, "desc_act": False}


def gptq(codes: npt.NDArray[Any], zeros: npt.NDArray[Any], bits: int, offset: int = 1) -> dict[str, npt.NDArray[Any]]:
    """Tensors of a layer: codes [in, out], zeros [groups, out]."""
    stored = (zeros.astype(np.int64) - offset) % (1 << bits)
    return {"qweight": np.ascontiguousarray(words(codes.T.tolist(), bits).T), "qzeros": words(stored.tolist(), bits)}


def test_gptq_by_hand(tmp_path: Path) -> None:
    # Column 0 holds 0..7 over the inputs, column 1 holds 15..8: words 0x76543210 and 0x89ABCDEF. Eight outputs share a
    # word of zeros; those of group 0 are 8 (stored 7), of group 1 are 0 (stored 15, the minus one wraps).
    qweight = np.zeros((1, 8), dtype=np.uint32)
    qweight[0, :2] = 0x76543210, 0x89ABCDEF
    scales = np.ones((2, 8), dtype=np.float16)
    scales[1] = 0.25
    tensors = {
        "qweight": qweight.view(np.int32),
        "qzeros": np.array([[0x77777777], [0xFFFFFFFF]], dtype=np.uint32).view(np.int32),
        "scales": scales,
        "g_idx": np.repeat([0, 1], 4).astype(np.int32),
    }
    layer = read(tmp_path, tensors, GPTQ)
    np.testing.assert_array_equal(layer.dequantize()[0], [-8, -7, -6, -5, 1.0, 1.25, 1.5, 1.75])
    np.testing.assert_array_equal(layer.dequantize()[1], [7, 6, 5, 4, 2.75, 2.5, 2.25, 2.0])
    assert layer.mac_integer == "q" and layer.codes[0].tolist() == list(range(-8, 0))
    tensors["g_idx"] = np.array([1, 0, 0, 1, 0, 1, 1, 0], dtype=np.int32)
    np.testing.assert_array_equal(read(tmp_path, tensors, GPTQ).dequantize()[0], [0, -7, -6, 0.75, -4, 1.25, 1.5, -1])
    tensors["g_idx"][3] = 2
    with pytest.raises(HaloError, match="g_idx names groups that do not exist"):
        read(tmp_path, tensors, GPTQ)


def test_gptq_symmetric_shows_the_mac_q_minus_z(tmp_path: Path) -> None:
    codes = np.arange(64).reshape(8, 8) % 16
    tensors = gptq(codes, np.full((2, 8), 8), 4) | {"scales": np.ones((2, 8), dtype=np.float16)}
    layer = read(tmp_path, tensors, GPTQ)
    assert layer.mac_integer == "q - z" and layer.zero is None
    np.testing.assert_array_equal(layer.codes, codes.T - 8)


@pytest.mark.parametrize("stored", [1, 2])
@pytest.mark.parametrize(
    "marked",
    [{}, {"checkpoint_format": "gptq"}, {"checkpoint_format": "gptq_v2"}, {"format": "gptq"}, {"format": "gptq_v2"}],
)
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_zeros_of_symmetric_codes_are_those_stored_whatever_the_mark(
    bits: int, stored: int, marked: dict[str, str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(bits)
    codes, middle = rng.integers(0, 1 << bits, (32, 32)), 1 << (bits - 1)
    tensors = gptq(codes, np.full((2, 32), middle), bits, offset=2 - stored)
    config = {"quant_method": "gptq", "bits": bits, "group_size": 16, "sym": True, **marked}
    layer = read(tmp_path, tensors | {"scales": np.ones((2, 32), dtype=np.float16)}, config)
    assert layer.zero is None
    np.testing.assert_array_equal(layer.dequantize(), codes.T - middle)


def test_zeros_that_belie_symmetric_codes_are_refused(tmp_path: Path) -> None:
    tensors = gptq(np.zeros((8, 8), dtype=np.int64), np.full((1, 8), 5), 4) | {"scales": np.ones((1, 8), np.float16)}
    config = {"quant_method": "gptq", "bits": 4, "group_size": 8, "sym": True}
    with pytest.raises(
        HaloError, match=r"zeros such as \[4\], where symmetric codes .* have 8 or, in the older"
    ) as error:
        read(tmp_path, tensors, config)
    assert "Set sym to false" in error.value.fix
    assert read(tmp_path, tensors, config | {"sym": False}).dequantize()[0, 0] == -5


def test_the_mark_of_asymmetric_codes_counts_under_either_key(tmp_path: Path) -> None:
    codes = np.arange(64).reshape(8, 8) % 16
    tensors = gptq(codes, np.full((1, 8), 5), 4, offset=0) | {"scales": np.ones((1, 8), np.float16)}
    config = {"quant_method": "gptq", "bits": 4, "group_size": 8, "sym": False}
    for key in ("format", "checkpoint_format"):
        layer = read(tmp_path, tensors, config | {key: "gptq_v2"})
        np.testing.assert_array_equal(layer.dequantize(), codes.T - 5)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([2, 3, 4, 8]), st.sampled_from([16, 32, -1]), st.booleans(), st.integers(0, 2**32 - 1))
def test_gptq_round_trip(
    tmp_path_factory: pytest.TempPathFactory, bits: int, size: int, second: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    columns, rows = 96, 32
    span = size if size > 0 else columns
    codes = rng.integers(0, 1 << bits, (columns, rows))
    zeros = rng.integers(0, 1 << bits, (columns // span, rows))
    scales = rng.normal(size=zeros.shape).astype(np.float16)
    config = GPTQ | {"bits": bits, "group_size": size, "checkpoint_format": "gptq_v2" if second else "gptq"}
    tensors = gptq(codes, zeros, bits, 0 if second else 1) | {"scales": scales}
    layer = read(tmp_path_factory.mktemp("gptq"), tensors, config)
    spread = np.repeat(zeros, span, axis=0), np.repeat(scales.astype(np.float32), span, axis=0)
    np.testing.assert_array_equal(layer.dequantize(), ((codes - spread[0]).astype(np.float32) * spread[1]).T)


# AWQ

AWQ = {"quant_method": "awq", "bits": 4, "group_size": 2, "zero_point": True, "version": "GEMM"}


def test_awq_by_hand(tmp_path: Path) -> None:
    # Nibbles from the least significant hold columns 0 2 4 6 1 3 5 7: a word of columns 0..7 reads 0x75316420.
    tensors = {
        "qweight": np.array([[0x75316420], [0x0000000F]], dtype=np.uint32).view(np.int32),
        "qzeros": np.array([[0x00020001]], dtype=np.uint32).view(np.int32),  # column 0: 1, column 1: 2, others 0
        "scales": np.full((1, 8), 0.5, dtype=np.float16),
    }
    layer = read(tmp_path, tensors, AWQ)
    np.testing.assert_array_equal(layer.dequantize()[:, 0], [-0.5, -0.5, 1, 1.5, 2, 2.5, 3, 3.5])
    np.testing.assert_array_equal(layer.dequantize()[:, 1], [7, -1, 0, 0, 0, 0, 0, 0])
    assert layer.mac_integer == "q" and layer.shape == (8, 2)


def test_awq_against_the_converter_of_compressed_tensors(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason=NEEDS)
    pytest.importorskip("compressed_tensors", reason=NEEDS)
    from compressed_tensors.entrypoints.convert.converters.autoawq import AutoAWQConverter

    rng = np.random.default_rng(9)
    tensors = {
        "qweight": rng.integers(-(2**31), 2**31, (32, 5)).astype(np.int32),
        "qzeros": rng.integers(-(2**31), 2**31, (2, 5)).astype(np.int32),
        "scales": rng.normal(size=(2, 40)).astype(np.float16),
    }
    layer = read(tmp_path, tensors, AWQ | {"group_size": 16})
    packed = {f"{LAYER}.{name}": torch.from_numpy(value) for name, value in tensors.items()}
    converted = AutoAWQConverter(group_size=16).process(packed)
    arrays = {name.removeprefix(LAYER + "."): value.numpy() for name, value in converted.items()}
    weights = {"num_bits": 4, "strategy": "group", "group_size": 16, "symmetric": False}
    config = {"quant_method": "compressed-tensors", "format": "pack-quantized"}
    config |= {"config_groups": {"a": {"targets": ["Linear"], "weights": weights}}}
    other = read(tmp_path, arrays, config)
    assert layer.zero is not None and other.zero is not None
    np.testing.assert_array_equal(layer.codes, other.codes)
    np.testing.assert_array_equal(layer.zero, other.zero)
    np.testing.assert_array_equal(layer.dequantize(), other.dequantize())


# Formats that are not read


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"quant_method": "bitsandbytes"}, "bitsandbytes"),
        ({"quant_method": "fp8"}, "fp8"),
        ({}, "None"),
        (GPTQ | {"checkpoint_format": "marlin"}, "marlin"),
        (GPTQ | {"bits": 5}, "5 bits"),
        (GPTQ | {"dynamic": {"-:.*": {}}}, "dynamic"),
        (AWQ | {"version": "gemv"}, "gemv"),
        ({"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}, "nvfp4-pack-quantized"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "float-quantized"),
        ({"quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-bitmask"}}, "sparse-bitmask"),
        ({"quant_method": "compressed-tensors", "transform_config": {"config_groups": {"R1": {}}}}, "rotated"),
    ],
)
def test_other_formats_are_refused_by_name(config: dict[str, Any], name: str, tmp_path: Path) -> None:
    groups = {"config_groups": {"a": {"targets": ["Linear"], "weights": {"num_bits": 8}}}}
    with pytest.raises(HaloError, match=f"quantized as .*{name}.*not read"):
        checkpoint(tmp_path, {"weight": np.ones((2, 2), dtype=np.float32)}, groups | config)


def test_incomplete_layers_are_named(tmp_path: Path) -> None:
    tensors = gptq(np.zeros((8, 8), dtype=np.int64), np.zeros((2, 8), dtype=np.int64), 4)
    with pytest.raises(HaloError, match=r"q_proj' lacks scales; it has qweight, qzeros"):
        checkpoint(tmp_path, tensors, GPTQ).quantized(LAYER)
    with pytest.raises(HaloError, match=r"stored as qweight, qzeros, which quantization_config does not explain"):
        checkpoint(tmp_path, tensors, {"quant_method": "compressed-tensors"})
    tensors["scales"] = np.ones((1, 8), dtype=np.float16)
    with pytest.raises(HaloError, match=r"scales do not fit 8 x 8"):
        checkpoint(tmp_path, tensors, GPTQ).quantized(LAYER)


# GGUF


def gguf_file(path: Path, weight: npt.NDArray[np.float32], kind: str, family: str = "llama", blocks: int = 1) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, family)
    writer.add_block_count(blocks)
    quantization = gguf.GGMLQuantizationType[kind]
    writer.add_tensor("token_embd.weight", weight)
    for name in ("attn_output", "ffn_up"):
        data = weight if kind == "F32" else gguf.quantize(weight, quantization)
        writer.add_tensor(f"blk.0.{name}.weight", data, raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize(("kind", "bits"), [("Q4_0", 4), ("Q8_0", 8), ("F32", None), ("F16", None), ("BF16", None)])
def test_gguf(kind: str, bits: int | None, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    weight = np.random.default_rng(4).normal(size=(24, 96)).astype(np.float32)
    weight[3] = 0
    gguf_file(tmp_path / "m.gguf", weight, kind)
    model = open_model(tmp_path / "m.gguf")
    assert [(x.name, x.shape, x.role) for x in model.layers] == [
        ("model.layers.0.self_attn.o_proj", (24, 96), "o"),
        (UP, (24, 96), "up"),
    ]
    expected = gguf.dequantize(gguf.quantize(weight, gguf.GGMLQuantizationType[kind]), gguf.GGMLQuantizationType[kind])
    np.testing.assert_array_equal(model.weight(UP), expected)
    layer = model.quantized(UP)
    if bits is None:
        assert layer is None
        return
    assert layer is not None
    layer.check()
    assert (layer.bits, layer.scale_block, layer.mac_integer) == (bits, (1, 32), "q - z")
    np.testing.assert_array_equal(layer.dequantize(), expected)
    assert layer.codes.min() >= -(1 << (bits - 1)) and layer.codes.max() >= (1 << (bits - 1)) - 2


def gguf_types() -> list[str]:
    """Every type of which the package knows the size of a block, bar those of other numbers than weights."""
    gguf = pytest.importorskip("gguf")
    return [kind.name for kind in gguf.GGML_QUANT_SIZES if kind.name[0] != "I" or kind.name[1] == "Q"]


@pytest.mark.parametrize("kind", gguf_types())
def test_every_type_that_the_package_dequantizes(kind: str, tmp_path: Path) -> None:
    """Bytes that are the same in every block, all scales 1: numbers are finite, and those that the package gives."""
    import gguf

    type_ = gguf.GGMLQuantizationType[kind]
    block, size = gguf.GGML_QUANT_SIZES[type_]
    columns = 512 if block > 1 else 96
    data = np.random.default_rng(1).integers(0, 60, (6, columns // block * size)).astype(np.uint8)
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_block_count(1)
    writer.add_tensor("blk.0.ffn_up.weight", data, raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    try:
        expected = gguf.dequantize(data, type_)
    except RuntimeError:
        with pytest.raises(HaloError, match=rf"GGUF {kind} in blk\.0\.ffn_up, which is not read"):
            open_model(tmp_path / "m.gguf")
        return
    model = open_model(tmp_path / "m.gguf")
    assert model.layers[0].shape == expected.shape == (6, columns)
    assert np.isfinite(expected).all() and expected.any()
    np.testing.assert_array_equal(model.weight(UP), expected)
    assert (model.quantized(UP) is not None) is (kind in ("Q4_0", "Q8_0"))


def test_q4_1_by_hand(tmp_path: Path) -> None:
    """A block of 32 is scale 0.5 and least value -2 in half precision, then low nibbles first: 0.5 q - 2."""
    gguf = pytest.importorskip("gguf")
    block = np.concatenate([np.array([0.5, -2.0], "<f2").view(np.uint8), np.full(16, 0xF3, np.uint8)])
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_block_count(1)
    writer.add_tensor("blk.0.ffn_up.weight", block[None], raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    weight = open_model(tmp_path / "m.gguf").weight(UP)
    np.testing.assert_array_equal(weight, [[0.5 * 3 - 2] * 16 + [0.5 * 15 - 2] * 16])


def test_gguf_that_is_not_read(tmp_path: Path) -> None:
    weight = np.ones((8, 256), dtype=np.float32)
    path = tmp_path / "m.gguf"
    gguf_file(path, weight, "Q8_0", family="rwkv7")
    with pytest.raises(HaloError, match=r"'rwkv7' is unknown; it has blk\.\{0\}\.attn_output 8 x 256"):
        open_model(path)
    gguf_file(path, weight, "Q8_0", blocks=2)
    with pytest.raises(HaloError, match="promises 2 blocks and holds 1"):
        open_model(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(HaloError, match="damaged"):
        open_model(path)
