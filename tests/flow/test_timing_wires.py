# SPDX-License-Identifier: Apache-2.0
"""``halo timing --spef``: setup and hold at every endpoint against OpenSTA with the same wires."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np
import pytest
from opensta_checks import endpoint_slacks
from spef_writer import spef_text

import halo
from halo.liberty import read_corner
from halo.netlist.verilog import read_netlist

ARRAY = """module cell_ (input clk, input [3:0] a, input [7:0] p, output reg [7:0] q);
reg [3:0] w;
always @(posedge clk) begin w <= a; q <= p + w * a; end
endmodule
module array (input clk, input [3:0] a, input [7:0] p, output [7:0] y);
wire [7:0] m;
cell_ u_first (.clk(clk), .a(a), .p(p), .q(m));
cell_ u_second (.clk(clk), .a(a), .p(m), .q(y));
endmodule
"""
CORNERS = {
    "osu018": ("", {"ohm_per_um": 10.0}),
    "sky130": ("sky130hd/*tt_025C*", {"ohm_per_um": 4.0, "coupling": 0.3}),
    "asap7": ("asap7/*.lib.gz", {"ohm_per_um": 40.0, "length_um": (2.0, 15.0)}),
}


def plain(path: Path, folder: Path) -> Path:
    """A copy without capacitance ranges: OpenSTA 2 reduces a net once, with their lower ends, for setup and hold."""
    copy = folder / path.name.removesuffix(".gz")
    text = gzip.decompress(path.read_bytes()).decode()
    copy.write_text(re.sub(r"(rise|fall)_capacitance_range\s*\([^)]*\)\s*;", "", text))
    return copy


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize("corner", CORNERS)
def test_setup_and_hold_equal_opensta(corner: str, shared: Path, osu018: Path, tmp_path: Path) -> None:
    pattern, drawn = CORNERS[corner]
    liberty = (osu018,)
    if pattern:
        liberty = tuple(plain(path, tmp_path) for path in sorted((shared / "liberty").glob(pattern)))
    (tmp_path / "array.v").write_text(ARRAY)
    bare = halo.time_design(tmp_path / "array.v", top="array", liberty=liberty, run_folder=tmp_path / "bare")
    netlist = tmp_path / "bare" / "netlist.v"
    library = read_corner(liberty)
    spef = tmp_path / "array.spef"
    spef.write_text(spef_text(read_netlist(netlist, "array", library.cells), library, **drawn))
    wired = halo.time_design(netlist=(netlist,), top="array", liberty=liberty, spef=spef, run_folder=tmp_path / "wired")
    assert wired.period_ps > 1.05 * bare.period_ps
    assert f"wires: SPEF {spef}" in wired.clock
    own = wired.to_pandas().set_index("endpoint")
    slacks = endpoint_slacks(tmp_path / "wired", "array", liberty, tmp_path, netlist, spef)
    for column, theirs in zip(("slack_ps", "hold_slack_ps"), slacks, strict=True):
        assert set(own.index) == set(theirs)
        np.testing.assert_allclose(own[column], [theirs[name] for name in own.index], rtol=0, atol=0.02)


@pytest.mark.slow
@pytest.mark.tools
def test_the_routed_example_of_opensta(tmp_path: Path) -> None:
    """OpenSTA's examples/gcd_sky130hd with the SPEF of its layout; OPENSTA_EXAMPLES names the folder."""
    folder = Path(os.environ.get("OPENSTA_EXAMPLES", "none"))
    if not (folder / "gcd_sky130hd.spef").is_file():
        pytest.skip("set OPENSTA_EXAMPLES to the folder examples/ of OpenSTA's repository")
    liberty, netlist, spef = (
        folder / f"{name}" for name in ("sky130hd_tt.lib.gz", "gcd_sky130hd.v", "gcd_sky130hd.spef")
    )
    timed = halo.time_design(netlist=(netlist,), top="gcd", liberty=(liberty,), spef=spef, run_folder=tmp_path / "run")
    own = timed.to_pandas().set_index("endpoint")
    slacks = endpoint_slacks(tmp_path / "run", "gcd", (liberty,), tmp_path, netlist, spef)
    setup, hold = slacks
    assert set(own.index) == set(setup) == set(hold)
    np.testing.assert_allclose(own["slack_ps"], [setup[name] for name in own.index], rtol=0, atol=0.02)
    # Its SPEF lacks three pins of the netlist, which OpenSTA forgets and halo counts at the drivers.
    assert any("SPEF: 3 pins have no node on their net" in sentence for sentence in timed.assumptions)
    apart = np.array([own["hold_slack_ps"][name] - hold[name] for name in own.index])
    assert np.count_nonzero(np.abs(apart) > 0.05) == 3
    assert 0 <= apart.max() < 20
