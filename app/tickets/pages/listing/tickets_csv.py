"""Tickets as files: the list as CSV, XLSX or NTTDM, of exactly the filter of its address, and one
ticket as NTTDM; each is made while it is taken.

Without ``state`` a file holds all states (decisions, section 11).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flask import Blueprint, Response, request
from sqlalchemy import Engine

from app.core.rules.access import may_read_internal
from app.core.rules.errors import Invalid, TooMuch
from app.core.rules.language import _, joined
from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.requests.streaming import mark_streamed
from app.tickets.pages.listing.list import ListQuery
from app.tickets.pages.page import NUMBER
from app.tickets.rules.files import csv_head, csv_lines
from app.tickets.services.files.export import exported_numbers, exported_rows
from app.tickets.services.files.nttdm import nttdm_pieces
from app.tickets.services.files.workbook import MAX_ROWS, workbook_pieces
from app.tickets.services.lifecycle import find_ticket

blueprint = Blueprint("tickets_csv", __name__)
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.get("/tickets.csv")
def download() -> Response:
    """All tickets of the filter, without any cap."""
    return _streamed(_lines(db.engine, _found_numbers()), "text/csv", "tickets.csv")


@blueprint.get("/tickets.xlsx")
def download_workbook() -> Response:
    """The same as a workbook, up to as many as a sheet has lines."""
    numbers = _found_numbers()
    if len(numbers) > MAX_ROWS:
        raise TooMuch(
            _(
                "These are %(count)s tickets, and a sheet holds %(max_rows)s;"
                " narrow the filter, or download them as CSV",
                count=format(len(numbers), ","),
                max_rows=format(MAX_ROWS, ","),
            )
        )
    pieces = workbook_pieces(exported_rows(db.engine, numbers), len(numbers))
    return _streamed(pieces, _WORKBOOK, "tickets.xlsx")


@blueprint.get("/tickets.nttdm.xml")
def download_nttdm() -> Response:
    """The same as an NTTDM document (RFC 6137)."""
    return _nttdm(_found_numbers(), "tickets.nttdm.xml")


@blueprint.get(f"/tickets/{NUMBER}.nttdm.xml")
def download_ticket(number: int) -> Response:
    """One ticket as such a document."""
    find_ticket(db.session(), acting(), number)
    db.session.rollback()
    return _nttdm([number], f"ticket-{number}.nttdm.xml")


def _nttdm(numbers: Sequence[int], name: str) -> Response:
    return _streamed(nttdm_pieces(db.engine, acting(), numbers), "application/xml", name)


def _streamed(pieces: Iterator[str] | Iterator[bytes], mimetype: str, name: str) -> Response:
    answer = Response(pieces, mimetype=mimetype)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    mark_streamed(request.environ)
    return answer


def _found_numbers() -> Sequence[int]:
    """The numbers of the tickets that the filter of the address finds, in its order.

    Raises ``Invalid`` where the address cannot be used as it is: a file says nothing of a part that
    was left out.
    """
    actor = acting()
    query = ListQuery(request.args, sees_internal=may_read_internal(actor))
    if query.problems:
        raise Invalid("filter", joined("; ", query.problems))
    wanted = query.filter(without_state=())
    db.session.rollback()  # all of it was read: a long reading needs no second connection
    return exported_numbers(db.engine, actor, wanted)


def _lines(engine: Engine, numbers: Sequence[int]) -> Iterator[str]:
    yield csv_head()
    for rows in exported_rows(engine, numbers):
        yield csv_lines(rows)
