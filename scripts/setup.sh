# SPDX-License-Identifier: Apache-2.0
# Sets up what halo needs on Debian or Ubuntu: system packages, a virtual environment, the package itself.
#
#     source scripts/setup.sh TARGET [DEBIAN-PACKAGE...]
#
# TARGET is what pip installs: . or .[EXTRA,...]; extras that are there stay there. The versions are those of
# scripts/constraints.txt, which are known to work together.
#
# Does nothing that was done before: a second call takes a fraction of a second. Leaves PATH with the environment first.

fail() { printf 'error: %s\n  fix: %s\n' "$1" "$2" >&2; exit 2; }
say() { printf '%s\n' "$*" >&2; }

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$checkout"

install_system_packages() {
    local missing=() package as_root=()
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian system: please see to it that these are installed: $*"
        return
    fi
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "missing: ${missing[*]}" "As root, run: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]} ..."
    "${as_root[@]}" apt-get update -qq >&2 || fail "apt-get update failed" "Check the network, then run this again."
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >&2 || fail "apt-get could not install ${missing[*]}" "See its message above."
}

# The newest of the usual names that runs and is 3.11 to 3.13, the versions tested. A name alone proves nothing: version managers put
# launchers on PATH for versions that are not active.
find_python() {
    local name
    for name in "${HALO_PYTHON:-}" python3.13 python3.12 python3.11 python3; do
        if [ -n "$name" ] && "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 was found" "Install one (apt-get install python3), or set HALO_PYTHON to it."
}

make_environment() {
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install_system_packages python3-venv "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    say "making .venv with $("$python" --version) ..."
    rm -rf .venv
    "$python" -m venv .venv || fail "$python cannot make a virtual environment" "See its message above."
}

# Simulators load Python's shared library, which Debian and Ubuntu keep out of python3. A Python from elsewhere brings
# its own or has none; halo doctor tells.
install_python_library() {
    local package
    package=$(.venv/bin/python -c 'import sys
if sys.base_prefix == "/usr": print("libpython%d.%d" % sys.version_info[:2])')
    [ -z "$package" ] || install_system_packages "$package"
}

# The stamp is written last. It holds the folder (an environment that was moved does not work), the requirements and the
# target that were installed.
set_up() {
    local stamp=.venv/halo-stamp target=$1 requirements was=("" "" "")
    shift
    install_system_packages "$@"
    requirements=$(cat pyproject.toml scripts/constraints.txt | sha256sum)
    [ -f "$stamp" ] && mapfile -t was < "$stamp"
    if [ "${was[0]:-}" != "$checkout" ] || ! .venv/bin/python -c '' 2>/dev/null; then
        make_environment
        was=("" "" "")
    fi
    install_python_library
    [ "$target" != . ] || target=${was[2]:-.}
    if [ "${was[1]:-}" = "$requirements" ] && [ "${was[2]:-}" = "$target" ]; then
        return
    fi
    say "installing halo into .venv ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint scripts/constraints.txt --editable "$target" >&2 ||
        fail "pip could not install halo" "See its message above."
    printf '%s\n%s\n%s\n' "$checkout" "$requirements" "$target" > "$stamp"
}

set_up "$@"
export PATH="$checkout/.venv/bin:$PATH"
