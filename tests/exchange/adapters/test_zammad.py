"""What Zammad's documentation shows of its interface, read and written as it stands there.

Each exchange is made by hand from the page that it names (docs.zammad.org/en/latest/api/...), in
its shape and with words of our own.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from app.exchange.adapters.zammad.ggus import GGUS_PROFILE
from app.exchange.rules.entries import EntryKind, Outgoing
from app.exchange.rules.failures import Outcome
from app.exchange.rules.partner import CallFailed
from app.exchange.rules.profiles import Profile, ValueRow
from app.tickets.rules.marks import Mark, marked
from tests.exchange.adapters.zammad_calls import ByHand, zammad

# user.html, "me"; ticket/states.html, "List"
ME: dict[str, Any] = {
    "GET /api/v1/users/me": {"id": 3, "login": "lhcopn@example.org"},
    "GET /api/v1/ticket_states": [
        *({"id": 1, "name": "new", "active": True}, {"id": 4, "name": "closed", "active": True}),
        *({"id": 8, "name": one, "active": True} for one in ("assigned", "in progress", "on hold")),
        *({"id": 8, "name": one} for one in ("waiting for reply", "reopened", "unsolved")),
        *({"id": 8, "name": one} for one in ("solved", "verified")),
        {"id": 6, "name": "removed", "active": False},
    ],
    "GET /api/v1/ticket_priorities": [{"id": 2, "name": "2 normal", "active": True}],
}
STATES = Profile(
    group="Sales", maps={"state": (ValueRow("new", "new"), ValueRow("closed", "closed"))}
)


def ticket(key: int = 3, **more: Any) -> dict[str, Any]:
    """A ticket with ``expand=true`` (intro.html, "Response Payloads")."""
    return {
        "id": key,
        "group_id": 1,
        "state_id": 4,
        "number": f"7100{key}",
        "title": "Link down",
        "created_by_id": 7,
        "updated_at": "2026-02-26T14:44:43.906Z",
        "article_ids": [5, 6],
        "group": "Sales",
        "state": "closed",
        "priority": "2 normal",
        "created_by": "samuel@example.org",
    } | more


def article(key: int, body: str, **more: Any) -> dict[str, Any]:
    """An article of a ticket (ticket/articles.html, "List Articles by Ticket")."""
    return {
        "id": key,
        "ticket_id": 3,
        "from": "Samuel Lee",
        "subject": "",
        "body": body,
        "content_type": "text/html",
        "type": "note",
        "internal": False,
        "created_by_id": 7,
        "attachments": [],
    } | more


def test_a_ticket_is_read_with_its_texts_in_their_order() -> None:
    # intro.html and ticket/articles.html
    told = ByHand(
        ME
        | {
            "GET /api/v1/tickets/3": ticket(),
            "GET /api/v1/ticket_articles/by_ticket/3": [
                article(6, "It is up <b>again</b>.<br>Thanks", internal=True),
                article(5, "The link is down.\n\n(anna via LHCOPN#7/1)", content_type="text/plain")
                | {"created_by_id": 3},
            ],
        }
    )
    read = zammad(told).read("3")
    assert [(one.key, one.text, one.by_us, one.internal) for one in read.texts] == [
        ("5", "The link is down.\n\n(anna via LHCOPN#7/1)", True, False),
        ("6", "It is up again.\nThanks", False, True),
    ]
    assert (read.number, read.title) == ("71003", "Link down")
    assert read.values == {"state": "closed", "priority": "2 normal"}
    assert read.url == "https://zammad.example/#ticket/zoom/3"
    assert ("GET /api/v1/tickets/3", {"expand": "true"}, None) in told.asked


def test_a_ticket_is_created_with_its_first_article() -> None:
    # ticket/index.html, "Create"
    text = marked("The link is down.", Mark(7, 1, "anna"))
    told = ByHand(
        ME
        | {
            "POST /api/v1/tickets": (201, ticket(19, number="22019", state="new")),
            "GET /api/v1/ticket_articles/by_ticket/19": [
                article(30, text, content_type="text/plain", created_by_id=3)
            ],
        }
    )
    values = {"title": "Link down", "state": "new", "impact": "outage"}
    made = zammad(told, STATES).create(Outgoing(7, 1, EntryKind.TICKET, text, values=values))
    assert (made.id, made.number, made.serial) == ("19", "22019", 19)
    assert told.asked[2] == (
        "POST /api/v1/tickets",
        {},
        {
            "title": "Link down",
            "customer_id": 3,
            "group": "Sales",
            "state": "new",
            "article": {
                "subject": "Link down",
                "body": "The link is down.\n\n(anna via LHCOPN#7/1)",
                "content_type": "text/plain",
                "type": "note",
                "internal": False,
            },
        },
    )


def test_an_id_of_another_ticket_leaves_open_what_was_created() -> None:
    told = ByHand(
        ME
        | {
            "POST /api/v1/tickets": (201, ticket(19)),
            "GET /api/v1/ticket_articles/by_ticket/19": [article(30, "Something else")],
        }
    )
    with pytest.raises(CallFailed) as refused:
        zammad(told).create(Outgoing(7, 1, EntryKind.TICKET, "text\n\n(a via LHCOPN#7/1)"))
    assert refused.value.failure.outcome is Outcome.UNKNOWN


def test_an_article_carries_a_file() -> None:
    # ticket/articles.html, "If you want to create articles with attachments"
    told = ByHand({"POST /api/v1/ticket_articles": (201, {"id": 3, "attachments": [{"id": 123}]})})
    entry = Outgoing(7, 4, EntryKind.ATTACHMENT, "(anna via LHCOPN#7/4)", "anna", {}, "a.txt", b"x")
    assert zammad(told).send("3", entry).key == "3"
    assert told.asked == [
        (
            "POST /api/v1/ticket_articles",
            {},
            {
                "ticket_id": 3,
                "body": "(anna via LHCOPN#7/4)",
                "type": "note",
                "content_type": "text/plain",
                "internal": False,
                "attachments": [
                    {
                        "filename": "a.txt",
                        "data": base64.b64encode(b"x").decode(),
                        "mime-type": "text/plain",
                    }
                ],
            },
        )
    ]


def test_a_file_of_theirs_is_fetched_where_it_is_wanted() -> None:
    # ticket/articles.html, "In order to retrieve attachments"
    file = {"id": 123, "filename": "plot.txt", "size": "4", "preferences": {}}
    told = ByHand(
        ME
        | {
            "GET /api/v1/tickets/3": ticket(),
            "GET /api/v1/ticket_articles/by_ticket/3": [article(5, "See", attachments=[file])],
            "GET /api/v1/ticket_attachment/3/5/123": b"plot",
        }
    )
    (found,) = zammad(told).read("3").texts[0].files
    assert (found.key, found.name, found.size) == ("5/123", "plot.txt", 4)
    assert not any("attachment/" in call for call, _query, _body in told.asked)
    assert found.load is not None
    assert found.load() == b"plot"


def test_a_merged_ticket_says_where_it_went_on() -> None:
    # ticket/links.html; admin-docs.zammad.org "merged" is a state (ticket/states.html)
    other = {"link_type": "normal", "link_object": "Ticket", "link_object_value": 8}
    parent = {"link_type": "parent", "link_object": "Ticket", "link_object_value": 9}
    told = ByHand(
        ME
        | {
            "GET /api/v1/tickets/3": ticket(state="merged"),
            "GET /api/v1/ticket_articles/by_ticket/3": [],
            "GET /api/v1/links": {"links": [other, parent], "assets": {}},
        }
    )
    assert zammad(told).read("3").merged_into == "9"
    asked = {"link_object": "Ticket", "link_object_value": "3"}
    assert ("GET /api/v1/links", asked, None) in told.asked


def test_fields_are_set_in_their_words() -> None:
    # ticket/index.html, "Update"
    told = ByHand(ME | {"PUT /api/v1/tickets/3": ticket()})
    values = {"title": "Link up", "state": "closed", "layer": "L3"}
    sent = zammad(told, STATES).send("3", Outgoing(7, 2, EntryKind.FIELDS, values=values))
    assert told.asked[1:] == [
        ("PUT /api/v1/tickets/3", {}, {"state": "closed", "title": "Link up"})
    ]
    assert sent.left_out == ["layer"]


@pytest.mark.parametrize(
    ("there", "wanted", "is_set"),
    [
        ("assigned", "in progress", True),
        ("on hold", "in progress", False),
        ("solved", "in progress", False),
        ("waiting for reply", "in progress", False),
        ("in progress", "in progress", True),
        ("solved", "reopened", True),
        ("verified", "solved", False),
        ("closed", "solved", False),
        ("unsolved", "solved", False),
        ("in progress", "solved", True),
        ("verified", "closed", True),
    ],
)
def test_ggus_is_never_downgraded_and_never_solved_over_a_final_state(
    there: str, wanted: str, is_set: bool
) -> None:
    told = ByHand(
        ME | {"GET /api/v1/tickets/3": ticket(state=there), "PUT /api/v1/tickets/3": ticket()}
    )
    entry = Outgoing(7, 2, EntryKind.FIELDS, values={"state": wanted})
    sent = zammad(told, GGUS_PROFILE).send("3", entry)
    put = [body for call, _query, body in told.asked if call.startswith("PUT")]
    assert put == ([{"state": wanted}] if is_set else [])
    assert sent.left_out == ([] if is_set else ["state"])


def test_ggus_is_never_given_a_ticket_in_progress() -> None:
    text = "It is down.\n\n(anna via LHCOPN#7/1)"
    told = ByHand(
        ME
        | {
            "POST /api/v1/tickets": (201, ticket(19)),
            "GET /api/v1/ticket_articles/by_ticket/19": [article(30, text, created_by_id=3)],
        }
    )
    entry = Outgoing(7, 1, EntryKind.TICKET, text, values={"state": "in progress"})
    zammad(told, GGUS_PROFILE).create(entry)
    (made,) = [body for call, _query, body in told.asked if call.startswith("POST")]
    assert made["state"] == "assigned"
    assert "group" not in made


def test_a_value_that_is_not_there_is_not_sent() -> None:
    told = ByHand(ME | {"PUT /api/v1/tickets/3": ticket()})
    removed = Profile(maps={"state": (ValueRow("solved", "removed"),)})
    entry = Outgoing(7, 2, EntryKind.FIELDS, values={"state": "solved"})
    assert zammad(told, removed).send("3", entry).left_out == ["state"]
    assert not any(call.startswith("PUT") for call, _query, _body in told.asked)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"id": "3"},
        {"id": True},
        {"id": 0},
        {"id": 2**63},
        {"id": 4},
        b"<html>",
        b'{"id": 3',
        b"[" * 100_000,
        b"null",
        b"NaN",
    ],
)
def test_a_hostile_answer_is_a_failed_call_and_no_more(answer: Any) -> None:
    told = ByHand(ME | {"GET /api/v1/tickets/3": answer})
    with pytest.raises(CallFailed):
        zammad(told).read("3")


def test_hostile_texts_come_as_texts() -> None:
    hostile = {"filename": "../../etc/passwd", "id": 9, "size": {"a": 1}}
    told = ByHand(
        ME
        | {
            "GET /api/v1/tickets/3": ticket(number="\x00" * 300, state=7, priority=None),
            "GET /api/v1/ticket_articles/by_ticket/3": [
                article(5, "<script>alert(1)</script>a", attachments=[hostile, "no file"])
                | {"from": None}
            ],
        }
    )
    read = zammad(told).read("3")
    assert read.texts[0].text == "a"
    assert "\x00" not in read.number
    assert len(read.number) == 100
    assert read.texts[0].files[0].size == 0
