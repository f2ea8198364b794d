"""What the page of a ticket says about its mails: whether one watches it, and what failed."""

from __future__ import annotations

from typing import Any

from app.domain.access import Actor
from app.extensions import db
from app.models import Ticket
from app.services.mail_choices import watchers_choice
from app.services.mail_queue import failed_mails
from app.services.mail_recipients import bad_addresses


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
