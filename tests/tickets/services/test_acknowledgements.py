"""Changes that sites must accept: who is asked, who answers, what the log keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import Actor
from app.core.rules.errors import EditConflict, Forbidden, Invalid, MoveNotAllowed, NotFound
from app.core.services.changes import TICKET, changes_of
from app.registry.models.registry import Site
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.services.acknowledgements import (
    acknowledge_change,
    answerable_sites,
    answers_of,
    missing_sites,
)
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import change_ticket, find_ticket, move_ticket, open_ticket
from tests.cast import NOON, Cast, enter, writer

LINK = "CERN-GRIDKA-LHCOPN-001"


@pytest.fixture
def cast(session: Session) -> Cast:
    return enter(session)


def opened(session: Session, by: Actor, **fields: Any) -> int:
    given: dict[str, Any] = {"title": "New fibre", "category": "change", **fields}
    with transaction(session):
        return open_ticket(session, writer(by), NewTicket(**given)).number


def change(session: Session, by: Actor, number: int, version: int | None = None, **to: Any) -> None:
    with transaction(session):
        change_ticket(session, writer(by), number, to, base_version=version)


def answer(
    session: Session, by: Actor, number: int, site: str, given: str, reason: str = ""
) -> None:
    with transaction(session):
        acknowledge_change(session, writer(by), number, site, given, reason)


def ticket_of(session: Session, cast: Cast, number: int) -> Ticket:
    session.rollback()
    return find_ticket(session, cast.reader, number)


def asked(session: Session, cast: Cast, number: int) -> tuple[str, ...]:
    found: tuple[str, ...] = current_value(ticket_of(session, cast, number), "asked_sites")
    return found


def told(session: Session, cast: Cast, number: int) -> list[tuple[str, str, str, bool]]:
    ticket = ticket_of(session, cast, number)
    return [(x.site, x.answer, x.reason, x.outdated) for x in answers_of(session, ticket)]


def newest(session: Session, number: int) -> list[tuple[str, str | None, str | None]]:
    found = changes_of(session, TICKET, number)[-1]
    return [(item.field, item.old, item.new) for item in found.fields]


@pytest.mark.parametrize(
    ("fields", "sites"),
    [
        ({}, ()),
        ({"links": (LINK,)}, ("CH-CERN", "DE-KIT")),
        ({"links": (LINK,), "sites": ("pic", "No Such Site")}, ("CH-CERN", "DE-KIT", "ES-PIC")),
        ({"sites": ("GRIDKA",)}, ("DE-KIT",)),
        ({"title": f"Move of {LINK}"}, ("CH-CERN", "DE-KIT")),
        ({"links": (LINK,), "asked_sites": ("pic", "PIC", "ES-PIC")}, ("ES-PIC",)),
        ({"category": "maintenance", "links": (LINK,)}, ()),
    ],
)
def test_a_change_asks_who_is_concerned_unless_others_are_stated(
    session: Session, cast: Cast, fields: dict[str, Any], sites: tuple[str, ...]
) -> None:
    number = opened(session, cast.operator, **fields)
    assert asked(session, cast, number) == sites
    logged = {item.field: item.new for item in changes_of(session, TICKET, number)[0].fields}
    assert logged.get("asked_sites") == ("; ".join(sites) or None)
    assert missing_sites(ticket_of(session, cast, number)) == list(sites)


@pytest.mark.parametrize(
    "fields",
    [
        {"asked_sites": ("No Such Site",)},
        {"asked_sites": ("a\x00b",)},
        {"asked_sites": ("ES-PIC",), "category": "incident"},
    ],
)
def test_who_cannot_be_asked(session: Session, cast: Cast, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        opened(session, cast.operator, **fields)
    assert refused.value.field == "asked_sites"
    number = opened(session, cast.operator)
    with pytest.raises(Invalid) as refused:
        change(session, cast.operator, number, **fields)
    assert refused.value.field == "asked_sites"


def test_becoming_a_change_asks_and_ceasing_to_be_one_asks_nobody(
    session: Session, cast: Cast
) -> None:
    number = opened(session, cast.operator, category="incident", links=(LINK,))
    change(session, cast.operator, number, category="change")
    assert newest(session, number) == [
        ("category", "incident", "change"),
        ("asked_sites", None, "CH-CERN; DE-KIT"),
    ]
    answer(session, cast.kit, number, "DE-KIT", "accepted")
    change(session, cast.operator, number, category="informational")
    assert asked(session, cast, number) == ()
    assert ("asked_sites", "CH-CERN; DE-KIT", None) in newest(session, number)
    change(session, cast.operator, number, category="change", asked_sites=("pic",), links=())
    assert told(session, cast, number) == [("ES-PIC", "", "", False)]


def test_the_list_is_edited_like_any_field(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, links=(LINK,))
    answer(session, cast.kit, number, "GRIDKA", "accepted")
    change(session, cast.operator, number, asked_sites=("FZK-LCG2", "pic", "CERN"))
    assert newest(session, number) == [
        ("asked_sites", "CH-CERN; DE-KIT", "CH-CERN; DE-KIT; ES-PIC")
    ]
    assert told(session, cast, number)[1] == ("DE-KIT", "accepted", "", False)  # it keeps its row
    version = ticket_of(session, cast, number).version
    change(session, cast.operator, number, asked_sites=("CERN-PROD", "ES-PIC", "GRIDKA"))
    assert ticket_of(session, cast, number).version == version  # the same sites by other names
    with pytest.raises(EditConflict):
        change(session, cast.operator, number, version=2, asked_sites=("ES-PIC",))
    change(session, cast.operator, number, asked_sites=("ES-PIC",))
    assert told(session, cast, number) == [("ES-PIC", "", "", False)]
    stories = [item.new for made in changes_of(session, TICKET, number) for item in made.fields]
    assert "DE-KIT accepted" in stories  # off the list, still in the history
    change(session, cast.operator, number, asked_sites=())
    assert asked(session, cast, number) == ()


def test_a_new_answer_replaces_the_old_one_and_both_are_logged(
    session: Session, cast: Cast
) -> None:
    number = opened(session, cast.operator, links=(LINK,))
    for _ in range(2):  # the second time is no change
        answer(session, cast.kit, number, "DE-KIT", "accepted")
    assert newest(session, number) == [("acknowledgement", None, "DE-KIT accepted")]
    assert ticket_of(session, cast, number).version == 2
    answer(session, cast.kit, number, "FZK-LCG2", "refused", "beam on")
    assert newest(session, number) == [
        ("acknowledgement", "DE-KIT accepted", "DE-KIT refused: beam on")
    ]
    assert told(session, cast, number) == [
        ("CH-CERN", "", "", False),
        ("DE-KIT", "refused", "beam on", False),
    ]
    ticket = ticket_of(session, cast, number)
    kit = answers_of(session, ticket)[1]
    assert (kit.author, kit.at) == ("kit", ticket.changed_at)
    assert missing_sites(ticket) == ["CH-CERN"]
    assert answerable_sites(cast.kit, ticket) == ["DE-KIT"]
    assert answerable_sites(cast.operator, ticket) == ["CH-CERN", "DE-KIT"]
    assert answerable_sites(cast.pic, ticket) == answerable_sites(cast.reader, ticket) == []


def test_who_answers_for_whom(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, links=(LINK,))
    kit = session.scalars(select(Site.id).where(Site.key == "DE-KIT")).one()
    for actor, reason in (
        (cast.pic, "own sites"),
        (cast.reader, "reader"),
        (cast.ggus, "may not respond for this site"),
        (replace(cast.ggus, site_ids=frozenset({kit}), read_only=True), "read-only"),
    ):
        with pytest.raises(Forbidden, match=reason):
            answer(session, actor, number, "DE-KIT", "accepted")
    with pytest.raises(NotFound):
        answer(session, cast.nren_a, number, "DE-KIT", "accepted")
    with pytest.raises(NotFound):
        answer(session, cast.admin, 99, "DE-KIT", "accepted")
    answer(session, replace(cast.ggus, site_ids=frozenset({kit})), number, "DE-KIT", "accepted")
    answer(session, cast.admin, number, "CH-CERN", "refused", "not in our name")
    for site in ("ES-PIC", "No Such Site", "a\x00b", ""):
        with pytest.raises(Invalid) as refused:
            answer(session, cast.operator, number, site, "accepted")
        assert refused.value.field == "site"


def test_answers_are_given_while_the_ticket_is_open(session: Session, cast: Cast) -> None:
    number = opened(session, cast.operator, links=(LINK,))
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, "unsolved")
    with pytest.raises(MoveNotAllowed, match="unsolved"):
        answer(session, cast.kit, number, "DE-KIT", "accepted")
    assert answerable_sites(cast.operator, ticket_of(session, cast, number)) == []
    incident = opened(session, cast.operator, category="incident", links=(LINK,))
    with pytest.raises(Invalid, match="only changes need acceptance"):
        answer(session, cast.kit, incident, "DE-KIT", "accepted")


@pytest.mark.parametrize(
    ("to", "outdated"),
    [
        ({"window_start": NOON + timedelta(days=1)}, True),
        ({"window_end": NOON + timedelta(days=2)}, True),
        ({"event_start": NOON}, True),
        ({"event_end": NOON}, True),
        ({"links": ()}, True),
        ({"sites": ("pic",)}, True),
        ({"title": "another"}, False),
        ({"public_comment": "words"}, False),
        ({"asked_sites": ("DE-KIT", "ES-PIC")}, False),
    ],
)
def test_an_answer_to_an_earlier_plan_is_marked_and_can_be_given_again(
    session: Session, cast: Cast, to: dict[str, Any], outdated: bool
) -> None:
    number = opened(session, cast.operator, links=(LINK,), asked_sites=("DE-KIT",))
    answer(session, cast.kit, number, "DE-KIT", "accepted")
    change(session, cast.operator, number, **to)
    assert told(session, cast, number)[0] == ("DE-KIT", "accepted", "", outdated)
    version = ticket_of(session, cast, number).version
    answer(session, cast.kit, number, "DE-KIT", "accepted")
    assert told(session, cast, number)[0] == ("DE-KIT", "accepted", "", False)
    assert ticket_of(session, cast, number).version == version + outdated
