"""Quarterly reports as TWiki markup, ready to be pasted into a page of the OPS-WG."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.rules.documents import twiki
from app.reports.rules.documents import (
    DocumentTable,
    QuarterDocument,
    ReportDocument,
    tables_of_quarter,
    tables_of_report,
)


def twiki_of_report(document: ReportDocument, address: str) -> str:
    """One site's report; ``address`` is that of its page in the portal."""
    return twiki.page(_report(document, 1, address))


def twiki_of_quarter(document: QuarterDocument, address: str, reports: Sequence[str]) -> str:
    """The quarter: the state of the sites, who is missing, and each signed report behind it.

    ``reports`` are the addresses of the signed reports, in their order.
    """
    parts = [
        twiki.heading(1, document.title),
        _notes(document.notes_of_file),
        twiki.link(address, "The quarter in the portal"),
        *_tables(tables_of_quarter(document), 2),
    ]
    for one, where in zip(document.reports, reports, strict=True):
        parts += _report(one, 2, where)
    return twiki.page(parts)


def _report(document: ReportDocument, level: int, address: str) -> list[str]:
    return [
        twiki.heading(level, document.title),
        _notes(document.notes_of_file),
        twiki.link(address, "The report in the portal"),
        *_tables(tables_of_report(document), level + 1),
    ]


def _tables(tables: Sequence[DocumentTable], level: int) -> list[str]:
    parts = []
    for one in tables:
        parts.append(twiki.heading(level, one.title))
        parts.append(twiki.table(one.head, one.rows) if one.rows else twiki.text(one.empty))
    return parts


def _notes(sentences: Sequence[str]) -> str:
    """Each begins with the portal's own word, so none of them is taken for a mark."""
    return twiki.text(" ".join(sentences))
