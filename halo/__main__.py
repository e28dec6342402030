# SPDX-License-Identifier: Apache-2.0
"""``python -m halo``: the command line where the console script is not on the path.

Tests: tests/cli/test_main.py.
"""

from halo.cli.main import run

if __name__ == "__main__":
    run()
