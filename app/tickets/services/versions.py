"""What an answer about a ticket depends on, in one read: whether it may be kept is told by this.

A ticket's version covers all that its changes change. What is answered beside that - the spelling
of a site, names of the registry, a partner's code - is part of the read itself, so that whoever
compares two reads misses nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Select, bindparam, exists, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.rules.access import Actor, TicketAccess
from app.registry.models.registry import Site, SiteName
from app.tickets.models.tickets import SiteSpelling, Ticket, TicketPartner, TicketSite
from app.tickets.services.lists.query import readable

Version = tuple[object, ...]
"""Equal for two reads if and only if every answer to the same account is equal."""


_tickets, _affected, _sites, _names, _spellings, _partners, _handed = (
    row.__table__
    for row in (Ticket, TicketSite, Site, SiteName, SiteSpelling, Partner, TicketPartner)
)
_EVERY = (
    # tables, not rows: at each call of each partner the mapper's part would cost as much again
    select(
        _tickets.c.version,
        _tickets.c.changed_at,  # tells the same version apart after a backup was restored
        _partners.c.code,
        _spellings.c.name,
        select(_names.c.name)
        .where(_names.c.site_id == _sites.c.id, _names.c.system == "GOCDB")
        .order_by(_names.c.id)
        .limit(1)
        .scalar_subquery(),
        _sites.c.key,
    )
    .outerjoin(_partners, _partners.c.id == _tickets.c.created_by_partner_id)
    .outerjoin(_affected, _affected.c.ticket_number == _tickets.c.number)
    .outerjoin(_sites, _sites.c.id == _affected.c.site_id)
    .outerjoin(
        _spellings,
        (_spellings.c.ticket_site_id == _affected.c.id)
        & (_spellings.c.partner_id == bindparam("partner_id")),
    )
    .order_by(_tickets.c.number, _affected.c.position)
)
_ANY = _EVERY.where(_tickets.c.number == bindparam("number")).limit(1)
_OWN = _ANY.where(
    (_tickets.c.created_by_partner_id == bindparam("partner_id"))
    | exists().where(
        _handed.c.ticket_number == _tickets.c.number,
        _handed.c.partner_id == bindparam("partner_id"),
    )
)


def version_of_ticket(connection: Connection, actor: Actor, number: int) -> Version | None:
    """What an answer about this ticket to this partner's account depends on beside the account's
    switches and contract; None if there is no such ticket, or none that it may read."""
    statement = _ANY if actor.access is TicketAccess.ALL else _OWN
    row = connection.execute(statement, {"partner_id": actor.partner_id, "number": number}).first()
    return None if row is None else tuple(row)


def versions_of_tickets(
    session: Session, actor: Actor, numbers: Select[int] | Collection[int]
) -> Mapping[int, Version]:
    """The same of many tickets in one read, ordered by number; without what it may not read."""
    statement = _EVERY.add_columns(_tickets.c.number).where(
        _tickets.c.number.in_(numbers), readable(actor)
    )
    found: dict[int, Version] = {}
    for *version, number in session.connection().execute(
        statement, {"partner_id": actor.partner_id}
    ):
        found.setdefault(number, tuple(version))  # the first affected site's row
    return found
