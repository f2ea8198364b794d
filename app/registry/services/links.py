"""What is particular to links: two ends, what they back up, and ids that mean one link."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core.rules.errors import Invalid, InvalidMany
from app.core.rules.language import _
from app.registry.models.registry import Link, LinkCircuit, LinkName, Site
from app.registry.rules.records import LINK
from app.registry.rules.registry import CircuitValue, NameSystem, check_order, quoted
from app.registry.services.records import Named, RecordVerbs, Values, another_record, parts_in
from app.registry.services.registry import LINK_PARTS, MAX_NAMED, Lookup
from app.registry.services.retirement import refuse_while_used


def _find(lookup: Lookup, name: str) -> Link | None:
    link = lookup.link(name)
    if link is not None and lookup.refreshes:
        lookup.session.refresh(link)
    return link


def _named(lookup: Lookup, values: Values) -> Named:
    """The records that a link's values name. Puts the sites' LHCOPN names into ``values``."""
    found: dict[str, Site | Link] = {}
    problems: dict[str, str] = {}
    for field in ("end_a", "end_b", "responsible_site"):
        if not (name := values.get(field)):
            continue
        site = lookup.site(name)
        if site is None:
            problems[field] = _(
                "No site has the name %(name)s; any name of a known site is allowed",
                name=quoted(name),
            )
        else:
            found[field] = site
            values[field] = site.key
    if name := values.get("backs_up"):
        backed = lookup.link(name)
        if backed is None:
            problems["backs_up"] = _(
                "No link has the id %(name)s; choose from the list of links", name=quoted(name)
            )
        else:
            found["backs_up"] = backed
    if problems:
        raise InvalidMany(problems)
    return found


def _check(lookup: Lookup, link: Link | None, before: Values, values: Values, named: Named) -> None:
    """Raise unless the link may be as ``values`` say; all that is wrong at once."""
    problems: dict[str, str] = {}
    taken = lookup.link_taken(values["name"])
    if taken is not None and (link is None or taken[0] != link.id):
        problems["name"] = _(
            "Link %(quoted)s already exists; choose another id", quoted=quoted(taken[1])
        )
    elif link is None or link.name != values["name"]:
        meant = lookup.link_of_alias(values["name"])
        if meant is not None and meant is not link:
            problems["name"] = _(
                "In tickets, %(quoted)s means %(name)s; to use the id for this link,"
                " undo that under Unresolved names first",
                quoted=quoted(values["name"]),
                name=meant.name,
            )
    first, second = named["end_a"], named["end_b"]
    if first.id == second.id:
        problems["end_b"] = _("Both ends are %(key)s; a link joins two sites", key=first.key)
    try:
        check_order("valid_until", values["valid_from"], values["valid_until"], _("The link"))
    except Invalid as error:
        problems[error.field] = error.message
    for field in ("end_a", "end_b"):
        _check_end(problems, field, named[field], values)
    cycle = _cycle(link, values["name"], named.get("backs_up"))
    if cycle:
        problems["backs_up"] = _(
            "The backups would form a circle: %(listed)s", listed=" backs up ".join(cycle)
        )
    if problems:
        raise InvalidMany(problems)
    if link is not None and (until := values["valid_until"]) not in (None, before["valid_until"]):
        refuse_while_used(lookup.session, link, _backups_after(lookup.session, link, until))


def name_of_ends(session: Session, stated: Mapping[str, Any]) -> str:
    """The id that a new link of these ends and network would have: their short names, the T0's
    first, and the next free number, such as ``CERN-RAL-LHCOPN-001``.

    Source of the form: domain, section 2.3. Raises ``InvalidMany`` for ends that no site has.
    """
    ends = LINK.checked({field: stated[field] for field in ("end_a", "end_b")})
    named = _named(Lookup(session), ends)
    sites = [site for site in named.values() if isinstance(site, Site)]
    sites.sort(key=lambda site: (site.tier != 0, _short(site)))
    stem = "-".join([*map(_short, sites), stated["network"], ""])
    taken = session.scalars(
        select(Link.name)
        .where(Link.name.startswith(stem, autoescape=True))
        .union_all(select(LinkName.name).where(LinkName.name.startswith(stem, autoescape=True)))
    )
    numbers = [int(name[len(stem) :]) for name in taken if name[len(stem) :].isdecimal()]
    return f"{stem}{max(numbers, default=0) + 1:03}"


def _short(site: Site) -> str:
    """The name by which link ids call a site."""
    names = [name.name for name in site.names if name.system == NameSystem.SHORT]
    return names[0] if names else site.key


def _check_end(problems: dict[str, str], field: str, site: Site, values: Mapping[str, Any]) -> None:
    """Note where the link would be in use on days on which its end is not."""
    start, end = values["valid_from"], values["valid_until"]
    if site.valid_until is not None and (end is None or end > site.valid_until):
        problems.setdefault(
            field,
            _(
                "%(key)s ended on %(valid_until)s; the link must end by then, or end elsewhere",
                key=site.key,
                valid_until=site.valid_until,
            ),
        )
    if start is not None and site.valid_from is not None and start < site.valid_from:
        problems.setdefault(
            field,
            _(
                "%(key)s begins on %(valid_from)s; the link cannot begin before",
                key=site.key,
                valid_from=site.valid_from,
            ),
        )


def _cycle(link: Link | None, name: str, backs_up: Link | None) -> list[str]:
    """The ids along a circle of backups through this link; empty if none exists."""
    chain, seen = [name], set()
    while backs_up is not None and backs_up.id not in seen:
        chain.append(name if link is not None and backs_up.id == link.id else backs_up.name)
        if link is not None and backs_up.id == link.id:
            return chain
        seen.add(backs_up.id)
        backs_up = backs_up.backs_up
    return []


def _backups_after(session: Session, link: Link, until: date) -> list[str]:
    """The first links that back this one up and are in use on a day or later."""
    links = session.scalars(
        select(Link.name)
        .where(
            Link.backs_up_id == link.id, or_(Link.valid_until.is_(None), Link.valid_until > until)
        )
        .order_by(Link.name)
        .limit(MAX_NAMED + 1)
    )
    return [_("%(name)s, which backs it up", name=name) for name in links]


LINKS: Final[RecordVerbs[Link]] = RecordVerbs(
    LINK,
    Link,
    LINK_PARTS,
    _("There is no link of this id"),
    find=_find,
    check=_check,
    note=lambda lookup, link, key: lookup.note_link(link, key),
    named=_named,
    stored={
        "end_a": another_record("end_a"),
        "end_b": another_record("end_b"),
        "responsible_site": another_record("recorded_responsible"),
        "backs_up": another_record("backs_up"),
        "circuits": parts_in("circuits", LinkCircuit, ("provider", "circuit_id"), CircuitValue),
    },
)
link_of_name, link_values = LINKS.of_key, LINKS.values
create_link, change_link, retire_link = LINKS.create, LINKS.change, LINKS.retire
