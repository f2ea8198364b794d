"""Files of reports to read: the download, and a preview. They are given out as those of tickets."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, render_template, url_for

from app.core.web.attached_files import given_out, previewed
from app.core.web.extensions import db
from app.core.web.person import acting
from app.reports.models.reports import ReportAttachment
from app.reports.pages.form_context import PLACE, ReportContext, report_context
from app.reports.services.attachments import content_of_report_attachment, find_report_attachment
from app.reports.services.reports import require_see

blueprint = Blueprint("report_attachments", __name__, url_prefix="/reports")
FILES: Final = f"{PLACE}/attachments"
FILE: Final = f"{FILES}/<int(max=2147483647):number>"


@blueprint.get(FILE)
def download(site: str, quarter: str, number: int) -> Response:
    """The bytes, as a download; pictures of the previews come from here as well."""
    _, file = _found(site, quarter, number)
    return given_out(file, content_of_report_attachment(db.session(), file))


@blueprint.get(f"{FILE}/preview")
def preview(site: str, quarter: str, number: int) -> str:
    """A picture, the beginning of a text, or words where there is nothing to be shown."""
    place, file = _found(site, quarter, number)
    return render_template(
        "reports/preview.html",
        place=place,
        attachment=file,
        address=url_for(
            "report_attachments.download",
            site=place.site.key,
            quarter=str(place.quarter),
            number=number,
        ),
        shown=previewed(file, lambda: content_of_report_attachment(db.session(), file)),
    )


def _found(site: str, quarter: str, number: int) -> tuple[ReportContext, ReportAttachment]:
    place, actor = report_context(site, quarter), acting()
    require_see(actor, place.site.id, place.report)
    return place, find_report_attachment(db.session(), actor, place.report, number)
