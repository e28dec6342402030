#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sets up what is missing and characterizes the default MAC on the OSU 0.18 um cells, into runs/default.
# Arguments go to `halo characterize`: ./scripts/run.sh --method bound
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh" . iverilog qflow-tech-osu018
exec halo characterize --liberty /usr/share/qflow/tech/osu018/osu018_stdcells.lib -o runs/default --force "$@"
