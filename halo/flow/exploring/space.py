# SPDX-License-Identifier: Apache-2.0
"""Which structures of ``rtl/pe/mac_element.v`` and ``pair_element.v`` a search can build, and those it begins with.

Tests: tests/flow/exploring/test_space.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from itertools import islice, product
from typing import Any, get_args

from halo.config import Synthesis
from halo.flow.exploring.orders import CHOSEN, TreeShape, orders
from halo.flow.exploring.tree_kernel import DELAYS

TREES = ("booth_r4", "baugh_wooley")
"""Families that add partial products and partial sum in one compressor tree."""
WHOLE_BITS = 8
"""Bits of the weights that a design must multiply by, in several passes if it is narrower."""
_NOT_OF_PAIRS = ("multiplier", "class_zeros", "class_share")
"""Parameters that ``pair_element`` has not."""


@dataclass(frozen=True, kw_only=True)
class Structure:
    """Parameters of the element and the kind of synthesis, in the order of the table's columns.

    ``lanes`` 2 is ``pair_element``, which takes two weights of four bits a clock as well as one of eight.
    """

    multiplier: str = "booth_r4"
    weight_width: int = WHOLE_BITS
    lanes: int = 1
    pipeline: int = 0
    carry_save: int = 1
    recoded: int = 0
    correction: int = 1
    array: int = 0
    class_zeros: int = 0
    class_share: int = 0
    seed: int = 0
    synth: Synthesis = "structural"

    @property
    def element(self) -> str:
        """Module that it is."""
        return "pair_element" if self.lanes > 1 else "mac_element"

    @property
    def parameters(self) -> dict[str, int | str]:
        """Verilog parameters of the element."""
        left_out = ("synth", "lanes", *(_NOT_OF_PAIRS if self.lanes > 1 else ()))
        return {name.upper(): value for name, value in asdict(self).items() if name not in left_out}

    @property
    def name(self) -> str:
        """A short name that tells structures apart: what differs from a plain one is in it."""
        parts = [self.multiplier, *([f"w{self.weight_width}"] if self.weight_width != WHOLE_BITS else [])]
        parts += ["pairs"] if self.lanes > 1 else []
        parts += ["cs" if self.carry_save else "cp", f"p{self.pipeline}"]
        parts += ["digits"] if self.recoded else []
        parts += ["whole"] if self.multiplier in TREES and not self.correction else []
        parts += [f"array{self.array}"] if self.array else []
        parts += [f"class{self.class_zeros}x{self.class_share}"] if self.class_share else []
        parts += [f"s{self.seed}"] if self.seed else []
        parts += [self.synth] if self.synth != "structural" else []
        return "-".join(parts)

    def normal(self) -> Structure:
        """The same element, parameters that change nothing at 0 and combinations that the RTL refuses mended."""
        if self.multiplier not in TREES:
            return replace(
                self,
                pipeline=self.pipeline % 2,
                lanes=1,
                recoded=0,
                correction=0,
                array=0,
                class_zeros=0,
                class_share=0,
                seed=0,
            )
        own = replace(
            self,
            lanes=self.lanes if self.multiplier == "booth_r4" and self.weight_width == WHOLE_BITS else 1,
            recoded=self.recoded if self.multiplier == "booth_r4" else 0,
            correction=0 if not self.carry_save and self.pipeline % 2 else self.correction,
            array=0 if not self.carry_save and self.pipeline % 2 else self.array,
        )
        if self.weight_width < WHOLE_BITS or own.lanes > 1 or not own.class_share or not own.class_zeros:
            own = replace(own, class_zeros=0, class_share=0)
        return own


CHOICES: dict[str, tuple[Any, ...]] = {
    "multiplier": TREES,
    "weight_width": (WHOLE_BITS, 4),
    "lanes": (1, 2),
    "pipeline": (0, 1, 2, 3),
    "carry_save": (1, 0),
    "recoded": (0, 1),
    "correction": (1, 0),
    "array": (0, 4, 8),
    "order": tuple(range(CHOSEN)),
    "synth": get_args(Synthesis),
}
"""What a search varies; an order is one of ``orders``. The class's trailing zeros are not its to choose."""


@dataclass(frozen=True)
class Space:
    """What decides about the orders of rows.

    Attributes:
        class_zeros: trailing zeros of the weights of the class.
        delays: of adders (``halo.flow.exploring.tree_kernel.DELAYS``) by kind of synthesis; those of the plan where
            none are given.
    """

    class_zeros: int
    delays: tuple[tuple[Synthesis, tuple[float, ...]], ...] = ()


def structure(values: dict[str, Any], space: Space) -> Structure:
    """A structure from values of ``CHOICES``."""
    own = dict(values)
    order = own.pop("order")
    found: Structure = ordered(Structure(**own), space)[order]
    return found


@cache
def ordered(plain: Structure, space: Space) -> tuple[Structure, ...]:
    """A structure in each of the ``CHOSEN`` orders of its rows; the last ones again where it has fewer."""
    plain = plain.normal()
    if plain.multiplier not in TREES:
        return (plain,) * CHOSEN
    shape = TreeShape(
        plain.multiplier,
        plain.weight_width,
        plain.lanes,
        plain.pipeline,
        plain.carry_save,
        plain.correction,
        plain.array,
        space.class_zeros if plain.weight_width == WHOLE_BITS and plain.lanes == 1 else 0,
    )
    found = orders(shape, dict(space.delays).get(plain.synth, DELAYS))
    made = [
        replace(plain, class_zeros=space.class_zeros, class_share=share, seed=seed).normal() for share, seed in found
    ]
    return tuple(made + made[-1:] * (CHOSEN - len(made)))


def fits(space: Space, budget: int) -> bool:
    """Whether there are no more different structures than the budget allows."""
    return len(list(islice(everything(space), budget + 1))) <= budget


def everything(space: Space) -> Iterator[Structure]:
    """Every different structure, each once."""
    seen = set()
    for values in product(*CHOICES.values()):
        found = structure(dict(zip(CHOICES, values, strict=True)), space)
        if found not in seen:
            seen.add(found)
            yield found


def first(space: Space) -> list[Structure]:
    """Structures known to be good at something, and the plain ones that they are compared with."""
    plain, adders = Structure(), Structure(synth="adders")

    def of(one: Structure, count: int = CHOSEN) -> tuple[Structure, ...]:
        return ordered(one, space)[:count]

    found = [
        # one-word partial sums: the default MAC of halo, its kin, and the compressor tree before one adder
        *(
            replace(plain, multiplier=name, carry_save=0, correction=0)
            for name in ("csa_array", "sign_magnitude", "behavioural")
        ),
        replace(plain, multiplier="behavioural", carry_save=0, correction=0, synth="flat"),
        replace(plain, multiplier="csa_array", carry_save=0, correction=0, synth="adders"),
        *of(replace(plain, carry_save=0), 3),
        *of(replace(adders, carry_save=0), 1),
        # two words: least energy for any weight
        plain,
        adders,
        *of(plain, 4),
        *of(adders),
        *of(replace(plain, correction=0), 1),
        *of(replace(adders, recoded=1), 1),
        *of(replace(adders, multiplier="baugh_wooley"), 2),
        # registers of partial products and product: the fastest clock for any weight
        *(replace(adders, pipeline=pipeline) for pipeline in (1, 2)),
        *(replace(plain, pipeline=3, synth=synth) for synth in get_args(Synthesis)),
        *(replace(plain, pipeline=3, recoded=1, synth=synth) for synth in get_args(Synthesis)),
        replace(adders, multiplier="baugh_wooley", pipeline=3),
        # rows of the class last: a fast clock for the class
        *of(replace(plain, pipeline=1)),
        *of(replace(adders, pipeline=1)),
        *of(replace(plain, pipeline=1, synth="flat"), 3),
        *of(replace(plain, pipeline=1, recoded=1), 2),
        # a linear array: the widest ratio of clocks
        *(replace(plain, multiplier="baugh_wooley", pipeline=1, array=8, synth=synth) for synth in get_args(Synthesis)),
        # weights of four bits: two passes for one of eight
        *(replace(plain, weight_width=4, pipeline=pipeline) for pipeline in (0, 1, 3)),
        *(replace(adders, weight_width=4, pipeline=pipeline) for pipeline in (0, 1)),
        replace(plain, weight_width=4, pipeline=1, synth="flat"),
        # two of four bits a clock, or one of eight
        *of(replace(plain, lanes=2, recoded=1), 2),
        *of(replace(adders, lanes=2, recoded=1), 1),
        *(replace(plain, lanes=2, recoded=1, pipeline=pipeline) for pipeline in (1, 3)),
        replace(adders, lanes=2, recoded=1, pipeline=3),
    ]
    return list(dict.fromkeys(one.normal() for one in found))


PARAMETERS = tuple(field.name for field in fields(Structure))
