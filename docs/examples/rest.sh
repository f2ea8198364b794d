#!/bin/sh
# The token is kept off the command line, where other users of the machine could see it.
set -eu
ask() {
    method=$1 path=$2
    shift 2
    printf 'Authorization: Bearer %s\n' "$PORTAL_TOKEN" |
        curl -sS --fail-with-body -H @- -X "$method" "$PORTAL_URL/api/v1$path" "$@"
    echo
}

ask POST /tickets -H 'Content-Type: application/json' -H 'Idempotency-Key: noc-4711' \
    -d '{"title": "CERN-RAL-LHCOPN-001 down", "priority": "urgent"}'
ask GET '/tickets?state=open&priority=urgent&limit=10'
ask GET '/changes?cursor=0'
