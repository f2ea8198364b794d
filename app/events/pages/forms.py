"""The forms of events: entering, withdrawing, importing a file, the labels of a source."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import Length

from app.core.rules.human_times import EXAMPLES, Tense
from app.core.rules.language import _
from app.core.web.forms import Choice, Radio, UtcTimeField, lines, one_line, options, required
from app.events.rules.events import MAX_DETAIL_LENGTH, MAX_SOURCE_LENGTH, EventState
from app.events.services.hand import Stated
from app.tickets.rules.tickets import Layer

_TIME_HELP = _("For example: %(examples)s", examples=EXAMPLES)


class EventForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """An event entered by a person."""

    version = HiddenField()
    link = StringField(
        _("Link"),
        filters=[one_line],
        description=_(
            "Link id. Without a link, the event is listed under its site but excluded from"
            " statistics."
        ),
        render_kw={"list": "known-links", "autocomplete": "off", "autocapitalize": "none"},
    )
    site = StringField(
        _("Site"),
        filters=[one_line],
        description=_("Site name or alias. Required only if there is no link."),
        render_kw={"list": "known-sites", "autocomplete": "off", "autocapitalize": "none"},
    )
    state = Radio(_("State"), choices=options(*EventState), default=EventState.DOWN)
    start = UtcTimeField(_("Start"), Tense.PAST, description=_TIME_HELP)
    end = UtcTimeField(_("End"), Tense.PAST, description=_("Leave empty while ongoing."))
    layer = Choice(_("Layer"), choices=options(*Layer), default=Layer.UNKNOWN)
    detail = TextAreaField(
        _("Notes"),
        filters=[lines],
        description=_(
            "At most %(max_detail_length)s characters.", max_detail_length=MAX_DETAIL_LENGTH
        ),
    )

    def stated(self) -> Stated:
        """The values for the service."""
        return Stated(
            self.link.data or "",
            self.site.data or "",
            self.state.data or "",
            self.start.data,
            self.end.data,
            self.layer.data or "",
            self.detail.data or "",
        )


class ReasonForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """Why something is withdrawn or restored."""

    reason = TextAreaField(
        _("Reason"), required(_("Reason")), filters=[lines], description=_("Shown in the history.")
    )


REFUSED = ""
"""Times without a zone are errors."""


class FileForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """The source, encoding and time zone of a file's events."""

    source = StringField(
        _("Source"),
        [
            Length(
                max=MAX_SOURCE_LENGTH,
                message=_(
                    "Source has at most %(max_source_length)s characters",
                    max_source_length=MAX_SOURCE_LENGTH,
                ),
            )
        ],
        filters=[one_line],
        description=_("Used for lines without a source."),
        render_kw={"list": "known-sources", "autocomplete": "off"},
    )
    zone = Choice(
        _("Times without a time zone"),
        choices=lambda: (
            {REFUSED: _("Reject"), "UTC": "UTC"}
            | {name: name for name in sorted(available_timezones()) if "/" in name}
        ),
        default=REFUSED,
        description=_(
            "Select a zone only if you are sure: a wrong zone shifts the events, which then match"
            " the wrong tickets."
        ),
    )
    encoding = Radio(
        _("Encoding"),
        choices={
            "": _("UTF-8, or UTF-16 with a byte order mark"),
            "windows-1252": _(
                "windows-1252 (Western European), as written by older spreadsheet programs"
            ),
        },
        default="",
    )


class ImportForm(FlaskForm):  # type: ignore[misc]  # flask-wtf is untyped
    """How a file that was read is to be written."""

    unknown = Radio(
        _("Unknown links and sites"),
        choices={
            "wrong": _("are errors: these lines are not imported"),
            "keep": _("are stored as written, to be resolved later"),
        },
        default="wrong",
    )
    wrong = Radio(
        _("Lines with errors"),
        choices={
            "all": _("reject the whole file"),
            "good": _("are skipped; the others are imported"),
        },
        default="all",
    )
