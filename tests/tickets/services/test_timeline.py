"""Who reads which part of a ticket's story."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.rules.content import NewTicket
from app.tickets.services.lifecycle import (
    change_ticket,
    comment_ticket,
    note_difference,
    open_ticket,
)
from app.tickets.services.timeline import timeline_of
from tests.cast import enter, writer


def test_internal_text_and_contacts_are_for_operators_and_who_wrote_them(session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        new = NewTicket(title="t", submitter_mail="noc@nren.example", internal_comment="ours")
        number = open_ticket(session, writer(cast.nren_a), new).number
        comment_ticket(session, writer(cast.operator), number, "theirs", internal=True)
        comment_ticket(session, writer(cast.operator), number, "for all")
        change_ticket(session, writer(cast.operator), number, {"priority": "urgent"})

    def seen(who: str) -> tuple[list[str], list[str], bool]:
        steps = timeline_of(session, getattr(cast, who), number)
        return (
            [step.internal_comment for step in steps if step.internal_comment],
            [step.public_comment for step in steps if step.public_comment],
            any(item.field == "submitter_mail" for step in steps for item in step.fields),
        )

    assert seen("operator") == (["ours", "theirs"], ["for all"], True)
    assert seen("admin") == (["ours", "theirs"], ["for all"], True)
    assert seen("nren_a") == (["ours"], ["for all"], True)
    assert seen("ggus") == (["ours", "theirs"], ["for all"], False)
    assert seen("kit") == ([], ["for all"], False)
    assert seen("reader") == ([], ["for all"], False)
    # a step of which nothing is left is not shown: creation, the public entry, the priority
    assert len(timeline_of(session, cast.reader, number)) == 3


def test_people_read_the_carbon_copy_and_only_operators_what_is_to_check(session: Session) -> None:
    cast = enter(session)
    with transaction(session):
        number = open_ticket(session, writer(cast.nren_a), NewTicket(title="t")).number
        change_ticket(session, writer(cast.operator), number, {"carbon_copy": "a@nren.example"})
        note_difference(session, writer(cast.nren_a), number, "other text")

    def seen(who: str) -> set[str]:
        steps = timeline_of(session, getattr(cast, who), number)
        return {item.field for step in steps for item in step.fields} & {"carbon_copy", "to_check"}

    assert seen("operator") == {"carbon_copy", "to_check"}
    assert seen("reader") == {"carbon_copy"}
    assert seen("ggus") == {"to_check"}  # may read what is internal
    assert seen("nren_a") == set()
