# SPDX-License-Identifier: Apache-2.0
"""RC networks reduced to what delay calculation takes: a pi model for the driver, a time constant for each node.

The pi model has the first three moments of the network's admittance (P. O'Brien and T. Savarino, "Modeling the
driving-point characteristic of resistive interconnect for accurate delay estimation", ICCAD 1989), the time constants
are Elmore's. Both are of a tree: resistors that close a loop are left out, those that a walk from the driver, in the
order of the file, meets last, as in OpenSTA (parasitics/ReduceParasitics.cc).

Tests: tests/parasitics/test_network.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from halo.jit import kernel

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

BARE = 0
NETWORK = 1
GIVEN = 2
"""What a net has: no resistance, a network that was reduced here, or a pi model that was given."""


@kernel
def walk_trees(root: I64, beside_start: I64, beside: I64, through: I64, order: I64, parent: I64, link: I64) -> int:
    """Walk from each root through all resistors it reaches.

    Args:
        root: int64[K], a node for each network, or -1.
        beside_start: int64[M + 1], beside: int64[2 R], neighbours of each node; through: int64[2 R], the resistors.
        order: int64[M], written: nodes as they are met, every parent before its children.
        parent, link: int64[M], written: the node and the resistor that lead to a node, -1 at roots; -2: not reached.

    Returns:
        How many nodes were reached.
    """
    met = 0
    place = np.zeros(len(parent), np.int64)
    stack = np.zeros(len(parent) + 1, np.int64)
    for node in range(len(parent)):
        parent[node] = -2
        link[node] = -2
        place[node] = beside_start[node]
    for first in root:
        if first < 0 or parent[first] != -2:
            continue
        parent[first] = -1
        link[first] = -1
        order[met] = first
        met += 1
        height = 1
        stack[0] = first
        while height > 0:
            node = stack[height - 1]
            if place[node] == beside_start[node + 1]:
                height -= 1
                continue
            other = beside[place[node]]
            resistor = through[place[node]]
            place[node] += 1
            if parent[other] == -2:
                parent[other] = node
                link[other] = resistor
                order[met] = other
                met += 1
                stack[height] = other
                height += 1
    return met


@kernel
def reduce_trees(order: I64, parent: I64, link: I64, ohm: F64, farad: F64, moment: F64, elmore: F64) -> None:
    """Admittance moments at every node, looking away from the driver, and the time constant of every node.

    Args:
        order: int64[m], nodes reached; parent, link: int64[M], from ``walk_trees``.
        ohm: float64[R]; farad: float64[M], capacitance at each node.
        moment: float64[M, 3], written; elmore: float64[M], seconds, written; -1 where a node is not reached.
    """
    for node in range(len(parent)):
        moment[node, 0] = farad[node]
        moment[node, 1] = 0.0
        moment[node, 2] = 0.0
        elmore[node] = -1.0
    for i in range(len(order) - 1, -1, -1):
        node = order[i]
        above = parent[node]
        if above >= 0:
            r = ohm[link[node]]
            y1 = moment[node, 0]
            y2 = moment[node, 1]
            moment[above, 0] += y1
            moment[above, 1] += y2 - r * y1 * y1
            moment[above, 2] += moment[node, 2] - 2.0 * r * y1 * y2 + r * r * y1 * y1 * y1
    for i in range(len(order)):
        node = order[i]
        above = parent[node]
        elmore[node] = 0.0
        if above >= 0:
            elmore[node] = elmore[above] + ohm[link[node]] * moment[node, 0]
