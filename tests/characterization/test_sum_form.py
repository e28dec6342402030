# SPDX-License-Identifier: Apache-2.0
"""Sums of two words, and terms of the weight alone, on designs whose function is written down here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.characterization.design import DesignCorner, load_corner
from halo.characterization.interface import read_ports
from halo.characterization.stimulus import COLUMN_ROWS, COLUMNS, gate_columns, listed_transitions, make_stimulus
from halo.characterization.sum_form import products
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.netlist.graph import drive_port, evaluate
from halo.synth import synthesize

# A full adder in each bit: s and the carries of p, q and the product add up to all three.
WORDS = """module m(input signed [3:0] w, a, input [9:0] {ports}, output [9:0] {outs});
wire signed [9:0] x = w * a{offset};
wire [9:0] {carry} = (p & q) | (p & x) | (q & x);
assign s = p ^ q ^ x;
assign c = {{g[8:0], 1'b0}};
endmodule
"""
TWO_PORTS = WORDS.format(ports="p, q", outs="s, c", carry="g", offset="")
ONE_PORT = """module m(input signed [3:0] w, a, input [19:0] psum_i, output [19:0] psum_o);
wire signed [9:0] x = w * a{offset};
wire [9:0] p = psum_i[9:0], q = psum_i[19:10];
wire [9:0] g = (p & q) | (p & x) | (q & x);
assign psum_o = {{g[8:0], 1'b0, p ^ q ^ x}};
endmodule
"""
ONE_WORD = """module m(input signed [3:0] w, a, input signed [11:0] psum_i, output signed [11:0] psum_o);
assign psum_o = psum_i + w * a{offset};
endmodule
"""


def corner_of(text: str, osu018: Path, folder: Path, **roles: str) -> DesignCorner:
    source = folder / "m.v"
    source.write_text(text)
    top, declared = read_ports([source])
    netlist = synthesize([source], top, [osu018], workdir=folder / "gates").netlist_verilog
    config = CharacterizeConfig(
        corners=(("osu018", (osu018,)),),
        run_folder=folder / "run",
        netlist=(netlist,),
        **roles,  # type: ignore[arg-type]
    )
    return load_corner("osu018", (osu018,), netlist, top, config, declared=declared)


def said(corner: DesignCorner) -> str:
    return " ".join(corner.roles.assumptions)


def total(bits: np.ndarray, words: int) -> np.ndarray:
    """Words over lanes, added up, uint8[bits, L]."""
    each = len(bits) // words
    values = sum(bits[i].astype(np.int64) << (i % each) for i in range(len(bits)))
    return np.asarray(values & ((1 << each) - 1))


def test_two_words_in_one_port_are_seen(osu018: Path, tmp_path: Path) -> None:
    corner = corner_of(ONE_PORT.format(offset=""), osu018, tmp_path)
    assert (corner.roles.words, corner.roles.offsets) == (2, {})
    assert "psum_i and psum_o are 2 words of 10 bits" in said(corner)
    assert "16 weights with 16 activations each" in said(corner)
    assert (corner.roles.weight_encoding.signed, corner.roles.activation_encoding.signed) == (True, True)


def test_two_words_in_two_ports_are_named(osu018: Path, tmp_path: Path) -> None:
    corner = corner_of(TWO_PORTS, osu018, tmp_path, accumulator="p,q", output="c,s")
    assert (corner.roles.words, corner.roles.accumulator_bits, corner.roles.output_bits) == (2, 20, 20)
    assert "p,q and c,s are 2 words of 10 bits" in said(corner)


def test_words_that_do_not_fit_are_refused(osu018: Path, tmp_path: Path) -> None:
    for roles, problem in (
        ({"accumulator": "p,q", "output": "s"}, "the sum has 2 words in accumulator p,q and 1 word in output s"),
        ({"accumulator": "p,r", "output": "c,s"}, "there is no port 'r' among the words p,r"),
        ({"accumulator": "p,p", "output": "c,s"}, "p is named twice among the words p,p"),
        ({"accumulator": "p,w", "output": "c,s"}, r"the words of a sum differ: p \(input, 10 bit\), w"),
        ({"weight": "p,q", "output": "s"}, "'p,q' is several ports"),
    ):
        with pytest.raises(HaloError, match=problem):
            corner_of(TWO_PORTS, osu018, tmp_path, **roles)


def test_words_without_a_role_are_offered_one(osu018: Path, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="Words of one sum: accumulator p,q"):
        corner_of(TWO_PORTS, osu018, tmp_path, output="c,s")


def test_words_that_are_not_weight_x_activation_are_said(osu018: Path, tmp_path: Path) -> None:
    other = TWO_PORTS.replace("w * a", "w + a")
    corner = corner_of(other, osu018, tmp_path, accumulator="p,q", output="c,s")
    assert "the words of the output do not add up to weight x activation (+ accumulator)" in said(corner)


@pytest.mark.parametrize("text", [ONE_WORD, ONE_PORT])
def test_a_term_of_the_weight_alone_is_found_for_every_weight(text: str, osu018: Path, tmp_path: Path) -> None:
    corner = corner_of(text.format(offset=" - (w == 3 ? 70 : 0) + (w < 0 ? 5 : 0)"), osu018, tmp_path)
    expected = {w: -70 if w == 3 else 5 if w < 0 else 0 for w in range(-8, 8)}
    assert corner.roles.offsets == expected
    assert "K(-1) = 5, K(3) = -70" in said(corner)
    assert "not weight x activation" not in said(corner)


def test_a_term_of_both_operands_is_none(osu018: Path, tmp_path: Path) -> None:
    corner = corner_of(ONE_WORD.format(offset=" + (w == 3 && a > 0 ? 1 : 0)"), osu018, tmp_path)
    assert (corner.roles.words, corner.roles.offsets) == (1, {})
    assert "not weight x activation" in said(corner) or "no exact product" in said(corner)


@pytest.mark.parametrize("offset", ["", " + (w < 0 ? 5 : 0)"])
def test_words_along_a_column_are_those_of_the_gates(offset: str, osu018: Path, tmp_path: Path) -> None:
    """The words that come into a row add up to products of the rows above, and both carry some of it."""
    corner = corner_of(ONE_PORT.format(offset=offset), osu018, tmp_path)
    roles, circuit = corner.roles, corner.circuit
    before, after = gate_columns(circuit, roles, None, 1)
    assert before.shape == after.shape == (20, COLUMN_ROWS * COLUMNS)
    generator = np.random.default_rng([1, COLUMNS])
    weights = generator.integers(0, 16, (COLUMN_ROWS, COLUMNS))
    weights -= weights >> 3 << 4
    expected = -np.sum(np.where(weights < 0, 5, 0), axis=0) if offset else np.zeros(COLUMNS, np.int64)
    for row in range(3):
        entering = slice(row * COLUMNS, (row + 1) * COLUMNS)
        assert np.array_equal(total(before[:, entering], 2), expected & 1023)
        first, _ = generator.integers(0, 16, (2, COLUMNS), dtype=np.int64)
        first -= first >> 3 << 4
        expected = expected + weights[row] * first + (np.where(weights[row] < 0, 5, 0) if offset else 0)
    late = slice(8 * COLUMNS, None)
    assert all(0.1 < bits[late].mean() < 0.9 for bits in (*before[:10], *before[11:])), "both words move"
    assert not before[10].any(), "the carry into the lowest bit is never set"


def test_the_stimulus_takes_the_words_of_the_gates(osu018: Path, tmp_path: Path) -> None:
    corner = corner_of(ONE_PORT.format(offset=""), osu018, tmp_path)
    roles, circuit = corner.roles, corner.circuit
    stimulus = make_stimulus(
        roles, circuit, random_samples=None, trace=None, activations=None, psum_samples=500, weights=16, seed=3
    )
    assert "Their 2 words are what the gates make in 512 such columns, which begin with 0." in stimulus.assumptions
    assert stimulus.column is not None
    known = {tuple(column) for column in np.concatenate(stimulus.column).T.tolist()}
    before, after, _ = listed_transitions(stimulus, circuit, roles, 5, 3)
    played = np.concatenate([side[net][None] for side in (before, after) for net in circuit.netlist.inputs["psum_i"]])
    assert {tuple(column) for column in played.T.tolist()} <= known
    again, _, _ = listed_transitions(stimulus, circuit, roles, 5, 3)
    assert all(np.array_equal(before[net], again[net]) for net in before), "seeded"


def test_one_word_without_a_term_keeps_integers(osu018: Path, tmp_path: Path) -> None:
    corner = corner_of(ONE_WORD.format(offset=""), osu018, tmp_path)
    stimulus = make_stimulus(
        corner.roles,
        corner.circuit,
        random_samples=None,
        trace=None,
        activations=None,
        psum_samples=5,
        weights=16,
        seed=3,
    )
    assert stimulus.column is None and corner.roles.words == 1


def test_the_carry_save_element_that_comes_with_halo(osu018: Path, tmp_path: Path) -> None:
    """Radix-4 Booth with its correction left out: K as the header of partial_products has it."""
    sources = (*mac_sources(), *sorted((rtl_folder() / "pe").glob("*.v")))
    parameters: dict[str, int | str] = {"WEIGHT_WIDTH": 4, "ACTIVATION_WIDTH": 4, "ACC_WIDTH": 10, "CORRECTION": 1}
    parameters |= {"PIPELINE": 0, "RECODED": 0, "CLASS_SHARE": 0}
    top, declared = read_ports(sources, "mac_element", parameters)
    netlist = synthesize(sources, top, [osu018], parameters=parameters, workdir=tmp_path).netlist_verilog
    config = CharacterizeConfig(corners=(("c", (osu018,)),), run_folder=tmp_path / "run", netlist=(netlist,))
    roles = load_corner("c", (osu018,), netlist, top, config, declared=declared).roles
    assert roles.words == 2

    def correction(weight: int) -> int:
        bits = [0, *(weight >> i & 1 for i in range(4))]
        digits = [-2 * bits[2 * k + 2] + bits[2 * k + 1] + bits[2 * k] for k in range(2)]
        negative = [bits[2 * k + 2] for k in range(2)]
        return sum(4**k * ((negative[k] if digits[k] else 0) - 16 * (digits[k] != 0)) for k in range(2))

    found = {weight: roles.offsets[weight] for weight in range(-8, 8)}
    assert found == {weight: -correction(weight) for weight in range(-8, 8)}


def test_the_output_of_lanes_is_independent_of_what_is_read_first(osu018: Path, tmp_path: Path) -> None:
    """The gates with both words at once, against the sum of three numbers."""
    corner = corner_of(TWO_PORTS, osu018, tmp_path, accumulator="p,q", output="c,s")
    netlist = corner.circuit.netlist
    generator = np.random.default_rng(1)
    w, a = generator.integers(-8, 8, (2, 200))
    p, q = generator.integers(0, 1 << 10, (2, 200))
    given = drive_port(netlist, "w", w) | drive_port(netlist, "a", a) | drive_port(netlist, "p,q", (p << 10) + q)
    out = evaluate(corner.circuit, given)[list(netlist.outputs["c,s"])]
    assert np.array_equal(total(out, 2), (w * a + p + q) & 1023)


PAIRS = """module m(input signed [3:0] w, input signed [7:0] a, input signed [11:0] psum_i, output [11:0] psum_o);
wire signed [1:0] v = w[3:2], x = w[1:0];
wire signed [3:0] b = a[7:4], c = a[3:0];
assign psum_o = psum_i + v * b + x * c{offset};
endmodule
"""


@pytest.mark.parametrize("offset", ["", " + (w == 3 ? 5 : 0)"])
def test_pairs_are_seen_and_their_sums_are_those_of_the_gates(offset: str, osu018: Path, tmp_path: Path) -> None:
    corner = corner_of(PAIRS.format(offset=offset), osu018, tmp_path)
    roles = corner.roles
    assert (roles.lanes, roles.words) == (2, 1) and "the sum of both products" in said(corner)
    assert roles.offsets == ({w: 5 if w == 3 else 0 for w in range(-8, 8)} if offset else {})
    before, after = gate_columns(corner.circuit, roles, None, 1)
    assert before.any() and after.any() and not np.array_equal(before, after)
    stimulus = make_stimulus(
        roles, corner.circuit, random_samples=5, trace=None, activations=None, psum_samples=5, weights=16, seed=3
    )
    assert stimulus.column is not None


def test_products_of_pairs_by_hand(osu018: Path, tmp_path: Path) -> None:
    """Weight 1001 is {-2, 1}; activation 0111 1110 is {7, -2}: -14 - 2 = -16."""
    roles = corner_of(PAIRS.format(offset=""), osu018, tmp_path).roles
    both = np.array([0b1001]), np.array([0b01111110])
    assert products(roles, *both, (True, True), 2).tolist() == [-16]
    assert products(roles, *both, (True, True), 1).tolist() == [-7 * 126]
