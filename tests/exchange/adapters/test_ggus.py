"""The kind ``ggus``: another portal of this kind as partner, over its real SOAP door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.adapters.outbound import Answer, ask
from app.core.database.transactions import transaction
from app.core.models.changes import ChangedField
from app.exchange.adapters.ggus.client import Ggus
from app.exchange.adapters.http import JsonCaller, RecordedCall
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Outcome
from app.exchange.rules.pairs import PairState
from app.exchange.rules.partner import CallFailed
from app.exchange.rules.profiles import Profile, ValueRow
from app.exchange.services.connections.connections import connect
from app.exchange.tasks.deliveries import plan_entries
from app.jobs.tasks.context import Context
from app.tickets.rules.content import NewTicket
from app.tickets.rules.marks import Mark, marked, without_marks
from app.tickets.services.lifecycle import comment_ticket, create_ticket
from tests.cast import NOON, enter, writer
from tests.harness.server import LiveServer, test_settings
from tests.soap_service.wire import PASSWORD, Wire, create_accounts

STATES = tuple(ValueRow(state, state) for state in ("new", "assigned", "in progress", "solved"))
PROFILE = Profile(maps={"state": STATES})


@pytest.fixture(scope="module")
def there(sqlite_server: LiveServer) -> LiveServer:
    """The other portal, where ours has the account ``opn``."""
    create_accounts(sqlite_server)
    return sqlite_server


def partner(
    there: LiveServer, told: list[RecordedCall] | None = None, password: str = PASSWORD, **more: Any
) -> Ggus:
    caller = JsonCaller(
        there.url, ("127.0.0.1",), {}, tell=(told if told is not None else []).append, **more
    )
    return Ggus(caller, PROFILE, "opn", password, datetime.now(UTC))


def entry(number: int, sequence: int, kind: EntryKind, text: str = "", **more: Any) -> Outgoing:
    mark = Mark(number, sequence, "A person")
    return Outgoing(number, sequence, kind, marked(text, mark), "A person", **more)


def created(portal: Ggus, number: int, text: str = "The fibre is cut") -> str:
    values = {"title": f"Link {number} down", "description": text, "state": "in progress"}
    return portal.create(entry(number, 1, EntryKind.TICKET, text, values=values)).id


def test_a_ticket_is_created_once_and_found_by_our_reference(there: LiveServer) -> None:
    portal = partner(there)
    assert portal.find("LHCOPN#1001") == ()
    first = created(portal, 1001)
    assert portal.find("LHCOPN#1001") == [first]
    assert first in portal.ours(datetime.now(UTC) - timedelta(hours=1)).ids
    assert portal.ours(datetime.now(UTC) + timedelta(hours=1)).ids == ()
    assert created(portal, 1001) == first  # the contract's own key
    ticket = portal.read(first)
    assert ticket.title == "Link 1001 down"
    assert ticket.values["state"] == "new"  # never created in progress


def test_texts_come_back_with_their_marks_and_authors(there: LiveServer) -> None:
    portal = partner(there)
    key = created(portal, 1002)
    for sequence, text in enumerate(("Any news?", "Any news?"), start=2):
        portal.send(key, entry(1002, sequence, EntryKind.COMMENT, text))
    portal.send(key, entry(1002, 4, EntryKind.INTERNAL, "between us"))
    texts = portal.read(key).texts
    assert [(text.text.splitlines()[0], text.internal, text.by_us) for text in texts] == [
        ("The fibre is cut", False, True),
        ("Any news?", False, True),
        ("Any news?", False, True),
        ("between us", True, True),
    ]
    assert len({text.key for text in texts}) == 4
    assert texts[1].author == "A person (via LHCOPN)"


def test_states_move_but_never_back_and_never_over_an_end(there: LiveServer) -> None:
    portal = partner(there)
    key = created(portal, 1003)

    def move(sequence: int, **values: str) -> object:
        sent = portal.send(key, entry(1003, sequence, EntryKind.FIELDS, values=values))
        return list(sent.left_out), portal.read(key).values["state"]

    assert move(2, state="in progress") == ([], "in progress")
    assert move(3, state="solved", solution="spliced") == ([], "solved")
    assert move(4, state="in progress") == (["state"], "solved")
    assert move(5, priority="urgent", layer="L3") == (["layer"], "solved")
    assert portal.read(key).values["priority"] == "urgent"


def test_long_texts_are_cut_with_a_pointer_and_keep_their_mark(there: LiveServer) -> None:
    portal = partner(there)
    key = created(portal, 1004, "x" * 5000)
    text = portal.read(key).texts[0].text
    assert len(text) == 4000
    assert text.endswith("...\n[The rest is in LHCOPN#1004/1]\n\n(A person via LHCOPN#1004/1)")


def test_a_long_first_text_keeps_its_facts(there: LiveServer) -> None:
    portal, facts = partner(there), "Impact: outage\nAffected sites: DE-KIT"
    text = f"{'x' * 5000}\n\n{facts}"
    values = {"title": "Link down", "state": "new"}
    sent = entry(1019, 1, EntryKind.TICKET, text, values=values, facts=facts)
    text = portal.read(portal.create(sent).id).texts[0].text
    assert len(text) == 4000
    assert text.endswith(f"LHCOPN#1019/1]\n\n{facts}\n\n(A person via LHCOPN#1019/1)")
    assert text.count(facts) == 1


def test_an_attachment_arrives_byte_by_byte(there: LiveServer) -> None:
    portal, trace = partner(there), b"traceroute\x00\xff"
    key = created(portal, 1005)
    sent = entry(1005, 2, EntryKind.ATTACHMENT, file="trace.bin", content=trace)
    assert portal.send(key, sent).key.startswith("ATT")


def test_a_file_that_is_there_is_not_sent_twice(there: LiveServer) -> None:
    """Nobody knows what came of the first call, and something was said there since."""
    portal = partner(there)
    key = created(portal, 1015)
    files = [
        entry(1015, sequence, EntryKind.ATTACHMENT, file="otdr.txt", content=content)
        for sequence, content in ((2, b"1.2 km"), (4, b"3.4 km"))
    ]
    portal.send(key, files[0])
    portal.send(key, entry(1015, 3, EntryKind.COMMENT, "See the file"))
    for _time in range(2):
        for file in files:
            portal.send(key, file)
    rows = portal._call("GGUS_ATTACH", "GetAttachIDs", GAT_Request_ID=key)
    assert [row["GAT_Attachment_attachmentName"] for row in rows] == ["otdr.txt"] * 2
    assert [text for text in portal.read(key).texts if text.files] == []


def test_a_file_of_theirs_is_read(there: LiveServer) -> None:
    portal = partner(there)
    key = created(portal, 1016)
    wire = Wire(there)
    sent = {
        "GAT_Attachment_Name": "splice.txt",
        "GAT_Attachment_Data": "YSBzcGxpY2U=",
        "GAT_Attachment_Orig_Size": "8",
        "GAT_Request_ID": key,
        "GAT_Last_Modifier": "beth",
        "GAT_Last_Login": "beth",
    }
    assert wire.call("AddAttachment", sent, service="GGUS_ATTACH").status == 200
    (text,) = (text for text in portal.read(key).texts if text.files)
    (file,) = text.files
    assert (text.author, text.by_us, text.text) == ("beth", False, "")
    assert file.load is not None
    assert (file.name, file.load()) == ("splice.txt", b"a splice")


def test_what_is_refused_is_told_from_what_may_have_been_done(there: LiveServer) -> None:
    with pytest.raises(CallFailed) as gone:
        partner(there).read("999999")
    assert gone.value.failure.outcome is Outcome.PERMANENT
    with pytest.raises(CallFailed) as locked_out:
        partner(there, password="wrong").find("LHCOPN#1")
    assert "ERROR (623)" in locked_out.value.failure.reason
    assert locked_out.value.failure.outcome is Outcome.TRANSIENT

    def html_after(*call: Any) -> Answer:
        answer = ask(*call)
        if call[0] == "POST" and b"OpCreate" in call[5]:
            return Answer(200, {"content-type": "text/html"}, b"<html>Please log in</html>")
        return answer

    with pytest.raises(CallFailed) as unknown:
        created(partner(there, transport=html_after), 1006)
    assert unknown.value.failure.outcome is Outcome.UNKNOWN
    assert len(partner(there).find("LHCOPN#1006")) == 1


def test_calls_are_told(there: LiveServer) -> None:
    told: list[RecordedCall] = []
    created(partner(there, told), 1007)
    assert told[-1].what.startswith("OpCreate /arsys/services/")
    assert told[-1].answered.startswith("200 ")
    assert "Link 1007 down" in told[-1].request


def test_it_tests_a_connection(there: LiveServer) -> None:
    assert [(check.what, check.problem) for check in partner(there).test()] == [
        ("Reachable", ""),
        ("Logged in", ""),
        ("May read", ""),
        ("May read the history", ""),
    ]


def test_what_the_partner_writes_here_is_a_pair_and_its_entries(session: Session) -> None:
    """The other side of it: the partner's OpCreate and TicketModify at our own door."""
    cast, engine = enter(session), session.get_bind().engine
    with transaction(session):
        admin = writer(cast.admin, NOON)
        url = "https://b.example"
        connect(session, admin, "NREN-A", "ggus", url=url, direction="push")
    by = writer(cast.nren_a, NOON, author="Staff there (via LHCOPN)")
    new = NewTicket(title="Theirs", description="Their text", origin_id="LHCOPN#77")
    with transaction(session):
        number = create_ticket(session, by, new)
    with transaction(session):
        comment_ticket(session, by, number, "Their comment")
    plan_entries(Context(engine, test_settings(str(engine.url))))
    with Session(engine) as session:
        pair = session.scalars(select(TicketPair)).one()
        assert (pair.ticket_number, pair.their_id, pair.began_here) == (number, "77", False)
        entries = session.scalars(select(ExchangeEntry).order_by(ExchangeEntry.sequence)).all()
        assert [(one.origin, one.kind, one.state) for one in entries] == [
            ("theirs", "ticket", "applied"),
            ("theirs", "comment", "applied"),
        ]


def test_a_text_that_is_carried_out_twice_is_there_once(session: Session) -> None:
    """A network that doubles a call, and somebody else who speaks between the two."""
    cast = enter(session)
    new = NewTicket(title="Theirs", description="Their text", origin_id="LHCOPN#78")
    with transaction(session):
        number = create_ticket(session, writer(cast.nren_a, NOON), new)
    text = marked("Any news?", Mark(78, 2, "A person"))
    for by, said in (
        (writer(cast.nren_a, NOON), text),
        (writer(cast.operator, NOON), "We look"),
        (writer(cast.nren_a, NOON), text),
        (writer(cast.nren_a, NOON), marked("Any news?", Mark(78, 3, "A person"))),
    ):
        with transaction(session):
            comment_ticket(session, by, number, said)
    comments = session.scalars(
        select(ChangedField.new)
        .where(ChangedField.field == "public_comment")
        .order_by(ChangedField.id)
    ).all()
    assert [without_marks(one or "") for one in comments] == ["Any news?", "We look", "Any news?"]


def test_two_tickets_with_one_number_of_theirs_hold_nothing_up(session: Session) -> None:
    """A partner that says one of its tickets twice: the first is the pair, and planning goes on."""
    cast, engine = enter(session), session.get_bind().engine
    with transaction(session):
        admin, url = writer(cast.admin, NOON), "https://b.example"
        connect(session, admin, "NREN-A", "ggus", url=url, direction="push")
    by = writer(cast.nren_a, NOON)
    numbers = []
    for origin in ("LHCOPN#5/a", "LHCOPN#5/b", "LHCOPN#6"):
        with transaction(session):
            new = NewTicket(title="Theirs", description="x", origin_id=origin)
            numbers.append(create_ticket(session, by, new))
    plan_entries(Context(engine, test_settings(str(engine.url))))
    with Session(engine) as session:
        pairs = session.scalars(select(TicketPair).order_by(TicketPair.id)).all()
        assert [(one.ticket_number, one.their_id, one.state) for one in pairs] == [
            (numbers[0], "5", PairState.PAIRED),
            (numbers[1], None, PairState.STOPPED),
            (numbers[2], "6", PairState.PAIRED),
        ]
        assert "was not planned" in pairs[1].reason
