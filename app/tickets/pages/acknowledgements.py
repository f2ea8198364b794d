"""What a change's page shows of the sites that must accept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.rules.access import Actor
from app.core.rules.language import _
from app.core.web.extensions import db
from app.tickets.models.tickets import Ticket
from app.tickets.pages.forms import AnswerForm
from app.tickets.rules.acknowledgements import Answer
from app.tickets.rules.tickets import Category, is_open
from app.tickets.services.acknowledgements import (
    SiteAnswer,
    answerable_sites,
    answers_of,
    missing_sites,
)


@dataclass(frozen=True)
class AnswerLine:
    """One site that has to accept, with what this person may do for it."""

    found: SiteAnswer
    may_answer: bool
    over: bool
    """The change is finished: nobody is waited for any more."""

    @property
    def word(self) -> str:
        """The answer, or that it is missing."""
        return self.found.answer or (_("no response") if self.over else "missing")

    @property
    def may_accept(self) -> bool:
        """Whether accepting would change anything."""
        return self.may_answer and (self.found.answer != Answer.ACCEPTED or self.found.outdated)

    @property
    def icon(self) -> str:
        """The shape next to the word."""
        shapes: dict[str, str] = {Answer.ACCEPTED: "solved", Answer.REFUSED: "unsolved"}
        return shapes.get(self.found.answer, "new")

    @property
    def tone(self) -> str:
        """The signal colour's class."""
        if not self.found.answer:
            return "quiet" if self.over else "waiting"
        return "ok" if self.found.answer == Answer.ACCEPTED else "trouble"


def acknowledgement_section(
    actor: Actor, ticket: Ticket, form: AnswerForm | None
) -> Mapping[str, Any]:
    """What the section "Acceptance by sites" needs; ``form`` is one that was refused."""
    mine = answerable_sites(actor, ticket)
    over = not is_open(ticket.state)
    lines = [
        AnswerLine(found, found.site in mine, over) for found in answers_of(db.session(), ticket)
    ]
    return {
        "is_change": ticket.category == Category.CHANGE,
        "answer_lines": lines,
        "answered": sum(bool(line.found.answer) for line in lines),
        "missing": () if over else missing_sites(ticket),
        "refusals": sum(line.found.answer == Answer.REFUSED for line in lines),
        "outdated": sum(line.found.outdated for line in lines),
        "answer_form": form or AnswerForm(formdata=None),
    }
