# SPDX-License-Identifier: Apache-2.0
"""``halo timing``: files, hierarchy, macros, clocks of a table, refusals; and every slack against OpenSTA."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from opensta_checks import endpoint_slacks
from synthetic_run import corner, write_run

import halo
from halo.cli.main import main
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.design_timing.rows import block_of
from halo.flow.gate_level.table_periods import PORTS, table_periods
from halo.flow.runs.assets import mac_sources, rtl_folder
from halo.flow.runs.provenance import Recorder, read_record
from halo.flow.timing import TimingConfig, TimingResult, time_design
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.verilog import read_netlist
from halo.progress import Progress, silent
from halo.report.text import render
from halo.report.timing import timing_report

ARRAY = """module cell_ (input clk, input [3:0] a, input [7:0] p, output reg [7:0] q);
reg [3:0] w;
always @(posedge clk) begin w <= a; q <= p + w * a; end
endmodule
module array (input clk, input [3:0] a, input [7:0] p, output [7:0] y);
wire [7:0] m; reg last;
cell_ u_first (.clk(clk), .a(a), .p(p), .q(m));
generate if (1) begin : g_more cell_ u_second (.clk(clk), .a(a ^ {4{last}}), .p(m), .q(y)); end endgenerate
always @(negedge clk) last <= ^m;
endmodule
"""

MEMORY = """module store (input clk, input we, input [3:0] addr, input [7:0] din, output reg [7:0] dout);
reg [7:0] words [0:15];
always @(posedge clk) begin if (we) words[addr] <= din; dout <= words[addr]; end
endmodule
"""

STORED = """module stored (input clk, input we, input [3:0] a, input [7:0] d, output [7:0] y);
reg [3:0] addr; wire [7:0] q; reg [7:0] p;
always @(posedge clk) begin addr <= a ^ p[3:0]; p <= q + 8'd3; end
store u_store (.clk(clk), .we(we), .addr(addr), .din(d), .dout(q));
assign y = p ^ q;
endmodule
"""

PARTS = {
    "osu018": lambda shared, osu: (osu,),
    "ihp": lambda shared, osu: (shared / "liberty/ihp_sg13g2/sg13g2_stdcell_typ_1p20V_25C.lib.gz",),
}


def check(delays: tuple[float, float], kind: str) -> str:
    """Constraint of a memory's input for both edges of the data, in ns, over clock and data slew of 0.01 and 1 ns."""
    rise, fall = (f'"{value}, {value + 0.2}", "{value - 0.1}, {value + 0.1}"' for value in delays)
    return (
        f'timing () {{ related_pin : "clk"; timing_type : {kind}_rising; '
        f"rise_constraint (check) {{ values ({rise}); }} fall_constraint (check) {{ values ({fall}); }} }}"
    )


def memory_library(path: Path, like: Path) -> Path:
    """A memory with bus ports for the corner of another library."""
    corner_of = read_corner([like])
    checks = f"{check((0.3, 0.35), 'setup')} {check((0.15, 0.12), 'hold')}"
    delays = " ".join(
        f'{name} (delay) {{ values ("{low}, {low + 1}", "{low + 0.2}, {low + 1.2}"); }}'
        for name, low in (("cell_rise", 1.5), ("cell_fall", 1.4), ("rise_transition", 0.1), ("fall_transition", 0.08))
    )
    thresholds = [
        f"{name}_{edge} : {100 * value};"
        for name, values in (
            ("input_threshold_pct", corner_of.input_threshold),
            ("output_threshold_pct", corner_of.output_threshold),
            ("slew_lower_threshold_pct", corner_of.slew_lower),
            ("slew_upper_threshold_pct", corner_of.slew_upper),
        )
        for edge, value in values.items()
    ]
    path.write_text(
        f"""library (memory) {{ delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf);
        voltage_unit : "1V"; current_unit : "1mA"; {" ".join(thresholds)}
        nom_voltage : {corner_of.voltage_v}; nom_temperature : {corner_of.temperature_c}; nom_process : 1;
        lu_table_template (delay) {{ variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
          index_1 ("0.01, 1"); index_2 ("0.001, 0.5"); }}
        lu_table_template (check) {{ variable_1 : related_pin_transition; variable_2 : constrained_pin_transition;
          index_1 ("0.01, 1"); index_2 ("0.01, 1"); }}
        type (word) {{ base_type : array; data_type : bit; bit_width : 8; bit_from : 7; bit_to : 0; }}
        type (place) {{ base_type : array; data_type : bit; bit_width : 4; bit_from : 3; bit_to : 0; }}
        cell (store) {{ area : 5000; interface_timing : true;
          pin (clk) {{ direction : input; capacitance : 0.05; clock : true; }}
          pin (we) {{ direction : input; capacitance : 0.01; {checks} }}
          bus (addr) {{ bus_type : place; direction : input; capacitance : 0.01; {checks} }}
          bus (din) {{ bus_type : word; direction : input; capacitance : 0.01; {checks} }}
          bus (dout) {{ bus_type : word; direction : output;
            timing () {{ related_pin : "clk"; timing_type : rising_edge; timing_sense : non_unate; {delays} }} }} }} }}
        """
    )
    return path


@pytest.fixture
def run(tmp_path: Path, osu018: Path) -> Callable[..., TimingResult]:
    """Time Verilog text with osu018."""

    def time_text(text: str, top: str, report: Progress = silent, **options: object) -> TimingResult:
        source = tmp_path / f"{top}.v"
        source.write_text(text)
        given = {"liberty": (osu018,), "files": (source,), **options}
        return time_design(TimingConfig(top=top, run_folder=tmp_path / "run", **given), report)  # type: ignore[arg-type]

    return time_text


def agree(result: TimingResult, slacks: tuple[dict[str, float], dict[str, float]]) -> None:
    """Every endpoint, setup and hold, to a hundredth of a picosecond."""
    own = result.to_pandas().set_index("endpoint")
    for column, theirs in zip(("slack_ps", "hold_slack_ps"), slacks, strict=True):
        assert set(own.index) == set(theirs)
        np.testing.assert_allclose(own[column], [theirs[name] for name in own.index], rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("instance", "net", "block"),
    [
        ("u_pe.sum_q[3]_reg", "u_pe.u_adder.a_i[3]", "u_pe"),
        ("sum_q[3]_reg", "u_adder.a_i[3]", "top"),  # its output is an input of a block, and it is in none
        ("_12_", "u_adder.a_i[3]", "u_adder"),
        ("u_adder._12_", "y[3]", "u_adder"),
        ("", "y[3]", "top"),
    ],
)
def test_blocks(instance: str, net: str, block: str) -> None:
    assert block_of(instance, net, "top") == block


def test_blocks_endpoints_and_paths(run: Callable[..., TimingResult], tmp_path: Path, osu018: Path) -> None:
    result = run(ARRAY, "array")
    rows = pd.read_csv(tmp_path / "run/timing.csv")
    assert len(rows) == len(result.endpoints) == 8 + 2 * (8 + 4) + 1
    assert set(rows["block"]) == {"array", "u_first", "g_more.u_second"}
    assert {"u_first.q[7]_reg/D", "g_more.u_second.w[0]_reg/D", "last_reg/D", "y[7]"} <= set(rows["endpoint"])
    assert rows["period_ps"].is_monotonic_decreasing and rows["period_ps"][0] == pytest.approx(
        result.period_ps, abs=1e-3
    )
    assert rows["slack_ps"].min() == pytest.approx(0, abs=1e-3)
    # From one edge to the other a path has half the period.
    half = rows[rows["launch"] != rows["capture"]]
    needs = half["arrival_ps"] + half["setup_ps"]
    assert len(half) and (needs + half["slack_ps"]).to_numpy() == pytest.approx(result.period_ps / 2, abs=0.01)
    paths = pd.read_csv(tmp_path / "run/paths.csv")
    assert list(result.blocks["block"]) == list(dict.fromkeys(paths["block"]))
    for _, steps in paths.groupby("block"):
        assert steps["delay_ps"].sum() == pytest.approx(steps["arrival_ps"].iloc[-1], abs=0.01)
        end = rows[rows["endpoint"] == steps["endpoint"].iloc[0]].iloc[0]
        assert end["arrival_ps"] == pytest.approx(steps["arrival_ps"].iloc[-1], abs=1e-3)
    shown = render(timing_report(result))
    assert shown.startswith("array: shortest clock period ") and "path 1: to " in shown and "fan-out" in shown
    assert any("rising edge" in said for said in result.assumptions) and "<table" in result._repr_html_()
    record = read_record(tmp_path / "run")
    assert record.results["period_ps"] == pytest.approx(result.period_ps) and record.command == "timing"
    assert result.fmax_ghz == pytest.approx(1e3 / result.period_ps)
    same = halo.time_design(tmp_path / "array.v", top="array", liberty=osu018, run_folder=tmp_path / "again")
    pd.testing.assert_frame_equal(same.endpoints, result.endpoints)


def test_register_to_register_a_period_and_a_netlist(run: Callable[..., TimingResult], tmp_path: Path) -> None:
    whole = run(ARRAY, "array")
    inner = run(ARRAY, "array", paths="registers", period_ps=9000.0, force=True)
    assert set(inner.endpoints["endpoint"]) < set(whole.endpoints["endpoint"])
    assert inner.asked_ps == 9000.0 and inner.period_ps <= whole.period_ps
    assert not inner.endpoints["startpoint"].str.fullmatch(r"[ap]\[\d\]").any()
    assert "at 9,000.0 ps: setup is kept" in render(timing_report(inner))
    gates = tmp_path / "gates.v"
    gates.write_bytes((tmp_path / "run/netlist.v").read_bytes())
    again = run("", "array", files=(), netlist=(gates,), paths="registers", force=True)
    assert again.period_ps == pytest.approx(inner.period_ps, rel=1e-12)


def test_a_memory_is_a_black_box(run: Callable[..., TimingResult], tmp_path: Path, osu018: Path) -> None:
    liberty = (osu018, memory_library(tmp_path / "memory.lib", osu018))
    empty = run(STORED, "stored", liberty=liberty)
    ends = set(empty.endpoints["endpoint"])
    assert {"u_store/we", "u_store/addr[3]", "u_store/din[0]", "p[7]_reg/D"} <= ends
    assert "u_store" in set(empty.endpoints["startpoint"]) and empty.registers == 13
    assert any("Black boxes" in said and "store" in said for said in empty.assumptions)
    # What the sources hold of it does not count.
    body = run(MEMORY + STORED, "stored", liberty=liberty, force=True)
    pd.testing.assert_frame_equal(body.endpoints, empty.endpoints)
    for text in (STORED, MEMORY + STORED):  # slang reads SystemVerilog
        (tmp_path / "stored.sv").write_text(text)
        by_slang = run("", "stored", files=(tmp_path / "stored.sv",), liberty=liberty, force=True)
        assert set(by_slang.endpoints["endpoint"]) == ends
    # Elsewhere nothing is known of it.
    netlist = read_netlist(tmp_path / "run/netlist.v")
    with pytest.raises(HaloError, match="no function in the library"):
        compile_circuit(netlist, read_corner(liberty))


def test_a_memory_by_two_numbers(run: Callable[..., TimingResult], tmp_path: Path) -> None:
    periods = {}
    for text in ("store:1500", "store:1500:400", "store:2500:400"):
        result = run(MEMORY + STORED, "stored", macros=(text,), force=True)
        rows = result.endpoints.set_index("endpoint")
        periods[text] = result.period_ps
        assert rows.loc["u_store/we", "setup_ps"] == (400 if ":400" in text else 0)
        assert (tmp_path / "run/macros.lib").is_file()
    assert periods["store:2500:400"] - periods["store:1500:400"] == pytest.approx(1000, abs=1e-6)
    assert periods["store:1500"] == periods["store:1500:400"]


def test_a_memory_of_several_widths_by_two_numbers(run: Callable[..., TimingResult]) -> None:
    text = """module fifo #(parameter W = 8) (input clk, input [W-1:0] d, output reg [W-1:0] q);
    reg [W-1:0] held; always @(posedge clk) begin held <= d; q <= held; end
    endmodule
    module pair (input clk, input [3:0] a, output [3:0] x, output [11:0] y);
    reg [11:0] wide; always @(posedge clk) wide <= {3{a}};
    fifo #(.W(4)) u_narrow (.clk(clk), .d(wide[3:0]), .q(x));
    fifo #(.W(12)) u_wide (.clk(clk), .d(wide), .q(y));
    endmodule
    """
    with pytest.raises(HaloError, match="macro pair is the top module"):
        run(text, "pair", macros=("fifo:1500:400", "pair:10"))
    ends = run(text, "pair", macros=("fifo:1500:400",)).endpoints
    found = {(name, float(setup)) for name, setup in zip(ends["endpoint"], ends["setup_ps"], strict=True)}
    pins = {(f"u_narrow/d[{n}]", 400.0) for n in range(4)} | {(f"u_wide/d[{n}]", 400.0) for n in range(12)}
    assert pins <= found and not any(name.startswith("u_narrow/d[4]") for name, _ in found)


def test_clocks_of_a_table(
    run: Callable[..., TimingResult], tmp_path: Path, osu018: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_CACHE", str(model_cache))
    table = write_run(tmp_path / "mac", corner())
    library = tmp_path / "other.lib"
    library.write_text(osu018.read_text(encoding="utf-8") + "\n/* another file */\n", encoding="utf-8")
    options = CharacterizeConfig(corners=(("tt", (library,)),), run_folder=table, top="mac_csa_array").to_dict()
    with Recorder(table, "characterize", options, (*mac_sources(), library)) as record:
        record.results |= {"design": "mac_csa_array", "roles": dict(PORTS)}
    result = run(ARRAY, "array", table=table)
    assert result.classes is not None
    rows = pd.read_csv(tmp_path / "run/classes.csv")
    # Those of halo score: all weights, and the sets of its methods, with the periods of the element around the MAC.
    known = halo.load_table(table)
    rest = 1e3 / float(known.fmax(known.weights).iloc[0])
    slow = table_periods(table).period_ps(known.weights, "tt", rest)
    assert slow > 1.1 * rest
    assert any("pe_ws with csa_array, weights swapped" in said for said in result.assumptions)
    assert rows["period_ps"][0] == pytest.approx(slow, rel=1e-6) and rows["weights"][0].startswith("all weights")
    assert rows["period_ps"].is_monotonic_decreasing and "INT3 << 5" in rows["weights"].str.cat(sep=" ")
    for _, row in rows.iterrows():
        assert bool(row["setup_kept"]) == (row["period_ps"] >= result.period_ps)
        assert (row["setup_slack_ps"] < 0) != row["setup_kept"]
    assert (rows["period_basis"] == "computed").all()
    bare = run(ARRAY, "array", table=table / "weights.csv", force=True)
    assert bare.classes is not None and (bare.classes["period_basis"] == "assumed").all()
    told = render(timing_report(bare))
    assert "These clocks are assumed" in told
    # Blocks that the table vouches for do not count for setup, and do for hold.
    trusting = run(ARRAY, "array", table=table, element=("u_first", "*.u_second"), force=True)
    assert trusting.classes is not None
    assert (trusting.classes["setup_slack_ps"] > result.classes["setup_slack_ps"]).any()
    np.testing.assert_allclose(trusting.classes["hold_slack_ps"], result.classes["hold_slack_ps"])
    assert any("other Liberty files" in said for said in result.assumptions)
    told = render(timing_report(trusting))
    assert "clocks of the table" in told and "These clocks are assumed" not in told
    for wrong, what in (
        ({"element": ("u_none",)}, "no block of the design matches 'u_none'"),
        ({"element": ("u_first", "u_second")}, "no block of the design matches 'u_second'"),
        ({"corner": "hot"}, "no corner 'hot'"),
        ({"table": tmp_path / "absent"}, "there is no such file"),
    ):
        stages: set[str] = set()
        given: dict[str, object] = {"table": table, **wrong}
        with pytest.raises(HaloError, match=what) as refused:
            run(ARRAY, "array", report=lambda stage, *_, seen=stages: seen.add(stage), force=True, **given)
        assert stages <= {"library", "synthesis"}  # before minutes are spent
        if "element" in wrong:
            assert "array, u_first, g_more.u_second." in refused.value.fix


@pytest.mark.parametrize(
    ("text", "options", "what"),
    [
        ("assign y = ~a;", {}, "has no flip-flops"),
        ("wire l; assign l = ~(l & a); always @(posedge c) y <= l;", {}, "combinational loop"),
        ("reg q; always @(posedge c) q <= ~q; always @(posedge a) y <= q;", {}, "2 clock ports: c, a"),
        ("wire q; ram u (.c(c), .a(a), .q(q)); always @(posedge c) y <= q;", {}, "module ram, used in t, is not"),
        ("always @* if (c) y = a;", {}, "is a latch"),
        ("always @(posedge c) y <= a;", {"top": "u"}, "no module u"),
        ("always @(posedge c) y <= a;", {"macros": ("ram:5",)}, "no instance of a module ram"),
        ("always @(posedge c) y <= a;", {"ties": (("b", 1),)}, "has no input port b to tie"),
        ("always @(posedge c) y <= a;", {"ties": (("a", 2),)}, "2 does not fit"),
        ("always @(posedge c) y <= a;", {"paths": "registers"}, "none leads from register to register"),
    ],
)
def test_designs_that_cannot_be_timed(
    text: str, options: dict[str, object], what: str, tmp_path: Path, osu018: Path
) -> None:
    (tmp_path / "t.v").write_text(f"module t (input c, input a, output reg y);\n{text}\nendmodule\n")
    if "assign y" in text:
        (tmp_path / "t.v").write_text(f"module t (input c, input a, output y);\n{text}\nendmodule\n")
    given = {"top": "t", "liberty": (osu018,), "run_folder": tmp_path / "run", "files": (tmp_path / "t.v",)}
    with pytest.raises(HaloError, match=what) as refused:
        time_design(TimingConfig(**(given | options)), silent)  # type: ignore[arg-type]
    assert refused.value.fix and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"liberty": ()}, "no Liberty"),
        ({"period_ps": 0.0}, "period"),
        ({"duty_cycle": 100.0}, "duty cycle"),
        ({"macros": ("ram",)}, "'ram' is no module with its times"),
        ({"macros": ("ram:x",)}, "'ram:x' is no module with its times"),
        ({"macros": ("ram:-5:200",)}, "'ram:-5:200' is no module with its times"),
        ({"macros": ("ram:5:nan",)}, "'ram:5:nan' is no module with its times"),
        ({"macros": ("ram:5", "ram:7")}, "macro ram is given twice"),
        ({"input_slew_ps": 1e9}, "input slew of 1e.09 ps is out of range"),
        ({"element": ("u",)}, "no table is given"),
        ({"ties": (("a", "any"),)}, "tied to no constant"),
        ({"netlist": (Path("n.v"),), "max_fanout": 4}, "taken as it is"),
        ({"max_fanout": -1}, "fan-out"),
        ({"max_fanout": 1}, "fan-out"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], what: str) -> None:
    given: dict[str, object] = {"liberty": (Path("c.lib"),), "run_folder": Path("r")}
    with pytest.raises(HaloError, match=what):
        TimingConfig(**(given | options))  # type: ignore[arg-type]


def test_a_place_in_the_gates_can_be_read(
    run: Callable[..., TimingResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALO_CACHE", str(tmp_path / "cache"))
    text = "module t (input clk, e, d, output reg q); wire g = clk & e;\nalways @(posedge g) q <= d; endmodule"
    with pytest.raises(HaloError, match="is gated in instance") as refused:
        run(text, "t")
    assert refused.value.path is not None and refused.value.line is not None
    kept = Path(refused.value.path)
    assert kept.is_relative_to(tmp_path / "cache") and not (tmp_path / "run").exists()
    assert refused.value.line <= len(kept.read_text(encoding="utf-8").splitlines())


def test_the_command(tmp_path: Path, osu018: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.v").write_text(ARRAY)
    words = ["timing", str(tmp_path / "t.v"), "--top", "array", "--liberty", str(osu018), "-o", str(tmp_path / "run")]
    assert main([*words, "--worst", "1", "--tie", "a=5"]) == 0
    shown = capsys.readouterr().out
    assert "path 1: to " in shown and "path 2: to " not in shown and str(tmp_path / "run" / "constraints.tcl") in shown
    assert "set_case_analysis 1 [get_ports {a[2]}]" in (tmp_path / "run/constraints.tcl").read_text()
    assert main([*words[:2], "--top", "none", *words[4:], "--force"]) == 2
    assert capsys.readouterr().err.count("\n  fix: ") == 1


@pytest.mark.tools
@pytest.mark.parametrize("tie", [(), (("a", 6),)])
@pytest.mark.parametrize("paths", ["all", "registers"])
def test_both_edges_and_ties_equal_opensta(
    tie: tuple[tuple[str, int], ...], paths: str, run: Callable[..., TimingResult], tmp_path: Path, osu018: Path
) -> None:
    result = run(ARRAY, "array", paths=paths, ties=tie, duty_cycle=40.0)
    agree(result, endpoint_slacks(tmp_path / "run", "array", (osu018,), tmp_path))


@pytest.mark.tools
def test_a_design_of_the_falling_edge_equals_opensta(
    run: Callable[..., TimingResult], tmp_path: Path, osu018: Path
) -> None:
    result = run(ARRAY.replace("posedge", "negedge"), "array", duty_cycle=30.0, max_fanout=4)
    assert set(result.endpoints["launch"]) == {"fall"}
    agree(result, endpoint_slacks(tmp_path / "run", "array", (osu018,), tmp_path))


@pytest.mark.tools
def test_a_memory_equals_opensta(run: Callable[..., TimingResult], tmp_path: Path, osu018: Path) -> None:
    liberty = (osu018, memory_library(tmp_path / "memory.lib", osu018))
    agree(run(STORED, "stored", liberty=liberty), endpoint_slacks(tmp_path / "run", "stored", liberty, tmp_path))
    quick = run(MEMORY + STORED, "stored", macros=("store:1500:200",), force=True)
    made = (osu018, tmp_path / "run/macros.lib")
    agree(quick, endpoint_slacks(tmp_path / "run", "stored", made, tmp_path))


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.parametrize(("library", "top"), [("osu018", "systolic_ws"), ("ihp", "systolic_os")])
def test_arrays_equal_opensta(library: str, top: str, shared: Path, osu018: Path, tmp_path: Path) -> None:
    liberty = PARTS[library](shared, osu018)
    result = halo.time_design(
        *(path for part in ("mac", "pe", "memory", "systolic") for path in sorted((rtl_folder() / part).glob("*.v"))),
        top=top,
        liberty=liberty,
        params={"ROWS": 2, "COLUMNS": 2} | ({"DEPTH": 4} if top == "systolic_ws" else {}),
        run_folder=tmp_path / "run",
    )
    assert len(result.endpoints) > 800
    agree(result, endpoint_slacks(tmp_path / "run", top, liberty, tmp_path))
