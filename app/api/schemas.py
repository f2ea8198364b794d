"""The wire types of the API: what is read from a query, and what an answer holds.

The OpenAPI document is made of them. A field that is added is no break of the contract, a field
that changes its meaning or goes is one.
"""

from __future__ import annotations

from marshmallow import Schema, fields

from app.api.wire import (
    a_number,
    a_text,
    about,
)


class NoQuery(Schema):
    """No parameters."""


class FieldProblem(Schema):
    """One parameter, or one key of an event, that is not allowed."""

    field = a_text("The name of the parameter or key; empty = the event as a whole.")
    detail = a_text("What is allowed.")
    index = fields.Integer(metadata=about("For an event: its position in the list, from 0."))
    value = fields.String(metadata=about("For an event: the start of the value that was sent."))


class Problem(Schema):
    """Problem details (RFC 9457)."""

    type = a_text("about:blank: see the status.")
    title = a_text("The status in words.")
    status = a_number("The HTTP status.")
    detail = a_text("What is wrong, and what is allowed.")
    number = fields.Integer(metadata=about("The portal's number of the error."))
    errors = fields.List(
        fields.Nested(FieldProblem), metadata=about("Parameters, or events, at fault.")
    )
    current = fields.Dict(metadata=about("With 412: the current version, as its GET answers it."))
