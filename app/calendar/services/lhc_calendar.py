"""The calendar of the LHC: what pages and rules read, and what administrators change.

Whether the detectors ran decides duties, also of events long ago: each change is in the log, and
what the rules ask for follows it. Times are UTC; people read and write CERN's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.calendar.models.lhc import LhcPeriod
from app.calendar.rules.lhc_calendar import Period, PeriodKind, StatedPeriod, checked_period
from app.core.models.changes import Change
from app.core.rules.access import ActorKind, Writer, require_admin
from app.core.rules.errors import Invalid, NotFound
from app.core.rules.language import _
from app.core.services.changes import FieldChange, next_version, record_change
from app.registry.services.registry import checked_why

LHC_PERIOD: Final = "lhc period"
"""The kind of thing in the change log."""
_MANAGE: Final = _("change the calendar of the LHC")
_NEWEST: Final = 50


_IN_ORDER: Final = (LhcPeriod.begins_at, LhcPeriod.ends_at.desc(), LhcPeriod.id)


def lhc_periods(session: Session) -> Sequence[LhcPeriod]:
    """All periods by their beginning, longer ones first."""
    return session.scalars(select(LhcPeriod).order_by(*_IN_ORDER)).all()


def known_periods(session: Session) -> Sequence[Period]:
    """The same as the rules take them: as plain rows, since each home page reads them."""
    columns = (LhcPeriod.name, LhcPeriod.kind, LhcPeriod.begins_at, LhcPeriod.ends_at)
    rows = session.execute(select(*columns).order_by(*_IN_ORDER))
    return [Period(name, PeriodKind(kind), begin, end) for name, kind, begin, end in rows]


def period_of(row: LhcPeriod) -> Period:
    """One of them."""
    return Period(row.name, PeriodKind(row.kind), row.begins_at, row.ends_at)


def stated_of(row: LhcPeriod) -> StatedPeriod:
    """One of them as people state it."""
    return StatedPeriod(
        row.name,
        row.kind,
        row.begins_at,
        row.begin_precision,
        row.begin_standing,
        row.ends_at,
        row.end_precision,
        row.end_standing,
        row.source,
        row.note,
    )


def period_of_id(session: Session, period_id: int) -> LhcPeriod:
    """The period of this key; ``NotFound`` otherwise."""
    row = session.get(LhcPeriod, period_id)
    if row is None:
        raise NotFound(_("There is no such period"))
    return row


def add_period(session: Session, by: Writer, stated: Mapping[str, str], why: str = "") -> LhcPeriod:
    """Add a period; only admins may. ``InvalidMany`` by field, as ``checked_period``."""
    require_admin(by.actor, _MANAGE)
    period = checked_period(stated)
    _check_name(session, period.name, None)
    row = LhcPeriod(version=1, **_columns(period))
    session.add(row)
    session.flush()
    # a name that was removed may come again, under a key that was used
    row.version = next_version(session, LHC_PERIOD, row.id)
    fields = [FieldChange(name, None, text) for name, text in period.texts().items() if text]
    _record(session, by, row.id, row.version, fields, why)
    return row


def change_period(
    session: Session,
    by: Writer,
    period_id: int,
    stated: Mapping[str, str],
    *,
    seen_version: int,
    why: str = "",
) -> LhcPeriod:
    """Change a period; only admins may. ``Invalid`` on ``version`` if somebody else did since.

    A second time with the same changes nothing.
    """
    require_admin(by.actor, _MANAGE)
    row = _locked(session, period_id)
    period = checked_period(stated)
    before, after = stated_of(row).texts(), period.texts()
    differing = [name for name in after if after[name] != before[name]]
    if not differing:
        return row
    if seen_version != row.version:
        raise Invalid(
            "version",
            _("Somebody else changed this period in the meantime; check it and save again"),
        )
    _check_name(session, period.name, row.id)
    for name, value in _columns(period).items():
        setattr(row, name, value)
    row.version += 1
    fields = [FieldChange(name, before[name] or None, after[name] or None) for name in differing]
    _record(session, by, row.id, row.version, fields, why)
    return row


def remove_period(session: Session, by: Writer, period_id: int, why: str) -> str:
    """Take a period off the calendar, with a reason; its name. The log keeps what it was."""
    require_admin(by.actor, _MANAGE)
    if not checked_why(why):
        raise Invalid("why", _("Enter a reason for the removal"))
    row = _locked(session, period_id)
    name = row.name
    fields = [
        FieldChange(field, text, None) for field, text in stated_of(row).texts().items() if text
    ]
    _record(session, by, row.id, row.version + 1, fields, why)
    session.delete(row)
    session.flush()
    return name


def newest_changes(session: Session) -> Sequence[Change]:
    """The newest changes that people made to all periods, newest first."""
    return session.scalars(
        select(Change)
        .where(Change.kind == LHC_PERIOD, Change.actor_kind == ActorKind.PERSON)
        .order_by(Change.at.desc(), Change.id.desc())
        .limit(_NEWEST)
    ).all()


def _columns(period: StatedPeriod) -> dict[str, Any]:
    return {
        "name": period.name,
        "kind": period.kind,
        "begins_at": period.begin,
        "begin_precision": period.begin_precision,
        "begin_standing": period.begin_standing,
        "ends_at": period.end,
        "end_precision": period.end_precision,
        "end_standing": period.end_standing,
        "source": period.source,
        "note": period.note,
    }


def _check_name(session: Session, name: str, own: int | None) -> None:
    found = session.scalar(select(LhcPeriod.id).where(LhcPeriod.name == name))
    if found is not None and found != own:
        raise Invalid("name", _("There is already a period with this name"))


def _locked(session: Session, period_id: int) -> LhcPeriod:
    row = session.scalars(
        select(LhcPeriod)
        .where(LhcPeriod.id == period_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise NotFound(_("There is no such period"))
    return row


def _record(
    session: Session,
    by: Writer,
    period_id: int,
    version: int,
    fields: Sequence[FieldChange],
    why: str,
) -> None:
    said = checked_why(why)
    reason = [FieldChange("why", None, said)] if said else []
    record_change(
        session,
        by,
        kind=LHC_PERIOD,
        thing_id=period_id,
        version=version,
        fields=[*fields, *reason],
    )
