"""Maintenance notices by REST: the file as it is in, what became of each notice out."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.notices.adapters.files import MAX_BYTES
from app.notices.services.lists import counts_of
from tests.api.answers import as_described
from tests.api.conftest import Calling
from tests.cast import Cast

SAMPLES = Path(__file__).parent.parent / "notices_sample"
NOTICES = "/api/v1/notices"
CALENDAR = "text/calendar; charset=utf-8"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def test_a_calendar_makes_a_ticket_once(calling: Calling) -> None:
    program = calling("tickets")
    answer = program.post(NOTICES, sample("update.ics"), Content_Type=CALENDAR)
    assert answer.status_code == 200
    assert answer.json == {
        "items": [
            {
                "outcome": "made",
                "why": "Ticket 1 created",
                "title": "Fibre work near Lyon, span 4",
                "provider": "carrier.example",
                "notice": 1,
                "ticket": 1,
                "unresolved": ["EC-77001"],
            }
        ]
    }
    again = program.post(NOTICES, sample("update.ics"), Content_Type=CALENDAR).json
    assert again is not None
    assert [(one["outcome"], one["ticket"]) for one in again["items"]] == [("same", 1)]


def test_a_mail_that_cannot_be_read_is_kept(calling: Calling, session: Session) -> None:
    answer = calling("tickets").post(NOTICES, sample("plain.eml"), Content_Type="message/rfc822")
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["items"][0]["outcome"] == "to read"
    assert counts_of(session) == {"to read": 1}


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"", "text/calendar", 400),
        (b"{}", "application/json", 415),
        (b"x", "", 415),
        (b"x" * (MAX_BYTES + 1), "message/rfc822", 413),
    ],
    ids=["empty", "json", "no type", "too large"],
)
def test_what_is_refused(calling: Calling, content: bytes, media: str, status: int) -> None:
    answer = calling("tickets").post(NOTICES, content, Content_Type=media)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"


def test_a_persons_token_may_what_the_person_may(calling: Calling, cast: Cast) -> None:
    reporter = calling("tickets", of=cast.kit)
    assert reporter.post(NOTICES, sample("new.ics"), Content_Type=CALENDAR).status_code == 403
    operator = calling("tickets", of=cast.operator)
    assert operator.post(NOTICES, sample("new.ics"), Content_Type=CALENDAR).status_code == 200


def test_notices_are_listed_and_read(calling: Calling, cast: Cast) -> None:
    program = calling("tickets")
    program.post(NOTICES, sample("update.ics"), Content_Type=CALENDAR)
    program.post(NOTICES, sample("plain.eml"), Content_Type="message/rfc822")
    first = as_described(program.get(f"{NOTICES}?limit=1"), "listNotices")
    assert [(one["number"], one["state"]) for one in first["items"]] == [(2, "to read")]
    (made,) = as_described(program.get(first["next"]), "listNotices")["items"]
    assert (made["number"], made["state"], made["ticket"]) == (1, "made", 1)
    assert (made["provider"], made["title"]) == (
        "carrier.example",
        "Fibre work near Lyon, span 4",
    )
    assert {"circuit": "EC-77001", "link": None} in made["circuits"]
    assert as_described(program.get(f"{NOTICES}/1"), "getNotice") == made
    assert program.read(f"{NOTICES}?state=to+read")["items"] == first["items"]
    assert program.get(f"{NOTICES}?state=lost").status_code == 400
    assert program.get(f"{NOTICES}/9").status_code == 404
    partner = calling("read", "tickets", account=cast.ggus.account)
    assert partner.get(NOTICES).status_code == partner.get(f"{NOTICES}/1").status_code == 403
