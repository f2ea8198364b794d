"""The places of the portal: those of the bar, of the network, and every page by its name.

A new page that people go to by its name gets a line in ``PAGES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from app.core.rules.access import Actor, Role, refusal_to_create, refusal_to_report
from app.home.pages import admin

PLACES: Final = (
    ("Tickets", "tickets.listing"),
    ("Network", "topology.picture"),
    ("Events", "events.lanes"),
    ("Reports", "reports.page"),
    ("Statistics", "statistics.page"),
)
"""The places of the bar."""
ADMIN: Final = ("Admin", "admin.index")
"""The place that only admins see."""
NETWORK: Final = (
    ("Map", "topology.picture"),
    ("Links", "links.listing"),
    ("Sites", "sites.listing"),
    ("Calendar", "calendar.days"),
)
"""What the network is made of, in a line of its own below the bar."""

_IN: Final = {
    "Tickets": ("tickets", "attachments", "filters", "bulk"),
    "Map": ("topology",),
    "Links": ("links",),
    "Sites": ("sites",),
    "Calendar": ("calendar", "feeds", "notices"),
    "Events": ("events", "event_imports", "event_sources", "event_matching", "duty"),
    "Reports": (
        "teleconferences",
        "report_forms",
        "report_form",
        "report_attachments",
        "report_documents",
        "reports",
        "report_reminders",
        "meeting_packs",
    ),
    "Statistics": (
        "statistics",
        "availability",
        "matching",
        "matching_rules",
        "what_if",
        "duty_rules",
    ),
    "Admin": (
        "partners",
        "admin",
        "audit",
        "unresolved",
        "imports",
        "ticket_imports",
        "people",
        "tokens",
        "cric",
        "work",
    ),
}
_PLACE_OF: Final = {name: place for place, names in _IN.items() for name in names}


@dataclass(frozen=True)
class Page:
    """A page that is found by its name or by ``others``, words that people use for it."""

    word: str
    endpoint: str
    others: str = ""
    seen_by: Callable[[Actor], bool] = lambda _actor: True


def _operates(actor: Actor) -> bool:
    return actor.is_operator


def _administers(actor: Actor) -> bool:
    return actor.role is Role.ADMIN


PAGES: Final = (
    Page("Home", "home.page", "start"),
    Page("Tickets", "tickets.listing", "list incidents"),
    Page(
        "New ticket",
        "tickets.new",
        "create incident maintenance",
        lambda actor: refusal_to_create(actor) is None,
    ),
    Page("Saved filters", "filters.listing"),
    Page("Map", "topology.picture", "network topology"),
    Page("Links", "links.listing", "network"),
    Page("Sites", "sites.listing", "network"),
    Page("Calendar", "calendar.days", "maintenances planned"),
    Page("Calendar by link", "calendar.links", "maintenances planned"),
    Page("Find a free window", "calendar.free", "maintenances planned"),
    Page("LHC calendar", "calendar.lhc", "seasons shutdown"),
    Page("Calendar subscription", "feeds.show", "feed ics"),
    Page("Maintenance notices", "notices.listing", "providers"),
    Page("Events", "events.listing", "down degraded"),
    Page("Events as a timeline", "events.lanes", "down degraded"),
    Page(
        "Report event",
        "events.new",
        "new",
        lambda actor: refusal_to_report(actor) is None,
    ),
    Page("Event sources", "event_sources.listing", "monitoring"),
    Page("Tickets due", "duty.listing", "obligations"),
    Page("Duty rules", "duty_rules.listing", "obligations"),
    Page("Reports", "reports.page", "quarterly"),
    Page("Reports of the last quarter", "report_documents.newest", "quarterly"),
    Page("Meeting packs", "meeting_packs.listing", "slides pptx"),
    Page("Meetings", "teleconferences.listing", "teleconferences tc"),
    Page("Report reminders", "report_reminders.page", seen_by=_operates),
    Page("Statistics", "statistics.page", "figures"),
    Page("Statistics of tickets", "statistics.tickets", "figures volume"),
    Page("Times of tickets", "statistics.times", "response solution"),
    Page("Long-standing tickets", "statistics.standing", "old open"),
    Page("Events per T1", "matching.page", "matching documented"),
    Page("Availability", "availability.page", "uptime downtime"),
    Page("Rule comparison", "what_if.page", "what-if"),
    Page("Definitions", "statistics.definitions", "figures"),
    Page("Profile", "profile.show", "password time zone notifications"),
    Page("Keyboard shortcuts", "shortcuts.show", "keys help"),
    Page("Manual", "manual.own", "help guide how"),
    Page("Partner's guide", "guide.guide", "soap help"),
    Page("Administration", "admin.index", seen_by=_administers),
    Page("Mails", "mails.listing", "outbox", _operates),
    Page("Background work", "work.page", "jobs worker", _operates),
)


def pages_named(actor: Actor, typed: str) -> Iterator[Page]:
    """The pages that this person may see and that bear a word beginning with each one typed; those
    that begin with all of what was typed first."""
    wanted = typed.lower().split()
    known = [*PAGES, *(Page(*place[:2], seen_by=_administers) for place in admin.PLACES)]
    found: dict[str, Page] = {}
    for page in known:
        words = f"{page.word} {page.others}".lower().split()
        if (
            wanted
            and all(any(word.startswith(one) for word in words) for one in wanted)
            and page.seen_by(actor)
        ):
            found.setdefault(page.endpoint, page)
    begun = " ".join(wanted)
    yield from sorted(found.values(), key=lambda page: not page.word.lower().startswith(begun))


def around(endpoint: str, *, is_admin: bool) -> dict[str, Any]:
    """What the bar shows of places on this page: ``here`` and ``subplace`` are where one is."""
    at = _PLACE_OF.get(endpoint.split(".")[0])
    in_network = any(at == word for word, _ in NETWORK)
    return {
        "places": (*PLACES, ADMIN) if is_admin else PLACES,
        "here": "Network" if in_network else at,
        "subplaces": NETWORK if in_network else (),
        "subplace": at,
    }
