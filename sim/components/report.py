# SPDX-License-Identifier: Apache-2.0
"""What a test of a bench has to say besides passing: one line of JSON a test in ``bench.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cocotb.task import current_task

FILE = Path("bench.jsonl")


@dataclass(frozen=True)
class Report:
    """The row of the running test.

    Attributes:
        compared, sent: results compared with the model, and results due.
        cycles: clock cycles simulated, or steps of a bench without a clock.
        coverage: hits by bin.
        figures: anything measured, by name with its unit.
    """

    compared: int
    sent: int
    cycles: int
    coverage: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, int | float] = field(default_factory=dict)

    def write(self) -> None:
        """Append the row; call it from the test itself, last of all."""
        row = {"test": current_task().get_name().removeprefix("Test "), **asdict(self)}
        with FILE.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
