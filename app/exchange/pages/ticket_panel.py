"""The ticket page's panel of partners: both numbers, whether the tickets are in step, waiting
entries, failures with reasons, and conflicts with both values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.core.web.times import now
from app.exchange.pages.forms import KINDS
from app.exchange.services.overview import counterparts
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import LABELS
from app.tickets.services.fields import as_logged, current_value


def exchange_panel(actor: Actor, ticket: Ticket) -> Mapping[str, Any]:
    """All people see the partners of an exchanged ticket; operators problems, and what to do."""
    found = counterparts(db.session(), ticket.number, now(), internal=actor.is_operator)
    names = {one.name for partner in found for one in partner.conflicts}
    names.update(name for one in found if one.compared for name in one.compared.not_set)
    return {
        "partners_exchanged": [one for one in found if one.pair is not None],
        "partners_to_share": [one for one in found if one.is_shareable]
        if actor.is_operator
        else [],
        "partners_unpaired": [one for one in found if one.unpaired],
        "partner_kinds": KINDS,
        "our_values": {name: as_logged(current_value(ticket, name)) or "" for name in names},
        "value_labels": LABELS,
    }
