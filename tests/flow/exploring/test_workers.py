# SPDX-License-Identifier: Apache-2.0
"""Worker processes that die, and what becomes of their candidates."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from halo.errors import HaloError
from halo.flow.exploring.candidate import Candidate, Conditions
from halo.flow.exploring.evaluation import Figures
from halo.flow.exploring.space import Structure
from halo.flow.exploring.workers import Cluster, Processes

CONDITIONS = Conditions(liberty=("cells.lib",), class_weights=(0, 16))
# A worker that is killed by the candidate of seed 7, and by that of seed 8 the first time only.
WORKER = """import json, os, signal, sys
for line in sys.stdin:
    asked = json.loads(line)
    seed = asked["candidate"]["structure"]["seed"]
    mark = sys.argv[1] + str(seed)
    if seed == 7 or (seed == 8 and not os.path.exists(mark)):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    print(json.dumps({"area": float(seed), "cells": os.getpid(), "periods_ps": []}), flush=True)
"""


def evaluate(pool: Processes, seeds: list[int]) -> dict[int, tuple[Figures, bool]]:
    found: dict[int, tuple[Figures, bool]] = {}

    def done(place: int, figures: Figures, keep: bool) -> None:
        assert place not in found
        found[place] = (figures, keep)

    pool.evaluate([Candidate.of(Structure(seed=seed)) for seed in seeds], done)
    return found


def test_a_killed_worker_costs_one_row_at_most(tmp_path: Path) -> None:
    pool = Processes(CONDITIONS, 2, (sys.executable, "-c", WORKER, f"{tmp_path}/seed"))
    try:
        found = evaluate(pool, [1, 7, 2, 8, 3])
        assert [found[place][0].area for place in range(5)] == [1.0, None, 2.0, 8.0, 3.0]
        lost, keep = found[1]
        assert "worker" in lost.reason and "2 times" in lost.reason and not keep
        assert all(keep and not figures.reason for place, (figures, keep) in found.items() if place != 1)
        again = evaluate(pool, [4, 5])  # the workers that are left go on
        assert {figures.area for figures, _ in again.values()} == {4.0, 5.0}
    finally:
        pool.close()


def test_workers_end_with_the_pool() -> None:
    pool = Processes(CONDITIONS, 2, (sys.executable, "-c", WORKER, "unused"))
    evaluate(pool, [1, 2, 3, 4])
    pids = pool.pids
    pool.close()
    assert pids and not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_worker_killed_from_outside_is_started_again() -> None:
    pool = Processes(CONDITIONS, 1, (sys.executable, "-c", WORKER, "unused"))
    try:
        evaluate(pool, [1])
        (first,) = pool.pids
        os.kill(first, signal.SIGKILL)
        time.sleep(0.2)
        found = evaluate(pool, [2])
        assert found[0][0].area == 2.0 and found[0][0].cells != first
    finally:
        pool.close()


def test_a_candidate_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    worker = WORKER.replace("seed == 7 or", "seed == 6 and time.sleep(60) or").replace(
        "import json,", "import time, json,"
    )
    pool = Processes(CONDITIONS, 1, (sys.executable, "-c", worker, f"{tmp_path}/seed"), limit_s=3)
    try:
        found = evaluate(pool, [1, 6, 2])
        assert [found[place][0].area for place in range(3)] == [1.0, None, 2.0]
        assert "longer than 3 s" in found[1][0].reason and not found[1][1]
    finally:
        pool.close()


@pytest.mark.slow
def test_a_dask_cluster(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    conditions = Conditions(liberty=(str(tmp_path / "absent.lib"),), class_weights=(0, 16))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local:
        cluster = Cluster(conditions, local.scheduler_address)
        try:
            found: dict[int, tuple[Figures, bool]] = {}
            some = [Candidate.of(Structure(seed=seed)) for seed in range(3)]
            cluster.evaluate(some, lambda place, figures, keep: found.update({place: (figures, keep)}))
        finally:
            cluster.close()
    assert sorted(found) == [0, 1, 2]
    assert all("absent.lib" in figures.reason and keep for figures, keep in found.values())


def test_no_scheduler_is_said() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(HaloError, match="no Dask scheduler answers"):
        Cluster(CONDITIONS, "tcp://127.0.0.1:9")
