"""The map editor: versions, files, and what would be sent."""

from __future__ import annotations

import io
import json

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.database.transactions import transaction
from app.exchange.models.connections import Connection, ConnectionProfile
from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.fields import Owner
from app.exchange.rules.profiles import Choice, Profile, ValueRow, profile_of
from app.exchange.services.connections.connections import set_profile
from tests.cast import SYSTEM, Cast
from tests.exchange.seeded import seed_connection, seed_pair
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

MAP = "/exchange/1/map"


@pytest.fixture
def connection(session: Session, cast: Cast) -> Connection:
    with transaction(session):
        return seed_connection(session, "GGUS-TEST")


def profile_now(session: Session) -> Profile:
    session.rollback()
    found = session.get_one(Connection, 1)
    versions = select(ConnectionProfile).where(ConnectionProfile.version == found.profile_version)
    return profile_of(session.scalars(versions).one().content)


def typed(visitor: Visitor, **more: str | list[str]) -> dict[str, str | list[str]]:
    """The form as it is, with what is typed into it."""
    held: dict[str, str | list[str]] = dict(visitor.read(MAP).form(MAP).data())
    held.pop("csrf_token")
    return {**held, **more}


def test_a_map_is_typed_and_makes_a_version(
    session: Session, connection: Connection, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    rows: dict[str, str | list[str]] = {
        "state-ours": ["new", "solved"],
        "state-theirs": [" assigned ", "solved"],
        "state-way": ["both", "out"],
        "state_owner": "ask",
        "tickets": "new",
        "networks": ["LHCOPN"],
        "group": "NOC",
    }
    answer = visitor.send(MAP, typed(visitor, **rows))
    assert answer.status_code == 303
    found = profile_now(session)
    assert found == Profile(
        tickets=Choice.NEW,
        networks=("LHCOPN",),
        maps={"state": (ValueRow("new", "assigned"), ValueRow("solved", "solved", "out"))},
        owners={"state": Owner.ASK},
        group="NOC",
    )
    page = visitor.read(MAP)
    assert "State: assigned, in progress, waiting for reply" in page.text, "no mapping"
    same = visitor.send(MAP, typed(visitor))
    assert same.status_code == 303
    assert session.scalar(select(func.count()).select_from(ConnectionProfile)) == 2


@pytest.mark.parametrize(
    "name", ["tickets", "networks", "categories", "sites", "state-ours", "priority-way"]
)
def test_a_form_that_lacks_a_part_changes_nothing(
    session: Session, connection: Connection, cast: Cast, visit: Enter, name: str
) -> None:
    visitor = visit(cast.admin)
    some = typed(visitor, group="NOC")
    del some[name]
    before = profile_now(session)
    session.rollback()
    assert visitor.send(MAP, some).status_code == 422
    assert profile_now(session) == before


def test_rows_grow_without_a_script(
    session: Session, connection: Connection, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    answer = visitor.send(MAP, typed(visitor, do="add-state", group="NOC"))
    form = PageReader(answer.text).form(MAP)
    assert answer.status_code == 200
    assert len(form.values("state-theirs")) == 2, "the empty one that is shown, and one more"
    assert form.values("group") == ["NOC"]
    assert profile_now(session) == Profile()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"state-ours": "new", "state-theirs": ""}, "Mapping of state, row 1"),
        ({"state-ours": "", "state-theirs": "open"}, "Mapping of state, row 1"),
        ({"state-ours": "nonsense", "state-theirs": "open"}, "Mapping of state, row 1"),
        ({"state-ours": "new", "state-theirs": "x" * 256}, "at most 255"),
        ({"state-ours": "new", "state-theirs": "a\x01b"}, "cannot be passed on"),
        ({"state_owner": "the weather"}, "Who decides on state"),
        ({"tickets": "some"}, "Tickets"),
        ({"group": "x" * 256}, "at most 255"),
        ({"sites": "a\x01b"}, "cannot be passed on"),
    ],
)
def test_a_bad_map_is_told_and_not_stored(
    session: Session,
    connection: Connection,
    cast: Cast,
    visit: Enter,
    wrong: dict[str, str],
    told: str,
) -> None:
    visitor = visit(cast.admin)
    preset = {"state-way": "both"} if "state-ours" in wrong else {}
    answer = visitor.send(MAP, typed(visitor, **preset, **wrong))
    assert answer.status_code == 422
    assert told in PageReader(answer.text).text
    assert profile_now(session) == Profile()


def test_two_admins_do_not_overwrite_each_other_unseen(
    session: Session, connection: Connection, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    mine = typed(visitor, group="Mine")
    visitor.send(MAP, typed(visitor, group="Theirs"))
    answer = visitor.send(MAP, mine)
    page = PageReader(answer.text)
    assert answer.status_code == 422
    assert "Version 2 was saved in the meantime" in page.text
    assert profile_now(session).group == "Theirs"
    again = page.form(MAP).data()
    again.pop("csrf_token")
    assert visitor.send(MAP, again).status_code == 303
    assert profile_now(session).group == "Mine"


def test_versions_are_compared_and_rolled_back(
    session: Session, connection: Connection, cast: Cast, visit: Enter
) -> None:
    with transaction(session):
        changed = Profile(
            tickets=Choice.ALL,
            maps={"priority": (ValueRow("urgent", "3 high"),)},
            owners={"priority": Owner.US},
        )
        set_profile(session, SYSTEM, session.get_one(Connection, 1), changed.as_json())
    visitor = visit(cast.admin)
    text = visitor.read(f"{MAP}?from=1").text
    for words in (
        "Version 1 compared with 2",
        "Choice of tickets those that operators share all that are open",
        "Mapping of priority none urgent = 3 high",
        "Who decides on priority last writer us",
    ):
        assert words in text
    assert visitor.get(f"{MAP}?from=7").status_code == 404
    assert visitor.send(f"{MAP}/roll-back", {"version": "7"}).status_code == 404
    assert visitor.send(f"{MAP}/roll-back", {"version": "1"}).status_code == 303
    assert profile_now(session) == Profile()
    assert session.get_one(Connection, 1).profile_version == 3


def upload(visitor: Visitor, content: bytes | None) -> TestResponse:
    data: dict[str, object] = {"csrf_token": visitor.token()}
    if content is not None:
        data["file"] = (io.BytesIO(content), "map.json")
    return visitor.client.post(f"{MAP}/import", data=data)


def test_a_map_leaves_as_a_file_and_comes_back(
    session: Session, connection: Connection, cast: Cast, visit: Enter
) -> None:
    wanted = Profile(maps={"state": (ValueRow("new", "ouvert"),)}, group="NOC \u00e9")
    with transaction(session):
        set_profile(session, SYSTEM, session.get_one(Connection, 1), wanted.as_json())
    visitor = visit(cast.admin)
    file = visitor.get("/exchange/1/map.json")
    assert file.mimetype == "application/json"
    assert "GGUS-TEST-zammad-2.json" in file.headers["Content-Disposition"]
    assert profile_of(file.text) == wanted
    older = visitor.get("/exchange/1/map.json?version=1")
    assert upload(visitor, older.data).status_code == 303
    assert profile_now(session) == Profile()
    assert upload(visitor, b"\xef\xbb\xbf" + file.data).status_code == 303
    assert profile_now(session) == wanted


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\xff\xfe",
        b"no JSON",
        b"[]",
        b'{"maps": {"state": [["new", "x"]]}}',
        b'{"maps": {"title": []}}',
        b'{"owners": {"nothing": "us"}}',
        b'{"surprise": 1}',
        b"[" * 100_000,
        b" " * (256 * 1024 + 1),
    ],
    ids=["none", "empty", "bytes", "text", "list", "row", "field", "owner", "key", "deep", "long"],
)
def test_a_bad_file_is_told_and_not_stored(
    session: Session, connection: Connection, cast: Cast, visit: Enter, content: bytes | None
) -> None:
    visitor = visit(cast.admin)
    answer = upload(visitor, content)
    assert answer.status_code == 422
    assert "The file was not imported" in PageReader(answer.text).text
    assert profile_now(session) == Profile()


def test_what_would_be_sent_is_shown_in_their_words_and_not_sent(
    session: Session, connection: Connection, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Loss", description="Packets are lost", priority="urgent")
    with transaction(session):
        rows = {
            "state": (ValueRow("new", "assigned"),),
            "priority": (ValueRow("normal", "2 normal"),),
        }
        changed = Profile(maps=rows).as_json()
        set_profile(session, SYSTEM, session.get_one(Connection, 1), changed)
    visitor = visit(cast.operator)
    text = visitor.read(f"/exchange/1/preview?ticket=%23{number}").text
    for words in (
        "Not selected by the mapping",
        "Packets are lost",
        f"(operator via LHCOPN#{number}/1)",
        "State new assigned",
        "Priority urgent no mapping, not sent",
        "Layer unknown no mapping, not sent",
        "Packets are lost Category: incident Ticket: http",
        f"/tickets/{number} (operator via LHCOPN#{number}/1)",
    ):
        assert words in text
    assert session.scalars(select(TicketPair)).all() == []
    assert session.scalars(select(ExchangeEntry)).all() == []
    session.rollback()
    for bad in ("999", "x", "9" * 30, "-1"):
        answer = visitor.get(f"/exchange/1/preview?ticket={bad}")
        assert answer.status_code == 422
        assert "No ticket has this number" in PageReader(answer.text).text


def test_of_an_exchanged_ticket_what_waits_is_shown(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    with transaction(session):
        seed_pair(session, "GGUS-TEST", number).waiting("Second word")
    text = visit(cast.operator).read(f"/exchange/1/preview?ticket={number}").text
    assert "pending changes below" in text
    assert "Second word" in text


def test_operators_read_the_map(
    session: Session, connection: Connection, cast: Cast, visit: Enter
) -> None:
    page = visit(cast.operator).read(MAP)
    assert "Save as a new version" not in page.text
    assert not page.has_form(f"{MAP}/import")
    assert json.loads(visit(cast.operator).get("/exchange/1/map.json").text)["tickets"] == "shared"
