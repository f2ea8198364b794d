"""Meetings and saved filters over REST, as their pages show them; for people's programs alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.meetings.models.packs import MeetingPackFile
from app.meetings.models.teleconferences import Teleconference
from app.meetings.services.packs import order_pack
from app.meetings.services.teleconferences import Asked, ask, decline
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import open_ticket
from app.tickets.services.lists.saved_filters import save_filter
from tests.api.answers import as_described
from tests.api.conftest import Calling, Program
from tests.cast import NOON, Cast, writer

TCS = "/api/v1/teleconferences"


@pytest.fixture
def reader(calling: Calling, cast: Cast) -> Program:
    return calling("read", of=cast.reader)


def test_teleconferences_are_listed_and_read(reader: Program, session: Session, cast: Cast) -> None:
    with transaction(session):
        open_ticket(session, writer(cast.operator), NewTicket(title="New optics"))
        times = [NOON + timedelta(days=2)]
        for reason in ("New optics", "Not needed"):
            ask(session, writer(cast.kit), Asked(reason, times, "2012-Q4", [1]))
        decline(session, writer(cast.operator), 2, "It was solved")
    (asked,) = as_described(reader.get(f"{TCS}?which=asked"), "listTeleconferences")["items"]
    assert (asked["number"], asked["reason"], asked["tickets"]) == (1, "New optics", [1])
    assert (asked["quarter"], asked["times"]) == ("2012-Q4", ["2013-03-08T12:00:00Z"])
    (ended,) = as_described(reader.get(f"{TCS}?which=ended"), "listTeleconferences")["items"]
    assert (ended["number"], ended["state"]) == (2, "declined")
    one = as_described(reader.get(f"{TCS}/2"), "getTeleconference")
    assert (one["why_not"], one["decided_by"]) == ("It was solved", "operator")
    assert "kit" in one["people"]
    with transaction(session):
        row = session.get_one(Teleconference, 1)
        row.state, row.length = "set", 60
        row.starts_at = datetime.now(UTC) + timedelta(days=1)
    (coming,) = as_described(reader.get(TCS), "listTeleconferences")["items"]
    assert (coming["number"], coming["minutes_long"]) == (1, 60)
    assert reader.get(f"{TCS}/9").status_code == 404
    assert reader.get(f"{TCS}?which=all").status_code == 400


def test_packs_are_listed_and_fetched(reader: Program, session: Session, cast: Cast) -> None:
    with transaction(session):
        for title in ("Spring", "Summer"):
            pack = order_pack(
                session,
                writer(cast.operator),
                title=title,
                first="2012-Q3",
                last="2012-Q4",
                slides=["headlines", "reports"],
            )
        pack.state, pack.made_at = "made", NOON
        session.add(MeetingPackFile(pack_id=pack.id, kind="pdf", size=4, content=b"%PDF"))
    newest, oldest = as_described(reader.get("/api/v1/packs"), "listPacks")["items"]
    assert (newest["title"], newest["state"], newest["files"]) == ("Summer", "made", ["pdf"])
    assert (oldest["title"], oldest["state"], oldest["files"]) == ("Spring", "waiting", [])
    assert newest["slides"] == ["headlines", "reports"]
    assert as_described(reader.get("/api/v1/packs/2"), "getPack") == newest
    fetched = reader.get("/api/v1/packs/2/files/pdf")
    assert (fetched.data, fetched.content_type) == (b"%PDF", "application/pdf")
    assert fetched.headers["Content-Disposition"].startswith("attachment")
    for path in ("2/files/pptx", "1/files/pdf", "2/files/exe", "9", "x"):
        assert reader.get(f"/api/v1/packs/{path}").status_code == 404


def test_one_sees_ones_own_filters_and_shared_ones(
    reader: Program, session: Session, cast: Cast
) -> None:
    with transaction(session):
        save_filter(session, writer(cast.reader), "Mine", "state=open", shared=False)
        save_filter(session, writer(cast.operator), "Ours", "priority=urgent", shared=True)
        save_filter(session, writer(cast.operator), "Theirs", "site=DE-KIT", shared=False)
    answer = reader.get("/api/v1/filters")
    found = as_described(answer, "listFilters")["items"]
    assert [(one["name"], one["owner"], one["shared"]) for one in found] == [
        ("Mine", "reader", False),
        ("Ours", "operator", True),
    ]
    assert reader.get(f"/api/v1/tickets?{found[0]['query']}").status_code == 200


def test_systems_and_partners_read_no_meetings(calling: Calling, cast: Cast) -> None:
    for program in (calling("read"), calling("read", account=cast.ggus.account)):
        for path in (TCS, f"{TCS}/1", "/api/v1/packs", "/api/v1/packs/1", "/api/v1/filters"):
            assert program.get(path).status_code == 403
