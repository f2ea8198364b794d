"""The security log: who got in or did not, what was taken out, which secret began or ended.

One line for each event through the logger ``portal.security`` (``docs/security-log.md``): the
account, the address behind the trusted proxies, the door, the thing as kind and id. No secret, and
nothing of what was typed as the name of an unknown account: it may be a password.

What changes a row is noted in its transaction and logged when that was committed, never before.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.database.until_commit import UntilCommit
from app.core.rules.access import Door, Writer

LOGGER: Final = "portal.security"
_log = logging.getLogger(LOGGER)
_noted: Final = UntilCommit[tuple[str, dict[str, Any]]]()
_MAX_LENGTH: Final = 100


def log_event(
    what: str,
    *,
    door: str,
    account: str,
    remote: str,
    kind: str = "",
    thing: object = "",
    **more: str,
) -> None:
    """Write one line. ``account`` "" = none, or a name that no account has; ``kind`` and ``thing``
    name what it is about, ``thing`` by its number or name, cut at 100 characters."""
    extra = {
        "account": account,
        "remote": remote,
        "door": door,
        "kind": kind,
        "thing": str(thing)[:_MAX_LENGTH],
        **more,
    }
    _log.info(what, extra=extra)


def log_on_commit(
    session: Session, by: Writer, what: str, kind: str, thing: object, **more: str
) -> None:
    """Log this when the session's transaction is committed; not if the savepoint that is open now
    is rolled back before.

    Commands are left out: their log is the terminal, and the audit has what they did.
    """
    if by.door is Door.COMMAND:
        return
    line: dict[str, Any] = {
        "door": by.door,
        "account": by.actor.account,
        "remote": by.remote,
        "kind": kind,
        "thing": thing,
        **more,
    }
    _noted.add(session, (what, line))


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    for what, line in _noted.take(session):
        log_event(what, **line)
