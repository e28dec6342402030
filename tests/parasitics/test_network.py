# SPDX-License-Identifier: Apache-2.0
"""Nets of a SPEF found in a netlist, and networks reduced, against cases worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from halo.errors import HaloError
from halo.liberty import Library, read_corner
from halo.netlist.model import Netlist
from halo.netlist.verilog import read_netlist
from halo.parasitics.loads import ExtractedWires
from halo.parasitics.network import Networks, bind_networks
from halo.parasitics.reduce_kernel import BARE, GIVEN, NETWORK
from halo.parasitics.spef import read_spef

HEAD = """*SPEF "IEEE 1481-1999"
*DIVIDER /
*DELIMITER :
*BUS_DELIMITER [ ]
*T_UNIT 1 PS
*C_UNIT 1 FF
*R_UNIT 1 OHM
"""
FLAT = """module t(input [1:0] a, output y);
  wire n, \\u/x , \\b[3] ;
  NAND2X1 g(.A(a[0]), .B(a[1]), .Y(n));
  INVX1 \\u/g1 (.A(n), .Y(\\u/x ));
  INVX1 g2(.A(n), .Y(\\b[3] ));
  NAND2X1 g3(.A(\\u/x ), .B(\\b[3] ), .Y(y));
endmodule
"""
DEEP = """module t(input a, output y);
  wire n;
  sub u(.i(a), .o(n));
  INVX1 g(.A(n), .Y(y));
endmodule
module sub(input i, output o);
  wire k;
  INVX1 g1(.A(i), .Y(k));
  INVX1 g2(.A(k), .Y(o));
endmodule
"""


@pytest.fixture
def library(osu018: Path) -> Library:
    return read_corner(osu018)


def bound(tmp_path: Path, library: Library, verilog: str, body: str, factor: float = 1.0) -> tuple[Netlist, Networks]:
    (tmp_path / "t.v").write_text(verilog)
    (tmp_path / "t.spef").write_text(HEAD + body)
    netlist = read_netlist(tmp_path / "t.v")
    return netlist, bind_networks(read_spef(tmp_path / "t.spef"), netlist, library, coupling_factor=factor)


TREE = """*D_NET n 9
*CONN
*I g:Y O
*I u\\/g1:A I
*I g2:A I
*CAP
1 g:Y 1
2 n:1 2
3 n:2 y:9 3
4 u\\/g1:A 1
5 g2:A 2
*RES
1 g:Y n:1 100
2 n:1 n:2 200
3 n:2 u\\/g1:A 300
4 n:1 g2:A 400
*END
"""


def test_a_tree_by_hand(tmp_path: Path, library: Library) -> None:
    netlist, networks = bound(tmp_path, library, FLAT, TREE, factor=2.0)
    net = netlist.nets.index("n")
    assert networks.wire_cap_f[net] == pytest.approx(12e-15)
    loads = ExtractedWires(networks).loads(netlist, library, 0.0)
    assert loads.kind[net] == NETWORK
    pin = library.cells["INVX1"].pins["A"]
    caps = np.array([pin.fall_capacitance_f, pin.rise_capacitance_f])
    far1, far2 = 1e-15 + caps, 2e-15 + caps
    middle = far1 + 6e-15
    elmore1 = 100 * (2e-15 + middle + far2) + 200 * middle + 300 * far1
    elmore2 = 100 * (2e-15 + middle + far2) + 400 * far2
    names = {netlist.instances[i].name: i for i in range(4)}
    np.testing.assert_allclose(loads.elmore_s[loads.sink[names["u/g1"], "A"]], elmore1)
    np.testing.assert_allclose(loads.elmore_s[loads.sink[names["g2"], "A"]], elmore2)
    # The pi model has the first three moments of the admittance: C, the sum of R times the square of what is behind it.
    c2, r, c1 = loads.pi[net].T
    behind = 2e-15 + middle + far2
    m2 = 100 * behind**2 + 200 * middle**2 + 300 * far1**2 + 400 * far2**2
    np.testing.assert_allclose(c1 + c2, 1e-15 + behind)
    np.testing.assert_allclose(r * c1**2, m2)
    # The third: every capacitance with the square of its own time constant.
    near, mid = 100 * behind, 100 * behind + 200 * middle
    third = 2e-15 * near**2 + 6e-15 * mid**2 + far1 * elmore1**2 + far2 * elmore2**2
    np.testing.assert_allclose(r**2 * c1**3, third)


def test_names_with_escapes_and_levels(tmp_path: Path, library: Library) -> None:
    body = "*D_NET u\\/x 1\n*CAP\n1 u\\/g1:Y 5\n*END\n*D_NET b\\[3\\] 1\n*CAP\n1 b\\[3\\]:1 7\n*END\n"
    netlist, networks = bound(tmp_path, library, FLAT, body)
    assert networks.wire_cap_f[netlist.nets.index("u/x")] == pytest.approx(5e-15)
    assert networks.wire_cap_f[netlist.nets.index("b[3]")] == pytest.approx(7e-15)
    assert any("nodes that no resistor joins" in note for note in networks.notes)
    body = "*D_NET u/k 1\n*CAP\n1 u/g1:Y 5\n2 u/g2:A 1\n*RES\n1 u/g1:Y u/g2:A 10\n*END\n"
    body += "*D_NET u/o 2\n*CONN\n*I u/g2:Y O\n*CAP\n1 u/g2:Y 3\n*END\n"
    netlist, networks = bound(tmp_path, library, DEEP, body)
    assert networks.wire_cap_f[netlist.nets.index("u.k")] == pytest.approx(6e-15)
    # The net of the submodule's port has its name in the top, and is found by its pin.
    assert networks.wire_cap_f[netlist.nets.index("n")] == pytest.approx(3e-15)


def test_what_matches_nothing_is_counted_and_named(tmp_path: Path, library: Library) -> None:
    body = TREE + "*D_NET nowhere 1\n*CAP\n1 nowhere:1 1\n*END\n*D_NET y 4\n*CAP\n1 g3:Y 4\n2 elsewhere:3 5\n*END\n"
    _, networks = bound(tmp_path, library, FLAT, body)
    said = " ".join(networks.notes)
    assert "1 of 3 nets of the SPEF are not in the netlist: nowhere." in said
    assert "nodes that are not on their nets, left out: elsewhere:3." in said
    assert "4 of 6 nets of the netlist have no wire in the SPEF: a[0], a[1], u/x, b[3]." in said


def test_the_file_of_another_netlist_is_refused(tmp_path: Path, library: Library) -> None:
    other = "*D_NET q1 1\n*CAP\n1 q1:1 1\n*END\n*D_NET q2 1\n*CAP\n1 q2:1 1\n*END\n"
    with pytest.raises(HaloError, match="2 of the 3 nets of the SPEF are not in t: q1, q2") as caught:
        bound(tmp_path, library, FLAT, "*D_NET y 1\n*CAP\n1 g3:Y 1\n*END\n" + other)
    assert (caught.value.path, caught.value.line) == (str(tmp_path / "t.spef"), 12)
    with pytest.raises(HaloError, match="net y has a negative"):
        bound(tmp_path, library, FLAT, "*D_NET y 1\n*CAP\n1 g3:Y -1\n*END\n")


def test_loops_are_cut_and_ports_are_drivers(tmp_path: Path, library: Library) -> None:
    loop = TREE.replace("*END", "5 u\\/g1:A g2:A 50\n*END")
    _, networks = bound(tmp_path, library, FLAT, loop)
    assert any("loop, left out: 1." in note for note in networks.notes)
    body = "*D_NET a[0] 2\n*CONN\n*P a[0] I\n*I g:A I\n*CAP\n1 a[0] 1\n2 g:A 1\n*RES\n1 a[0] g:A 1000\n*END\n"
    netlist, networks = bound(tmp_path, library, FLAT, body)
    loads = ExtractedWires(networks).loads(netlist, library, 0.0)
    pin = library.cells["NAND2X1"].pins["A"]
    expected = 1000 * (1e-15 + np.array([pin.fall_capacitance_f, pin.rise_capacitance_f]))
    np.testing.assert_allclose(loads.elmore_s[loads.sink[0, "A"]], expected)


def test_reduced_nets_and_lumped_wires(tmp_path: Path, library: Library) -> None:
    body = "*R_NET n 90\n*DRIVER g:Y\n*CELL NAND2X1\n*C2_R1_C1 30 500 60\n*LOADS\n*RC u\\/g1:A 12\n*RC g2:A 15\n*END\n"
    netlist, networks = bound(tmp_path, library, FLAT, body)
    net = netlist.nets.index("n")
    loads = ExtractedWires(networks).loads(netlist, library, 0.0)
    assert loads.kind[net] == GIVEN
    np.testing.assert_allclose(loads.pi[net], [[30e-15, 500, 60e-15]] * 2)
    np.testing.assert_allclose(loads.elmore_s, [[12e-12] * 2, [15e-12] * 2])
    pins = library.cells["INVX1"].pins["A"]
    mean = pins.rise_capacitance_f + pins.fall_capacitance_f
    assert loads.cap_f[net] == pytest.approx(90e-15 - mean)
    netlist, networks = bound(tmp_path, library, FLAT, TREE)
    lumped = ExtractedWires(networks, lumped=True).loads(netlist, library, 0.0)
    assert lumped.kind[net] == BARE
    assert not lumped.sink
    assert lumped.cap_f[net] == pytest.approx(9e-15)
