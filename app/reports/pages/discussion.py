"""What is below a report on its page: its files, and what site and chair say to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from app.core.rules.language import _
from app.core.web.attached_files import FileRow, Problem, listed_files, row_of
from app.core.web.extensions import db
from app.core.web.person import acting, writer
from app.core.web.times import now
from app.reports.models.reports import ReportAttachment
from app.reports.pages.form_context import ReportContext
from app.reports.rules.reports import may_read_fields, refusal_to_write_report
from app.reports.services.attachments import (
    attachments_of_report,
    refusal_to_remove,
    removed_from_version,
)
from app.reports.services.comments import comments_on_report


@dataclass(frozen=True)
class Below:
    """What was sent from there and not taken."""

    problems: Sequence[Problem] = ()
    """With the files."""
    comment: str = ""
    comment_error: str = ""


def below_report(
    place: ReportContext, sent: Below | None = None, version: int = 0
) -> Mapping[str, Any]:
    """What both parts show to this person; ``version``: the signed one above them, 0 = none."""
    actor, sent = acting(), sent or Below()
    refusal = refusal_to_write_report(actor, place.site.id, place.state, place.quarter, now())
    files = attachments_of_report(db.session(), actor, place.report)
    return {
        "may_attach": refusal is None,
        "comments": comments_on_report(actor, place.report),
        "may_comment": place.report is not None and may_read_fields(actor, place.site.id),
        "comment_text": sent.comment,
        "comment_error": sent.comment_error,
        "removed_files": removed_from_version(db.session(), actor, place.report, version),
        **listed_files([_row(place, one) for one in files], sent.problems),
    }


def files_of_version(place: ReportContext, number: int) -> Mapping[str, Any]:
    """The files that a signed version holds; none is added or taken off there."""
    files = attachments_of_report(db.session(), acting(), place.report, number)
    rows = [_row(place, one, is_listed=True) for one in files]
    removed = removed_from_version(db.session(), acting(), place.report, number)
    return {"may_attach": False, "removed_files": removed, **listed_files(rows, ())}


def _row(place: ReportContext, file: ReportAttachment, *, is_listed: bool = False) -> FileRow:
    site, quarter = place.site.key, str(place.quarter)
    places = (
        url_for(f"report_attachments.{name}", site=site, quarter=quarter, number=file.number)
        for name in ("download", "preview", "remove")
    )
    removable = not is_listed and refusal_to_remove(writer(), place.stored, file) is None
    return row_of(file, _("File %(number)s", number=file.number), *places, removable=removable)
