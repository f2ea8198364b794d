"""What a site may answer to a change, and who may answer for it."""

from __future__ import annotations

from enum import StrEnum

from app.core.rules.access import Actor, ActorKind, Role
from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import LONG_TEXT_LIMIT, checked_choice, checked_text


class Answer(StrEnum):
    """A site's answer to a change."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


ACKNOWLEDGEMENT = "acknowledgement"
"""The field of the change log that holds answers."""
PLAN_FIELDS = ("links", "sites", "window_start", "window_end", "event_start", "event_end")
"""What a site accepts: when one of these changes, earlier answers were given to another plan."""


def checked_answer(answer: str, reason: str) -> Answer:
    """The answer, if it may be given with this reason: a refusal needs one.

    Raises ``Invalid`` on the field ``answer`` or ``reason`` (at most 4000 characters).
    """
    found = checked_choice("answer", answer, Answer, _("Answer"))
    checked_text("reason", reason, LONG_TEXT_LIMIT, label=_("Reason"))
    if found is Answer.REFUSED and not reason.strip():
        raise Invalid("reason", _("Reason is required; say why the site refuses the change"))
    return found


def refusal_to_answer(actor: Actor, site_id: int) -> str | None:
    """Why this account may not answer in the name of this site, or None."""
    if actor.kind is ActorKind.SYSTEM or actor.is_operator:
        return None
    if actor.kind is ActorKind.PARTNER:
        if actor.read_only:
            return _("This account is read-only; responding for a site needs the right to write")
        if site_id in actor.site_ids:
            return None
        return _("This account may not respond for this site; an admin can give it that right")
    if actor.role is Role.REPORTER:
        if site_id in actor.site_ids:
            return None
        return _("Reporters can respond only for their own sites")
    return _("A reader may not respond for a site; ask for the role reporter or operator")


def logged_answer(site: str, answer: str, reason: str) -> str | None:
    """An answer as the change log keeps it; None while it is missing."""
    if not answer:
        return None
    return f"{site} {answer}: {reason}" if reason else f"{site} {answer}"
