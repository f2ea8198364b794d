"""How a ticket's words look on pages: filters of the templates."""

from __future__ import annotations

from flask import Flask

from app.core.rules.language import _, said_word
from app.tickets.rules.tickets import Priority, State
from app.tickets.services.pages import Listed

_TONES = {
    State.NEW: "trouble",
    State.ASSIGNED: "info",
    State.IN_PROGRESS: "info",
    State.WAITING: "waiting",
    State.ON_HOLD: "waiting",
    State.REOPENED: "trouble",
    State.SOLVED: "ok",
    State.UNSOLVED: "plain",
    State.VERIFIED: "ok",
    State.CLOSED: "plain",
}

_LEVELS = {
    Priority.LESS_URGENT: 1,
    Priority.NORMAL: 1,
    Priority.URGENT: 2,
    Priority.VERY_URGENT: 3,
    Priority.TOP: 4,
}

_MOVE_WORDS = {
    State.ASSIGNED: _("Set to assigned"),
    State.IN_PROGRESS: _("Start work"),
    State.WAITING: _("Wait for reply"),
    State.ON_HOLD: _("Put on hold"),
    State.REOPENED: _("Reopen"),
    State.SOLVED: _("Solve"),
    State.UNSOLVED: _("Mark unsolved"),
    State.VERIFIED: _("Verify"),
    State.CLOSED: _("Close"),
}


def state_tone(state: str) -> str:
    """Which signal colour a state has, in addition to its word and shape."""
    return _TONES.get(State(state), "plain")


def priority_level(priority: str) -> int:
    """1 to 4 bars."""
    return _LEVELS.get(Priority(priority), 1)


_MOVED_WORDS = {
    State.ASSIGNED: _("set it to assigned"),
    State.IN_PROGRESS: _("set it to in progress"),
    State.WAITING: _("set it to waiting for reply"),
    State.ON_HOLD: _("put it on hold"),
    State.REOPENED: _("reopened it"),
    State.SOLVED: _("solved it"),
    State.UNSOLVED: _("marked it unsolved"),
    State.VERIFIED: _("verified it"),
    State.CLOSED: _("closed it"),
}


def move_word(state: str) -> str:
    """What the button of a move says."""
    return _MOVE_WORDS.get(State(state), state)


def moved_words(state: str) -> str:
    """What the story says of a move to this state."""
    return _MOVED_WORDS.get(State(state), _("set it to %(state)s", state=said_word(state)))


def undone_words(state: str) -> str:
    """What the story says of a move to this state that was undone."""
    return _("undid the move to %(state)s", state=said_word(state))


def where_affected(page: Listed, number: int) -> str:
    """All affected links and sites of a listed ticket in one line."""
    return ", ".join(item.shown for item in (*page.links[number], *page.sites[number]))


def register(flask_app: Flask) -> None:
    """Make the filters known to the templates."""
    for filter_function in (
        state_tone,
        priority_level,
        move_word,
        where_affected,
    ):
        flask_app.add_template_filter(filter_function)
