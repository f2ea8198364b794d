"""``python -m bench [what ...]``: print tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import monotonic

from sqlalchemy import make_url

from app.composition import compose_figures, compose_records
from bench import (
    desk,
    exchange,
    exports,
    figures,
    http,
    idle,
    lists,
    live,
    load,
    locks,
    matching,
    places,
    reads,
    registry,
    reports,
    rest,
    writes,
)
from bench.tables import print_machine
from tests.harness import postgres, run


def main() -> None:
    """Measure what is asked for on the databases that are there."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument(
        "what",
        nargs="*",
        help="get, write, list, registry, exports, desk, figures, matching,"
        " reports, locks, http, idle, live, exchange, rest;"
        " default: the first three",
    )
    parser.add_argument("--database", choices=places.KINDS, help="default: both")
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=10, help="of live, of idle")
    parser.add_argument("--listeners", type=int, default=500, help="of live")
    parser.add_argument(
        "--tickets",
        type=int,
        default=100_000,
        help="in the database for list, exports, live, rest, figures, matching, reports, locks,"
        " http",
    )
    parser.add_argument(
        "--events", type=int, default=100_000, help="of figures, matching, reports, locks, http"
    )
    parser.add_argument(
        "--open", type=int, default=http.OPEN, help="open tickets among those of http"
    )
    parser.add_argument(
        "--at",
        help="URL of a database that was filled before: of figures, reports; of http, which fills"
        " it if it is empty and asks a copy",
    )
    parser.add_argument(
        "--against", type=Path, help="another checkout, whose server http asks in turn"
    )
    parser.add_argument("--entries", type=int, default=10_000, help="that wait, of exchange")
    parser.add_argument("--workers", default="1,2,4", help="of exchange, by commas")
    parser.add_argument("--sites", type=int, default=registry.SITES, help="of registry")
    parser.add_argument("--links", type=int, default=registry.LINKS, help="of registry")
    parser.add_argument("--changes", type=int, default=registry.CHANGES, help="in its audit")
    parser.add_argument("--requests", type=int, default=100, help="of registry, http, rest")
    parser.add_argument(
        "--sizes", default=",".join(map(str, desk.SIZES)), help="of desk, matching, by commas"
    )
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    wanted = given.what or ["get", "write", "list"]
    by_size = {"desk", "figures", "http", "idle", "locks", "matching", "reports"}
    known = {
        "get",
        "write",
        "list",
        "registry",
        "exports",
        "live",
        "exchange",
        "rest",
        *by_size,
    }
    if unknown := set(wanted) - known:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    needless = {"registry", "exports", "live", "exchange", *by_size} - {"http"}
    if set(wanted) - needless and not load.installed():
        sys.exit(f"bench: this needs {load.NEED}")
    kinds = [given.database] if given.database else list(places.KINDS)
    if postgres.programs() is None and "postgresql" in kinds:
        print(f"bench: left out PostgreSQL: this needs {postgres.NEED}", file=sys.stderr)
        kinds.remove("postgresql")
    began = monotonic()
    folder = run.begin()
    compose_records()
    compose_figures()
    try:
        print_machine()
        tickets = (
            given.tickets
            if {"list", "exports", "live", "rest"} & set(wanted)
            else max(5000, reads.TICKETS)
        )
        _measure_by_size(wanted, kinds, sizes, given)
        for kind in kinds if set(wanted) - by_size else ():
            with places.filled(kind, tickets) as place:
                _measure_in(place, wanted, given)
    finally:
        postgres.stop(folder)
        run.end(folder)
    print(f"bench: took {(monotonic() - began) / 60:.1f} minutes", file=sys.stderr)


def _measure_in(place: places.Place, wanted: list[str], given: argparse.Namespace) -> None:
    """What asks one filled database."""
    if "get" in wanted:
        reads.measure(place, given.seconds)
    if "list" in wanted:
        lists.measure(place)
    if "write" in wanted:
        writes.measure(place, given.seconds)
    if "live" in wanted:
        live.measure(place, given.listeners, given.minutes)
    if "exchange" in wanted:
        workers = [int(one) for one in given.workers.split(",")]
        exchange.measure(place, given.entries, workers)
    if "rest" in wanted:
        rest.measure(place, given.requests)
    if "exports" in wanted:
        exports.measure(place)
    if "registry" in wanted:
        registry.measure(place, given.sites, given.links, given.changes, given.requests)


def _measure_by_size(
    wanted: list[str], kinds: list[str], sizes: list[int], given: argparse.Namespace
) -> None:
    """What fills databases of its own."""
    for kind in kinds if "desk" in wanted else ():
        desk.measure(kind, sizes)
    if "figures" in wanted and given.at:
        figures.measure_again(given.at)
    for kind in kinds if "figures" in wanted and not given.at else ():
        figures.measure(kind, given.tickets, given.events)
    if "reports" in wanted and given.at:
        reports.measure_again(given.at)
    for kind in kinds if "reports" in wanted and not given.at else ():
        reports.measure(kind, given.tickets, given.events)
    for kind in kinds if "idle" in wanted else ():
        idle.measure(kind, given.minutes)
    for kind in kinds if "locks" in wanted else ():
        locks.measure(kind, given.tickets, given.events)
    if "http" in wanted and given.at:
        kinds = [make_url(given.at).get_backend_name()]
    for kind in kinds if "http" in wanted else ():
        wanted_rows = http.Rows(given.tickets, given.events, given.open)
        http.measure(kind, given.at, given.against, wanted_rows, given.requests)
    if "matching" in wanted:
        matching.measure_arrays(sizes)
    for kind in kinds if "matching" in wanted else ():
        matching.measure_database(kind, given.tickets, given.events)


if __name__ == "__main__":
    main()
