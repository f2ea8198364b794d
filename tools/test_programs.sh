#!/bin/sh
# Installs what the tests run beside Python, where this is allowed: Chromium, PostgreSQL, nginx,
# systemd's and Prometheus' tools and the SOAP stacks of other languages, on Debian as root; node's
# by npm from its lock file, in the checkout. Where it is not, it says the command; the tests then
# skip by name.
set -eu
cd "$(dirname "$0")/.."

missing=""
need() { missing="$missing $*"; }
has() { command -v "$1" >/dev/null 2>&1; }

has chromium || has chromium-browser || need chromium fonts-dejavu-core
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || has initdb || need postgresql
php -r 'exit(class_exists("SoapClient") ? 0 : 1);' >/dev/null 2>&1 || need php-cli php-soap
perl -MSOAP::Lite -MJSON::PP -e 1 >/dev/null 2>&1 || need perl libsoap-lite-perl
{ has wsdl2h && [ -e /usr/include/stdsoap2.h ]; } || need gsoap libgsoap-dev
has g++ || need g++
has nginx || [ -x /usr/sbin/nginx ] || need nginx-light
has systemd-analyze || need systemd
has promtool || need promtool
has node || need nodejs
has npm || need npm

if [ -n "$missing" ]; then
    if has apt-get && [ "$(id -u)" = 0 ]; then
        printf 'make: installing%s\n' "$missing" >&2
        # shellcheck disable=SC2086  # a list of words
        {
            apt-get update -q
            DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
        } >&2 || printf 'make: could not install%s; tests that need it are skipped\n' "$missing" >&2
    else
        printf 'make: some tests are skipped; to run them: sudo apt-get install%s\n' "$missing" >&2
    fi
fi

# node's packages, at most once for each state of a lock file
for folder in tests/stacks/clients/node tests/harness/provider; do
    stamp=$folder/node_modules/.lock.sum
    wanted=$(cksum <$folder/package-lock.json)
    if has npm && [ "$(cat $stamp 2>/dev/null)" != "$wanted" ]; then
        printf 'make: installing the packages of %s\n' "$folder" >&2
        if npm ci --prefix $folder --ignore-scripts --no-audit --no-fund --fetch-retries=1 \
            --loglevel=error >&2; then
            printf '%s\n' "$wanted" >$stamp
        else
            printf 'make: could not install them; tests that need them are skipped\n' >&2
        fi
    fi
done
