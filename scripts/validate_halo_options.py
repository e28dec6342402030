# SPDX-License-Identifier: Apache-2.0
"""What each choice of the HALO quantizer is worth: perplexity with one option changed at a time. Needs PyTorch.

    python scripts/validate_halo_options.py MODEL runs/array TEXT

MODEL is a Hugging Face folder. Calibrated and evaluated on the same text, tiles of 32, every tile fast.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import halo

DEFAULT = halo.quant.HaloOptions(tile=32, variant="perf")
CHANGED = {
    "default": DEFAULT,
    "a scale for each output channel": replace(DEFAULT, scale="channel"),
    "a scale for each tile": replace(DEFAULT, scale="tile"),
    "positive scales only": replace(DEFAULT, signed_scale=False),
    "no outliers apart": replace(DEFAULT, outlier_sigmas=None),
    "no error feedback": replace(DEFAULT, feedback=False),
}


def main(arguments: Sequence[str]) -> None:
    """The command."""
    if len(arguments) != 3:
        sys.exit(__doc__)
    model, table, text = arguments
    with tempfile.TemporaryDirectory(prefix="halo-options-") as scratch:
        for name, options in CHANGED.items():
            made = Path(scratch) / "run"
            result = halo.quantize(model, run_folder=made, options=options, table=table, calibration=text, force=True)
            accuracy = halo.evaluate(made, text=text).accuracy
            assert accuracy is not None
            bits = result.bits_per_weight
            print(f"| {name} | {accuracy.perplexity:.2f} | {accuracy.kl_divergence:.3f} | {bits:.2f} |", flush=True)
    print(f"float: {accuracy.reference_perplexity:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
