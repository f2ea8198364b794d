"""Events that a person enters, closes or corrects; reports of sources are handled elsewhere.

The source of what was entered by hand is the portal. An event of monitoring may be corrected, too:
its history shows both, and the source's next message about it applies again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Writer, require_operator
from app.core.rules.errors import Invalid, InvalidMany, NotFound
from app.core.rules.file_problems import BadFile
from app.core.rules.language import _
from app.core.rules.scopes import Scope
from app.core.rules.texts import checked_text
from app.events.models.events import Event, EventSource
from app.events.rules.events import LIMITS, EventMessage
from app.events.services.events import Heard, report_events
from app.registry.models.registry import Link, Site

SOURCE: Final = "portal"
"""The source of events that people enter."""
_WHAT: Final = _("enter and correct events")


@dataclass(frozen=True)
class Stated:
    """An event as a person states it. Times are UTC."""

    link: str
    """A link's id, or ""."""
    site: str
    """Any name of a site, or ""."""
    state: str
    start: datetime | None
    end: datetime | None
    """None = ongoing."""
    layer: str
    detail: str


def require_enter(by: Writer) -> None:
    """Raise ``Forbidden`` unless the person may enter and correct events."""
    require_operator(by.actor, _WHAT, Scope.EVENTS)


def enter_event(session: Session, by: Writer, key: str, stated: Stated) -> int:
    """Report an event under a new key; return its number. Raises ``Forbidden`` and ``Invalid``."""
    require_enter(by)
    return _report(session, by, SOURCE, key, stated)


def correct_event(
    session: Session, by: Writer, event_id: int, seen_version: int, stated: Stated
) -> bool:
    """Correct or close an event that the person has seen in this version; return whether it
    changed.

    Raises ``Forbidden``, ``NotFound``, and ``Invalid``, on ``version`` if somebody else has changed
    it since.
    """
    require_enter(by)
    # the source first, the same order as for reports
    source = session.scalar(
        select(EventSource.name)
        .join(Event, Event.source_id == EventSource.id)
        .where(Event.id == event_id)
        .with_for_update(of=EventSource)
    )
    if source is None:
        raise NotFound
    event = session.get_one(
        Event, event_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if event.version != seen_version:
        raise Invalid(
            "version",
            _(
                "This event was changed after you opened the form. "
                "Your values are below: submit again to overwrite the stored ones, "
                "which the event's page shows"
            ),
        )
    _report(session, by, source, event.source_key, stated)
    session.refresh(event)
    return event.version != seen_version


def stated_of(session: Session, event: Event) -> Stated:
    """The known facts of an event, for a form."""
    link = session.get(Link, event.link_id) if event.link_id is not None else None
    site = session.get(Site, event.site_id) if event.site_id is not None else None
    return Stated(
        link.name if link is not None else event.link_text,
        site.key if site is not None else event.site_text,
        event.state,
        event.start,
        event.end,
        event.layer,
        event.detail,
    )


def _report(session: Session, by: Writer, source: str, key: str, stated: Stated) -> int:
    problems = dict(_problems(stated))
    if problems:
        raise InvalidMany(problems)
    message = EventMessage(
        0,
        "the form",
        source,
        key,
        stated.link,
        stated.site,
        stated.state,
        stated.start,
        stated.end,
        is_open=stated.end is None,
        reopens=True,
        layer=stated.layer,
        detail=stated.detail,
    )
    try:
        reported = report_events(session, by, [message], kind="hand", heard=Heard.NOT)
    except BadFile as error:
        raise InvalidMany(
            {
                problem.column: f"{_LABELS.get(problem.column, problem.column)}: {problem.allowed}"
                for problem in error.problems
            }
        ) from None
    number = reported.outcomes[0].event_id
    assert number is not None
    return number


_LABELS: Final[Mapping[str, str]] = {
    "link": _("Link"),
    "site": _("Site"),
    "start": _("Start"),
    "end": _("End"),
    "state": _("State"),
    "source": _("Source"),
}


def _problems(stated: Stated) -> Sequence[tuple[str, str]]:
    found = []
    if not stated.link and not stated.site:
        found.append(("link", _("Enter a link or a site")))
    if stated.start is None:
        found.append(("start", _("Start is required")))
    for name, text in (("link", stated.link), ("site", stated.site), ("detail", stated.detail)):
        try:
            checked_text(name, text, LIMITS[name], label=name.capitalize())
        except Invalid as error:
            found.append((name, error.message))
    return found
