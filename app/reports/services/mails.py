"""Who gets mails about quarterly reports, and the mails of a report's moves and comments.

A site's: its reporters, and its contacts for reports. The chair's: the operators; where none of
them has an address, the admins. Nobody is notified of a change of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.models.people import User
from app.core.rules.access import ActorKind, Door, Role, Writer
from app.core.rules.language import _
from app.core.rules.mails.mail_addresses import address_key
from app.core.rules.quarters import Quarter
from app.core.services.changes import FieldChange
from app.mail.services.messages import MessageRecipient, queue_message
from app.registry.models.registry import Site, SiteContact
from app.registry.rules.registry import ContactRole
from app.reports.models.reports import Report
from app.reports.rules.notifications import News, news_notification, news_of


def mail_report_news(
    session: Session, by: Writer, report: Report, fields: Sequence[FieldChange], change_id: int
) -> None:
    """Queue the mails of one change of a report; most changes notify nobody."""
    changed = {one.field: one.new for one in fields}
    news = news_of(changed)
    if news is None or by.door is Door.IMPORT:
        return
    site = report.site
    people = people_of_sites(session, [site])[site.id]
    if news is not News.ACCEPTED:
        people = [*people, *chair(session)]
    own = _own_keys(session, by)
    recipients = [
        one for one in people if one.user_id != _writer(by) and address_key(one.address) not in own
    ]
    if not recipients:
        return
    notification = news_notification(
        news, site.key, Quarter.parse(report.quarter), by.shown_author, changed
    )
    queue_message(
        session,
        key=f"report change {change_id}",
        recipients=recipients,
        subject=notification.subject,
        text=notification.text,
        url=report_address(site.key, report.quarter),
        now=by.now,
    )


def report_address(site: str, quarter: str) -> str:
    """The page of a report, from the portal's root."""
    return f"/reports/{site}/{quarter}"


def chair(session: Session) -> Sequence[MessageRecipient]:
    """The group's chair: the operators with an address; if none exists, the admins."""
    for role in (Role.OPERATOR, Role.ADMIN):
        found = session.execute(
            select(User.id, User.mail)
            .where(User.role == role, User.mail != "", User.disabled_at.is_(None))
            .order_by(User.id)
        ).all()
        if found:
            return [MessageRecipient(row.mail, row.id, _("as chair of the group")) for row in found]
    return []


def people_of_sites(
    session: Session, sites: Sequence[Site]
) -> Mapping[int, Sequence[MessageRecipient]]:
    """By site, the recipients of mails about its reports: its reporters, and its contacts for
    reports."""
    found: dict[int, list[MessageRecipient]] = {site.id: [] for site in sites}
    keys = {site.id: site.key for site in sites}
    reporters = session.execute(
        select(User.id, User.mail, Site.id.label("site_id"))
        .join(User.sites)
        .where(
            Site.id.in_(keys),
            User.role == Role.REPORTER,
            User.mail != "",
            User.disabled_at.is_(None),
        )
        .order_by(User.id)
    )
    for row in reporters:
        why = _("as reporter of %(keys)s", keys=keys[row.site_id])
        found[row.site_id].append(MessageRecipient(row.mail, row.id, why))
    contacts = session.execute(
        select(SiteContact.site_id, SiteContact.mail)
        .where(
            SiteContact.site_id.in_(keys),
            SiteContact.role == ContactRole.REPORTS,
            SiteContact.mail != "",
        )
        .order_by(SiteContact.id)
    )
    for site_id, mail in contacts:
        why = _("as contact of %(keys)s for reports", keys=keys[site_id])
        known = {address_key(one.address) for one in found[site_id]}
        if address_key(mail) not in known:  # else it is a reporter's, whose choice counts
            found[site_id].append(MessageRecipient(mail, None, why))
    return found


def _writer(by: Writer) -> int | None:
    return by.actor.account_id if by.actor.kind is ActorKind.PERSON else -1


def _own_keys(session: Session, by: Writer) -> set[str]:
    """The address of whoever makes the change: it may be among the site's contacts."""
    if by.actor.kind is not ActorKind.PERSON or by.actor.account_id is None:
        return set()
    mail = session.scalar(select(User.mail).where(User.id == by.actor.account_id))
    return {address_key(mail)} if mail else set()
