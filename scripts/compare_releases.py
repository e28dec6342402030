# SPDX-License-Identifier: Apache-2.0
"""Runs the same commands in two checkouts and compares what they write, byte by byte, and the CPU time they take.

    git worktree add ../old v0.1.0
    .venv/bin/python scripts/compare_releases.py ../old . --liberty LIB [--model FOLDER --text FILE] [--only NAME]

Both run in this Python environment, in turns, each command as often as `--repeat` says; the least CPU time counts.
Exit code 1 if a compared file differs. A figure of CPU time means something only on a quiet machine.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

START = "import sys; from halo.cli.main import run; run()"
COMPARED = (
    "weights.csv", "score.csv", "schedule.json", "layers.csv", "*.safetensors", "netlist.v", "delays.sdf",
    "timeline.csv", "histograms.npz",
)  # fmt: skip

# Name, arguments. {mac_sources} are those of rtl/mac; {lib}, {model} and {text} are given; {out} is the
# command's own folder, {NAME} that of another.
COMMANDS: list[tuple[str, str]] = [
    ("import", ""),
    ("doctor", "doctor"),
    ("sim_list", "sim --list"),
    ("inspect", "inspect {mac_sources} --top mul_csa_array"),
    ("synth", "synth {mac_sources} --top mac_booth_r4 --liberty {lib} -o {out}"),
    ("mul", "characterize {mac_sources} --top mul_csa_array --liberty {lib} -o {out}"),
    ("mul_booth", "characterize {mac_sources} --top mul_booth_r4 --liberty {lib} --synth flat -o {out}"),
    ("mac", "characterize {mac_sources} --top mac_csa_array --liberty {lib} -o {out}"),
    ("mac_bound", "characterize {mac_sources} --top mac_csa_array --liberty {lib} --method bound -o {out}"),
    ("mac_static", "characterize {mac_sources} --top mac_csa_array --liberty {lib} --method static -o {out}"),
    (
        "mac_random",
        "characterize {mac_sources} --top mac_booth_r4 --liberty {lib} --stimulus random:500 --seed 3 -o {out}",
    ),
    ("own_netlist", "characterize --netlist {mul}/netlist.v --sdf {mul}/delays.sdf --liberty {lib} -o {out}"),
    ("crosscheck", "crosscheck {mul} --samples 500"),
    ("plot", "plot {mul}"),
    ("sim_mac", "sim mac"),
    ("score", "score llama2-7b --table {mac} -o {out}"),
    ("score_decode", "score llama2-7b --table {mac} --phase decode --objective energy -o {out}"),
    ("score_small", "score opt-1.3b --table {mac} --arch systolic-32 --batch 4 --method halo-bal -o {out}"),
    ("score_gpu", "score phi3-mini --table {mac} --arch a100-80 --dvfs paper-gpu -o {out}"),
    ("q_rtn", "quantize {model} --method rtn --bits 4 --group 32 -o {out}"),
    ("q_left", "quantize {model} --method left-aligned --bits 4 --table {mac} -o {out}"),
    ("q_gptq", "quantize {model} --method gptq --calibration {text} --length 128 --windows 8 -o {out}"),
    ("q_awq", "quantize {model} --method awq --calibration {text} --length 128 --windows 8 -o {out}"),
    ("q_smooth", "quantize {model} --method smoothquant --calibration {text} --length 128 --windows 8 -o {out}"),
    ("q_squeeze", "quantize {model} --method squeezellm --calibration {text} --length 128 --windows 8 -o {out}"),
    ("q_halo", "quantize {model} --table {mac} --tile 16 --calibration {text} --length 128 --windows 8 -o {out}"),
    ("q_halo_acc", "quantize {model} --table {mac} --tile 32 --variant acc --export w8a8 -o {out}"),
    ("evaluate", "evaluate {q_halo} --text {text} --length 128 --windows 16"),
    ("score_own", "score {model} --quantized {q_halo} --quantized {q_rtn} --table {mac} -o {out}"),
]


def cpu_seconds(tree: Path, arguments: list[str], log: Path) -> tuple[float, int]:
    """CPU time of a command with all its children, and its exit code."""
    code = START if arguments else "import halo"
    environment = {**os.environ, "PYTHONPATH": str(tree), "MPLBACKEND": "agg"}
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], cwd=tree, env=environment, stdout=stream, stderr=stream
        )
        _, status, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, os.waitstatus_to_exitcode(status)


def differing(old: Path, new: Path) -> tuple[int, list[str]]:
    """How many files were compared, and which differ or are in one of the two only."""
    names = {str(path.relative_to(side)) for side in (old, new) for name in COMPARED for path in side.rglob(name)}
    differs = [
        name
        for name in sorted(names)
        if not ((old / name).is_file() and (new / name).is_file())
        or (old / name).read_bytes() != (new / name).read_bytes()
    ]
    return len(names), differs


def main() -> None:
    """Reads the arguments, runs everything, prints a row for each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--liberty", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--only", action="append", default=[], help="run these commands only, and what they need")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="write the outputs here instead of a temporary folder")
    given = parser.parse_args()
    arguments = {"lib": given.liberty.resolve(), "model": given.model, "text": given.text}
    arguments = {name: str(Path(path).resolve()) for name, path in arguments.items() if path}
    arguments["mac_sources"] = " ".join(str(path) for path in sorted(Path("rtl/mac").glob("*.v")))
    needed = set(given.only)
    for name, command in reversed(COMMANDS):
        if name in needed:
            needed |= {other for other, _ in COMMANDS if "{" + other + "}" in command}
    bad = False
    with TemporaryDirectory() as temporary:
        folder = (given.keep or Path(temporary)).resolve()
        print(f"{'command':14} {'files':>5} {'old s':>8} {'new s':>8} {'ratio':>6}  differing files")
        for name, command in COMMANDS:
            if needed and name not in needed:
                continue
            if any("{" + key + "}" in command and key not in arguments for key in ("model", "text")):
                print(f"{name:14} skipped: no --model or --text")
                continue
            least, codes = [float("inf")] * 2, [0, 0]
            for turn in range(given.repeat):
                for side, tree in enumerate((given.old.resolve(), given.new.resolve())):
                    place = folder / ("old", "new")[side]
                    place.mkdir(parents=True, exist_ok=True)
                    out = place / name
                    if turn:
                        subprocess.run(["rm", "-rf", str(out)], check=True)
                    values = {other: str(place / other) for other, _ in COMMANDS} | arguments | {"out": str(out)}
                    seconds, codes[side] = cpu_seconds(tree, command.format(**values).split(), place / f"{name}.log")
                    least[side] = min(least[side], seconds)
            count, differs = differing(folder / "old" / name, folder / "new" / name)
            bad |= bool(differs) or codes != [0, 0]
            told = [] if codes == [0, 0] else [f"exit codes {codes}"]
            row = f"{name:14} {count:5} {least[0]:8.2f} {least[1]:8.2f} {least[1] / least[0]:6.2f}"
            print(row, *told, *differs, sep="  ", flush=True)
    raise SystemExit(int(bad))


if __name__ == "__main__":
    main()
