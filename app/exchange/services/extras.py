"""The partner's own fields that are set when a ticket is created there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.exchange.adapters.kinds import kind_named
from app.exchange.models.connections import Connection
from app.exchange.rules.extras import Facts, filled
from app.exchange.rules.profiles import Profile
from app.tickets.models.tickets import Ticket


def fields_there(connection: Connection) -> Sequence[str] | None:
    """Names of the fields that the newest test read back; None = not checked by a test."""
    return json.loads(connection.fields_there) if connection.fields_there else None


def note_fields_there(connection: Connection, names: Sequence[str]) -> None:
    """Record which of the profile's fields a test read back."""
    connection.fields_there = json.dumps(sorted(names))


def fields_left_out(connection: Connection, profile: Profile) -> Sequence[str]:
    """Fields of the profile that are not sent, because no test read them back."""
    there = fields_there(connection) or ()
    is_able = kind_named(connection.kind).has_extras
    return [name for name in profile.extras if not is_able or name not in there]


def extras_of(
    session: Session, connection: Connection, profile: Profile, number: int
) -> dict[str, str]:
    """Our ticket's values for the fields that a test read back. Sites are the affected ones, else
    the ends of the affected links; one without a GOCDB name is omitted."""
    left_out = fields_left_out(connection, profile)
    wanted = {name: what for name, what in profile.extras.items() if name not in left_out}
    if not wanted:
        return {}
    ticket = session.get_one(Ticket, number)
    sites = [one.site for one in ticket.affected_sites if one.site is not None] or [
        end for one in ticket.affected_links for end in (one.link.end_a, one.link.end_b)
    ]
    names = dict.fromkeys(name for site in sites if (name := site.gocdb_name()))
    return dict(filled(wanted, Facts(tuple(names), ticket.affected_vo, ticket.category)))
