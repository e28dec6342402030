"""Units: SI inside, integer femtoseconds in the timing kernels, the unit in the name everywhere else."""

from __future__ import annotations

from typing import overload

import numpy as np
import numpy.typing as npt

FS_PER_SECOND = 1e15
FS_PER_PS = 1000
NEVER = np.int32(-1)
"""Arrival of a signal that never changes. Every true arrival is zero or later."""


@overload
def to_femtoseconds(seconds: float) -> int: ...
@overload
def to_femtoseconds(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]: ...
def to_femtoseconds(seconds: float | npt.NDArray[np.float64]) -> int | npt.NDArray[np.int32]:
    """Round a time in seconds to the nearest femtosecond (ties to even).

    Raises:
        OverflowError: the time does not fit the kernels' int32 (2.1 us).
    """
    scaled = np.rint(np.asarray(seconds, dtype=np.float64) * FS_PER_SECOND)
    if np.any(np.abs(scaled) > np.iinfo(np.int32).max):
        raise OverflowError("a delay above 2.1 us does not fit the integer femtoseconds of the timing kernels")
    if scaled.ndim == 0:
        return int(scaled)
    return scaled.astype(np.int32)
