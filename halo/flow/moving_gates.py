# SPDX-License-Identifier: Apache-2.0
"""Why some weights are fast: the gates of a characterized design that can move at all while a weight is held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from halo.characterization.interface import with_operands
from halo.characterization.ports import Roles
from halo.characterization.table import load_table
from halo.config import CharacterizeConfig
from halo.flow.characterize import NETLIST
from halo.flow.runs.provenance import read_record
from halo.keywords import fitted
from halo.liberty import read_corner
from halo.netlist.compile import compile_circuit
from halo.netlist.graph import drive_port, propagate_constants_lanes
from halo.netlist.verilog import read_netlist


def moving_gates(run_folder: str | Path) -> pd.Series[int]:
    """Count the gates whose output is not constant while the weight is held, for every weight.

    Constants are followed gate by gate, as case analysis does. So a gate counts if it can change, be it for a glitch
    alone: one whose inputs move but cancel (an exclusive OR of two equal signals) ends each transition as it began, and
    counts. Nothing makes the weight 0 the one with the fewest: synthesis of a signed product forms partial products
    that still carry the activation's sign at 0, and cancel only at the output.

    Args:
        run_folder: of ``halo characterize``.

    Returns:
        Number of gates, indexed by weight.

    Raises:
        HaloError: no such run, or its Liberty files are gone.
    """
    run = fitted("halo.moving_gates", "run_folder", Path, run_folder)
    record = read_record(run)
    _, liberty = CharacterizeConfig.from_dict(record.config).corners[0]
    library = read_corner(liberty)
    roles = record.results["roles"]
    read = read_netlist(run / NETLIST, record.results["design"], library.cells)
    netlist = with_operands(read, Roles.names_in(roles))
    held = {net: value >> i & 1 for port, value in roles["ties"].items() for i, net in enumerate(netlist.inputs[port])}
    circuit = compile_circuit(netlist, library, held)
    weights = np.array(load_table(run).weights, np.int64)
    constants = propagate_constants_lanes(circuit, drive_port(netlist, roles["weight"], weights))
    counts = (constants[circuit.out] < 0).sum(axis=0)
    return pd.Series(counts, pd.Index(weights, name="weight"), name="moving gates")
