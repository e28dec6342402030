# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import pytest

from halo.errors import HaloError
from halo.liberty.model import Library
from halo.netlist.graph import propagate_constants
from halo.netlist.model import Circuit
from halo.netlist.resets import require_inactive_resets

Build = Callable[[str], Circuit]
TEXT = """module top(input d, rst_n, clk, output y, z);
BUF b (.A(rst_n), .Y(rn));
DFFR r (.D(d), .RN({net}), .CLK(clk), .Q(y)); DFF s (.D(d), .CLK(clk), .Q(z));
endmodule"""


def test_held_inactive(build: Build, tiny: Library) -> None:
    circuit = build(TEXT.format(net="rn"))
    reset = circuit.netlist.inputs["rst_n"][0]
    require_inactive_resets(circuit, tiny, propagate_constants(circuit, {reset: 1}))
    with pytest.raises(HaloError, match="the clear of flip-flop r is always active") as caught:
        require_inactive_resets(circuit, tiny, propagate_constants(circuit, {reset: 0}))
    assert caught.value.line == 3
    with pytest.raises(HaloError, match=r"clear of flip-flop r may become active: rn \(at 1\) is not held"):
        require_inactive_resets(circuit, tiny, propagate_constants(circuit, {}))


def test_tied_in_the_netlist(build: Build, tiny: Library) -> None:
    circuit = build(TEXT.format(net="1'b1"))
    require_inactive_resets(circuit, tiny, propagate_constants(circuit, {}))
