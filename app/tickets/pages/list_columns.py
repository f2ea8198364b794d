"""Choosing the columns of the list of tickets, remembered for the person."""

from __future__ import annotations

from flask import Response, request

from app.core.database.transactions import transaction
from app.core.rules.errors import Invalid
from app.core.web.extensions import db
from app.core.web.htmx import go_to
from app.core.web.person import acting
from app.tickets.pages.columns import COLUMNS, USUAL, in_order
from app.tickets.pages.filter_forms import read_query
from app.tickets.pages.list import address_of_list
from app.tickets.pages.tickets import blueprint
from app.tickets.services.lists.settings import remember_columns


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
    with transaction(rows):
        remember_columns(rows, acting(), keys)
    return go_to(address_of_list(query.query_string({"columns": ()})))
