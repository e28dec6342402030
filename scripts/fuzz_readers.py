# SPDX-License-Identifier: Apache-2.0
"""Read ten thousand damaged files of each foreign kind: Liberty, Verilog netlist, SDF and safetensors.

    python scripts/fuzz_readers.py [NUMBER [KIND ...]]

Each must end in a result or in an error of two lines, within ten seconds and four gigabytes. The damage is drawn by
hypothesis from a fixed seed, and the first input that breaks the rule is shown as small as it can be made.
"""

from __future__ import annotations

import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "fixtures"))

from damaged_inputs import KINDS, attempt, damaged, sound_library
from hypothesis import HealthCheck, given, seed, settings

_SECONDS = 10
_BYTES = 4 << 30


def main(arguments: list[str]) -> None:
    """Fuzz the kinds asked for, or all."""
    number = int(arguments[0]) if arguments else 10_000
    resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
    signal.signal(signal.SIGALRM, _too_long)
    for name in arguments[1:] or KINDS:
        kind = KINDS[name]
        counts: Counter[bool] = Counter()
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="halo-fuzz-") as scratch:
            folder = Path(scratch)
            library = sound_library(folder)

            @seed(1)
            @settings(
                max_examples=number,
                deadline=None,
                database=None,
                print_blob=False,
                suppress_health_check=list(HealthCheck),
            )
            @given(data=damaged(kind))
            def run(data: bytes) -> None:
                signal.alarm(_SECONDS)
                try:
                    counts[attempt(kind, data, folder, library)] += 1  # noqa: B023
                finally:
                    signal.alarm(0)

            run()
        spent = time.monotonic() - started
        print(f"{name}: {counts.total():,} inputs, {counts[True]:,} read, {counts[False]:,} refused, {spent:.0f} s")


def _too_long(_: int, __: FrameType | None) -> None:
    raise TimeoutError(f"reading takes more than {_SECONDS} s")


if __name__ == "__main__":
    main(sys.argv[1:])
