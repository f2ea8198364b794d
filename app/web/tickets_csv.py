"""The list as CSV, of exactly the filter of its address, made while the reader takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Blueprint, Response, request
from sqlalchemy import Engine

from app.domain.access import may_read_internal
from app.domain.errors import Invalid
from app.domain.ticket_files import csv_head, csv_lines
from app.extensions import db
from app.services.ticket_export import exported_numbers, exported_rows
from app.streamed import mark_streamed
from app.web.login import acting
from app.web.ticket_list import ListQuery

blueprint = Blueprint("tickets_csv", __name__)


@blueprint.get("/tickets.csv")
def download() -> Response:
    """All tickets of the filter, without any cap."""
    answer = Response(_lines(db.engine, found_numbers()), mimetype="text/csv")
    mark_streamed(request.environ)
    answer.headers["Content-Disposition"] = 'attachment; filename="tickets.csv"'
    return answer


def found_numbers() -> Sequence[int]:
    """The numbers of the tickets that the filter of the address finds, in its order.

    Raises ``Invalid`` where the address cannot be used as it is: a file says nothing of a part that
    was left out.
    """
    actor = acting()
    query = ListQuery(request.args, sees_internal=may_read_internal(actor))
    if query.problems:
        raise Invalid("filter", "; ".join(query.problems))
    db.session.rollback()  # the login was read; a long reading needs no second connection
    return exported_numbers(db.engine, actor, query.filter())


def _lines(engine: Engine, numbers: Sequence[int]) -> Iterator[str]:
    yield csv_head()
    for rows in exported_rows(engine, numbers):
        yield csv_lines(rows)
