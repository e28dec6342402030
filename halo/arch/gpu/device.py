# SPDX-License-Identifier: Apache-2.0
"""GPUs as data files: what an SM holds, how its tensor cores issue, and the memories behind it, each with a source."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from halo.errors import HaloError
from halo.sourced import Parameters, load_toml, read_parameters

DATA = Path(__file__).with_name("data")

BITS = {"fp16": 16, "tf32": 32, "int8": 8, "int4": 4}
"""Of an operand in registers and shared memory."""

_COUNTS = (
    *("sms", "sub_cores", "warps_per_sm", "ctas_per_sm", "registers_per_sm", "registers_per_thread"),
    *("shared_bytes_per_sm", "shared_bytes_per_cta", "shared_bytes_per_cycle", "shared_latency_cycles"),
    *("branch_cycles", "fma_per_cycle", "l2_bytes", "l2_bytes_per_cycle", "l2_latency_cycles", "dram_latency_cycles"),
)
_RATES = ("clock_ghz", "dram_gb_s", "dram_measured_gb_s")
_COSTS = (
    *("register_pj_per_byte", "shared_pj_per_byte", "l2_pj_per_byte", "dram_pj_per_byte"),
    *("constant_mw", "idle_sm_mw"),
)
_SHAPE = ("m", "n", "k", "interval_cycles")


@dataclass(frozen=True)
class Mma:
    """A tensor-core instruction of one warp: m x k by k x n, added to m x n sums.

    Attributes:
        name: such as ``m16n8k16 fp16, fp32 sums``.
        operand, accumulator: types.
        m, n, k: shape.
        interval_cycles: between two of them on a sub-core, whatever their warps.
        latency_cycles: from issue to a sum that the next one can add to.
    """

    name: str
    operand: str
    accumulator: str
    m: int
    n: int
    k: int
    interval_cycles: int
    latency_cycles: float

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an instruction: M N K."""
        return self.m * self.n * self.k

    @property
    def a_bytes(self) -> int:
        """Bytes of the m x k operand."""
        return self.m * self.k * BITS[self.operand] // 8

    @property
    def b_bytes(self) -> int:
        """Bytes of the k x n operand."""
        return self.k * self.n * BITS[self.operand] // 8

    @property
    def sum_bytes(self) -> int:
        """Bytes of the m x n sums."""
        return self.m * self.n * (2 if self.accumulator == "fp16" else 4)


@dataclass(frozen=True)
class Device:
    """A GPU.

    Attributes:
        name: such as ``V100 SXM2``.
        sms, sub_cores: SMs, and warp schedulers with a tensor core in each.
        clock_ghz: boost clock of the SMs.
        warps_per_sm, ctas_per_sm, registers_per_sm, shared_bytes_per_sm: what an SM holds; registers of 32 bit.
        registers_per_thread, shared_bytes_per_cta: what one of them may take.
        shared_bytes_per_cycle, shared_latency_cycles: of an SM's shared memory.
        branch_cycles: until a warp issues again after a branch.
        fma_per_cycle: of an SM's other cores, which multiply what is sparse.
        l2_bytes: that L2 holds for an SM.
        l2_bytes_per_cycle: of the whole device.
        l2_latency_cycles, dram_latency_cycles: from an SM, at ``clock_ghz``.
        dram_gb_s, dram_measured_gb_s: bandwidth on paper, and measured.
        register_pj_per_byte, shared_pj_per_byte, l2_pj_per_byte, dram_pj_per_byte: energy of a byte moved.
        constant_mw, idle_sm_mw: power of the board, and of each SM that does nothing.
        mma: tensor-core instructions.
        parameters: as read, with the source of each number; those of an instruction as ``NAME: KEY``.
    """

    name: str
    sms: int
    sub_cores: int
    clock_ghz: float
    warps_per_sm: int
    ctas_per_sm: int
    registers_per_sm: int
    registers_per_thread: int
    shared_bytes_per_sm: int
    shared_bytes_per_cta: int
    shared_bytes_per_cycle: int
    shared_latency_cycles: int
    branch_cycles: int
    fma_per_cycle: int
    l2_bytes: int
    l2_bytes_per_cycle: int
    l2_latency_cycles: int
    dram_latency_cycles: int
    dram_gb_s: float
    dram_measured_gb_s: float
    register_pj_per_byte: float
    shared_pj_per_byte: float
    l2_pj_per_byte: float
    dram_pj_per_byte: float
    constant_mw: float
    idle_sm_mw: float
    mma: tuple[Mma, ...]
    parameters: Parameters = field(compare=False)

    @property
    def static_mw(self) -> float:
        """Power that does not depend on the work: the board's and that of all SMs."""
        return self.constant_mw + self.sms * self.idle_sm_mw

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Sources of numbers that are another device's, each with its key."""
        sources = self.parameters.sources.items()
        return tuple(f"{key}: {text}" for key, text in sources if text.startswith("stand-in"))

    def macs_per_cycle(self, mma: Mma) -> float:
        """Multiply-accumulates a clock of the whole device, all tensor cores at work."""
        return self.sms * self.sub_cores * mma.macs / mma.interval_cycles

    def instruction(self, operand: str, accumulator: str) -> Mma:
        """The fastest instruction for these types, the largest of equally fast ones.

        Raises:
            HaloError: the tensor cores have none.
        """
        fitting = [mma for mma in self.mma if (mma.operand, mma.accumulator) == (operand, accumulator)]
        if not fitting:
            have = ", ".join(sorted({f"{mma.operand} with {mma.accumulator} sums" for mma in self.mma}))
            raise HaloError(
                f"the tensor cores of {self.name} multiply no {operand} with {accumulator} sums",
                f"They have {have}: choose a method with such operands, or another device.",
            )
        return max(fitting, key=lambda mma: (mma.macs / mma.interval_cycles, mma.macs))

    def __hash__(self) -> int:
        return hash((self.name, self.clock_ghz, self.mma))


@cache
def _read(path: Path) -> Device:
    tables = load_toml(path)
    rows = tables.pop("mma", None)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise HaloError("mma is missing", "Add a [[mma]] table for each tensor-core instruction.", path)
    numbers = read_parameters(path, tables, (*_COUNTS, *_RATES, *_COSTS), {})
    for key in _RATES:
        if not numbers.number(key) > 0:
            raise HaloError(f"{key} is zero", "Give a positive number.", path)
    if numbers.number("dram_measured_gb_s") > numbers.number("dram_gb_s"):
        raise HaloError("dram_measured_gb_s is above dram_gb_s", "Repair one of them.", path)
    known, sources = dict(numbers.values), dict(numbers.sources)
    mma = []
    for row in rows:
        words = {"operand": BITS, "accumulator": ("fp32", "fp16", "int32")}
        values = read_parameters(path, row, (*_SHAPE, "latency_cycles"), words)
        mma.append(
            Mma(
                name=values.name,
                operand=str(values.values["operand"]),
                accumulator=str(values.values["accumulator"]),
                m=values.count("m"),
                n=values.count("n"),
                k=values.count("k"),
                interval_cycles=values.count("interval_cycles"),
                latency_cycles=values.number("latency_cycles"),
            )
        )
        known |= {f"{values.name}: {key}": value for key, value in values.values.items()}
        sources |= {f"{values.name}: {key}": source for key, source in values.sources.items()}
    values_of: dict[str, Any] = {key: numbers.count(key) for key in _COUNTS}
    values_of |= {key: numbers.number(key) for key in (*_RATES, *_COSTS)}
    parameters = Parameters(numbers.name, path, known, sources)
    return Device(name=numbers.name, mma=tuple(mma), parameters=parameters, **values_of)


def device_names() -> tuple[str, ...]:
    """Devices that come with the package."""
    return tuple(sorted(path.stem for path in DATA.glob("*.toml")))


def read_device(name_or_path: str | Path) -> Device:
    """A device by its name, or from a file.

    Raises:
        HaloError: no such name or file, or a number is missing or cannot be; the error names it.
    """
    if str(name_or_path) in device_names():
        return _read(DATA / f"{name_or_path}.toml")
    path = Path(name_or_path)
    if not path.is_file():
        raise HaloError(f"no device {name_or_path}", f"Give one of: {', '.join(device_names())}; or give a file.")
    return _read.__wrapped__(path)
