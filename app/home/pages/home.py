"""The home page: what is down now, then what each role has to do, with a link to exactly the rows
of each number. What is empty takes no room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

from flask import Blueprint, render_template, url_for

from app.calendar.rules.calendar import midnight
from app.calendar.rules.lhc_calendar import lhc_at
from app.calendar.services.calendar import agenda
from app.core.rules.access import Actor, Role, refusal_to_create
from app.core.rules.language import _, counted, joined
from app.core.web.extensions import db
from app.core.web.person import acting
from app.core.web.times import now
from app.duties.services.duties import DutyFilter, DutyRow, count_duties, list_duties, recent_from
from app.exchange.rules.replies import MailState
from app.home.pages.network import network_part
from app.home.pages.reports import home_reports
from app.home.services.home import (
    BY_STATE,
    MAX_PER_GROUP,
    Asked,
    Count,
    Duties,
    Group,
    count_open_of_networks,
    duties_of_admin,
    groups_of,
    open_counts,
    waiting_since,
    what_runs,
)
from app.jobs.rules.followers import TITLES
from app.jobs.services.followers import failing_followers
from app.matching.services.stale_links import Freshness
from app.matching.web.freshness import fresh_figures
from app.notices.rules.notices import Outcome
from app.registry.services.registry import all_sites
from app.tickets.rules.desk import DAYS_TO_TAKE, Desk
from app.tickets.rules.reminders import DAYS_BETWEEN
from app.tickets.rules.tickets import OPEN_STATES
from app.tickets.services.lists.desk import on_desk
from app.tickets.services.lists.lists import TicketFilter
from app.tickets.services.personal_reminders import due_reminders

blueprint = Blueprint("home", __name__)
_AHEAD: Final = timedelta(days=8)
"""Windows of today and of the next seven days are shown."""
_DUE_SHOWN: Final = 5
_REMINDERS_SHOWN: Final = 10
_CHECK: Final = "check"
_CHANGED: Final = "changed"


@dataclass(frozen=True)
class Part:
    """A group of tickets as the page words it."""

    key: str
    title: str
    about: str
    sort: str
    address: Mapping[str, str | list[str]]
    """The parameters of the list that shows the same tickets."""
    rows: int = 5

    @property
    def url(self) -> str:
        """The list of exactly these tickets."""
        return url_for("tickets.listing", **self.address, sort=self.sort)  # type: ignore[arg-type]

    def asked(self, actor: Actor) -> Asked:
        """The same as a question to the service."""
        if self.key == _CHECK:
            wanted = TicketFilter(to_check=True, sort=self.sort)
        elif self.key == _CHANGED:
            wanted = TicketFilter(sort=self.sort)
        else:
            desk = on_desk(Desk(self.key), now(), actor)
            wanted = TicketFilter(
                states=(str(self.address.get("state", "open")),), desk=(desk,), sort=self.sort
            )
        return Asked(wanted, self.rows)


def _desk(desk: Desk, title: str, about: str, sort: str, rows: int = 5) -> Part:
    return Part(desk, title, about, sort, {"desk": desk}, rows)


_ALL_STATES: Final = {"state": ["open", "closed"]}
_OPERATOR: Final = (
    _desk(
        Desk.WAITS_TOO_LONG,
        _("Reply overdue"),
        _(
            "waiting for more than %(days_between)s working days; oldest first",
            days_between=DAYS_BETWEEN,
        ),
        "number",
    ),
    _desk(
        Desk.NOT_TAKEN,
        _("Unclaimed"),
        _(
            "still new after more than %(days_to_take)s working day; oldest first",
            days_to_take=DAYS_TO_TAKE,
        ),
        "created",
    ),
    _desk(
        Desk.ANSWER_MISSING,
        _("Changes awaiting acceptance"),
        _("waiting for at least one site; oldest first"),
        "created",
    ),
    Part(
        _CHECK,
        _("Needs review"),
        _("submitted twice by a program, with different content"),
        "-changed",
        {**_ALL_STATES, "check": "yes"},
    ),
)
_REPORTER: Final = (
    _desk(
        Desk.WAITS_FOR_ME,
        _("Awaiting a reply"),
        _("at your sites or written by you; oldest first"),
        "number",
    ),
    _desk(
        Desk.MY_ANSWER,
        _("Changes awaiting your acceptance"),
        _("oldest first"),
        "created",
    ),
    _desk(
        Desk.MY_SITES,
        _("Open at your sites"),
        _("affected, responsible or an end of an affected link"),
        "-changed",
        8,
    ),
)
_READER: Final = (
    Part(
        _CHANGED,
        _("Recently changed"),
        _("newest first"),
        "-changed",
        _ALL_STATES,
        12,
    ),
)
_PARTS: Final[Mapping[Role, Sequence[Part]]] = {
    Role.ADMIN: _OPERATOR,
    Role.OPERATOR: _OPERATOR,
    Role.REPORTER: _REPORTER,
    Role.READER: _READER,
}


@dataclass(frozen=True)
class HomeFigure:
    """A number with its word, and the rows that it counts."""

    word: str
    count: Count | int
    url: str
    state: str = ""
    """The state that it counts, to draw its sign."""


@dataclass(frozen=True)
class DueTickets:
    """Tickets that are due: of a reporter's sites, of all for who works on all tickets."""

    count: Count
    rows: Sequence[DutyRow]
    url: str
    about: str
    fresh: Freshness


@dataclass(frozen=True)
class ShownGroup:
    """A part with what was found for it."""

    part: Part
    group: Group


@blueprint.get("/")
def page() -> str:
    """What the person's role has to do first."""
    actor, session = acting(), db.session()
    role = actor.role or Role.READER
    asked = {part.key: part.asked(actor) for part in _PARTS[role]}
    groups = groups_of(session, actor, {**asked, **BY_STATE})
    today = midnight(now().astimezone(UTC).date())
    planned = agenda(session, actor, today, today + _AHEAD)
    shown = [ShownGroup(part, groups[part.key]) for part in _PARTS[role]]
    due = _due_tickets(actor)  # first, for it brings matching up to date
    reminders = due_reminders(session, actor, now(), _REMINDERS_SHOWN + 1)
    duties = duties_of_admin(session, actor, now()) if role is Role.ADMIN else None
    return render_template(
        "home/page.html",
        **network_part(actor),
        parts=[one for one in shown if one.group.tickets],
        since=waiting_since(
            session,
            [one for part in shown if part.part.sort == "number" for one in part.group.tickets],
        ),
        due=due,
        reminders=reminders[:_REMINDERS_SHOWN],
        more_reminders=len(reminders) > _REMINDERS_SHOWN,
        figures=_figures(actor, open_counts(groups)),
        duties=_duties(duties) if duties else (),
        lacks_factor=duties is not None and duties.lacks_factor,
        running=_running() if actor.is_operator else None,
        planned=planned,
        conflicts=len(planned.conflicts),
        lhc=lhc_at(now(), planned.periods),
        reports=home_reports(actor),
    )


def _due_tickets(actor: Actor) -> DueTickets | None:
    """What is to be written, the newest event first; readers write none."""
    if refusal_to_create(actor) is not None:
        return None
    fresh = fresh_figures()
    session, about = db.session(), _("last four quarters, newest first")
    sites: Mapping[int, str] = {}
    if not actor.is_operator:
        sites = {one.id: one.key for one in all_sites(session) if one.id in actor.site_ids}
        if not sites:
            return None
        about = _("for your sites, last four quarters, newest first")
    wanted = DutyFilter(site_ids=tuple(sites), first=recent_from(now()))
    found = list_duties(session, wanted, now(), limit=_DUE_SHOWN)
    number = len(found.rows)
    if found.more is not None:
        number = count_duties(session, wanted, now(), most=MAX_PER_GROUP)
    return DueTickets(
        Count(number, MAX_PER_GROUP),
        found.rows,
        url_for("duty.listing", site=[*sites.values()]),
        about,
        fresh,
    )


def _figures(actor: Actor, counts: Mapping[str, Count]) -> Sequence[HomeFigure]:
    """The open tickets of all and of each state; for readers of each network, too."""
    listing = "tickets.listing"
    networks: Mapping[str, Count] = {}
    if actor.role is Role.READER:
        networks = count_open_of_networks(db.session(), actor)
    return [
        HomeFigure("open", counts["open"], url_for(listing)),
        *(
            HomeFigure(state, counts[state], url_for(listing, state=state), state)
            for state in OPEN_STATES
        ),
        *(
            HomeFigure(_("open, %(net)s", net=net), networks[net], url_for(listing, network=net))
            for net in networks
        ),
    ]


@dataclass(frozen=True)
class Running:
    """What keeps the portal's own work going: mails and exchanges that failed, notices and
    mails that it could not read, and workers."""

    failed_mails: HomeFigure
    notices: HomeFigure
    exchanges: HomeFigure
    incoming: HomeFigure
    refused: HomeFigure
    trouble: str
    """Where no worker lives, or followers of the change log fail: that, else ""."""


def _running() -> Running:
    workers, failed, number, exchanges, came_in, failing, turned_away = what_runs(
        db.session(), now()
    )
    words = ""
    if not workers.living:
        words = _(
            "No worker is active: emails, reminders, recalculation and automatic closing are"
            " on hold"
        )
        if workers.silent_minutes is not None:
            words += _(" (for %(silent_minutes)s min)", silent_minutes=workers.silent_minutes)
    elif failing:
        names = [TITLES.get(one.name, one.name) for one in failing_followers(db.session())]
        words = _("Failing: %(names)s", names=joined(", ", names))
    figure = HomeFigure(_("failed emails"), failed, url_for("mails.listing", state="failed"))
    notices = HomeFigure(
        counted("maintenance notice to review", "maintenance notices to review", number),
        number,
        url_for("notices.listing", state=Outcome.TO_READ),
    )
    in_vain = HomeFigure(
        counted(
            "exchanged ticket needs review",
            "exchanged tickets need review",
            exchanges,
        ),
        exchanges,
        url_for("exchange.listing"),
    )
    incoming = HomeFigure(
        counted("incoming email to review", "incoming emails to review", came_in),
        came_in,
        url_for("incoming_mails.listing", state=MailState.REVIEW),
    )
    refused = HomeFigure(
        counted(
            "incoming email refused since yesterday",
            "incoming emails refused since yesterday",
            turned_away,
        ),
        turned_away,
        url_for("incoming_mails.listing"),
    )
    return Running(figure, notices, in_vain, incoming, refused, words)


def _duties(found: Duties) -> Sequence[HomeFigure]:
    return [
        HomeFigure(
            _("partner accounts with faults in the last 24 h"),
            found.accounts_with_faults,
            url_for("partners.listing"),
        ),
        HomeFigure(_("unresolved names"), found.unresolved_names, url_for("unresolved.listing")),
        HomeFigure(_("CRIC proposals pending"), found.proposals, url_for("cric.listing")),
    ]
