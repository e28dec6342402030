# SPDX-License-Identifier: Apache-2.0
"""Pin-to-pin delays of a circuit: what the engines simulate, whoever computed them (Liberty tables or an SDF).

Tests: tests/timing/test_timed_netlist.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
F64 = npt.NDArray[np.float64]
BOOL = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Delays:
    """Delays of every arc of one :class:`halo.netlist.model.Circuit`.

    Attributes:
        arc_fs: int32[arc_start[-1]], fs. Arc (g, s, p): pin p of gate g has just changed to its value in state s and
            the output moves towards ``table[s]``. A flip-flop's entries all hold its clock-to-output delay for that
            edge.
        enabled: bool[arc_start[-1]], whether the arc is there in its state: its condition holds, or it has none. Of
            pins that change in one instant, those with an enabled arc set the delay. True wherever the pin alone
            moves the output, and of flip-flops (:func:`halo.timing.arcs.choose_arcs`).
        setup_fs: int32[P], fs, for each gate pin: setup time of a flip-flop's data pins (worst edge), else 0.
        net_load_f: float64[N], farads: wire, pins (``capacitance``) and external load of each net.
        net_slew_s: float64[N, 2], seconds: worst transition of each net, columns fall (0) and rise (1), as the
            library measures transitions.
        notes: what was clamped, merged or replaced, one sentence each.
    """

    arc_fs: I32
    enabled: BOOL
    setup_fs: I32
    net_load_f: F64
    net_slew_s: F64
    notes: tuple[str, ...] = ()
