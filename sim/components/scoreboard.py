"""Compares what came out with what the model says, and counts, so that nothing can be left out unseen."""

from __future__ import annotations

from collections import deque

import numpy as np
from components.operands import I64, Operands, Widths
from models.mac import mac


class Scoreboard:
    """Sums in the order in which their operands were sent.

    Attributes:
        sent: calculations handed to the design.
        compared: sums compared with the model.
        different: sums that were wrong.
        first: the first wrong one in words.
    """

    def __init__(self, widths: Widths) -> None:
        self.widths = widths
        self.sent = 0
        self.compared = 0
        self.different = 0
        self.first = ""
        self._expected: deque[tuple[Operands, I64]] = deque()

    def expect(self, step: Operands) -> None:
        """Note a step before it is driven."""
        self.sent += len(step)
        self._expected.append((step, mac(step.weight, step.activation, step.psum, self.widths.acc)))

    def saw(self, sums: I64) -> None:
        """Compare the sums of the oldest step that has none yet."""
        assert self._expected, "sums that nothing was sent for"
        step, expected = self._expected.popleft()
        wrong = np.flatnonzero(sums != expected)
        self.compared += len(sums)
        self.different += len(wrong)
        if len(wrong) and not self.first:
            n = int(wrong[0])
            self.first = (
                f"{step.psum[n]} + {step.weight[n]} * {step.activation[n]} gave {sums[n]}, not {expected[n]} (lane {n})"
            )

    def finish(self, at_least: int) -> None:
        """Fail unless everything sent, ``at_least`` calculations, was compared and right."""
        assert not self._expected, f"{len(self._expected)} steps gave no sums"
        assert self.compared == self.sent, f"{self.compared} of {self.sent} sums were compared"
        assert self.sent >= at_least, f"{self.sent} of {at_least} calculations were sent"
        assert self.different == 0, f"{self.different} of {self.compared} sums are wrong, first: {self.first}"
