"""Old tickets from a file, for admins: what each line would become, and one confirmation.

As with files of sites and links, the file travels in the form that confirms it and is read again as
if it were new; nothing is stored in between.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import Length

from app.core.database.transactions import allow_long_statements
from app.core.rules.errors import Invalid
from app.core.rules.file_problems import MAX_LINES, MAX_PROBLEMS, BadFile, Problem
from app.core.rules.language import _, counted, joined
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import Radio, one_line
from app.core.web.htmx import go_to
from app.core.web.packed_file import packed, unpacked
from app.core.web.person import acting, writer
from app.tickets.rules.files import COLUMNS
from app.tickets.services.files.imports import (
    DEFAULT_SOURCE,
    Imported,
    ImportOutcome,
    Outcome,
    Source,
    examine_tickets,
    import_tickets,
    require_ticket_import,
)

blueprint = Blueprint("ticket_imports", __name__, url_prefix="/admin/imports/tickets")
FILE_LIMIT: Final = 8 * 1024 * 1024
PACKED_LIMIT: Final = 3 * 1024 * 1024
"""Characters that a form carries, in addition to its other fields."""
MAX_WRONG: Final = 1_000
"""Wrong lines of a file; with more of them it is read no further."""
SHOWN_LINES: Final = 500
"""Lines that a page shows; the command shows all."""
_AUTOMATIC: Final = ""
_COMMAND: Final = _("use the command `flask tickets import`")


class TicketFileForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Where the file is from, and how it is written."""

    source = StringField(
        _("Old system"),
        [
            Length(
                min=1,
                max=SHORT_TEXT_LIMIT,
                message=_(
                    "Old system has 1 to %(short_text_limit)s characters",
                    short_text_limit=SHORT_TEXT_LIMIT,
                ),
            )
        ],
        default=DEFAULT_SOURCE,
        filters=[one_line],
        description=_(
            "The system that the tickets come from. Importing a file twice adds nothing,"
            " because this name and the ticket number identify each ticket."
        ),
    )
    encoding = Radio(
        _("Encoding"),
        choices={
            _AUTOMATIC: _("UTF-8, or UTF-16 with a byte order mark"),
            "windows-1252": _(
                "windows-1252 (Western European), as written by older spreadsheet programs"
            ),
        },
        default=_AUTOMATIC,
    )


class TicketConfirmForm(TicketFileForm):
    """An import whose lines were shown: the file itself."""

    content = HiddenField("File")
    only_good = HiddenField("Only the good lines")


@blueprint.before_request
def _admins_only() -> None:
    require_ticket_import(acting())


@blueprint.get("")
def choose() -> Response:
    """Where a file is chosen."""
    return _choose_page(TicketFileForm())


@blueprint.post("")
def preview() -> Response:
    """What each line would become; nothing is written."""
    form = TicketFileForm()
    file = request.files.get("file")
    problem = "" if file is not None and file.filename else _("Choose a file")
    content = b"" if problem or file is None else file.read(FILE_LIMIT + 1)
    carried = packed(content) if len(content) <= FILE_LIMIT else ""
    if len(content) > FILE_LIMIT or len(carried) > PACKED_LIMIT:
        problem = _("The file is too large for this page; %(command)s", command=_COMMAND)
    if not form.validate() or problem:
        return _choose_page(form, problem=problem)
    source = Source(content, form.source.data or "", form.encoding.data or "")
    try:
        outcomes = _examined(source)
    except BadFile as error:
        return _choose_page(form, wrong=error)
    if not outcomes:
        return _choose_page(form, problem=_("The file contains no tickets, only column names"))
    return _preview_page(form, carried, outcomes)


def _examined(source: Source) -> list[Outcome]:
    """What each line would become; ``BadFile`` where more lines are wrong than anybody mends by a
    page: it is read no further."""
    outcomes: list[Outcome] = []
    problems: list[Problem] = []
    wrong = 0
    for outcome in examine_tickets(db.session(), writer(), source):
        outcomes.append(outcome)
        if outcome.result is ImportOutcome.WRONG:
            wrong += 1
            problems += outcome.problems[: MAX_PROBLEMS - len(problems)]
        if wrong > MAX_WRONG:
            why = _(
                "%(wrong)s of its first %(count)s tickets are wrong; reading stopped there. These"
                " are the first; correct the file, or %(command)s",
                wrong=format(wrong, ","),
                count=format(len(outcomes), ","),
                command=_COMMAND,
            )
            raise BadFile([Problem(_("the file"), "", "", why), *problems])
    return outcomes


def _preview_page(form: TicketFileForm, carried: str, outcomes: list[Outcome]) -> Response:
    counts = Counter(outcome.result for outcome in outcomes)
    # what somebody has to mend comes first, and is never left out for what is good
    order = (ImportOutcome.WRONG, ImportOutcome.DIFFERS, ImportOutcome.NEW, ImportOutcome.KNOWN)
    shown = sorted(outcomes, key=lambda outcome: (order.index(outcome.result), outcome.line))
    page = render_template(
        "tickets/imports/preview.html",
        form=form,
        content=carried,
        counts={result.value: counts[result] for result in ImportOutcome},
        shown=shown[:SHOWN_LINES],
        left=max(0, len(outcomes) - SHOWN_LINES),
    )
    return make_response(page)


@blueprint.post("/confirm")
def confirm() -> Response:
    """Write what was shown: every line, or only the good ones."""
    form = TicketConfirmForm()
    if not form.validate():
        return _choose_page(form)
    session = db.session()
    try:
        content = unpacked(form.content.data or "", FILE_LIMIT)
        source = Source(content, form.source.data or "", form.encoding.data or "")
        with writing_once(session):
            allow_long_statements(session)
            done = import_tickets(session, writer(), source, only_good=form.only_good.data == "yes")
    except BadFile as error:
        return _choose_page(form, wrong=error)
    except Invalid as error:
        return _choose_page(form, problem=error.message)
    return go_to(url_for("ticket_imports.choose"), _result_in_words(done))


def _result_in_words(done: Imported) -> str:
    words = {
        ImportOutcome.KNOWN: _("had been imported before"),
        ImportOutcome.DIFFERS: _(
            "had been imported before with different content and stay unchanged"
        ),
        ImportOutcome.WRONG: _("were left out"),
    }
    new = done.counts.get(ImportOutcome.NEW, 0)
    text: str = counted(
        "Imported %(new)s ticket", "Imported %(new)s tickets", new, new=format(new, ",")
    )
    if done.first is not None:
        text += (
            f": {done.first}"
            if new == 1
            else _(": %(first)s to %(last)s", first=done.first, last=done.last)
        )
    rest = [
        f"{done.counts[result]:,} " + word
        for result, word in words.items()
        if done.counts.get(result)
    ]
    return joined("; ", [text, *rest]) + "."


def _choose_page(
    form: TicketFileForm, *, problem: str = "", wrong: BadFile | None = None
) -> Response:
    bad = bool(problem or wrong or form.errors or form.form_errors)
    page = render_template(
        "tickets/imports/choose.html",
        form=form,
        problem=problem or (wrong.summary if wrong else ""),
        wrong=wrong.problems if wrong else (),
        limit=FILE_LIMIT,
        max_lines=MAX_LINES,
        columns=COLUMNS,
    )
    return make_response(page, 422 if bad else 200)
