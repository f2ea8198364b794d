#!/bin/sh
# Installs Debian's Request Tracker 5 for `make test-rt`, where this is allowed. Its own database is
# neither made nor used, and no mail server comes with it: msmtp stands in for one.
set -eu

[ -x /usr/sbin/rt-setup-database-5 ] && [ -e /usr/share/request-tracker5/libexec/rt-server ] && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    printf 'make: installing request-tracker5\n' >&2
    apt-get update -q >&2
    echo 'request-tracker5 request-tracker5/dbconfig-install boolean false' | debconf-set-selections
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        request-tracker5 rt5-db-sqlite rt5-standalone msmtp-mta >&2
else
    printf 'make: %s\n' 'to run these tests: sudo apt-get install request-tracker5 rt5-db-sqlite rt5-standalone' >&2
    exit 1
fi
