# SPDX-License-Identifier: Apache-2.0
"""What ``--arch`` names: a systolic array or a GPU, behind one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from halo.arch.gpu.cost import SUMS
from halo.arch.gpu.cost import layer_costs as gpu_costs
from halo.arch.gpu.device import Device, device_names, read_device
from halo.arch.systolic.array import SystolicArch, arch_names, read_arch
from halo.arch.systolic.cost import layer_costs as systolic_costs
from halo.arch.systolic.cost import vector_cost as systolic_vector_cost
from halo.arch.weights import Element, LayerWeights
from halo.dvfs.cost import LayerCost
from halo.dvfs.points import Dvfs
from halo.errors import HaloError
from halo.flow.scoring.stated import Operand
from halo.sourced import Parameters, load_toml
from halo.workload.gemm import Gemm, VectorOperation


class Machine(Protocol):
    """What runs a model."""

    @property
    def parameters(self) -> Parameters:
        """Its file, with the source of each number."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences about what is not its own or not modelled."""

    @property
    def element(self) -> Literal["pe_ws", "pe_os"]:
        """Element of halo's whose weights are swapped as in this machine, for the clock periods of sets of weights."""

    @property
    def regulator(self) -> str:
        """Preset of a change of the operating point, where nobody names one."""

    @property
    def side_by_side(self) -> bool:
        """Whether equal products run at once, in one cost, and not one after the other."""

    @property
    def own_float_clock(self) -> bool:
        """Whether floating point slows the clock (an array of MACs), or the products a clock (tensor cores)."""

    @property
    def bandwidth_gb_s(self) -> float:
        """Bandwidth of DRAM that a layer can use, in 1e9 bytes a second."""

    def multiplies(self, operand: Operand) -> bool:
        """Whether it has MACs for such operands."""

    def peak_macs(self, operand: Operand, ghz: float) -> float:
        """Multiply-accumulates a second at a clock, every MAC at work.

        Raises:
            HaloError: it has no MACs for such operands.
        """

    def layer_costs(
        self,
        gemm: Gemm,
        weights: LayerWeights,
        dvfs: Dvfs,
        element: Element,
        *,
        activation_bits: int,
        memory_time: bool,
    ) -> Sequence[LayerCost]:
        """Ways to run a layer, or one of its equal products (``side_by_side``); see the model of the hardware.

        Args:
            gemm: sizes.
            weights: its classes from the slowest.
            dvfs: operating points.
            element: what an element costs besides its MACs.
            activation_bits: stored, of inputs and results.
            memory_time: False: memory is never waited for.
        """

    def vector_cost(self, operation: VectorOperation, dvfs: Dvfs, element: Element) -> LayerCost | None:
        """What a vector operation costs; None: not modelled."""


@dataclass(frozen=True, eq=False)
class SystolicMachine:
    """A systolic array as a ``Machine``."""

    arch: SystolicArch
    regulator = "ivr"
    side_by_side = False
    own_float_clock = True

    @property
    def element(self) -> Literal["pe_ws", "pe_os"]:
        """By the dataflow."""
        return "pe_os" if self.arch.dataflow == "os" else "pe_ws"

    @property
    def parameters(self) -> Parameters:
        """The file of the array."""
        return self.arch.parameters

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences about the vector unit and, weight-stationary, about the loading of weights."""
        unit = "Vector operations run alone, after the products, on a unit that keeps the first operating point"
        told = (f"{unit} of the integer MACs",)
        if self.arch.dataflow == "os":
            return told
        edge = f"Weights enter the array a row a clock: loads of fewer than {self.arch.rows} rows of activations"
        return (*told, f"{edge} take that long all the same, which shows in the use of the array, not as memory")

    @property
    def bandwidth_gb_s(self) -> float:
        """Bandwidth of DRAM on paper."""
        return self.arch.dram_gb_s

    def multiplies(self, operand: Operand) -> bool:
        """Always: an array is made of the MACs that are asked for."""
        return True

    def peak_macs(self, operand: Operand, ghz: float) -> float:
        """Multiply-accumulates a second of all elements."""
        return self.arch.elements * ghz * 1e9

    def layer_costs(
        self,
        gemm: Gemm,
        weights: LayerWeights,
        dvfs: Dvfs,
        element: Element,
        *,
        activation_bits: int,
        memory_time: bool,
    ) -> Sequence[LayerCost]:
        """Ways to run one of the equal products: ``halo.arch.systolic.cost.layer_costs``."""
        return systolic_costs(
            self.arch, gemm, weights, dvfs, element, activation_bits=activation_bits, memory_time=memory_time
        )

    def vector_cost(self, operation: VectorOperation, dvfs: Dvfs, element: Element) -> LayerCost:
        """What a vector operation costs on the vector unit."""
        return systolic_vector_cost(self.arch, operation, dvfs, element)


@dataclass(frozen=True, eq=False)
class GpuMachine:
    """A GPU as a ``Machine``."""

    device: Device
    element: Literal["pe_ws", "pe_os"] = "pe_os"
    regulator = "gpu_driver"
    side_by_side = True
    own_float_clock = False

    @property
    def parameters(self) -> Parameters:
        """The file of the device."""
        return self.device.parameters

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Sentences about numbers of other devices, and the cores that are not modelled."""
        stand_ins = (f"The device's {sentence}" for sentence in self.device.stand_ins)
        cores = (
            "Where the table vouches for clocks, pe_os stands for the MACs of tensor cores: weights come every clock"
        )
        return (*stand_ins, cores, "Vector operations are counted, not timed: nothing models a GPU's other cores")

    @property
    def bandwidth_gb_s(self) -> float:
        """Bandwidth of DRAM as measured."""
        return self.device.dram_measured_gb_s

    def multiplies(self, operand: Operand) -> bool:
        """Whether a tensor-core instruction takes such operands."""
        return any(mma.operand == operand for mma in self.device.mma)

    def peak_macs(self, operand: Operand, ghz: float) -> float:
        """Multiply-accumulates a second of all tensor cores with their fastest instruction."""
        return self.device.macs_per_cycle(self.device.instruction(operand, SUMS[operand])) * ghz * 1e9

    def layer_costs(
        self,
        gemm: Gemm,
        weights: LayerWeights,
        dvfs: Dvfs,
        element: Element,
        *,
        activation_bits: int,
        memory_time: bool,
    ) -> Sequence[LayerCost]:
        """Ways to run all equal products at once: ``halo.arch.gpu.cost.layer_costs``."""
        return gpu_costs(
            self.device, gemm, weights, dvfs, element, activation_bits=activation_bits, memory_time=memory_time
        )

    def vector_cost(self, operation: VectorOperation, dvfs: Dvfs, element: Element) -> None:
        """Not modelled."""


def read_machine(name_or_path: str) -> Machine:
    """An array or device by name, or from a file: one with ``rows`` is an array, one with ``sms`` a device.

    Raises:
        HaloError: no such name or file, or a file that lacks a number or a source.
    """
    if name_or_path in arch_names():
        return SystolicMachine(read_arch(name_or_path))
    if name_or_path in device_names():
        return GpuMachine(read_device(name_or_path))
    path = Path(name_or_path)
    if not path.is_file():
        fix = f"Give a file, or one of: {', '.join((*arch_names(), *device_names()))}."
        raise HaloError(f"there is no array or device {name_or_path!r}", fix)
    tables = load_toml(path)
    if ("rows" in tables) == ("sms" in tables):
        fix = "A systolic array has rows and columns, a GPU has sms."
        raise HaloError("the file describes neither an array nor a device", fix, path)
    return SystolicMachine(read_arch(path)) if "rows" in tables else GpuMachine(read_device(str(path)))
