"""Meeting packs: what was ordered and is there, ordering one, fetching it, making it again,
deleting it.

The worker makes a pack; its page shows how far it is. Everybody logged in fetches what is made.
"""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField

from app.core.rules.counted import SLIDES_RANGE
from app.core.rules.documents.slides import SLIDE_WORDS, SlideKind
from app.core.rules.errors import NotFound
from app.core.rules.language import _
from app.core.rules.quarters import Quarter
from app.core.web.extensions import db
from app.core.web.form_keys import leads_to, writing_once
from app.core.web.forms import errors_in, moved, one_line, required
from app.core.web.htmx import go_to, page_or_fragment
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.jobs.rules.jobs import MAX_ATTEMPTS
from app.meetings.rules.packs import (
    MAX_QUARTERS,
    MAX_TITLE_LENGTH,
    USUAL_TITLE,
    PackFile,
    pause_before_look,
    require_chair,
)
from app.meetings.services import packs
from app.reports.rules.reports import is_chair

blueprint = Blueprint("meeting_packs", __name__, url_prefix="/reports/packs")
_NUMBER: Final = "<int(max=2147483647):number>"
_TYPES: Final = {
    PackFile.PPTX: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    PackFile.PDF: "application/pdf",
}
_QUARTER: Final = {"maxlength": 7, "size": 8, "placeholder": "2013-Q1", "autocomplete": "off"}


class PackForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """What is on a pack, and in which order: the kinds of slides as they were sent."""

    title = StringField(
        _("Title"),
        required(_("Title")),
        filters=[one_line],
        description=_("Shown on the first slide."),
        render_kw={"maxlength": MAX_TITLE_LENGTH},
    )
    first = StringField(
        _("From quarter"), required(_("From quarter")), filters=[one_line], render_kw=_QUARTER
    )
    last = StringField(
        _("To quarter"),
        required(_("To quarter")),
        filters=[one_line],
        description=_(
            "The last quarter in the pack; at most %(max_quarters)s quarters.",
            max_quarters=MAX_QUARTERS,
        ),
        render_kw=_QUARTER,
    )

    slides = SelectMultipleField(_("Slides"), validate_choice=False)

    @property
    def offered(self) -> list[tuple[str, str, str, bool]]:
        """Each kind, its name, what it shows, whether it is chosen: the chosen ones first."""
        chosen = [kind for kind in self.slides.data or () if kind in SLIDE_WORDS]
        others = [kind for kind in SLIDE_WORDS if kind not in chosen]
        return [
            (kind, *SLIDE_WORDS[SlideKind(kind)], kind in chosen) for kind in [*chosen, *others]
        ]


def _usual() -> PackForm:
    """The form as it is offered: the two quarters that ended last, all slides in their order."""
    last = Quarter.of(now()).previous
    given = {"title": USUAL_TITLE, "first": str(last.previous), "last": str(last)}
    given |= {name: value for name, value in request.args.items() if name in ("first", "last")}
    return PackForm(formdata=None, data={**given, "slides": list(SLIDE_WORDS)})


@blueprint.get("")
def listing() -> Response:
    """The packs that are there, the newest first, and ordering one."""
    return _listing(_usual(), 200)


@blueprint.post("")
def order() -> Response:
    """Order a pack."""
    session, by, form = db.session(), writer(), PackForm()
    require_chair(by.actor, _("create meeting packs"))
    way, _colon, kind = request.form.get("do", "").partition(":")
    if way in ("up", "down"):
        form.slides.data = list(moved(form.slides.data or (), kind, way))
        return _listing(form, 200)
    if form.validate():
        with errors_in(form), writing_once(session):
            pack = packs.order_pack(
                session,
                by,
                title=form.title.data or "",
                first=form.first.data or "",
                last=form.last.data or "",
                slides=form.slides.data or (),
            )
            number = pack.id
            leads_to(url_for("meeting_packs.show", number=number))
    if form.errors:
        return _listing(form, 422)
    return go_to(url_for("meeting_packs.show", number=number))


@blueprint.get(f"/{_NUMBER}")
def show(number: int) -> Response:
    """A pack: how far it is, its files, or why it failed; and its slides.

    ``looks`` = how often this open page has looked: it looks ever less often.
    """
    looks = _number(request.args.get("looks", "")) or 0
    return page_or_fragment(
        "meetings/packs/pack.html",
        "meetings/packs/_pack.html",
        one=packs.find_pack(db.session(), acting(), number),
        words=SLIDE_WORDS,
        may_change=is_chair(acting()),
        most_attempts=MAX_ATTEMPTS,
        looks=looks,
        pause=pause_before_look(looks),
    )


@blueprint.post(f"/{_NUMBER}/again")
def again(number: int) -> Response:
    """Have a pack made again that failed."""
    session = db.session()
    with writing_once(session):
        packs.make_again(session, writer(), number)
    return go_to(
        url_for("meeting_packs.show", number=number),
        _("Pack %(number)s queued again.", number=number),
    )


@blueprint.get(f"/{_NUMBER}.<any(pptx, pdf):kind>")
def fetch(number: int, kind: str) -> Response:
    """A file of a pack."""
    session, actor = db.session(), acting()
    content = packs.content_of(session, actor, number, PackFile(kind))
    pack = packs.find_pack(session, actor, number).pack
    answer = Response(content, mimetype=_TYPES[PackFile(kind)])
    name = f"lhcopn-{pack.first_quarter}-{pack.last_quarter}-pack-{number}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@blueprint.post(f"/{_NUMBER}/delete")
def delete(number: int) -> Response:
    """Delete a pack."""
    session = db.session()
    with writing_once(session):
        title = packs.delete_pack(session, writer(), number)
        leads_to(url_for("meeting_packs.listing"))
    return go_to(
        url_for("meeting_packs.listing"),
        _("Pack %(number)s, %(title)s, deleted.", number=number, title=title),
    )


def _listing(form: PackForm, status: int) -> Response:
    actor = acting()
    shown = packs.newest_packs(db.session(), actor, _before())
    page = render_template(
        "meetings/packs/packs.html",
        form=form,
        packs=shown,
        slides=SLIDES_RANGE,
        more=shown[-1].pack.id if len(shown) == packs.SHOWN else None,
        may_change=is_chair(actor),
    )
    return make_response(page, status)


def _before() -> int | None:
    return _number(request.args.get("before", ""))


def _number(text: str) -> int | None:
    """Of the address; None where it is not there."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound
    return int(text)
