# SPDX-License-Identifier: Apache-2.0
"""Time and memory of `halo quantize` on a model of LLaMA-2-7B's shapes. The weights are SYNTHETIC: no result says
anything about a real model's accuracy.

Writes a checkpoint (13 GB as bfloat16 with all 32 blocks), quantizes it with HALO in a process of its own, and prints
time and peak memory. Without a text the Fisher information is the stand-in that the command names. Goal: 10 minutes,
memory of two layers. Run by hand on a quiet machine with 25 GB of disk:

    python tests/benchmarks/quant_model.py --table runs/default --folder scratch
    python tests/benchmarks/quant_model.py --table runs/default --folder scratch --blocks 4
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
from designs import measured, peak_mb

HIDDEN, INNER, HEADS, BLOCKS, VOCABULARY = 4096, 11008, 32, 32, 32000  # Touvron et al., arXiv 2307.09288
SHAPES = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (HIDDEN, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}
U16 = npt.NDArray[np.uint16]


def bfloat16(values: npt.NDArray[np.float32]) -> U16:
    """The upper halves of the numbers, as a checkpoint holds them."""
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def weights(rows: int, columns: int, rng: np.random.Generator) -> U16:
    """Normal weights whose channels differ in size; one input in 500 is five times as large (outlier channels)."""
    made = rng.standard_normal((rows, columns), dtype=np.float32)
    made *= np.exp(0.3 * rng.standard_normal((rows, 1))).astype(np.float32) * np.float32(0.02)
    made[:, rng.random(columns) < 0.002] *= 5
    return bfloat16(made)


def write_shard(path: Path, tensors: dict[str, U16]) -> None:
    """A safetensors file of bfloat16 tensors, which numpy has no type for: length of the header, header, data."""
    header, end = {}, 0
    for name, values in tensors.items():
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in tensors.values():
            values.tofile(file)


def write_model(folder: Path, blocks: int) -> None:
    """A folder with config.json and one shard a block."""
    folder.mkdir(parents=True)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "num_hidden_layers": blocks,
        "vocab_size": VOCABULARY,
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    places = {}
    ones = bfloat16(np.ones(HIDDEN, np.float32))
    for block in range(blocks):
        rng = np.random.default_rng(block)
        prefix = f"model.layers.{block}"
        tensors = {f"{prefix}.{name}.weight": weights(*shape, rng) for name, shape in SHAPES.items()}
        tensors |= {f"{prefix}.{name}.weight": ones for name in ("input_layernorm", "post_attention_layernorm")}
        if block == 0:
            tensors |= {
                name: weights(VOCABULARY, HIDDEN, rng) for name in ("model.embed_tokens.weight", "lm_head.weight")
            }
            tensors["model.norm.weight"] = ones
        shard = f"model-{block + 1:05d}-of-{blocks:05d}.safetensors"
        places |= dict.fromkeys(tensors, shard)
        write_shard(folder / shard, tensors)
        print(f"block {block + 1} of {blocks} written", file=sys.stderr)
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def main() -> None:
    """Write, quantize, print."""
    first, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, required=True, help="run folder or weights.csv of halo characterize")
    parser.add_argument("--folder", type=Path, required=True, help="folder to make for the model and the result")
    parser.add_argument("--blocks", type=int, default=BLOCKS, help="transformer blocks (%(default)s)")
    options, others = parser.parse_known_args()
    model = options.folder / "model"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # what it takes is no peak of the command's
        pool.submit(write_model, model, options.blocks).result()
    command = ["halo", "quantize", str(model), "--table", str(options.table), "-o", str(options.folder / "q"), *others]
    print(" ".join(command), file=sys.stderr)
    with measured(children=True) as cost:
        process = subprocess.Popen(command)
        peak = 0.0
        while process.poll() is None:
            with suppress(OSError):
                peak = max(peak, peak_mb(process.pid))
            time.sleep(0.2)
    if process.returncode:
        sys.exit(process.returncode)
    millions = options.blocks * sum(rows * columns for rows, columns in SHAPES.values()) / 1e6
    print(f"{millions:,.0f} M synthetic weights: {cost.wall_s:.0f} s wall, {cost.cpu_s:.0f} s CPU, peak {peak:,.0f} MB")


if __name__ == "__main__":
    main()
