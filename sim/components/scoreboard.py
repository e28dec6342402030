# SPDX-License-Identifier: Apache-2.0
"""Compares what came out with what the model says, and counts, so that nothing can be left out unseen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Explain = Callable[[int], str]
"""Where a value came from, given its place in the beat."""


class Scoreboard:
    """Beats in the order in which they are due. A beat packs ``values`` numbers of ``width`` bits, the first lowest.

    Attributes:
        sent: values that are due.
        compared: values compared with the model.
        different: values that were wrong.
        first: the first wrong one in words.
    """

    def __init__(self, width: int, values: int = 1, unit: str = "results") -> None:
        self.width = width
        self.values = values
        self.unit = unit
        self.sent = 0
        self.compared = 0
        self.different = 0
        self.first = ""
        self._due: deque[tuple[int, Explain | None]] = deque()

    @property
    def open(self) -> int:
        """Beats that are still due."""
        return len(self._due)

    def expect(self, beat: int, explain: Explain | None = None) -> None:
        """Note the next beat that must come out, and how to say where its values come from."""
        self.sent += self.values
        self._due.append((beat, explain))

    def place(self, value: int) -> str:
        """Where a value of the beat that is due comes from, in words."""
        if not self._due:
            return f"value {value} of a beat that is not due"
        explain = self._due[0][1]
        return explain(value) if explain is not None else f"value {value} of result {self.compared // self.values}"

    def saw(self, beat: int) -> None:
        """Compare a beat that came out with the oldest one that is due.

        Raises:
            AssertionError: none is due.
        """
        assert self._due, f"{self.unit} that nothing was sent for, after {self.compared} compared"
        due, explain = self._due.popleft()
        self.compared += self.values
        if beat != due:
            self._note(beat, due, explain)

    def forget(self) -> None:
        """Nothing that is due will come: the design was reset."""
        self.sent -= self.values * len(self._due)
        self._due.clear()

    def finish(self, at_least: int) -> None:
        """Fail unless everything due, ``at_least`` values, was compared and right."""
        assert self.different == 0, f"{self.different} of {self.compared} {self.unit} are wrong, first: {self.first}"
        assert not self._due, f"{len(self._due) * self.values} of {self.sent} {self.unit} did not come"
        assert self.compared == self.sent, f"{self.compared} of {self.sent} {self.unit} were compared"
        assert self.sent >= at_least, f"{self.sent} {self.unit} were due, not at least {at_least}"

    def _note(self, beat: int, due: int, explain: Explain | None) -> None:
        found, wanted = self._split(beat), self._split(due)
        wrong = [n for n in range(self.values) if found[n] != wanted[n]]
        self.different += max(len(wrong), 1)  # bits above the last value count as well
        if not self.first:
            n = wrong[0] if wrong else 0
            text = f"{explain(n)} gave " if explain is not None else ""
            number = f" (value {n} of result {(self.compared - self.values) // self.values})"
            self.first = f"{text}{found[n]}, not {wanted[n]}{number}"

    def _split(self, beat: int) -> list[int]:
        """The signed values of a beat."""
        half = 1 << (self.width - 1)
        fields = [beat >> (n * self.width) & (2 * half - 1) for n in range(self.values)]
        return [field - 2 * half if field >= half else field for field in fields]
