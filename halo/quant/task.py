# SPDX-License-Identifier: Apache-2.0
"""What a quantization method is given and what it gives: layers with all that is known about them, and layers made.

Tests: tests/quant/test_quantizers.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from halo.characterization.table import WeightTable
from halo.errors import HaloError
from halo.quant.checkpoint.model import LayerInfo, Model
from halo.quant.layer import Float32, QuantizedLayer

if TYPE_CHECKING:
    from halo.quant.calibration import LayerInputs


@dataclass(frozen=True, eq=False)
class LayerTask:
    """A layer to quantize.

    Attributes:
        info: name, shape, block and role.
        weight: float32[out, in].
        fisher: float32[out, in], or None.
    """

    info: LayerInfo
    weight: Float32
    fisher: Float32 | None

    @property
    def name(self) -> str:
        """Of the layer."""
        return self.info.name


@dataclass(frozen=True, eq=False)
class LayerGroup:
    """Layers that read one tensor.

    Attributes:
        layers: all that read it, since methods that scale its channels look at each of them.
        wanted: names of those to quantize.
        inputs: what is known of the tensor; None: nothing.
    """

    layers: tuple[LayerTask, ...]
    wanted: Collection[str]
    inputs: LayerInputs | None = None

    @property
    def chosen(self) -> tuple[LayerTask, ...]:
        """The layers to quantize, in their order."""
        return tuple(layer for layer in self.layers if layer.name in self.wanted)

    def known_inputs(self, method: str) -> LayerInputs:
        """The inputs, for a method that cannot do without.

        Raises:
            HaloError: they are not known.
        """
        if self.inputs is None:
            raise HaloError(f"{method} needs the inputs of the layers", "Give a text: --calibration FILE.")
        return self.inputs


@dataclass(frozen=True, eq=False)
class ModelTask:
    """All layers to quantize, for methods that look at the whole before the first one.

    Attributes:
        fisher: there is Fisher information.
        layers: makes an iterator over the layers; one is in memory at a time.
        assume: told of assumptions, a sentence each.
        results: takes what is to be reported.
    """

    fisher: bool
    layers: Callable[[], Iterator[LayerTask]]
    assume: Callable[[str], None] = lambda sentence: None
    results: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerQuantizer(ABC):
    """A method with its options.

    Attributes:
        options: of the method's own class.
    """

    options: Any

    @classmethod
    def of(cls, options: Any, table: WeightTable | None, corner: str | None) -> LayerQuantizer:
        """The method from what ``halo quantize`` is given.

        Args:
            options: of the method's own class.
            table: of a MAC's weights, for methods that choose weights by their clock.
            corner: of the table; None: its only one.
        """
        return cls(options)

    @property
    def wants_inputs(self) -> bool:
        """With these options, it uses the inputs of the layers if its method does."""
        return True

    @property
    def codes(self) -> Sequence[int]:
        """What a MAC may be given for a weight that is not sparse: all of int8, or fewer."""
        return range(-128, 128)

    def check(self, layers: Sequence[LayerInfo], model: Model) -> None:  # noqa: B027 - most methods refuse none
        """Refuse at once layers that would be refused after hours.

        Args:
            layers: all to be quantized.
            model: they are of.
        """

    def for_model(self, model: ModelTask) -> LayerQuantizer:
        """The method once it has seen the model; most need not."""
        return self

    @abstractmethod
    def quantize(self, group: LayerGroup) -> Iterator[QuantizedLayer]:
        """The layers wanted of a group, in their order.

        Raises:
            HaloError: weights that are not finite, inputs that the method needs and has not, or what else it refuses.
        """
