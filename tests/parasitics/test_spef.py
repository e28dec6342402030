# SPDX-License-Identifier: Apache-2.0
"""The SPEF reader: written files read back, the forms of the standard, what is wrong said with its line."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo.errors import HaloError
from halo.parasitics.spef import Spef, read_spef

HEAD = """*SPEF "IEEE 1481-1999"
*DESIGN "a \\"quoted\\" one"
*DATE "Tue // no comment"
*DESIGN_FLOW "NAME_SCOPE LOCAL" "PIN_CAP NONE"
*DIVIDER {divider}
*DELIMITER {delimiter}
*BUS_DELIMITER {brackets}
*T_UNIT 1 PS
*C_UNIT {farads}
*R_UNIT 1 KOHM
*L_UNIT 1 HENRY
"""

PLAIN = HEAD.format(divider="/", delimiter=":", brackets="[ ]", farads="1 FF")


def spef_of(tmp_path: Path, body: str, head: str = PLAIN) -> Spef:
    path = tmp_path / "a.spef"
    path.write_text(head + body)
    return read_spef(path)


def test_every_kind_of_entry(tmp_path: Path) -> None:
    body = """
*NAME_MAP
*1 top/n1
*2 u\\/1
*POWER_NETS VDD *3
*GROUND_NETS VSS
*PORTS
a[0] I *C 0 0 *L 0.1
y O
*D_NET *1 6.5 *V 2 // the whole
*CONN
*P a[0] I *C 10 20 *L 0.5
*I *2:A I *C 1.5 2 *D INVX1
*N *1:1 *C 3 4
*CAP
1 *1:1 2.0
2 *2:A 1.5:2.5:3.5
3 *1:1 other:7 1e-1 /* two
lines */
*RES
1 a[0] *1:1 0.010
2 *1:1 *2:A 0.020:1:2
*INDUC
1 a[0] *1:1 1
*END
*R_NET n2 12.5
*DRIVER *2:Y
*CELL INVX1
*C2_R1_C1 1 2 3
*LOADS *RC u3:A 4.5 *RC u4:B 5 *Q 1 1 *K 1 1
*END
*D_PNET vdd 1 *CONN *CAP *END
"""
    spef = spef_of(tmp_path, body)
    assert spef.design == 'a \\"quoted\\" one'
    assert spef.supplies == ("VDD", "*3", "VSS")
    first, second = spef.nets
    assert (first.name, first.total_f, spef.line(first.word)) == ("top/n1", pytest.approx(6.5e-15), 21)
    assert first.connections == ("a[0]", "*2:A")
    assert first.ground == (("*1:1", 2e-15), ("*2:A", pytest.approx(1.5e-15)))
    assert first.coupling == (("*1:1", "other:7", pytest.approx(1e-16)),)
    assert first.resistors == (("a[0]", "*1:1", 10.0), ("*1:1", "*2:A", 20.0))
    assert spef.parts("*2:A") == ("u/1", "A")
    assert spef.parts("*1:1") == ("top.n1", "1")
    assert spef.parts("a[0]") == ("a[0]", "")
    (driver,) = second.drivers
    assert (driver.pin, driver.c2_f, driver.r_ohm, driver.c1_f) == ("*2:Y", 1e-15, 2000.0, pytest.approx(3e-15))
    assert driver.loads == (("u3:A", 4.5e-12), ("u4:B", pytest.approx(5e-12)))
    assert spef.line(second.word) == 37


def test_other_dividers_delimiters_and_brackets(tmp_path: Path) -> None:
    head = HEAD.format(divider="|", delimiter="/", brackets="<>", farads="2 PF")
    spef = spef_of(tmp_path, "*D_NET u1|b<3> 1\n*CAP\n1 u1|b<3>/2 1\n*END\n", head)
    (net,) = spef.nets
    assert net.total_f == 2e-12
    assert spef.plain(net.name) == "u1.b[3]"
    assert spef.parts("u1|b<3>/2") == ("u1.b[3]", "2")
    assert spef.plain("x\\|y\\<3\\>") == "x|y<3>"


NAMES = st.text("abcXYZ_09", min_size=1, max_size=8).map(lambda text: f"n{text}")
VALUES = st.floats(0, 1e6, allow_subnormal=False).map(lambda value: float(f"{value:.6g}"))
NODES = st.tuples(NAMES, st.integers(1, 99)).map(lambda pair: f"{pair[0]}:{pair[1]}")
NETS = st.lists(
    st.tuples(
        NAMES,
        VALUES,
        st.lists(st.tuples(NODES, VALUES), max_size=4),
        st.lists(st.tuples(NODES, NODES, VALUES), max_size=3),
        st.lists(st.tuples(NODES, NODES, VALUES), max_size=4),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None)
@given(nets=NETS, blanks=st.sampled_from([" ", "\t", "  ", "\n"]), packed=st.booleans())
def test_what_is_written_is_read_back(
    nets: list[tuple[str, float, list[tuple[str, float]], list[tuple[str, str, float]], list[tuple[str, str, float]]]],
    blanks: str,
    packed: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    words: list[str] = []
    for name, total, ground, coupling, resistors in nets:
        words += ["*D_NET", name, f"{total!r}", "*CAP"]
        elements = [(*entry[:-1], f"{entry[-1]!r}") for entry in (*ground, *coupling)]
        words += [word for i, entry in enumerate(elements) for word in (str(i + 1), *entry)]
        words += ["*RES"]
        words += [word for i, (a, b, ohm) in enumerate(resistors) for word in (str(i + 1), a, b, f"{ohm!r}")]
        words += ["*END"]
    text = PLAIN.replace("KOHM", "OHM") + blanks.join(words)
    path = tmp_path_factory.mktemp("spef") / "a.spef"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    read = read_spef(path).nets
    assert [net.name for net in read] == [net[0] for net in nets]
    for net, (_, total, ground, coupling, resistors) in zip(read, nets, strict=True):
        assert net.total_f == pytest.approx(total * 1e-15)
        assert [node for node, _ in net.ground] == [node for node, _ in ground]
        assert [value for _, value in net.ground] == pytest.approx([value * 1e-15 for _, value in ground])
        assert [entry[:2] for entry in net.coupling] == [entry[:2] for entry in coupling]
        assert [tuple(entry) for entry in net.resistors] == [tuple(entry) for entry in resistors]


@settings(deadline=None, max_examples=60)
@given(cut=st.integers(0, 400), noise=st.text("*: 1aC\n", max_size=6))
def test_damaged_files_are_errors_or_nets(cut: int, noise: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = PLAIN + "*NAME_MAP\n*1 n1\n*D_NET *1 1.0\n*CONN\n*I u1:A I\n*CAP\n1 *1:1 1.0\n*RES\n1 u1:A *1:1 2\n*END\n"
    path = tmp_path_factory.mktemp("spef") / "a.spef"
    path.write_text(whole[: min(cut, len(whole))] + noise + whole[min(cut, len(whole)) :])
    try:
        assert read_spef(path).nets
    except HaloError as error:
        assert error.path == str(path)


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("*D_NET *7 1\n*END\n", 12, "not in the name map"),
        ("*D_NET n x\n*END\n", 12, "'x' stands where a number"),
        ("*D_NET n 1\n*CAP\n1 n:1 2 3\n*END\n", 14, "capacitor"),
        ("*D_NET n 1\n*RES\n1 n:1 n:2\n*END\n", 14, "resistor"),
        ("*D_NET n 1\n*CAP\n1 n:1 2\n", 15, "the last net has no"),
        ("*NAME_MAP\n*1 n\n", 14, "holds no nets"),
        ("*R_NET n 1\n*DRIVER u:Y\n*CELL X\n*END\n", 15, "C2_R1_C1"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, body: str, line: int, what: str) -> None:
    with pytest.raises(HaloError, match=what) as caught:
        spef_of(tmp_path, body)
    assert caught.value.line == line


def test_no_spef_and_unknown_units(tmp_path: Path) -> None:
    path = tmp_path / "a.spef"
    path.write_text("module t; endmodule\n")
    with pytest.raises(HaloError, match="does not begin"):
        read_spef(path)
    path.write_text(PLAIN.replace("FF", "KG") + "*D_NET n 1\n*END\n")
    with pytest.raises(HaloError, match="is in KG"):
        read_spef(path)
    with pytest.raises(HaloError, match="cannot be read"):
        read_spef(tmp_path / "none.spef")


def test_five_megabytes_are_read_in_two_seconds(tmp_path: Path) -> None:
    lines = []
    for net in range(4000):
        lines += [f"*D_NET net{net} 12.5", "*CONN", f"*I u{net}:Y O *D INVX1", f"*I v{net}:A I", "*CAP"]
        lines += [f"{i} net{net}:{i} 0.12345e-1" for i in range(1, 25)]
        lines += [f"{i} net{net}:{i} net{net + 1}:{i} 0.0012" for i in range(25, 30)] + ["*RES"]
        lines += [f"{i} net{net}:{i} net{net}:{i + 1} 12.3456" for i in range(1, 25)] + ["*END"]
    path = tmp_path / "big.spef"
    path.write_text(PLAIN + "\n".join(lines) + "\n")
    assert path.stat().st_size > 5e6
    begun = time.process_time()
    spef = read_spef(path)
    assert time.process_time() - begun < 2.0
    assert len(spef.nets) == 4000
