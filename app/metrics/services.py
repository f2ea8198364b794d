"""What the database says about the portal's work, for monitoring. Only reads.

Every process gives the same values, so that a scrape may reach any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.models.people import FailedLogins
from app.calendar.services.calendar import agenda
from app.core.models.base import UtcTime
from app.core.models.changes import Refusal
from app.core.rules.access import SYSTEM
from app.core.rules.quarters import Quarter
from app.core.services.backups import last_verification
from app.events.models.events import EventSource
from app.events.services.hearing import hearing_of
from app.exchange.models.connections import Connection
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryState
from app.exchange.rules.pairs import PairState
from app.exchange.services.connections.connections import all_connections
from app.exchange.services.standing import answers
from app.jobs.services.followers import failing_followers
from app.jobs.services.queue import failed_jobs, queued_jobs
from app.jobs.services.workers import worker_state
from app.mail.models.mails import Mail
from app.mail.services.mails import FAILED
from app.mail.services.mails import WAITING as MAIL_WAITING
from app.matching.services.recompute import pending
from app.metrics.rules import Gauge
from app.reports.services.grid import report_grid, usual_quarters
from app.tickets.models.tickets import Ticket
from app.tickets.rules.tickets import OPEN_STATES, Category
from app.topology.rules.link_states import LinkState
from app.topology.rules.paths import Path
from app.topology.services.network_now import network_now
from app.webhooks.models.webhooks import Webhook, WebhookDelivery
from app.webhooks.rules.delivering import State as DeliveryState

CONFLICTS_AHEAD: Final = timedelta(days=60)
"""Windows that start within this time are compared with each other."""
RECENT: Final = timedelta(hours=1)
"""Failed logins and refused requests of this time are counted."""
_MOST_FAILED_JOBS: Final = 1000


def gauges(session: Session, now: datetime, due_days: int) -> Sequence[Gauge]:
    """Every metric of the database at ``now`` (UTC). ``due_days``: days from a quarter's end until
    its reports are due. The database's own errors come through."""
    parts: tuple[Callable[[Session, datetime], Iterator[Gauge]], ...] = (
        _work,
        _mails,
        _exchange,
        _webhooks,
        _monitoring,
        _network,
        _tickets,
        partial(_reports, due_days=due_days),
        _security,
        _backups,
    )
    return [gauge for part in parts for gauge in part(session, now)]


def _one(name: str, meaning: str, value: float | None) -> Gauge:
    """A metric without labels."""
    return Gauge(name, meaning, (), [] if value is None else [((), value)])


def _age(now: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else max(0.0, (now - moment).total_seconds())


def _work(session: Session, now: datetime) -> Iterator[Gauge]:
    queued = queued_jobs(session)
    yield Gauge(
        "jobs",
        "Jobs in the queue, by task and state.",
        ("task", "state"),
        [
            ((one.name, state), number)
            for one in queued
            for state, number in (
                ("waiting", one.waiting),
                ("running", one.running),
                ("retrying", one.retrying),
            )
        ],
    )
    yield Gauge(
        "job_oldest_seconds",
        "Since when the oldest job of a task is in the queue.",
        ("task",),
        [((one.name,), age) for one in queued if (age := _age(now, one.oldest)) is not None],
    )
    given_up = Counter(one.name for one in failed_jobs(session, _MOST_FAILED_JOBS) if one.given_up)
    yield Gauge(
        "jobs_given_up",
        "Jobs that failed for good and wait for a person.",
        ("task",),
        [((name,), number) for name, number in sorted(given_up.items())],
    )
    state = worker_state(session, now)
    yield _one("workers", "Workers that are alive.", state.living)
    yield _one(
        "worker_last_seen_timestamp_seconds",
        "When a worker was last seen; no value if none ever ran.",
        None if state.last_seen is None else state.last_seen.timestamp(),
    )
    yield Gauge(
        "follower_failing_seconds",
        "Followers of the change log that fail, and for how long.",
        ("follower",),
        [((one.name,), _age(now, one.since) or 0.0) for one in failing_followers(session)],
    )
    behind = pending(session, now)
    yield _one(
        "figures_behind",
        "Links and sites whose matches and duties are to be computed again.",
        len(behind.targets),
    )


def _mails(session: Session, now: datetime) -> Iterator[Gauge]:
    waiting, failed, oldest = session.execute(
        select(
            func.count().filter(Mail.state == MAIL_WAITING),
            func.count().filter(Mail.state == FAILED),
            func.min(Mail.created_at, type_=UtcTime).filter(Mail.state == MAIL_WAITING),
        ).where(Mail.state.in_((MAIL_WAITING, FAILED)))
    ).one()
    yield Gauge(
        "mails",
        "Mails that are to be sent, and mails that failed.",
        ("state",),
        [(("waiting",), waiting), (("failed",), failed)],
    )
    yield _one("mail_oldest_seconds", "Since when the oldest unsent mail waits.", _age(now, oldest))


def _exchange(session: Session, now: datetime) -> Iterator[Gauge]:
    live = {one.id: one for one in all_connections(session) if one.ended_at is None}
    labels = {key: (one.partner.code, one.kind) for key, one in live.items()}
    entries = session.execute(
        select(
            TicketPair.connection_id,
            ExchangeEntry.origin,
            ExchangeEntry.state,
            func.count(),
            func.min(ExchangeEntry.at, type_=UtcTime),
        )
        .join(TicketPair, TicketPair.id == ExchangeEntry.pair_id)
        .where(ExchangeEntry.state.in_((EntryState.WAITING, EntryState.ASKED)))
        .group_by(TicketPair.connection_id, ExchangeEntry.origin, ExchangeEntry.state)
    ).all()
    rows = [
        ((*labels[key], origin, state), number, _age(now, oldest) or 0.0)
        for key, origin, state, number, oldest in entries
        if key in labels
    ]
    partner = ("partner", "kind")
    yield Gauge(
        "exchange_entries",
        "Entries that wait to be sent, or for a person to choose a value.",
        (*partner, "origin", "state"),
        [(labels_of, number) for labels_of, number, _ in rows],
    )
    yield Gauge(
        "exchange_oldest_seconds",
        "Since when the oldest of these entries waits.",
        (*partner, "origin", "state"),
        [(labels_of, age) for labels_of, _, age in rows],
    )
    stopped = dict.fromkeys(live, 0) | dict(
        session.execute(
            select(TicketPair.connection_id, func.count())
            .where(TicketPair.state == PairState.STOPPED, TicketPair.connection_id.in_(live))
            .group_by(TicketPair.connection_id)
        ).all()
    )
    yield Gauge(
        "exchange_stopped_tickets",
        "Tickets whose exchange failed and waits for a person.",
        partner,
        [(labels[key], number) for key, number in stopped.items()],
    )
    yield Gauge(
        "exchange_last_success_timestamp_seconds",
        "When a call last succeeded, by direction; no value if none ever did.",
        (*partner, "direction"),
        [
            ((*labels[key], direction), moment.timestamp())
            for key, one in live.items()
            for direction, moment in (("sent", one.sent_at), ("read", one.read_at))
            if moment is not None
        ],
    )
    yield Gauge(
        "exchange_connection",
        "1 for what is known of a connection: the partner answers, or why it is not called.",
        (*partner, "answers"),
        [((*labels[key], _answering(one, now)), 1) for key, one in live.items()],
    )


def _answering(connection: Connection, now: datetime) -> str:
    return answers(connection, now).value


def _webhooks(session: Session, now: datetime) -> Iterator[Gauge]:
    waiting, oldest = session.execute(
        select(func.count(), func.min(WebhookDelivery.waits_since, type_=UtcTime)).where(
            WebhookDelivery.state == DeliveryState.WAITING
        )
    ).one()
    yield _one("webhook_messages", "Messages that wait to be delivered.", waiting)
    yield _one("webhook_oldest_seconds", "Since when the oldest message waits.", _age(now, oldest))
    off, failing = session.execute(
        select(
            func.count().filter(Webhook.off_at.is_not(None)),
            func.count().filter(Webhook.off_at.is_(None), Webhook.failing_since.is_not(None)),
        )
    ).one()
    yield Gauge(
        "webhooks",
        "Webhooks that fail, and webhooks that are switched off.",
        ("state",),
        [(("failing",), failing), (("off",), off)],
    )


def _monitoring(session: Session, now: datetime) -> Iterator[Gauge]:
    sources = session.scalars(
        select(EventSource).where(EventSource.calls).order_by(EventSource.name)
    ).all()
    yield Gauge(
        "source_last_heard_timestamp_seconds",
        "When a source of events last called; no value if it never did.",
        ("source",),
        [
            ((one.name,), one.last_heard_at.timestamp())
            for one in sources
            if one.last_heard_at is not None
        ],
    )
    yield Gauge(
        "source_silent",
        "1 if a source of events has not called for longer than expected.",
        ("source",),
        [((one.name,), float(hearing_of(one).is_silent(now))) for one in sources],
    )


def _network(session: Session, now: datetime) -> Iterator[Gauge]:
    found = network_now(session, now)
    states = Counter(one.state for one in found.states.values())
    states[LinkState.UNMONITORED] += found.watched.in_use - len(found.states)
    yield Gauge(
        "links",
        "Links in use, by their state.",
        ("state",),
        [((state.value,), states[state]) for state in LinkState],
    )
    yield _one(
        "links_unmonitored",
        "Links in use for which no source that is heard reports anything.",
        found.watched.unwatched,
    )
    yield _one(
        "ongoing_events_without_ticket",
        "Links that are down or degraded because of an event that no open ticket of the link"
        " documents.",
        sum(one.unattended is not None for one in found.states.values()),
    )
    paths = Counter(one.path for one in found.cut_off)
    yield Gauge(
        "t1s_cut_off",
        'T1s without any path to CERN ("none"), and T1s that lost a link and whose other links are'
        ' in an unknown state ("unknown").',
        ("path",),
        [(("none",), paths[Path.NONE]), (("unknown",), paths[Path.UNKNOWN])],
    )
    plans = agenda(session, SYSTEM, now, now + CONFLICTS_AHEAD)
    yield _one(
        "window_conflicts",
        "Conflicts between windows of the next 60 days, as far as the ends of windows are known.",
        None if plans.more else len(plans.conflicts),
    )


def _tickets(session: Session, _now: datetime) -> Iterator[Gauge]:
    counted = dict(
        session.execute(
            select(Ticket.category, func.count())
            .where(Ticket.state.in_(OPEN_STATES))
            .group_by(Ticket.category)
        ).all()
    )
    yield Gauge(
        "open_tickets",
        "Open tickets, by category.",
        ("category",),
        [((one.value,), counted.get(one.value, 0)) for one in Category],
    )


def _reports(session: Session, now: datetime, due_days: int) -> Iterator[Gauge]:
    quarters = usual_quarters(session, now)
    grid = report_grid(session, SYSTEM, quarters, now, due_days)
    yield Gauge(
        "reports_missing",
        "Quarterly reports that are not submitted, of the last quarters that ended.",
        ("quarter",),
        [
            ((str(quarter),), count.left)
            for quarter, count in zip(grid.quarters, grid.counts, strict=True)
            if quarter < Quarter.of(now)
        ],
    )


def _security(session: Session, now: datetime) -> Iterator[Gauge]:
    failures = dict(
        session.execute(
            select(FailedLogins.kind, func.sum(FailedLogins.failures))
            .where(FailedLogins.minute > now - RECENT)
            .group_by(FailedLogins.kind)
        ).all()
    )
    yield Gauge(
        "failed_logins_last_hour",
        "Failed logins within the last hour, of people and of partners' accounts.",
        ("account",),
        [((kind,), failures.get(kind, 0)) for kind in ("person", "partner")],
    )
    yield _one(
        "refused_requests_last_hour",
        "Requests within the last hour that were refused for missing rights.",
        session.scalar(select(func.count()).select_from(Refusal).where(Refusal.at > now - RECENT)),
    )


def _backups(session: Session, now: datetime) -> Iterator[Gauge]:
    known = last_verification(session)
    yield _one(
        "backup_verified_age_seconds",
        "Age of the backup that was last restored and compared; no value if none ever was.",
        _age(now, known.made_at),
    )
    ran = known.made_at is not None or known.failed_at is not None
    yield _one(
        "backup_verification_failed",
        "1 if the last verification of a backup failed; no value if none ever ran.",
        float(known.failed_at is not None) if ran else None,
    )
