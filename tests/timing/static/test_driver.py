# SPDX-License-Identifier: Apache-2.0
"""A gate on an RC network against its circuit, integrated in small steps: waveforms, crossings, charge."""

from __future__ import annotations

import math

import numpy as np
import pytest

from halo.timing.static.driver_kernel import (
    CAPACITANCE,
    PI,
    POLE,
    Curve,
    Response,
    Thresholds,
    at_sink,
    behind_port,
    drive,
)

AT = Thresholds(0.5, 0.2, 0.8, 1.0)
STEPS = 40_000


def linear_gate(delay: float = 40e-12, ohm: float = 2e3, slew: float = 30e-12, slew_ohm: float = 3e3) -> Curve:
    """Delay and transition that grow linearly with the load."""
    loads = np.array([0.0, 1e-12])
    work = np.stack([loads, delay + ohm * loads, loads, slew + slew_ohm * loads])
    return Curve(2, 2, work)


def waveforms(
    response: Response, rd: float, c2: float, r: float, c1: float, elmore: float, end: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time, voltage at the driver, behind the pole of a sink, and charge into the network, by the trapezoidal rule."""
    time = np.linspace(response.start, end, STEPS)
    step = time[1] - time[0]
    source = np.clip((time - response.start) / response.ramp, 0.0, 1.0)
    # C2 v' = (s - v) / rd - (v - u) / r; C1 u' = (v - u) / r; elmore x' = v - x
    system = np.array(
        [
            [-(1 / rd + 1 / r) / c2, 1 / r / c2, 0.0],
            [1 / r / c1, -1 / r / c1, 0.0],
            [1 / elmore, 0.0, -1 / elmore],
        ]
    )
    drive_in = np.array([1 / rd / c2, 0.0, 0.0])
    left = np.linalg.inv(np.eye(3) - step / 2 * system)
    right = np.eye(3) + step / 2 * system
    state = np.zeros((STEPS, 3))
    for i in range(1, STEPS):
        forced = step / 2 * drive_in * (source[i] + source[i - 1])
        state[i] = left @ (right @ state[i - 1] + forced)
    return time, state[:, 0], state[:, 2], state[:, :2] @ np.array([c2, c1])


def crossing_of(time: np.ndarray, volts: np.ndarray, level: float) -> float:
    return float(np.interp(level, volts, time))


@pytest.mark.parametrize(
    ("c2", "r", "c1"), [(20e-15, 1e3, 60e-15), (15e-15, 1.5e3, 20e-15), (60e-15, 400.0, 25e-15), (30e-15, 2e3, 30e-15)]
)
def test_waveforms_are_those_of_the_circuit(c2: float, r: float, c1: float) -> None:
    elmore = r * c1 * 1.3
    rd = 2e3
    delay, slew, ceff, response = drive(c2, r, c1, AT, linear_gate())
    assert response.kind == PI and response.valid
    assert c2 < ceff < c1 + c2
    assert delay == pytest.approx(40e-12 + rd * ceff)
    end = response.bound + 12 * (rd * (c1 + c2) + elmore)
    time, at_driver, at_pin, charge = waveforms(response, rd, c2, r, c1, elmore, end)
    low, middle, high = (crossing_of(time, at_driver, level) for level in (0.2, 0.5, 0.8))
    # The search for a crossing stops within 1 % of its time.
    assert response.at_driver == pytest.approx(middle, rel=0.012)
    assert slew == pytest.approx(high - low, abs=0.024 * high)
    wire, there = at_sink(elmore, AT, response)
    low, middle, high = (crossing_of(time, at_pin, level) for level in (0.2, 0.5, 0.8))
    assert wire == pytest.approx(middle - response.at_driver, abs=0.012 * middle)
    assert there == pytest.approx(high - low, abs=0.024 * high)
    # The same mean current flows into the effective capacitance while the ramp lasts.
    until = response.start + min((30e-12 + 3e3 * ceff) / 0.6, 1.4 * response.ramp)
    span = until - response.start
    tau = rd * ceff
    if span <= response.ramp:
        into = ceff * (span - tau * (1 - math.exp(-span / tau))) / response.ramp
        assert into == pytest.approx(float(np.interp(until, time, charge)), rel=0.03)


def test_what_does_not_converge_is_the_whole_capacitance() -> None:
    delay, slew, ceff, response = drive(5e-15, 5e3, 40e-15, AT, linear_gate())
    assert not response.valid
    assert (ceff, delay) == (45e-15, pytest.approx(40e-12 + 2e3 * 45e-15))
    assert at_sink(200e-12, AT, response) == (200e-12, slew)


def test_one_pole_and_no_resistance() -> None:
    delay, slew, ceff, response = drive(0.0, 2e3, 50e-15, AT, linear_gate())
    assert response.kind == POLE and response.valid
    assert ceff == 50e-15
    assert delay < 40e-12 + 2e3 * 50e-15  # the resistance shields the driver
    wire, there = at_sink(2e3 * 50e-15, AT, response)
    assert wire > 0 and there > slew
    for c2, r, c1 in ((50e-15, 0.0, 0.0), (50e-15, 1.0, 20e-15), (50e-15, 1e3, 1e-18)):
        delay, slew, ceff, response = drive(c2, r, c1, AT, linear_gate())
        assert response.kind == CAPACITANCE
        assert (delay, slew) == (pytest.approx(40e-12 + 2e3 * (c1 + c2)), pytest.approx(30e-12 + 3e3 * (c1 + c2)))
        assert at_sink(1e-13, AT, response) == (1e-13, slew)
    flat = linear_gate(ohm=0.0)
    assert drive(20e-15, 1e3, 60e-15, AT, flat)[3].kind == CAPACITANCE  # its delay does not know the load


def test_small_time_constants_are_the_delay() -> None:
    _, slew, _, response = drive(20e-15, 1e3, 60e-15, AT, linear_gate())
    assert at_sink(0.0, AT, response) == (0.0, slew)
    assert at_sink(slew * 5e-4, AT, response) == (slew * 5e-4, slew)


def test_an_input_port_drives_an_exponential() -> None:
    wire, there = behind_port(10e-12, 50e-12, AT, 0.5, False)
    assert wire == pytest.approx(10e-12 * math.log(2))
    assert there == pytest.approx(50e-12 + 10e-12 * math.log(4))
    assert behind_port(10e-12, 50e-12, AT, 0.5, True) == (10e-12, 50e-12)
