"""Files of events: upload one, see the result of each line, write it, and see past imports.

A file is stored in the database until its import has ended. A small one is read and written at
once, a large one by the worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request, url_for

from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.rules.file_problems import MAX_LINES, BadFile
from app.core.rules.language import _, counted
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import attach, errors_in
from app.core.web.htmx import go_to, page_or_fragment
from app.core.web.person import acting, writer
from app.core.web.requests.limits import FILES_LIMIT
from app.events.models.imports import EventImport
from app.events.pages.forms import FileForm, ImportForm, ReasonForm
from app.events.rules.events import COLUMNS
from app.events.rules.file_reading import EventFileOptions, read_events, unpacked
from app.events.services import file_import as states
from app.events.services import import_runs as runs
from app.events.services.file_import import require_event_import
from app.events.services.sources import source_names
from app.events.services.withdrawal import leave_withdrawal, withdraw_import
from app.registry.services.known_names import known_link_names, known_site_names
from app.registry.services.nearest_names import NearestNames

blueprint = Blueprint("event_imports", __name__, url_prefix="/events")
_NUMBER: Final = "<int(max=2147483647):number>"
_NEWEST: Final = 20
_SHOWN_LINES: Final = 200
_SECONDS: Final = 3.0
"""Time limit of withdrawing events in one request; the worker does the rest."""
_ORDER: Final = ("wrong", "unresolved", "changed", "new", "same")
"""What needs a correction or a decision comes first."""


@blueprint.before_request
def _operators_only() -> None:
    require_event_import(acting())


@blueprint.get("/import")
def choose() -> Response:
    """Show the upload form, and past imports."""
    return _choose_page(FileForm(), 200)


@blueprint.post("/import")
def upload() -> Response:
    """Store and read a file; none of its events are written."""
    form = FileForm()
    file = request.files.get("file")
    if file is None or not file.filename:
        form.form_errors.append(_("Choose a file"))
    if not form.validate() or form.form_errors or file is None:
        return _choose_page(form, 422)
    how = EventFileOptions(form.source.data or "", form.encoding.data or "", form.zone.data or "")
    session, by = db.session(), writer()
    with errors_in(form):
        content = unpacked(file.stream.read(), runs.MAX_BYTES)
        row = runs.new_import(by, file.filename or "", content, how)
        small = row.size <= runs.SMALL
        examined = runs.examine_file(session, by, content, how) if small else None
        with writing_once(session):
            runs.keep_import(session, row, examined)
            number = row.id
            leads_to(url_for("event_imports.show", number=number))
    if form.errors:
        return _choose_page(form, 422)
    return go_to(url_for("event_imports.show", number=number))


@blueprint.get(f"/imports/{_NUMBER}")
def show(number: int) -> Response:
    """Show an import: its progress, the result of each line before writing, or the final result."""
    return _import_page(number)


@blueprint.post(f"/imports/{_NUMBER}/write")
def write(number: int) -> Response:
    """Write an import that was read."""
    session, by, form = db.session(), writer(), ImportForm()
    row = runs.find_import(session, by.actor, number)
    if not form.validate():
        return _import_page(number, form=form, status=422)
    content = runs.content_of(row)
    small = bool(content) and row.state == states.READ and row.lines <= runs.SMALL_LINES
    events = list(read_events(content, runs.reading_of(row))) if small else ()
    try:
        with writing_once(session):
            runs.begin_writing(
                session,
                by,
                number,
                only_good=form.wrong.data == "good",
                keeps_unknown=form.unknown.data == "keep",
            )
            if small:
                runs.write_import(session, by, number, events)
            else:
                runs.leave_to_worker(session, number)
    except BadFile as error:
        with transaction(session):
            runs.stop_import(session, by.now, number, error)  # its page says why
    except Invalid as error:
        attach(form, error, {"only_good": "wrong"})
        return _import_page(number, form=form, status=422)
    return go_to(url_for("event_imports.show", number=number))


@blueprint.post(f"/imports/{_NUMBER}/drop")
def drop(number: int) -> Response:
    """Discard an import that was not written."""
    session = db.session()
    with writing_once(session):
        runs.drop_import(session, writer(), number)
        leads_to(url_for("event_imports.choose"))
    return go_to(url_for("event_imports.choose"), _("File discarded. Nothing was imported."))


@blueprint.post(f"/imports/{_NUMBER}/withdraw")
def withdraw(number: int) -> Response:
    """Withdraw all events of an import."""
    session, by, form = db.session(), writer(), ReasonForm()
    runs.find_import(session, by.actor, number)
    if not form.validate():
        return _import_page(number, reason_form=form, status=422)
    reason, ends, done = form.reason.data or "", monotonic() + _SECONDS, 0
    with errors_in(form):
        while True:
            with transaction(session):
                step = withdraw_import(session, by, number, reason)
                done += step.done
                late = monotonic() > ends
                if step.left and late:
                    leave_withdrawal(session, by, number, reason)
            if not step.left or late:
                break
    if form.errors:
        return _import_page(number, reason_form=form, status=422)
    rest = (
        _("; the worker withdraws %(left)s more", left=format(step.left, ",")) if step.left else ""
    )
    return go_to(
        url_for("event_imports.show", number=number),
        counted(
            "%(done)s event withdrawn%(rest)s.",
            "%(done)s events withdrawn%(rest)s.",
            done,
            done=format(done, ","),
            rest=rest,
        ),
    )


def _choose_page(form: FileForm, status: int) -> Response:
    session = db.session()
    page = render_template(
        "events/import.html",
        form=form,
        limit=FILES_LIMIT,
        max_lines=MAX_LINES,
        columns=COLUMNS,
        newest=runs.newest_imports(session, acting(), _NEWEST),
        sources=source_names(session),
    )
    return make_response(page, status)


def _import_page(
    number: int,
    *,
    form: ImportForm | None = None,
    reason_form: ReasonForm | None = None,
    status: int = 200,
) -> Response:
    session = db.session()
    row = runs.find_import(session, acting(), number)
    shown = runs.Shown.of(row)
    lines = [(kind, line) for kind in _ORDER for line in shown.lines.get(kind, ())]
    return page_or_fragment(
        "events/import_show.html",
        "events/_import.html",
        status,
        row=row,
        runs_now=row.state in (states.READING, states.WRITING),
        lines=lines[:_SHOWN_LINES],
        left=max(0, row.lines - min(len(lines), _SHOWN_LINES)),
        unknown=_with_nearest(shown.unknown),
        more_unknown=shown.more_unknown,
        before=runs.same_file_before(session, row),
        events=runs.events_of_import(session, number),
        form=form or ImportForm(formdata=None),
        reason_form=reason_form or ReasonForm(formdata=None),
        fresh=_fresh(row),
    )


def _fresh(row: EventImport) -> dict[str, int]:
    """How many lines would be written: all valid ones, and those without unknown names."""
    return {"all": row.new + row.corrected, "known": row.new + row.corrected - row.unresolved}


def _with_nearest(unknown: Sequence[tuple[str, str, int]]) -> Sequence[dict[str, Any]]:
    """Unknown names, with the nearest known ones."""
    known = {"site": known_site_names, "link": known_link_names}
    nearest = {
        kind: NearestNames(known[kind](db.session())) for kind in {kind for kind, _, _ in unknown}
    }
    return [
        {"kind": kind, "name": name, "count": count, "near": nearest[kind].of(name)}
        for kind, name, count in unknown
    ]
