# SPDX-License-Identifier: Apache-2.0
"""One line of the results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What one engine took on one design.

    Attributes:
        transitions: how many it did, None where the engine does not go through them.
        cpu_s: of all threads together; wall_s: elapsed.
        peak_mb: resident memory of the process that simulated.
        note: what was played, and what was checked.
    """

    design: str
    gates: int
    engine: str
    threads: int
    transitions: int | None
    cpu_s: float
    wall_s: float
    peak_mb: float
    note: str

    @property
    def rate(self) -> float | None:
        """Transitions per core-second."""
        return self.transitions / self.cpu_s if self.transitions is not None and self.cpu_s > 0 else None
