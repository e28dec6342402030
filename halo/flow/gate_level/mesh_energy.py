# SPDX-License-Identifier: Apache-2.0
"""Energy of streams of tiles on a weight-stationary mesh, all gates simulated, split by what causes it.

Tests: tests/test_api.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from halo.flow.gate_level.array import build_array
from halo.flow.gate_level.array_energy import ArrayEnergy, LoneMac, array_energy
from halo.flow.gate_level.weight_streams import Tile


def mesh_energy(
    streams: Mapping[str, Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]],
    *,
    liberty: str | Path | Sequence[str | Path],
    multiplier: str = "csa_array",
) -> dict[str, ArrayEnergy]:
    """Simulate a weight-stationary mesh of gates with some streams of tiles.

    Args:
        streams: by name, each a sequence of ``(weights, activations)``: int8[rows, columns] and int8[slots, rows]. The
            first tile gives the size of the mesh.
        liberty: the files of one corner.
        multiplier: family of the elements' multiplier.

    Returns:
        Energy by stream: what the sum over a per-weight table says, and what the array adds to it step by step.

    Raises:
        HaloError: tiles that do not fit the mesh, or a missing library.
    """
    given = (liberty,) if isinstance(liberty, str | Path) else liberty
    files = [Path(path) for path in given]
    tiles = {
        name: [Tile(np.asarray(weights, np.int64), np.asarray(activations, np.int64)) for weights, activations in own]
        for name, own in streams.items()
    }
    rows, columns = next(iter(tiles.values()))[0].weights.shape
    parameters = {"ROWS": rows, "COLUMNS": columns, "MULTIPLIER": multiplier}
    with tempfile.TemporaryDirectory(prefix="halo-mesh-") as scratch:
        array = build_array("systolic_ws", parameters, files, Path(scratch) / "array")
        mac = LoneMac(multiplier, {}, files, Path(scratch) / "mac")
        return {name: array_energy(array, mac, own) for name, own in tiles.items()}
