# SPDX-License-Identifier: Apache-2.0
"""Maps Verilog to the cells of a Liberty library.

``structural`` keeps the design's own structure: every module is mapped by itself, and the hierarchy is dissolved only
afterwards, so that an array of adder cells stays that array and the weight's trailing zeros keep their effect on
delay. ``flat`` dissolves the hierarchy first and lets ABC restructure, buffer and size the whole for speed. ``adders``
is ``structural`` with the library's adder cells in place of the modules ``full_adder`` and ``half_adder``, which ABC
would build of gates.

Sizing the structural netlist (ABC's upsize and dnsize on the flattened cells) speeds up the slowest weights and not the
fast ones, so it narrows what the structure is for and is left out. The flat flow maps by delay (``map -B 0.9``), which
gives faster netlists than ABC's default script.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from halo.liberty import Library
from halo.netlist.sources import Sources
from halo.synth.adders import adder_techmap
from halo.synth.buffers import insert_buffers
from halo.synth.explain import explain, undriven_outputs
from halo.synth.latches import latch_techmap
from halo.synth.libraries import PreparedLiberty, matching_cells, prepare_liberty
from halo.synth.result import Mode, SynthesisResult
from halo.synth.sources import NO_PRINTS, run_on_sources
from halo.synth.yosys import YosysRun, quoted, run_yosys

# Delay-optimal cover of the restructured logic, then buffers for large fanouts and cell sizes.
_FLAT_ABC = """strash
dch -f
map -B 0.9
topo
buffer -c
topo
upsize
dnsize
stime -p
"""
_PORT_SIGNED = re.compile(r"^(\s*(?:input|output|inout|wire|reg)) signed ", re.MULTILINE)
_PARAMETERS = re.compile(r"^(\s*\S+) #\((?:\n\s+\.\w+\(.*\),?)+\n\s+\)", re.MULTILINE)
"""Of an instance: only black boxes have any left, and the library knows none."""
_WARNING = re.compile(r"^Warning: (.*)$", re.MULTILINE)


def synthesize(
    sources: Sources | Sequence[str | Path],
    top: str,
    liberty: Sequence[str | Path],
    *,
    parameters: Mapping[str, int | str] | None = None,
    mode: Mode = "structural",
    dont_use: Sequence[str] = (),
    may_stay_open: Sequence[str] = (),
    latches: bool = False,
    named: bool = False,
    buffers: bool = False,
    max_fanout: int | None = None,
    workdir: Path,
) -> SynthesisResult:
    """Map a design to a library and write the netlist into ``workdir``.

    Args:
        sources: Verilog files, SystemVerilog where the suffix is ``.sv``; the order does not matter.
        top: module to map.
        liberty: all files of one corner, ``.gz`` or plain.
        parameters: values for the top's parameters.
        mode: ``structural``, ``flat`` or ``adders``, see the module's docstring.
        dont_use: names of further cells that synthesis must not use; ``*``, ``?`` and ``[...]`` match as in a shell,
            capital and small letters differ.
        may_stay_open: output ports that nothing need drive; their undriven bits are 0 in the netlist.
        latches: map latches to the library's; without, a latch is an error (it seldom is what was meant).
        named: name each cell by the instances that its module lies in (``u_pe._12_``), and each flip-flop by the net
            it drives as well (``u_pe.sum_q[3]_reg``).
        buffers: put buffers behind drivers whose load exceeds their ``max_capacitance`` (``halo.synth.buffers``).
        max_fanout: with ``buffers``, most pins of a net, whatever its driver can take.
        workdir: folder for netlist, scripts, logs and temporary files; made when absent.

    Raises:
        HaloError: the design cannot be read or is not combinational logic and flip-flops with one driver a net, or the
            library lacks cells it needs, or has none that a pattern of ``dont_use`` matches.
    """
    values = dict(parameters or {})
    workdir.mkdir(parents=True, exist_ok=True)
    workdir = workdir.resolve()
    with _folder_for_abc(workdir) as folder:
        library = prepare_liberty(liberty, folder / "liberty", dont_use, latches=latches)
        abc_script = folder / "flat.abc"
        abc_script.write_text(_FLAT_ABC, encoding="utf-8")
        adder_map = folder / "adders.v"
        if mode == "adders":
            usable = [library.library.cells[name] for name in sorted(library.cells) if name in library.library.cells]
            adder_map.write_text(adder_techmap(library.library, usable), encoding="utf-8")
        latch_map = folder / "latches.v"
        latch_map.write_text("" if library.latch is None else latch_techmap(library.latch), encoding="utf-8")

        def attempt(undriven: Sequence[str]) -> tuple[YosysRun, str | None]:
            commands = [
                *_check_commands(top, undriven, latches=latches),
                *(_adder_commands(library, adder_map) if mode == "adders" else []),
                *_map_commands(top, mode, library, abc_script, undriven, latch_map if latches else None, named=named),
                *_write_commands(top, workdir, library),
            ]
            return run_on_sources(sources, top, values, commands, workdir, "synthesis", check=False)

        run, reading = attempt(())
        undriven = () if run.error is None else undriven_outputs(run, top, may_stay_open)
        if undriven:
            run, reading = attempt(undriven)
        if run.error is not None:
            raise explain(run, top, values, _barred_flip_flops(library.library, dont_use))
        said = _buffered(top, library, workdir, max_fanout) if buffers else None
    result = _result(run, top, mode, workdir, reading, library.library)
    return replace(result, open_outputs=_ports(undriven), buffering=said)


def _buffered(top: str, library: PreparedLiberty, workdir: Path, max_fanout: int | None) -> str:
    """Put buffers into the netlist that was written; what was done, in a sentence."""
    path = workdir / "netlist.json"
    design = json.loads(path.read_text(encoding="utf-8"))
    usable = [library.library.cells[name] for name in sorted(library.cells)]
    done = insert_buffers(design["modules"][top], library.library, usable, max_fanout)
    if done.buffers:
        buffered = workdir / "buffered.json"
        buffered.write_text(json.dumps(design), encoding="utf-8")
        commands = [
            f"read_json {quoted(buffered)}",
            f"hierarchy -top {top}",
            "check -mapped -assert",
            *_write_commands(top, workdir, library),
        ]
        run = run_yosys(commands, workdir, "buffers")
        if run.error is not None:
            raise explain(run, top, {})
        buffered.unlink()
    return str(done)


def _barred_flip_flops(library: Library, dont_use: Sequence[str]) -> list[str]:
    """Flip-flops that patterns keep from mapping, those of the rising edge first."""
    cells = [library.cells[name] for name in matching_cells(library, dont_use) if name in library.cells]
    falling = {cell.name: not cell.flipflop.clocked_on.table[1] for cell in cells if cell.flipflop is not None}
    return sorted(falling, key=lambda name: (falling[name], name))


@contextlib.contextmanager
def _folder_for_abc(workdir: Path) -> Iterator[Path]:
    """A folder for the files that ABC reads, whose scripts cannot hold paths with blanks."""
    if not re.search(r"\s", str(workdir)):
        yield workdir
        return
    with tempfile.TemporaryDirectory(prefix="halo-abc-") as folder:
        yield Path(folder)


def _ports(bits: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(bit.partition("[")[0] for bit in bits))


def _open(top: str, undriven: Sequence[str]) -> list[str]:
    """Give undriven bits of the flattened top's outputs an undefined value, so that they do not count as mistakes."""
    return [f"cd {top}", *(f"connect -set {bit} 1'x" for bit in undriven), "cd .."] if undriven else []


def _check_commands(top: str, undriven: Sequence[str], *, latches: bool) -> list[str]:
    """Refuse what cannot be timed, on a flattened copy, so that loops through several modules are seen."""
    return [
        "proc",
        NO_PRINTS,
        "design -save elaborated",
        "flatten",
        *_open(top, undriven),
        "tribuf",
        "select -assert-none t:$tribuf",
        "opt_expr",
        "opt_clean",
        *([] if latches else ["check -latchonly -assert"]),
        "check -assert",
        "design -load elaborated",
    ]


def _map_commands(
    top: str,
    mode: Mode,
    library: PreparedLiberty,
    abc_script: Path,
    undriven: Sequence[str],
    latch_map: Path | None,
    *,
    named: bool,
) -> list[str]:
    cells = f"-liberty {quoted(library.path)}"
    abc = f"abc {cells}"
    if mode == "flat":
        abc = f"{abc} -script {quoted(abc_script)}"
    commands = [
        f"synth -top {top} -noabc{' -flatten' if mode == 'flat' else ''}",
        f"dfflibmap {cells}",
        *([] if latch_map is None else [f"techmap -map {quoted(latch_map)}"]),
        "opt",
        *(f"# {line}" for line in _FLAT_ABC.splitlines() if mode == "flat"),
        abc,
        *([f"techmap -map {quoted(library.buffer)}"] if library.buffer is not None else []),
        *([] if mode == "adders" else [f"read_liberty -lib {quoted(library.path)}"]),
        *(_name_commands(library) if named else []),
        "flatten",
        *_open(top, undriven),
        "setundef -zero",
        "opt_clean -purge",
    ]
    if library.tie_high is not None and library.tie_low is not None:
        # Last, so that a constant keeps a net of its own and does not take the name of an output bit of its value.
        high, low = library.tie_high, library.tie_low
        commands.append(f"hilomap -singleton -hicell {high[0]} {high[1]} -locell {low[0]} {low[1]}")
    return [*commands, "check -mapped -assert"]


def _adder_commands(library: PreparedLiberty, adder_map: Path) -> list[str]:
    """Put the library's cells in the place of adders before anything else is mapped."""
    return [f"read_liberty -lib {quoted(library.path)}", f"techmap -map {quoted(adder_map)}"]


def _name_commands(library: PreparedLiberty) -> list[str]:
    """Give cells public names inside their modules, which flattening puts the instances' names in front of."""
    flops = [name for name in sorted(library.cells) if library.library.cells[name].flipflops]
    return [*(f"rename -wire -suffix _reg t:{name}" for name in flops), "rename -enumerate -pattern _%_ c:*"]


def _write_commands(top: str, workdir: Path, library: PreparedLiberty) -> list[str]:
    return [
        f"rename -top {top}",
        f"tee -q -o {quoted(workdir / 'statistics.json')} stat -json -liberty {quoted(library.path)}",
        f"write_verilog -noattr -noexpr -nodec -nohex -simple-lhs {quoted(workdir / 'netlist.v')}",
        f"write_json {quoted(workdir / 'netlist.json')}",
    ]


def _result(
    run: YosysRun, top: str, mode: Mode, workdir: Path, reading: str | None, library: Library
) -> SynthesisResult:
    netlist = workdir / "netlist.v"
    text = netlist.read_text(encoding="utf-8")
    netlist.write_text(_PARAMETERS.sub(r"\1", _PORT_SIGNED.sub(r"\1 ", text)), encoding="utf-8")
    statistics = json.loads((workdir / "statistics.json").read_text(encoding="utf-8"))["design"]
    return SynthesisResult(
        top=top,
        mode=mode,
        netlist_verilog=netlist,
        netlist_json=workdir / "netlist.json",
        area=float(statistics.get("area", 0.0)),
        cell_counts=dict(sorted(statistics["num_cells_by_type"].items())),
        script=run.script,
        log=run.log,
        yosys_version=run.version,
        library=library,
        warnings=tuple(dict.fromkeys(_WARNING.findall(run.log))),
        reading=reading,
    )
