# SPDX-License-Identifier: Apache-2.0
"""A systolic array with its buffers, DRAM and side units, read from a file in which every number has a source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from halo.arch.systolic.os_cycles import OsArray
from halo.arch.systolic.ws_cycles import CHECK, WsArray
from halo.errors import HaloError
from halo.sourced import Parameters, load_toml, read_parameters

DATA = Path(__file__).parent / "data"

SUM_BYTES = 4
"""Of a partial sum in the accumulators: 32 bits, of integers as of FP32."""

_WIDEST_OPERAND = 2
"""Bytes of an FP16 operand, for which the buffers must hold two of everything that is double-buffered."""

_COUNTS = (
    *("rows", "columns", "accumulator_kib", "weight_kib", "activation_kib"),
    *("sparse_lanes", "vector_lanes"),
)
_WHOLE = ("pipeline", "swap_gap", "class_gap")
_POSITIVE = ("dram_gb_s",)
_ENERGIES = (
    *("accumulator_pj_byte", "weight_pj_byte", "activation_pj_byte", "dram_pj_bit"),
    *("sparse_pj", "vector_pj", "constant_mw"),
)
_WORDS = {"dataflow": ("ws", "os"), "activations": ("dram", "buffer")}


@dataclass(frozen=True, eq=False)
class SystolicArch:
    """A systolic array and what stands around it.

    Attributes:
        parameters: the file, with the source of each number.
        rows, columns: elements.
        dataflow: ``ws`` weight-stationary, ``os`` output-stationary.
        pipeline: registers in the multiplier of an element, 0 to 2.
        swap_gap, class_gap: idle slots before a tile and after a change of the clock, see ``WsArray``.
        accumulator_bytes: of partial sums, one half filling while the other leaves.
        weight_bytes, activation_bytes: of the buffers in front of the array.
        activations: where a GEMM finds its input and leaves its output, ``dram`` or, if both fit, the ``buffer``.
        accumulator_pj_byte, weight_pj_byte, activation_pj_byte: for each byte read or written.
        dram_gb_s, dram_pj_bit: bandwidth, energy of each bit read or written.
        sparse_lanes, sparse_pj: multiply-accumulates a clock of the unit for the sparse part, energy of each.
        vector_lanes, vector_pj: operations a clock of the vector unit, energy of each.
        constant_mw: power that does not depend on the operating point.
    """

    parameters: Parameters
    rows: int
    columns: int
    dataflow: Literal["ws", "os"]
    pipeline: int
    swap_gap: int
    class_gap: int
    accumulator_bytes: int
    weight_bytes: int
    activation_bytes: int
    activations: Literal["dram", "buffer"]
    accumulator_pj_byte: float
    weight_pj_byte: float
    activation_pj_byte: float
    dram_gb_s: float
    dram_pj_bit: float
    sparse_lanes: int
    sparse_pj: float
    vector_lanes: int
    vector_pj: float
    constant_mw: float

    @property
    def name(self) -> str:
        """What the file calls itself."""
        return self.parameters.name

    @property
    def elements(self) -> int:
        """Multiply-accumulators."""
        return self.rows * self.columns

    @property
    def depth(self) -> int:
        """Rows of sums that half of the accumulators holds."""
        return self.accumulator_bytes // (2 * self.columns * SUM_BYTES)

    def ws(self) -> WsArray:
        """Its cycle contract if it is weight-stationary."""
        return WsArray(self.rows, self.columns, self.depth, self.pipeline, self.swap_gap, self.class_gap)

    def os(self) -> OsArray:
        """Its cycle contract if it is output-stationary."""
        return OsArray(self.rows, self.columns, self.pipeline)


def arch_names() -> tuple[str, ...]:
    """Arrays that come with the package."""
    return tuple(sorted(path.stem for path in DATA.glob("*.toml")))


def read_arch(name_or_path: str | Path) -> SystolicArch:
    """An array by its name (``arch_names``) or from a file of the same form.

    Raises:
        HaloError: no such array, a number is missing, unknown, without source or impossible, or buffers too small.
    """
    path = Path(name_or_path)
    if str(name_or_path) in arch_names():
        path = DATA / f"{name_or_path}.toml"
    elif path.suffix != ".toml":
        fix = f"Give one of {', '.join(arch_names())}, or a .toml file."
        raise HaloError(f"there is no array named {str(name_or_path)!r}", fix)
    values = read_parameters(path, load_toml(path), (*_COUNTS, *_WHOLE, *_POSITIVE, *_ENERGIES), _WORDS)
    count, number = values.count, values.number
    arch = SystolicArch(
        parameters=values,
        rows=count("rows"),
        columns=count("columns"),
        dataflow="ws" if values.values["dataflow"] == "ws" else "os",
        pipeline=_whole(values, "pipeline"),
        swap_gap=_whole(values, "swap_gap"),
        class_gap=_whole(values, "class_gap"),
        accumulator_bytes=1024 * count("accumulator_kib"),
        weight_bytes=1024 * count("weight_kib"),
        activation_bytes=1024 * count("activation_kib"),
        activations="dram" if values.values["activations"] == "dram" else "buffer",
        accumulator_pj_byte=number("accumulator_pj_byte"),
        weight_pj_byte=number("weight_pj_byte"),
        activation_pj_byte=number("activation_pj_byte"),
        dram_gb_s=number("dram_gb_s"),
        dram_pj_bit=number("dram_pj_bit"),
        sparse_lanes=count("sparse_lanes"),
        sparse_pj=number("sparse_pj"),
        vector_lanes=count("vector_lanes"),
        vector_pj=number("vector_pj"),
        constant_mw=number("constant_mw"),
    )
    if arch.dram_gb_s == 0:
        raise HaloError("dram_gb_s = 0 brings no weights", "Give a bandwidth above 0, in 1e9 bytes a second.", path)
    check_buffers(arch, path)
    return arch


def _whole(values: Parameters, key: str) -> int:
    value = values.number(key)
    if value != int(value):
        raise HaloError(f"{key} = {value:g} is not whole", "Give a whole number, 0 or more.", values.path)
    return int(value)


def check_buffers(arch: SystolicArch, path: Path) -> None:
    """Two of everything that is double-buffered must fit, and sums must find room without waiting.

    Raises:
        HaloError: a buffer is too small for the elements.
    """
    # Sums of `depth` rows leave while as many fill: with this depth an output tile never waits for room.
    depth = arch.ws().latency + CHECK - 1 if arch.dataflow == "ws" else arch.rows
    if arch.depth < depth:
        least = -(-2 * depth * arch.columns * SUM_BYTES // 1024)
        fix = f"Give {least} or more: two times {depth} rows of {arch.columns} sums."
        raise HaloError(f"accumulator_kib = {arch.accumulator_bytes // 1024} is too small", fix, path)
    blocks = {
        "weight_kib": (arch.weight_bytes, arch.rows * arch.columns),
        "activation_kib": (arch.activation_bytes, arch.rows * (arch.depth if arch.dataflow == "ws" else 1)),
    }
    for key, (size, block) in blocks.items():
        least = -(-2 * block * _WIDEST_OPERAND // 1024)
        if size < 1024 * least:
            fix = f"Give {least} or more: two blocks of {block} FP16 operands, one in use and one on its way."
            raise HaloError(f"{key} = {size // 1024} is too small", fix, path)
