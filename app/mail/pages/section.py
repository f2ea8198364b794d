"""What the page of a ticket says about its mails: whether one watches it, and what failed."""

from __future__ import annotations

from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.mail.services.queue import failed_mails
from app.mail.services.recipients import bad_addresses
from app.tickets.models.tickets import Ticket
from app.tickets.services.watching import watchers_choice


def mail_section(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """For the template; addresses that failed are for operators."""
    rows = db.session()
    choice = watchers_choice(rows, actor, ticket.number)
    return {
        "watching": choice is not None,
        "watchers_choice": choice,
        "sees_mails": actor.is_operator,
        "failed_mails": failed_mails(rows, ticket.number) if actor.is_operator else [],
        "bad_addresses": bad_addresses(ticket) if actor.is_operator else [],
    }
