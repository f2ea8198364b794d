"""The mail section of the ticket page, and the part of forms that shows who will be notified."""

from __future__ import annotations

from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Role
from app.core.settings import Settings
from app.core.web.extensions import db
from app.mail.services.announced import announce
from app.mail.services.of_ticket import mails_of_ticket
from app.mail.services.recipients import bad_addresses
from app.tickets.models.tickets import Ticket
from app.tickets.rules.concern import Concern


def mails_go_out() -> bool:
    """Return whether a mail server is configured; without one, mails are files and nobody is
    notified."""
    settings: Any = current_app.config["PORTAL"]
    assert isinstance(settings, Settings)
    return bool(settings.mail.host)


def will_notify(session: Session, actor: Actor, concern: Concern) -> dict[str, Any]:
    """For the part of a form that shows who will be notified; addresses are for operators only."""
    return {
        "announced": announce(session, actor, concern),
        "mails_go_out": mails_go_out(),
        "sees_addresses": actor.is_operator,
        "mends_contacts": actor.role is Role.ADMIN,
    }


def mail_section(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """For the template; addresses that failed are for operators only."""
    found = mails_of_ticket(db.session(), actor, ticket.number)
    return {
        "watching": found.choice is not None,
        "watchers_choice": found.choice,
        "gets_mails": found.gets_mails,
        "reminder": found.reminder,
        "sees_mails": actor.is_operator,
        "failed_mails": found.failed,
        "notified": found.newest,
        "unreachable": found.without_contact,
        "mails_go_out": mails_go_out(),
        "mends_contacts": actor.role is Role.ADMIN,
        "bad_addresses": bad_addresses(ticket) if actor.is_operator else [],
    }
