# SPDX-License-Identifier: Apache-2.0
"""HALO over the layers of a model: where their codebooks come from, and what their tiles share.

Tests: tests/quant/test_store.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.quant.balance import MarginalCosts, marginal_costs, multiplier_of
from halo.quant.checkpoint.model import LayerInfo, Model
from halo.quant.codebooks import best_codebook, class_codebooks, distribution, left_aligned_codebook
from halo.quant.halo_method import quantize_halo
from halo.quant.layer import Codebook, QuantizedLayer
from halo.quant.options import HaloOptions
from halo.quant.task import LayerGroup, LayerQuantizer, LayerTask, ModelTask

CODE_BITS = (4, 3)
"""Bits of the slow and of the fast codes: the paper's two classes have 16 and 8 weights, multiples of 16 and of 32."""

CodebooksOf = Callable[[LayerTask], Sequence[Codebook]]
"""Codebooks of a layer, slow to fast."""


@dataclass(frozen=True)
class Halo(LayerQuantizer):
    """HALO, as a method of ``halo quantize``.

    Attributes:
        options: HALO's.
        codebooks: of each layer.
        multiplier: error that a nanosecond of one weight is worth, where knee or share are those of the whole model.
    """

    options: HaloOptions
    codebooks: CodebooksOf
    multiplier: float | None = None

    @classmethod
    def of(cls, options: HaloOptions, table: WeightTable | None, corner: str | None) -> Halo:
        """HALO with the codebooks that a table allows.

        Raises:
            HaloError: no table, one of another width, or no weight reaches a clock.
        """
        if table is None:
            raise HaloError("HALO needs the table of a MAC's weights", "Give --table RUN, a run of halo characterize.")
        return cls(options, codebooks_of(options, table, corner))

    @property
    def wants_inputs(self) -> bool:
        """Only error feedback uses them."""
        return self.options.feedback

    def check(self, layers: Sequence[LayerInfo], model: Model) -> None:
        """Tiles are no larger than the layers, unless that is allowed."""
        tile = self.options.tile
        for info in layers:
            if min(info.shape) < tile and not self.options.pad:
                what = f"layer {info.name!r} is {info.shape[0]} x {info.shape[1]}: a tile of {tile} is larger"
                least = min(min(other.shape) for other in layers)
                raise HaloError(what, f"Give --tile {least} or less, or allow it with --pad.", model.path)

    def for_model(self, model: ModelTask) -> Halo:
        """With the multiplier of the model, where its layers share one."""
        if not self.options.over_model:
            return self
        if not model.fisher:
            model.assume("Without Fisher information layers do not compare: each has its own knee or share")
            return self
        multiplier = model_multiplier(model.layers(), self.options, self.codebooks)
        model.results["error_per_ns"] = multiplier
        return replace(self, multiplier=multiplier)

    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """Each layer by itself, with error feedback where their inputs are known."""
        hessian = None if group.inputs is None else group.inputs.hessian
        for task in group.chosen:
            yield quantize_halo(
                task.weight,
                task.fisher,
                self.codebooks(task),
                self.options,
                hessian=hessian,
                multiplier=self.multiplier,
                name=task.name,
            )


def codebooks_of(options: HaloOptions, table: WeightTable, corner: str | None) -> CodebooksOf:
    """How HALO gets the codebooks of a layer.

    Args:
        options: which kind.
        table: of the MAC's weights.
        corner: of the table; may be left out where there is only one.

    Raises:
        HaloError: the table is of another width, no weight reaches a clock, or energy counts and the table has none.
    """
    if options.clock_ghz:
        chosen = class_codebooks(table, targets_ghz=sorted(options.clock_ghz), corner=corner)
        return lambda task: chosen
    clocks = [book.frequency_ghz or 0.0 for book in left_aligned_codebooks(table, corner)]
    classes = class_codebooks(table, targets_ghz=clocks, corner=corner)
    no_choice = all(len(book.values) <= 1 << bits for bits, book in zip(CODE_BITS, classes, strict=True))
    if options.codebooks == "class" or (no_choice and not options.energy_weight):
        return lambda task: classes
    if options.energy_weight and table.rows(corner)["energy_fj"].isna().any():
        raise HaloError("the table has no energies", "Characterize with --method exact.")

    def best(task: LayerTask) -> Sequence[Codebook]:
        spread = distribution(task.weight, task.fisher, block=min(options.tile, task.weight.shape[1]))
        return [
            best_codebook(table, 1 << bits, clock, spread, energy_weight=options.energy_weight, corner=corner)
            for bits, clock in zip(CODE_BITS, clocks, strict=True)
        ]

    return best


def model_multiplier(tasks: Iterable[LayerTask], options: HaloOptions, codebooks: CodebooksOf) -> float:
    """Error that a nanosecond of one weight is worth, where knee or share are those of the whole model.

    Args:
        tasks: all layers to be quantized, with their Fisher information; one is in memory at a time.
        options: HALO's.
        codebooks: of each layer.

    Raises:
        HaloError: a layer has no Fisher information, or as ``marginal_costs``.
    """

    def costs(task: LayerTask) -> MarginalCosts:
        if task.fisher is None:
            what = f"layer {task.name!r} has no Fisher information"
            raise HaloError(what, "Give --balance layer: a knee or share a layer.")
        return marginal_costs(task.weight, task.fisher, codebooks(task), options, name=task.name)

    return multiplier_of([*map(costs, tasks)], options)  # a loop would hold a layer while the next one is read


def left_aligned_codebooks(table: WeightTable, corner: str | None = None) -> tuple[Codebook, ...]:
    """The left-aligned grids of 4 and 3 bits with their clocks, slow to fast.

    Args:
        table: of the MAC's weights.
        corner: of the table; may be left out where there is only one.

    Raises:
        HaloError: the table is of another width, or the grid of fewer bits is not the faster one.
    """
    slow, fast = (left_aligned_codebook(bits, table, corner=corner) for bits in CODE_BITS)
    if not (slow.frequency_ghz or 0) < (fast.frequency_ghz or 0):
        what = f"{fast.name} is not faster than {slow.name} in this table"
        raise HaloError(what, "Choose clocks of your own: --codebooks class, with --clock GHZ for each.")
    return slow, fast
