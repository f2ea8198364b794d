"""Choosing the columns of the list of tickets, remembered for the person."""

from __future__ import annotations

from flask import Response, request

from app.database import writing
from app.domain.errors import Invalid
from app.extensions import db
from app.services.list_settings import remember_columns
from app.web.filter_forms import read_query
from app.web.htmx import go_to
from app.web.login import acting
from app.web.ticket_columns import COLUMNS, USUAL, in_order
from app.web.ticket_list import address_of_list
from app.web.tickets import blueprint


@blueprint.post("/tickets/columns")
def columns() -> Response:
    """Show these columns from now on, wherever the address names none."""
    query = read_query(request.form.get("query", ""))
    chosen = request.form.getlist("columns")
    if any(key not in COLUMNS for key in chosen):
        raise Invalid("columns", f"Columns takes some of: {', '.join(COLUMNS)}")
    places = {key: request.form.get(f"place-{key}", "") for key in COLUMNS}
    keys = in_order(dict.fromkeys(chosen), places)
    if request.form.get("do") == "usual" or keys == USUAL:
        keys = ()
    rows = db.session()
    with writing(rows):
        remember_columns(rows, acting(), keys)
    return go_to(address_of_list(query.query_string({"columns": ()})))
