"""The places of the portal: those of the bar, of the network, and every page by its name.

A new page that people go to by its name gets a line in ``PAGES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from app.core.rules.access import Actor, Role, refusal_to_create, refusal_to_report
from app.core.rules.language import _, translated
from app.home.pages import admin

PLACES: Final = (
    (_("Tickets"), "tickets.listing"),
    (_("Network"), "topology.picture"),
    (_("Events"), "events.lanes"),
    (_("Reports"), "reports.page"),
    (_("Statistics"), "statistics.page"),
)
"""The places of the bar."""
ADMIN: Final = (_("Admin"), "admin.index")
"""The place that only admins see."""
NETWORK: Final = (
    (_("Map"), "topology.picture"),
    (_("Links"), "links.listing"),
    (_("Sites"), "sites.listing"),
    (_("Calendar"), "calendar.days"),
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
        "sign_on_map",
        "tokens",
        "cric",
        "work",
        "exchange",
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
    Page(_("Home"), "home.page", "start"),
    Page(_("Tickets"), "tickets.listing", "list incidents"),
    Page(
        _("New ticket"),
        "tickets.new",
        "create incident maintenance",
        lambda actor: refusal_to_create(actor) is None,
    ),
    Page(_("Saved filters"), "filters.listing"),
    Page(_("Map"), "topology.picture", "network topology"),
    Page(_("Links"), "links.listing", "network"),
    Page(_("Sites"), "sites.listing", "network"),
    Page(_("Calendar"), "calendar.days", "maintenances planned"),
    Page(_("Calendar by link"), "calendar.links", "maintenances planned"),
    Page(_("Find a free window"), "calendar.free", "maintenances planned"),
    Page(_("LHC calendar"), "calendar.lhc", "seasons shutdown"),
    Page(_("Calendar subscription"), "feeds.show", "feed ics"),
    Page(_("Maintenance notices"), "notices.listing", "providers"),
    Page(_("Events"), "events.listing", "down degraded"),
    Page(_("Events as a timeline"), "events.lanes", "down degraded"),
    Page(
        _("Report event"),
        "events.new",
        "new",
        lambda actor: refusal_to_report(actor) is None,
    ),
    Page(_("Event sources"), "event_sources.listing", "monitoring"),
    Page(_("Required tickets"), "duty.listing", "obligations"),
    Page(_("Ticket rules"), "duty_rules.listing", "obligations"),
    Page(_("Reports"), "reports.page", "quarterly"),
    Page(_("Reports of the last quarter"), "report_documents.newest", "quarterly"),
    Page(_("Meeting packs"), "meeting_packs.listing", "slides pptx"),
    Page(_("Meetings"), "teleconferences.listing", "teleconferences tc"),
    Page(_("Report reminders"), "report_reminders.page", seen_by=_operates),
    Page(_("Statistics"), "statistics.page", "figures"),
    Page(_("Ticket statistics"), "statistics.tickets", "figures volume"),
    Page(_("Ticket times"), "statistics.times", "response solution"),
    Page(_("Long-standing tickets"), "statistics.standing", "old open"),
    Page(_("Events per T1"), "matching.page", "matching documented"),
    Page(_("Availability"), "availability.page", "uptime downtime"),
    Page(_("Rule comparison"), "what_if.page", "what-if"),
    Page(_("Definitions"), "statistics.definitions", "figures"),
    Page(_("Profile"), "profile.show", "password time zone notifications"),
    Page(_("Webhooks"), "webhooks.listing", "subscriptions notifications api"),
    Page(_("Keyboard shortcuts"), "shortcuts.show", "keys help"),
    Page(_("Manual"), "manual.own", "help guide how"),
    Page(_("Partner's guide"), "guide.guide", "soap help"),
    Page(_("Administration"), "admin.index", seen_by=_administers),
    Page(_("Emails"), "mails.listing", "mails outbox", _operates),
    Page(_("Exchange"), "exchange.listing", "systems sync failed", _operates),
    Page(_("Incoming emails"), "incoming_mails.listing", "mails answers replies inbox", _operates),
    Page(_("Background work"), "work.page", "jobs worker", _operates),
)


def pages_named(actor: Actor, typed: str) -> Iterator[Page]:
    """The pages that this person may see and that have a word beginning with each one typed; those
    that begin with all of what was typed first."""
    wanted = typed.lower().split()
    known = [*PAGES, *(Page(*place[:2], seen_by=_administers) for place in admin.PLACES)]
    found: dict[str, Page] = {}
    for page in known:
        words = f"{translated(page.word)} {page.others}".lower().split()
        if (
            wanted
            and all(any(word.startswith(one) for word in words) for one in wanted)
            and page.seen_by(actor)
        ):
            found.setdefault(page.endpoint, page)
    begun = " ".join(wanted)
    yield from sorted(
        found.values(), key=lambda page: not translated(page.word).lower().startswith(begun)
    )


def around(endpoint: str, *, is_admin: bool) -> dict[str, Any]:
    """What the bar shows of places on this page: ``here`` and ``subplace`` are where one is."""
    at = _PLACE_OF.get(endpoint.split(".")[0])
    in_network = any(at == word for word, _ in NETWORK)
    return {
        "places": (*PLACES, ADMIN) if is_admin else PLACES,
        "here": _("Network") if in_network else at,
        "subplaces": NETWORK if in_network else (),
        "subplace": at,
    }
