"""The wire types of events that people correct, withdraw and put back."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from app.api.schemas import about
from app.api.ticket_schemas import Time
from app.core.rules.texts import LONG_TEXT_LIMIT
from app.events.rules.events import LIMITS, EventState
from app.tickets.rules.tickets import Layer


def _text(name: str, text: str) -> fields.String:
    return fields.String(validate=validate.Length(0, LIMITS[name]), metadata=about(text))


class EventCorrection(Schema):
    """What is otherwise than the source said: a field that is absent stays."""

    link = _text("link", "The link's id. Either a link or a site is required.")
    site = _text("site", "Any name of the site.")
    state = fields.String(
        validate=validate.OneOf([*EventState], error="takes {choices}"),
        metadata=about("What was wrong."),
    )
    start = Time(metadata=about("Start time. ISO 8601, UTC if it has no zone."))
    end = Time(metadata=about("End time; null = ongoing. ISO 8601, UTC if it has no zone."))
    layer = fields.String(
        validate=validate.OneOf([*Layer], error="takes {choices}"),
        metadata=about("Network layer."),
    )
    detail = _text("detail", "Other details.")


class EventReason(Schema):
    """Why an event is withdrawn or put back."""

    reason = fields.String(
        required=True,
        validate=validate.Length(1, LONG_TEXT_LIMIT),
        metadata=about("The reason; shown in the history."),
    )
