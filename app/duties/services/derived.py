"""How the kept duties follow what changed: a figure of ``app.matching.services.matching``.

Links whose duties are to be reckoned anew are noted beside those whose matching is, as things of
kind ``duty``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.calendar.services.lhc_calendar import LHC_PERIOD
from app.core.models.changes import Change, ChangedField
from app.duties.models.duties import Duty
from app.duties.services.registry import registry_facts
from app.duties.services.results import reckon_duties, ripe_links
from app.duties.services.rules import DUTY_RULE
from app.events.models.events import Event
from app.events.services.events import EVENT
from app.matching.models.matching import StaleMatching
from app.matching.services.affected_links import Span, Thing
from app.matching.services.result_diff import Reckoned
from app.registry.models.registry import Link
from app.registry.services.registry import LINK, SITE

DUTY: Final = "duty"
"""The kind of a link whose duties are stale."""
_INSERT: Final[Mapping[str, Any]] = {"sqlite": sqlite_insert, "postgresql": postgresql_insert}
_RIPE_AT_ONCE: Final = 100
_WHERE: Final = frozenset({"end_a", "end_b", "backs_up"})
"""Fields of a link, as the change log names them, that say of which T1s it is a way."""
_WHAT: Final = frozenset({"state", "start", "end"})
"""Fields of an event, as the change log names them, that losses and storms of flaps are reckoned
of: an outage to which it belongs may stay as it was."""


class KeptDuties:
    """Losses of service, duties and their sums."""

    def touched(self, session: Session, span: Span, now: datetime) -> set[Thing]:
        """Links whose duties these changes may alter without altering their matching, and those on
        which an event that goes on is due by now, or is so no more."""
        everything = select(func.count()).where(span.of(DUTY_RULE, LHC_PERIOD))
        if session.scalar(everything):
            return {(DUTY, one) for one in _with_events(session, None)}
        moved = (
            select(Change.id)
            .join(ChangedField, ChangedField.change_id == Change.id)
            .where(span.of(LINK), Change.version > 1, ChangedField.field.in_(_WHERE))
        )
        if session.scalar(moved.limit(1)) is not None:
            # the T1 that it left may be cut off without it; the registry knows it no more
            return {(DUTY, one) for one in _with_events(session, None)}
        found = ripe_links(session, now, _RIPE_AT_ONCE)
        altered = (
            select(Event.link_id)
            .join(Change, Change.thing_id == Event.id)
            .join(ChangedField, ChangedField.change_id == Change.id)
            .where(span.of(EVENT), Change.version > 1, ChangedField.field.in_(_WHAT))
        )
        found |= {link for link in session.scalars(altered.distinct()) if link is not None}
        links = set(session.scalars(select(Change.thing_id).where(span.of(LINK)).distinct()))
        sites = set(session.scalars(select(Change.thing_id).where(span.of(SITE)).distinct()))
        if links or sites:
            # a link may take a T1's last way, or be another one, without an event of its own
            registry = registry_facts(session)
            for site in registry.t1s_at(links) | sites:
                found |= registry.links_of_t1(site)
            found |= links
        return {(DUTY, one) for one in _with_events(session, found)} if found else set()

    def follow(self, session: Session, thing: Thing, reckoned: Reckoned, now: datetime) -> None:
        """The events of a link were matched anew: note its duties as stale, and those of the links
        that its events left."""
        kind, link = thing
        links = {key for where, key in reckoned.taken_from if where == "link"}
        if kind == "link" and (reckoned.changed or reckoned.gone):
            links.add(link)
        if links:
            session.execute(
                _INSERT[session.get_bind().dialect.name](StaleMatching).on_conflict_do_nothing(),
                [{"kind": DUTY, "thing_id": one} for one in sorted(links)],
            )

    def settle(self, session: Session, now: datetime, most: int) -> None:
        """Reckon the duties of up to ``most`` links that are noted."""
        links = session.scalars(
            select(StaleMatching.thing_id)
            .where(StaleMatching.kind == DUTY)
            .order_by(StaleMatching.thing_id)
            .limit(most)
        ).all()
        if links:
            reckon_duties(session, links, now)
            session.execute(
                delete(StaleMatching).where(
                    StaleMatching.kind == DUTY, StaleMatching.thing_id.in_(links)
                )
            )


def _with_events(session: Session, links: Collection[int] | None) -> Collection[int]:
    """Those that have events or duties; None = of all."""
    has = exists().where(Event.link_id == Link.id) | exists().where(Duty.link_id == Link.id)
    query = select(Link.id).where(has)
    return session.scalars(query if links is None else query.where(Link.id.in_(links))).all()
