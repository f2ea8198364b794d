"""The verbs on files of reports: add, list, read, remove. What a file may be is as with tickets.

A file belongs to what is written: it is added while the report may be written, the next signed
version holds it, and who may read that one may read the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Writer
from app.core.rules.attached_files import facts_of_file
from app.core.rules.errors import Forbidden, NotFound
from app.core.rules.quarters import Quarter
from app.core.services.changes import FieldChange
from app.registry.models.registry import Site
from app.reports.models.reports import Report, ReportAttachment, ReportAttachmentContent
from app.reports.rules.reports import (
    ReportState,
    may_read_fields,
    may_read_signed,
    refusal_to_remove_attachment,
)
from app.reports.services.reports import change_written, locked_report, report_to_write

ATTACHMENT = "attachment"
"""The field in the change log."""


def attach_to_report(
    session: Session, by: Writer, site: Site, quarter: Quarter, name: str, content: bytes
) -> ReportAttachment:
    """Add a file to the report, under its cleaned name; the first thing in it begins the report.

    Raises ``NotFound``, ``Forbidden``, ``MoveNotAllowed`` where it may not be written now, and
    ``Invalid`` for a name above 255 characters and content that is empty or above 2 MiB.
    """
    facts = facts_of_file(name, content)
    report = report_to_write(session, by, site, quarter)
    newest = session.scalar(
        select(func.max(ReportAttachment.number)).where(ReportAttachment.report_id == report.id)
    )
    attachment = ReportAttachment(
        report_id=report.id,
        number=(newest or 0) + 1,
        first_version=len(report.versions) + 1,
        **vars(facts),
        created_at=by.now,
        author=by.shown_author,
    )
    session.add(attachment)
    session.flush()
    session.add(
        ReportAttachmentContent(report_id=report.id, number=attachment.number, content=content)
    )
    change_written(session, by, report, [FieldChange(ATTACHMENT, None, label_of(attachment))])
    return attachment


def label_of(attachment: ReportAttachment) -> str:
    """How the change log names a file of a report: ``2 traceroute.txt``."""
    return f"{attachment.number} {attachment.name}"


def attachments_of_report(
    session: Session, actor: Actor, report: Report | None, version: int | None = None
) -> Sequence[ReportAttachment]:
    """The files that this actor may read, oldest first, removed ones left out.

    ``version``: only those that this signed version holds; None = those of what is written now,
    for others than site and chair those of the newest signed version.
    """
    if report is None or not may_read_signed(actor):
        return ()
    if not may_read_fields(actor, report.site_id):
        version = min(version or len(report.versions), len(report.versions))
    query = select(ReportAttachment).where(
        ReportAttachment.report_id == report.id, ReportAttachment.removed_at.is_(None)
    )
    if version is not None:
        query = query.where(ReportAttachment.first_version <= version)
    return session.scalars(query.order_by(ReportAttachment.number)).all()


def removed_from_version(
    session: Session, actor: Actor, report: Report | None, version: int
) -> Sequence[ReportAttachment]:
    """The files that this signed version held and that were removed since, oldest first: their
    names stay, with the person and time of removal."""
    if report is None or not may_read_signed(actor) or not 1 <= version <= len(report.versions):
        return ()
    return session.scalars(
        select(ReportAttachment)
        .where(
            ReportAttachment.report_id == report.id,
            ReportAttachment.first_version <= version,
            ReportAttachment.removed_at >= report.versions[version - 1].submitted_at,
        )
        .order_by(ReportAttachment.number)
    ).all()


def find_report_attachment(
    session: Session, actor: Actor, report: Report | None, number: int
) -> ReportAttachment:
    """The file; ``NotFound`` if it is unknown, removed, or not to be read by this account."""
    for one in attachments_of_report(session, actor, report):
        if one.number == number:
            return one
    raise NotFound


def content_of_report_attachment(session: Session, attachment: ReportAttachment) -> bytes:
    """The bytes of a file; ``NotFound`` once they were removed."""
    content = session.scalar(
        select(ReportAttachmentContent.content).where(
            ReportAttachmentContent.report_id == attachment.report_id,
            ReportAttachmentContent.number == attachment.number,
        )
    )
    if content is None:
        raise NotFound
    return content


def refusal_to_remove(by: Writer, report: Report, attachment: ReportAttachment) -> str | None:
    """Why this writer may not remove this file of this report now, or None."""
    return refusal_to_remove_attachment(
        by.actor,
        report.site_id,
        ReportState(report.state),
        Quarter.parse(report.quarter),
        by.now,
        is_signed=attachment.first_version <= len(report.versions),
    )


def remove_report_attachment(
    session: Session, by: Writer, report: Report, number: int
) -> ReportAttachment:
    """Delete a file's content; its row and the change log say that it was there.

    Raises ``NotFound``, ``Forbidden``.
    """
    report = locked_report(session, by.actor, report)
    attachment = find_report_attachment(session, by.actor, report, number)
    reason = refusal_to_remove(by, report, attachment)
    if reason is not None:
        raise Forbidden(reason)
    session.execute(
        delete(ReportAttachmentContent).where(
            ReportAttachmentContent.report_id == report.id,
            ReportAttachmentContent.number == number,
        )
    )
    attachment.mark_removed(by.now, by.shown_author)
    change_written(session, by, report, [FieldChange(ATTACHMENT, label_of(attachment), None)])
    return attachment
