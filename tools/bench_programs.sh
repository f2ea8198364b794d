#!/bin/sh
# Installs what `make bench` runs beside Python, where this is allowed: wrk and PostgreSQL on Debian
# as root, and the node service's packages where there is node. Where it is not, it says the command.
set -eu

missing=""
command -v wrk >/dev/null 2>&1 || missing="wrk"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 ||
    missing="$missing postgresql"
if [ -n "$missing" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        printf 'make: installing %s\n' "$missing" >&2
        # shellcheck disable=SC2086  # a list of words
        {
            apt-get update -q
            DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
        } >&2 || printf 'make: could not install %s\n' "$missing" >&2
    else
        printf 'make: the bench needs: sudo apt-get install %s\n' "$missing" >&2
    fi
fi

if command -v npm >/dev/null 2>&1; then
    [ -d bench/node/node_modules/soap ] || npm --prefix bench/node ci --no-audit --no-fund >&2 ||
        printf 'make: without its packages, node is left out of the comparison\n' >&2
else
    printf 'make: without node and npm, node is left out of the comparison\n' >&2
fi
