"""What a site and the chair say to each other about a report, in whatever state it is.

Nobody else reads or writes it: it speaks of drafts too.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.core.rules.access import Actor, ActorKind, Writer
from app.core.rules.errors import Forbidden, Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_text
from app.core.services.changes import FieldChange
from app.reports.models.reports import Report, ReportComment
from app.reports.rules.form import ANSWER_LIMIT
from app.reports.rules.reports import may_read_fields, refusal_to_comment
from app.reports.services.reports import locked_report, one_kind_of_line, record_on_report


def comment_on_report(session: Session, by: Writer, report: Report, text: str) -> ReportComment:
    """Say something about the report; it makes no new version of what is written.

    Raises ``NotFound``, ``Forbidden``, and ``Invalid`` on ``text``.
    """
    report = locked_report(session, by.actor, report)
    reason = refusal_to_comment(by.actor, report.site_id)
    if reason is not None:
        raise Forbidden(reason)
    text = checked_text("text", one_kind_of_line(text).strip(), ANSWER_LIMIT, label=_("Comment"))
    if not text:
        raise Invalid("text", _("Comment is required"))
    comment = ReportComment(
        text=text,
        at=by.now,
        author=by.shown_author,
        author_id=by.actor.account_id if by.actor.kind is ActorKind.PERSON else None,
    )
    report.comments.append(comment)
    record_on_report(session, by, report, [FieldChange("comment", None, text)])
    return comment


def comments_on_report(actor: Actor, report: Report | None) -> Sequence[ReportComment]:
    """What was said about the report, oldest first; nothing for those who may not read it."""
    if report is None or not may_read_fields(actor, report.site_id):
        return ()
    return report.comments
