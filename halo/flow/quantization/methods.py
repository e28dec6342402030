"""The methods of ``halo quantize``: what each needs besides the weights, and how it is called for a group of layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, get_args

from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.quant.awq import awq, awq_scale
from halo.quant.balance import Offers, offers_of, price_of
from halo.quant.calibration import LayerInputs
from halo.quant.checkpoint import LayerInfo
from halo.quant.codebooks import best_codebook, class_codebooks, distribution
from halo.quant.codebooks import left_aligned as left_aligned_grid
from halo.quant.gptq import gptq
from halo.quant.halo_method import HaloOptions, quantize_halo
from halo.quant.layer import Codebook, Float32, QuantizedLayer
from halo.quant.left_aligned import align_left, left_aligned
from halo.quant.rtn import Format, rtn
from halo.quant.smoothquant import smoothing_scale, smoothquant
from halo.quant.squeezellm import SqueezeOptions, squeezellm

Method = Literal["rtn", "left-aligned", "smoothquant", "gptq", "awq", "squeezellm", "halo"]
Books = Literal["best", "class"]
METHODS: tuple[Method, ...] = get_args(Method)

CALIBRATED: tuple[Method, ...] = ("smoothquant", "gptq", "awq")
"""Methods that cannot do without the inputs of the layers."""
FISHER: tuple[Method, ...] = ("halo", "squeezellm")
"""Methods that weight errors with the Fisher information where there is one."""
CHAINED: tuple[Method, ...] = ("gptq", "halo")
"""Methods whose calibration sees the inputs that quantized blocks give; the others see those of the float model."""

_OWNERS: dict[str, Method] = {
    "alpha": "smoothquant",
    "act_order": "gptq",
    "align_left": "gptq",
    "halo": "halo",
    "codebooks": "halo",
    "feedback": "halo",
}
_FAST_BITS = (4, 3)


@dataclass(frozen=True)
class MethodOptions:
    """How layers are quantized.

    Attributes:
        method: one of ``METHODS``.
        bits: of a weight; None: 8 for SmoothQuant, else 4. HALO has none: its codebooks say.
        group: input channels that share a scale; None: all of an output channel.
        symmetric: no zero point. The authors of AWQ use zero points.
        alpha: SmoothQuant's share of the activations' spread that moves into the weights.
        act_order: GPTQ takes columns by descending diag(H).
        align_left: GPTQ's codes go to the upper bits of the operand, as those of left-aligned RTN.
        halo: HALO's own options.
        codebooks: HALO's codebooks at each clock: ``class``, every weight as fast (the paper's); ``best``, those 16
            and 8 of them that round the layer with least error. On halo's default MAC the two are the same.
        targets_ghz: clocks of the classes; none: those of the left-aligned grids of 4 and 3 bits in the table.
        feedback: HALO rounds with GPTQ's feedback where it knows the layers' inputs.

    Raises:
        HaloError: an option that the method does not have, or a value out of range.
    """

    method: Method
    bits: int | None = None
    group: int | None = None
    symmetric: bool = True
    alpha: float = 0.5
    act_order: bool = False
    align_left: bool = False
    halo: HaloOptions = field(default_factory=HaloOptions)
    codebooks: Books = "best"
    targets_ghz: tuple[float, ...] = ()
    feedback: bool = True

    def __post_init__(self) -> None:
        for name, owner in _OWNERS.items():
            given, plain = getattr(self, name), getattr(MethodOptions, name, HaloOptions())
            if self.method != owner and given != plain:
                if isinstance(given, HaloOptions):
                    name = next(f.name for f in fields(given) if getattr(given, f.name) != getattr(plain, f.name))
                what = f"{name.replace('_', ' ')} is an option of {owner}, not of {self.method}"
                raise HaloError(what, f"Leave it out, or take {owner}.")
        if self.method == "halo" and self.bits is not None:
            raise HaloError("HALO takes its bits from the codebooks", "Leave out the bits, or take another method.")
        if self.halo.variant != "acc" and self.halo.share != HaloOptions.share:
            raise HaloError(f"the variant {self.halo.variant} has no share of the loss", "Leave it out, or take acc.")
        if self.method in FISHER and self.group is not None:
            raise HaloError(f"{self.method} has no groups of input channels", "Leave out the group.")
        if self.method != "halo" and self.targets_ghz:
            raise HaloError(f"{self.method} has no clocks to choose", "Leave out the clocks, or take halo.")
        if self.codebooks != "class" and self.targets_ghz:
            what = "the best 16 and 8 weights belong to the clocks of 4 and 3 bits, not to clocks of your own"
            raise HaloError(what, "Add --codebooks class: all weights as fast as each clock.")
        if not self.symmetric and self.method not in ("rtn", "smoothquant", "gptq", "awq"):
            raise HaloError(f"{self.method} has no zero points", "Leave out --asymmetric.")
        if self.align_left and not self.symmetric:
            raise HaloError("only symmetric codes are shifted", "Leave out --asymmetric, or --align-left.")
        if self.method != "halo":
            _ = self.format  # refuses bits and groups out of range

    @property
    def format(self) -> Format:
        """The grid of the uniform methods."""
        bits = self.bits if self.bits is not None else 8 if self.method == "smoothquant" else 4
        return Format(bits, self.symmetric, self.group, include_zero=self.method != "awq")


@dataclass(frozen=True, eq=False)
class Given:
    """A layer on its way through a method.

    Attributes:
        info: name, shape, block and role.
        weight: float32[out, in].
        fisher: float32[out, in], or None.
    """

    info: LayerInfo
    weight: Float32
    fisher: Float32 | None


BooksOf = Callable[[Given], Sequence[Codebook]]
"""Codebooks of a layer, slow to fast."""


def books_of(options: MethodOptions, table: WeightTable, corner: str | None) -> BooksOf:
    """How HALO gets the codebooks of a layer.

    Args:
        options: which kind.
        table: of the MAC's weights.
        corner: of the table; may be left out where there is only one.

    Raises:
        HaloError: the table is of another width, or no weight reaches a clock.
    """
    if options.targets_ghz:
        chosen = class_codebooks(table, targets_ghz=options.targets_ghz, corner=corner)
        return lambda layer: chosen
    clocks = [book.frequency_ghz or 0.0 for book in grids(table, corner)]
    classes = class_codebooks(table, targets_ghz=clocks, corner=corner)
    no_choice = all(len(book.values) <= 1 << bits for bits, book in zip(_FAST_BITS, classes, strict=True))
    if options.codebooks == "class" or no_choice:
        return lambda layer: classes

    def best(layer: Given) -> Sequence[Codebook]:
        spread = distribution(layer.weight, layer.fisher, block=min(options.halo.tile, layer.weight.shape[1]))
        sizes = zip(_FAST_BITS, clocks, strict=True)
        return [best_codebook(table, 1 << bits, clock, spread, corner=corner) for bits, clock in sizes]

    return best


def price_of_model(layers: Iterable[Given], options: HaloOptions, books: BooksOf) -> float:
    """Error that a nanosecond of one weight is worth, where knee or share are those of the whole model.

    Args:
        layers: all to be quantized, with their Fisher information; one is in memory at a time.
        options: HALO's.
        books: of ``books_of``.

    Raises:
        HaloError: a layer has no Fisher information, or as ``offers_of``.
    """

    def offers(layer: Given) -> Offers:
        if layer.fisher is None:
            raise HaloError(f"layer {layer.info.name!r} has no Fisher information", "Choose knees a layer.")
        return offers_of(layer.weight, layer.fisher, books(layer), options, name=layer.info.name)

    return price_of([*map(offers, layers)], options)  # a loop would hold a layer while the next one is read


def quantize_group(
    layers: Sequence[Given],
    wanted: Collection[str],
    inputs: LayerInputs | None,
    options: MethodOptions,
    books: BooksOf | None,
    price: float | None = None,
) -> Iterator[QuantizedLayer]:
    """Quantize layers that read one tensor, in their order.

    Args:
        layers: all that read it, as methods that scale its channels look at each of them.
        wanted: names of those to quantize.
        inputs: of those layers; None: not known.
        options: how.
        books: of ``books_of``, for HALO.
        price: of ``price_of_model``, for HALO.

    Raises:
        HaloError: weights that are not finite, inputs or codebooks that the method needs and has not, or what else the
            method refuses.
    """
    if inputs is None and options.method in CALIBRATED:
        raise HaloError(f"{options.method} needs the inputs of the layers", "Give --calibration TEXT.")
    form = options.format if options.method != "halo" else None
    scale = _input_scale(layers, inputs, options)
    for layer in layers:
        weight, name = layer.weight, layer.info.name
        if name not in wanted:
            continue
        if options.method == "halo" and books is not None:
            hessian = inputs.hessian if inputs is not None and options.feedback else None
            chosen = books(layer)
            yield quantize_halo(weight, layer.fisher, chosen, options.halo, hessian=hessian, price=price, name=name)
        elif form is None:
            raise HaloError("HALO needs the table of a MAC's weights", "Give --table RUN, a run of halo characterize.")
        elif options.method == "squeezellm":
            yield squeezellm(weight, layer.fisher, SqueezeOptions(form.bits), name=name)
        elif options.method == "left-aligned":
            yield left_aligned(weight, form.bits, group=form.group, name=name)
        elif options.method == "gptq" and inputs is not None:
            made = gptq(weight, inputs.hessian, form, act_order=options.act_order, name=name)
            yield align_left(made) if options.align_left else made
        elif options.method == "smoothquant" and scale is not None:
            yield smoothquant(weight, scale, form, name=name)
        elif options.method == "awq" and inputs is not None and scale is not None:
            clip = layer.info.role not in ("q", "k", "qkv")
            yield awq(weight, scale, inputs.hessian, form, clip=clip, name=name)
        else:
            yield rtn(weight, form, name=name)


def _input_scale(layers: Sequence[Given], inputs: LayerInputs | None, options: MethodOptions) -> Float32 | None:
    """The scale of the input channels, where the method has one and the norm before the layers can take its inverse."""
    if inputs is None or inputs.norm is None:
        return None
    weights = [layer.weight for layer in layers]
    if options.method == "smoothquant":
        return smoothing_scale(weights, inputs.max_abs, options.alpha)
    if options.method == "awq":
        return awq_scale(weights, inputs.mean_abs, inputs.hessian, options.format)[0]
    return None


def grids(table: WeightTable, corner: str | None) -> tuple[Codebook, ...]:
    """The left-aligned grids of 4 and 3 bits with their clocks, slow to fast.

    Raises:
        HaloError: the table is of another width, or the grid of fewer bits is not the faster one.
    """
    slow, fast = (left_aligned_grid(bits, table, corner=corner) for bits in _FAST_BITS)
    if not (slow.frequency_ghz or 0) < (fast.frequency_ghz or 0):
        what = f"{fast.name} is not faster than {slow.name} in this table"
        raise HaloError(what, "Choose clocks of your own: --codebooks class --clock GHZ --clock GHZ.")
    return slow, fast
