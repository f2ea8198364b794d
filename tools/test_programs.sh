#!/bin/sh
# Installs what the tests run beside Python, where this is allowed: Chromium and PostgreSQL on
# Debian as root. Where it is not, it says the command; the tests then skip by name.
set -eu

missing=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    missing="chromium fonts-dejavu-core"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 ||
    missing="$missing postgresql"
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    printf 'make: installing %s\n' "$missing" >&2
    # shellcheck disable=SC2086  # a list of words
    {
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
    } >&2 || printf 'make: could not install%s; tests that need it are skipped\n' " $missing" >&2
else
    printf 'make: some tests are skipped; to run them: sudo apt-get install %s\n' "$missing" >&2
fi
