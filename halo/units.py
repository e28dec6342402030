# SPDX-License-Identifier: Apache-2.0
"""Units: SI inside, integer femtoseconds in the timing kernels, the unit in the name everywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from halo.errors import HaloError

FS_PER_SECOND = 1e15
FS_PER_PS = 1000
LONGEST_FS = np.iinfo(np.int32).max
"""What the timing kernels' integers hold: 2.1 us."""


@overload
def to_femtoseconds(seconds: float, path: str | Path | None = None) -> int: ...
@overload
def to_femtoseconds(seconds: npt.NDArray[np.float64], path: str | Path | None = None) -> npt.NDArray[np.int32]: ...
def to_femtoseconds(
    seconds: float | npt.NDArray[np.float64], path: str | Path | None = None
) -> int | npt.NDArray[np.int32]:
    """Round times in seconds to the nearest femtosecond (ties to even).

    Args:
        seconds: a time, or an array of times.
        path: library that they come from, for the error.

    Raises:
        HaloError: a time does not fit the kernels' int32 (2.1 us).
    """
    scaled = np.rint(np.asarray(seconds, dtype=np.float64) * FS_PER_SECOND)
    longest = np.abs(scaled).max(initial=0.0)
    if longest > LONGEST_FS:
        raise HaloError(
            f"a delay of {longest / FS_PER_SECOND:.3g} s does not fit the 32-bit femtoseconds of the engines (2.1 us)",
            "Check the library's time and capacitance units, the input slew and the output load.",
            path,
        )
    if scaled.ndim == 0:
        return int(scaled)
    return scaled.astype(np.int32)
