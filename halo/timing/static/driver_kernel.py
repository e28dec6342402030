# SPDX-License-Identifier: Apache-2.0
"""A gate that drives an RC network: effective capacitance, and delay and transition at each sink.

The network is a pi model (C2 at the driver, R, C1 behind it) with an Elmore time constant for every sink. The method
is that of F. Dartu, N. Menezes and L. Pileggi, "Performance computation for precharacterized CMOS gates with RC loads",
IEEE Trans. CAD 15(5), 1996, as OpenSTA 2 runs it by default (``dmp_ceff_elmore``, dcalc/DmpCeff.cc):

* The gate is a ramp that starts at some time, lasts for another, and stands behind a resistance, the slope of the
  gate's delay table over the load. Start, duration and the effective capacitance solve three equations by Newton's
  method: the ramp into that capacitance crosses the delay threshold and the lower slew threshold when the tables say
  so, and draws the charge that the pi model draws.
* The gate's delay is the table's at the effective capacitance, its transition that of the ramp's response at the pi
  model. The response behind each sink's time constant gives the delay and the transition there.
* Newton's method stops when every unknown moves by less than 1 %, and so does the search for crossings. The numbers are
  OpenSTA's only with its steps and its tolerances, which are kept for that reason, as is the derivative of the response
  by the duration, which has another sign in one term once the ramp is over.

Where the resistance does not count, the load is the whole capacitance, and sinks are late by their time constants.
Input ports drive their wires as a step behind each time constant would (dcalc/RCDelayCalc.cc).

Tests: tests/timing/static/test_driver.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from halo.jit import inline, kernel

F64 = npt.NDArray[np.float64]

TOLERANCE = 0.01
"""Of the unknowns of the driver, and of the times of crossings, relative."""
NEWTON_STEPS = 100
CROSSING_STEPS = 20
NEGLIGIBLE = 1e-3
"""Ratio of resistances or capacitances below which the smaller one does not count."""
LEAST_RESISTANCE = 1e-2
"""Ohm. A table that does not depend on the load gives none."""

CAPACITANCE = 0
POLE = 1
PI = 2
"""What the load is: the capacitance alone, C1 behind R, or the whole pi model."""


class Thresholds(NamedTuple):
    """Of one edge, as fractions of the supply; ``derate`` scales table transitions to measured ones."""

    middle: float
    low: float
    high: float
    derate: float


class Curve(NamedTuple):
    """Delay and transition of an arc at its input transition, over the load.

    Attributes:
        delay_size, slew_size: number of points.
        work: float64[4, >= size]: loads and values of the delay, loads and values of the transition.
    """

    delay_size: int
    slew_size: int
    work: F64


class Response(NamedTuple):
    """The driver once it is solved: what the waveforms at the driver and behind it follow from."""

    kind: int
    valid: bool
    gate_slew: float
    at_driver: float
    start: float
    ramp: float
    bound: float
    gain: float
    pole1: float
    pole2: float
    k1: float
    k2: float
    k3: float
    k4: float


@inline
def on_curve(load, size, axis, value):  # type: ignore[no-untyped-def]
    """Linear interpolation over the load, continued along the first and the last segment."""
    if size == 1:
        return value[0]
    i = 0
    while i < size - 2 and load >= axis[i + 1]:
        i += 1
    share = (load - axis[i]) / (axis[i + 1] - axis[i])
    return value[i] * (1.0 - share) + value[i + 1] * share


@kernel
def table_delay(load, curve):  # type: ignore[no-untyped-def]
    """Delay of the arc at a load."""
    return on_curve(load, curve.delay_size, curve.work[0], curve.work[1])


@kernel
def table_slew(load, curve):  # type: ignore[no-untyped-def]
    """Transition of the arc at a load, not below zero."""
    return max(on_curve(load, curve.slew_size, curve.work[2], curve.work[3]), 0.0)


@inline
def charge(t, rc):  # type: ignore[no-untyped-def]
    """Response of a resistance and a capacitance to a unit ramp."""
    return t - rc * (1.0 - np.exp(-t / rc))


@kernel
def waveform(t, kind, gain, pole1, pole2, k1, k2, k3, k4):  # type: ignore[no-untyped-def]
    """Value and slope of the driver's output for a unit ramp from time 0."""
    first = k3 * np.exp(-pole1 * t)
    second = k4 * np.exp(-pole2 * t) if kind == PI else 0.0
    return gain * (k1 + k2 * t + first + second), gain * (k2 - pole1 * first - pole2 * second)


@kernel
def waveform_behind(t, pole, kind, gain, pole1, pole2, k1, k2, k3, k4):  # type: ignore[no-untyped-def]
    """The same behind a pole (the reciprocal of a time constant)."""
    a1 = -pole * gain * k3 / (pole1 - pole)
    a2 = -pole * gain * k4 / (pole2 - pole) if kind == PI else 0.0
    a3 = gain * (k2 / pole - k1) - a1 - a2
    e1 = a1 * np.exp(-pole1 * t)
    e2 = a2 * np.exp(-pole2 * t) if kind == PI else 0.0
    e3 = a3 * np.exp(-pole * t)
    return gain * (k1 - k2 / pole) + t + e1 + e2 + e3, 1.0 - pole1 * e1 - pole2 * e2 - pole * e3


@kernel
def ramped(t, pole, response):  # type: ignore[no-untyped-def]
    """Value and slope at a time, at the driver (pole 0) or behind a pole."""
    t1 = t - response.start
    if t1 <= 0.0:
        return 0.0, 0.0
    kind, gain, pole1, pole2 = response.kind, response.gain, response.pole1, response.pole2
    k1, k2, k3, k4 = response.k1, response.k2, response.k3, response.k4
    if pole == 0.0:
        v, dv = waveform(t1, kind, gain, pole1, pole2, k1, k2, k3, k4)
    else:
        v, dv = waveform_behind(t1, pole, kind, gain, pole1, pole2, k1, k2, k3, k4)
    t2 = t1 - response.ramp
    if t2 > 0.0:
        if pole == 0.0:
            w, dw = waveform(t2, kind, gain, pole1, pole2, k1, k2, k3, k4)
        else:
            w, dw = waveform_behind(t2, pole, kind, gain, pole1, pole2, k1, k2, k3, k4)
        v -= w
        dv -= dw
    return v / response.ramp, dv / response.ramp


@kernel
def crossing(level, pole, response):  # type: ignore[no-untyped-def]
    """When the waveform crosses a level: Newton's method inside an interval that bisection keeps around the root.

    Returns:
        (time, whether it was found); time 0 if not.
    """
    below = response.start
    above = response.bound
    if pole != 0.0:
        above += 1.0 / pole
    y1 = ramped(below, pole, response)[0] - level
    y2 = ramped(above, pole, response)[0] - level
    if (y1 > 0.0 and y2 > 0.0) or (y1 < 0.0 and y2 < 0.0):
        return 0.0, False
    if y1 == 0.0:
        return below, True
    if y2 == 0.0:
        return above, True
    if y1 > 0.0:
        below, above = above, below
    root = (below + above) * 0.5
    step_before = abs(above - below)
    step = step_before
    y, slope = ramped(root, pole, response)
    y -= level
    for _ in range(CROSSING_STEPS):
        outside = ((root - above) * slope - y) * ((root - below) * slope - y) > 0.0
        if outside or abs(2.0 * y) > abs(step_before * slope):
            step_before = step
            step = (above - below) * 0.5
            root = below + step
        else:
            step_before = step
            step = y / slope
            root -= step
        if abs(step) <= TOLERANCE * abs(root):
            return root, True
        y, slope = ramped(root, pole, response)
        y -= level
        if y < 0.0:
            below = root
        else:
            above = root
    return 0.0, False


@kernel
def ramp_response(t, start, ramp, rd, load):  # type: ignore[no-untyped-def]
    """Response of the driver with a capacitance at a time, and its derivatives by start, ramp and capacitance."""
    rc = rd * load
    t1 = t - start
    if t1 <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    e1 = np.exp(-t1 / rc)
    full = charge(t1, rc)
    by_load = rd * ((1.0 + t1 / rc) * e1 - 1.0)
    if t1 <= ramp:
        return full / ramp, -(1.0 - e1) / ramp, -full / (ramp * ramp), by_load / ramp
    t2 = t1 - ramp
    e2 = np.exp(-t2 / rc)
    rest = charge(t2, rc)
    rest_by_load = rd * ((1.0 + t2 / rc) * e2 - 1.0)
    return (
        (full - rest) / ramp,
        -((1.0 - e1) - (1.0 - e2)) / ramp,
        -(full + rest) / (ramp * ramp) + (1.0 - e2) / ramp,
        (by_load - rest_by_load) / ramp,
    )


@kernel
def solve(matrix, size, right):  # type: ignore[no-untyped-def]
    """Solve a small system in place, rows exchanged by their scaled pivots. False: a row is all zero."""
    for i in range(size):
        big = 0.0
        for j in range(size):
            big = max(big, abs(matrix[i, j]))
        if not big > 0.0:
            return False
        for j in range(size):
            matrix[i, j] /= big
        right[i] /= big
    for j in range(size):
        best = j
        for i in range(j + 1, size):
            if abs(matrix[i, j]) > abs(matrix[best, j]):
                best = i
        if best != j:
            for k in range(size):
                matrix[j, k], matrix[best, k] = matrix[best, k], matrix[j, k]
            right[j], right[best] = right[best], right[j]
        if matrix[j, j] == 0.0:
            matrix[j, j] = 1e-20
        for i in range(j + 1, size):
            factor = matrix[i, j] / matrix[j, j]
            for k in range(j, size):
                matrix[i, k] -= factor * matrix[j, k]
            right[i] -= factor * right[j]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    return True


@kernel
def solve_driver(rd, kind, c2, c1, a, b, d, pole1, pole2, at, curve, x):  # type: ignore[no-untyped-def]
    """Find start, ramp and effective capacitance, x[0:3], which hold the whole capacitance at first.

    Args:
        rd: resistance of the driver; kind: PI or POLE.
        c2, c1: of the pi model.
        a, b, d, pole1, pole2: of the current into it.
        at: ``Thresholds``; curve: ``Curve``; x: float64[3].

    Returns:
        Whether Newton's method converged.
    """
    load = x[2]
    span = at.high - at.low
    middle = table_delay(load, curve)
    x[1] = table_slew(load, curve) * at.derate / span
    x[0] = middle + np.log(1.0 - at.middle) * rd * load - at.middle * x[1]
    size = 3 if kind == PI else 2
    matrix = np.zeros((3, 3))
    step = np.zeros(3)
    for _ in range(NEWTON_STEPS):
        start, ramp, load = x[0], x[1], x[2]
        if kind == PI and (load > c1 + c2 or load < 0.0):
            return False
        middle = table_delay(load, curve)
        slew = table_slew(load, curve) * at.derate
        low = middle - slew * (at.middle - at.low) / span
        if ramp <= 0.0:
            if kind == PI:
                return False
            ramp = x[1] = (low - middle) / 100
        y, matrix[0, 0], matrix[0, 1], matrix[0, 2] = ramp_response(low, start, ramp, rd, load)
        step[0] = at.low - y
        y, matrix[1, 0], matrix[1, 1], matrix[1, 2] = ramp_response(middle, start, ramp, rd, load)
        step[1] = at.middle - y
        if kind == PI:
            rc = rd * load
            time = min(slew / span, 1.4 * ramp)
            into_pi = (
                a * time + (b / pole1) * (1.0 - np.exp(-pole1 * time)) + (d / pole2) * (1.0 - np.exp(-pole2 * time))
            )
            into_load = rc * time - rc * rc * (1.0 - np.exp(-time / rc))
            step[2] = -(into_pi - into_load) / (rd * time * ramp)
            e1, e2, e = np.exp(-pole1 * ramp), np.exp(-pole2 * ramp), np.exp(-ramp / rc)
            matrix[2, 0] = 0.0
            matrix[2, 1] = (
                -a * ramp
                + b * ramp * e1
                - (2.0 * b / pole1) * (1.0 - e1)
                + d * ramp * e2
                - (2.0 * d / pole2) * (1.0 - e2)
                + rc * (ramp + ramp * e - 2.0 * rc * (1.0 - e))
            ) / (rd * ramp * ramp * ramp)
            matrix[2, 2] = (2.0 * rc - ramp - (2.0 * rc + ramp) * e) / (ramp * ramp)
        if not solve(matrix, size, step):
            return False
        converged = True
        for i in range(size):
            converged &= abs(step[i]) <= abs(x[i]) * TOLERANCE
            x[i] += step[i]
        if converged:
            return True
    return False


@kernel
def drive(c2, r, c1, at, curve):  # type: ignore[no-untyped-def]
    """Delay and transition of a gate whose load is a pi model, and the waveform that it makes.

    Args:
        c2, r, c1: farads at the driver, ohm, farads behind them.
        at: ``Thresholds``; curve: ``Curve`` of the arc at its input transition.

    Returns:
        (delay, transition, effective capacitance, ``Response``).
    """
    total = c1 + c2
    near = total * 0.75
    far = near * 1.1
    rd = 0.0
    if far > near:
        rd = abs(table_delay(near, curve) - table_delay(far, curve)) / (far - near)
    if rd < LEAST_RESISTANCE or r < rd * NEGLIGIBLE or c1 == 0.0 or c1 < c2 * NEGLIGIBLE:
        slew = table_slew(total, curve)
        nothing = Response(CAPACITANCE, False, slew, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        return table_delay(total, curve), slew, total, nothing
    x = np.zeros(3)
    if c2 < c1 * NEGLIGIBLE:
        kind = POLE
        load = c1
        zero = 1.0 / (r * c1)
        pole1 = 1.0 / (c1 * (rd + r))
        pole2 = 0.0
        gain = pole1 / zero
        k2 = 1.0 / gain
        k1 = (pole1 - zero) / (pole1 * pole1)
        k3 = -k1
        k4 = 0.0
        x[2] = load
        found = solve_driver(rd, kind, c2, c1, 0.0, 0.0, 0.0, pole1, pole2, at, curve, x)
    else:
        kind = PI
        zero = 1.0 / (r * c1)
        gain = 1.0 / (rd * c2)
        square = r * rd * c1 * c2
        middle = rd * total + r * c1
        root = np.sqrt(middle * middle - 4.0 * square)
        pole1 = (middle + root) / (2.0 * square)
        pole2 = (middle - root) / (2.0 * square)
        product = pole1 * pole2
        k2 = zero / product
        k1 = (1.0 - k2 * (pole1 + pole2)) / product
        k4 = (k1 * pole1 + k2) / (pole2 - pole1)
        k3 = -k1 - k4
        joint = total / (r * c1 * c2)
        a = joint / product
        b = (joint - pole1) / (pole1 * (pole1 - pole2))
        d = (joint - pole2) / (pole2 * (pole2 - pole1))
        x[2] = total
        found = solve_driver(rd, kind, c2, c1, a, b, d, pole1, pole2, at, curve, x)
        load = x[2] if found else total
    delay = table_delay(load, curve)
    slew = table_slew(load, curve)
    if not found and kind == PI:
        failed = Response(kind, False, slew, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        return delay, slew, load, failed
    start = x[0] if found else 0.0
    ramp = x[1] if found else 0.0
    behind = c1 * (rd + r) if kind == POLE else total * (rd + r)
    bound = start + ramp + 2.0 * behind
    made = Response(kind, found, slew, 0.0, start, ramp, bound, gain, pole1, pole2, k1, k2, k3, k4)
    middle_at, low_at, high_at = 0.0, 0.0, 0.0
    seen = found
    if seen:
        middle_at, seen = crossing(at.middle, 0.0, made)
    if seen:
        low_at, seen = crossing(at.low, 0.0, made)
    if seen:
        high_at, seen = crossing(at.high, 0.0, made)
    if seen:
        slew = (high_at - low_at) / at.derate
    if kind == POLE:
        delay = middle_at if seen else delay
        middle_at = delay
    return (
        delay,
        slew,
        load,
        Response(kind, found, slew, middle_at, start, ramp, bound, gain, pole1, pole2, k1, k2, k3, k4),
    )


@kernel
def at_sink(elmore, at, response):  # type: ignore[no-untyped-def]
    """Delay from the driver and transition at a sink.

    Args:
        elmore: its time constant, seconds.
        at: ``Thresholds``; response: of the driver.

    Returns:
        (delay, transition).
    """
    if response.kind == CAPACITANCE or elmore == 0.0 or elmore < response.gate_slew * NEGLIGIBLE:
        return elmore, response.gate_slew
    if not response.valid:
        return elmore, response.gate_slew
    pole = 1.0 / elmore
    middle_at, found = crossing(at.middle, pole, response)
    if not found:
        return elmore, response.gate_slew
    low_at, found = crossing(at.low, pole, response)
    if not found:
        return elmore, response.gate_slew
    high_at, found = crossing(at.high, pole, response)
    if not found:
        return elmore, response.gate_slew
    delay = middle_at - response.at_driver
    if delay < 0.0:
        delay = elmore
    return delay, max((high_at - low_at) / at.derate, response.gate_slew)


@inline
def behind_port(elmore, slew, at, input_middle, given):  # type: ignore[no-untyped-def]
    """Delay and transition at a sink of an input port: an exponential of the sink's time constant.

    Args:
        elmore: the time constant; slew: transition of the port.
        at: ``Thresholds`` of the edge; input_middle: threshold of inputs.
        given: the time constant comes from a reduced net of the file: it is the delay itself.
    """
    if given:
        return elmore, slew
    tail = elmore * np.log((1.0 - at.low) / (1.0 - at.high)) / at.derate
    return -elmore * np.log(1.0 - input_middle), slew + tail
