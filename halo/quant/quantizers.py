# SPDX-License-Identifier: Apache-2.0
"""The quantization methods: one row each, which the command line, the checks and the flow read.

A new method is a file with its ``LayerQuantizer``, its options in ``halo.quant.options`` and a row here.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from halo.errors import HaloError
from halo.quant.options import (
    AwqOptions,
    GptqOptions,
    HaloOptions,
    LeftAlignedOptions,
    QuantizerOptions,
    RtnOptions,
    SmoothQuantOptions,
    SqueezeOptions,
)

if TYPE_CHECKING:
    from halo.quant.task import LayerQuantizer


@dataclass(frozen=True)
class Fallback:
    """What a method makes of layers that it cannot treat.

    Attributes:
        method: the name that these layers get in ``layers.csv``.
        treatment: what is done instead, for a sentence.
        reason: why, for a sentence.
    """

    method: str
    treatment: str
    reason: str


@dataclass(frozen=True)
class Quantizer:
    """A quantization method.

    Attributes:
        name: on the command line.
        title: as its authors write it.
        options: class of its options.
        home: ``module:class`` of its ``LayerQuantizer``.
        inputs: whether it ``needs`` the inputs of the layers, ``uses`` them where they are known, or ``ignores`` them.
        fisher: it weights errors with the Fisher information where there is one.
        table: it needs the table of a MAC's weights.
        input_scales: it scales the input channels of layers behind ``norms``, or wherever ``any`` module before a layer
            takes the inverse; None: of none.
        chained: it is calibrated on inputs that have passed the quantized blocks; else on those of the float model.
        fallback: None: it treats every layer.
    """

    name: str
    title: str
    options: type[QuantizerOptions]
    home: str
    inputs: Literal["needs", "uses", "ignores"] = "ignores"
    fisher: bool = False
    table: bool = False
    input_scales: Literal["norms", "any"] | None = None
    chained: bool = False
    fallback: Fallback | None = None

    @property
    def calibrates(self) -> bool:
        """It learns something from a calibration text."""
        return self.inputs != "ignores" or self.fisher

    def make(self, options: QuantizerOptions, table: Any = None, corner: str | None = None) -> LayerQuantizer:
        """The method with its options, ready for layers.

        Args:
            options: of the class ``options``.
            table: the ``WeightTable`` of a MAC, or None.
            corner: of the table; None: its only one.

        Raises:
            HaloError: the method needs a table and there is none, or the table does not fit.
        """
        if self.table and table is None:
            what = f"{self.title} needs the table of a MAC's weights"
            raise HaloError(what, "Give --table RUN, a run of halo characterize.")
        module, _, name = self.home.partition(":")
        made: LayerQuantizer = getattr(import_module(module), name).of(options, table, corner)
        return made


QUANTIZERS: Mapping[str, Quantizer] = {
    row.name: row
    for row in (
        Quantizer("rtn", "RTN", RtnOptions, "halo.quant.rtn:RtnQuantizer"),
        Quantizer("left-aligned", "Left-aligned RTN", LeftAlignedOptions, "halo.quant.left_aligned:LeftAligned"),
        Quantizer(
            "smoothquant",
            "SmoothQuant",
            SmoothQuantOptions,
            "halo.quant.smoothquant:SmoothQuant",
            inputs="needs",
            input_scales="norms",
            fallback=Fallback("RTN", "rounded to nearest without smoothing", "no norm precedes them"),
        ),
        Quantizer("gptq", "GPTQ", GptqOptions, "halo.quant.gptq:Gptq", inputs="needs", chained=True),
        Quantizer(
            "awq",
            "AWQ",
            AwqOptions,
            "halo.quant.awq:Awq",
            inputs="needs",
            input_scales="any",
            fallback=Fallback(
                "RTN",
                "rounded to nearest",
                "nothing before them takes a scale of their inputs, and query and key are not clipped",
            ),
        ),
        Quantizer("squeezellm", "SqueezeLLM", SqueezeOptions, "halo.quant.squeezellm:SqueezeLlm", fisher=True),
        Quantizer(
            "halo",
            "HALO",
            HaloOptions,
            "halo.quant.halo_layers:Halo",
            inputs="uses",
            fisher=True,
            table=True,
            chained=True,
        ),
    )
}
"""By name, in the order in which they are shown."""


def quantizer_of(options: QuantizerOptions) -> Quantizer:
    """The method that options belong to."""
    return next(row for row in QUANTIZERS.values() if row.options is type(options))


def quantizer_named(name: str) -> Quantizer:
    """The method of a name.

    Raises:
        HaloError: there is none.
    """
    if name in QUANTIZERS:
        return QUANTIZERS[name]
    near = difflib.get_close_matches(name, QUANTIZERS, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise HaloError(f"there is no quantization method {name!r}", f"{hint}There are: {', '.join(QUANTIZERS)}.")


def options_of(method: str, given: Mapping[str, Any]) -> QuantizerOptions:
    """Options of a method by name.

    Args:
        method: its name.
        given: value by name of the option; the others have their defaults.

    Raises:
        HaloError: no such method, an option that it does not have, or a value out of range.
    """
    row = quantizer_named(method)
    own = [f.name for f in dataclasses.fields(row.options)]
    for name in given:
        if name in own:
            continue
        owners = owners_of(name)
        if owners:
            several = f"{', '.join(owners[:-1])} and {owners[-1]}" if len(owners) > 1 else owners[0]
            what = f"{name.replace('_', ' ')} is an option of {several}, not of {method}"
            raise HaloError(what, f"Leave it out, or take {' or '.join(owners)}.")
        near = difflib.get_close_matches(name, own, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise HaloError(f"{method} has no option {name!r}", f"{hint}It has: {', '.join(own)}.")
    return row.options(**given)


def owners_of(option: str) -> tuple[str, ...]:
    """Names of the methods that have an option."""
    return tuple(row.name for row in QUANTIZERS.values() if option in _names(row))


def options_class(method: str) -> str:
    """Name of the class of a method's options."""
    return QUANTIZERS[method].options.__name__


def names_where(rows: Iterable[Quantizer]) -> str:
    """Names of methods for a sentence: ``smoothquant, gptq and awq``."""
    names = [row.name for row in rows]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _names(row: Quantizer) -> set[str]:
    return {f.name for f in dataclasses.fields(row.options)}
