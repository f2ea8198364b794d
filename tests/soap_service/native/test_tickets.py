"""Create, update, get and comment through the native service, with zeep over a socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from zeep import xsd

from tests.soap_service.native.client import (
    LINK,
    NEW,
    Native,
    detail_of,
    number_of,
    refused,
)
from tests.soap_service.wire import Wire

START = datetime(2026, 3, 1, 7, 41, tzinfo=UTC)
END = datetime(2026, 3, 1, 9, 30, 15, tzinfo=UTC)
EVERYTHING: dict[str, Any] = {
    "title": "Maintenance of the circuit — 链路 𝟙",
    "description": "line one\nline two\r\n" + "x" * 60_000,
    "state": "assigned",
    "priority": "very urgent",
    "network": "LHCONE",
    "category": "maintenance",
    "layer": "L1/L2",
    "impact": "reduced redundancy",
    "links": [LINK],
    "sites": ["FZK-LCG2", "NO-SUCH-SITE"],
    "unit": "NREN-X",
    "typeOfProblem": "Network",
    "affectedVo": "atlas",
    "relatedIssue": "https://nren.example/issue/7",
    "personInCharge": "noc-demo",
    "experimentSpecific": True,
    "eventStart": START,
    "eventDetected": START,
    "eventEnd": END,
    "windowStart": START,
    "windowEnd": END,
    "estimatedEnd": END,
    "references": [
        {"provider": "OPN", "reference": "4711", "url": None, "kind": "target"},
        {"provider": "NREN-X", "reference": "a-1", "url": "https://nren.example/a-1",
         "kind": "other"},
    ],
    "carbonCopy": "noc@nren.example",
    "solution": "replaced the optics",
    "submitter": {
        "name": "noc-demo",
        "mail": "noc@example.org",
        "login": "noc",
        "phone": "+41 22 000",
    },
}  # fmt: skip


def test_every_field_comes_back_as_it_was_sent(native: Native) -> None:
    comments = {"publicComment": "said to all", "internalComment": "said inside"}
    made = native.call("CreateTicket", author="noc-demo", ticket={**EVERYTHING, **comments})
    assert made["version"] == 1
    ticket = native.get(made["number"])
    sent = {name: value for name, value in EVERYTHING.items() if name not in ("links", "sites")}
    assert {name: ticket[name] for name in sent} == sent
    assert ticket["links"] == [
        {"name": LINK, "endA": "CH-CERN", "endB": "DE-KIT", "recognised": False}
    ]
    assert ticket["sites"] == [
        {"key": "DE-KIT", "name": "FZK-LCG2", "recognised": False},
        {"key": None, "name": "NO-SUCH-SITE", "recognised": False},
    ]
    assert ticket["responsibleSite"] == "DE-KIT"
    assert ticket["origin"] == {"partner": "OPN", "id": None}
    assert [(entry["text"], entry["internal"]) for entry in ticket["diary"]] == [
        ("said to all", False),
        ("said inside", True),
    ]
    assert ticket["lastAuthor"] == "noc-demo"
    assert ticket["ended"] is None
    assert ticket["created"] == ticket["changed"] == ticket["diary"][0]["at"]


def test_what_is_not_stated_has_its_default_or_is_left_out(native: Native) -> None:
    ticket = native.get(native.create())
    assert {name: value for name, value in ticket.items() if value not in (None, [])} == {
        "number": ticket["number"],
        "version": 1,
        "title": NEW["title"],
        "state": "new",
        "moves": [
            "assigned", "in progress", "waiting for reply", "on hold", "solved", "unsolved",
        ],
        "priority": "less urgent",
        "network": "LHCOPN",
        "category": "incident",
        "layer": "unknown",
        "impact": "unknown",
        "unit": "TPM",
        "typeOfProblem": "Other",
        "experimentSpecific": False,
        "origin": {"partner": "OPN", "id": None},
        "created": ticket["created"],
        "changed": ticket["created"],
        "lastAuthor": "opn",
    }  # fmt: skip


def test_what_the_texts_name_is_recognised_and_marked(native: Native) -> None:
    ticket = native.get(native.create(title=f"{LINK} down"))
    assert ticket["links"][0]["recognised"] is True
    assert ticket["network"] == "LHCOPN"


def test_an_update_changes_what_it_states_and_keeps_the_rest(native: Native) -> None:
    number = native.create(**{**EVERYTHING, "category": "incident"})
    before = native.get(number)
    answer = native.call(
        "UpdateTicket",
        number=number,
        version=1,
        author="noc-demo (night)",
        change={"state": "solved", "impact": "none", "publicComment": "done", "links": [LINK]},
    )
    assert answer == {"number": number, "version": 2}
    after = native.get(number)
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == {
        "version", "state", "moves", "impact", "diary", "changed", "ended", "lastAuthor",
    }  # fmt: skip
    assert (after["state"], after["impact"]) == ("solved", "none")
    assert after["moves"] == ["reopened", "verified"]
    assert after["ended"] == after["changed"] == after["diary"][0]["at"]
    assert after["lastAuthor"] == "noc-demo (night)"


CLEARABLE = {
    "description": "",
    "links": LINK,
    "sites": "FZK-LCG2",
    "affectedVo": "",
    "relatedIssue": "",
    "personInCharge": "",
    "eventStart": "",
    "eventDetected": "",
    "eventEnd": "",
    "windowStart": "",
    "windowEnd": "",
    "estimatedEnd": "",
    "references": "",
    "carbonCopy": "",
    "solution": "",
}


@pytest.mark.parametrize("how", ['xsi:nil="true"', 'xsi:nil="1"', ""])
def test_nil_and_empty_clear_what_can_be_cleared(sqlite_native: Native, how: str) -> None:
    number = sqlite_native.create(**{**EVERYTHING, "category": "incident"})
    inner = "".join(f"<n:{name} {how}/>" for name in CLEARABLE)
    answer = sqlite_native.raw(
        "UpdateTicket",
        f"<n:number>{number}</n:number><n:version>1</n:version><n:change>{inner}</n:change>",
    )
    assert answer.values == {"number": str(number), "version": "2"}
    ticket = sqlite_native.get(number)
    assert {name for name in CLEARABLE if ticket[name] not in (None, [])} == set()


def test_zeep_clears_with_nil_and_a_list_likewise(sqlite_native: Native) -> None:
    number = sqlite_native.create(eventEnd=END, links=[LINK])
    change = {"eventEnd": xsd.Nil, "links": [""]}
    sqlite_native.call("UpdateTicket", number=number, version=1, change=change)
    ticket = sqlite_native.get(number)
    assert (ticket["eventEnd"], ticket["links"]) == (None, [])


@pytest.mark.parametrize(
    ("inner", "fault"),
    [
        ('<n:title xsi:nil="1"/>', "ERROR (356): title cannot be cleared; leave it out to keep it"),
        ("<n:title/>", "ERROR (310): title: Title is required"),
        ('<n:state xsi:nil="1"/>', "ERROR (356): state cannot be cleared"),
        ("<n:impact/>", "ERROR (310): impact has a value that is not allowed; allowed are none, "),
        (
            f"<n:links/><n:links>{LINK}</n:links>",
            "ERROR (356): links is cleared and set; it is one of them",
        ),
        ("<n:eventEnd/><n:eventEnd/>", "ERROR (356): eventEnd is unknown, double or not in its"),
        (
            '<n:eventEnd xsi:nil="1">2026-03-01T00:00:00</n:eventEnd>',
            "ERROR (356): eventEnd is nil and has a value",
        ),
    ],
)
def test_what_cannot_be_cleared_is_refused(sqlite_native: Native, inner: str, fault: str) -> None:
    number = sqlite_native.create()
    answer = sqlite_native.raw(
        "UpdateTicket",
        f"<n:number>{number}</n:number><n:version>1</n:version><n:change>{inner}</n:change>",
    )
    assert answer.fault.startswith(fault)
    assert sqlite_native.get(number)["version"] == 1


def test_a_stale_version_is_refused_with_the_ticket_as_it_is_now(native: Native) -> None:
    number = native.create(links=[LINK])
    native.call("UpdateTicket", number=number, version=1, change={"impact": "outage"})
    # another field, even the same value: whatever it is, the writer has not seen version 2
    for version, change in ((1, {"title": "other"}), (1, {"impact": "outage"}), (3, {})):
        fault = refused(native.call, "UpdateTicket", number=number, version=version, change=change)
        assert number_of(fault) == 342
        assert "version 2" in fault.message
    answer = native.raw(
        "UpdateTicket",
        f"<n:number>{number}</n:number><n:version>1</n:version><n:change/>",
    )
    assert answer.status == 500
    (detail,) = answer.tree.iter("detail")
    stale = native.client.get_element("{urn:LHCOPN:exchange:1}StaleTicket")
    told = stale.type.parse_xmlelement(detail[0], schema=native.client.wsdl.types)
    assert told.currentVersion == 2
    assert told.ticket.version == 2
    assert told.ticket.impact == "outage"
    assert told.ticket.links[0].name == LINK
    assert native.get(number)["version"] == 2


def test_the_detail_of_a_stale_version_is_the_whole_ticket(sqlite_native: Native) -> None:
    number = sqlite_native.create(**EVERYTHING)
    got = sqlite_native.raw("GetTicket", f"<n:number>{number}</n:number>")
    fault = refused(sqlite_native.call, "UpdateTicket", number=number, version=7, change={})
    told = detail_of(fault)
    assert [child.tag for child in told] == [
        "{urn:LHCOPN:exchange:1}currentVersion",
        "{urn:LHCOPN:exchange:1}ticket",
    ]
    texts = [
        [(item.tag, item.text) for item in tree.iter()][1:] for tree in (told[1], got.content[0])
    ]
    assert texts[0] == texts[1]


def test_two_writers_of_one_version_do_not_overwrite_each_other(native: Native) -> None:
    number = native.create()

    def write(turn: int) -> int:
        inner = f"<n:change><n:title>writer {turn}</n:title></n:change>"
        answer = native.raw(
            "UpdateTicket", f"<n:number>{number}</n:number><n:version>1</n:version>{inner}"
        )
        return answer.status

    with ThreadPoolExecutor(8) as writers:
        answers = sorted(writers.map(write, range(8)))
    assert answers == [200] + [500] * 7
    assert native.get(number)["version"] == 2


def test_an_update_without_difference_changes_nothing(native: Native) -> None:
    number = native.create()
    answer = native.call("UpdateTicket", number=number, version=1, change=dict(NEW))
    assert answer["version"] == 1


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"state": "solved"}, 310),
        ({"state": "reopened"}, 311),
        ({"state": "closed"}, 311),
        ({"category": "maintenance"}, 310),
        ({"category": "change"}, 310),
        ({"links": ["NO-SUCH-LINK"]}, 310),
        ({"eventStart": END, "eventEnd": START}, 310),
        ({"askedSites": ["DE-KIT"]}, 310),
        ({"relatedIssue": "javascript:alert(1)"}, 310),
    ],
)
def test_an_update_that_is_not_allowed(
    sqlite_native: Native, change: dict[str, Any], number: int
) -> None:
    ticket = sqlite_native.create()
    fault = refused(sqlite_native.call, "UpdateTicket", number=ticket, version=1, change=change)
    assert number_of(fault) == number
    assert sqlite_native.get(ticket)["version"] == 1


def test_a_creation_that_is_not_allowed(sqlite_native: Native) -> None:
    before = sqlite_native.wire.count()
    for more in ({"category": "maintenance"}, {"category": "change"}, {"relatedIssue": "RT 7"}):
        fault = refused(sqlite_native.create, **more)
        assert number_of(fault) == 310
    assert sqlite_native.wire.count() == before


def test_who_may_not_read_is_told_that_there_is_none(native: Native) -> None:
    number = native.create()
    foreign, unknown = (
        refused(native.get, found, user="other").message for found in (number, 999_999)
    )
    assert foreign == unknown == "ERROR (302): Entry does not exist in database; "
    for operation, more in (
        ("UpdateTicket", {"version": 1, "change": {}}),
        ("CommentTicket", {"text": "x"}),
        ("GetHistory", {}),
    ):
        for found in (number, 999_999, -1, 0):
            fault = refused(native.call, operation, user="other", number=found, **more)
            assert number_of(fault) == 302


def test_who_may_only_read_is_told_which_right_is_missing(native: Native) -> None:
    number = native.create()
    assert native.get(number, user="reader")["moves"] == []
    for operation, more in (
        ("CreateTicket", {"ticket": NEW}),
        ("CreateTicket", {"ticket": NEW, "requestKey": "reader's"}),
        ("UpdateTicket", {"number": number, "version": 1, "change": {"title": "x"}}),
        ("UpdateTicket", {"number": number, "version": 9, "change": {"title": "x"}}),
        ("CommentTicket", {"number": number, "text": "x"}),
    ):
        fault = refused(native.call, operation, user="reader", **more)
        assert number_of(fault) == 330
        assert "read-only" in fault.message
    assert native.get(number)["version"] == 1


def test_contacts_are_answered_to_who_sent_them_only(native: Native) -> None:
    number = native.create(**EVERYTHING)
    foreign = native.get(number, user="reader")
    assert foreign["submitter"] == {
        "name": "noc-demo", "mail": None, "login": "noc", "phone": None,
    }  # fmt: skip
    assert foreign["carbonCopy"] is None
    history = native.call("GetHistory", user="reader", number=number)["steps"][0]["fields"]
    told = {item["field"] for item in history}
    assert told.isdisjoint({"submitterMail", "submitterPhone", "carbonCopy"})
    assert "submitterLogin" in told


def test_who_replaces_a_contact_is_not_told_what_stood_there(native: Native) -> None:
    number = native.create(carbonCopy="noc@nren.example")
    for text in ("", "kit@site.example", "new@site.example"):
        version = native.get(number)["version"]
        change = {"carbonCopy": text or xsd.Nil}
        native.call("UpdateTicket", user="kit", number=number, version=version, change=change)

    steps = native.call("GetHistory", user="kit", number=number)["steps"]
    told = [item for step in steps for item in step["fields"] if item["field"] == "carbonCopy"]
    assert told == [
        {"field": "carbonCopy", "old": None, "new": new}
        for new in (None, "kit@site.example", "new@site.example")
    ]


def test_internal_entries_are_read_by_who_may_and_by_who_wrote_them(native: Native) -> None:
    number = native.create()
    native.call("CommentTicket", number=number, text="public")
    native.call("CommentTicket", number=number, text="own, internal", internal=True)
    native.call("CommentTicket", user="kit", number=number, text="of another", internal=True)
    seen = {
        user: [entry["text"] for entry in native.get(number, user=user)["diary"]]
        for user in ("opn", "opn-internal", "kit", "reader")
    }
    assert seen == {
        "opn": ["public", "own, internal"],
        "opn-internal": ["public", "own, internal", "of another"],
        "kit": ["public", "of another"],
        "reader": ["public"],
    }
    blank = refused(native.call, "CommentTicket", number=number, text=" \n")
    assert number_of(blank) == 310


def test_each_partner_gets_back_the_spelling_that_it_sent(native: Native) -> None:
    number = native.create(sites=["FZK-LCG2"])
    change = {"sites": ["ES-PIC", "GRIDKA"]}
    native.call("UpdateTicket", user="kit", number=number, version=1, change=change)
    for user, name in (("opn", "FZK-LCG2"), ("kit", "GRIDKA"), ("reader", "FZK-LCG2")):
        sites = native.get(number, user=user)["sites"]
        assert [(site["key"], site["name"]) for site in sites] == [
            ("ES-PIC", "ES-PIC"),
            ("DE-KIT", name),
        ]


def test_a_comment_that_is_sent_again_is_stored_once(native: Native) -> None:
    number = native.create()
    sent: dict[str, Any] = {"number": number, "text": "once"}
    assert [native.call("CommentTicket", **sent)["version"] for _ in range(2)] == [2, 2]
    for other in ({"author": "noc-demo"}, {"internal": True}, {"text": "twice"}, {}):
        native.call("CommentTicket", **{**sent, **other})
    assert native.get(number)["version"] == 6


# --- request keys ---------------------------------------------------------------------------------


def test_the_same_request_again_answers_the_same_ticket(native: Native) -> None:
    sent: dict[str, Any] = {"requestKey": "again-1", "ticket": EVERYTHING}
    first = native.call("CreateTicket", **sent)
    native.call("UpdateTicket", number=first["number"], version=1, change={"title": "by now"})
    before = native.wire.count()
    # who writes is no content
    assert native.call("CreateTicket", author="somebody", **sent) == first
    assert native.wire.count() == before
    assert native.get(first["number"])["title"] == "by now"


def test_other_content_under_a_request_key_names_the_ticket(native: Native) -> None:
    first = native.call("CreateTicket", requestKey="again-2", ticket=NEW)["number"]
    before = native.wire.count()
    for other in (
        {"ticket": {"title": "other"}},
        {"ticket": {**NEW, "eventStart": START}},
        {"ticket": {**NEW, "links": [LINK]}},
        {"ticket": {**NEW, "references": [{"provider": "OPN", "reference": "1"}]}},
        {"ticket": NEW, "relation": {"role": "related", "number": first}},
    ):
        fault = refused(native.call, "CreateTicket", requestKey="again-2", **other)
        assert number_of(fault) == 343
        assert f"ticket {first} " in fault.message
    assert native.wire.count() == before


def test_a_request_key_is_one_partners_own(native: Native) -> None:
    made = {
        native.call("CreateTicket", user=user, requestKey="mine", ticket=NEW)["number"]
        for user in ("opn", "opn-internal", "kit", "other")
    }
    assert len(made) == 3  # two of the accounts are of one partner
    for bad in ("", " ", "x" * 256):
        fault = refused(native.call, "CreateTicket", requestKey=bad, ticket=NEW)
        assert number_of(fault) == 310


def test_a_refused_creation_does_not_use_its_key_up(native: Native) -> None:
    bad = {**NEW, "links": ["NO-SUCH-LINK"]}
    assert number_of(refused(native.call, "CreateTicket", requestKey="k", ticket=bad)) == 310
    assert native.call("CreateTicket", requestKey="k", ticket=NEW)["version"] == 1


CHANGES: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("CommentTicket", {"text": "We look"}, {"text": "We look", "internal": True}),
    ("CommentTicket", {"text": "We look"}, {"text": "We looked"}),
    (
        "UpdateTicket",
        {"version": 1, "change": {"title": "New"}},
        {"version": 1, "change": {"title": "Newer"}},
    ),
    ("AddAttachment", {"name": "a", "content": b"log"}, {"name": "a", "content": b"lag"}),
    ("AddAttachment", {"name": "a", "content": b"log"}, {"name": "b", "content": b"log"}),
)


@pytest.mark.parametrize(("operation", "sent", "other"), CHANGES)
def test_a_change_under_a_request_key_is_carried_out_once(
    native: Native, operation: str, sent: dict[str, Any], other: dict[str, Any]
) -> None:
    """On a busy ticket: a repeat answers as the first time, whatever came between. Other content
    under the key is a fault, and so is the key of another operation or ticket."""
    key, busy = uuid4().hex, uuid4().hex
    number = native.call("CreateTicket", requestKey=busy, ticket=NEW)["number"]
    first = native.call(operation, number=number, requestKey=key, **sent)
    assert first["version"] == 2
    native.call("CommentTicket", user="kit", number=number, text="between")
    before = native.get(number)
    # who writes is no content, and keys are the partner's
    for more in ({}, {"author": "somebody"}, {"user": "opn-internal"}):
        assert native.call(operation, number=number, requestKey=key, **more, **sent) == first
    assert native.get(number) == before
    elsewhere = native.call("CreateTicket", ticket=NEW)["number"]
    for wrong in (
        lambda: native.call(operation, number=number, requestKey=key, **other),
        lambda: native.call(operation, number=elsewhere, requestKey=key, **sent),
        lambda: native.call(operation, number=number, requestKey=busy, **sent),
        lambda: native.call("CreateTicket", requestKey=key, ticket=NEW),
    ):
        fault = refused(wrong)
        assert number_of(fault) == 343
        assert f"ticket {number} " in fault.message
    assert native.get(number) == before


def test_with_request_keys_nothing_else_decides(native: Native) -> None:
    """The same comment and the same file at once under two keys are two; without a key one."""
    number = native.call("CreateTicket", ticket=NEW)["number"]
    for operation, sent in (
        ("CommentTicket", {"text": "We look"}),
        ("AddAttachment", {"name": "a", "content": b"log"}),
    ):
        version = native.get(number)["version"]
        answers = [
            native.call(operation, number=number, **sent, **key)["version"]
            for key in ({}, {}, {"requestKey": uuid4().hex}, {"requestKey": uuid4().hex})
        ]
        assert answers == [version + one for one in (1, 1, 2, 3)]


def test_a_request_key_gives_no_right(native: Native) -> None:
    """A repeat is refused to whoever may not do it, and a refused change leaves its key free."""
    number = native.call("CreateTicket", ticket=NEW)["number"]
    sent: dict[str, Any] = {"number": number, "requestKey": uuid4().hex, "text": "We look"}
    for user, fault in (("other", 302), ("reader", 330)):
        assert number_of(refused(native.call, "CommentTicket", user=user, **sent)) == fault
    blank = {**sent, "text": " "}
    assert number_of(refused(native.call, "CommentTicket", **blank)) == 310
    assert native.call("CommentTicket", **sent)["version"] == 2
    for user, fault in (("other", 302), ("reader", 330)):
        assert number_of(refused(native.call, "CommentTicket", user=user, **sent)) == fault
    for bad in ("", " ", "x" * 256):
        wrong = refused(native.call, "CommentTicket", **{**sent, "requestKey": bad})
        assert number_of(wrong) == 310


def test_parallel_repeats_of_one_comment_are_one(native: Native) -> None:
    number = native.call("CreateTicket", ticket=NEW)["number"]
    key = uuid4().hex
    inner = f"<n:number>{number}</n:number><n:text>once only</n:text><n:requestKey>{key}"
    inner += "</n:requestKey>"
    with ThreadPoolExecutor(20) as senders:
        answers = list(senders.map(lambda _: native.raw("CommentTicket", inner).values, range(20)))
    assert {answer["version"] for answer in answers} == {"2"}
    assert native.get(number)["version"] == 2


def test_fifty_parallel_repeats_of_one_request_open_one_ticket(native: Native) -> None:
    wire: Wire = native.wire
    before = wire.count()
    inner = "<n:requestKey>fifty</n:requestKey><n:ticket><n:title>once only</n:title></n:ticket>"
    with ThreadPoolExecutor(50) as senders:
        answers = list(senders.map(lambda _: native.raw("CreateTicket", inner).values, range(50)))
    assert len({(answer["number"], answer["version"]) for answer in answers}) == 1
    assert wire.count() == before + 1
