# SPDX-License-Identifier: Apache-2.0
"""A function of nets over all assignments of what is free, against evaluating each of them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from halo.liberty.reader import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.cones import cone_value, driver_of
from halo.netlist.graph import UNKNOWN, evaluate, propagate_constants
from halo.netlist.model import Circuit
from halo.netlist.verilog import read_netlist

KEEPS = """module m (e, q, w, y);
  input e, q, w; output y; wire n, a, b;
  INVX1 u0 (.A(e), .Y(n));
  OR2X1 u1 (.A(e), .B(q), .Y(a));
  OR2X1 u2 (.A(n), .B(w), .Y(b));
  AND2X1 u3 (.A(a), .B(b), .Y(y));
endmodule
"""
"""y is w with e, else q, made so that no gate shows 0 when q and w are 0 and e is free."""


@pytest.fixture
def circuit(osu018: Path, tmp_path: Path) -> Circuit:
    path = tmp_path / "m.v"
    path.write_text(KEEPS, encoding="utf-8")
    return compile_circuit(read_netlist(path), read_corner([osu018]))


@pytest.mark.parametrize("known", list(product((0, 1, UNKNOWN), repeat=3)))
def test_every_assignment_counts(circuit: Circuit, known: tuple[int, ...]) -> None:
    nets = [circuit.netlist.nets.index(name) for name in "eqw"]
    y = circuit.netlist.nets.index("y")
    fixed = {net: value for net, value in zip(nets, known, strict=True) if value != UNKNOWN}
    seen = set()
    for values in product((0, 1), repeat=3):
        if all(k in (UNKNOWN, v) for k, v in zip(known, values, strict=True)):
            given = {net: np.array([v], np.uint8) for net, v in zip(nets, values, strict=True)}
            seen.add(int(evaluate(circuit, given)[y][0]))
    constant = propagate_constants(circuit, fixed)
    found = cone_value(circuit, driver_of(circuit), constant, [y], [0, 1])
    assert found == (seen.pop() if len(seen) == 1 else UNKNOWN)
    if known == (UNKNOWN, 0, 0):
        assert found == 0 and constant[y] == UNKNOWN
