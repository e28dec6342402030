# SPDX-License-Identifier: Apache-2.0
"""Arrays from files: those of the package, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path

import pytest

from halo.arch.systolic.array import DATA, arch_names, read_arch
from halo.arch.systolic.ws_cycles import WsArray
from halo.errors import HaloError


def test_the_arrays_of_the_package() -> None:
    assert arch_names() == ("systolic-128", "systolic-32", "tpu-v1")
    for name in arch_names():
        arch = read_arch(name)
        assert arch.name == name
        assert all(source.strip() for source in arch.parameters.sources.values())
    big, tpu = read_arch("systolic-128"), read_arch("tpu-v1")
    assert (big.rows, big.columns, big.depth, big.dataflow) == (128, 128, 2048, "ws")
    assert big.ws() == WsArray(128, 128, 2048, 0, 0, 1)
    # 4,096 rows of accumulators, two times 2,048; 92 TOPS at 700 MHz
    assert tpu.depth == 2048 and round(2 * tpu.elements * 0.7e9 / 1e12) == 92
    assert read_arch(DATA / "systolic-32.toml").elements == 1024


@pytest.mark.parametrize(
    ("key", "line", "what"),
    [
        ("dram_gb_s", "", "dram_gb_s is missing"),
        ("dram_gb_s", "dram_gb_s = 100", "dram_gb_s has no value with a source"),
        ("dram_gb_s", 'dram_gb_s = { value = 0, source = "x" }', "dram_gb_s = 0 brings no weights"),
        ("rows", 'rows = { value = -4, source = "x" }', "rows = -4 is no number of 0 or more"),
        ("rows", 'rows = { value = 0, source = "x" }', "rows = 0 is no count"),
        ("pipeline", 'pipeline = { value = 0.5, source = "x" }', "pipeline = 0.5 is not whole"),
        ("dataflow", 'dataflow = { value = "is", source = "x" }', "dataflow = 'is' is unknown"),
        ("dataflow", 'dataflow = { value = "os", source = "x" }\ncolour = 1', "'colour' is unknown"),
        ("accumulator_kib", 'accumulator_kib = { value = 8, source = "x" }', "accumulator_kib = 8 is too small"),
        ("weight_kib", 'weight_kib = { value = 3, source = "x" }', "weight_kib = 3 is too small"),
        ("activation_kib", 'activation_kib = { value = 127, source = "x" }', "activation_kib = 127 is too small"),
    ],
)
def test_bad_files(tmp_path: Path, key: str, line: str, what: str) -> None:
    lines = (DATA / "systolic-32.toml").read_text(encoding="utf-8").splitlines()
    file = tmp_path / "array.toml"
    file.write_text("\n".join(line if each.startswith(f"{key} ") else each for each in lines), encoding="utf-8")
    with pytest.raises(HaloError, match=what):
        read_arch(file)


def test_the_least_buffers_that_an_error_names_are_enough(tmp_path: Path) -> None:
    text = (DATA / "systolic-32.toml").read_text(encoding="utf-8")
    file = tmp_path / "array.toml"
    # 72 rows of sums of 32 bits, twice, 32 columns; weights 2 x 32 x 32 x 2 bytes; activations 2 x 72 x 32 x 2 bytes
    for old, new in (("{ value = 256,", "{ value = 18,"), ("{ value = 1536,", "{ value = 9,")):
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    assert read_arch(file).depth == 72


def test_no_such_array(tmp_path: Path) -> None:
    with pytest.raises(HaloError, match="no array named 'systolic-64'"):
        read_arch("systolic-64")
    with pytest.raises(HaloError, match="no such file"):
        read_arch(tmp_path / "none.toml")
