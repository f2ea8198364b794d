"""Figures as files: what a page shows as CSV, as a workbook, and as slides that can be edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from flask import Response, current_app, request

from app.core.figures.tables import FigureTable, as_csv, as_workbook
from app.core.models.changes import PortalFact
from app.core.rules.documents.slides import Slide
from app.core.web.extensions import db
from app.core.web.times import now

_TYPES: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def as_file(
    table: FigureTable, kind: str, notes: Sequence[str], slides: Callable[[], Sequence[Slide]]
) -> Response:
    """The table as a download; ``kind`` is csv, xlsx or pptx. ``notes`` go into the workbook."""
    if kind == "csv":
        content: str | bytes = as_csv(table)
    elif kind == "xlsx":
        content = as_workbook(table, notes)
    else:
        content = as_slides(slides())
    return named_file(content, kind, table.name)


def as_slides(slides: Sequence[Slide]) -> bytes:
    """Slides without a title slide, each with the address of the page that this file belongs to."""
    # a second to load, and few processes draw
    from app.core.documents.deck_pptx import slides_as_pptx

    is_sample = db.session.get(PortalFact, "demo") is not None
    page = request.full_path.rstrip("?").replace(".pptx", "", 1)
    source = f"{public_url()}{page}"
    return slides_as_pptx(
        [replace(one, source=one.source or source, is_sample=is_sample) for one in slides], now()
    )


def public_url() -> str:
    """The portal's own address, without a slash at its end."""
    address: str = current_app.config["PORTAL"].public_url
    return address.rstrip("/")


def named_file(content: str | bytes, kind: str, name: str) -> Response:
    """A download of this name."""
    answer = Response(content, mimetype=_TYPES[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return answer
