# SPDX-License-Identifier: Apache-2.0
"""Quantize a model to the fast weights of a MAC, and see what it costs in accuracy. Needs PyTorch.

    ./scripts/run.sh                                     # the default MAC, into runs/default
    python examples/quantize_and_evaluate.py model runs/default text.txt quantized

The model is a Hugging Face folder. One text serves for calibration and evaluation, only to keep this short.
"""

import sys
from pathlib import Path

import halo

METHODS = {
    "halo": halo.quant.HaloOptions(tile=32, variant="perf"),  # every tile takes the fast codebook
    "left-aligned": halo.quant.LeftAlignedOptions(bits=3, group=32),  # a plain grid of the same speed
}


def main(model: str, run: str, text: str, folder: str) -> None:
    """Both methods side by side: bits, clock, and perplexity."""
    for name, options in METHODS.items():
        made = Path(folder) / name
        calibration = text if name == "halo" else None
        quantized = halo.quantize(
            model, run_folder=made, options=options, table=run, calibration=calibration, force=True
        )
        clock = 1 / quantized.to_pandas()["period_ns"].astype(float).mean()
        accuracy = halo.evaluate(made, text=text).accuracy
        print(
            f"{name:14} {quantized.bits_per_weight:.2f} bits a weight at {clock:.3f} GHz: "
            f"perplexity {accuracy.perplexity:.2f}, as float {accuracy.reference_perplexity:.2f}"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
