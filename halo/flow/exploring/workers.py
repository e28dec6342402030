# SPDX-License-Identifier: Apache-2.0
"""Evaluates candidates in processes of this machine, or on a Dask cluster; what a worker dies of costs one row at most.

A process here reads candidates and writes figures, a JSON line each (``halo.flow.exploring.worker``). One that ends in
the middle is started again, and its candidate tried once more.

Tests: tests/flow/exploring/test_workers.py.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from halo.errors import HaloError
from halo.flow.exploring.candidate import Candidate, Conditions
from halo.flow.exploring.evaluation import Figures, evaluate_json
from halo.processes import Conversation, TooLongError

TRIES = 2
WORKER = (sys.executable, "-P", "-m", "halo.flow.exploring.worker")
LIMIT_S = 1800.0
LATE = "it took longer than {:,.0f} s"
LOST = "its worker process ended {} times while it was evaluated; another run tries it again"


class Workers(Protocol):
    """Evaluates candidates side by side."""

    def evaluate(self, candidates: Sequence[Candidate], done: Callable[[int, Figures, bool], None]) -> None:
        """Evaluate candidates.

        Args:
            candidates: to evaluate.
            done: called in this thread with the place of a candidate, its figures, and whether they can be kept: not
                where the worker failed rather than the candidate.
        """
        ...


class Processes:
    """Worker processes of this machine.

    Args:
        conditions: of all candidates.
        jobs: how many at once.
        command: what a worker is started as.
        limit_s: wall time that a candidate may take.
    """

    def __init__(
        self, conditions: Conditions, jobs: int, command: Sequence[str] = WORKER, limit_s: float = LIMIT_S
    ) -> None:
        self._conditions = conditions.to_json()
        self._limit_s = limit_s
        self._command = tuple(command)
        self._waiting: queue.SimpleQueue[tuple[int, Candidate, int] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[int, Figures, bool] | BaseException] = queue.SimpleQueue()
        self._running: dict[int, Conversation] = {}
        self._closed = False
        # A worker ends with the thread that started it, so threads last as long as this object.
        self._threads = [threading.Thread(target=self._serve, args=(number,), daemon=True) for number in range(jobs)]
        for thread in self._threads:
            thread.start()

    @property
    def pids(self) -> list[int]:
        """Numbers of the worker processes that run."""
        return [worker.pid for worker in list(self._running.values())]

    def evaluate(self, candidates: Sequence[Candidate], done: Callable[[int, Figures, bool], None]) -> None:
        """As ``Workers.evaluate``."""
        for number, one in enumerate(candidates):
            self._waiting.put((number, one, 1))
        for _ in candidates:
            answer = self._answers.get()
            if isinstance(answer, BaseException):
                raise answer
            done(*answer)

    def close(self) -> None:
        """End the workers."""
        self._closed = True
        for worker in list(self._running.values()):
            worker.end()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, own: int) -> None:
        try:
            while (task := self._waiting.get()) is not None and not self._closed:
                number, one, attempt = task
                if own not in self._running:
                    self._running[own] = Conversation(self._command, env=_environment())
                asked = {"candidate": one.to_json(), "conditions": self._conditions}
                try:
                    answer = self._running[own].ask(json.dumps(asked), self._limit_s)
                except TooLongError:
                    self._running.pop(own).end()
                    self._answers.put((number, Figures(reason=LATE.format(self._limit_s)), False))
                    continue
                if answer is not None:
                    self._answers.put((number, Figures.from_json(json.loads(answer)), True))
                    continue
                self._running.pop(own).end()
                if attempt < TRIES:
                    self._waiting.put((number, one, attempt + 1))
                else:
                    self._answers.put((number, Figures(reason=LOST.format(attempt)), False))
        except BaseException as error:
            self._answers.put(error)


def _environment() -> Mapping[str, str]:
    """One thread a worker: they are as many as the cores."""
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


class Cluster:
    """Workers of a Dask cluster. They need this version of halo, and the files under the same paths.

    Args:
        conditions: of all candidates.
        address: of the scheduler.

    Raises:
        HaloError: dask.distributed is not installed, or no scheduler answers.
    """

    def __init__(self, conditions: Conditions, address: str) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError:
            raise HaloError(
                "a Dask cluster needs dask.distributed, which is not installed",
                "Run: pip install distributed; or leave out --scheduler to use processes here.",
            ) from None
        self._conditions = conditions.to_json()
        try:
            self._client: Any = Client(address, timeout=10)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise HaloError(
                f"no Dask scheduler answers at {address}: {error}",
                "Start one: dask scheduler; and dask worker ADDRESS.",
            ) from None

    def evaluate(self, candidates: Sequence[Candidate], done: Callable[[int, Figures, bool], None]) -> None:
        """As ``Workers.evaluate``."""
        from distributed import as_completed

        futures = [
            self._client.submit(evaluate_json, one.to_json(), self._conditions, pure=False, retries=TRIES - 1)
            for one in candidates
        ]
        places = {future.key: number for number, future in enumerate(futures)}
        try:
            for future in as_completed(futures):  # type: ignore[no-untyped-call]
                number = places[future.key]
                if future.status == "finished":
                    done(number, Figures.from_json(future.result()), True)
                else:
                    said = " ".join(str(future.exception()).split())
                    done(number, Figures(reason=f"its Dask worker failed: {said}"), False)
        finally:
            self._client.cancel(futures)

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()


@contextmanager
def workers(conditions: Conditions, jobs: int, scheduler: str | None) -> Iterator[Processes | Cluster]:
    """The workers of a search; they end with the block."""
    made = Processes(conditions, jobs) if scheduler is None else Cluster(conditions, scheduler)
    try:
        yield made
    finally:
        made.close()
