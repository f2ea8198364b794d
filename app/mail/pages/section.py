"""What the page of a ticket says about its mails: whether one watches it or is reminded of it, and
what failed."""

from __future__ import annotations

from typing import Any

from app.core.rules.access import Actor
from app.core.web.extensions import db
from app.mail.services.of_ticket import mails_of_ticket
from app.mail.services.recipients import bad_addresses
from app.tickets.models.tickets import Ticket


def mail_section(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """For the template; addresses that failed are for operators."""
    found = mails_of_ticket(db.session(), actor, ticket.number)
    return {
        "watching": found.choice is not None,
        "watchers_choice": found.choice,
        "gets_mails": found.gets_mails,
        "reminder": found.reminder,
        "sees_mails": actor.is_operator,
        "failed_mails": found.failed,
        "bad_addresses": bad_addresses(ticket) if actor.is_operator else [],
    }
