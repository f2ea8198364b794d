"""CRIC's proposals: comparing a source with the registry, and deciding on its proposals.

Reading writes proposals, never the registry. A proposal changes a site only when an admin accepts
it, with CRIC and the day as the source of that fact; what was refused is not proposed again. An
empty or much smaller source is an alarm: it is noted, and everything stays as it was.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.rules.access import Actor, Writer, require_admin
from app.core.rules.errors import Invalid, MoveNotAllowed, NotFound
from app.core.rules.language import _
from app.core.services.changes import FieldChange, record_change
from app.registry.adapters.cric.comparison import (
    SINGLE_FIELDS,
    SOURCE,
    Comparison,
    Decided,
    KnownSite,
    alarm,
    compare,
    same_item,
)
from app.registry.adapters.cric.records import CricContent
from app.registry.models.registry import Proposal, Site, SourceRun
from app.registry.rules.records import cell_of, value_of
from app.registry.services.registry import SITE_PARTS, Lookup
from app.registry.services.sites import change_site, site_values

PROPOSAL: Final = "proposal"
_RUN: Final = "source"


class ProposalState(StrEnum):
    """What happened to a proposal; gone = the source, or the registry, no longer gives cause."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    GONE = "gone"


@dataclass(frozen=True)
class SourceReading:
    """The result of reading a source; with an ``alarm`` nothing was changed."""

    run: SourceRun
    comparison: Comparison
    new: int
    """Proposals that were not open before."""
    gone: int


@dataclass(frozen=True)
class ShownProposal:
    """A proposal with the current value of the registry."""

    proposal: Proposal
    site: Site
    now: str
    """The registry's present value, as a cell of a file says it."""

    @property
    def changed_since(self) -> bool:
        """Whether somebody changed the value since it was compared."""
        return self.proposal.current != self.now

    @property
    def seen(self) -> str:
        """A mark of the present value, to be given back when the proposal is accepted."""
        return mark_of(self.now)

    @property
    def adds(self) -> bool:
        """Whether it adds to a list; else it replaces a value."""
        return self.proposal.field not in SINGLE_FIELDS


def mark_of(value: str) -> str:
    """A short mark of a value."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def require_cric(actor: Actor) -> None:
    """Raise ``Forbidden`` unless the actor may read CRIC and decide on its proposals."""
    require_admin(actor, _("read CRIC and decide on what it proposes"))


def compare_with_registry(session: Session, content: CricContent, today: date) -> Comparison:
    """What a source would propose, and what is doubtful in it. Writes nothing."""
    return compare(content, _known(session), _decided(session), today)


def check_size(session: Session, content: CricContent, *, smaller_is_right: bool = False) -> str:
    """Why the source is not used: empty, or much smaller than the last good one; else ""."""
    last = last_good_run(session)
    before = last.records if last is not None and not smaller_is_right else None
    return alarm(content.count, before)


def read_source(
    session: Session, by: Writer, content: CricContent, *, smaller_is_right: bool = False
) -> SourceReading:
    """Note a reading of CRIC and bring the proposals up to date.

    With an alarm (see ``check_size``) only that is noted. ``smaller_is_right`` takes a smaller
    source, never an empty one. Raises ``Forbidden``.
    """
    require_cric(by.actor)
    Lookup(session).lock()
    text = check_size(session, content, smaller_is_right=smaller_is_right)
    run = SourceRun(source=SOURCE, at=by.now, records=content.count, alarm=text)
    session.add(run)
    comparison = Comparison((), ())
    new = gone = 0
    if not text:
        comparison = compare_with_registry(session, content, by.now.date())
        run.findings = "\n".join(comparison.findings)
        new, gone = _bring_up_to_date(session, by, comparison)
    session.flush()
    fields = [
        FieldChange("source", None, SOURCE),
        FieldChange("records", None, str(content.count)),
        *([FieldChange("alarm", None, text)] if text else []),
        *([FieldChange("proposals", None, str(len(comparison.wanted)))] if not text else []),
    ]
    record_change(session, by, kind=_RUN, thing_id=run.id, fields=fields, version=1)
    return SourceReading(run, comparison, new, gone)


def _bring_up_to_date(session: Session, by: Writer, comparison: Comparison) -> tuple[int, int]:
    held = {
        proposal.digest: proposal
        for proposal in session.scalars(select(Proposal).where(Proposal.source == SOURCE))
    }
    wanted = {item.digest: item for item in comparison.wanted}
    new = gone = 0
    for digest, item in wanted.items():
        proposal = held.get(digest)
        if proposal is None:
            proposal = Proposal(
                source=SOURCE,
                digest=digest,
                site_id=item.number,
                field=item.field,
                proposed=item.proposed,
                first_seen_at=by.now,
            )
            session.add(proposal)
        new += proposal.state != ProposalState.OPEN
        proposal.state = ProposalState.OPEN.value
        proposal.subject = item.subject[:100]
        proposal.current, proposal.note = item.current, item.note
        proposal.last_seen_at = by.now
    for digest, proposal in held.items():
        if digest not in wanted and proposal.state == ProposalState.OPEN:
            proposal.state = ProposalState.GONE.value
            gone += 1
    return new, gone


def _sites() -> Any:
    return (
        select(Site)
        .order_by(Site.key)
        .options(
            *SITE_PARTS,
        )
    )


def _known(session: Session) -> list[KnownSite]:
    return [KnownSite(site.id, site.key, site_values(site)) for site in session.scalars(_sites())]


def _decided(session: Session) -> Decided:
    """What was refused ever, and what was accepted last: later edits here are not undone."""
    rows = session.scalars(
        select(Proposal)
        .where(
            Proposal.source == SOURCE,
            Proposal.state.in_((ProposalState.ACCEPTED, ProposalState.REFUSED)),
        )
        .order_by(Proposal.decided_at, Proposal.id)
    )
    refused, accepted = set[str](), dict[tuple[int | None, str], str]()
    items = defaultdict[tuple[int, str], set[Any]](set)
    for row in rows:
        if row.field not in SINGLE_FIELDS:
            if row.site_id is not None:
                items[row.site_id, row.field] |= set(value_of(row.field, row.proposed or ""))
        elif row.state == ProposalState.REFUSED:
            refused.add(row.digest)
        else:
            accepted[row.site_id, row.field] = row.digest
    return Decided(
        frozenset({*refused, *accepted.values()}),
        {key: frozenset(found) for key, found in items.items()},
    )


def last_good_run(session: Session) -> SourceRun | None:
    """The newest reading without an alarm."""
    return session.scalars(
        select(SourceRun)
        .where(SourceRun.source == SOURCE, SourceRun.alarm == "")
        .order_by(SourceRun.id.desc())
        .limit(1)
    ).first()


def last_run(session: Session) -> SourceRun | None:
    """The newest reading."""
    return session.scalars(
        select(SourceRun).where(SourceRun.source == SOURCE).order_by(SourceRun.id.desc()).limit(1)
    ).first()


def open_proposals(session: Session) -> list[ShownProposal]:
    """Pending proposals by site and field, with the current values of the registry."""
    return _shown(
        session,
        session.scalars(
            select(Proposal)
            .where(Proposal.source == SOURCE, Proposal.state == ProposalState.OPEN)
            .order_by(Proposal.id)
        ).all(),
    )


def decided_proposals(session: Session, limit: int) -> list[ShownProposal]:
    """The newest decisions."""
    return _shown(
        session,
        session.scalars(
            select(Proposal)
            .where(Proposal.source == SOURCE, Proposal.decided_at.is_not(None))
            .where(Proposal.state.in_((ProposalState.ACCEPTED, ProposalState.REFUSED)))
            .order_by(Proposal.decided_at.desc(), Proposal.id.desc())
            .limit(limit)
        ).all(),
    )


def shown_proposal(session: Session, number: int) -> ShownProposal:
    """One proposal, whatever its state; ``NotFound`` if none exists."""
    found = _shown(session, [_proposal(session, number)])
    if not found:
        raise NotFound
    return found[0]


def _shown(session: Session, proposals: Sequence[Proposal]) -> list[ShownProposal]:
    wanted = {proposal.site_id for proposal in proposals}
    sites = {site.id: site for site in session.scalars(_sites().where(Site.id.in_(wanted)))}
    values = {number: site_values(site) for number, site in sites.items()}
    return [
        ShownProposal(
            proposal, sites[number], cell_of(proposal.field, values[number][proposal.field])
        )
        for proposal in proposals
        if (number := proposal.site_id) in sites
    ]


def _proposal(session: Session, number: int) -> Proposal:
    proposal = session.get(Proposal, number, populate_existing=True)
    if proposal is None or proposal.source != SOURCE:
        raise NotFound(_("There is no such proposal"))
    return proposal


def _open(session: Session, number: int) -> Proposal:
    proposal = _proposal(session, number)
    if proposal.state != ProposalState.OPEN:
        raise MoveNotAllowed(
            _("This proposal is %(state)s; only open ones can be decided", state=proposal.state)
        )
    return proposal


def accept_proposal(session: Session, by: Writer, number: int, seen: str | None = None) -> Site:
    """Change the site's field to what CRIC proposes, with CRIC and the day as its source.

    ``seen`` is the mark of the value that the decider saw (``Shown.seen``); without it the value
    must be the one with which CRIC was compared. Raises ``NotFound``, ``MoveNotAllowed``,
    ``Forbidden``, and ``Invalid`` where the value is another one by now or cannot be as proposed.
    """
    require_cric(by.actor)
    Lookup(session).lock()
    proposal = _open(session, number)
    site = session.get_one(Site, proposal.site_id, populate_existing=True)
    ours = site_values(site)[proposal.field]
    now, field = cell_of(proposal.field, ours), proposal.field
    value = value_of(field, proposal.proposed or "")
    if field not in SINGLE_FIELDS:
        have = {same_item(item) for item in ours}
        value = (*ours, *(item for item in value if same_item(item) not in have))
    elif (mark_of(proposal.current or "") if seen is None else seen) != mark_of(now):
        raise Invalid(
            "proposal",
            _(
                "Somebody changed this value to %(value)s since it was shown;"
                " nothing was saved. Check both values again",
                value=now or _("nothing"),
            ),
        )
    source = f"{SOURCE} {proposal.last_seen_at:%Y-%m-%d}"
    changed = change_site(
        session, by, site.key, {field: value}, sources={field: source}, why="Proposed by CRIC"
    )
    _decide(by, proposal, ProposalState.ACCEPTED)
    after = cell_of(field, site_values(changed)[field])
    for other in _others(session, proposal):
        if other.current == now:  # what an accepted proposal changed was changed by nobody else
            other.current = after
    session.flush()
    return changed


def _others(session: Session, proposal: Proposal) -> Iterable[Proposal]:
    return session.scalars(
        select(Proposal).where(
            Proposal.site_id == proposal.site_id,
            Proposal.field == proposal.field,
            Proposal.state == ProposalState.OPEN,
            Proposal.id != proposal.id,
        )
    )


def _decide(by: Writer, proposal: Proposal, state: ProposalState) -> None:
    proposal.state = state.value
    proposal.decided_at, proposal.decided_by = by.now, by.shown_author[:100]


def refuse_proposal(session: Session, by: Writer, number: int) -> Proposal:
    """Leave the registry as it is; the same is not proposed again. Raises as accepting does."""
    return _set_state(session, by, number, ProposalState.REFUSED)


def reopen_proposal(session: Session, by: Writer, number: int) -> Proposal:
    """Take a refusal back: it is proposed again. Raises as accepting does."""
    return _set_state(session, by, number, ProposalState.OPEN)


def _set_state(session: Session, by: Writer, number: int, state: ProposalState) -> Proposal:
    require_cric(by.actor)
    Lookup(session).lock()
    if state is ProposalState.OPEN:
        proposal = _proposal(session, number)
        if proposal.state != ProposalState.REFUSED:
            raise MoveNotAllowed(
                _("This proposal is %(state)s; only refused ones come back", state=proposal.state)
            )
    else:
        proposal = _open(session, number)
    before = proposal.state
    _decide(by, proposal, state)
    site = session.get_one(Site, proposal.site_id)
    fields = [
        FieldChange("state", before, state.value),
        FieldChange("site", None, site.key),
        FieldChange(proposal.field, proposal.current or None, proposal.proposed),
    ]
    record_change(session, by, kind=PROPOSAL, thing_id=proposal.id, fields=fields)
    return proposal
