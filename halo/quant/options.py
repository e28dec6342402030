# SPDX-License-Identifier: Apache-2.0
"""The options of each quantization method, with their defaults and what the command line says of them.

Nothing here computes, so that ``halo --help`` reads it without loading NumPy. A field made with ``option`` is an option
of ``halo quantize`` as well; a plain field is one of Python alone.

Tests: tests/quant/test_quantizers.py.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from halo.errors import HaloError
from halo.keywords import checked


def option(
    default: Any, help: str, *, metavar: str | None = None, flag: str | None = None, absent: float | None = None
) -> Any:
    """A field of an options class that ``halo quantize`` shows.

    Args:
        default: of the field.
        help: for the command line.
        metavar: what stands behind the flag; None: ``N``, ``X``, or the values to choose from.
        flag: without its dashes; None: the field's name.
        absent: the number that stands for None on the command line.
    """
    shown = {"help": help, "metavar": metavar, "flag": flag, "absent": absent}
    return dataclasses.field(default=default, metadata=shown)


def _bits(default: int) -> Any:
    return option(default, "bits of a weight")


def _group() -> Any:
    return option(None, "input channels that share a scale. Default: all of an output channel")


def _asymmetric() -> Any:
    return option(False, "use zero points")


def _damping() -> Any:
    return option(0.01, "add this share of the Hessian's mean diagonal to its diagonal")


def _require_uniform(bits: int, group: int | None) -> None:
    if not 2 <= bits <= 8:
        raise HaloError(f"{bits} bits a weight are not supported", "Give 2 to 8 bits.")
    if group is not None and group < 1:
        raise HaloError(f"a group of {group} input channels is impossible", "Give 1 or more, or no group.")


@dataclass(frozen=True)
class QuantizerOptions:
    """The options of a method; their class says which method."""


@checked
@dataclass(frozen=True)
class UniformOptions(QuantizerOptions):
    """What methods that round to a uniform grid share.

    Attributes:
        bits: of a weight, 2 to 8.
        group: input channels that share a scale; None: all of an output channel.
        asymmetric: with zero points.
        fit: how scales are found (``halo.quant.scales``). ``range``, as published GPTQ and compressed-tensors: from the
            largest weight. ``mse``: a search. ``signed``: HALO's own fit, of symmetric codes. None: ``signed`` of
            symmetric codes, ``mse`` with zero points, so that HALO is compared with the strongest plain grid.

    Raises:
        HaloError: bits or group out of range, or signed scales with zero points.
    """

    bits: int = _bits(4)
    group: int | None = _group()
    asymmetric: bool = _asymmetric()
    fit: Literal["range", "mse", "signed"] | None = option(
        None,
        "find scales from the range of the weights, as published, by a search for the least error, or as HALO does, "
        "with either sign. Default: signed, or mse with zero points, which lose least",
        metavar="range|mse|signed",
    )

    def __post_init__(self) -> None:
        _require_uniform(self.bits, self.group)
        if self.asymmetric and self.fit == "signed":
            what = "scales with either sign belong to symmetric codes"
            raise HaloError(what, "Leave out --asymmetric, or take --fit mse.")

    @property
    def chosen_fit(self) -> Literal["range", "mse", "signed"]:
        """How scales are found, where it is left open as well."""
        return self.fit or ("mse" if self.asymmetric else "signed")


@checked
@dataclass(frozen=True)
class RtnOptions(UniformOptions):
    """Round to nearest."""


@checked
@dataclass(frozen=True)
class LeftAlignedOptions(UniformOptions):
    """Round to nearest, codes in the upper bits of the operand."""


@checked
@dataclass(frozen=True)
class SmoothQuantOptions(UniformOptions):
    """SmoothQuant.

    Attributes:
        alpha: share of the activations' spread that moves into the weights, 0 to 1.

    Raises:
        HaloError: a number out of range.
    """

    bits: int = _bits(8)
    alpha: float = option(0.5, "smoothing strength, 0 to 1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha <= 1:
            raise HaloError(f"a smoothing strength of {self.alpha} is impossible", "Give 0 to 1; 0.5 is usual.")


@checked
@dataclass(frozen=True)
class GptqOptions(UniformOptions):
    """GPTQ.

    Attributes:
        act_order: columns by descending diag(H) instead of from the left; groups are static then.
        static_groups: scales of a group come from the original weights, not from those that took up earlier errors.
        align_left: codes go to the upper bits of the operand, as those of left-aligned round to nearest.
        damping: share of its mean diagonal that is added to the Hessian.

    Raises:
        HaloError: a number out of range.
    """

    act_order: bool = option(False, "quantize columns in descending order of their activations")
    static_groups: bool = option(False, "take the scales of groups from the original weights")
    align_left: bool = option(False, "put the codes in the upper bits, where they are fast")
    damping: float = _damping()


@checked
@dataclass(frozen=True)
class AwqOptions(QuantizerOptions):
    """AWQ. Its authors use groups of 128 and zero points; it searches the range of its grid itself.

    Attributes:
        bits: of a weight, 2 to 8.
        group: input channels that share a scale; None: all of an output channel.
        asymmetric: with zero points.

    Raises:
        HaloError: bits or group out of range.
    """

    bits: int = _bits(4)
    group: int | None = _group()
    asymmetric: bool = _asymmetric()

    def __post_init__(self) -> None:
        _require_uniform(self.bits, self.group)


@checked
@dataclass(frozen=True)
class SqueezeOptions(QuantizerOptions):
    """SqueezeLLM; the defaults are the authors'.

    Attributes:
        bits: 2 to 8; 2^bits centroids an output channel.
        sensitive: share of the weights taken out for their Fisher value.
        outliers: share of the weights taken out for their magnitude.

    Raises:
        HaloError: out of range.
    """

    bits: int = _bits(4)
    sensitive: float = option(0.0005, "share of the weights to keep apart for their Fisher information")
    outliers: float = option(0.0045, "share of the weights to keep apart for their magnitude")

    def __post_init__(self) -> None:
        _require_uniform(self.bits, None)
        if not (self.sensitive >= 0 and self.outliers >= 0 and self.sensitive + self.outliers < 1):
            what = "shares of sparse weights must be positive and sum to less than 1"
            raise HaloError(what, "Give shares such as 0.0005 and 0.0045.")


@checked
@dataclass(frozen=True)
class HaloOptions(QuantizerOptions):
    """HALO (see ``halo.quant.halo_method``).

    Attributes:
        tile: side of the tiles; 128 is the paper's, the side of its array.
        pad: allow tiles larger than the layer; the array then holds zeros beyond it. Ragged tiles at the edges need no
            permission.
        variant: ``perf``, ``acc`` or ``bal``: all tiles fast; all but those that carry a share of the loss; or as many
            as the knee of error over mean period allows.
        share: of the loss (by ``criterion``) that the slow tiles of ``acc`` carry together; the paper's example.
        criterion: what ranks tiles. ``loss``, beyond the paper: the Fisher-weighted error that the faster codebook
            adds, for each nanosecond saved. ``sensitivity``, the paper's eq. 2: the mean Fisher of a tile, which knows
            nothing of the codebooks (sparse weights count as zero, a ragged tile is divided by its own size).
        balance: knee and share are those of the whole ``model`` or of each ``layer``, as the paper's. Beyond the
            paper: with a Fisher errors are loss, which compares between layers, so every layer pays the same for a
            nanosecond. Without a Fisher, or by sensitivity, layers do not compare and each has its own.
        scale: weights that share a scale; the paper is silent. ``row`` (one row of a tile, as a group of ``tile``
            inputs) is the most accurate and costs 16 / tile bits a weight (half-precision scales): 1/8 bit at 128;
            ``channel`` is what a W8A8 runtime without group scales takes; ``tile``.
        signed_scale: let a scale be negative, which mirrors a codebook such as -128..96 at no cost, as GGUF's Q4_0
            does. Beyond the paper.
        fit_weights: squared errors of the scale fit count with the ``fisher`` or alike, ``uniform``. Without a Fisher
            they count alike.
        outlier_sigmas: weights further from the mean are outliers; None: none.
        outlier_scope: mean and standard deviation (of all weights, salient or not) of the ``layer`` or of each output
            ``channel``; the paper is silent.
        salient_share: weights of largest Fisher kept apart, the paper's 0.05 %.
        first: ``salient`` takes salient weights among all, as Algorithm 1 is written; ``outliers`` among those that are
            no outliers, so that salient ones come on top.
        missing_fisher: without a Fisher rank weights and, by sensitivity, tiles by the squared ``magnitude``, a proxy
            that the result's details name, or ``refuse``.
        codebooks: at each clock: ``class``, every weight as fast (the paper's); ``best``, those 16 and 8 of them that
            round the layer with least error. On halo's default MAC the two are the same.
        clock_ghz: clocks of the classes; none: those of the left-aligned grids of 4 and 3 bits in the table.
        energy_weight: of the ``best`` codebooks: what a multiply-accumulate of mean energy is worth, as a share of the
            mean square of the weights. 0: energy does not matter; above it, cheap weights replace accurate ones.
        feedback: round with GPTQ's feedback where the layers' inputs are known.
        damping: share of its mean diagonal that is added to the Hessian, as GPTQ's.

    Raises:
        HaloError: a number out of range, or options that contradict each other.
    """

    tile: int = option(128, "side of a tile, usually that of the array")
    pad: bool = option(False, "allow tiles larger than a layer")
    variant: Literal["perf", "bal", "acc"] = option(
        "bal",
        "all tiles fast (perf); as many as the knee of error over clock allows (bal); all but those that carry the "
        "loss (acc)",
    )
    share: float = option(0.95, "with acc, the part of the loss that the slow tiles carry, 0 to 1")
    criterion: Literal["loss", "sensitivity"] = option(
        "loss",
        "make tiles fast in the order of the loss added for each nanosecond saved, or of their mean Fisher "
        "information, as in the paper",
    )
    balance: Literal["model", "layer"] = option(
        "model",
        "with the criterion loss, find the knee or share over all layers, which needs Fisher information, or in each, "
        "as in the paper",
    )
    scale: Literal["row", "tile", "channel"] = option(
        "row", "weights that share a scale: those of one output in a tile (row), a tile, or an output (channel)"
    )
    signed_scale: bool = True
    fit_weights: Literal["fisher", "uniform"] = "fisher"
    outlier_sigmas: float | None = option(
        3.0, "keep weights further than this many standard deviations from the mean apart in int8; 0: none", absent=0.0
    )
    outlier_scope: Literal["layer", "channel"] = option(
        "layer", "take the mean and deviation of all weights of the layer, or of each output channel"
    )
    salient_share: float = option(
        0.0005, "share of the weights to keep apart for their Fisher information; 0.0005 is 0.05 %"
    )
    first: Literal["salient", "outliers"] = "salient"
    missing_fisher: Literal["magnitude", "refuse"] = "magnitude"
    codebooks: Literal["best", "class"] = option(
        "best", "the best 16 and 8 values that are safe at a clock, or all of them (class)"
    )
    clock_ghz: tuple[float, ...] = option(
        (), "clock of a class. Repeatable. Default: those of INT4 << 4 and INT3 << 5", metavar="GHZ", flag="clock"
    )
    energy_weight: float = option(
        0.0, "with best codebooks, how much the mean energy of a product counts, as a share of the weights' mean square"
    )
    feedback: bool = option(True, "with a calibration text, let later weights absorb the error of earlier ones")
    damping: float = _damping()

    def __post_init__(self) -> None:
        for holds, what, fix in (
            (self.tile >= 1, f"a tile of {self.tile} is impossible", "Use 16, 32, 64 or 128."),
            (0 < self.share <= 1, f"a share of {self.share} is impossible", "Use a share above 0, at most 1."),
            (0 <= self.salient_share < 1, f"a salient share of {self.salient_share} is impossible", "Use 0.0005."),
            (
                self.variant == "acc" or self.share == HaloOptions.share,
                f"the variant {self.variant} has no share of the loss",
                "Leave it out, or take acc.",
            ),
            (
                self.codebooks == "class" or not self.clock_ghz,
                "the best 16 and 8 weights belong to the clocks of 4 and 3 bits, not to clocks of your own",
                "Add --codebooks class: all weights as fast as each clock.",
            ),
            (
                self.codebooks == "best" or not self.energy_weight,
                "the codebooks of a class hold every weight as fast, whatever its energy",
                "Leave out the energy weight, or take the best codebooks.",
            ),
        ):
            if not holds:
                raise HaloError(what, fix)

    @property
    def over_model(self) -> bool:
        """Knee or share are those of the whole model, where there is a Fisher."""
        return self.balance == "model" and self.variant != "perf" and self.criterion == "loss"
