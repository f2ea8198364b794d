"""What is declared of a ticket's fields, against the table and what a writer may state."""

from __future__ import annotations

from dataclasses import fields

import pytest
from sqlalchemy import String, Text

from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import DEFAULTS, NewTicket
from app.tickets.rules.fields import FIELDS, ROW_FIELDS, TicketField, ValueKind, Where
from soap_service.fields import GGUS, GGUS_HISTORY

STATED = [field for field in FIELDS if field.name in ROW_FIELDS]
ELEMENTS = {
    element.name
    for service in (GGUS, GGUS_HISTORY)
    for operation in service.operations
    for message in (operation.request, operation.response)
    for element in message.elements
}


@pytest.mark.parametrize("field", STATED, ids=lambda field: field.name)
def test_a_field_has_its_column_and_its_place_in_a_new_ticket(field: TicketField) -> None:
    kind = Ticket.__table__.c[field.name].type
    if field.kind is ValueKind.TEXT:
        assert isinstance(kind, String)
        assert kind.length == field.limit
    if field.kind is ValueKind.LONG_TEXT:
        assert isinstance(kind, Text)
    if field.choices is not None:
        assert isinstance(kind, String)
        assert kind.length is not None
        assert kind.length >= max(map(len, field.choices))
    assert field.name in DEFAULTS or field.name == "title"


def test_a_contact_is_where_rights_are_looked_at_only() -> None:
    assert all(field.where in (Where.NOWHERE, Where.FORM) for field in FIELDS if field.is_contact)


def test_nothing_else_can_be_stated() -> None:
    declared = {field.name for field in FIELDS}
    assert {item.name for item in fields(NewTicket)} == declared
    assert len(declared) == len(FIELDS)


def test_each_element_is_one_of_the_contract() -> None:
    named = [field.ggus for field in FIELDS if field.ggus]
    assert set(named) <= ELEMENTS
    assert len(set(named)) == len(named)
