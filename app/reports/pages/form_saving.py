"""What was typed into a report's page is stored first, whichever of its buttons was pressed.

Without a script all of the page comes with each button. What a button does not send or do itself
(a comment, the number of a ticket, a reason) is not stored: it is shown again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flask import flash, request

from app.core.database.transactions import transaction
from app.core.rules.errors import FieldConflict, MoveNotAllowed
from app.core.rules.language import _
from app.core.web.extensions import db
from app.core.web.person import writer
from app.reports.pages.form_context import (
    CONFLICT,
    DIGEST,
    VERSION,
    ReportContext,
    Sent,
    sent_version,
    touched_fields,
)
from app.reports.pages.form_fields import Theirs
from app.reports.rules.differences import labels_of
from app.reports.rules.form import ANSWER
from app.reports.services import reports as verbs
from app.reports.services.forms import carried_answers

COMMENT = "text"
"""The field of a comment."""
REASON_TO_REOPEN = "reason"
_TICKET, _WHY = "ticket.", "why."
"""Before an event's number: the ticket that is to be linked to it, and why it is the one."""


@dataclass(frozen=True)
class Unstored:
    """A text that was typed and can be stored nowhere any more."""

    label: str
    text: str


@dataclass(frozen=True)
class Typed:
    """What a person sent, and the result, where not everything could be done."""

    fields: Mapping[str, Sent] = field(default_factory=dict)
    """Fields that were not stored."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """By the field's name; ``reason`` is that of reopening, ``link.ID`` the ticket of an event."""
    theirs: Mapping[str, Theirs] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    """What else was typed, by the names of ``errors``, and ``why.ID``: why a ticket is the one."""
    still_open: Sequence[verbs.OpenQuestion] = ()
    """What has to be answered before the report can be submitted."""
    refusal: str = ""
    """Why nothing may be written now, though it was when the page was made."""
    unstored: Sequence[Unstored] = ()
    """What was typed then, to be copied."""

    @property
    def is_done(self) -> bool:
        """Whether nothing was refused."""
        return not (self.errors or self.theirs or self.refusal)

    @property
    def status(self) -> int:
        """Of the answer that shows it."""
        if self.theirs or self.refusal:
            return 409
        return 422 if self.errors else 200


def saved(
    place: ReportContext, what: str = "", about: str = "", *, is_asked: bool = False
) -> Typed:
    """Store what was touched. ``theirs.NAME``: this field is to stay as somebody else wrote it;
    ``mine.NAME``: what was typed replaces that; ``carry.NAME``: the answer of an earlier quarter
    is taken over. ``is_asked``: saving is what the person wants, also where nothing was touched."""
    session = db.session()
    touched = touched_fields()
    if what == "theirs":
        touched.pop(about, None)
    elif what == "mine" and about in touched:
        touched[about] = replace(touched[about], version=sent_version(CONFLICT + about))
    elif what == "carry":
        key = about.removeprefix(ANSWER)
        earlier = carried_answers(session, place.site.id, place.quarter, place.form).get(key)
        if earlier is not None:
            seen = sent_version(VERSION + about)
            touched[about] = Sent(earlier.value, seen, request.form.get(DIGEST + about, ""))
    words = typed_beside()
    if not touched and not is_asked:
        return Typed(words=words)
    try:
        with transaction(session):
            done = verbs.save_fields(
                session,
                writer(),
                place.site,
                place.quarter,
                {name: (one.value, one.version) for name, one in touched.items()},
            )
    except MoveNotAllowed as error:
        return Typed(words=words, refusal=error.message, unstored=_unstored(place, touched))
    return Typed(
        {name: touched[name] for name in (*done.problems, *done.conflicts)},
        dict(done.problems),
        {name: theirs_of(one) for name, one in done.conflicts.items()},
        words,
    )


def theirs_of(conflict: FieldConflict) -> Theirs:
    """What a conflict shows of the other person's text."""
    return Theirs(conflict.value, conflict.version, conflict.changed_by, conflict.changed_at)


def typed_beside() -> dict[str, str]:
    """What was typed outside the report's fields, as ``Typed.words`` names it."""
    found = {}
    for name, sent in request.form.items():
        text = sent.replace("\r\n", "\n")
        if not text.strip():
            continue
        if name.startswith(_TICKET):
            found[f"link.{name.removeprefix(_TICKET)}"] = text.strip()
        elif name.startswith(_WHY) or name in (COMMENT, REASON_TO_REOPEN):
            found[name] = text
    return found


def without(typed: Typed, *names: str) -> Typed:
    """Without words that were sent or used up by now."""
    return replace(
        typed, words={name: text for name, text in typed.words.items() if name not in names}
    )


def tell_of_chosen_files() -> None:
    """A browser sends the content of files only with the button that attaches them."""
    if any(request.form.getlist("file")):
        flash(
            _("The selected files are not attached: select them again and press Attach."), "waiting"
        )


def _unstored(place: ReportContext, touched: Mapping[str, Sent]) -> Sequence[Unstored]:
    labels = labels_of([place.form], [place.numbers()])
    ordered = [*(name for name in labels if name in touched), *(touched.keys() - labels.keys())]
    return [
        Unstored(labels.get(name, _("Your text")), touched[name].value)
        for name in ordered
        if touched[name].value.strip()
    ]
