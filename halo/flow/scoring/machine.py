"""What ``--arch`` names: a systolic array or a GPU, behind one face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from halo.arch.gpu.cost import layer_costs as gpu_costs
from halo.arch.gpu.device import Device, device_names, read_device
from halo.arch.systolic.array import SystolicArch, arch_names, read_arch
from halo.arch.systolic.cost import layer_costs as systolic_costs
from halo.arch.systolic.cost import vector_cost
from halo.arch.weights import Element, LayerWeights
from halo.dvfs.cost import LayerCost
from halo.dvfs.points import Dvfs
from halo.errors import HaloError
from halo.sourced import Parameters, load_toml
from halo.workload.gemm import Gemm, VectorOperation


@dataclass(frozen=True, eq=False)
class Machine:
    """An array or a device.

    Attributes:
        hardware: as read.
    """

    hardware: SystolicArch | Device

    @property
    def parameters(self) -> Parameters:
        """Its file, with the source of each number."""
        return self.hardware.parameters

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences about what is not its own or not modelled."""
        if isinstance(self.hardware, SystolicArch):
            unit = "Vector operations run alone, after the products, on a unit that keeps the first operating point"
            told = (f"{unit} of the integer MACs",)
            if self.hardware.dataflow == "os":
                return told
            edge = (
                f"Weights enter the array a row a clock: loads of fewer than {self.hardware.rows} rows of activations"
            )
            return (*told, f"{edge} take that long all the same, which shows in the use of the array, not as memory")
        stand_ins = (f"The device's {sentence}" for sentence in self.hardware.stand_ins)
        return (*stand_ins, "Vector operations are counted, not timed: nothing models a GPU's other cores")

    @property
    def regulator(self) -> str:
        """Preset of a change of the operating point, where nobody names one: on chip, or through the GPU's driver."""
        return "ivr" if isinstance(self.hardware, SystolicArch) else "gpu_driver"

    @property
    def side_by_side(self) -> bool:
        """Whether equal products run at once, in one cost, and not one after the other."""
        return isinstance(self.hardware, Device)

    def multiplies(self, operand: Literal["int8", "fp16"]) -> bool:
        """Whether it has MACs for such operands."""
        hardware = self.hardware
        return isinstance(hardware, SystolicArch) or any(mma.operand == operand for mma in hardware.mma)

    @property
    def own_float_clock(self) -> bool:
        """Whether floating point slows the clock (an array of MACs), or the products a clock (tensor cores)."""
        return isinstance(self.hardware, SystolicArch)

    def layer_costs(
        self,
        gemm: Gemm,
        weights: LayerWeights,
        dvfs: Dvfs,
        element: Element,
        activation_bits: int,
        memory_time: bool,
    ) -> Sequence[LayerCost]:
        """Ways to run a layer, or one of its equal products (``side_by_side``); see the model of the hardware."""
        bits, hardware = activation_bits, self.hardware
        if isinstance(hardware, SystolicArch):
            return systolic_costs(hardware, gemm, weights, dvfs, element, activation_bits=bits, memory_time=memory_time)
        return gpu_costs(hardware, gemm, weights, dvfs, element, activation_bits=bits, memory_time=memory_time)

    def vector_cost(self, operation: VectorOperation, dvfs: Dvfs, element: Element) -> LayerCost | None:
        """What a vector operation costs; None: not modelled."""
        if isinstance(self.hardware, SystolicArch):
            return vector_cost(self.hardware, operation, dvfs, element)
        return None


def read_machine(name_or_path: str) -> Machine:
    """An array or device by name, or from a file: one with ``rows`` is an array, one with ``sms`` a device.

    Raises:
        HaloError: no such name or file, or a file that lacks a number or a source.
    """
    if name_or_path in arch_names():
        return Machine(read_arch(name_or_path))
    if name_or_path in device_names():
        return Machine(read_device(name_or_path))
    path = Path(name_or_path)
    if not path.is_file():
        fix = f"Give a file, or one of: {', '.join((*arch_names(), *device_names()))}."
        raise HaloError(f"there is no array or device {name_or_path!r}", fix)
    tables = load_toml(path)
    if ("rows" in tables) == ("sms" in tables):
        fix = "A systolic array has rows and columns, a GPU has sms."
        raise HaloError("the file describes neither an array nor a device", fix, path)
    return Machine(read_arch(path) if "rows" in tables else read_device(str(path)))
