# SPDX-License-Identifier: Apache-2.0
"""Every real library at hand: complete, plausible, equal to numbers read off the files by eye, and read in time."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from halo.liberty import Library, Pin, Table, lookup, read_corner

SLEW, LOAD = "input_net_transition", "total_output_net_capacitance"


@dataclass(frozen=True)
class Corner:
    """Files of one corner and what their headers say, read by eye."""

    files: tuple[str, ...]
    cells: int
    voltage: float
    temperature: float
    inverter: str
    time: float = 1e-9
    capacitance: float = 1e-12


def sky130(corner: str, voltage: float, temperature: float) -> Corner:
    return Corner((f"sky130hd/sky130_fd_sc_hd__{corner}.lib.gz",), 428, voltage, temperature, "sky130_fd_sc_hd__inv_1")


def gf180(corner: str, voltage: float) -> Corner:
    name = f"gf180mcu7t/gf180mcu_fd_sc_mcu7t5v0__tt_025C_{corner}.lib.gz"
    return Corner((name,), 229, voltage, 25, "gf180mcu_fd_sc_mcu7t5v0__inv_1")


def ihp(corner: str, voltage: float, temperature: float) -> Corner:
    return Corner((f"ihp_sg13g2/sg13g2_stdcell_{corner}.lib.gz",), 84, voltage, temperature, "sg13g2_inv_1")


ASAP7 = Corner(
    tuple(
        f"asap7/asap7sc7p5t_{part}.lib.gz"
        for part in (
            "AO_RVT_TT_nldm_211120",
            "OA_RVT_TT_nldm_211120",
            "INVBUF_RVT_TT_nldm_220122",
            "SEQ_RVT_TT_nldm_220123",
            "SIMPLE_RVT_TT_nldm_211120",
        )
    ),
    202,
    0.7,
    25,
    "INVx1_ASAP7_75t_R",
    time=1e-12,
    capacitance=1e-15,
)
CORNERS = {
    "sky130_ff_1v65": sky130("ff_n40C_1v65", 1.65, -40),
    "sky130_ff_1v76": sky130("ff_n40C_1v76", 1.76, -40),
    "sky130_ss_1v28": sky130("ss_n40C_1v28", 1.28, -40),
    "sky130_ss_1v35": sky130("ss_n40C_1v35", 1.35, -40),
    "sky130_ss_1v40": sky130("ss_n40C_1v40", 1.40, -40),
    "sky130_ss_1v44": sky130("ss_n40C_1v44", 1.44, -40),
    "sky130_ss_1v76": sky130("ss_n40C_1v76", 1.76, -40),
    "sky130_tt_1v80": sky130("tt_025C_1v80", 1.80, 25),
    "gf180_1v80": gf180("1v80", 1.8),
    "gf180_3v30": gf180("3v30", 3.3),
    "gf180_5v00": gf180("5v00", 5.0),
    "ihp_slow": ihp("slow_1p08V_125C", 1.08, 125),
    "ihp_typ_1v2": ihp("typ_1p20V_25C", 1.20, 25),
    "ihp_typ_1v5": ihp("typ_1p50V_25C", 1.50, 25),
    "gt2n": Corner(("gt2n/gt2_6t_w13_svt_tt_0p7v25c.lib.gz",), 72, 0.7, 25, "gt2_6t_inv_x1_w13_svt", time=1e-12),
    "asap7": ASAP7,
    "osu018": Corner((), 32, 1.8, 25, "INVX1"),
    "osu035": Corner((), 39, 3.3, 25, "INVX1"),
    "osu050": Corner((), 39, 5.0, 25, "INVX1"),
}


@dataclass(frozen=True)
class Reading:
    """A corner, what its files read as without the cache, and how long that kept a processor busy."""

    corner: Corner
    paths: list[Path]
    library: Library
    seconds: float


def read(name: str, request: pytest.FixtureRequest, part: slice = slice(None)) -> Reading:
    if name.startswith("osu"):
        paths = [request.getfixturevalue(name)]
    else:
        paths = [request.getfixturevalue("shared") / "liberty" / file for file in CORNERS[name].files[part]]
    start = time.process_time()
    library = read_corner(paths, cache=False)
    return Reading(CORNERS[name], paths, library, time.process_time() - start)


@pytest.fixture(scope="module", params=CORNERS)
def reading(request: pytest.FixtureRequest) -> Reading:
    """Each corner in turn, one in memory at a time."""
    return read(request.param, request)


def tables(library: Library) -> Iterator[tuple[str, Table]]:
    for pin in pins(library):
        for arc in pin.timing:
            yield from arc.tables.items()
        for power in pin.power:
            if power.rise is power.fall and power.rise is not None:
                yield "power", power.rise
            else:
                yield from (
                    (n, t) for n, t in (("rise_power", power.rise), ("fall_power", power.fall)) if t is not None
                )


def pins(library: Library) -> Iterator[Pin]:
    for cell in library.cells.values():
        yield from cell.pins.values()


def test_header_cells_and_structure(reading: Reading) -> None:
    expected, library = reading.corner, reading.library
    assert (len(library.cells), library.voltage_v, library.temperature_c) == (
        expected.cells,
        expected.voltage,
        expected.temperature,
    )
    assert library.has_power and library.has_leakage
    for _, table in tables(library):
        assert table.values.shape == tuple(len(axis) for axis in table.axes)
        assert all(np.all(np.diff(axis) > 0) and axis[0] >= 0 for axis in table.axes)
    for cell in library.cells.values():
        for pin in cell.pins.values():
            assert 0 <= pin.capacitance_f < 1e-10
            for arc in pin.timing:
                # What a combinational path needs is there: a delay and a transition for an edge.
                if arc.timing_type == "combinational":
                    assert {"cell_rise", "rise_transition", "cell_fall", "fall_transition"} == set(arc.tables)
        if cell.sequential is None and not any(pin.three_state for pin in cell.outputs):
            assert all(pin.function is not None for pin in cell.outputs), cell.name


def test_every_table_is_there(reading: Reading) -> None:
    """Number of tables and sum of all values of each kind, against a search of the raw text."""
    packed = [(path.suffix == ".gz", path.read_bytes()) for path in reading.paths]
    text = "\n".join((gzip.decompress(data) if is_gz else data).decode() for is_gz, data in packed)
    text = text.replace("\\\n", "")  # gf180 and gt2n break strings over lines
    found: dict[str, list[float]] = {}
    for kind, body in re.findall(
        r"\b((?:cell|rise|fall)_(?:rise|fall|transition|constraint|power)|power) ?\([^(){}]*\) *\{([^}]*)\}", text
    ):
        rows = re.findall(r'"([^"]*)"', body[body.index("values") :])
        found.setdefault(kind, []).append(sum(float(number) for row in rows for number in row.split(",")))
    energy = reading.corner.capacitance  # volts squared times the unit of capacitance
    ours: dict[str, list[float]] = {}
    for kind, table in tables(reading.library):
        scale = energy if "power" in kind else reading.corner.time
        ours.setdefault(kind, []).append(float(table.values.sum()) / scale)
    assert {kind: len(sums) for kind, sums in ours.items()} == {kind: len(sums) for kind, sums in found.items()}
    for kind, sums in found.items():
        np.testing.assert_allclose(sorted(ours[kind]), sorted(sums), rtol=1e-9, atol=1e-9)


def test_an_inverters_energy_is_of_the_order_of_its_load(reading: Reading) -> None:
    """Internal energy of a rise and a fall together, against C V^2 of the load: a wrong unit is off by thousands."""
    library = reading.library
    inverter = library.cells[reading.corner.inverter]
    (a,), (y,) = inverter.inputs, inverter.outputs
    rise = y.timing[0].tables["cell_rise"]
    axes = dict(zip(rise.variables, rise.axes, strict=True))
    load = float(axes[LOAD][-2])
    point = {SLEW: float(axes[SLEW][1]), LOAD: load}
    energy = sum(lookup(table, point) for power in y.power for table in (power.rise, power.fall) if table is not None)
    external = (load + a.capacitance_f) * library.voltage_v**2
    assert 0.001 < energy / external < 1, (energy, external)


def test_time_to_read(reading: Reading) -> None:
    """Processor time, so that a busy machine does not matter much; the limits leave room for slow machines."""
    assert reading.seconds < 4 * len(reading.paths)


def test_osu018_by_eye(request: pytest.FixtureRequest) -> None:
    reading = read("osu018", request)
    library = reading.library
    cell = library.cells["AND2X1"]
    a, y = cell.pins["A"], cell.pins["Y"]
    assert (cell.area, cell.cell_leakage_w, cell.path) == (32, pytest.approx(0.0746794e-9), str(reading.paths[0]))
    assert a.capacitance_f == a.rise_capacitance_f == pytest.approx(0.0129077e-12)
    assert a.fall_capacitance_f == pytest.approx(0.0128842e-12)
    assert y.max_capacitance_f == pytest.approx(0.505476e-12)
    assert y.function is not None and y.function.text == "(A B)" and y.function.table.tolist() == [0, 0, 0, 1]
    first, second = y.timing
    assert (first.related_pins, second.related_pins, first.sense) == (("A",), ("B",), "positive_unate")
    rise = first.tables["cell_rise"]
    assert rise.variables == (LOAD, SLEW)  # this library puts the load first
    np.testing.assert_allclose(rise.axes[0], np.array([0.005, 0.0125, 0.025, 0.075, 0.15]) * 1e-12)
    np.testing.assert_allclose(rise.axes[1], np.array([0.06, 0.18, 0.42, 0.6, 1.2]) * 1e-9)
    np.testing.assert_allclose(rise.values[0], np.array([0.06367, 0.070461, 0.076801, 0.076477, 0.064975]) * 1e-9)
    assert rise.values[4, 2] == pytest.approx(0.329449e-9)
    assert second.tables["fall_transition"].values[3, 1] == pytest.approx(0.1518e-9)
    power = y.power[0]
    assert power.related_pins == ("A",) and power.rise is not None and power.fall is not None
    assert power.rise.values[1, 2] == pytest.approx(0.032616e-12)
    assert power.fall.values[0, 0] == pytest.approx(0.051843e-12)
    flop = library.cells["DFFPOSX1"]
    assert flop.sequential == "ff" and flop.flipflop is not None and flop.flipflop.clocked_on.text == "CLK"
    assert {arc.timing_type for arc in flop.pins["D"].timing} == {"setup_rising", "hold_rising"}
    assert library.cells["LATCH"].sequential == "latch"


def test_sky130_by_eye(request: pytest.FixtureRequest) -> None:
    library = read("sky130_tt_1v80", request).library
    cell = library.cells["sky130_fd_sc_hd__xor2_1"]
    assert cell.cell_leakage_w == pytest.approx(0.0042777740e-9)
    assert [(leak.when.text if leak.when else "", leak.power_w) for leak in cell.leakage[:2]] == [
        ("!A&B", pytest.approx(0.00339e-9)),
        ("!A&!B", pytest.approx(0.0095263e-9)),
    ]
    b, x = cell.pins["B"], cell.pins["X"]
    assert (b.capacitance_f, b.rise_capacitance_f) == (pytest.approx(0.004339e-12), pytest.approx(0.004509e-12))
    assert x.function is not None and x.function.table.tolist() == [0, 1, 1, 0]
    # Two groups for one pair of pins, of opposite sense and without a condition.
    assert [(arc.related_pins, arc.sense, arc.when) for arc in x.timing] == [
        (("A",), "positive_unate", None),
        (("A",), "negative_unate", None),
        (("B",), "positive_unate", None),
        (("B",), "negative_unate", None),
    ]
    assert x.timing[0].tables["cell_rise"].values[0, 1] == pytest.approx(0.0901096e-9)
    assert x.timing[1].tables["cell_rise"].values[0, 1] == pytest.approx(0.1041693e-9)
    assert x.power[0].rise is not None and x.power[0].rise.values[0, 6] == pytest.approx(0.1417898e-12)
    assert x.power[0].fall is not None and x.power[0].fall.values[0, 0] == pytest.approx(-0.0020771e-12)
    assert library.default_max_transition_s == pytest.approx(1.5e-9)
    tie = library.cells["sky130_fd_sc_hd__conb_1"]
    assert {pin.name: pin.function.table.tolist() for pin in tie.outputs if pin.function} == {"HI": [1], "LO": [0]}


def test_asap7_by_eye(request: pytest.FixtureRequest) -> None:
    reading = read("asap7", request, slice(2, None))
    library, paths = reading.library, reading.paths
    assert library.slew_lower == {"rise": 0.1, "fall": 0.1} and library.slew_upper == {"rise": 0.9, "fall": 0.9}
    assert library.default_max_transition_s == pytest.approx(320e-12)  # SIMPLE says 4000, the others 320
    inverter = library.cells["INVx1_ASAP7_75t_R"]
    assert inverter.path == str(paths[0]) and library.paths == tuple(map(str, paths))
    rise = inverter.outputs[0].timing[0].tables["cell_rise"]
    assert rise.values[0, 0] == pytest.approx(6.90715e-12) and rise.values[6, 6] == pytest.approx(305.864e-12)
    np.testing.assert_allclose(rise.axes[1], np.array([0.72, 1.44, 2.88, 5.76, 11.52, 23.04, 46.08]) * 1e-15)
    # Groups of VDD and VSS under one condition are one figure.
    assert [(leak.when.text if leak.when else "", leak.power_w) for leak in inverter.leakage] == [
        ("(A * !Y)", pytest.approx(48.9923e-12)),
        ("(!A * Y)", pytest.approx(53.3254e-12)),
        ("", pytest.approx(51.1588e-12)),
    ]
    assert {power.pg_pin for power in inverter.outputs[0].power} == {"VDD", "VSS"}
    flop = library.cells["DFFHQNx1_ASAP7_75t_R"]
    assert flop.flipflop is not None
    assert (flop.flipflop.state, flop.flipflop.state_n, flop.flipflop.next_state.text) == ("IQN", "IQNN", "!D")
    assert flop.outputs[0].name == "QN" and flop.outputs[0].function is not None
    assert flop.outputs[0].function.inputs == ("IQN",)
    adder = library.cells["FAx1_ASAP7_75t_R"]
    functions = {pin.name: pin.function for pin in adder.outputs}
    assert functions["CON"] is not None and functions["CON"].table.tolist() == [1, 1, 1, 0, 1, 0, 0, 0]
    assert functions["SN"] is not None and functions["SN"].table.tolist() == [1, 0, 0, 1, 0, 1, 1, 0]


def test_gf180_ihp_and_gt2n_by_eye(request: pytest.FixtureRequest) -> None:
    gf = read("gf180_3v30", request).library
    assert gf.slew_derate == 0.5 and gf.slew_lower["rise"] == 0.3 and gf.slew_upper["fall"] == 0.7
    inverter = gf.cells["gf180mcu_fd_sc_mcu7t5v0__inv_1"]
    assert inverter.pins["I"].capacitance_f == pytest.approx(0.004623e-12)
    assert inverter.leakage[0].power_w == pytest.approx(3.285909e-05 * 1e-6)
    power = inverter.outputs[0].power[0]
    assert power.rise is not None and power.rise.values[0, 1] == pytest.approx(0.04179e-12)

    sg = read("ihp_typ_1v2", request).library
    cell = sg.cells["sg13g2_a21oi_1"]
    assert cell.cell_leakage_w == pytest.approx(114.477e-12)
    conditions = [(arc.related_pins[0], arc.when.text if arc.when else None) for arc in cell.pins["Y"].timing]
    assert conditions[:4] == [("A1", None), ("A2", None), ("B1", "(A1 * !A2)"), ("B1", "(!A1 * A2)")]
    assert any(cell.dont_use for cell in sg.cells.values())
    assert sg.cells["sg13g2_lgcp_1"].sequential == "statetable"

    gt = read("gt2n", request).library
    inverter = gt.cells["gt2_6t_inv_x1_w13_svt"]
    assert inverter.leakage == () and inverter.cell_leakage_w == pytest.approx(0.000112e-6)
    assert inverter.pins["A"].capacitance_f == pytest.approx(0.0003095e-12)
    assert inverter.outputs[0].timing[0].tables["cell_fall"].values[1, 2] == pytest.approx(67.42e-12)


def test_a_cached_library_is_the_one_parsed(request: pytest.FixtureRequest, parsed: list[str]) -> None:
    whole = read("sky130_tt_1v80", request)
    parsed.clear()
    read_corner(whole.paths)
    assert parsed == [str(path) for path in whole.paths]
    library = read_corner(whole.paths)
    assert len(parsed) == len(whole.paths), "the second time, nothing is parsed"
    assert list(library.cells) == list(whole.library.cells)
    for name in ("sky130_fd_sc_hd__xor2_1", "sky130_fd_sc_hd__dfrtp_1", "sky130_fd_sc_hd__conb_1"):
        assert repr(library.cells[name]) == repr(whole.library.cells[name])
