# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest

from halo.characterization.encoding import Encoding
from halo.characterization.ports import Roles, find_roles
from halo.errors import HaloError
from halo.netlist.hdl import PortInfo
from halo.wording import command_line


def ports(text: str) -> list[PortInfo]:
    """``"w:8 a:8s > y:16"``: inputs before the arrow, outputs behind; ``s`` is signed, ``?`` an unknown width."""
    result = []
    direction = "input"
    for word in text.split():
        if word == ">":
            direction = "output"
            continue
        name, _, width = word.partition(":")
        signed = width.endswith("s")
        bits = width.rstrip("s") or "1"
        result.append(PortInfo(name, direction, None if bits == "?" else int(bits), signed, scalar=not width))
    return result


def trio(roles: Roles) -> tuple[str, str, str | None, str]:
    return roles.weight, roles.activation, roles.accumulator, roles.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w:8 a:8 > p:16", ("w", "a", None, "p")),
        ("a:8 b:8 > p:16", ("b", "a", None, "p")),
        ("a:8 b:8 c:24 > y:24", ("b", "a", "c", "y")),
        ("weight_i:8 activation_i:8 psum_i:24 > psum_o:24", ("weight_i", "activation_i", "psum_i", "psum_o")),
        ("W:8 X:8 ACC:32 > OUT:32", ("W", "X", "ACC", "OUT")),
        ("i_wgt:8 i_act:8 i_partial_sum:20 > o_sum:20", ("i_wgt", "i_act", "i_partial_sum", "o_sum")),
        ("in:8 filter:8 sum_in:20 > sum_out:20", ("filter", "in", "sum_in", "sum_out")),
        ("data_in:8 weight:8 > result:16", ("weight", "data_in", None, "result")),
        ("a_q:4 w_q:4 > product:8", ("w_q", "a_q", None, "product")),
        ("psumin:24 ain:8 win:8 > psumout:24", ("win", "ain", "psumin", "psumout")),
        # One operand left over.
        ("w:8 multiplicand:8 > y:16", ("w", "multiplicand", None, "y")),
        ("x:8 multiplier:8 c:16 > anything:16", ("multiplier", "x", "c", "anything")),
        # A processing element passes its operands on.
        ("w_i:8 a_i:8 psum_i:24 > w_o:8 a_o:8 psum_o:24", ("w_i", "a_i", "psum_i", "psum_o")),
        # One-bit ports of a usual name are no operands.
        ("w:8 a:8 > y:16 out:1", ("w", "a", None, "y")),
    ],
)
def test_roles_by_name(text: str, expected: tuple[str, str, str | None, str]) -> None:
    assert trio(find_roles(ports(text))) == expected


def test_an_array_is_no_number() -> None:
    pair = [replace(port, words=2) if port.name in "wa" else port for port in ports("w:8s a:8s > y:10s")]
    with pytest.raises(
        HaloError, match="port w is an array of 2 words of 4 bits, and the weight is one number"
    ) as error:
        find_roles(pair)
    assert "port a is an array of 2 words" in error.value.what
    with command_line():
        assert "--weight 'w[3:0]', and hold the others: --tie 'w[7:4]=random'" in error.value.fix
    others: dict[str, int | str] = {"w[7:4]": "random", "a[7:4]": "any"}
    assert trio(find_roles(pair, weight="w[3:0]", activation="a[3:0]", tie=others)) == ("w[3:0]", "a[3:0]", None, "y")


def test_all_fields_of_a_processing_element() -> None:
    roles = find_roles(ports("clk_i rst_ni load_i w_i:8s a_i:6 psum_i:24 > psum_o:25"), tie={"load_i": 1})
    assert roles == Roles(
        weight="w_i",
        activation="a_i",
        accumulator="psum_i",
        output="psum_o",
        clock="clk_i",
        resets=("rst_ni",),
        weight_encoding=Encoding("twos_complement", 8),
        activation_encoding=Encoding("unsigned", 6),
        accumulator_bits=24,
        output_bits=25,
        tie={"load_i": 1, "rst_ni": 1},
        assumptions=(
            "port rst_ni is a reset, active low by its name, and held at 1",
            "port clk_i is the clock by its name",
            "port psum_i is the accumulator by its name",
            "port w_i is the weight by its name",
            "port a_i is the activation by its name",
        ),
    )


@pytest.mark.parametrize(
    ("reset", "held"),
    [
        ("rst", 0),
        ("reset", 0),
        ("rst_i", 0),
        ("arst", 0),
        ("rst_n", 1),
        ("resetn", 1),
        ("rstn", 1),
        ("RST_NI", 1),
        ("areset_n", 1),
    ],
)
def test_resets(reset: str, held: int) -> None:
    roles = find_roles(ports(f"clk {reset} w:8 a:8 > y:16"))
    assert roles.resets == (reset,)
    assert roles.tie == {reset: held}
    assert any(reset in text and f"held at {held}" in text for text in roles.assumptions)
    other = find_roles(ports(f"clk {reset} w:8 a:8 > y:16"), tie={reset: 1 - held})
    assert other.tie == {reset: 1 - held}
    assert not any(reset in text for text in other.assumptions), "given, not guessed"


def test_given_names_go_first() -> None:
    text = "clk a:8 b:8 c:20 d:20 > y:20 z:20"
    given = {"weight": "a", "activation": "b", "accumulator": "d", "output": "z", "clock": "clk"}
    roles = find_roles(ports(text), **given, tie={"c": -1})  # type: ignore[arg-type]
    assert trio(roles) == ("a", "b", "d", "z")
    assert roles.tie == {"c": 0xFFFFF}
    assert roles.assumptions == ()
    # With a taken as the weight, b is what is left.
    assert trio(find_roles(ports("a:8 b:8 > y:16"), weight="a")) == ("a", "b", None, "y")


@pytest.mark.parametrize(
    ("text", "given", "message", "fix"),
    [
        ("w:8 a:8 > y:16", {"weight": "weigth"}, "there is no port 'weigth', which --weight names", "w, a."),
        ("weight:8 a:8 > y:16", {"weight": "weigth"}, "no port 'weigth'", "Give one of the ports: weight."),
        (
            "w:8 a:8 > y:16",
            {"weight": "y"},
            "port y, which --weight names, is an output",
            "Give an input: w (8 bit), a (8 bit)",
        ),
        ("w:8 a:8 > y:16", {"output": "a"}, "port a, which --output names, is an input", "Give an output: y (16 bit)"),
        ("w:8 a:8 > y:16", {"weight": "w", "activation": "w"}, "given two roles, weight and activation", "own port"),
        ("w:8 a:8 > y:16", {"clock": "w"}, "the clock w has 8 bits", "--clock"),
        ("w:8 a:8 c:24 > y:16", {}, "accumulator c has 24 bits, output y only 16", "--output"),
        ("w:8 wgt:8 a:8 > y:16", {}, "several ports could be the weight: w (8 bit), wgt (8 bit)", "--weight NAME"),
        ("w:8 x:8 a:8 > y:16", {}, "several ports could be the activation: x (8 bit), a (8 bit)", "--activation"),
        ("w:8 a:8 > y:16 p:16", {}, "several ports could be the output: y (16 bit), p (16 bit)", "--output"),
        ("clk clock w:8 a:8 > y:16", {}, "several ports could be the clock", "--clock"),
        ("u:8 v:8 > y:16", {}, "no port is recognized as the weight", "--weight NAME: u (8 bit), v (8 bit)"),
        ("w:8 u:8 v:8 > y:16", {}, "no port is recognized as the activation", "--activation NAME: u (8 bit)"),
        ("w:8 a:8 > u:16 v:16", {}, "no port is recognized as the output", "u (16 bit), v (16 bit)"),
        ("w:8 a:8", {}, "no port is recognized as the output", "The module has no output left"),
        ("w:8 a:8 en mode:2 > y:16", {}, "inputs en, mode have no role", "--tie en=VALUE --tie mode=VALUE"),
        ("w:8 a:8 phi > y:16", {}, "input phi has no role", "--tie phi=VALUE, or give it its role (--accumulator or"),
        ("clk w:8 a:8 c:8 en > y:16", {}, "input en has no role", "Hold it constant with --tie en=VALUE."),
        ("w:8 a:8 en > y:16", {"tie": {"enable": 1}}, "no port 'enable', which --tie names", "en"),
        ("w:8 a:8 m:2 > y:16", {"tie": {"m": 4}}, "the value 4 of tied port m does not fit its 2 bits", "fits"),
        ("w:8 a:8 m:2 > y:16", {"tie": {"m": -3}}, "the value -3 of tied port m does not fit", "fits"),
        ("w:8 a:8 > y:16", {"tie": {"y": 0}}, "port y, which --tie names, is an output", "inputs only"),
        ("w:8 a:8 > y:16", {"tie": {"w": 0}, "weight": "w"}, "port w is tied and also the weight", "Leave out"),
        ("w:? a:8 > y:16", {}, "the width of port w is no expression of known parameters", "--param"),
    ],
)
def test_refusals_of_roles(text: str, given: dict[str, object], message: str, fix: str) -> None:
    with pytest.raises(HaloError) as caught:
        find_roles(ports(text), **given)  # type: ignore[arg-type]
    with command_line():
        assert message in caught.value.what
        assert fix in caught.value.fix
    assert "--" not in str(caught.value)


def test_bidirectional_ports_are_refused() -> None:
    with pytest.raises(HaloError, match="port io is bidirectional"):
        find_roles([*ports("w:8 a:8 > y:16"), PortInfo("io", "inout", 1)])


def test_roles_come_back_from_their_record() -> None:
    declared = ports("clk_i load_i w_i:8s a_i:6 psum_i:24 > psum_o:25")
    roles = find_roles(declared, tie={"load_i": 1})
    read = Roles.from_dict(roles.to_dict(), declared)
    assert read == replace(roles, assumptions=())
    multiplier = find_roles(ports("w:3 a:4 > p:7"))
    assert Roles.from_dict(multiplier.to_dict(), ports("w:3 a:4 > p:7")).accumulator_bits == 0
    with pytest.raises(KeyError):
        Roles.from_dict(roles.to_dict(), ports("w:3 a:4 > p:7"))
