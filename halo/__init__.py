"""Per-weight timing and power of a multiply-accumulate unit, from its Verilog and a Liberty library.

table = halo.characterize("mac.v", liberty="cells.lib", run_folder="runs/mac")
table = halo.load_table("runs/mac")
rows = halo.score("llama2-7b", table="runs/mac", phase="decode")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from halo.version import __version__ as __version__

if TYPE_CHECKING:
    from halo.api import characterize, score
    from halo.characterization.classes import FrequencyClass
    from halo.characterization.table import WeightTable, load_table
    from halo.errors import HaloError

__all__ = ["FrequencyClass", "HaloError", "WeightTable", "characterize", "load_table", "score"]

_HOME = {
    "characterize": "halo.api",
    "score": "halo.api",
    "FrequencyClass": "halo.characterization.classes",
    "WeightTable": "halo.characterization.table",
    "load_table": "halo.characterization.table",
    "HaloError": "halo.errors",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``import halo`` (and every ``halo --help``) stays instant."""
    if name not in _HOME:
        raise AttributeError(f"module 'halo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
