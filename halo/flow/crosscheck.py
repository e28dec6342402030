"""``halo crosscheck``: a finished run against Icarus Verilog, transition by transition.

The circuit and its delays are calculated again from what the run recorded, with the hash of every file checked; Icarus
plays the timed netlist in the run folder. Sources that the run does not hold take uniform random values before and
after, partial sums and state registers included: any values do for a comparison of two engines.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from halo.characterization.design import load_corner
from halo.characterization.interface import netlist_ports
from halo.characterization.ports import Roles
from halo.config import CharacterizeConfig
from halo.errors import HaloError
from halo.flow.characterize import NETLIST, file_of
from halo.flow.runs.provenance import RunRecord, read_record
from halo.flow.runs.runfolder import RECORD
from halo.flow.simulators.comparison import Difference, compare, draw_samples, spread
from halo.netlist.verilog import read_netlist
from halo.progress import Progress

STAGE = "crosscheck"
BLOCK = 5000
"""Transitions in one run of the simulator."""


@dataclass(frozen=True)
class CrosscheckResult:
    """Transitions compared, those equal in settling time, toggle count and outputs, and the first that is not."""

    compared: int
    equal: int
    first_difference: Difference | None


def crosscheck(run: Path, samples: int, seed: int, report: Progress) -> CrosscheckResult:
    """Play random transitions of a run in both engines.

    Args:
        run: folder of ``halo characterize``.
        samples: transitions, spread evenly over corners and weights.
        seed: which.
        report: told about progress.

    Raises:
        HaloError: no run folder, files of the run changed since, no Icarus, or a design that Icarus cannot be made to
            play stage by stage (``halo.flow.simulators.pipeline``).
    """
    record = read_record(run)
    report(STAGE, 0, samples)
    generator = np.random.default_rng(seed)
    config = CharacterizeConfig.from_dict(record.config)
    _require_unchanged(record, config)
    roles = _roles(run, record)
    shares = spread(generator, samples, len(config.corners))
    compared = equal = 0
    first: Difference | None = None
    for (name, liberty), share in zip(config.corners, shares, strict=True):
        corner = load_corner(name, liberty, run / NETLIST, record.results["design"], config, roles=roles)
        drawn = draw_samples(corner, int(share), generator)
        timed_netlist = run / file_of(name, "timed_netlist.v", len(config.corners) == 1)
        for start in range(0, int(share), BLOCK):
            block = drawn.rows(slice(start, start + BLOCK))
            same, found = compare(corner, timed_netlist, block, explain=first is None)
            compared += len(same)
            equal += int(np.count_nonzero(same))
            first = first or found
            report(STAGE, compared, samples)
    return CrosscheckResult(compared, equal, first)


def _roles(run: Path, record: RunRecord) -> Roles:
    """The roles that the run gave to the ports of its netlist."""
    try:
        netlist = read_netlist(run / NETLIST, record.results["design"])
        return Roles.from_dict(record.results["roles"], netlist_ports(netlist))
    except (KeyError, TypeError, AttributeError) as error:
        raise HaloError("the record lacks the roles of the ports", "Characterize again.", run / RECORD) from error


def _require_unchanged(record: RunRecord, config: CharacterizeConfig) -> None:
    """The libraries and the SDF must be those the run read."""
    needed = {str(path) for _, paths in config.corners for path in paths}
    needed |= set() if config.sdf is None else {str(config.sdf)}
    for item in record.inputs:
        path = Path(item.path)
        if item.path not in needed:
            continue
        if not path.is_file():
            raise HaloError(
                "a file that the run read is not there",
                "Put it back, or start from the folder that halo characterize was started from.",
                path,
            )
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != item.sha256:
            raise HaloError("this file has changed since the run", "Characterize again.", path)
