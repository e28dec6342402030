# SPDX-License-Identifier: Apache-2.0
"""Output ports that nothing drives, from RTL and in netlists, beside the result and in it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import characterize

RTL = """module part (input [1:0] w, input [1:0] a, output [3:0] y, output [4:1] low, output none);
  {assigns}
endmodule
"""
NETLIST = """module part (input [1:0] w, input [1:0] a, output [1:0] y, output [2:1] low, output none);
  AND2X1 u0 (.A(a[0]), .B(w[0]), .Y(y[0]));
  {gates}
endmodule
"""


def table(folder: Path, text: str, osu018: Path, netlist: bool = False) -> pd.DataFrame:
    folder.mkdir()
    source = folder / "part.v"
    source.write_text(text)
    given = {"netlist": source} if netlist else {"files": (source,)}
    config = CharacterizeConfig(
        corners=(("osu018", (osu018,)),), run_folder=folder / "run", output="y", method="bound", **given
    )
    return pd.read_csv(characterize(config, lambda stage, done, total: None) / "weights.csv")


def said(folder: Path) -> str:
    return " ".join(json.loads((folder / "run" / "run.json").read_text())["assumptions"])


def test_rtl_with_open_outputs_has_the_table_of_the_result(osu018: Path, tmp_path: Path) -> None:
    open_, whole = tmp_path / "open", tmp_path / "whole"
    found = table(open_, RTL.format(assigns="assign y = w * a; assign low[2] = a[0];"), osu018)
    other = table(
        whole, RTL.format(assigns="assign y = w * a; assign low = {2'd0, a[0], 1'b0}; assign none = 0;"), osu018
    )
    pd.testing.assert_frame_equal(found, other)
    assert "output port low, or some bits" in said(open_) and "output port none" in said(open_)
    assert "was not compared" not in said(open_) and "drives output port" not in said(whole)


def test_an_open_result_is_an_error(osu018: Path, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match=r"signal part\.y \[3\] is used but never driven"):
        table(tmp_path / "rtl", RTL.format(assigns="assign y[2:0] = w * a; assign low = 0; assign none = 0;"), osu018)
    with pytest.raises(HaloError, match=r"output port y \(bit 1 from the least significant\) has no driver"):
        table(tmp_path / "netlist", NETLIST.format(gates=""), osu018, netlist=True)


def test_an_open_signal_inside_is_an_error(osu018: Path, tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="is used but never driven"):
        table(tmp_path / "rtl", RTL.format(assigns="wire [1:0] k; assign y = w * (a + k);"), osu018)


def test_netlist_with_open_outputs(osu018: Path, tmp_path: Path) -> None:
    gates = "AND2X1 u1 (.A(a[1]), .B(w[1]), .Y(y[1])); INVX1 u2 (.A(a[0]), .Y(low[1]));"
    found = table(tmp_path / "open", NETLIST.format(gates=gates), osu018, netlist=True)
    assert found["period_ps"].notna().all()
    assert "Nothing drives 1 bits of output port low" in said(tmp_path / "open")
    assert "Nothing drives output port none" in said(tmp_path / "open")
    # Whatever reads an open output needs it driven.
    reads = gates + " INVX1 u3 (.A(none), .Y(low[2]));"
    with pytest.raises(HaloError, match="net none has no driver and reaches pin A of instance u3"):
        table(tmp_path / "read", NETLIST.format(gates=reads), osu018, netlist=True)
