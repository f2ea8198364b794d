"""The audit as administrators read it: changes, refused rights and failed logins, by time.

Pages are keyset pages, newest first: behind or before a position (time, id). The kinds of things
are few, so the changes are read kind by kind, each from an index, and merged: a page costs the same
among a million rows as among a hundred. What no index finds (a door, a word in a field's name) is
looked for in the next ``EXAMINED`` rows, and the page says how far it looked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import (
    ColumnElement,
    and_,
    func,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.accounts.models.partners import AccountSecret, Partner, PartnerAccount
from app.accounts.models.people import ApiToken, FailedLogins, User
from app.calendar.models.lhc import LhcPeriod
from app.core.models.changes import Change, ChangedField, Refusal
from app.core.rules.access import Actor, require_admin
from app.core.rules.language import _, said_word
from app.core.services.changes import TICKET, FieldChange
from app.core.services.drills import DRILL
from app.duties.models.duties import DutyRule
from app.events.models.events import Event, EventSource
from app.events.services.events import EVENT
from app.evidence.models.downtimes import DowntimeList
from app.evidence.services.downtimes import LIST
from app.mail.models.mails import Mail, MailStop
from app.matching.services.rules import MATCHING_RULE
from app.meetings.models.packs import MeetingPack
from app.meetings.rules.packs import PACK
from app.meetings.rules.teleconferences import SERIES, TELECONFERENCE
from app.notices.models.notices import CarrierTrust, MaintenanceNotice
from app.notices.services.carriers import TRUST
from app.registry.models.registry import Link, NameDecision, Site, SiteName, Unit
from app.reports.models.reports import Report, ReportForm
from app.reports.rules.reports import REPORT
from app.reports.services.form_drafts import REPORT_FORM
from app.webhooks.models.webhooks import Webhook
from app.webhooks.services.switching import WEBHOOK

T = TypeVar("T")

PAGE: Final = 50
MAX_LENGTHS: Final = {"thing": 255, "who": 100, "field": 50}
"""Of the texts of a filter."""
EXAMINED: Final = 2_000
"""Rows that one page looks at for what no index finds."""
_MAX_PER_THING: Final = 100_000
REASON: Final = "why"
"""The field of a change that holds its reason."""
HIDDEN: Final = _("not shown")
"""Stands for the value of a secret."""
_SECRET_FIELDS: Final = frozenset(
    {"password", "secret", "password_hash", "secret_hash", "totp", "totp_secret", "recovery_codes"}
)
_HARMLESS: Final = frozenset({"set", "yes", "no", "on", "off"})

Position = tuple[datetime, int]
"""Time and id of a row: a place in the list."""


@dataclass(frozen=True)
class AuditFilter:
    """What is wanted. Values of ``kinds`` are alternatives; all else is required together.

    Without kinds everything but tickets and events. ``thing`` is a name of a thing (a site's, a
    link's id, a login, the number of a ticket or event); ``who`` an account's name. Days are UTC,
    both included.
    """

    kinds: tuple[str, ...] = ()
    thing: str = ""
    who: str = ""
    door: str = ""
    field: str = ""
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class AuditedObject:
    """What was changed: its kind, its key, and what it is called now ("" = gone)."""

    kind: str
    key: int
    name: str


@dataclass(frozen=True)
class AuditChange:
    """One change as the audit shows it; values of secrets are ``HIDDEN``."""

    id: int
    at: datetime
    account: str
    actor_kind: str
    author: str
    door: str
    remote: str
    thing: AuditedObject
    version: int
    fields: Sequence[FieldChange]
    reason: str


@dataclass(frozen=True)
class AuditPage(Generic[T]):
    """Rows, newest first; ``older`` and ``newer`` are where the list continues, or None.

    ``searched_to`` is set where the page ends because enough rows were looked at: how far back.
    """

    rows: Sequence[T]
    older: Position | None
    newer: Position | None
    searched_to: datetime | None = None


def kinds_of_changes(session: Session) -> Sequence[str]:
    """The kinds of things that ever were changed, by name."""
    return list(_distinct(session, Change.kind))


def _distinct(session: Session, column: InstrumentedAttribute[str]) -> Iterator[str]:
    """Its values one after another, each found in the index: not by reading all rows."""
    value = session.scalar(select(func.min(column)))
    while value is not None:
        yield value
        value = session.scalar(select(func.min(column)).where(column > value))


def changes_page(
    session: Session,
    actor: Actor,
    wanted: AuditFilter,
    *,
    after: Position | None = None,
    before: Position | None = None,
    limit: int = PAGE,
) -> AuditPage[AuditChange]:
    """One page of the changes, behind ``after`` or, nearer to now, before ``before``."""
    require_admin(actor, _("read the audit"))
    days = _between_days(Change.at, wanted), _beyond(Change, after, before)
    parts = [
        select(Change.id, Change.at).where(condition, *days)
        for condition in _driving(session, wanted)
    ]
    if not parts:
        return AuditPage((), None, None)
    examined = EXAMINED if wanted.door or wanted.field else limit + 1
    if wanted.thing:
        # all of its few changes: asked for the newest ones, SQLite would look through all things
        parts = [part.limit(_MAX_PER_THING) for part in parts]
    else:
        parts = [_ordered(part, Change, before).limit(examined) for part in parts]
    found, reached = _merged(session, parts, wanted, before, examined, limit)
    keys = [row.id for row in found[:limit]]
    changes = {
        change.id: change for change in session.scalars(select(Change).where(Change.id.in_(keys)))
    }
    rows = [changes[key] for key in keys]
    names = names_of(session, ((change.kind, change.thing_id) for change in rows))
    shown = [_shown(change, names) for change in rows]
    cut = reached if len(found) <= limit else None
    page = _paged(shown, [(row.at, row.id) for row in found], after, before, limit)
    if cut is None:
        return page
    if before is not None:
        return AuditPage(page.rows, page.older, cut, cut[0])
    return AuditPage(page.rows, cut, page.newer, cut[0])


def _driving(session: Session, wanted: AuditFilter) -> list[ColumnElement[bool]]:
    """Conditions that together hold all wanted changes, each of which an index answers by time."""
    kinds = wanted.kinds or [kind for kind in kinds_of_changes(session) if kind not in _MANY]
    who = Change.actor_account == wanted.who if wanted.who else true()
    if wanted.thing:
        things = things_named(session, wanted.thing, wanted.kinds)
        return [and_(Change.kind == kind, Change.thing_id == key, who) for kind, key in things]
    return [and_(Change.kind == kind, who) for kind in kinds]


def _merged(
    session: Session,
    parts: Sequence[Any],
    wanted: AuditFilter,
    before: Position | None,
    examined: int,
    limit: int,
) -> tuple[Sequence[Any], Position | None]:
    """The wanted rows nearest to the start, one more than ``limit``; and the place up to which all
    were looked at, None where that was everything."""
    every = union_all(*(select(part.subquery()) for part in parts)).subquery()
    order = _directions(every.c.at, every.c.id, before)
    looked = session.execute(select(every).order_by(*order).limit(examined)).all()
    rows = list(looked)
    if wanted.door:
        through = _through(session, [row.id for row in rows], wanted.door)
        rows = [row for row in rows if row.id in through]
    if wanted.field:
        having = _with_field(session, [row.id for row in rows], wanted.field)
        rows = [row for row in rows if row.id in having]
    if len(looked) < examined or len(rows) > limit or not (wanted.door or wanted.field):
        return rows, None
    return rows, (looked[-1].at, looked[-1].id)


def _through(session: Session, changes: Sequence[int], door: str) -> Collection[int]:
    """Those of the changes that came through this door."""
    return set(
        session.scalars(select(Change.id).where(Change.id.in_(changes), Change.door == door))
    )


def _with_field(session: Session, changes: Sequence[int], text: str) -> Collection[int]:
    """Those of the changes that have a field whose name holds ``text``, in any case."""
    # by their keys: as a condition on a join, PostgreSQL reads the fields of all changes
    named = func.lower(ChangedField.field).contains(text.lower(), autoescape=True)
    return set(
        session.scalars(
            select(ChangedField.change_id).where(ChangedField.change_id.in_(changes), named)
        )
    )


def _shown(change: Change, names: Mapping[tuple[str, int], str]) -> AuditChange:
    key = (change.kind, change.thing_id)
    return AuditChange(
        change.id,
        change.at,
        change.actor_account,
        change.actor_kind,
        change.author,
        change.door,
        change.remote,
        AuditedObject(*key, names.get(key, "")),
        change.version,
        [
            FieldChange(item.field, _hidden(item.field, item.old), _hidden(item.field, item.new))
            for item in change.fields
            if item.field != REASON
        ],
        next((item.new or "" for item in change.fields if item.field == REASON), ""),
    )


def _hidden(field: str, value: str | None) -> str | None:
    """A value, unless it is that of a secret: the log should hold none, and none is shown."""
    if value is None or field not in _SECRET_FIELDS or value in _HARMLESS:
        return value
    return HIDDEN


def refusals_page(
    session: Session,
    actor: Actor,
    wanted: AuditFilter,
    *,
    after: Position | None = None,
    before: Position | None = None,
    limit: int = PAGE,
) -> AuditPage[Refusal]:
    """One page of the refused rights."""
    require_admin(actor, _("read the audit"))
    condition = and_(
        Refusal.actor_account == wanted.who if wanted.who else true(),
        Refusal.door == wanted.door if wanted.door else true(),
        _between_days(Refusal.at, wanted),
        _beyond(Refusal, after, before),
    )
    query = _ordered(select(Refusal).where(condition), Refusal, before).limit(limit + 1)
    rows = session.scalars(query).all()
    return _paged(rows[:limit], [(row.at, row.id) for row in rows], after, before, limit)


def failed_logins_page(
    session: Session,
    actor: Actor,
    wanted: AuditFilter,
    *,
    after: Position | None = None,
    before: Position | None = None,
    limit: int = PAGE,
) -> AuditPage[FailedLogins]:
    """One page of the failed logins, counts per account and minute."""
    require_admin(actor, _("read the audit"))
    minute, key = FailedLogins.minute, FailedLogins.id
    condition = and_(
        FailedLogins.account == wanted.who if wanted.who else true(),
        _between_days(minute, wanted),
        _beyond_of(minute, key, after, before),
    )
    query = select(FailedLogins).where(condition).order_by(*_directions(minute, key, before))
    rows = session.scalars(query.limit(limit + 1)).all()
    return _paged(rows[:limit], [(row.minute, row.id) for row in rows], after, before, limit)


def _ordered(query: Any, row: type[Change | Refusal], before: Position | None) -> Any:
    return query.order_by(*_directions(row.at, row.id, before))


def _directions(at: Any, key: Any, before: Position | None) -> tuple[Any, Any]:
    return (at.desc(), key.desc()) if before is None else (at, key)


def _beyond(
    row: type[Change | Refusal], after: Position | None, before: Position | None
) -> ColumnElement[bool]:
    return _beyond_of(row.at, row.id, after, before)


def _beyond_of(
    at: Any, key: Any, after: Position | None, before: Position | None
) -> ColumnElement[bool]:
    if before is not None:
        return tuple_(at, key) > tuple_(*before)
    return tuple_(at, key) < tuple_(*after) if after is not None else true()


def _between_days(at: Any, wanted: AuditFilter) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [true()]
    if wanted.first_day is not None:
        parts.append(at >= _midnight(wanted.first_day))
    if wanted.last_day is not None and wanted.last_day < date.max:
        parts.append(at < _midnight(wanted.last_day) + timedelta(days=1))
    return and_(*parts)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _paged(
    rows: Sequence[T],
    positions: Sequence[Position],
    after: Position | None,
    before: Position | None,
    limit: int,
) -> AuditPage[T]:
    """A page of at most ``limit`` rows, in the order in which they were read."""
    more = len(positions) > limit
    positions = positions[:limit]
    if before is not None:
        rows, positions = list(reversed(rows)), list(reversed(positions))
        older = positions[-1] if positions else before
        return AuditPage(rows, older, positions[0] if more else None)
    newer = (positions[0] if positions else after) if after is not None else None
    return AuditPage(rows, positions[-1] if more else None, newer)


_NAMES: Final[Mapping[str, tuple[InstrumentedAttribute[int], InstrumentedAttribute[str]]]] = {
    "site": (Site.id, Site.key),
    "link": (Link.id, Link.name),
    "feed": (User.id, User.name),
    "lhc period": (LhcPeriod.id, LhcPeriod.name),
    "duty rule": (DutyRule.id, DutyRule.name),
    "person": (User.id, User.name),
    "partner": (Partner.id, Partner.code),
    "account": (PartnerAccount.id, PartnerAccount.login),
    "token": (ApiToken.id, ApiToken.name),
    "unit": (Unit.id, Unit.name),
    "name": (NameDecision.id, NameDecision.name),
    "mail": (Mail.id, Mail.address),
    "mail stop": (MailStop.id, MailStop.address_key),
    "event source": (EventSource.id, EventSource.name),
    "notice": (MaintenanceNotice.id, MaintenanceNotice.title),
    TRUST: (CarrierTrust.id, CarrierTrust.form),
    PACK: (MeetingPack.id, MeetingPack.title),
    WEBHOOK: (Webhook.id, Webhook.name),
}
"""Key and name of the things of each kind; tickets and events are named by their numbers."""
_NUMBERED: Final = {
    MATCHING_RULE: "version",
    TELECONFERENCE: "TC",
    SERIES: "pause",
    DRILL: "number",
}
"""Things that have no name but a number, behind this word."""
_MANY: Final = frozenset({TICKET, EVENT})
"""Kinds that are shown only when they are requested: there are so many."""


def names_of(session: Session, things: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
    """What things are called now, by kind and key; those that are gone are left out."""
    wanted: dict[str, set[int]] = {}
    for kind, key in things:
        wanted.setdefault(kind, set()).add(key)
    found: dict[tuple[str, int], str] = {}
    for kind, keys in wanted.items():
        if kind in _MANY:
            found |= {(kind, key): str(key) for key in keys}
        elif kind == "secret":
            rows = session.execute(
                select(AccountSecret.id, PartnerAccount.login)
                .join(PartnerAccount, PartnerAccount.id == AccountSecret.account_id)
                .where(AccountSecret.id.in_(keys))
            )
            found |= {(kind, row.id): row.login for row in rows}
        elif kind in _NUMBERED:
            found |= {(kind, key): said_word(_NUMBERED[kind]) + f" {key}" for key in keys}
        elif kind == REPORT:
            reports = select(Report.id, Site.key, Report.quarter).join(Report.site)
            for row in session.execute(reports.where(Report.id.in_(keys))):
                found[kind, row.id] = f"{row.key} {row.quarter}"
        elif kind == LIST:
            lists = select(DowntimeList).where(DowntimeList.id.in_(keys))
            found |= {
                (kind, row.id): f"{row.site.key} {row.service}" for row in session.scalars(lists)
            }
        elif kind == REPORT_FORM:
            there = session.scalars(select(ReportForm.number).where(ReportForm.number.in_(keys)))
            found |= {(kind, number): _("form %(number)s", number=number) for number in there}
        elif kind in _NAMES:
            key_of, name_of = _NAMES[kind]
            named = session.execute(select(key_of, name_of).where(key_of.in_(keys)))
            found |= {(kind, row[0]): row[1] for row in named}
    return found


def things_named(
    session: Session, name: str, kinds: Sequence[str] = ()
) -> Sequence[tuple[str, int]]:
    """Kind and key of everything that has this name, a site under any of its names."""
    found: dict[tuple[str, int], None] = {}
    number = name.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 10:
        found[TICKET, int(number)] = None
        found[EVENT, int(number)] = None
    word, _, counted = name.rpartition(" ")
    if counted.isascii() and counted.isdigit() and len(counted) < 10:
        found |= {(kind, int(counted)): None for kind, said in _NUMBERED.items() if said == word}
    for kind, (key_of, name_of) in _NAMES.items():
        named = select(key_of).where(name_of == name)
        found |= {(kind, key): None for key in session.scalars(named)}
    # also by the source's own id; by source and id, as the index has it
    of_event = select(Event.id).where(
        Event.source_id.in_(select(EventSource.id)), Event.source_key == name
    )
    found |= {(EVENT, key): None for key in session.scalars(of_event)}
    of_site = select(SiteName.site_id).where(SiteName.name == name)
    found |= {("site", key): None for key in session.scalars(of_site)}
    site, _, quarter = name.rpartition(" ")
    reports = (
        select(Report.id)
        .join(SiteName, SiteName.site_id == Report.site_id)
        .where(SiteName.name == site, Report.quarter == quarter)
    )
    found |= {(REPORT, key): None for key in session.scalars(reports)}
    word, _, number = name.rpartition(" ")
    if word == "form" and number.isascii() and number.isdigit() and len(number) < 10:
        found[REPORT_FORM, int(number)] = None
    secrets = (
        select(AccountSecret.id)
        .join(PartnerAccount, PartnerAccount.id == AccountSecret.account_id)
        .where(PartnerAccount.login == name)
    )
    found |= {("secret", key): None for key in session.scalars(secrets)}
    return [thing for thing in found if not kinds or thing[0] in kinds]
