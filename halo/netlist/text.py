# SPDX-License-Identifier: Apache-2.0
"""The characters of Verilog files, whatever they are encoded in.

Tests: tests/netlist/test_hdl_inspect.py.
"""

from __future__ import annotations

from codecs import BOM_UTF8


def decode(data: bytes) -> str | None:
    """The text of a file; None: it is no text.

    All that Verilog itself is written in is ASCII (IEEE 1364-2005, clause 3). Other characters stand in comments and
    strings, in UTF-8 or an older encoding; of the latter each byte counts as one character.
    """
    if b"\0" in data:
        return None
    data = data.removeprefix(BOM_UTF8)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
