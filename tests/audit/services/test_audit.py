"""Reading the audit: filters, pages both ways, secrets, and that nothing in it can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.accounts.models.people import FailedLogins
from app.accounts.services.credentials import count_failed_login
from app.accounts.services.people import find_user, set_password, set_time_zone
from app.audit.services import audit
from app.audit.services.audit import AuditFilter, AuditPage, Position
from app.core.database.transactions import transaction
from app.core.models.changes import Change, ChangedField, Refusal
from app.core.rules.access import ActorKind, Door
from app.core.rules.errors import Forbidden
from app.core.services.changes import FieldChange, record_change
from app.core.services.refusals import Refusals
from app.events.rules.events import read_event
from app.events.services.events import EVENT, report_events
from app.registry.services.sites import change_site
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from tests.cast import NOON, Cast, enter, writer


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def found(
    session: Session,
    cast: Cast,
    *,
    after: Position | None = None,
    before: Position | None = None,
    limit: int = 50,
    **wanted: Any,
) -> AuditPage[audit.AuditChange]:
    asked = AuditFilter(**wanted)
    return audit.changes_page(session, cast.admin, asked, after=after, before=before, limit=limit)


def words(page: AuditPage[audit.AuditChange]) -> list[str]:
    return [f"{row.account} {row.thing.kind} {row.thing.name}" for row in page.rows]


def change_bandwidth(session: Session, cast: Cast, key: str, gbps: float, day: int) -> None:
    by = writer(cast.admin, NOON + timedelta(days=day), remote="192.0.2.1")
    with transaction(session):
        change_site(session, by, key, {"bandwidth_gbps": gbps}, why=f"Order {day}")


@pytest.fixture
def story(session: Session, cast: Cast) -> Cast:
    """Days 1 to 4 behind the cast's own: a site twice, a ticket, a person, another site."""
    change_bandwidth(session, cast, "DE-KIT", 100, 1)
    with transaction(session):
        open_ticket(session, writer(cast.operator, NOON + timedelta(days=2)), NewTicket(title="No"))
    with transaction(session):
        by = writer(cast.kit, NOON + timedelta(days=3))
        set_time_zone(session, by, find_user(session, "kit"), "Europe/Berlin")
    change_bandwidth(session, cast, "ES-PIC", 200, 4)
    change_bandwidth(session, cast, "DE-KIT", 400, 4)
    return cast


def test_it_tells_who_what_when_from_where_before_and_after(session: Session, story: Cast) -> None:
    newest = found(session, story).rows[0]
    assert (newest.account, newest.door, newest.remote) == ("admin", "portal", "192.0.2.1")
    assert newest.at == NOON + timedelta(days=4)
    assert (newest.thing.kind, newest.thing.name, newest.reason) == ("site", "DE-KIT", "Order 4")
    assert [tuple(vars(item).values()) for item in newest.fields] == [
        ("bandwidth_gbps", "100", "400")
    ]


def test_filters(session: Session, story: Cast) -> None:
    def got(**wanted: Any) -> list[str]:
        return words(found(session, story, first_day=date(2013, 3, 7), **wanted))

    assert got() == [
        "admin site DE-KIT",
        "admin site ES-PIC",
        "kit person kit",
        "admin site DE-KIT",
    ], "tickets only when asked for"
    assert got(kinds=("ticket", "person")) == ["kit person kit", "operator ticket 1"]
    assert got(who="kit") == ["kit person kit"]
    assert got(thing="FZK-LCG2") == ["admin site DE-KIT"] * 2, "any name of the site"
    assert got(thing="1", kinds=("ticket",)) == ["operator ticket 1"]
    assert got(thing="nothing") == []
    assert got(field="TIME_z") == ["kit person kit"]
    assert got(field="%") == []
    of_admin = ["admin site DE-KIT", "admin site ES-PIC", "admin site DE-KIT"]
    assert got(door="portal", who="admin") == of_admin
    assert got(door="soap") == []
    assert got(last_day=date(2013, 3, 8)) == ["admin site DE-KIT"]
    early = found(session, story, last_day=date(2013, 3, 6), limit=100)
    assert {row.account for row in early.rows} == {"portal"}


def test_pages_both_ways_lose_and_double_nothing(session: Session, story: Cast) -> None:
    whole = [row.id for row in found(session, story, limit=500).rows]
    assert len(whole) > 12
    there, page = [], found(session, story, limit=3)
    assert page.newer is None
    while True:
        there.append([row.id for row in page.rows])
        if page.older is None:
            break
        page = found(session, story, limit=3, after=page.older)
    assert [key for keys in there for key in keys] == whole
    back = [[row.id for row in page.rows]]
    while page.newer is not None:
        page = found(session, story, limit=3, before=page.newer)
        back.append([row.id for row in page.rows])
        assert page.older is not None
    assert [key for keys in reversed(back) for key in keys] == whole


def test_what_no_index_finds_is_searched_step_by_step(
    session: Session, story: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "EXAMINED", 2)
    page = found(session, story, field="time_zone", kinds=("site", "person"))
    assert (words(page), page.searched_to) == ([], NOON + timedelta(days=4))
    assert page.older is not None
    page = found(session, story, field="time_zone", kinds=("site", "person"), after=page.older)
    assert words(page) == ["kit person kit"]
    collected: list[str] = []
    place, steps = page.older, 0
    while place is not None:
        page = found(session, story, field="role", kinds=("site", "person"), after=place)
        collected += words(page)
        place, steps = page.older, steps + 1
    assert collected == [
        f"portal person {name}" for name in ("reader", "pic", "kit", "operator", "admin")
    ]
    assert steps > 2


def test_values_of_secrets_are_never_shown(session: Session, cast: Cast) -> None:
    with transaction(session):
        set_password(session, writer(cast.kit), find_user(session, "kit"), "a new horse 7")
        record_change(
            session,
            writer(cast.admin),
            kind="token",
            thing_id=7,
            fields=[FieldChange("secret", "an old slip", "a slip of the programmer")],
        )
    shown = {row.thing.kind: row.fields[0] for row in found(session, cast, limit=2).rows}
    assert (shown["person"].field, shown["person"].new) == ("password", "set")
    assert (shown["token"].old, shown["token"].new) == ("not shown", "not shown")


def test_only_admins_read_it(session: Session, cast: Cast) -> None:
    for actor in (cast.operator, cast.kit, cast.reader, cast.ggus):
        for reader in (audit.changes_page, audit.refusals_page, audit.failed_logins_page):
            with pytest.raises(Forbidden, match="Only admins may read the audit"):
                reader(session, actor, AuditFilter())


def test_refusals_and_failed_logins(session: Session, cast: Cast) -> None:
    book = Refusals()
    for minute, actor in enumerate((cast.kit, cast.pic, cast.kit)):
        book.note(
            session,
            actor,
            Door.PORTAL,
            what=f"GET /{minute}",
            reason="no",
            remote="192.0.2.1",
            now=NOON + timedelta(minutes=minute),
        )
        with transaction(session):
            count_failed_login(
                session, ActorKind.PERSON, "pic", NOON + timedelta(minutes=minute), "192.0.2.1"
            )
            count_failed_login(session, ActorKind.PERSON, "nobody", NOON, "192.0.2.2")
    first = audit.refusals_page(session, cast.admin, AuditFilter(who="kit"), limit=1)
    assert [row.what for row in first.rows] == ["GET /2"]
    second = audit.refusals_page(
        session, cast.admin, AuditFilter(who="kit"), after=first.older, limit=1
    )
    assert [row.what for row in second.rows] == ["GET /0"]
    assert second.older is None
    again = audit.refusals_page(
        session, cast.admin, AuditFilter(who="kit"), before=second.newer, limit=1
    )
    assert [row.what for row in again.rows] == ["GET /2"]
    logins = audit.failed_logins_page(session, cast.admin, AuditFilter())
    assert [(row.account, row.failures) for row in logins.rows] == [
        ("pic", 1),
        ("pic", 1),
        ("", 3),
        ("pic", 1),
    ]
    only = audit.failed_logins_page(session, cast.admin, AuditFilter(first_day=date(2013, 3, 7)))
    assert only.rows == []


def statements() -> Sequence[object]:
    return [
        update(Change).values(actor_account="somebody else"),
        delete(Change).where(Change.id == 1),
        update(ChangedField).values(new="another"),
        delete(ChangedField),
        update(Refusal).values(reason=""),
        delete(Refusal),
        delete(FailedLogins),
        update(FailedLogins).values(failures=FailedLogins.failures - 1),
        update(FailedLogins).values(account="another", failures=FailedLogins.failures + 1),
    ]


@pytest.mark.parametrize("number", range(len(statements())))
def test_the_database_refuses_to_change_or_delete_what_the_audit_holds(
    session: Session, story: Cast, number: int
) -> None:
    now = datetime.now(UTC)  # an old refusal may be deleted
    Refusals().note(session, story.kit, Door.PORTAL, what="GET /x", reason="no", remote="", now=now)
    with transaction(session):
        count_failed_login(session, ActorKind.PERSON, "kit", NOON)
    with pytest.raises(DatabaseError, match="only added"), transaction(session):
        session.execute(statements()[number])  # type: ignore[call-overload]
    for row in (Change, ChangedField, Refusal, FailedLogins):
        assert session.scalars(select(row)).first() is not None


def test_postgresql_refuses_to_empty_the_tables_as_well(session: Session, story: Cast) -> None:
    if session.get_bind().dialect.name == "sqlite":
        return  # it has no TRUNCATE: what DELETE refuses is all
    for table in ("changed_fields", "refusals", "failed_logins"):
        with pytest.raises(DatabaseError, match="only added"), transaction(session):
            session.execute(text(f"TRUNCATE {table}"))


def test_events_are_shown_when_they_are_asked_for(session: Session, cast: Cast) -> None:
    texts = {"source": "probe", "source_id": "id of theirs", "site": "DE-KIT", "state": "down"}
    with transaction(session):
        message = read_event(0, "event 0", {**texts, "start": "2013-03-06T10:00:00Z"})
        report_events(session, writer(cast.operator), [message])
    every = audit.changes_page(session, cast.admin, AuditFilter())
    assert EVENT not in {row.thing.kind for row in every.rows}
    assert ("event source", "probe") in {(row.thing.kind, row.thing.name) for row in every.rows}
    for wanted in (
        AuditFilter(kinds=(EVENT,)),
        AuditFilter(kinds=(EVENT,), thing="1"),
        AuditFilter(thing="id of theirs"),
    ):
        (row,) = audit.changes_page(session, cast.admin, wanted).rows
        assert (row.thing.kind, row.thing.key, row.thing.name) == (EVENT, 1, "1")
