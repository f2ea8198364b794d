"""Sites and links as files: downloads for everybody, uploads for admins.

An upload is first shown as its difference to the registry. The file then travels in the form that
confirms it, packed; it is read and checked again as if it were new, and a registry that changed
since requires another look. Nothing is stored in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import Length

from app.core.database.transactions import allow_long_statements, dry_run
from app.core.rules.errors import Invalid
from app.core.rules.file_problems import BadFile, Problem
from app.core.rules.language import _, joined, said_word
from app.core.rules.texts import SHORT_TEXT_LIMIT
from app.core.web.extensions import db
from app.core.web.form_keys import writing_once
from app.core.web.forms import Radio, attach, one_line, options
from app.core.web.htmx import go_to
from app.core.web.packed_file import packed, unpacked
from app.core.web.person import acting, writer
from app.registry.rules.files import (
    FileFormat,
    RecordDifference,
    RegistryChanged,
    What,
    written,
)
from app.registry.rules.records import LABELS, Records
from app.registry.services.file_import import Imported, all_values, import_file, require_import

blueprint = Blueprint("imports", __name__, url_prefix="/admin/imports")
downloads = Blueprint("downloads", __name__)
FILE_LIMIT: Final = 3 * 1024 * 1024
"""Bytes of a file: packed and written as letters it stays within what a form may hold."""
SHOWN_LINES: Final = 1000
"""Lines of a difference that a page shows; the command shows all."""
_TYPES = {FileFormat.CSV: "text/csv", FileFormat.JSON: "application/json"}
_TOO_LARGE = _(
    "The file is larger than %(value)s MiB; use the command `flask sites import` (or links)",
    value=FILE_LIMIT // 1024 // 1024,
)


class ImportForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What the file holds, where it is from, and why it is taken in."""

    kind = Radio(_("Content"), choices=options(*Records), default=Records.SITES.value)
    source = StringField(
        _("Source"),
        [
            Length(
                max=SHORT_TEXT_LIMIT,
                message=_(
                    "Source has at most %(short_text_limit)s characters",
                    short_text_limit=SHORT_TEXT_LIMIT,
                ),
            )
        ],
        filters=[one_line],
        description=_("Where the data comes from; shown next to the changed values."),
    )
    why = StringField(
        _("Reason"),
        [
            Length(
                max=SHORT_TEXT_LIMIT,
                message=_(
                    "Reason has at most %(short_text_limit)s characters",
                    short_text_limit=SHORT_TEXT_LIMIT,
                ),
            )
        ],
        filters=[one_line],
        description=_("Shown in the history of each changed record."),
    )


class ConfirmForm(ImportForm):
    """An import whose difference was shown: the file itself, and the registry's state then."""

    base = HiddenField("State of the registry")
    content = HiddenField("File")

    def unpacked(self) -> bytes:
        """The file; ``Invalid`` where it is not what a preview packed."""
        return unpacked(self.content.data or "", FILE_LIMIT)

    def state(self) -> int:
        """The registry's state when the difference was shown."""
        text = self.base.data or ""
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Invalid("file", _("State of the registry is not readable; choose the file again"))
        return int(text)


@blueprint.before_request
def _admins_only() -> None:
    require_import(acting())


@blueprint.get("")
def choose() -> Response:
    """Where a file is chosen, and where the present ones are."""
    return _choose_page(ImportForm())


@blueprint.post("")
def preview() -> Response:
    """The difference between a file and the registry; nothing is written."""
    form = ImportForm()
    problem = _no_file()
    content = b"" if problem else request.files["file"].read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        problem = _TOO_LARGE
    if not form.validate() or problem:
        return _choose_page(form, problem=problem)
    return _preview(form, content)


def _no_file() -> str:
    file = request.files.get("file")
    return "" if file is not None and file.filename else _("Choose a file")


def _preview(form: ImportForm, content: bytes, *, again: str = "") -> Response:
    session, kind = db.session(), Records(form.kind.data)
    try:
        with dry_run(session):
            seen = import_file(session, writer(), kind, content)
    except BadFile as error:
        return _choose_page(form, wrong=error.problems, problem=error.summary)
    session.expunge_all()
    changing = [record for record in seen.records if record.what is not What.UNCHANGED]
    shown, left = _first_lines(changing)
    page = render_template(
        "registry/imports/preview.html",
        form=form,
        kind=said_word(kind),
        content=packed(content),
        base=seen.base,
        counts=_counts(seen),
        changing=len(changing),
        whole=len(seen.records),
        shown=shown,
        left=left,
        unchanged=[record.key for record in seen.records if record.what is What.UNCHANGED],
        again=again,
        labels=LABELS,
    )
    return make_response(page, 409 if again else 200)


def _counts(seen: Imported) -> dict[str, int]:
    return {what.value: seen.count(what) for what in What}


def _first_lines(changing: Sequence[RecordDifference]) -> tuple[list[RecordDifference], int]:
    """As many records as the page has lines for, and how many are left out."""
    shown, lines = [], 0
    for record in changing:
        lines += 1 if record.what is What.NEW else len(record.fields)
        if lines > SHOWN_LINES:
            break
        shown.append(record)
    return shown, len(changing) - len(shown)


@blueprint.post("/confirm")
def confirm() -> Response:
    """Write what was shown, if the registry still is as it was."""
    form = ConfirmForm()
    if not form.validate():
        return _choose_page(form)
    session = db.session()
    try:
        content, base = form.unpacked(), form.state()
        kind = Records(form.kind.data)
        with writing_once(session):
            allow_long_statements(session)
            done = import_file(
                session,
                writer(),
                kind,
                content,
                base=base,
                source=form.source.data or "",
                why=form.why.data or "",
            )
            counts = _counts(done)
    except RegistryChanged as error:
        return _preview(form, content, again=f"{error.message}.")
    except BadFile as error:
        return _choose_page(form, wrong=error.problems, problem=error.summary)
    except Invalid as error:
        attach(form, error, {})
        return _choose_page(form)
    return go_to(
        url_for("imports.choose"),
        _(
            "Imported %(kind)s: %(listed)s.",
            kind=said_word(kind),
            listed=joined(", ", (f"{count} " + said_word(what) for what, count in counts.items())),
        ),
    )


def _choose_page(form: ImportForm, *, problem: str = "", wrong: Sequence[Problem] = ()) -> Response:
    bad = bool(problem or wrong or form.errors or form.form_errors)
    page = render_template(
        "registry/imports/choose.html", form=form, problem=problem, wrong=wrong, limit=FILE_LIMIT
    )
    return make_response(page, 422 if bad else 200)


@downloads.get("/<any(sites, links):kind>.<any(csv, json):form>")
def download(kind: str, form: str) -> Response:
    """All sites or all links as a file that an import takes."""
    what, how = Records(kind), FileFormat(form)
    records = list(all_values(db.session(), what))
    pieces: Any = written(what, how, records)
    # in larger pieces: each one of its own is a write to the network
    joined = iter(lambda: "".join(islice(pieces, 200)), "")
    answer = Response(joined, mimetype=_TYPES[how])
    answer.headers["Content-Disposition"] = f'attachment; filename="{kind}.{form}"'
    return answer
