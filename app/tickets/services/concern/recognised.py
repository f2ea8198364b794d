"""The links and sites of a new ticket: those that are stated, else those that its texts name.

One rule for the ticket that is created and for what its form suggests before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy.orm import Session

from app.registry.rules.recognition import bare_title, recognised_links, recognised_sites
from app.registry.services.registry import site_keys_in
from app.tickets.services.concern.link_words import links_by_alias


def links_meant(
    session: Session, texts: tuple[str, str], links: Sequence[str], named: Sequence[str]
) -> tuple[tuple[str, ...], bool]:
    """The ids of the links, and whether they were found in the texts.

    ``texts``: title and description; ``named``: the link ids in both (``link_names_in``).
    """
    if links:
        return tuple(links), False
    found = recognised_links(texts, named)
    more = links_by_alias(session, texts, named)
    return (*found, *(name for name in more if name not in found)), True


def sites_meant(
    session: Session, title: str, sites: Sequence[str], named: Sequence[str], day: date
) -> tuple[tuple[str, ...], bool]:
    """The sites as they are named, and whether they were found in the title; ``day`` (UTC) is that
    on which the ticket's interval begins, ``named`` as for links."""
    if sites:
        return tuple(sites), False
    known = site_keys_in(session, bare_title(title, named), day)
    return recognised_sites(title, known, named), True
