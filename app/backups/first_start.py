"""Whether a database holds more than a first start lays: what a restore would destroy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, TypeAlias

from app.calendar.services.lhc_calendar import LHC_PERIOD
from app.reference.seed import names_in_reference
from app.registry.services.registry import LINK, SITE

Ask: TypeAlias = Callable[[str], Sequence[Any]]
"""Runs one SELECT on the database, and gives its rows."""

_FILLED: Final = frozenset(
    {
        "alembic_version",
        "changed_fields",
        "changes",
        "counters",
        "duty_forces",
        "duty_rule_versions",
        "duty_rules",
        "fact_sources",
        "lhc_periods",
        "links",
        "matching_rules",
        "portal_facts",
        "report_forms",
        "site_asns",
        "site_names",
        "sites",
    }
)
"""Tables that migrations and reference data fill."""
_WORKERS_OWN: Final = frozenset(
    {"duty_ripenings", "jobs", "stale_matchings", "timed_work", "workers"}
)
"""Tables that a worker fills by itself, also where nobody has done anything yet."""
_OF_ENGINES: Final = ("procrastinate_", "sqlite_", "ticket_fts_")
_KINDS: Final = {
    SITE: ("sites", "key"),
    LINK: ("links", "name"),
    LHC_PERIOD: ("lhc_periods", "name"),
}
"""Kinds of things of the reference data, their tables and what names them there."""
_NAMED_AT_MOST: Final = 5


def beyond_first_start(tables: Collection[str], ask: Ask) -> str | None:
    """What a database with these tables holds in addition to a first start's reference data, in
    words; None where it holds nothing else."""
    more = sorted(
        table
        for table in tables
        if table not in _FILLED | _WORKERS_OWN
        and not table.startswith(_OF_ENGINES)
        and ask(f'SELECT 1 FROM "{table}" LIMIT 1')  # noqa: S608  # the database's own names
    )
    if more:
        named = ", ".join(more[:_NAMED_AT_MOST])
        return named + (f" and {len(more) - _NAMED_AT_MOST} more" if more[_NAMED_AT_MOST:] else "")
    if "changes" not in tables:
        return None
    kinds = ", ".join(f"'{kind}'" for kind in _KINDS)
    if ask(
        "SELECT 1 FROM changes WHERE version > 1 OR actor_kind <> 'system'"  # noqa: S608
        f" OR kind NOT IN ({kinds}) LIMIT 1"
    ):
        return "changes of the registry"
    for kind, (table, column) in _KINDS.items():
        held = {row[0] for row in ask(f'SELECT "{column}" FROM {table}')}  # noqa: S608
        if held - names_in_reference(kind):
            return f"{table} of its own"
    return None
