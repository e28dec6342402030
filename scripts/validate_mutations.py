# SPDX-License-Identifier: Apache-2.0
"""How often the benches find each fault of tests/rtl/test_mutations.py: with seeds 1 to 10. Takes an hour or two.

python scripts/validate_mutations.py [SEEDS [WORDS...]]   # only faults whose file or text has one of the words

Each run is ``halo sim BENCH`` in Icarus with the parameters of the test, until the first test fails. A test that found
the fault with one seed runs first with the next one, which changes no verdict. Faults that are found with fewer seeds
than all are printed with those that miss them, and the exit code is then 1.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from halo.flow.simulators.bench_run import simulate


def planted() -> ModuleType:
    """The module of the tests, which is in no package."""
    path = Path(__file__).resolve().parents[1] / "tests" / "rtl" / "test_mutations.py"
    spec = spec_from_file_location("test_mutations", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def misses(fault: Any, parameters: Mapping[str, int | str], seeds: Sequence[int]) -> list[int]:
    """Seeds with which the benches do not find a fault."""
    missed, found_by = [], None
    with tempfile.TemporaryDirectory(prefix="halo-fault-") as scratch:
        sources = fault.sources(Path(scratch))
        for seed in seeds:
            for tests in (None,) if found_by is None else ([found_by], None):
                result = simulate(
                    fault.design.split()[0],
                    "icarus",
                    parameters,
                    workdir=Path(scratch) / "work",
                    sources=sources,
                    seed=seed,
                    tests=tests,
                    max_failures=1,
                )
                if not result.passed:
                    found_by = next(test.name for test in result.tests if not test.passed)
                    break
            else:
                missed.append(seed)
    return missed


def main(arguments: Sequence[str]) -> None:
    """The command."""
    if arguments and not arguments[0].isdigit():
        sys.exit(__doc__)
    planting = planted()
    seeds = range(1, 1 + int(arguments[0] if arguments else 10))
    words = arguments[1:] or [""]
    chosen = [f for f in planting.FAULTS if any(word in f"{f.design} {f.file}: {f.right} {f.wrong}" for word in words)]
    found = 0
    for fault in chosen:
        missed = misses(fault, planting.DESIGNS[fault.design], seeds)
        found += not missed
        if missed:
            print(f"{fault.design}, {fault.file}, {fault.wrong}: missed with seeds {missed}", flush=True)
    print(f"{found} of {len(chosen)} faults found with each of {len(seeds)} seeds")
    sys.exit(found < len(chosen))


if __name__ == "__main__":
    main(sys.argv[1:])
