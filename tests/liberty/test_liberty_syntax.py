# SPDX-License-Identifier: Apache-2.0
"""Lexer and parser: comments, continuations, semicolons as seen in the wild, skipping, and broken files."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.liberty.lexer import Source, decode
from halo.liberty.model import Library
from halo.liberty.parser import Group, parse
from halo.liberty.reader import read_text


def tree(text: str) -> Group:
    return parse(Source(text, "x.lib"))


def values(text: str) -> dict[str, str]:
    return {name: value for name, (value, _) in tree(f"library (l) {{\n{text}\n}}").attributes.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a : 1;", {"a": "1"}),
        ("a : 1", {"a": "1"}),
        ("a : 1\nb : 2", {"a": "1", "b": "2"}),
        ("a : 1 ; ; b:2;;", {"a": "1", "b": "2"}),
        ('a : "x y";', {"a": "x y"}),
        ('a : "x y" b : "z"', {"a": "x y", "b": "z"}),
        ('a : "brace } and ; and /* no comment */ // none";', {"a": "brace } and ; and /* no comment */ // none"}),
        (r'a : "say \"hi\" }";', {"a": r"say \"hi\" }"}),
        ("a : 1; /* b : 2; \n c : 3; */ d : 4;", {"a": "1", "d": "4"}),
        ("a : 1; // b : 2;\nd : 4;", {"a": "1", "d": "4"}),
        ("a : 1 /* one */;", {"a": "1"}),
        ('/* "quoted" */ a : "1"; /* unpaired " */ b : "2";', {"a": "1", "b": "2"}),
        ("/* nested /* start */ a : 1;", {"a": "1"}),
        ("a (1, 2);", {"a": "1, 2"}),
        ("a (1, 2)\nb (3)", {"a": "1, 2", "b": "3"}),
        ("a ();", {"a": ""}),
        ("v = 3.5; a : 1;", {"a": "1"}),
        ("a : VDD + 0.5;", {"a": "VDD + 0.5"}),
        ("a : (A & B)';", {"a": "(A & B)'"}),
        ("bus_naming_style : %s[%d] ;", {"bus_naming_style": "%s[%d]"}),
        ("define (mine, cell, string); mine : 1;", {"define": "mine, cell, string", "mine": "1"}),
        ("a : 1;\r\nb : 2;\r\n", {"a": "1", "b": "2"}),
        ("a : 1; a : 2;", {"a": "2"}),
        ('a : 1; unknown (x) { deep (y) { b : 2; } s : "}}"; } c : 3;', {"a": "1", "c": "3"}),
        ("a : 1; unknown (x) { } ; c : 3;", {"a": "1", "c": "3"}),
    ],
)
def test_statements(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize("end", ["\\\n", "\\\r\n", "\\  \n"])
def test_line_continuations_are_blank(end: str) -> None:
    assert values(f'a ({end} "1, 2", {end} "3");')["a"].replace('"', "").replace(",", "").split() == ["1", "2", "3"]
    assert values(f'a : "x {end} y";')["a"].split() == ["x", "y"]
    assert values(f"a : x & {end} y;")["a"].split() == ["x", "&", "y"]


def test_groups_keep_names_and_lines() -> None:
    source = Source('/* one\n two */ library ("l") {\n  cell ( "A" ) { }\n\n  cell (B) {pin (C, "D") { } } }', "x.lib")
    library = parse(source)
    assert library.names == ["l"]
    first, second = library.groups
    assert (first.names, source.line(first.offset)) == (["A"], 3)
    assert (second.names, source.line(second.offset)) == (["B"], 5)
    assert second.groups[0].names == ["C", "D"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "no library group"),
        ("  \n \n", 3, "no library group"),
        ("// only a comment", 1, "no library group"),
        ("module top (a); endmodule", 1, "not a Liberty file"),
        ("\n{}", 2, "not a Liberty file"),
        ("library (l) {\n cell (A) {\n  area : 1;", 2, "ends inside the cell group"),
        ("library (l) {\n cell (A) { area : 1; }\n", 1, "ends inside the library group"),
        ("library (l) {\n other (A) { area : 1;", 2, "ends inside the other group"),
        ('library (l) {\n a : "open;\n}', 1, "ends inside the library group"),
        ("library (l) {\n /* open \n }", 2, "comment"),
        ("library (l) {\n a : 1;\n 5 : 6;\n}", 3, "syntax error at '5 : 6;'"),
        ("library (l) {\n a ( 1;\n}", 2, "syntax error"),
        ("library (l) { }\n}", 2, "closes nothing"),
        ("library (l) { }\nlibrary (m) { }", 2, "second library"),
        ("library (l) { }\nrest", 2, "follows the library"),
        ("library (l) {\n include_file (more.lib);\n}", 2, "included file more.lib is not there"),
    ],
)
def test_broken_text_is_an_error_at_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(HaloError) as caught:
        tree(text)
    assert what in caught.value.what
    assert (caught.value.path, caught.value.line) == ("x.lib", line)


def test_malformed_text_fails_fast() -> None:
    with pytest.raises(HaloError):
        tree("library (l) { a (" + '"1, 2", ' * 200_000 + "}")
    with pytest.raises(HaloError):
        tree("library (l) { a : " + "((((" * 200_000)


def test_encodings() -> None:
    assert decode(b"library", "x") == "library"
    assert decode("\ufefflibrary \N{LEFT DOUBLE QUOTATION MARK}".encode(), "x")[:7] == "library"
    assert decode(b"library \xff", "x")[:7] == "library"
    with pytest.raises(HaloError, match="binary"):
        decode(b"\x7fELF\0\0", "x")


def content(library: Library) -> str:
    return repr(library)


def test_truncation_anywhere_is_an_error_or_changes_nothing(library_text: Callable[..., str]) -> None:
    text = library_text().replace("area : 2.5;", 'area : 2.5; /* "a } comment */ // another "')
    whole = content(read_text(text, "x.lib"))
    refused = 0
    for size in range(len(text)):
        try:
            assert content(read_text(text[:size], "x.lib")) == whole
        except HaloError as error:
            assert error.path == "x.lib"
            refused += 1
    assert refused == len(text) - 1  # only the last newline may go


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damage_gives_a_library_or_an_error(library_text: Callable[..., str], data: st.DataObject) -> None:
    text = library_text()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        text = (
            text[:start] + data.draw(st.text(alphabet="{}();:,\"\\/*'! \n0A.-e", max_size=4)) + text[start + length :]
        )
    try:
        library = read_text(text, "x.lib")
    except HaloError:
        return
    assert isinstance(library, Library)
