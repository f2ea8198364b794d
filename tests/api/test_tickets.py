"""Tickets over REST: the whole life of one, repeats, what somebody else changed, bad input."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.accounts.models.api_requests import ApiRequest
from app.accounts.services.people import change_person
from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.tickets.models.tickets import Ticket
from tests.api.answers import as_described
from tests.api.conftest import Calling, Program
from tests.cast import Cast, writer
from tests.exchange.seeded import seed_pair

NEW = {
    "title": "CERN-PIC down",
    "description": "No light",
    "category": "incident",
    "priority": "urgent",
}


@pytest.fixture
def operator(calling: Calling, cast: Cast) -> Program:
    """A program of an operator."""
    return calling("tickets", of=cast.operator)


def made(program: Program, **more: Any) -> Any:
    answer = program.post("/api/v1/tickets", NEW | more)
    assert answer.status_code == 201, answer.text
    return answer.json


def count_of_tickets(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).select_from(Ticket)) or 0


def test_the_life_of_a_ticket(operator: Program, session: Session) -> None:
    answer = operator.post("/api/v1/tickets", NEW)
    assert answer.status_code == 201
    at = answer.headers["Location"]
    assert answer.json is not None
    assert at == f"/api/v1/tickets/{answer.json['number']}"
    assert operator.read(at) == answer.json
    assert operator.get(at).headers["ETag"] == answer.headers["ETag"]
    assert answer.json["version"] == 1
    assert answer.json["state"] == "new"
    assert answer.json["priority"] == "urgent"
    assert answer.json["created"].endswith("Z")

    changed = operator.send("PATCH", at, {"priority": "less urgent", "event_start": "2013-01-02"})
    assert changed.status_code == 200, changed.text
    assert changed.json is not None
    assert changed.json["priority"] == "less urgent"
    assert changed.json["event_start"] == "2013-01-02T00:00:00Z"

    taken = operator.send("POST", f"{at}/take")
    assert taken.json is not None
    assert taken.json["state"] == "in progress"
    said = operator.post(f"{at}/comments", {"text": "We look"})
    assert said.json is not None
    assert [(one["text"], one["internal"]) for one in said.json["diary"]] == [("We look", False)]
    secret = operator.post(f"{at}/comments", {"text": "For us", "internal": True})
    assert secret.json is not None
    assert [one["internal"] for one in secret.json["diary"]] == [False, True]
    done = operator.post(f"{at}/moves", {"state": "solved", "solution": "New cable"})
    assert done.status_code == 200, done.text
    assert done.json is not None
    assert (done.json["state"], done.json["solution"]) == ("solved", "New cable")
    assert done.json["ended"] is not None

    steps = operator.read(f"{at}/history")["items"]
    assert [step["version"] for step in steps] == [1, 2, 3, 4, 5, 6]
    assert {step["door"] for step in steps} == {"api"}
    assert steps[5]["fields"][0] == {"field": "state", "old": "in progress", "new": "solved"}
    doors = session.scalars(select(Change.door).where(Change.kind == "ticket")).all()
    assert set(doors) == {"api"}


def test_a_repeat_under_a_key_is_carried_out_once(operator: Program, session: Session) -> None:
    first = operator.post("/api/v1/tickets", NEW, Idempotency_Key="a-1")
    again = operator.post("/api/v1/tickets", NEW, Idempotency_Key="a-1")
    assert first.status_code == again.status_code == 201
    assert first.json == again.json
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count_of_tickets(session) == 1

    other = operator.post("/api/v1/tickets", NEW | {"title": "Other"}, Idempotency_Key="a-1")
    assert other.status_code == 409
    assert count_of_tickets(session) == 1
    assert operator.post("/api/v1/tickets", NEW).status_code == 201
    assert count_of_tickets(session) == 2


def test_nothing_but_the_key_decides_whether_a_comment_is_a_repeat(operator: Program) -> None:
    """Sixty posts of one comment: with sixty keys sixty entries, with one key one, without a key
    as many as were sent. Only an answer to a repeat says that it stored nothing new."""
    for keys, entries in (
        ([f"key-{count}" for count in range(60)], 60),
        (["the-one"] * 60, 1),
        ([None] * 3, 3),
    ):
        at = f"/api/v1/tickets/{made(operator)['number']}"
        answers = [
            operator.post(
                f"{at}/comments", {"text": "We look"}, **({"Idempotency_Key": key} if key else {})
            )
            for key in keys
        ]
        assert {answer.status_code for answer in answers} == {200}
        assert [one["text"] for one in operator.read(at)["diary"]] == ["We look"] * entries
        replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
        assert replayed == [None] * entries + ["true"] * (len(keys) - entries)
        assert answers[-1].json == operator.read(at)


def test_nothing_but_the_key_decides_whether_a_file_or_a_move_is_a_repeat(
    operator: Program,
) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    for key in ("a", "b", "b", "c"):
        answer = operator.post(
            f"{at}/attachments?name=a.log",
            b"log",
            Content_Type="application/octet-stream",
            Idempotency_Key=key,
        )
        assert answer.status_code == 201
    assert [one["name"] for one in operator.read(at)["attachments"]] == ["a.log"] * 3
    for _time in range(2):
        wait = {"state": "on hold", "comment": "Waiting for the carrier"}
        answer = operator.post(f"{at}/moves", wait)
        assert "Idempotency-Replayed" not in answer.headers
    assert [one["text"] for one in operator.read(at)["diary"]] == ["Waiting for the carrier"] * 2


def test_a_change_that_stores_nothing_new_says_so(operator: Program) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    for version, replayed in ((2, None), (2, "true")):
        answer = operator.send("PATCH", at, {"priority": "less urgent"})
        assert answer.json is not None
        assert (answer.status_code, answer.json["version"]) == (200, version)
        assert answer.headers.get("Idempotency-Replayed") == replayed
    again = operator.post(f"{at}/moves", {"state": "new"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")


def test_the_list_has_whole_tickets_if_asked(operator: Program, calling: Calling) -> None:
    """As each of them is answered alone, to whoever asks."""
    numbers = [made(operator, title=f"Ticket {count}")["number"] for count in range(3)]
    at = f"/api/v1/tickets/{numbers[1]}"
    operator.post(f"{at}/comments", {"text": "We look"})
    operator.post(f"{at}/comments", {"text": "For us", "internal": True})
    operator.post(f"{at}/attachments?name=a", b"log", Content_Type="application/octet-stream")
    operator.post(f"{at}/relations", {"role": "related", "number": numbers[0]})
    for program in (operator, calling("read"), calling("tickets", account="ggus")):
        answer = program.get("/api/v1/tickets?expand=all&limit=2")
        page = as_described(answer, "listTickets")
        page["items"] += program.read(page["next"])["items"]
        assert [one["number"] for one in page["items"]] == numbers
        for row in page["items"]:
            assert row["ticket"] == program.read(f"/api/v1/tickets/{row['number']}")
        plain = program.read("/api/v1/tickets")["items"]
        assert plain == [{k: v for k, v in one.items() if k != "ticket"} for one in page["items"]]
    refused = operator.get("/api/v1/tickets?expand=all&limit=101")
    assert refused.json is not None
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (400, "limit")
    assert operator.get("/api/v1/tickets?expand=texts").status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"title": 1}', b'{"titel": "a"}'])
def test_a_body_that_is_not_what_is_described_is_422(operator: Program, body: bytes) -> None:
    answer = operator.post("/api/v1/tickets", body)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")


def test_reported_events_that_cannot_be_read_are_400(calling: Calling) -> None:
    program = calling("events")
    for path in ("/api/v1/events", "/api/v1/events/alertmanager"):
        assert program.post(path, b"{").status_code == 400


def test_the_latest_cursor_is_behind_what_there_is(operator: Program) -> None:
    number = made(operator)["number"]
    page = as_described(operator.get("/api/v1/changes?cursor=latest"), "listChanges")
    assert (page["items"], page["more"], page["next"]) == ([], False, None)
    assert operator.read(f"/api/v1/changes?cursor={page['cursor']}")["items"] == []
    operator.post(f"/api/v1/tickets/{number}/comments", {"text": "We look"})
    rows = operator.read(f"/api/v1/changes?cursor={page['cursor']}")["items"]
    assert [(one["number"], one["version"]) for one in rows] == [(number, 2)]
    for wrong in ("newest", "-1", "1.5", "", "latest%0A1", "9" * 16):
        assert operator.get(f"/api/v1/changes?cursor={wrong}").status_code == 400, wrong
    assert operator.get("/api/v1/changes?cursor=latest%0A").status_code == 200


def test_the_same_request_at_the_same_time_is_carried_out_once(
    operator: Program, session: Session
) -> None:
    def send(_turn: int) -> tuple[int, Any]:
        answer = operator.post("/api/v1/tickets", NEW, Idempotency_Key="a-1")
        return answer.status_code, answer.json

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(24)))
    assert answers == [answers[0]] * 24
    assert answers[0][0] == 201
    assert count_of_tickets(session) == 1


def test_a_key_of_one_token_is_none_of_another(
    operator: Program, calling: Calling, cast: Cast, session: Session
) -> None:
    operator.post("/api/v1/tickets", NEW, Idempotency_Key="a-1")
    other = calling("tickets", of=cast.operator)
    answer = other.post("/api/v1/tickets", NEW | {"title": "Other"}, Idempotency_Key="a-1")
    assert answer.status_code == 201
    assert count_of_tickets(session) == 2


def test_a_refused_request_leaves_its_key_free(operator: Program, session: Session) -> None:
    wrong = operator.post("/api/v1/tickets", {"description": "x"}, Idempotency_Key="b")
    assert wrong.status_code == 422
    assert operator.post("/api/v1/tickets", NEW, Idempotency_Key="b").status_code == 201
    assert session.scalar(select(func.count()).select_from(ApiRequest)) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü"])
def test_keys_that_are_none(operator: Program, key: str, session: Session) -> None:
    answer = operator.post("/api/v1/tickets", NEW, Idempotency_Key=key)
    assert answer.status_code == 400
    assert count_of_tickets(session) == 0


def test_what_somebody_else_changed_is_not_overwritten(operator: Program) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    seen = operator.get(at).headers["ETag"]
    assert operator.send("PATCH", at, {"impact": "outage"}).status_code == 200
    late = operator.send("PATCH", at, {"impact": "none"}, If_Match=seen)
    assert late.status_code == 412
    assert late.json is not None
    assert late.json["current"]["impact"] == "outage"
    assert late.json["current"]["version"] == 2
    now = operator.send("PATCH", at, {"impact": "none"}, If_Match=late.headers["ETag"])
    assert now.status_code == 200, now.text
    assert now.json is not None
    assert now.json["impact"] == "none"
    assert operator.send("PATCH", at, {"impact": "outage"}, If_Match="*").status_code == 200
    weak = operator.send("PATCH", at, {"impact": "none"}, If_Match=f"W/{now.headers['ETag']}")
    assert weak.status_code == 412


def test_without_content_where_that_is_preferred(operator: Program) -> None:
    answer = operator.post("/api/v1/tickets", NEW, Prefer="return=minimal")
    assert answer.status_code == 201
    assert answer.data == b""
    assert answer.headers["Preference-Applied"] == "return=minimal"
    at = answer.headers["Location"]
    changed = operator.send("PATCH", at, {"impact": "outage"}, Prefer="return=minimal")
    assert (changed.status_code, changed.data) == (204, b"")


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ({}, {"title"}),
        ({"title": ""}, {"title"}),
        ({"title": "x" * 256}, {"title"}),
        (NEW | {"colour": "red", "sights": []}, {"colour", "sights"}),
        (NEW | {"priority": "soon", "layer": 3}, {"priority", "layer"}),
        (NEW | {"state": "closed"}, {"state"}),
        (NEW | {"event_start": "yesterday"}, {"event_start"}),
        (NEW | {"event_start": 1}, {"event_start"}),
        (NEW | {"experiment_specific": "yes"}, {"experiment_specific"}),
        (NEW | {"links": "CERN-PIC"}, {"links"}),
        (NEW | {"links": ["nowhere"]}, {"links"}),
        (NEW | {"references": [{"provider": "GEANT", "x": 1}]}, {"references.0.reference"}),
        (NEW | {"category": "maintenance"}, {"window_start", "window_end"}),
        (NEW | {"title": "a\0b"}, {"title"}),
        ([], {"body"}),
        (b"{", {"body"}),
        (b'{"title": "a", "title": "b"}', {"body"}),
        (b'{"title": NaN}', {"body"}),
        (b"\xff", {"body"}),
    ],
)
def test_what_is_not_allowed_is_named(
    operator: Program, session: Session, content: Any, fields: set[str]
) -> None:
    answer = operator.post("/api/v1/tickets", content)
    assert answer.status_code == 422, answer.text
    assert answer.json is not None
    assert fields <= {one["field"] for one in answer.json["errors"]}
    assert count_of_tickets(session) == 0


def test_other_media_types_and_sizes(operator: Program) -> None:
    typed = operator.post("/api/v1/tickets", b"title=x", Content_Type="text/plain")
    assert typed.status_code == 415
    large = operator.post("/api/v1/tickets", NEW | {"description": "x" * 5_000_000})
    assert large.status_code == 413


def test_a_move_that_is_none_is_a_conflict(operator: Program) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    answer = operator.post(f"{at}/moves", {"state": "verified"})
    assert answer.status_code == 409


def test_lists_are_read_page_by_page(operator: Program) -> None:
    numbers = [made(operator, title=f"Ticket {one}")["number"] for one in range(5)]
    operator.post(f"/api/v1/tickets/{numbers[1]}/comments", {"text": "Newest"})
    found, at = [], "/api/v1/tickets?limit=2"
    while at:
        answer = operator.get(at)
        assert answer.json is not None
        found += [one["number"] for one in answer.json["items"]]
        at = answer.json["next"]
        assert answer.headers.get("Link") == (f'<{at}>; rel="next"' if at else None)
    assert found == numbers
    newest = operator.read("/api/v1/tickets?sort=-changed&limit=1")
    assert [one["number"] for one in newest["items"]] == [numbers[1]]
    rest = operator.read(newest["next"].replace("limit=1", "limit=9"))
    assert [one["number"] for one in rest["items"]] == [numbers[index] for index in (4, 3, 2, 0)]
    assert operator.get("/api/v1/tickets?after=x").status_code == 400
    assert operator.get("/api/v1/tickets?sort=title").status_code == 400


def test_filters_are_those_of_the_page(operator: Program) -> None:
    one = made(operator, priority="top priority", layer="L3")["number"]
    two = made(operator, title="Works at PIC", category="informational")["number"]
    operator.post(f"/api/v1/tickets/{two}/moves", {"state": "solved", "solution": "Done"})

    def numbers(query: str) -> list[int]:
        return [item["number"] for item in operator.read(f"/api/v1/tickets?{query}")["items"]]

    assert numbers("") == [one, two]
    assert numbers("state=open") == [one]
    assert numbers("state=open&state=closed") == [one, two]
    assert numbers("priority=top+priority&layer=L3") == [one]
    assert numbers("category=informational&category=change") == [two]
    assert numbers("q=works") == [two]
    assert operator.get("/api/v1/tickets?state=lost").status_code == 400
    assert operator.get("/api/v1/tickets?colour=red").status_code == 400


def test_the_feed_holds_every_change_with_what_it_changed(operator: Program) -> None:
    first = made(operator)["number"]
    second = made(operator, title="Other")["number"]
    operator.send("PATCH", f"/api/v1/tickets/{first}", {"impact": "outage"})
    page = operator.read("/api/v1/changes?limit=2")
    assert [(row["number"], row["version"]) for row in page["items"]] == [(first, 1), (second, 1)]
    assert page["more"] is True
    assert page["next"] == f"/api/v1/changes?limit=2&cursor={page['cursor']}"
    stated = {one["field"]: one["new"] for one in page["items"][0]["fields"]}
    assert stated["title"] == NEW["title"]
    rest = operator.read(page["next"])
    assert [(row["number"], row["version"]) for row in rest["items"]] == [(first, 2)]
    assert rest["items"][0]["fields"] == [{"field": "impact", "old": "unknown", "new": "outage"}]
    assert rest["more"] is False
    assert rest["next"] is None
    again = operator.read(f"/api/v1/changes?cursor={rest['cursor']}")
    assert again["items"] == []
    ahead = operator.get(f"/api/v1/changes?cursor={rest['cursor'] + 1}")
    assert ahead.status_code == 400, "a cursor of another database"


def test_files_are_attached_read_and_removed(operator: Program, calling: Calling) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    sent = operator.post(
        f"{at}/attachments?name=trace.txt", b"1 ms", Content_Type="application/octet-stream"
    )
    assert sent.status_code == 201, sent.text
    assert sent.json is not None
    assert (sent.json["name"], sent.json["size"]) == ("trace.txt", 4)
    file = operator.get(sent.headers["Location"])
    assert file.data == b"1 ms"
    assert file.headers["Content-Disposition"] == "attachment; filename=trace.txt"
    assert operator.read(at)["attachments"] == [sent.json]
    reader = calling("read")
    assert reader.send("DELETE", sent.headers["Location"]).status_code == 403
    assert operator.send("DELETE", sent.headers["Location"]).status_code == 204
    assert operator.get(sent.headers["Location"]).status_code == 404


def test_tickets_are_bound_and_unbound(operator: Program) -> None:
    one, two = made(operator)["number"], made(operator, title="Other")["number"]
    at = f"/api/v1/tickets/{one}/relations"
    bound = operator.post(at, {"role": "child", "number": two})
    assert bound.json is not None
    assert bound.json["relations"] == [{"role": "child", "number": two}]
    assert operator.read(f"/api/v1/tickets/{two}")["relations"] == [
        {"role": "parent", "number": one}
    ]
    loose = operator.send("DELETE", f"{at}/child/{two}")
    assert loose.json is not None
    assert loose.json["relations"] == []
    assert operator.send("DELETE", f"{at}/friend/{two}").status_code == 404
    assert operator.post(at, {"role": "child", "number": one}).status_code == 422


def test_two_tickets_are_locked_in_the_order_of_their_numbers(operator: Program) -> None:
    """As everywhere: else two who bind the same two wait for each other (SQLite locks no rows)."""
    one, two = made(operator)["number"], made(operator, title="Other")["number"]
    locked: list[int] = []

    def note(_1: Any, _2: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "FROM tickets" in statement and statement.rstrip().endswith("UPDATE OF tickets"):
            locked.append(parameters["number"])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        at = f"/api/v1/tickets/{two}/relations"
        assert operator.post(at, {"role": "related", "number": one}).status_code == 200
        assert operator.send("DELETE", f"{at}/related/{one}").status_code == 200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert list(dict.fromkeys(locked)) in ([], [one, two])


def test_a_ticket_is_answered_by_two_statements(operator: Program, calling: Calling) -> None:
    """The token with its account, and the ticket with its lists and diary."""
    lists = {"links": ["CERN-PIC-LHCOPN-001"], "sites": ["CH-CERN", "Unknown"], "references": []}
    at = f"/api/v1/tickets/{made(operator, **lists)['number']}"
    operator.post(f"{at}/comments", {"text": "Seen"})
    for program in (operator, calling("read")):
        program.read(at)  # notes the token's use
        statements: list[str] = []

        def note(_1: Any, _2: Any, statement: str, *_more: Any, into: Any = statements) -> None:
            into.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            program.read(at)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert [one.split()[0] for one in statements if one != "BEGIN"] == ["SELECT", "SELECT"]


def test_rights_are_those_of_the_account(calling: Calling, cast: Cast, operator: Program) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    operator.post(f"{at}/comments", {"text": "For us", "internal": True})
    reader = calling("tickets", "read", of=cast.reader)
    assert reader.read(at)["diary"] == []
    assert reader.post("/api/v1/tickets", NEW).status_code == 403
    assert reader.post(f"{at}/comments", {"text": "x"}).status_code == 403
    assert calling("read", of=cast.operator).post("/api/v1/tickets", NEW).status_code == 403
    assert calling("events").get(at).status_code == 403
    assert operator.get("/api/v1/tickets/999999").status_code == 404
    assert operator.get("/api/v1/tickets/x").status_code == 404


def test_nobody_else_names_an_author(operator: Program) -> None:
    answer = operator.post("/api/v1/tickets", NEW | {"author": "Somebody"})
    assert answer.status_code == 422
    assert answer.json is not None
    assert [one["field"] for one in answer.json["errors"]] == ["author"]


def test_a_partners_token_writes_its_own_tickets(calling: Calling, cast: Cast) -> None:
    partner = calling("tickets", account=cast.nren_b.account)
    number = made(partner, references=[{"provider": "NREN-B", "reference": "77"}])["number"]
    at = f"/api/v1/tickets/{number}"
    assert partner.read(at)["origin"] == {"partner": "NREN-B", "id": ""}
    assert partner.read("/api/v1/changes")["items"][0]["own"] is True
    said = partner.post(f"{at}/comments", {"text": "Splicing", "author": "A. Technician"})
    assert said.json is not None
    assert said.json["diary"][0]["author"] == said.json["last_author"] == "A. Technician"
    other = calling("tickets", account=cast.nren_a.account)
    assert other.get(at).status_code == 404
    assert other.read("/api/v1/tickets")["items"] == []
    assert other.read("/api/v1/changes")["items"] == []


def test_a_field_with_half_a_character_is_named(operator: Program) -> None:
    answer = operator.post("/api/v1/tickets", NEW | {"\ud800": "x"})
    assert answer.status_code == 422
    assert answer.json is not None
    assert [one["field"] for one in answer.json["errors"]] == ["?"]


def test_counterparts_are_shown_to_who_may_read_the_ticket(
    operator: Program, calling: Calling, cast: Cast, session: Session
) -> None:
    number = made(operator)["number"]
    at = f"/api/v1/exchange/pairs/{number}"
    assert calling("read", of=cast.reader).read(at) == {"items": []}
    with transaction(session):
        seed_pair(session, "NREN-A", number).known()
    (pair,) = calling("read", of=cast.reader).read(at)["items"]
    assert (pair["standing"], pair["standing_why"], pair["differs"]) == (
        "not compared",
        "their ticket has not been read",
        [],
    )
    assert calling("read", account=cast.nren_b.account).get(at).status_code == 404
    assert calling("read").get("/api/v1/exchange/pairs/999999").status_code == 404


def test_a_repeat_answers_what_may_be_read_now(
    operator: Program, calling: Calling, cast: Cast, session: Session
) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    note = {"text": "For us", "internal": True}
    first = operator.post(f"{at}/comments", note, Idempotency_Key="k")
    assert "For us" in first.text
    operator.post(f"{at}/comments", {"text": "For all"})
    again = operator.post(f"{at}/comments", note, Idempotency_Key="k")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == operator.read(at)
    assert again.headers["ETag"] == operator.get(at).headers["ETag"]
    with transaction(session):
        change_person(session, writer(cast.admin), "operator", "reader")
    after = operator.post(f"{at}/comments", note, Idempotency_Key="k")
    assert "For us" not in after.text
    session.rollback()
    kept = session.scalars(select(ApiRequest.body)).one()
    assert kept == "", "no diary lies in the keys"


@pytest.mark.parametrize("text", ["\ud800", "\u0000", "\u0001"])
def test_no_text_holds_what_no_text_may(calling: Calling, cast: Cast, text: str) -> None:
    partner = calling("tickets", account=cast.nren_b.account)
    at = f"/api/v1/tickets/{made(partner)['number']}"
    wrong = partner.post(f"{at}/comments", {"text": "x", "author": f"a{text}"})
    assert wrong.status_code == 422
    assert wrong.json is not None
    assert [one["field"] for one in wrong.json["errors"]] == ["author"]
    operator = calling("tickets", of=cast.operator)
    for content in ({"responsible_site": text}, {"links": ["a", text]}):
        assert operator.send("PATCH", at, content).status_code == 422
    assert operator.post(f"{at}/partners", {"partner": text}).status_code == 422


def test_a_comment_on_what_somebody_else_changed_is_refused(operator: Program) -> None:
    at = f"/api/v1/tickets/{made(operator)['number']}"
    seen = operator.get(at).headers["ETag"]
    operator.send("PATCH", at, {"impact": "outage"})
    late = operator.post(f"{at}/comments", {"text": "x"}, If_Match=seen)
    assert late.status_code == 412
    assert operator.read(at)["diary"] == []
