"""The verbs on attachments, on both databases, without any door."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor
from app.core.rules.errors import Forbidden, Invalid, NotFound
from app.core.services.changes import TICKET, changes_of
from app.tickets.models.attachments import Attachment, AttachmentContent
from app.tickets.rules.content import NewTicket
from app.tickets.services.attachments import (
    add_attachment,
    attachments_of,
    content_of,
    find_attachment,
    may_remove,
    remove_attachment,
)
from app.tickets.services.lifecycle import find_ticket, move_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer

LOG = b"12:00 loss of signal\n"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, by: Actor, **fields: object) -> int:
    with transaction(session):
        new = NewTicket(**{"title": "t", **fields})  # type: ignore[arg-type]
        return open_ticket(session, writer(by), new).number


def added(session: Session, by: Actor, number: int, content: bytes = LOG) -> int:
    with transaction(session):
        return add_attachment(session, writer(by), number, "../line.log", content).id


def counts(session: Session) -> list[int | None]:
    return [
        session.scalar(select(func.count()).select_from(row))
        for row in (Attachment, AttachmentContent, Change)
    ]


def test_adding_is_one_change_of_the_ticket(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    later = NOON + timedelta(hours=1)
    with transaction(session):
        attachment = add_attachment(
            session, writer(cast.ggus, later, author="noc-demo"), number, "../line.log", LOG
        )
        key = attachment.id
    ticket = find_ticket(session, cast.operator, number)
    assert (ticket.version, ticket.changed_at, ticket.last_author) == (2, later, "noc-demo")
    kept = find_attachment(session, cast.reader, key)
    assert (kept.name, kept.size, kept.author) == ("line.log", len(LOG), "noc-demo")
    assert (kept.media_type, kept.digest) == ("text/plain", hashlib.sha256(LOG).hexdigest())
    assert kept.created_at == later
    assert kept.partner is not None
    assert kept.partner.code == "GGUS-TEST"
    assert content_of(session, kept) == LOG
    newest = changes_of(session, TICKET, number)[-1]
    assert newest.version == 2
    assert [(item.field, item.old, item.new) for item in newest.fields] == [
        ("attachment", None, f"ATT{key} line.log")
    ]


def test_ids_count_over_all_tickets_and_lists_are_of_one(session: Session, cast: Cast) -> None:
    one, two = opened(session, cast.operator), opened(session, cast.operator)
    ids = [
        added(session, cast.operator, number, content)
        for number, content in ((one, b"1"), (two, b"2"), (one, b"3"))
    ]
    assert ids == [1, 2, 3]
    assert [item.id for item in attachments_of(session, cast.reader, one)] == [1, 3]
    with pytest.raises(NotFound):
        attachments_of(session, cast.reader, 999)


def test_a_final_ticket_takes_attachments(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "solved", solution="x")
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "verified")
    added(session, cast.operator, number)
    assert find_ticket(session, cast.operator, number).state == "verified"


@pytest.mark.parametrize(
    ("name", "content"), [("a", b""), ("a", bytes(2 * 1024 * 1024 + 1)), ("a" * 256, b"a")]
)
def test_what_may_not_be_kept_changes_nothing(
    session: Session, cast: Cast, name: str, content: bytes
) -> None:
    number = opened(session, cast.operator)
    before = counts(session)
    with pytest.raises(Invalid), transaction(session):
        add_attachment(session, writer(cast.operator), number, name, content)
    assert counts(session) == before
    assert find_ticket(session, cast.operator, number).version == 1


def test_who_may_write_on_the_ticket_may_attach(session: Session, cast: Cast) -> None:
    number = opened(session, cast.nren_a)
    added(session, cast.nren_a, number)
    for stranger, error in (
        (cast.nren_b, NotFound),
        (cast.pic, Forbidden),
        (cast.reader, Forbidden),
    ):
        with pytest.raises(error):
            added(session, stranger, number)
    with pytest.raises(NotFound):
        added(session, cast.operator, 999)


def test_who_may_read_the_ticket_may_read_its_attachments(session: Session, cast: Cast) -> None:
    key = added(session, cast.nren_a, opened(session, cast.nren_a))
    for reader in (cast.reader, cast.pic, cast.ggus, cast.nren_a):
        assert find_attachment(session, reader, key).id == key
    for actor, unknown in ((cast.nren_b, key), (cast.operator, 999)):
        with pytest.raises(NotFound):
            find_attachment(session, actor, unknown)


def test_removing_deletes_the_content_and_keeps_the_row(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator)
    key = added(session, cast.operator, number)
    with transaction(session):
        remove_attachment(session, writer(cast.operator), key)
    assert attachments_of(session, cast.operator, number) == []
    row = session.get_one(Attachment, key)
    assert (row.removed_by, row.name) == ("operator", "line.log")
    assert session.get(AttachmentContent, key) is None
    newest = changes_of(session, TICKET, number)[-1]
    assert [(item.field, item.old, item.new) for item in newest.fields] == [
        ("attachment", f"ATT{key} line.log", None)
    ]
    for again in (
        lambda: find_attachment(session, cast.operator, key),
        lambda: content_of(session, row),
        lambda: remove_attachment(session, writer(cast.operator), key),
    ):
        with pytest.raises(NotFound):
            again()


def test_who_added_one_removes_it_until_the_ticket_is_final(session: Session, cast: Cast) -> None:
    number = opened(session, cast.kit, sites=("DE-KIT", "ES-PIC"))
    own, others = added(session, cast.kit, number), added(session, cast.pic, number)
    foreign = added(session, cast.ggus, number)
    for key, actor in ((others, cast.kit), (foreign, cast.kit), (own, cast.reader)):
        with pytest.raises(Forbidden), transaction(session):
            remove_attachment(session, writer(actor), key)
    for actor in (cast.kit, cast.ggus):
        with transaction(session):
            remove_attachment(session, writer(actor), {cast.kit: own, cast.ggus: foreign}[actor])
    with transaction(session):
        move_ticket(session, writer(cast.pic), number, "solved", solution="x")
    with transaction(session):
        move_ticket(session, writer(cast.kit), number, "verified")
    with pytest.raises(Forbidden), transaction(session):
        remove_attachment(session, writer(cast.pic), others)
    ticket = find_ticket(session, cast.pic, number)
    kept = find_attachment(session, cast.pic, others)
    assert not may_remove(cast.pic, ticket, kept)
    assert may_remove(cast.operator, ticket, kept)
    with transaction(session):
        remove_attachment(session, writer(cast.operator), others)
