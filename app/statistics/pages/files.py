"""Figures as files: what a page shows, as CSV or as a workbook."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response

from app.statistics.figures.tables import FigureTable, as_csv, as_workbook

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_file(table: FigureTable, kind: str, notes: Sequence[str]) -> Response:
    """The table as a download; ``kind`` is csv or xlsx. ``notes`` go into the workbook."""
    if kind == "csv":
        answer = Response(as_csv(table), mimetype="text/csv")
    else:
        answer = Response(as_workbook(table, notes), mimetype=_WORKBOOK)
    answer.headers["Content-Disposition"] = f'attachment; filename="{table.name}.{kind}"'
    return answer
