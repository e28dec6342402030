# SPDX-License-Identifier: Apache-2.0
"""Runs one Yosys script inside a process of its own: ``python _child.py SCRIPT``. Imports nothing of this package.

A pass that fails makes Yosys end the process, and its log goes to the process's standard output: both must not
happen in the caller's process.

Tests: tests/synth/test_bad_designs.py.
"""

import shlex
import sys


def main(path: str) -> None:
    """Run each line of the script at ``path`` as one Yosys command; lines that start with # are comments.

    The words of commands that read sources are quoted as in a shell: ``read_slang`` and ``read_verilog -I`` would take
    Yosys' own quotes for a part of a path.
    """
    from pyosys import libyosys

    print(f"halo> {libyosys.yosys_maybe_version()}", flush=True)
    design = libyosys.Design()
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - no import the child does not need
        for line in file:
            command = line.strip()
            if command and not command.startswith("#"):
                print(f"\nhalo> {command}", flush=True)
                words = shlex.split(command) if command.startswith(("read_slang ", "read_verilog ")) else command
                libyosys.Pass.call(design, words)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
