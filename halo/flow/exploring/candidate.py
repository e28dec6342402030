# SPDX-License-Identifier: Apache-2.0
"""What is evaluated: a structure of halo's RTL or Verilog of the user's, and under which conditions.

Both travel to worker processes and into cache keys as JSON values.

Tests: tests/flow/exploring/test_evaluation.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from halo.cachedir import cache_key
from halo.config import Operand, Synthesis
from halo.flow.exploring.space import Structure
from halo.flow.runs.assets import DEFAULT_MAC, element_sources
from halo.flow.runs.provenance import input_file

VERSION = 5
"""Raise it with every change that changes what a candidate evaluates to."""
ELEMENT, PAIRS = DEFAULT_MAC, "pair_element"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A registered MAC to evaluate.

    Attributes:
        name: in the table.
        structure: parameters of the element; of the user's Verilog, those that stand around it.
        file: the user's Verilog; empty: a structure of halo's.
        roles: ports of the user's module by role, as given.
        signed: operands of the user's module read as signed, whatever is declared.
    """

    name: str
    structure: Structure
    file: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    signed: tuple[Operand, ...] = ()

    @classmethod
    def of(cls, structure: Structure) -> Candidate:
        """A structure of halo's."""
        return cls(name=structure.name, structure=structure)

    @property
    def synth(self) -> Synthesis:
        """Kind of synthesis."""
        return self.structure.synth

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Candidate:
        """The inverse of ``to_json``."""
        return cls(
            **{
                **values,
                "structure": Structure(**values["structure"]),
                "roles": tuple((role, port) for role, port in values["roles"]),
                "signed": tuple(values["signed"]),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What all candidates of a search share.

    Attributes:
        liberty: files of the corner.
        class_weights: of eight bits, ascending.
        dont_use: patterns of cells that synthesis may not use.
        samples: transitions a weight behind an energy.
        seed: of every random choice.
    """

    liberty: tuple[str, ...]
    class_weights: tuple[int, ...]
    dont_use: tuple[str, ...] = ()
    samples: int = 128
    seed: int = 1

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Conditions:
        """The inverse of ``to_json``."""
        own: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**own)


class Keys:
    """Names of cache entries: hashes of everything that an evaluation depends on."""

    def __init__(self, conditions: Conditions, versions: Mapping[str, str]) -> None:
        shared = conditions.to_json() | {"liberty": _hashes(conditions.liberty)}
        own = (*element_sources(), *element_sources(PAIRS)[-1:])
        self._shared = cache_key(VERSION, dict(versions), shared, _hashes(own))

    def of(self, candidate: Candidate) -> str:
        """The name of a candidate's entry; its own name and path do not count, what stands in its file does."""
        values = candidate.to_json() | {"name": "", "file": _hashes([candidate.file] if candidate.file else [])}
        return cache_key(self._shared, values)


def _hashes(paths: Sequence[str | Path]) -> list[str]:
    return [input_file(Path(path)).sha256 for path in paths]
