"""The matching on the page of an event: the detected event, its siblings, its tickets with reasons,
and people's decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, refusal_to_match
from app.events.models.events import Event
from app.matching.models.matching import DetectedEvent, EventOfDetected, EventTicket, HandMade
from app.matching.rules.matching import MAX_KEPT, Evidence, evidence_of, evidence_words
from app.matching.services.by_hand import in_words, sites_of_event
from app.matching.services.matched_events import detected_of
from app.tickets.models.tickets import Ticket

MAX_SIBLINGS = 200
"""Raw events of one detected event that are listed."""


@dataclass(frozen=True)
class Match:
    """A ticket that matches the event."""

    number: int
    title: str
    state: str
    how: str
    documents: bool
    why: str
    is_suspected: bool
    """Both ends are off by the same time: probably a wrong time zone."""
    is_decided: bool
    """A person decided about it."""

    @property
    def evidence(self) -> Evidence:
        """What it leaves missing while the event is ongoing."""
        return evidence_of(self.how, self.state) if self.documents else Evidence.NONE

    @property
    def evidence_words(self) -> str:
        """The remark for its number while the event is ongoing; "" = none."""
        return evidence_words(self.how, self.state)


@dataclass(frozen=True)
class Made:
    """A decision by hand, also one that no longer has an effect."""

    event_id: int
    number: int
    words: str
    reason: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class EventMatches:
    """The matching of one raw event."""

    event_id: int
    detected: DetectedEvent | None
    """None if it belongs to none: unmonitored, withdrawn, without a known link or site, or not
    computed yet."""
    siblings: Sequence[Event]
    """The raw events of the detected one, by start; at most ``MAX_SIBLINGS``."""
    matches: Sequence[Match]
    """Those that document it first."""
    most_of_kind: int | None
    """How many tickets of a kind are stored for an event, if more may match than are shown; None =
    all are shown."""
    decisions: Sequence[Made]
    refusal: str | None
    """Why this person may not decide by hand; None = allowed."""

    @property
    def is_ongoing(self) -> bool:
        """Whether one of its periods is ongoing."""
        return self.detected is not None and self.detected.is_open

    @property
    def evidence(self) -> Evidence:
        """What is missing for the event; nothing for one that is over, if a ticket documents it."""
        if not self.is_ongoing:
            documented = self.detected is not None and self.detected.is_documented
            return Evidence.ATTENDED if documented else Evidence.NONE
        found = {one.evidence for one in self.matches}
        return next((one for one in [*Evidence][::-1] if one in found), Evidence.NONE)

    @property
    def nearest(self) -> Match | None:
        """For an ongoing event that nobody attends to, the newest of the closest tickets: one of
        the link that ended, else one of the site."""
        if not self.is_ongoing or self.evidence in (Evidence.ATTENDED, Evidence.NONE):
            return None
        found = [one for one in self.matches if one.evidence is self.evidence]
        return max(found, key=lambda one: one.number)

    @property
    def may_decide(self) -> bool:
        """Whether this person may link and unlink."""
        return self.refusal is None


def matches_of(session: Session, actor: Actor, event: Event) -> EventMatches:
    """The matching of this raw event; everybody who reads events may read it."""
    detected = detected_of(session, event.id)
    siblings: Sequence[Event] = []
    matches: Sequence[Match] = []
    about = [event.id]
    if detected is not None:
        siblings = session.scalars(
            select(Event)
            .join(EventOfDetected, EventOfDetected.event_id == Event.id)
            .where(EventOfDetected.detected_id == detected.id)
            .order_by(Event.start, Event.id)
            .limit(MAX_SIBLINGS)
        ).all()
        about = [*{event.id, *(one.id for one in siblings)}]
        matches = _matches(session, detected.id)
    decisions = session.scalars(
        select(HandMade).where(HandMade.event_id.in_(about)).order_by(HandMade.at.desc())
    ).all()
    return EventMatches(
        event.id,
        detected,
        siblings,
        matches,
        # kinds are not distinguished: a decision by hand no longer shows the kind
        MAX_KEPT if len(matches) >= MAX_KEPT else None,
        [
            Made(
                one.event_id,
                one.ticket_number,
                in_words(one.decision, one.ticket_number),
                one.reason,
                one.actor,
                one.at,
            )
            for one in decisions
        ],
        refusal_to_match(actor, sites_of_event(session, event)),
    )


def _matches(session: Session, detected_id: int) -> Sequence[Match]:
    rows = session.execute(
        select(EventTicket, Ticket.title, Ticket.state)
        .join(Ticket, Ticket.number == EventTicket.ticket_number)
        .where(EventTicket.detected_id == detected_id)
        .order_by(EventTicket.documents.desc(), EventTicket.ticket_number)
    )
    return [
        Match(
            pair.ticket_number,
            title,
            state,
            pair.how,
            pair.documents,
            pair.why,
            pair.suspected_shift is not None,
            pair.how == "hand",
        )
        for pair, title, state in rows
    ]
