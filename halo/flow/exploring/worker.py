# SPDX-License-Identifier: Apache-2.0
"""A worker process: reads a candidate and its conditions, a JSON line each, and writes the figures as one.

Tests: tests/flow/exploring/test_workers.py.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Answer until there is nothing more to read."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what anything prints is no answer
    from halo.flow.exploring.evaluation import evaluate_json

    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(evaluate_json(asked["candidate"], asked["conditions"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
