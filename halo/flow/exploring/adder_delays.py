# SPDX-License-Identifier: Apache-2.0
"""How long a library's adders take beside each other: chains of them are synthesized and timed.

Tests: tests/flow/exploring/test_adder_delays.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from halo.config import Synthesis
from halo.flow.runs.assets import rtl_folder
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist
from halo.synth.synthesize import synthesize
from halo.timing.static.timer import static_arrivals

SHORT, LONG = 6, 12
"""Adders in a chain. What both ends add is not in the difference."""
HALF_SUM = 4.0
"""What the delays are given in: a half adder's sum takes so much, four quarters of an exclusive-or."""

_INPUTS = {"full_adder": ("a_i", "b_i", "c_i"), "half_adder": ("a_i", "b_i")}
_CHAINS = tuple(
    (module, pin, output) for module, pins in _INPUTS.items() for output in ("sum_o", "carry_o") for pin in pins
)
"""Module, the input that is chained, the output that drives the next."""


def adder_delays(liberty: Sequence[Path], mode: Synthesis, dont_use: Sequence[str] = ()) -> tuple[float, ...]:
    """Delays in the order of ``halo.flow.exploring.tree_kernel.DELAYS``, of adders that drive their like.

    Args:
        liberty: files of the corner.
        mode: "structural" or "adders".
        dont_use: as of ``halo.synth.synthesize.synthesize``.

    Raises:
        HaloError: bad library.
    """
    with tempfile.TemporaryDirectory(prefix="halo-adders-") as scratch:
        work = Path(scratch)
        source = work / "adder_chains.v"
        source.write_text(_verilog())
        cells = [rtl_folder() / "mac" / f"{name}.v" for name in ("full_adder", "half_adder")]
        made = synthesize(
            (source, *cells), "adder_chains", liberty, mode=mode, dont_use=dont_use, workdir=work / "synthesis"
        )
        library = read_corner(liberty)
        circuit = compile_circuit(read_netlist(made.netlist_verilog, "adder_chains", library.cells), library)
    found = static_arrivals(circuit, library, case={}, input_slew_s=0.0, output_load_f=0.0)
    arrival = {
        circuit.netlist.nets[end.net]: float(times.max())
        for end, times in zip(found.endpoints, found.arrival_s[0], strict=True)
    }
    each = {
        chain: (arrival[f"long_o[{i}]"] - arrival[f"short_o[{i}]"]) / (LONG - SHORT) for i, chain in enumerate(_CHAINS)
    }

    def slowest(module: str, output: str, *pins: str) -> float:
        return max(each[module, pin, output] for pin in pins)

    seconds = [
        *(
            slowest("full_adder", output, *pins)
            for output in ("sum_o", "carry_o")
            for pins in (("a_i", "b_i"), ("c_i",))
        ),
        *(slowest("half_adder", output, "a_i", "b_i") for output in ("sum_o", "carry_o")),
    ]
    return tuple(round(HALF_SUM * delay / seconds[4], 3) for delay in seconds)


def _verilog() -> str:
    lines, free = [], 0
    for i, (module, pin, output) in enumerate(_CHAINS):
        for k in range(LONG):
            wires = {}
            for name in _INPUTS[module]:
                wires[name] = f"w_{i}_{k}" if name == pin and k else f"free_i[{free}]"
                free += 1
            wires[output] = f"w_{i}_{k + 1}"
            lines.append(f"  wire w_{i}_{k + 1};")
            lines.append(f"  {module} u_{i}_{k} ({', '.join(f'.{name}({wire})' for name, wire in wires.items())});")
        lines.append(f"  assign short_o[{i}] = w_{i}_{SHORT};\n  assign long_o[{i}] = w_{i}_{LONG};")
    ports = f"input wire [{free - 1}:0] free_i, output wire [{len(_CHAINS) - 1}:0] short_o, long_o"
    return "\n".join([f"module adder_chains ({ports});", *lines, "endmodule\n"])
