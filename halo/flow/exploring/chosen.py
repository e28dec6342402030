# SPDX-License-Identifier: Apache-2.0
"""The chosen design: its Verilog under a top with the parameters fixed, and its run of ``halo characterize``.

Tests: tests/flow/exploring/test_exploring.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from halo.characterization.interface import read_ports
from halo.config import CharacterizeConfig, one_corner
from halo.flow.exploring.candidate import ELEMENT, PAIRS, Candidate, Conditions
from halo.flow.exploring.evaluation import PAIRS_TIES, WHOLE
from halo.flow.exploring.placing import placed
from halo.flow.runs.assets import element_sources
from halo.flow.runs.provenance import read_record
from halo.netlist.hdl import PortInfo

TOP = "chosen_mac"
RTL, RUN, RUN_OF_PAIRS = "rtl", "run", "run-pairs"
PSUM_SAMPLES = 512


def write_verilog(
    candidate: Candidate, conditions: Conditions, folder: Path, jobs: int | None
) -> tuple[CharacterizeConfig, ...]:
    """Write the sources into ``folder/rtl``.

    Args:
        candidate: that counts.
        conditions: of the search.
        folder: to write into.
        jobs: threads.

    Returns:
        How they are characterized into ``folder/run``, and an element that takes pairs into ``folder/run-pairs`` too.
    """
    rtl = folder / RTL
    rtl.mkdir(parents=True)
    files, top = _sources(candidate, rtl)
    own = top not in (TOP, ELEMENT)
    pairs = not candidate.file and candidate.structure.element == PAIRS
    roles: dict[str, Any] = {role: port for role, port in candidate.roles if own and role != "top"}
    whole = CharacterizeConfig(
        corners=(one_corner(tuple(map(Path, conditions.liberty))),),
        run_folder=folder / RUN,
        files=files,
        top=top,
        synth=candidate.synth,
        dont_use=conditions.dont_use,
        psum_samples=PSUM_SAMPLES,
        seed=conditions.seed,
        jobs=jobs,
        signed=candidate.signed if own else (),
        **(WHOLE if pairs else roles),
    )
    if not pairs:
        return (whole,)
    return whole, replace(whole, run_folder=folder / RUN_OF_PAIRS, ties=PAIRS_TIES, activation=None)


def _sources(candidate: Candidate, rtl: Path) -> tuple[tuple[Path, ...], str]:
    """Copy the Verilog; the files and the top module."""
    if candidate.file:
        sources, top, parameters, ports = placed(candidate, rtl)
        paths: Sequence[Path] = sources.files
    else:
        inside, parameters = candidate.structure.element, candidate.structure.parameters
        paths, top = element_sources(inside), ELEMENT
        ports = read_ports(paths, inside, parameters)[1]
    files = []
    for path in paths:
        if path.parent != rtl:
            shutil.copyfile(path, rtl / path.name)
        files.append(rtl / path.name)
    if top != ELEMENT:
        return tuple(files), top
    inside = ELEMENT if candidate.file else candidate.structure.element
    own = rtl / f"{TOP}.v"
    own.write_text(_top(inside, parameters, ports, candidate.name), encoding="utf-8")
    return (*files, own), TOP


def _top(inside: str, parameters: dict[str, int | str], ports: Sequence[PortInfo], name: str) -> str:
    values = ",\n".join(
        f"        .{key}({value if isinstance(value, int) else chr(34) + value + chr(34)})"
        for key, value in parameters.items()
    )
    declared = ",\n".join(
        f"    {port.direction:6} wire {'signed ' if port.signed else ''}"
        f"{f'[{(port.width or 1) - 1}:0] ' if not port.scalar else ''}{port.name}"
        for port in ports
    )
    joined = ",\n".join(f"        .{port.name}({port.name})" for port in ports)
    return f"""// SPDX-License-Identifier: Apache-2.0
// {TOP}: {inside} as halo explore chose it ({name}).
`default_nettype none

module {TOP} (
{declared}
);

    {inside} #(
{values}
    ) u_element (
{joined}
    );

endmodule

`default_nettype wire
"""


def settle(run: Path, folder: Path, public: Path) -> None:
    """Let the record of a run in a folder that is being built name the files where they will be."""
    record = read_record(run)
    old, new = str(folder), str(public)
    config = dict(record.config)
    for name in ("files", "run_folder"):
        value = config[name]
        config[name] = value.replace(old, new) if isinstance(value, str) else [item.replace(old, new) for item in value]
    inputs = tuple(replace(item, path=item.path.replace(old, new)) for item in record.inputs)
    replace(record, config=config, inputs=inputs).write(run)
    log = run / "log.txt"
    log.write_text(log.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
