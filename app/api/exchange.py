"""Pairs of tickets with partners' systems: what another portal compares its own with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from app.api.caller import session
from app.api.operations import Call, Operation
from app.api.schemas import NoQuery, a_text, about
from app.core.rules.errors import NotFound
from app.core.rules.scopes import Scope
from app.exchange.services.heads import heads_of


class PairHead(Schema):
    """One side of a pair: the texts that began there."""

    entries = fields.Integer(required=True, metadata=about("Texts so far."))
    head = a_text("The hash of the newest; it holds all before. Equal heads mean equal texts.")
    digests = fields.List(
        fields.String(), required=True, metadata=about("SHA-256 of each text, oldest first.")
    )


class TicketPairRow(Schema):
    """A ticket's counterpart with one partner."""

    partner = a_text("The partner's code.")
    kind = a_text("zammad, mail, rt, servicenow or ggus.")
    state = a_text("being created, paired or stopped.")
    their_id = a_text("The counterpart's id there, or empty.")
    their_number = a_text("What people call it there.")
    opener = fields.Nested(
        PairHead, required=True, metadata=about("The side on which the ticket was opened.")
    )
    answerer = fields.Nested(PairHead, required=True, metadata=about("The other side."))


class TicketPairs(Schema):
    """Every counterpart of a ticket."""

    items = fields.List(fields.Nested(TicketPairRow), required=True)


def get_pairs(call: Call) -> Mapping[str, Any]:
    """The counterparts of one ticket."""
    found = heads_of(session(), call.number("key"))
    if found is None:
        raise NotFound("There is no ticket of this number")
    return {"items": found}


OPERATIONS = (
    Operation(
        "getPairs",
        "/v1/exchange/pairs/{key}",
        "A ticket's counterparts with partners, by its number",
        (Scope.READ,),
        NoQuery,
        TicketPairs,
        get_pairs,
    ),
)
