"""What rooms do for rooms below them: every hook of the portal and the functions that it calls.

Each process composes itself once, when it starts, from the functions below; calling one again
changes nothing. Rooms are imported by the function that needs them, so that a command does not load
pages and the worker does not load Flask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.accounts.models.people import User
    from app.accounts.rules.former import Former
    from app.core.rules.access import Writer


def compose_records() -> None:
    """What ends or moves with a site, a link, a person or their sessions: every process that
    writes."""
    from app import tables  # noqa: F401  # relationships are by name: every table must be known
    from app.accounts.services.forgetting import PERSON_FORGOTTEN
    from app.accounts.services.personal_secrets import OTHER_SECRETS, OTHER_SECRETS_END
    from app.registry.services.link_ends import LINK_ENDS_MOVED
    from app.registry.services.retirement import DEPENDENTS
    from app.tickets.services.concern.concern_rows import follow_ends
    from app.tickets.services.record_use import open_tickets_on

    DEPENDENTS.set(open_tickets_on)
    LINK_ENDS_MOVED.set(follow_ends)
    OTHER_SECRETS_END.set(_end_with_sessions)
    OTHER_SECRETS.set(_has_webhook_on)
    PERSON_FORGOTTEN.set(_forget_mails, _forget_exchange, _forget_in_tickets, _forget_webhooks)


def compose_figures() -> None:
    """What is computed for each link after its matches: processes that recompute figures."""
    from app.duties.services.derived import (
        links_of_changed_duties,
        write_duties,
        write_losses,
        write_tickets_of_duties,
    )
    from app.matching.services.recompute import AFFECTED, STEPS, STEPS_BY_TICKETS

    AFFECTED.set(links_of_changed_duties)
    STEPS.set(write_losses, write_duties)
    STEPS_BY_TICKETS.set(write_tickets_of_duties)


def compose_mails() -> None:
    """What mails about tickets contain, and what a refused one means: the worker."""
    from app.calendar.services.conflicts import facts_of_mail, mails_to_others
    from app.calendar.services.work_mails import notice_of_ticket
    from app.exchange.services.announcements import note_refused
    from app.mail.services.mails import MAIL_CALENDAR, MAIL_FACTS, MAILS_TO_OTHERS
    from app.mail.services.queue import PARTNER_REFUSED

    MAIL_FACTS.set(facts_of_mail)
    MAILS_TO_OTHERS.set(mails_to_others)
    MAIL_CALENDAR.set(notice_of_ticket)
    PARTNER_REFUSED.set(note_refused)


def compose_pages() -> None:
    """What pages show of other rooms: the browsers' door."""
    from app.calendar.pages.agenda import APPOINTMENTS
    from app.calendar.pages.conflicts import conflicts_for_form, conflicts_panel
    from app.duties.pages.event_page import read_for_ticket
    from app.duties.pages.record_events import events_panel as events_of_record
    from app.evidence.pages.panels import downtimes_panel
    from app.exchange.pages.ticket_panel import exchange_panel
    from app.mail.pages.section import mail_section, will_notify
    from app.matching.pages.ticket_panel import events_panel
    from app.meetings.pages.teleconferences import appointments
    from app.notices.pages.notices import notices_panel
    from app.registry.pages.panels import RECORD_PANELS, RECORD_ROWS
    from app.reports.pages.record_panel import reports_panel
    from app.statistics.pages.record_history import history_panel
    from app.tickets.pages.form_hooks import CONFLICTS, EVENTS, PROPOSALS, RECIPIENTS
    from app.tickets.pages.panels import SOLVE_PANELS, TICKET_PANELS
    from app.tickets.pages.records_panel import tickets_panel
    from app.topology.pages.states import states_of_record, states_of_rows
    from app.topology.pages.topology import solve_panel, topology_panel
    from app.topology.services.proposals import propose_urgency

    TICKET_PANELS.set(
        *(topology_panel, notices_panel, mail_section, events_panel, downtimes_panel),
        *(conflicts_panel, exchange_panel),
    )
    SOLVE_PANELS.set(solve_panel)
    RECORD_PANELS.set(
        tickets_panel, states_of_record, history_panel, events_of_record, reports_panel
    )
    RECORD_ROWS.set(states_of_rows)
    EVENTS.set(read_for_ticket)
    PROPOSALS.set(propose_urgency)
    CONFLICTS.set(conflicts_for_form)
    RECIPIENTS.set(will_notify)
    APPOINTMENTS.set(appointments)


# webhooks load all that is known of tickets: imported by the calls, which few commands make


def _end_with_sessions(session: Session, by: Writer, user: User) -> str:
    from app.webhooks.services.webhooks import end_with_sessions

    return end_with_sessions(session, by, user)


def _has_webhook_on() -> ColumnElement[bool]:
    from app.webhooks.services.webhooks import has_webhook_on

    return has_webhook_on()


def _forget_mails(session: Session, by: Writer, former: Former) -> Mapping[str, int]:
    from app.mail.services.forgetting import forget_mails

    return forget_mails(session, by, former)


def _forget_exchange(session: Session, by: Writer, former: Former) -> Mapping[str, int]:
    from app.exchange.services.forgetting import forget_exchange

    return forget_exchange(session, by, former)


def _forget_in_tickets(session: Session, by: Writer, former: Former) -> Mapping[str, int]:
    from app.tickets.services.forgetting import forget_in_tickets

    return forget_in_tickets(session, by, former)


def _forget_webhooks(session: Session, by: Writer, former: Former) -> Mapping[str, int]:
    from app.webhooks.services.forgetting import forget_webhooks

    return forget_webhooks(session, by, former)
