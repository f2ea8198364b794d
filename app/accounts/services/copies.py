"""The bound on carbon copies: how many outside addresses an account may name on one day (UTC).

An address that a ticket did not have counts each time it is named, unless it is that of a person
who may log in here: mails of the portal shall not be a way to write to anybody at all. The count
lies in the database, so that it holds across processes; what was refused or taken back counts not.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from app.accounts.models.copies import CopiesOfDay
from app.accounts.models.people import User
from app.core.database.upsert import upsert
from app.core.rules.access import ActorKind, Writer
from app.core.rules.errors import Invalid, TooManyCopies
from app.core.rules.language import _
from app.core.rules.mails.mail_addresses import address_key, address_parts, mail_address

_FIELD: Final = "carbon_copy"
_BOUNDED: Final = (ActorKind.PERSON, ActorKind.PARTNER)


def count_copies(session: Session, by: Writer, new: str, old: str = "") -> None:
    """Count the outside addresses of a carbon copy ``new`` that were not in ``old``.

    Raises ``TooManyCopies`` above ``by.copies_per_day``, and ``Invalid`` for an address that begins
    with a dash, which a mail program might take for an option. Call it before a number is taken:
    others of this account wait for the count until the transaction ends.
    """
    added = set(address_parts(new)) - set(address_parts(old))
    if any(part.startswith("-") for part in added):
        raise Invalid(_FIELD, _("Carbon copy: an address cannot start with a dash"))
    if not added or by.actor.kind not in _BOUNDED or by.actor.account_id is None:
        return
    keys = {address_key(address) for part in added if (address := mail_address(part))}
    if not keys:
        return
    keys -= _of_people(session)
    if not keys:
        return
    table, day = CopiesOfDay.__table__, by.now.date()
    wanted = upsert(table).values(
        kind=by.actor.kind, account_id=by.actor.account_id, day=day, addresses=len(keys)
    )
    today = session.scalar(
        wanted.on_conflict_do_update(
            index_elements=[table.c.kind, table.c.account_id],
            set_={
                "day": day,
                "addresses": len(keys) + case((table.c.day == day, table.c.addresses), else_=0),
            },
        ).returning(table.c.addresses)
    )
    if today > by.copies_per_day:
        raise TooManyCopies(by.copies_per_day, today - len(keys), len(keys))


def copies_today(session: Session, kind: ActorKind, account_id: int, day: date) -> int:
    """How many outside addresses this account named on that day (UTC), today or a newer one."""
    found = session.get(CopiesOfDay, (str(kind), account_id))
    return found.addresses if found is not None and found.day == day else 0


def _of_people(session: Session) -> set[str]:
    mails = session.scalars(select(User.mail).where(User.mail != "", User.disabled_at.is_(None)))
    return {address_key(mail_address(mail) or mail) for mail in mails}
