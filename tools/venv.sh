#!/bin/sh
# Makes .venv and keeps it in step with the pinned requirements.
#
#   tools/venv.sh run    what the portal needs
#   tools/venv.sh dev    that, and what checks and tests need
#   tools/venv.sh audit  what the portal needs, and .venv/audit with pip-audit if it can be had
#   tools/venv.sh carriers  .venv/carriers with what reads carriers' mails, apart from the portal
#   tools/venv.sh release  what checks need, and .venv/release with what builds a wheel
#
# PYTHON=name or path asks for one interpreter; without it a working .venv is kept, else the first
# of python3, python3.14, python3.13, python3.12, python3.11 that really runs and is 3.11 to 3.14.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
die() { say "make: $*"; exit 1; }

# Prints the version ("3.13") of an interpreter that runs and is one of ours. A name on the PATH may
# be a dead shim, so only running it tells.
version_of() {
    found="$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null)" ||
        return 1
    case "$found" in
    3.11 | 3.12 | 3.13 | 3.14) printf '%s\n' "$found" ;;
    *) return 1 ;;
    esac
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        version_of "$PYTHON" >/dev/null ||
            die "PYTHON=$PYTHON does not run, or is not Python 3.11, 3.12, 3.13 or 3.14"
        printf '%s\n' "$PYTHON"
        return
    fi
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if version_of "$name" >/dev/null; then
            printf '%s\n' "$name"
            return
        fi
    done
    die "no Python 3.11, 3.12, 3.13 or 3.14 found; install one or name it with PYTHON=..."
}

# Debian and its relatives ship Python without what a virtual environment needs.
need_venv_modules() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    package="python$2-venv"
    if command -v apt-get >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ]; then
            say "make: installing $package, which Python needs for virtual environments"
            { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y "$package"; } >&2 ||
                die "could not install $package; run: apt-get update && apt-get install $package"
            "$1" -c 'import ensurepip, venv' 2>/dev/null && return
            die "$1 still lacks ensurepip after installing $package; name another with PYTHON=..."
        fi
        die "Python lacks what a virtual environment needs; run: sudo apt-get install $package"
    fi
    die "Python lacks the modules ensurepip and venv; install your system's package for them"
}

want="${1:-run}"
case "$want" in run | dev | audit | carriers | release) ;; *) die "usage: tools/venv.sh run|dev|audit|carriers|release" ;; esac

have="$(version_of .venv/bin/python || true)"
if [ -n "$have" ] && ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    have=""
fi
if [ -z "$have" ] || { [ -n "${PYTHON:-}" ] && [ "$(version_of "$PYTHON" || true)" != "$have" ]; }; then
    python="$(find_python)"
    version="$(version_of "$python")"
    need_venv_modules "$python" "$version"
    if [ -e .venv ] && [ ! -e .venv/pyvenv.cfg ]; then
        die ".venv is in the way and is no virtual environment; move it away"
    fi
    say "make: building .venv with Python $version"
    rm -rf .venv
    "$python" -m venv .venv
    # What Python brings along is as old as it is: its pip gives way to the pinned one, and setuptools,
    # which nothing here uses, goes. Where no index can be asked pip stays.
    .venv/bin/python -m pip uninstall -qq -y --disable-pip-version-check setuptools wheel >&2 || true
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
        -r requirements-pip.txt >&2 || say "make: the pinned pip cannot be had; Python's own stays"
fi

# What pip's variables and files say of one setting; its order is theirs.
pip_setting() {
    for place in :env: install global; do
        value="$(printf '%s\n' "$pip_says" | sed -n "s/^$place\.$1='\(.*\)'\$/\1/p")"
        [ -z "$value" ] && continue
        printf '%s\n' "$value" | sed 's/\\n/ /g'
        return
    done
}

# uv installs in a fraction of pip's time. It is fetched with pip, pinned and hashed like all else, and
# is gone afterwards. A company's mirror and its certificates are told to pip, whose settings uv does
# not read; what uv was told itself holds. Hashes make it safe to take a package from any of several
# indexes, as pip does. Where pip may ask none, uv asks none either.
with_uv() (
    pip_says="$(.venv/bin/python -m pip config list)" || return
    [ -z "$(pip_setting no-index)" ] || return
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}${UV_INDEX:-}${UV_EXTRA_INDEX_URL:-}" ]; then
        index="$(pip_setting index-url)"
        [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
        index="$(pip_setting extra-index-url)"
        [ -z "$index" ] || export UV_INDEX="$index" UV_INDEX_STRATEGY=unsafe-best-match
    fi
    cert="$(pip_setting cert)"
    [ -z "$cert" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"
    uv=.venv/bin/uv # where checks and tests are installed it stays, for `make lock`
    if [ ! -x $uv ]; then
        uv=.venv/uv/bin/uv
        [ -x $uv ] || say "make: fetching uv, which installs the rest"
        [ -x $uv ] || .venv/bin/python -m pip install -q --disable-pip-version-check --no-compile \
            --only-binary :all: --prefix .venv/uv --require-hashes -r requirements-uv.txt >&2 || return
    fi
    rm -f .venv/uv-did-it
    # a line for each large file that is fetched, none for each package that is in
    { $uv pip install --python .venv/bin/python --require-hashes "$@" 2>&1 &&
        : >.venv/uv-did-it; } | grep -v '^ [+~-] ' >&2
    rm .venv/uv-did-it 2>/dev/null
)

# A stamp holds the sum of the files that were installed: nothing to do costs no start of uv.
install() {
    stamp=".venv/installed-$1"
    shift
    sum="$(cat "$@" | cksum)"
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && return
    say "make: installing $*"
    for file in "$@"; do
        shift
        set -- "$@" -r "$file"
    done
    if ! with_uv "$@"; then
        say "make: uv cannot be had or failed; pip does it, which takes longer"
        .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes "$@" >&2
    fi
    printf '%s' "$sum" >"$stamp"
}

install run requirements.txt
case "$want" in dev | release) install dev requirements.txt requirements-dev.txt ;; esac
if [ "$want" = audit ] && ! [ .venv/audit/bin/pip-audit -nt requirements-audit.txt ]; then
    rm -rf .venv/audit
    .venv/bin/python -m venv .venv/audit
    .venv/audit/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
        -r requirements-audit.txt >&2 || say "make: pip-audit cannot be had"
fi
if [ "$want" = carriers ] && ! [ .venv/carriers/installed -nt requirements-carriers.txt ]; then
    rm -rf .venv/carriers
    .venv/bin/python -m venv .venv/carriers
    .venv/carriers/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
        -r requirements-carriers.txt >&2 || die "the carrier reader cannot be installed"
    touch .venv/carriers/installed
fi
if [ "$want" = release ] && ! [ .venv/release/bin/cyclonedx-py -nt requirements-release.txt ]; then
    rm -rf .venv/release
    .venv/bin/python -m venv .venv/release
    .venv/release/bin/python -m pip install -q --disable-pip-version-check --require-hashes \
        -r requirements-release.txt >&2 || die "the programs that build a release cannot be had"
fi
rm -rf .venv/uv
exit 0
