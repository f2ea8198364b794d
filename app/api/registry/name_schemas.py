"""The wire types of names that the registry does not know, and of units."""

from __future__ import annotations

from typing import Final

from marshmallow import Schema

from app.api.wire import (
    a_list,
    a_number,
    a_text,
    an_object,
    page_limit,
    page_next,
    sent_choice,
    sent_number,
    sent_reason,
    sent_text,
)
from app.names.services.unresolved import MAX_NAME_LENGTH, MAX_UNIT_LENGTH, Decision, NameKind
from app.registry.rules.registry import NameSystem


class UnresolvedQuery(Schema):
    """Which names that the registry does not know."""

    kind = sent_choice(
        "What the names refer to.", NameKind, name="kind", load_default=str(NameKind.SITE)
    )
    page = sent_number(
        "Page number, from 1; take it from `next`.",
        1,
        10_000,
        error="page takes 1 to {max}",
        load_default=1,
    )
    limit = page_limit()


class NearName(Schema):
    """A known name that is near."""

    name = a_text("The name.")
    key = a_text("Key of the object with this name.")


class NameWriter(Schema):
    """Who writes a name."""

    author = a_text("The account, or partner.")
    count = a_number("Number of tickets.")


class UnresolvedRow(Schema):
    """A name that the registry does not know."""

    kind = a_text("site, link or unit.")
    name = a_text("The name, as it was sent.")
    tickets = a_number("Number of tickets with this name.")
    newest_ticket = a_number("The newest of them, or null.", null=True)
    events = a_number("Number of events with this name.")
    newest_event = a_number("The newest of them, or null.", null=True)
    writers = a_list(NameWriter, "Accounts that use the name most.")
    near = a_list(NearName, "The nearest names.")
    means = a_text(
        "The object that has this name now, so that tickets have to follow; empty = none."
    )


class UnresolvedPage(Schema):
    """One page of names, those of most tickets and events first."""

    items = a_list(UnresolvedRow)
    total = a_number("Number of unresolved names.")
    next = page_next()


class DecidedName(Schema):
    """A name that was decided about."""

    kind = a_text("site, link or unit.")
    name = a_text("The name.")
    decision = a_text("alias or dismissed.")
    means = a_text("What an alias refers to now, or empty.")


class DecidedNames(Schema):
    """All names that were decided about."""

    items = a_list(DecidedName)


class _OneName(Schema):
    kind = sent_choice("What the name refers to.", NameKind, required=True)
    name = sent_text("The name.", MAX_NAME_LENGTH, required=True)


TAKE_BACK: Final = "taken back"
FOLLOW: Final = "follow"


class NameDecisionBody(_OneName):
    """What is made of a name."""

    decision = sent_choice(
        "alias: the name means `target` (for a site, the scope `registry` is also required); "
        "dismissed: the name stays unresolved; taken back: the decision is undone; follow: "
        "no new decision, but more tickets and events are updated to it.",
        [*Decision, TAKE_BACK, FOLLOW],
        required=True,
    )
    target = sent_text(
        "For an alias: any name of the site, the link's id, or a known unit.",
        MAX_NAME_LENGTH,
        least=0,
        load_default="",
    )
    system = sent_choice(
        "For an alias of a site: the system that uses this name.",
        NameSystem,
        load_default=str(NameSystem.GOCDB),
    )
    why = sent_reason()


class FollowedRows(Schema):
    """How many followed."""

    done = a_number("Updated by this call.")
    left = a_number("Not updated yet: send `follow` again.")


class NameOutcome(Schema):
    """What happened to a name, and of what has it."""

    kind = a_text("site, link or unit.")
    name = a_text("The name.")
    tickets = an_object(FollowedRows)
    events = an_object(FollowedRows)


class UnitBody(Schema):
    """A unit to be known by its name."""

    name = sent_text("The unit's name.", MAX_UNIT_LENGTH, required=True)
    why = sent_reason()


class KnownUnit(Schema):
    """A known unit."""

    name = a_text("The name.")
