# SPDX-License-Identifier: Apache-2.0
"""Faults planted in the Verilog, one at a time: the benches must find every one, and pass the Verilog as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from halo.flow.simulators.bench_run import SimulationResult
from halo.flow.simulators.benches import BENCHES

Simulated = Callable[..., SimulationResult]

NARROW = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "MULTIPLIER": "behavioural"}
BOOTH = NARROW | {"MULTIPLIER": "booth_r4", "CARRY_SAVE": 1, "RECODED": 1, "CORRECTION": 1}
DESIGNS: Mapping[str, Mapping[str, int | str]] = {
    "pe": NARROW | {"ACC_WIDTH": 10},
    "pe pipelined": NARROW | {"ACC_WIDTH": 10, "PIPELINE": 1, "CARRY_SAVE": 1},
    "pe_os": NARROW | {"ACC_WIDTH": 10},
    "pe_os pipelined": NARROW | {"ACC_WIDTH": 10, "PIPELINE": 1, "CARRY_SAVE": 1},
    "systolic_ws": NARROW | {"ROWS": 2, "COLUMNS": 3, "ACC_WIDTH": 8, "DEPTH": 5},
    "pe booth": BOOTH | {"ACC_WIDTH": 10, "PIPELINE": 3},
    "pe_os booth": NARROW | {"ACC_WIDTH": 10, "MULTIPLIER": "booth_r4", "PIPELINE": 3, "CARRY_SAVE": 1},
    "systolic_ws corrected": BOOTH | {"ROWS": 3, "COLUMNS": 2, "ACC_WIDTH": 9, "DEPTH": 5, "PIPELINE": 2},
    "systolic_os": NARROW | {"ROWS": 5, "COLUMNS": 2, "ACC_WIDTH": 9},
    "tensor_core": {"M": 1, "N": 2, "K": 8, "WIDTH": 4, "ACC_WIDTH": 10, "MULTIPLIER": "behavioural"},
    "dp4a": {"WIDTH": 4, "ACC_WIDTH": 12, "MULTIPLIER": "behavioural"},
}
"""Bench (the first word) and parameters."""


@dataclass(frozen=True)
class Fault:
    """A piece of text that stands once in a file, and what it becomes."""

    design: str
    file: str
    right: str
    wrong: str

    def sources(self, folder: Path) -> list[Path]:
        """The bench's Verilog with the fault in it."""
        sources = []
        for path in BENCHES[self.design.split()[0]].sources:
            if path.name == self.file:
                text = path.read_text(encoding="utf-8")
                assert text.count(self.right) == 1, f"{self.file} holds {text.count(self.right)} times: {self.right}"
                path = folder / self.file
                path.write_text(text.replace(self.right, self.wrong), encoding="utf-8")
            sources.append(path)
        assert any(path.parent == folder for path in sources), f"{self.design} has no {self.file}"
        return sources


FAULTS = (
    # Weight-stationary element.
    Fault("pe", "pe_ws.v", "if (swap_i) weight_q <= weight_d", "if (swap_q) weight_q <= weight_d"),
    Fault("pe", "pe_ws.v", "if (weight_load_i) next_q <= weight_i", "next_q <= weight_i"),
    Fault("pe", "pe_ws.v", "if (weight_load_i) next_q <= weight_i", "if (weight_load_i) next_q <= transport_q"),
    Fault("pe", "pe_ws.v", "if (valid_i) activation_q", "activation_q"),
    Fault("pe", "pe_ws.v", "load_q       <= weight_load_i", "load_q       <= swap_i"),
    Fault("pe", "pe_ws.v", "weight_q     <= {HELD_WIDTH{1'b0}}", "weight_q     <= weight_d"),
    Fault("pe pipelined", "pe_ws.v", "valid_path[LATENCY+1]", "valid_path[LATENCY]"),
    Fault("pe pipelined", "full_adder.v", "(half & c_i)", "(half & ~c_i)"),
    # Output-stationary element.
    Fault("pe_os", "pe_os.v", "if (adding) sum_q <= sum_d", "sum_q <= sum_d"),
    Fault(
        "pe_os", "pe_os.v", "if (adding && adding_last) drain_q <= sum_d", "if (adding && adding_last) drain_q <= sum_q"
    ),
    Fault("pe_os", "pe_os.v", "drain_valid_i || (adding && adding_last)", "adding && adding_last"),
    Fault("pe_os", "pe_os.v", "if (!srst_ni) weight_q <= {WEIGHT_WIDTH{1'b0}};\n        else if", "if"),
    Fault("pe_os pipelined", "pe_os.v", "adding_first ? ", "first_q ? "),
    Fault("pe booth", "pe_ws.v", "LATENCY = PIPELINE % 2 + PIPELINE / 2", "LATENCY = PIPELINE"),
    Fault("pe booth", "pe_ws.v", ".weight_i(next_q)", ".weight_i(weight_i)"),
    Fault("pe booth", "partial_products.v", "(digits[3*k] | digits[3*k+1]) & ~partial", "~partial"),
    Fault("pe_os booth", "pe_os.v", "lasts[LATENCY]", "lasts[LATENCY-1]"),
    # What the products of a column lack.
    Fault("systolic_ws corrected", "weight_correction.v", "first ? ZERO : carry_q", "carry_q"),
    Fault("systolic_ws corrected", "weight_correction.v", "first ? START : sum_q", "first ? ZERO : sum_q"),
    Fault("systolic_ws corrected", "weight_correction.v", "if (swap) correction_q", "correction_q"),
    Fault("systolic_ws corrected", "weight_correction.v", "if (valid) begin", "begin"),
    Fault("systolic_ws corrected", "weight_correction.v", "digits[3*(k/2)+2]", "1'b0"),
    Fault("systolic_ws corrected", "weight_correction.v", "valid_q <= valid_i", "valid_q <= first_i"),
    Fault("systolic_ws corrected", "ws_mesh.v", ".DELAY           (LATENCY)", ".DELAY           (LATENCY - 1)"),
    Fault("systolic_ws corrected", "ws_mesh.v", ".DELAY           (LATENCY)", ".DELAY           (LATENCY + 1)"),
    Fault("systolic_ws corrected", "systolic_ws.v", "weight_valid_q <= |load", "weight_valid_q <= load[0]"),
    # Weight-stationary array: mesh, skew, weights.
    Fault("systolic_ws", "ws_mesh.v", "g_row[r].g_column[c-1].swap", "swap_i[r]"),
    Fault("systolic_ws", "skew.v", "LANES - 1 - i : i", "i : i"),
    Fault("systolic_ws", "skew.v", "line[DELAY*WIDTH+:WIDTH]", "line[(DELAY-1)*WIDTH+:WIDTH]"),
    Fault("systolic_ws", "systolic_ws.v", "assign swaps = {swaps_q, swap}", "assign swaps = {swaps_q, start}"),
    Fault("systolic_ws", "weight_loader.v", "ready_o = !full_q && srst_ni", "ready_o = srst_ni"),
    Fault("systolic_ws", "weight_loader.v", "valid_i && row_q[ROWS-1]", "valid_i && row_q[0]"),
    # Accumulator buffer.
    Fault("systolic_ws", "accumulator_column.v", "first_q ? {WIDTH{1'b0}} : held_q", "held_q"),
    Fault("systolic_ws", "accumulator_buffer.v", "row_valid_i && last_i}", "row_valid_i && end_i}"),
    Fault("systolic_ws", "accumulator_buffer.v", "end_i ? {INDEX_BITS{1'b0}} : index_q + ONE", "index_q + ONE"),
    Fault("systolic_ws", "accumulator_buffer.v", "indices_q[2*INDEX_BITS+", "indices_q[INDEX_BITS+"),
    Fault("systolic_ws", "accumulator_buffer.v", ".DEPTH(2 * DEPTH)", ".DEPTH(DEPTH + 1)"),
    Fault("systolic_ws", "accumulator_buffer.v", "({end_q[2], sums})", "({end_q[1], sums})"),
    # Tile controller.
    Fault("systolic_ws", "ws_control.v", "(!next_first_q || next_room <= room_q)", "1'b1"),
    Fault("systolic_ws", "ws_control.v", "open_q && activation_valid_i", "open_q"),
    Fault("systolic_ws", "ws_control.v", "&& weights_full_i ", ""),
    Fault("systolic_ws", "ws_control.v", "? next_rows_q == ONE_ROW :", "? 1'b0 :"),
    Fault("systolic_ws", "ws_control.v", "LATENCY + 3;", "LATENCY;"),
    Fault("systolic_ws", "ws_control.v", "slot && end_q && !spare[0]", "slot && end_q"),
    Fault("systolic_ws", "ws_control.v", "next_rows < 32'd4", "next_rows < 32'd3"),
    Fault("systolic_ws", "ws_control.v", "next_first_q ? -next_room : {ROOM_BITS{1'b0}}", "-next_room"),
    Fault("systolic_ws", "ws_control.v", "changed_q ? CHANGED : SWAPPED", "SWAPPED"),
    Fault("systolic_ws", "ws_control.v", "if (start) changed_q <= 1'b0", "if (!srst_ni) changed_q <= 1'b0"),
    Fault("systolic_ws", "ws_control.v", "rows_q} == TWO_ROWS", "rows_q} == 1"),
    Fault("systolic_ws", "ws_control.v", "ROOM_32 = 2 * DEPTH;", "ROOM_32 = 2 * DEPTH + 1;"),
    Fault("systolic_ws", "ws_control.v", "1'b0}}, result_taken_i}", "1'b0}}, 1'b0}"),
    Fault("systolic_ws", "ws_control.v", "gap_q <= gap_q - ONE_SLOT", "gap_q <= gap_q"),
    # Handshakes that wait for each other.
    Fault("systolic_ws", "ws_control.v", "_ready_o = open_q && srst_ni", "_ready_o = slot && srst_ni"),
    Fault("systolic_ws", "ws_control.v", "!next_valid_q && srst_ni", "!next_valid_q && srst_ni && command_valid_i"),
    Fault("systolic_ws", "weight_loader.v", "= !full_q && srst_ni", "= valid_i && !full_q && srst_ni"),
    Fault("systolic_ws", "weight_loader.v", "= !full_q && srst_ni", "= !full_q"),
    Fault("systolic_ws", "weight_loader.v", "load_o  = take ?", "load_o  = valid_i ?"),
    Fault("systolic_ws", "result_store.v", "assign tvalid_o = tvalid_q", "assign tvalid_o = tvalid_q && tready_i"),
    Fault("systolic_ws", "result_store.v", "write_q <= write_next", "write_q <= write_q + 1'b1"),
    Fault("systolic_ws", "result_store.v", "read_q <= read_next", "read_q <= read_q + 1'b1"),
    # What a reset leaves behind.
    Fault("systolic_ws", "weight_loader.v", "row_q  <= FIRST_ROW", "if (row_q[0] === 1'bx) row_q <= FIRST_ROW"),
    Fault("systolic_ws", "weight_loader.v", "full_q <= 1'b0;", "if (full_q === 1'bx) full_q <= 1'b0;"),
    Fault("systolic_ws", "accumulator_buffer.v", "finish_q <= 3'b000", "if (finish_q[2] === 1'bx) finish_q <= 3'b000"),
    Fault(
        "systolic_ws",
        "accumulator_buffer.v",
        "index_q  <= {INDEX_BITS{1'b0}}",
        "if (index_q[0] === 1'bx) index_q <= {INDEX_BITS{1'b0}}",
    ),
    Fault("systolic_ws", "ws_control.v", "next_valid_q <= 1'b0", "if (next_valid_q === 1'bx) next_valid_q <= 1'b0"),
    Fault("systolic_ws", "ws_control.v", "started_q <= 1'b0", "if (started_q === 1'bx) started_q <= 1'b0"),
    Fault("systolic_ws", "ws_control.v", "open_q    <= 1'b0", "if (open_q === 1'bx) open_q <= 1'b0"),
    Fault(
        "systolic_ws",
        "ws_control.v",
        "changed_q <= 1'b0;\n            f",
        "changed_q <= changed_q === 1'b1;\n            f",
    ),
    Fault("systolic_ws", "ws_control.v", "room_q    <= ALL_ROOM", "if (room_q[0] === 1'bx) room_q <= ALL_ROOM"),
    Fault(
        "systolic_ws",
        "ws_control.v",
        "slots_q   <= {LATENCY{1'b0}};",
        "slots_q <= (^slots === 1'bx) ? {LATENCY{1'b0}} : slots[LATENCY-1:0];",
    ),
    Fault("systolic_ws", "ws_control.v", "flush_q   <= {FLUSH_BITS{1'b0}}", "if (flush_q[0] === 1'bx) flush_q <= 0"),
    # Clock-change handshake.
    Fault("systolic_ws", "clock_change.v", "class_o   = class_q;", "class_o = request_q ? class_q : tile_class_i;"),
    Fault("systolic_ws", "clock_change.v", " && idle_i", ""),
    Fault("systolic_ws", "clock_change.v", "!request_q && !clock_acknowledge_i", "!request_q"),
    Fault("systolic_ws", "clock_change.v", "else if (clock_acknowledge_i)", "else"),
    Fault("systolic_ws", "clock_change.v", "at_rest && same", "at_rest"),
    # Output-stationary array.
    Fault("systolic_os", "os_mesh.v", "g_row[r].g_column[c-1].last;", "last_i[r];"),
    Fault("systolic_os", "os_mesh.v", "drain_valid_below = 1'b0", "drain_valid_below = 1'b1"),
    Fault("systolic_os", "stream_register.v", "tvalid_i || !open", "tvalid_i"),
    Fault("systolic_os", "stream_register.v", "if (open) data_q", "data_q"),
    Fault("systolic_os", "os_tile.v", "steps_i == NO_STEP || ", ""),
    Fault("systolic_os", "os_tile.v", "last_q <= left_q == ONE_STEP", "last_q <= left_q <= ONE_STEP + ONE_STEP"),
    Fault("systolic_os", "os_tile.v", "(given_rows > ALL_ROWS) ? ALL_ROWS : ", ""),
    Fault("systolic_os", "os_tile.v", "(given_rows == {ROW_BITS{1'b0}}) ? ONE_ROW : ", ""),
    # Its tile controller.
    Fault("systolic_os", "os_control.v", "(spaced_q && fits_q)", "spaced_q"),
    Fault("systolic_os", "os_control.v", "(spaced_q && fits_q)", "fits_q"),
    Fault("systolic_os", "os_control.v", "open_q && operands_valid_i", "open_q"),
    Fault("systolic_os", "os_control.v", "finish || (first_q && !step)", "finish || first_q"),
    Fault("systolic_os", "os_control.v", "END_OF_ONE_ROW << spacing", "END_OF_ONE_ROW"),
    Fault("systolic_os", "os_control.v", "FLUSH = LAST_ROW + 2", "FLUSH = LAST_ROW + 1"),
    Fault("systolic_os", "os_control.v", "ended_q && !open_q", "1'b0"),
    Fault("systolic_os", "os_control.v", "ended_q && !open_q", "ended_q && valid == 2'b00"),
    Fault("systolic_os", "os_control.v", "ended_q && !open_q", "ended_q"),
    Fault("systolic_os", "os_control.v", "valid == 2'b11 && next_class == clock_class_o", "valid == 2'b11"),
    Fault("systolic_os", "os_control.v", "ended_q ? ended_rows_q == ONE_ROW : ", ""),
    Fault("systolic_os", "os_control.v", "spacing_q <= TWO_SPACES", "spacing_q <= ONE_SPACE"),
    Fault("systolic_os", "os_control.v", "room_q - (ended_q ? ended_rows_q : NO_ROW)", "room_q - NO_ROW"),
    Fault("systolic_os", "os_control.v", "!ended_q && flush_q", "flush_q"),
    Fault("systolic_os", "os_control.v", "(load_q ? valid[1] : valid[0]) || finish", "(load_q ? valid[1] : valid[0])"),
    Fault("systolic_os", "os_control.v", "valid == 2'b11 && next_class", "next_class"),
    Fault("systolic_os", "os_control.v", "next_class == clock_class_o", "next_class[0] == clock_class_o[0]"),
    Fault("systolic_os", "os_control.v", "finish ? next_rows <= room - run_rows : ", ""),
    Fault("systolic_os", "os_control.v", "run_class  = run_q ? class_1 : class_0", "run_class = class_0"),
    Fault("systolic_os", "os_control.v", "{(COUNT_BITS - 1) {1'b0}}, taken_q}", "{COUNT_BITS{1'b0}}}"),
    Fault("systolic_os", "os_tile.v", "left_q  <= steps_i - ONE_STEP", "left_q <= {10'b0, steps_i[5:0]} - ONE_STEP"),
    Fault("systolic_os", "clock_change.v", "class_o   = class_q;", "class_o = request_q ? class_q : tile_class_i;"),
    # Handshakes that wait for each other, or go on during a reset.
    Fault("systolic_os", "stream_register.v", "srst_ni && open", "srst_ni && open && tvalid_i"),
    Fault("systolic_os", "stream_register.v", "srst_ni && open", "open"),
    Fault("systolic_os", "os_control.v", "command_ready_o = srst_ni && ", "command_ready_o = "),
    Fault(
        "systolic_os",
        "os_control.v",
        "command_ready_o = srst_ni && ",
        "command_ready_o = srst_ni && command_valid_i && ",
    ),
    # What a reset leaves behind.
    Fault("systolic_os", "stream_register.v", "if (!srst_ni) full_q", "if (full_q === 1'bx) full_q"),
    Fault("systolic_os", "os_tile.v", "if (!srst_ni) valid_q", "if (valid_q === 1'bx) valid_q"),
    Fault("systolic_os", "os_control.v", "run_q   <= 1'b0;", "if (run_q === 1'bx) run_q <= 1'b0;"),
    Fault("systolic_os", "os_control.v", "load_q  <= 1'b0;", "if (load_q === 1'bx) load_q <= 1'b0;"),
    Fault("systolic_os", "os_control.v", "first_q <= 1'b1;", "if (first_q === 1'bx) first_q <= 1'b1;"),
    Fault("systolic_os", "os_control.v", "spacing_q <= NO_SPACE;", "if (spacing_q[0] === 1'bx) spacing_q <= NO_SPACE;"),
    Fault("systolic_os", "os_control.v", "flush_q   <= NO_CLOCK;", "if (flush_q[0] === 1'bx) flush_q <= NO_CLOCK;"),
    Fault("systolic_os", "os_control.v", "end_q     <= {LAST_ROW", "if (^end_q === 1'bx) end_q <= {LAST_ROW"),
    Fault("systolic_os", "os_control.v", "taken_q   <= 1'b0;", "if (taken_q === 1'bx) taken_q <= 1'b0;"),
    Fault("systolic_os", "os_control.v", "room_q    <= ALL_ROOM;", "if (room_q[0] === 1'bx) room_q <= ALL_ROOM;"),
    Fault("systolic_os", "os_control.v", "if (!srst_ni) slot_q", "if (slot_q === 1'bx) slot_q"),
    Fault("systolic_os", "systolic_os.v", "clear ? {ACTIVATION_WIDTH{1'b0}} : ", ""),
    Fault("systolic_os", "systolic_os.v", "clear ? {COLUMNS * WEIGHT_WIDTH{1'b0}} : ", ""),
    Fault(
        "systolic_os", "result_store.v", ".END  (DEPTH - 1)\n    ) u_read_next", ".END  (DEPTH - 2)\n    ) u_read_next"
    ),
    Fault("systolic_os", "result_store.v", "(!fetched_q || move)", "1'b1"),
    Fault("systolic_os", "memory_1r1w.v", "if (read_i) read_data_q", "read_data_q"),
    # Tensor core.
    Fault("dp4a", "dp4a.v", "addend = g_lane[i-1].sum", "addend = {2 * ACC_WIDTH{1'b0}}"),
    Fault("dp4a", "dp4a_unit.v", "valid_q          <= operands_valid_q", "valid_q          <= valid_i"),
    Fault("tensor_core", "mma_unit.v", "(!last_q || !d_valid_q || m_axis_d_tready)", "1'b1"),
    Fault("tensor_core", "mma_unit.v", "!d_valid_q || m_axis_d_tready)", "!d_valid_q)"),
    Fault("tensor_core", "mma_unit.v", "(!first_q || c_full_q) && ", ""),
    Fault("tensor_core", "mma_unit.v", "a_full_q && b_full_q && (", "a_full_q && ("),
    Fault("tensor_core", "mma_unit.v", "(!step_q || step)", "1'b1"),
    Fault("tensor_core", "mma_unit.v", "(k*N+n)*WIDTH", "(n*K+k)*WIDTH"),
    Fault("tensor_core", "mma_unit.v", "b_q <= b_q >> B_STEP", "b_q <= b_q"),
    Fault("tensor_core", "mma_unit.v", "c_open  = step && first_q", "c_open = step && last_q"),
    Fault("tensor_core", "mma_unit.v", "s_axis_b_tready = srst_ni", "s_axis_b_tready = srst_ni && s_axis_b_tvalid"),
    Fault("tensor_core", "mma_unit.v", "s_axis_c_tready = srst_ni", "s_axis_c_tready = srst_ni && a_full_q"),
    Fault("tensor_core", "mma_unit.v", "s_axis_a_tready = srst_ni && ", "s_axis_a_tready = "),
    Fault("tensor_core", "mma_unit.v", "tvalid = d_valid_q", "tvalid = d_valid_q && m_axis_d_tready"),
    Fault("tensor_core", "mma_unit.v", "left_q    <= ALL;", "if (left_q[0] === 1'bx) left_q <= ALL;"),
    Fault("tensor_core", "mma_unit.v", "b_full_q  <= 1'b0;", "if (b_full_q === 1'bx) b_full_q <= 1'b0;"),
    Fault("tensor_core", "mma_unit.v", "c_full_q  <= 1'b0;", "if (c_full_q === 1'bx) c_full_q <= 1'b0;"),
    Fault("tensor_core", "mma_unit.v", "step_q    <= 1'b0;", "if (step_q === 1'bx) step_q <= 1'b0;"),
    Fault("tensor_core", "mma_unit.v", "d_valid_q <= 1'b0;", "if (d_valid_q === 1'bx) d_valid_q <= 1'b0;"),
    Fault("tensor_core", "mma_element.v", "first_q ? c_i : sum_q", "sum_q"),
    Fault("tensor_core", "mma_element.v", "if (load_i) begin", "begin"),
    Fault("tensor_core", "mma_element.v", "if (end_i) d_q", "if (step_i) d_q"),
)


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_the_design_without_a_fault_passes(simulated: Simulated, design: str) -> None:
    result = simulated(design.split(maxsplit=1)[0], "icarus", DESIGNS[design])
    assert result.passed, result.log[-3000:]


@pytest.mark.tools
@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.file}: {fault.wrong}")
def test_every_planted_fault_is_found(simulated: Simulated, tmp_path: Path, fault: Fault) -> None:
    sources = fault.sources(tmp_path)
    result = simulated(fault.design.split()[0], "icarus", DESIGNS[fault.design], sources=sources, max_failures=1)
    assert not result.passed, f"no test found it: {fault}"
    assert any(test.message and not test.passed for test in result.tests)
