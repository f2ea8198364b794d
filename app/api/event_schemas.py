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

    link = _text("link", "The link's id. A link or a site is needed.")
    site = _text("site", "Any name of the site.")
    state = fields.String(
        validate=validate.OneOf([*EventState], error="takes {choices}"),
        metadata=about("What was wrong."),
    )
    start = Time(metadata=about("When it began. ISO 8601, without zone UTC."))
    end = Time(metadata=about("When it ended; null = it goes on. ISO 8601, without zone UTC."))
    layer = fields.String(
        validate=validate.OneOf([*Layer], error="takes {choices}"),
        metadata=about("Where in the network."),
    )
    detail = _text("detail", "What else there is to say.")


class EventReason(Schema):
    """Why an event is withdrawn or put back."""

    reason = fields.String(
        required=True,
        validate=validate.Length(1, LONG_TEXT_LIMIT),
        metadata=about("It is shown in the history."),
    )
