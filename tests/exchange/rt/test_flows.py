"""What both sides end up with, played as people do it: each flow with a real Request Tracker and
with what stands in for it, and with ends written by hand. None may be different and in step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exchange.models.pairs import ExchangeEntry, TicketPair
from app.exchange.rules.entries import EntryKind
from app.exchange.rules.fields import Owner
from app.exchange.rules.standing import Standing
from app.exchange.services import decisions
from tests.exchange.rt.request_tracker import RT
from tests.exchange.rt.test_request_tracker import PROFILE
from tests.exchange.side import Side


@dataclass
class Flow:
    """One ticket that both sides work on. Between two steps everybody hears of everything."""

    side: Side
    rt: RT
    number: int = 0
    key: str = ""

    def ours(self) -> None:
        """We open it."""
        self.number = self.side.open("Link down", "No light since 10:00.")
        self.hear()
        self.key = self.side.pair(self.number).their_id or ""

    def theirs(self) -> None:
        """They open it."""
        self.key = self.rt.open("Loss on the link", "3 % since noon.")
        self.side.pull()
        with Session(self.side.engine) as session:
            found = select(TicketPair.ticket_number).where(TicketPair.their_id == self.key)
            self.number = session.scalars(found).one()

    def we(self, state: str, solution: str | None = None) -> None:
        """We move it."""
        self.side.move(self.number, state, solution)

    def we_say(self, text: str) -> None:
        """We comment on it."""
        self.side.comment(self.number, text)

    def they(self, status: str) -> None:
        """They set its status."""
        self.rt.move(self.key, status)

    def they_say(self, text: str) -> None:
        """They correspond."""
        self.rt.reply(self.key, text)

    def hear(self) -> None:
        """Both sides hear of what the other one did, and of what followed from that."""
        for _turn in range(2):
            self.side.send()
            if self.key:
                self.side.read(self.key)

    def ends(self) -> tuple[str, str]:
        """Our state, and their status."""
        self.hear()
        return self.side.ticket(self.number).state, self.rt.ticket(self.key)["Status"]


def solve(flow: Flow) -> None:
    """Both sides work on it, and we solve it."""
    flow.ours()
    flow.we("in progress")
    flow.hear()
    flow.we("solved", "Fibre spliced.")
    flow.hear()


def we_solve(flow: Flow) -> None:
    solve(flow)


def we_solve_at_once(flow: Flow) -> None:
    flow.ours()
    flow.we("solved", "It was a test.")


def we_find_no_fault(flow: Flow) -> None:
    flow.ours()
    flow.we("in progress")
    flow.hear()
    flow.we("unsolved", "Not reproducible.")


def they_resolve_what_we_assigned(flow: Flow) -> None:
    flow.ours()
    flow.we("assigned")
    flow.hear()
    flow.they_say("Card replaced.")
    flow.they("resolved")


def they_reopen_what_we_solved(flow: Flow) -> None:
    solve(flow)
    flow.they("open")


def they_answer_what_we_solved(flow: Flow) -> None:
    solve(flow)
    flow.they_say("It is down again.")


def we_comment_on_what_is_solved(flow: Flow) -> None:
    solve(flow)
    flow.we_say("The report follows.")


def we_comment_twice_on_what_is_solved(flow: Flow) -> None:
    solve(flow)
    flow.we_say("The report follows.")
    flow.hear()
    flow.we_say("Here it is.")


def we_comment_and_they_answer_unheard(flow: Flow) -> None:
    solve(flow)
    flow.we_say("All is well.")
    flow.side.send()
    flow.they_say("No, it is down again.")


def we_attach_to_what_is_solved(flow: Flow) -> None:
    solve(flow)
    flow.side.attach(flow.number, "otdr.txt", b"1.2 km")


def we_note_on_what_is_solved(flow: Flow) -> None:
    solve(flow)
    flow.side.comment(flow.number, "The bill is open.", internal=True)


def we_comment_on_a_new_one(flow: Flow) -> None:
    flow.ours()
    flow.we_say("Any news?")


def they_answer_a_new_one(flow: Flow) -> None:
    flow.ours()
    flow.they_say("We look into it.")


def we_reopen_what_they_resolved(flow: Flow) -> None:
    flow.ours()
    flow.they_say("Done.")
    flow.they("resolved")
    flow.hear()
    flow.we("reopened")


def we_ask_and_they_answer(flow: Flow) -> None:
    flow.theirs()
    flow.we_say("Which interface?")
    flow.we("waiting for reply")
    flow.hear()
    flow.they_say("xe-0/1/0.")


def we_hold_it(flow: Flow) -> None:
    flow.ours()
    flow.we("in progress")
    flow.hear()
    flow.we("on hold")


def they_stall_and_open_it(flow: Flow) -> None:
    flow.ours()
    flow.we("assigned")
    flow.hear()
    flow.they("stalled")
    flow.hear()
    flow.they("open")


def they_reject_it(flow: Flow) -> None:
    flow.ours()
    flow.they_say("It is on your side.")
    flow.they("rejected")


def we_hold_it_and_begin_again(flow: Flow) -> None:
    flow.ours()
    flow.we("on hold")
    flow.hear()
    flow.we("in progress")


def they_solve_their_own(flow: Flow) -> None:
    flow.theirs()
    flow.we("in progress")
    flow.hear()
    flow.they_say("Rebooted.")
    flow.they("resolved")


FLOWS: dict[Callable[[Flow], None], tuple[str, str]] = {
    we_solve: ("solved", "resolved"),
    we_solve_at_once: ("solved", "resolved"),
    we_find_no_fault: ("unsolved", "rejected"),
    they_resolve_what_we_assigned: ("solved", "resolved"),
    they_reopen_what_we_solved: ("reopened", "open"),
    they_answer_what_we_solved: ("reopened", "open"),
    we_comment_on_what_is_solved: ("solved", "resolved"),
    we_comment_twice_on_what_is_solved: ("solved", "resolved"),
    we_comment_and_they_answer_unheard: ("reopened", "open"),
    we_attach_to_what_is_solved: ("solved", "resolved"),
    we_note_on_what_is_solved: ("solved", "resolved"),
    we_comment_on_a_new_one: ("new", "new"),
    they_answer_a_new_one: ("in progress", "open"),
    we_reopen_what_they_resolved: ("reopened", "open"),
    we_ask_and_they_answer: ("in progress", "open"),
    we_hold_it: ("on hold", "stalled"),
    they_stall_and_open_it: ("in progress", "open"),
    they_reject_it: ("unsolved", "rejected"),
    we_hold_it_and_begin_again: ("in progress", "open"),
    they_solve_their_own: ("solved", "resolved"),
}


@pytest.mark.parametrize("play", FLOWS, ids=lambda play: play.__name__.replace("_", " "))
def test_both_sides_end_alike_and_are_in_step(
    side: Side, rt: RT, play: Callable[[Flow], None]
) -> None:
    flow = Flow(side, rt)
    play(flow)
    assert flow.ends() == FLOWS[play]
    side.later(seconds=5)
    side.pull()
    side.read(flow.key)
    told = side.compared(flow.number)
    assert (told.standing, told.differing) == (Standing.IN_STEP, [])
    assert {state for _kind, _content, state in side.ours(flow.number)} <= {"sent"}, "as it was"
    assert side.pair(flow.number).reason == ""


def both_move_it_unheard(flow: Flow, first: Callable[[], None], then: Callable[[], None]) -> None:
    """Each side moves it before it hears of the other; a second lies between."""
    flow.ours()
    flow.we("in progress")
    flow.hear()
    first()
    flow.side.later(seconds=2)
    then()


def test_who_moved_it_last_is_told_by_their_history(side: Side, rt: RT) -> None:
    """Ours is later by the portal's clock: their status was set before, their text after it."""
    flow = Flow(side, rt)
    both_move_it_unheard(flow, lambda: flow.they("stalled"), lambda: flow.we("solved", "Spliced."))
    flow.rt.reply(flow.key, "Somebody looks.", "comment")
    assert flow.ends() == ("solved", "resolved")
    assert all(state == "sent" for _kind, _content, state in side.ours(flow.number))


def with_owner(side: Side, owner: Owner) -> None:
    side.change_profile(replace(PROFILE, owners={"state": owner}))


def fields(side: Side, number: int) -> list[tuple[str, str]]:
    """Values of our entries, and what became of them."""
    rows = side.ours(number)
    return [(content, state) for kind, content, state in rows if kind == EntryKind.FIELDS]


def test_a_value_of_ours_that_yields_reads_gave_way(side: Side, rt: RT) -> None:
    flow = Flow(side, rt)
    flow.ours()
    with_owner(side, Owner.THEM)
    flow.we("on hold")
    side.plan()
    flow.they("open")
    assert flow.ends() == ("in progress", "open")
    assert fields(side, flow.number) == [('{"state": "on hold"}', "gave way")]
    assert "Gave way to the partner's value: state" in side.reasons(flow.number)


def test_a_value_that_is_ours_no_more_is_not_sent(side: Side, rt: RT) -> None:
    flow = Flow(side, rt)
    flow.ours()
    for state in ("in progress", "on hold", "in progress"):
        flow.we(state)
    assert flow.ends() == ("in progress", "open")
    assert fields(side, flow.number) == [
        ('{"state": "in progress"}', "sent"),
        ('{"state": "on hold"}', "skipped"),
        ('{"state": "in progress"}', "sent"),
    ]
    assert side.reasons(flow.number)[1:] == ["Changed again since: state"]


def test_where_both_moved_it_and_ask_is_chosen_a_person_chooses(side: Side, rt: RT) -> None:
    side.change_profile(
        type(PROFILE)(maps=PROFILE.maps, group="Network", owners={"state": Owner.ASK})
    )
    flow = Flow(side, rt)
    both_move_it_unheard(flow, lambda: flow.they("stalled"), lambda: flow.we("solved", "Spliced."))
    assert flow.ends() == ("solved", "stalled")
    assert side.compared(flow.number).standing is Standing.ASKED
    with side.writing() as session:
        asked = session.scalars(select(ExchangeEntry).where(ExchangeEntry.state == "asked")).one()
        decisions.choose(session, side.by(), asked.id, ours=True)
    assert flow.ends() == ("solved", "resolved")
    with Session(side.engine) as session:
        assert (
            session.scalars(select(ExchangeEntry).where(ExchangeEntry.state == "asked")).all() == []
        )


def test_what_is_closed_here_is_not_reopened_and_is_said(side: Side, rt: RT) -> None:
    flow = Flow(side, rt)
    solve(flow)
    flow.we("closed")
    flow.hear()
    flow.they("open")
    assert flow.ends() == ("closed", "open")
    side.later(seconds=5)
    side.pull()
    side.read(flow.key)
    told = side.compared(flow.number)
    assert told.standing is Standing.DIFFERENT
    assert [(one.name, one.ours, one.theirs) for one in told.differing] == [
        ("state", "closed", "open")
    ]
    assert [state for _kind, _content, state in side.theirs(flow.number)] == ["recorded"]
