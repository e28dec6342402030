# SPDX-License-Identifier: Apache-2.0
"""The testbenches that come with halo: what each one simulates, and the parameters it takes.

Tests: tests/flow/simulators/test_bench_run.py.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from halo.errors import HaloError
from halo.flow.runs.assets import rtl_folder, sim_folder
from halo.netlist.sources import Sources

Value = int | str
"""Value of a parameter."""

FAMILIES = ("csa_array", "booth_r4", "baugh_wooley", "sign_magnitude", "behavioural")
"""Multipliers of ``rtl/mac``."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a bench's top level. What values are possible is checked by the Verilog, where nothing here does.

    Attributes:
        meaning: one line for the user.
        choices: the only values possible; empty: any number.
        macro: a Verilog macro instead of a parameter.
        implied: further macros, by the values that bring them.
        names_module: the value may be a module of the user's as well (``halo.flow.simulators.own_modules``).
        least, most: of a number. The Verilog is stricter where it has to be; a number out of all proportion must
            not get that far, since tools elaborate before they refuse.
    """

    name: str
    default: Value
    meaning: str
    choices: tuple[str, ...] = ()
    macro: bool = False
    implied: Mapping[Value, Mapping[str, str]] = field(default_factory=dict)
    names_module: bool = False
    least: int = 0
    most: int = 65_536

    def macros(self, value: Value) -> dict[str, str]:
        """The Verilog macros that a value of this macro stands for."""
        return {self.name: str(value), **self.implied.get(value, {})}

    def read(self, value: Value) -> Value:
        """A value given by the user, checked.

        Raises:
            HaloError: not one of the choices, no whole number, or one out of range.
        """
        if self.choices:
            if value not in self.choices:
                own = ", or a module of Verilog that you give" if self.names_module else ""
                raise HaloError(
                    f"parameter {self.name} cannot be {value}", f"It must be one of {', '.join(self.choices)}{own}."
                )
            return value
        if not isinstance(value, int) and not isinstance(self.default, str):
            raise HaloError(f"parameter {self.name} cannot be {value}", "Give a whole number.")
        if isinstance(value, int) and not self.least <= value <= self.most:
            raise HaloError(f"parameter {self.name} must be {self.least} to {self.most}", "Choose another value.")
        return value


@dataclass(frozen=True)
class Bench:
    """A cocotb bench.

    Attributes:
        description: one line for the user.
        toplevel: the module simulated.
        module: Python module in ``sim/``.
        rtl: folders of ``rtl/`` that hold its Verilog.
        parts: Verilog of the bench itself, in ``sim/``.
        parameters: of the top level.
        tests_file: the user's tests instead of those of the module in ``sim/`` (``halo.flow.simulators.own_bench``).
        verilog: the user's design instead of one of ``rtl/``.
    """

    name: str
    description: str
    toplevel: str
    module: str
    rtl: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    parts: tuple[str, ...] = ()
    tests_file: Path | None = None
    verilog: Sources | None = None

    @property
    def sources(self) -> tuple[Path, ...]:
        """All of its Verilog."""
        if self.verilog is not None:
            return self.verilog.files
        rtl = [path for folder in self.rtl for path in sorted((rtl_folder() / folder).glob("*.v"))]
        return (*rtl, *(sim_folder() / part for part in self.parts))

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of its tests, in order."""
        begins = "cocotb." if self.tests_file is None else ""  # the user may have imported the decorators
        path = self.tests_file or sim_folder() / f"{self.module}.py"
        functions = (
            node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.AsyncFunctionDef)
        )
        return tuple(
            function.name
            for function in functions
            if any(ast.unparse(decorator).startswith(begins) for decorator in function.decorator_list)
        )

    def values(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Every parameter's value, the given ones checked.

        Raises:
            HaloError: a parameter that the bench does not have, or a value that it cannot have.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise HaloError(f"bench {self.name} has no parameter {name}", f"It has {', '.join(known)}.")
        return {name: p.read(given.get(name, p.default)) for name, p in known.items()}


_OPERANDS = (
    Parameter("WEIGHT_WIDTH", 8, "bits of a weight, 2 to 16", least=2, most=16),
    Parameter("ACTIVATION_WIDTH", 8, "bits of an activation, 2 to 16", least=2, most=16),
)
_WIDTHS = (*_OPERANDS, Parameter("ACC_WIDTH", 24, "bits of a partial sum: the product's to 64"))
_MULTIPLIER = Parameter("MULTIPLIER", FAMILIES[0], "family of the multiplier", FAMILIES, names_module=True)
_DATAPATH = (
    _MULTIPLIER,
    Parameter("PIPELINE", 0, "registers: 1 of the product, 2 of the partial products, 3 of both", most=3),
    Parameter("CARRY_SAVE", 0, "1: partial sums travel as sum and carry", most=1),
    Parameter("ARRAY", 0, "rows of partial products: 0 in a tree, else one so many quarters of an XOR later", most=15),
    Parameter("CLASS_ZEROS", 0, "trailing zeros of the weights that should be fast", most=16),
    Parameter("CLASS_SHARE", 0, "0 to 100: how much these weights count against all", most=100),
    Parameter("SEED", 0, "another order of equal rows"),
)
_WEIGHT_STATIONARY = (
    *_DATAPATH,
    Parameter("RECODED", 0, "1: the weight in use is held as Booth digits", most=1),
    Parameter("CORRECTION", 0, "1: products lack what depends on the weight alone", most=1),
)

_DOT_PRODUCT = (
    Parameter("WIDTH", 8, "bits of the operands, 2 to 8"),
    Parameter("ACC_WIDTH", 18, "bits of an accumulator: those of four products to 64"),
    _MULTIPLIER,
)

# Sizes are neither equal nor powers of two, and sums wrap around: other defaults would hide faults.
BENCHES: dict[str, Bench] = {
    bench.name: bench
    for bench in (
        Bench(
            name="mac",
            description="MACs and multipliers: all pairs of operands",
            toplevel="mac_lanes",
            module="tb_mac",
            rtl=("mac",),
            parts=("components/mac_lanes.v",),
            parameters=(
                Parameter(
                    "DUT",
                    "mac_csa_array",
                    "module under test",
                    tuple(f"{kind}_{family}" for kind in ("mac", "mul") for family in FAMILIES),
                    macro=True,
                    # a multiplier has no partial sum
                    implied={f"mul_{family}": {"MULTIPLIER": "1"} for family in (*FAMILIES, "external")},
                    names_module=True,
                ),
                *_WIDTHS,
                Parameter("LANES", 2, "copies simulated side by side"),
            ),
        ),
        Bench(
            name="pe",
            description="weight-stationary element: every output in every cycle",
            toplevel="pe_ws",
            module="tb_pe",
            rtl=("mac", "pe"),
            parameters=(*_WIDTHS, *_WEIGHT_STATIONARY),
        ),
        Bench(
            name="pe_os",
            description="output-stationary element: every output in every cycle",
            toplevel="pe_os",
            module="tb_pe",
            rtl=("mac", "pe"),
            parameters=(*_WIDTHS, *_DATAPATH),
        ),
        Bench(
            name="systolic_ws",
            description="weight-stationary array: stalls, clock changes, resets, cycle contract",
            toplevel="systolic_ws",
            module="tb_systolic_ws",
            rtl=("mac", "pe", "memory", "checks", "systolic"),
            parameters=(
                Parameter("ROWS", 4, "rows of elements"),
                Parameter("COLUMNS", 3, "columns of elements"),
                *_OPERANDS,
                Parameter("ACC_WIDTH", 18, "bits of a partial sum: the product's to 64"),
                *_WEIGHT_STATIONARY,
                Parameter("DEPTH", 11, "rows of activations of the longest tile"),
                Parameter("CLASS_WIDTH", 2, "bits of a frequency class, 1 or more"),
                Parameter("SWAP_GAP", 0, "idle slots between a swap of weights and the first activation"),
                Parameter("CLASS_GAP", 1, "the least of these slots after a change of the clock"),
            ),
        ),
        Bench(
            name="systolic_os",
            description="output-stationary array: stalls, clock changes, resets, cycle contract",
            toplevel="systolic_os",
            module="tb_systolic_os",
            rtl=("mac", "pe", "memory", "checks", "systolic"),
            parameters=(
                Parameter("ROWS", 5, "rows of elements"),
                Parameter("COLUMNS", 3, "columns of elements"),
                *_OPERANDS,
                Parameter("ACC_WIDTH", 18, "bits of a sum: the product's to 64"),
                *_DATAPATH,
                Parameter("CLASS_WIDTH", 2, "bits of a frequency class, 1 or more"),
                Parameter("STEP_WIDTH", 16, "bits of the number of k-steps of a tile"),
            ),
        ),
        Bench(
            name="tensor_core",
            description="matrix unit of dot products: stalls, resets, latency and interval",
            toplevel="mma_unit",
            module="tb_tensor_core",
            rtl=("mac", "pe", "checks", "tensor_core"),
            parameters=(
                Parameter("M", 3, "rows of A and D"),
                Parameter("N", 2, "columns of B and D"),
                Parameter("K", 12, "length of the dot products, a multiple of 4"),
                *_DOT_PRODUCT,
            ),
        ),
        Bench(
            name="dp4a",
            description="registered dot product of four lanes",
            toplevel="dp4a_unit",
            module="tb_dp4a",
            rtl=("mac", "pe", "tensor_core"),
            parameters=_DOT_PRODUCT,
        ),
        Bench(
            name="mac_fp16",
            description="floating-point MAC: subnormals, ties, cancellations, infinities, NaN",
            toplevel="mac_fp16_lanes",
            module="tb_mac_fp16",
            rtl=("mac", "fp16"),
            parts=("components/mac_fp16_lanes.v",),
            parameters=(
                Parameter("LANES", 2, "copies simulated side by side"),
                Parameter("PIPELINE", 0, "1: a register between multiplier and adder"),
            ),
        ),
    )
}


def find_bench(name: str) -> Bench:
    """The bench of that name.

    Raises:
        HaloError: there is none.
    """
    if name not in BENCHES:
        raise HaloError(f"there is no bench {name}", f"Choose one of {', '.join(BENCHES)}.")
    return BENCHES[name]
