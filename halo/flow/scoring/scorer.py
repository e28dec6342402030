# SPDX-License-Identifier: Apache-2.0
"""A pass through a model on a machine, scored method by method: ways to run each layer, choice, sums, schedule.

Tests: tests/flow/test_score.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from halo.dvfs.cost import LayerCost
from halo.dvfs.optimise import Objective, choose
from halo.dvfs.schedule import Schedule, WeightSet, make_schedule
from halo.dvfs.sequence import run_layer, run_layers
from halo.flow.scoring.machine import Machine
from halo.flow.scoring.methods import Method, WeightFormat
from halo.flow.scoring.operating_points import MacOperatingPoints
from halo.flow.scoring.stated import Operand
from halo.flow.scoring.table import LayerScore, MethodScore, VectorScore
from halo.workload.config import LlmConfig
from halo.workload.footprint import peak_memory
from halo.workload.gemm import Gemm, VectorOperation, Workload

_FLOAT_BITS = 16
"""Of an activation of floating-point methods, as it is stored."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """What all methods share.

    Attributes:
        llm: the model.
        workload: the pass through it.
        machine: that runs it.
        points: operating points of the MACs for each operand; those of int8 always, for the vector unit follows them.
        objective: what operating points are chosen for.
        activation_bits: stored, of integer methods.
        memory_time: False: memory, the sparse unit and vector operations take no time; their energy counts.
    """

    llm: LlmConfig
    workload: Workload
    machine: Machine
    points: Mapping[Operand, MacOperatingPoints]
    objective: Objective
    activation_bits: int
    memory_time: bool

    def score(self, method: Method) -> tuple[MethodScore, Schedule]:
        """Times and energies of a method, and the schedule that they belong to.

        Raises:
            HaloError: the machine cannot run the method, or no operating point is safe for one of its weights.
        """
        gemms, dvfs = self.workload.gemms, self.points[method.operand].dvfs
        options = self._options(method)
        counts = [1 if self.machine.side_by_side else gemm.count for gemm in gemms]
        chosen = choose(options, dvfs, self.objective, counts)
        costs = [own[index] for own, index in zip(options, chosen, strict=True)]
        runs = run_layers(costs, dvfs, counts)
        layers = tuple(LayerScore(*parts) for parts in zip(gemms, costs, runs, counts, strict=True))
        return self._whole(method, layers), self._schedule(method, layers)

    def _options(self, method: Method) -> list[Sequence[LayerCost]]:
        """Ways to run each layer. Blocks are alike: layers of equal shape and format are worked out once."""
        points = self.points[method.operand]
        formats = [method.format_of(gemm) for gemm in self.workload.gemms]
        weights = {own: points.weights(own) for own in dict.fromkeys(formats)}
        known: dict[tuple[WeightFormat, str, int, int, int], Sequence[LayerCost]] = {}
        options = []
        for gemm, own in zip(self.workload.gemms, formats, strict=True):
            key = (own, gemm.kind, gemm.m, gemm.k, gemm.n)
            if key not in known:
                known[key] = self.machine.layer_costs(
                    gemm,
                    weights[own],
                    points.dvfs,
                    points.element,
                    activation_bits=self._activation_bits(method),
                    memory_time=self.memory_time,
                )
            options.append(known[key])
        return options

    def _whole(self, method: Method, layers: tuple[LayerScore, ...]) -> MethodScore:
        linear = [gemm for gemm in self.workload.gemms if gemm.kind == "linear"]
        stored = sum(gemm.k * gemm.n * method.format_of(gemm).stored_bits for gemm in linear)
        bits = stored / sum(gemm.k * gemm.n for gemm in linear)
        footprint = peak_memory(
            self.llm,
            self.workload,
            weight_bits=bits,
            kv_bits=method.cache.stored_bits,
            activation_bits=self._activation_bits(method),
            head_bits=method.head.stored_bits,
        )
        vectors = tuple(self._vector(method, operation) for operation in _merged(self.workload.vectors))
        return MethodScore(method.label, self.points[method.operand].dvfs, layers, vectors, footprint, bits)

    def _vector(self, method: Method, operation: VectorOperation) -> VectorScore:
        dvfs = self.points["int8"].dvfs
        cost = self.machine.vector_cost(operation, dvfs, self.points[method.operand].element)
        if cost is None:
            return VectorScore(operation, None, 0, dvfs.points[0])
        run = run_layer(cost, 0, dvfs)
        if not self.memory_time:
            return VectorScore(operation, replace(run, compute_ps=0, static_pj=0), 0, dvfs.points[0])
        return VectorScore(operation, run, sum(segment.cycles for segment in cost.segments), dvfs.points[0])

    def _activation_bits(self, method: Method) -> int:
        return _FLOAT_BITS if method.operand == "fp16" else self.activation_bits

    def _schedule(self, method: Method, layers: Sequence[LayerScore]) -> Schedule:
        """The classes of all layers in one list, each once, and the segments with their places in it."""
        points = self.points[method.operand]
        places: dict[WeightSet, int] = {}
        scheduled = [
            (layer.gemm.name, _placed(layer.cost, self._classes(method, layer.gemm), places), layer.times)
            for layer in layers
        ]
        operand = WeightSet("cache", method.cache.sets[0].values, points.limit_ghz)
        name = f"{self.workload.model} {self.workload.phase}, {method.label}"
        return make_schedule(name, points.bound, tuple(places), operand, scheduled)

    def _classes(self, method: Method, gemm: Gemm) -> list[WeightSet]:
        """What the tile classes of a layer may hold; none where its operand is no weight."""
        if gemm.kind == "attention":
            return []
        limit = self.points[method.operand].limit_ghz
        return [WeightSet(chosen.name, chosen.values, limit) for chosen in method.format_of(gemm).sets]


def _placed(cost: LayerCost, classes: Sequence[WeightSet], places: dict[WeightSet, int]) -> LayerCost:
    """The cost with the tile classes of its segments as places in a common list, which grows; -1 without classes."""
    index = [places.setdefault(weights, len(places)) for weights in classes]
    segments = (replace(s, tile_class=index[s.tile_class] if index else -1) for s in cost.segments)
    return replace(cost, segments=tuple(segments))


def _merged(operations: Sequence[VectorOperation]) -> list[VectorOperation]:
    """Operations of one name in a block as one."""
    found: dict[tuple[int | None, str], VectorOperation] = {}
    for own in operations:
        key = own.block, own.name
        other = found.get(key)
        more = (0, 0) if other is None else (other.elements, other.operations)
        found[key] = replace(own, elements=own.elements + more[0], operations=own.operations + more[1])
    return list(found.values())
