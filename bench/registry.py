"""The registry's pages at the size it has to hold, and how long an import of it takes.

The real server on a durable database, asked over HTTP by one administrator who is logged in. A page
is measured by its addresses alone, in ``PAGES``; each has to hold a text that shows that it found
what was asked for. What does not is printed as such and has no time.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from urllib.parse import quote, urlencode

from app.core.folders import PROJECT
from app.core.settings import process_environment
from app.core.web.positions import write_position
from app.demo import LOGINS
from bench import places
from bench.pages import Visitor, percentile, visitor
from bench.places import TITLES, Place
from bench.registry_fill import Filled, fill_audit, fill_registry, what_is_there
from bench.tables import print_table
from tests.harness.databases import migrate, open_engine
from tests.harness.server import live, test_settings

SITES, LINKS, CHANGES = 2_000, 10_000, 1_000_000
LIST_GOAL, TOPOLOGY_GOAL, IMPORT_GOAL = 100, 300, 15
"""Milliseconds at p95, and seconds."""


Asked = tuple[str, str]
"""An address, and a text that its page has to hold."""


@dataclass(frozen=True)
class Page:
    """One kind of page: its name, what is asked for in turn, and its goal."""

    name: str
    asked: Callable[[Filled], Sequence[Asked]]
    goal: int = LIST_GOAL
    """Milliseconds at p95."""


def _with(path: str, **values: str) -> str:
    return f"{path}?{urlencode(values)}" if values else path


def _once(path: str, holds: str, **values: str) -> Callable[[Filled], Sequence[Asked]]:
    """The same address each time."""
    return lambda _: [(_with(path, **values), holds)]


def _deep(holds: str, **values: str) -> Callable[[Filled], Sequence[Asked]]:
    """Of one of the audit's lists, the page in the middle of the log."""

    def asked(filled: Filled) -> Sequence[Asked]:
        position = write_position(filled.middle)
        return [(_with("/admin/audit", **values, after=position), holds)]

    return asked


def _week(filled: Filled) -> Sequence[Asked]:
    day = filled.middle[0].date()
    days = {"from": day.isoformat(), "to": (day + timedelta(days=6)).isoformat()}
    return [(_with("/admin/audit", **days), _REMOTE)]


def _topology(**values: str) -> Callable[[Filled], Sequence[Asked]]:
    return lambda filled: [
        (_with("/topology", **values, network=network, site=key), key)
        for key in filled.sites
        for network in ("LHCOPN", "LHCONE")
    ]


_REMOTE = "192.0.2."
PAGES: Sequence[Page] = (
    Page("sites", _once("/sites", "SITE-")),
    Page(
        "sites, a page in the middle",
        lambda filled: [(_with("/sites", after=key), "SITE-") for key in filled.sites],
    ),
    Page(
        "sites by a short name",
        lambda filled: [
            (_with("/sites", q=key.replace("SITE-", "S")), key) for key in filled.sites
        ],
    ),
    Page("sites by an ASN", _once("/sites", "SITE-00100", q="4200000100")),
    Page("sites by an address range", _once("/sites", "SITE-00100", q="10.0.100.0/24")),
    Page("sites that are T1", _once("/sites", "SITE-", tier="T1")),
    Page("links", _once("/links", "-LHCO")),
    Page(
        "links, a page in the middle",
        lambda filled: [(_with("/links", after=name), "-LHCO") for name in filled.links],
    ),
    Page(
        "links by a part of the id",
        lambda filled: [(_with("/links", q=name[:12]), name) for name in filled.links],
    ),
    Page("links by a circuit", _once("/links", "-LHCO", q="sample-000123")),
    Page(
        "links that back up one of LHCOPN",
        _once("/links", "-LHCOPN-002", network="LHCOPN", role="backup"),
    ),
    Page(
        "one site",
        lambda filled: [(f"/sites/{quote(key, safe='')}", key) for key in filled.sites],
    ),
    Page(
        "one link",
        lambda filled: [(f"/links/{quote(name, safe='')}", name) for name in filled.links],
    ),
    Page("topology by network and site", _topology(), TOPOLOGY_GOAL),
    Page(
        "topology by network and site, in 2013",
        _topology(on="2013-06-01"),
        TOPOLOGY_GOAL,
    ),
    Page("audit", _once("/admin/audit", "LHCOPN")),
    Page("audit, a page in the middle", _deep(_REMOTE)),
    Page("audit by kind", _once("/admin/audit", "SITE-", kind="site")),
    Page("audit by kind, in the middle", _deep("SITE-", kind="site")),
    Page(
        "audit by who",
        lambda filled: [(_with("/admin/audit", who=filled.who), filled.who)],
    ),
    Page(
        "audit by who, in the middle",
        lambda filled: _deep(_REMOTE, who=filled.who)(filled),
    ),
    Page("audit by days", _week),
    Page(
        "audit by one thing",
        lambda filled: [(_with("/admin/audit", thing=key), key) for key in filled.sites],
    ),
    Page("audit by a door", _once("/admin/audit", _REMOTE, door="portal")),
    Page("audit by a door that nobody used", _once("/admin/audit", "", door="api")),
    Page("audit of tickets, in the middle", _deep(_REMOTE, kind="ticket")),
    Page("refused rights, in the middle", _deep(_REMOTE, list="refusals")),
    Page("failed logins, in the middle", _deep(_REMOTE, list="logins")),
)


def measure(place: Place, sites: int, links: int, changes: int, requests: int) -> None:
    """Fill a database that holds the demo, and print the tables."""
    engine = open_engine(place.url)
    began = perf_counter()
    fill_registry(engine, sites, links)
    fill_audit(engine, changes)
    if place.kind == "postgresql":  # which it would do by itself within a minute
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    filled = what_is_there(engine)
    engine.dispose()
    took = perf_counter() - began
    print(f"bench: filled the registry in {took:.0f} s", file=sys.stderr)
    admin = LOGINS[0]
    with (
        live(test_settings(place.url)) as server,
        visitor(server.url, admin.name, admin.password) as person,
    ):
        rows = [_measured(person, page, filled, requests) for page in PAGES]
    print_table(
        f"Pages, {TITLES[place.kind]}: {sites:,} sites, {links:,} links, {changes:,} changes;"
        f" {requests} requests each",
        ("page", "p50", "p95", "goal", "size"),
        rows,
    )
    _measure_import(place, sites, links)


def _measured(person: Visitor, page: Page, filled: Filled, requests: int) -> Sequence[str]:
    asked = page.asked(filled)
    times, size = [], 0
    for turn in range(-5, requests):
        address, text = asked[turn % len(asked)]
        got = person.get(address)
        if got.status != 200 or text not in got.text:
            what = f"status {got.status}" if got.status != 200 else f"nothing with {text}"
            return (page.name, f"{address}: {what}", "", f"{page.goal} ms", "")
        size = max(size, len(got.text))
        if turn >= 0:  # those before warm up
            times.append(got.milliseconds)
    slow = percentile(times, 0.95)
    missed = "" if slow <= page.goal else ", not met"
    return (
        page.name,
        f"{percentile(times, 0.5):.0f} ms",
        f"{slow:.0f} ms",
        f"{page.goal} ms{missed}",
        f"{size // 1024} KiB",
    )


def _measure_import(place: Place, sites: int, links: int) -> None:
    """Export the registry by command, and import it by command into an empty database."""
    empty = places.another(place.kind, "imported")
    migrate(empty)
    steps = (
        ("export, both files", place.url, "export", ()),
        ("dry run of the sites", empty, "import", ("--dry-run",)),
        ("import", empty, "import", ()),
        ("the same again: no change", empty, "import", ()),
    )
    rows = []
    with TemporaryDirectory() as folder:
        for name, url, verb, more in steps:
            kinds = ("sites",) if more else ("sites", "links")
            took = 0.0
            for kind in kinds:
                file = str(Path(folder) / f"{kind}.csv")
                began = perf_counter()
                told = _flask(url, kind, verb, file, *more)
                took += perf_counter() - began
                if told is not None:
                    rows.append((name, f"{kind} {verb}: {told}", ""))
                    break
            else:
                goal = "" if verb == "export" else f"{IMPORT_GOAL} s"
                missed = ", not met" if goal and took > IMPORT_GOAL else ""
                rows.append((name, f"{took:.1f} s", goal + missed))
                continue
            break
    print_table(
        f"Import, {TITLES[place.kind]}: {sites:,} sites and {links:,} links by `flask sites|links`,"
        " processes and all",
        ("what", "time", "goal"),
        rows,
    )


def _flask(url: str, *arguments: str) -> str | None:
    """Run a command; None, or the last line of why it failed."""
    ran = subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=PROJECT,
        env=process_environment(test_settings(url)),
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode == 0:
        return None
    return (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
