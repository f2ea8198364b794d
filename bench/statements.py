"""Counts the statements of requests; given to ``python -c`` in a checkout, so that it finds that.

Knows of the portal only that ``wsgi.build()`` makes its doors by the environment, so that one
program counts for every version. Reads a JSON object of names and lists of requests (method,
address, headers, body) and writes one of names and counts: of each request but the first, which
may read what a process keeps, those of the thread that answers; the median.
"""

from __future__ import annotations

import json
import os
import sys
from statistics import median_high
from threading import get_ident

from sqlalchemy import Engine, event
from werkzeug.test import Client

SHOWN = "STATEMENTS"
"""Set it in the environment to see each statement on standard error."""


def main() -> None:
    """Ask, and tell."""
    import wsgi

    client = Client(wsgi.build(), use_cookies=False)
    here, count = get_ident(), 0

    def add(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        nonlocal count
        if get_ident() == here:
            count += 1
            if SHOWN in os.environ:
                print(" ".join(statement.split()), file=sys.stderr)

    event.listen(Engine, "before_cursor_execute", add)
    found = {}
    for name, requests in json.load(sys.stdin).items():
        counts = []
        for method, address, headers, body in requests:
            count = 0
            if SHOWN in os.environ:
                print(f"--- {method} {address}", file=sys.stderr)
            answer = client.open(address, method=method, headers=headers, data=body)
            assert answer.status_code in (200, 201), (address, answer.status, answer.text[:500])
            counts.append(count)
        found[name] = median_high(counts[1:] or counts)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
