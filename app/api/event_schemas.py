"""The wire types of events that people correct, withdraw and put back."""

from __future__ import annotations

from marshmallow import Schema, fields

from app.api.wire import Time, about, sent_choice, sent_text
from app.core.rules.texts import LONG_TEXT_LIMIT
from app.events.rules.events import LIMITS, EventState
from app.tickets.rules.tickets import Layer


def _text(name: str, text: str) -> fields.String:
    return sent_text(text, LIMITS[name], least=0)


class EventCorrection(Schema):
    """What is otherwise than the source said: a field that is absent stays."""

    link = _text("link", "The link's id. Either a link or a site is required.")
    site = _text("site", "Any name of the site.")
    state = sent_choice("What was wrong.", EventState)
    start = Time(metadata=about("Start time. ISO 8601, UTC if it has no zone."))
    end = Time(metadata=about("End time; null = ongoing. ISO 8601, UTC if it has no zone."))
    layer = sent_choice("Network layer.", Layer)
    detail = _text("detail", "Other details.")


class EventReason(Schema):
    """Why an event is withdrawn or put back."""

    reason = sent_text("The reason; shown in the history.", LONG_TEXT_LIMIT, required=True)
