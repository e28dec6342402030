# SPDX-License-Identifier: Apache-2.0
"""What gates compute: elements of each form, gates with one mistake, and the parts that the proof is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.characterization.chosen_roles import chosen_roles
from halo.characterization.design import load_corner
from halo.characterization.interface import read_ports
from halo.config import CharacterizeConfig
from halo.flow.exploring.constants import booth_correction, lanes_correction, row_correction
from halo.flow.exploring.proof import Proof, _looked_up, prove
from halo.flow.runs.assets import element_sources
from halo.synth import synthesize


def proven(
    sources: tuple[Path, ...],
    top: str,
    parameters: dict[str, int | str],
    osu018: Path,
    work: Path,
    damage: tuple[str, str] = ("", ""),
) -> Proof:
    """What the gates of a design compute, after one cell name in them is replaced."""
    ports = read_ports(sources, top, parameters)[1]
    config = CharacterizeConfig(corners=(("osu018", (osu018,)),), run_folder=work / "run", files=sources)
    assert chosen_roles(ports, config, {}).clock == "clk_i"
    made = synthesize(sources, top, (osu018,), parameters=parameters, workdir=work)
    text = made.netlist_verilog.read_text(encoding="utf-8")
    if damage[0]:
        assert damage[0] in text
        made.netlist_verilog.write_text(text.replace(*damage, 1), encoding="utf-8")
    corner = load_corner("osu018", (osu018,), made.netlist_verilog, top, config, declared=ports, controls={})
    return prove(corner.circuit, corner.roles, 1)


def element(osu018: Path, work: Path, damage: tuple[str, str] = ("", ""), **parameters: int | str) -> Proof:
    """What a small ``mac_element`` computes."""
    widths = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10}
    small = {**widths, "PIPELINE": 0, "RECODED": 0, "CORRECTION": 0, "CLASS_SHARE": 0, **parameters}
    return proven(element_sources(), "mac_element", small, osu018, work, damage)


def test_two_words_behind_two_registers_without_correction(osu018: Path, tmp_path: Path) -> None:
    found = element(osu018, tmp_path, PIPELINE=3, CORRECTION=1)
    assert found.function == "psum + weight * activation - correction(weight) of booth_r4"
    assert (found.clocks, found.words, found.correction) == (4, 2, True)
    assert "all 256 pairs" in found.how and "at rest" not in found.how


def test_one_word(osu018: Path, tmp_path: Path) -> None:
    found = element(osu018, tmp_path, MULTIPLIER="csa_array", CARRY_SAVE=0)
    assert (found.function, found.clocks, found.words) == ("psum + weight * activation", 2, 1)


def test_one_wrong_gate_is_found(osu018: Path, tmp_path: Path) -> None:
    found = element(osu018, tmp_path, ("XNOR2X1", "XOR2X1"), CORRECTION=1)
    assert not found.function and "weight" in found.difference and "gives" in found.difference


WEIRD = """`default_nettype none
module weird (
    input wire clk_i,
    input wire signed [3:0] weight_i,
    input wire signed [3:0] activation_i,
    input wire signed [9:0] psum_i,
    output reg signed [9:0] psum_o
);
    reg signed [3:0] weight_q, activation_q;
    always @(posedge clk_i) begin
        weight_q <= weight_i;
        activation_q <= activation_i;
        psum_o <= BODY;
    end
endmodule
`default_nettype wire
"""


@pytest.mark.parametrize(
    ("body", "function"),
    [
        ("psum_i + weight_q * activation_q + $signed({weight_q, 2'b01})", "psum + weight * activation + K(weight)"),
        ("psum_i + weight_q * activation_q + $signed({1'b0, &activation_q[3:2] & weight_q[1]})", ""),
        ("psum_i - weight_q * activation_q", ""),
    ],
)
def test_functions_of_own_verilog(body: str, function: str, osu018: Path, tmp_path: Path) -> None:
    path = tmp_path / "weird.v"
    path.write_text(WEIRD.replace("BODY", body), encoding="utf-8")
    found = proven((path,), "weird", {}, osu018, tmp_path / "work")
    assert found.function == function and bool(found.difference) != bool(function)


def test_tables_word_by_word() -> None:
    generator = np.random.default_rng(3)
    zero = np.zeros(2, np.uint64)
    for pins in (1, 2, 3, 4, 5):
        words = [generator.integers(0, 1 << 64, 2, dtype=np.uint64) for _ in range(pins)]
        bits = [np.unpackbits(word.view(np.uint8), bitorder="little") for word in words]
        index = sum(bit.astype(np.int64) << i for i, bit in enumerate(bits))
        for _ in range(40):
            table = generator.integers(0, 2, 1 << pins, dtype=np.uint8)
            found = _looked_up(table.tobytes(), words, zero)
            assert np.array_equal(np.unpackbits(found.view(np.uint8), bitorder="little"), table[index])


def test_corrections_by_hand() -> None:
    # Weight 6 = 0110: digits -2 (bits 1, 0 and a zero below) and 2; n = 4: 1 * (1 - 16) + 4 * (0 - 16) = -79.
    assert booth_correction(np.array([6]), 4, 4).tolist() == [-79]
    # Weight -3 = 1101, 13 modulo 16: 8 * 1 - 8 * 13 = -96.
    assert row_correction(np.array([-3, 5]), 4, 4).tolist() == [-96, -40]
    # Weight 0110 1010, m = 8, n = 4: low digits of 1010 are -2, -1; high ones of 0110 with a one below -1 and 2, with a
    # zero -2 and 2: (1 - 16) + 4 * (1 - 16) + (1 - 256) + 4 * (0 - 256) either way.
    both = [lanes_correction(np.array([0x6A]), 8, 4, pair=pair).tolist() for pair in (False, True)]
    assert both == [[-75 - 255 - 1024], [-75 - 255 - 1024]]
    # 0000 1000: high digits 1 and 0, and of a pair 0 and 0; low ones 0 and -2.
    assert lanes_correction(np.array([8]), 8, 4, pair=False).tolist() == [4 * (1 - 16) - 256]
    assert lanes_correction(np.array([8]), 8, 4, pair=True).tolist() == [4 * (1 - 16)]
