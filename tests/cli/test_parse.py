# SPDX-License-Identifier: Apache-2.0
"""Texts of the command line that hold several values."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.cli.parse import parse_corners, parse_defines, parse_parameters, parse_ties
from halo.errors import HaloError
from halo.wording import command_line

LIB = Path("cells.lib")


def test_parameters_and_ties() -> None:
    texts = ["N=8", "MASK=0xff", "NEG=-3", "BITS=0b101", "PADDED=010"]
    numbers = (("N", 8), ("MASK", 255), ("NEG", -3), ("BITS", 5), ("PADDED", 10))
    assert parse_ties(texts) == parse_parameters(texts) == numbers
    assert parse_parameters(["KIND=BOOTH_4"]) == (("KIND", "BOOTH_4"),)
    for text in ("N", "N=", "=8", "N=1.5", "2N=1", "N=8 ", "N=0xfg", "N=a;b"):
        with pytest.raises(HaloError) as parameter:
            parse_parameters([text])
        with pytest.raises(HaloError) as tie:
            parse_ties([text])
        with command_line():
            assert "--param" in parameter.value.what and "--tie" in tie.value.what
    with pytest.raises(HaloError, match="no whole number"):
        parse_ties(["en=high"])


def test_corners_from_liberty_or_corner_options() -> None:
    assert parse_corners([Path("x/tt_025C.lib.gz"), Path("y.lib")], []) == (
        ("tt_025C", (Path("x/tt_025C.lib.gz"), Path("y.lib"))),
    )
    assert parse_corners([], ["tt=a.lib,b.lib", "ss=c.lib"]) == (
        ("tt", (Path("a.lib"), Path("b.lib"))),
        ("ss", (Path("c.lib"),)),
    )
    assert parse_corners([], []) == ()
    with pytest.raises(HaloError, match="both given"):
        parse_corners([LIB], ["tt=a.lib"])
    for text in ("a.lib", "tt=", "tt=a.lib,"):
        with pytest.raises(HaloError, match="is not NAME=FILE"):
            parse_corners([], [text])


def test_verilog_literals() -> None:
    texts = ["A=4'b1010", "B=8'hff", "C='h1_0", "D=-4'sd3", "m.e=1'b1", "w[7:4]=0"]
    expected = (("A", 10), ("B", 255), ("C", 16), ("D", -3), ("m.e", 1), ("w[7:4]", 0))
    assert parse_ties(texts) == expected
    for text in ("A=4'b12", "A=2'd4", "A=1'bx", "A=4'", "A='10"):
        with pytest.raises(HaloError, match="no whole number"):
            parse_ties([text])


def test_macros() -> None:
    assert parse_defines(["W=8", "FAST"]) == (("W", "8"), ("FAST", "1"))
    with pytest.raises(HaloError, match="-D W=a b is no macro"):
        parse_defines(["W=a b"])
