# SPDX-License-Identifier: Apache-2.0
"""Published multipliers: area, delay and function of their netlists, where these are at hand (HALO_EVOAPPROX)."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from halo.errors import HaloError
from halo.liberty import read_corner
from halo.netlist.verilog import read_netlist

ROOT = Path(__file__).resolve().parents[2]

NETLIST = """// Circuit = mul8_x
// Area   (180) = 88
// Delay  (180) = 0.310
// Power  (180) = 49.60
// MAE = 1.50000
// WCE = 3

module mul8_x(A, B, O);
  input [7:0] A;
  input [7:0] B;
  output [15:0] O;
  wire [3:0] N;
  PDKGEPDKGENNAND2X1 n0(.A(A[0]), .B(B[0]), .Y(N[0]));
  NPDKGEPDKGENNAND2X1 n1(.A(A[1]), .B(N[0]), .Y(N[1]));
  XNPDKGENOR2X1 n2(.A(A[1]), .B(N[1]), .Y(N[2]));
  assign O = {13'b0, N[2], N[1], N[0]};
endmodule
/* mod */
module PDKGEPDKGENNAND2X1(input A, input B, output Y );
     assign Y = A & B;
endmodule
/* mod */
module PDKGENNAND2X1(input A, input B, output Y );
     assign Y = ~(A & B);
endmodule
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validate_evoapprox", ROOT / "scripts" / "validate_evoapprox.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def netlists() -> Path:
    path = Path(os.environ.get("HALO_EVOAPPROX", ""))
    if "HALO_EVOAPPROX" not in os.environ or not any(path.rglob("mul8_*.v")):
        pytest.skip("no netlists: set HALO_EVOAPPROX to a checkout of https://github.com/ehw-fit/evoapprox8b")
    return path


def test_the_head_of_a_file_and_its_cells(script: ModuleType, tmp_path: Path, osu018: Path) -> None:
    theirs = script.published(NETLIST)
    assert theirs == script.Figures(area=88, delay_ns=0.31, mean=1.5, worst=3, power=49.6)
    (tmp_path / "mul8_x.v").write_text(script.with_library_names(NETLIST))
    read = read_netlist(tmp_path / "mul8_x.v", None, read_corner((osu018,)).cells)
    assert [instance.cell for instance in read.instances] == ["AND2X1", "NAND2X1", "XNOR2X1"]


def test_models_of_other_names_than_the_library_s_are_said_to_be_models(tmp_path: Path, osu018: Path) -> None:
    (tmp_path / "mul8_x.v").write_text(NETLIST)
    with pytest.raises(HaloError) as caught:
        read_netlist(tmp_path / "mul8_x.v", None, read_corner((osu018,)).cells)
    assert (caught.value.what, caught.value.line) == ("operator '&' in a gate netlist", 20)
    assert caught.value.fix.startswith("If PDKGEPDKGENNAND2X1 models a library cell, call it and its instances by that")
    (tmp_path / "mul8_x.v").write_text(NETLIST.replace("= A & B", "= (A & B)"))
    with pytest.raises(HaloError, match=r"operator '\(' in a gate netlist"):
        read_netlist(tmp_path / "mul8_x.v", None, read_corner((osu018,)).cells)


@pytest.mark.slow
def test_published_area_delay_and_error(script: ModuleType, netlists: Path, osu018: Path) -> None:
    rows = list(script.compared(netlists, osu018))
    assert [own.area for _, own, _, _ in rows] == [theirs.area for theirs, _, _, _ in rows]
    for theirs, own, muxes, _ in rows:
        assert muxes or (theirs.worst, theirs.mean) == (own.worst, pytest.approx(own.mean, abs=6e-6))
    delays = [own.delay_ns for _, own, _, _ in rows], [theirs.delay_ns for theirs, *_ in rows]
    pearson, spearman = script.correlations(*delays)
    assert pearson >= 0.998 and spearman >= 0.985
    powers = [own.power for _, own, _, _ in rows], [theirs.power for theirs, *_ in rows]
    assert min(script.correlations(*powers)) >= 0.99
