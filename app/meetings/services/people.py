"""People concerned by a teleconference: who requested it, the chair, reporters of the sites; who
joined or left.

The sites are those of its tickets (affected, responsible, at the ends of affected links), and for a
quarter all that were T1 in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User, UserSite
from app.core.rules.access import Role
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.meetings.models.teleconferences import Teleconference, TeleconferencePerson
from app.registry.models.registry import Site
from app.reports.services.numbers import t1s_of
from app.tickets.models.tickets import Ticket
from app.tickets.services.fields import facts_of


def chair_people(session: Session) -> Sequence[User]:
    """Operators and admins who may log in, by name."""
    return session.scalars(
        select(User)
        .where(User.role.in_((Role.OPERATOR, Role.ADMIN)), User.disabled_at.is_(None))
        .order_by(User.name)
    ).all()


def concerned_sites(session: Session, row: Teleconference) -> Collection[int]:
    """The keys of the sites that it is about."""
    found: set[int] = set()
    numbers = [item.ticket_number for item in row.tickets]
    for ticket in session.scalars(select(Ticket).where(Ticket.number.in_(numbers))).unique():
        found |= facts_of(ticket).site_ids
    if row.quarter:
        found |= {site.id for site in t1s_of(session, Quarter.parse(row.quarter))}
    return found


def concern_people(session: Session, row: Teleconference) -> Sequence[TeleconferencePerson]:
    """Add the people concerned now who are not in it yet; returns those who were added.

    Who left stays out.
    """
    whys = _whys(session, row)
    known = {one.user_id for one in row.people}
    users = {
        user.id: user
        for user in session.scalars(select(User).where(User.id.in_(whys.keys() - known)))
    }
    return [put_in(row, users[key], why) for key, why in whys.items() if key in users]


def put_in(row: Teleconference, user: User, why: str) -> TeleconferencePerson:
    """A person who was not known to it."""
    one = TeleconferencePerson(
        user=user, user_id=user.id, position=len(row.people), why=why[:SHORT_TEXT_LIMIT]
    )
    one.is_in, one.is_invited = True, False
    row.people.append(one)
    return one


def names(people: Iterable[TeleconferencePerson]) -> str | None:
    """Their names as the change log holds them; None where there is nobody."""
    return ", ".join(one.user.name for one in people) or None


def _whys(session: Session, row: Teleconference) -> Mapping[int, str]:
    """Why it concerns whom, by the person's key; the first reason counts."""
    found: dict[int, str] = {}
    if row.requested_by_id is not None:
        found[row.requested_by_id] = _("because you requested this meeting")
    for user in chair_people(session):
        found.setdefault(user.id, _("as chair of the operations group"))
    rows = session.execute(
        select(User.id, Site.key)
        .join(UserSite, UserSite.user_id == User.id)
        .join(Site, Site.id == UserSite.site_id)
        .where(
            User.role == Role.REPORTER,
            User.disabled_at.is_(None),
            Site.id.in_(concerned_sites(session, row)),
        )
        .order_by(Site.key, User.name)
    )
    sites: dict[int, list[str]] = {}
    for key, site in rows:
        sites.setdefault(key, []).append(site)
    for key, listed in sites.items():
        found.setdefault(key, _("as reporter of %(listed)s", listed=", ".join(listed)))
    return found
