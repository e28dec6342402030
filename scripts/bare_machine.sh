#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the README's two commands on a bare Debian 12 that has git and python3 and nothing else, once as root and once as
# a user with sudo, and tries the wheel there. What is committed on HEAD is tried. About an hour, half with one USER.
#
#     ./scripts/bare_machine.sh [root|user|wheel ...] [-- PYTEST-ARGUMENT...]
#
# Takes docker or podman where one runs, else debootstrap (which needs root). Logs go to runs/bare-machine; HALO_SHARED
# names a folder of further libraries and models for the tests (default: shared beside the checkout; none is fine).
# HALO_BARE_MACHINE_MOUNTS: folders that a debootstrap tree sees too, read-only, such as a local package index.
set -euo pipefail
fail() { printf 'error: %s\n  fix: %s\n' "$1" "$2" >&2; exit 2; }

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${HALO_SHARED:-$checkout/../shared}
logs=$checkout/runs/bare-machine
work=${TMPDIR:-/var/tmp}/halo-bare-machine
image=debian:12-slim
ways=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in root|user|wheel) ways+=("$1") ;; *) fail "$1 is no way to try" "Give root, user or wheel." ;; esac
    shift
done
[ $# = 0 ] || shift  # what is left goes to pytest
[ ${#ways[@]} -gt 0 ] || ways=(root user wheel)
mkdir -p "$logs" "$work"
exec 9>"$work/lock"
flock --nonblock 9 || fail "another run uses $work" "Wait for it, or set TMPDIR."
rm -rf "$work/halo" && git clone --quiet "$checkout" "$work/halo"

# What is done on the machine: $1 is root, user or wheel, further arguments are pytest's; the clone is at /source, shared data at /shared.
cat >"$work/inside.sh" <<'INSIDE'
set -eu
how=$1
shift
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends ca-certificates git python3 >/dev/null
[ ! -f /trusted.crt ] || cp /trusted.crt /etc/ssl/certs/ca-certificates.crt
git config --system --add safe.directory '*'
if [ "$how" = wheel ]; then
    apt-get install -y -qq --no-install-recommends python3-venv iverilog >/dev/null
    mkdir /trial
    python3 -m venv /trial/venv
    cp -r /source /trial/source
    /trial/venv/bin/pip install --quiet --constraint /trial/source/scripts/constraints.txt /trial/source
    cd /trial
    /trial/venv/bin/halo doctor
    if /trial/venv/bin/halo sim mac 2>/trial/said; then
        echo "halo sim works without further packages"
    else
        cat /trial/said
        [ "$(wc -l < /trial/said)" = 2 ] || { echo "that is not two lines"; exit 1; }
        package=$(sed -n 's/.*apt-get install \([^. ]*\.*[0-9]*\).*/\1/p' /trial/said)
        apt-get install -y -qq --no-install-recommends "$package" >/dev/null
        /trial/venv/bin/halo sim mac
    fi
    exit
fi
become=""
if [ "$how" = user ]; then
    apt-get install -y -qq --no-install-recommends sudo >/dev/null
    useradd --create-home tester
    echo 'tester ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/tester
    become="sudo -H -u tester"
fi
cd /home && mkdir -p halo-trial && [ "$how" = root ] || chown tester halo-trial
cd halo-trial
$become git clone --quiet /source halo
[ ! -d /shared/liberty ] || ln -sfn /shared shared
cd halo
for step in run test; do
    start=$(date +%s)
    echo "== $step.sh as $how"
    if [ $step = run ]; then $become ./scripts/run.sh; else $become ./scripts/test.sh "$@"; fi
    echo "== $step.sh as $how passed in $(($(date +%s) - start)) s"
done
INSIDE

engine=""
for name in docker podman; do
    if command -v $name >/dev/null && $name info >/dev/null 2>&1; then engine=$name; break; fi
done

in_container() {
    local mounts=(--volume "$work/halo:/source:ro" --volume "$work/inside.sh:/inside.sh:ro")
    [ ! -d "$shared/liberty" ] || mounts+=(--volume "$(cd "$shared" && pwd):/shared:ro")
    "$engine" run --rm "${mounts[@]}" "$image" bash /inside.sh "$@"
}

# A tree made once and copied for each try, entered by chroot in a mount namespace of its own: no mount outlives it.
in_tree() {
    [ "$(id -u)" = 0 ] || fail "neither docker nor podman runs here, and debootstrap needs root" "Run this with sudo."
    command -v debootstrap >/dev/null || fail "debootstrap is not installed" "Run: apt-get install debootstrap."
    if [ ! -f "$work/base/.made" ]; then
        rm -rf --one-file-system "$work/base"
        debootstrap --variant=minbase bookworm "$work/base" >"$logs/debootstrap.log" ||
            fail "debootstrap failed" "See $logs/debootstrap.log."
        touch "$work/base/.made"
    fi
    unshare --mount --propagation private bash -euc '
        work=$1 shared=$2 tree=$1/tree
        shift 2
        rm -rf --one-file-system "$tree" && cp -a "$work/base" "$tree"
        cp /etc/resolv.conf "$tree/etc/"
        for settings in /etc/pip.conf /etc/xdg/pip; do  # so that pip works there as it does here
            [ ! -e $settings ] || { mkdir -p "$tree$(dirname $settings)"; cp -rL $settings "$tree$(dirname $settings)/"; }
        done
        [ ! -f /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$tree/trusted.crt"
        mkdir -p "$tree/source" "$tree/shared"
        mount --bind "$work/halo" "$tree/source"
        [ ! -d "$shared/liberty" ] || mount --bind -o ro "$shared" "$tree/shared"
        mount -t proc proc "$tree/proc" && mount --rbind /dev "$tree/dev"
        for folder in ${HALO_BARE_MACHINE_MOUNTS:-}; do mkdir -p "$tree$folder"; mount --bind -o ro $folder "$tree$folder"; done
        cp "$work/inside.sh" "$tree/inside.sh"
        exec chroot "$tree" bash /inside.sh "$@"
    ' - "$work" "$shared" "$@"
}

bad=0
for how in "${ways[@]}"; do
    start=$SECONDS
    if [ -n "$engine" ]; then enter=in_container; else enter=in_tree; fi
    code=0
    $enter "$how" "$@" >"$logs/$how.log" 2>&1 || code=$?
    echo "$how: exit $code in $((SECONDS - start)) s; $(grep -aE '[0-9]+ (passed|failed)|ready to simulate' "$logs/$how.log" | tail -n 1); $logs/$how.log"
    [ $code = 0 ] || bad=1
done
rm -rf --one-file-system "$work/tree" "$work/halo"
exit $bad
