"""What opens the portal for a person's programs, API tokens and the calendar's address, ends with
the person's logins: by a new password, by "end logins" and by disabling, and stays ended."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, delete, exists, or_, update
from sqlalchemy.orm import Session

from app.accounts.models.feeds import CalendarFeed
from app.accounts.models.people import ApiToken, User
from app.core.rules.access import Writer
from app.core.rules.hooks import Hook
from app.core.rules.language import _, counted, joined
from app.core.services.changes import FieldChange, record_change
from app.core.services.security_log import log_on_commit

TOKENS: Final = "token"
"""The kind of an API token in the change log."""
FEED: Final = "feed"
"""The kind of the calendar's address in the change log; its key is the person's."""


OTHER_SECRETS_END: Final[Hook[[Session, Writer, User], str]] = Hook("OTHER_SECRETS_END")
"""End what a room above gave a person's programs; what ended, in words, or ""."""
OTHER_SECRETS: Final[Hook[[], ColumnElement[bool]]] = Hook("OTHER_SECRETS")
"""Whether a person (``User``) has any."""


def has_personal_secrets() -> ColumnElement[bool]:
    """Whether a person (``User``) has something that ``end_personal_secrets`` ends."""
    return or_(
        exists().where(ApiToken.user_id == User.id, ApiToken.ended_at.is_(None)),
        exists().where(CalendarFeed.user_id == User.id),
        *OTHER_SECRETS.all(),
    )


def end_personal_secrets(session: Session, by: Writer, user: User) -> str:
    """End every API token, the calendar's address and what else opens the portal for the programs
    of a person whose row the caller has locked.

    What ended, in words: ``2 API tokens and the calendar feed``, or "".
    """
    tokens = session.execute(
        update(ApiToken)
        .where(ApiToken.user_id == user.id, ApiToken.ended_at.is_(None))
        .values(ended_at=by.now)
        .returning(ApiToken.id, ApiToken.name)
    ).all()
    feeds = session.scalars(
        delete(CalendarFeed).where(CalendarFeed.user_id == user.id).returning(CalendarFeed.user_id)
    ).all()
    for key, name in sorted(tokens):
        record_change(
            session, by, kind=TOKENS, thing_id=key, fields=[FieldChange("ended", "no", "yes")]
        )
        log_on_commit(session, by, "token ended", TOKENS, name)
    for key in feeds:
        fields = [FieldChange("secret", "set", None)]
        record_change(session, by, kind=FEED, thing_id=key, fields=fields)
        log_on_commit(session, by, "calendar address ended", FEED, key)
    also = OTHER_SECRETS_END.all(session, by, user)
    words = []
    if tokens:
        words.append(counted("%(num)s API token", "%(num)s API tokens", len(tokens)))
    if feeds:
        words.append(_("the calendar feed"))
    words.extend(filter(None, also))
    return joined(_(" and "), words) if words else ""
