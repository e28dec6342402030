# SPDX-License-Identifier: Apache-2.0
"""Buffers behind drivers of heavy nets: limits are kept, the function stays, and light netlists are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from halo.flow.runs.assets import DEFAULT_MAC, element_sources
from halo.liberty import Library, read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import evaluate
from halo.netlist.model import FLOP, Circuit
from halo.netlist.verilog import read_netlist
from halo.synth import synthesize
from halo.synth.buffers import insert_buffers

WIDE = 120
FAN = f"""module fan (input clk, input s, input [{WIDE - 1}:0] a, input [{WIDE - 1}:0] b, output reg [{WIDE - 1}:0] y);
reg q;
always @(posedge clk) begin q <= s; y <= q ? a : b; end
endmodule
"""


def overloaded(circuit: Circuit, library: Library) -> list[str]:
    """Nets, but clocks, that weigh more than the ``max_capacitance`` of their drivers."""
    load = np.zeros(circuit.nets)
    for instance in circuit.netlist.instances:
        for name, net in instance.pins.items():
            pin = library.cells[instance.cell].pins[name]
            load[net] += max(pin.rise_capacitance_f, pin.fall_capacitance_f) if pin.direction == "input" else 0.0
    found = []
    for gate in range(circuit.gates):
        instance = circuit.netlist.instances[circuit.instance[gate]]
        limit = library.cells[instance.cell].pins[circuit.output_pin[gate]].max_capacitance_f
        if limit is not None and load[circuit.out[gate]] > limit:
            found.append(circuit.netlist.nets[circuit.out[gate]])
    return found


def fan(folder: Path, osu018: Path, **options: object) -> tuple[Circuit, str | None]:
    folder.mkdir()
    (folder / "fan.v").write_text(FAN)
    made = synthesize([folder / "fan.v"], "fan", [osu018], workdir=folder / "work", **options)  # type: ignore[arg-type]
    return compile_circuit(read_netlist(made.netlist_verilog), read_corner([osu018])), made.buffering


def after_two_clocks(circuit: Circuit, seed: int) -> np.ndarray:
    """Output of the design, flip-flops transparent, over random lanes."""
    random = np.random.default_rng(seed)
    lanes = {
        net: random.integers(0, 2, 64).astype(np.uint8) for bits in circuit.netlist.inputs.values() for net in bits
    }
    values = evaluate(circuit, lanes)
    return np.stack([values[net] for net in circuit.netlist.outputs["y"]])


def test_a_register_that_drives_too_much_gets_buffers(osu018: Path, tmp_path: Path) -> None:
    library = read_corner([osu018])
    bare, said = fan(tmp_path / "bare", osu018)
    assert said is None and overloaded(bare, library)
    light, said = fan(tmp_path / "light", osu018, buffers=True)
    assert not overloaded(light, library)
    added = len(light.netlist.instances) - len(bare.netlist.instances)
    assert said is not None and said.startswith(f"{added} buffers were inserted on ") and 2 <= added <= 20
    assert np.count_nonzero(light.kind == FLOP) == np.count_nonzero(bare.kind == FLOP) == WIDE + 1
    np.testing.assert_array_equal(after_two_clocks(light, 3), after_two_clocks(bare, 3))
    # The clock, an input of as many pins, is ideal and has none.
    clock = light.netlist.inputs["clk"][0]
    assert sum(clock in instance.pins.values() for instance in light.netlist.instances) == WIDE + 1


@pytest.mark.parametrize("most", [4, 16])
def test_no_net_has_more_pins_than_asked_for(most: int, osu018: Path, tmp_path: Path) -> None:
    circuit, said = fan(tmp_path / "fan", osu018, buffers=True, max_fanout=most)
    pins = np.zeros(circuit.nets, np.int64)
    library = read_corner([osu018])
    for instance in circuit.netlist.instances:
        for name, net in instance.pins.items():
            pins[net] += library.cells[instance.cell].pins[name].direction == "input"
    pins[list(circuit.clock_nets)] = 0
    assert pins.max() <= most, said
    again, _ = fan(tmp_path / "again", osu018, buffers=True, max_fanout=most)
    assert [i.pins for i in again.netlist.instances] == [i.pins for i in circuit.netlist.instances]


def test_the_default_mac_needs_none(osu018: Path, tmp_path: Path) -> None:
    texts = []
    for buffers in (False, True):
        work = tmp_path / str(buffers)
        made = synthesize(element_sources(), DEFAULT_MAC, [osu018], buffers=buffers, workdir=work)
        texts.append(made.netlist_verilog.read_bytes())
    assert made.buffering == "No buffers were inserted: no net is too heavy for its driver."
    assert texts[0] == texts[1]


def test_nets_of_clears_alone_stay(osu018: Path, tmp_path: Path) -> None:
    text = f"""module clear (input clk, input r, input [{WIDE - 1}:0] a, output reg [{WIDE - 1}:0] y);
    always @(posedge clk or negedge r) if (!r) y <= 0; else y <= a;
    endmodule
    """
    (tmp_path / "fan.v").write_text(text)
    made = synthesize([tmp_path / "fan.v"], "clear", [osu018], workdir=tmp_path / "work")
    module = json.loads(made.netlist_json.read_text())["modules"]["clear"]
    library = read_corner([osu018])
    reset = module["ports"]["r"]["bits"][0]

    def readers() -> int:
        return sum(reset in bits for cell in module["cells"].values() for bits in cell["connections"].values())

    before = readers()
    insert_buffers(module, library, list(library.cells.values()), 8)
    assert readers() == before >= WIDE
