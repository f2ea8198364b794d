"""The demo: tickets, logins and sample links that show the portal at work.

It writes through the services as people and partners would, each at its own past moment, so that
history, versions and figures hold together. It never goes into a database with data of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.accounts.models.people import User
from app.accounts.services.partners import actor_of_account, create_partner_account, find_account
from app.accounts.services.people import actor_of_user, create_user, find_user
from app.core.models.changes import PortalFact
from app.core.rules.access import SYSTEM, Actor, ActorKind, Door, Role, TicketAccess, Writer
from app.core.rules.errors import SettingError
from app.demo.desk import seed_desk
from app.demo.duty_rules import seed_rules
from app.demo.events import seed_events
from app.demo.mails import seed_mails
from app.demo.notices import MADE, notices_to_come
from app.demo.related_tickets import kin_stories
from app.demo.reports import seed_reports
from app.demo.stories import (
    OPERATOR,
    PARTNER,
    PARTNER_CODE,
    REPORTER,
    REPORTERS_SITE,
    Aside,
    AttachedFile,
    Circuit,
    Relation,
    Story,
    StoryStep,
    usual_stories,
)
from app.demo.teleconferences import seed_teleconferences
from app.demo.tonight import tonight
from app.reference.seed import add_links, seed_reference
from app.registry.models.registry import Link
from app.registry.rules.networks import Network
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.relations import RelationRole
from app.tickets.rules.reminders import DAYS_BETWEEN
from app.tickets.rules.tickets import ENDED_STATES, WORKING_DAYS_TO_CLOSE, State
from app.tickets.rules.working_time import add_working_days
from app.tickets.services.acknowledgements import acknowledge_change
from app.tickets.services.attachments import add_attachment
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.lifecycle import change_ticket, close_due_tickets, open_ticket
from app.tickets.services.relations import open_related_ticket, relate_tickets
from app.tickets.services.reminders import take_due_step

FACT = "demo"
"""The row of ``portal_facts`` that marks a database as the demo's own."""

PARTNER_LOGIN = "ggus-demo"


@dataclass(frozen=True)
class DemoLogin:
    """A login that everybody may know; ``role`` says what it is for."""

    name: str
    password: str
    role: str


LOGINS: Sequence[DemoLogin] = (
    DemoLogin("admin", "admin-demo", Role.ADMIN),
    DemoLogin("operator", "operator-demo", Role.OPERATOR),
    DemoLogin("reporter", "reporter-demo", Role.REPORTER),
    DemoLogin("reader", "reader-demo", Role.READER),
    DemoLogin(PARTNER_LOGIN, "partner-demo", f"partner system {PARTNER_CODE}, SOAP only"),
)
"""The demo's logins with their public passwords; demo mode listens on this machine only."""

LINKS = Path(__file__).parent / "links.json"
"""Sample links; nothing attests them."""
_SEED = 2013
_BEGIN = datetime(2012, 1, 1, tzinfo=UTC)
_PARTNERS_AUTHOR = "network support"


def is_demo(session: Session) -> bool:
    """Whether this database holds demo data; pages say so."""
    return session.get(PortalFact, FACT) is not None


def seed_demo(session: Session, now: datetime) -> int:
    """Fill an empty database with the demo as it is at ``now`` (UTC); the number of tickets.

    A database that holds the demo already is left as it is (0). Raises ``SettingError`` where
    there are tickets or accounts that are not the demo's.
    """
    if is_demo(session):
        return 0
    for row in (Ticket, User, Partner):
        if session.scalar(select(exists().select_from(row))):
            raise SettingError(
                "DEMO: this database holds tickets or accounts of its own; demo data goes into an"
                " empty database only (set DEMO=0, or another DATABASE_URL)"
            )
    portal = Writer(actor=SYSTEM, door=Door.COMMAND, now=now)
    session.add(PortalFact(name=FACT, value=now.astimezone(UTC).isoformat(timespec="seconds")))
    seed_reference(session, portal)
    add_links(session, portal, LINKS)
    actors = _enter_accounts(session, replace(portal, now=_BEGIN))
    rng = Random(_SEED)  # noqa: S311  # repeatable on purpose, nothing secret
    circuits = _circuits(session)
    stories = [*usual_stories(rng, circuits, now), *kin_stories(now), *tonight(now)]
    notices = notices_to_come(session, actors[OPERATOR], now)
    _Seeder(session, actors, now).seed(stories, notices)
    seed_mails(session, now)
    seed_desk(session, actors, now)
    seed_events(session, actors[OPERATOR], now)
    seed_rules(session, portal)
    seed_reports(session, actors, now)
    seed_teleconferences(session, actors, now)
    return len(stories) + MADE


def _enter_accounts(session: Session, by: Writer) -> dict[str, Actor]:
    """Create the logins; the actors that the stories name."""
    actors: dict[str, Actor] = {}
    for login in LOGINS:
        if login.role in list(Role):
            sites = (REPORTERS_SITE,) if login.role == Role.REPORTER else ()
            mail = f"{login.name}-demo@example.org"
            user = create_user(
                session, by, login.name, login.role, login.password, sites, mail=mail
            )
            actors[login.name] = actor_of_user(user)
        else:
            account = create_partner_account(
                session,
                by,
                PARTNER_CODE,
                login.name,
                login.password,
                access=TicketAccess.ALL,
                internal=True,
            )
            actors[PARTNER] = actor_of_account(session, account.id)
    return {who: actors[who] for who in (OPERATOR, REPORTER, PARTNER)}


def demo_actors(session: Session) -> dict[str, Actor]:
    """The demo's operator and partner in a database that holds the demo."""
    return {
        OPERATOR: actor_of_user(find_user(session, OPERATOR)),
        PARTNER: actor_of_account(session, find_account(session, PARTNER_LOGIN).id),
    }


def _circuits(session: Session) -> list[Circuit]:
    return [
        Circuit(
            link.name,
            Network(link.network),
            link.end_a.key,
            link.end_b.key,
            link.valid_from,
            link.valid_until,
        )
        for link in session.scalars(select(Link).order_by(Link.name))
    ]


class _Seeder:
    """Writes all stories in the order of their times, and closes what is due on the way."""

    def __init__(self, session: Session, actors: dict[str, Actor], now: datetime) -> None:
        self.session = session
        self.actors = actors
        self.now = now
        self.events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self.count = 0
        self.closing: set[datetime] = set()
        self.numbers: dict[str, int] = {}

    def seed(
        self,
        stories: Sequence[Story],
        others: Sequence[tuple[datetime, Callable[[datetime], None]]] = (),
    ) -> None:
        for story in stories:
            self._plan(story.at, self._beginning(story))
        for at, happen in others:
            self._plan(at, happen)
        while self.events:
            at, _, happen = heapq.heappop(self.events)
            happen(at)

    def _plan(self, at: datetime, happen: Callable[[datetime], None]) -> None:
        if at <= self.now:
            self.count += 1
            heapq.heappush(self.events, (at, self.count, happen))

    def _by(self, who: str, at: datetime) -> Writer:
        actor = self.actors[who]
        if actor.kind is ActorKind.PARTNER:
            return Writer(actor=actor, door=Door.SOAP, now=at, author=_PARTNERS_AUTHOR)
        return Writer(actor=actor, door=Door.PORTAL, now=at)

    def _beginning(self, story: Story) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            by = self._by(story.who, at)
            if story.who == PARTNER:
                content = _as_sent(story.new)
                number = create_ticket_idempotent(self.session, by, story.new, content).number
            elif story.child_of:
                parent = self.numbers[story.child_of]
                number = open_related_ticket(
                    self.session, by, story.new, RelationRole.PARENT, parent
                ).number
            else:
                number = open_ticket(self.session, by, story.new).number
            self.numbers[story.name] = number
            for step in story.steps:
                self._plan(step.at, self._change(number, step))
            for aside in story.asides:
                self._plan(aside.at, self._aside(number, aside))
            if story.repeated:
                self._plan(at + timedelta(hours=1), self._repeat(story))

        return happen

    def _change(self, number: int, step: StoryStep) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            change_ticket(self.session, self._by(step.who, at), number, step.wanted)
            state = step.wanted.get("state")
            if state in ENDED_STATES:
                self._plan_closing(at)
            elif state == State.WAITING:
                self._plan_reminder(number, at)

        return happen

    def _aside(self, number: int, aside: Aside) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            by = self._by(aside.who, at)
            if isinstance(aside, AttachedFile):
                add_attachment(self.session, by, number, aside.name, aside.content)
            elif isinstance(aside, Relation):
                other = self.numbers[aside.other]
                relate_tickets(self.session, by, number, aside.role, other)
            else:
                acknowledge_change(self.session, by, number, aside.site, aside.answer, aside.reason)

        return happen

    def _repeat(self, story: Story) -> Callable[[datetime], None]:
        def happen(at: datetime) -> None:
            again = replace(
                story.new, description=f"{story.new.description} Seen at a second site too."
            )
            create_ticket_idempotent(self.session, self._by(PARTNER, at), again, _as_sent(again))

        return happen

    def _plan_reminder(self, number: int, since: datetime) -> None:
        """What the portal does each hour about replies that are overdue; in the minute here."""

        def happen(at: datetime) -> None:
            by = Writer(actor=SYSTEM, door=Door.SYSTEM, now=at)
            if take_due_step(self.session, by, number) is not None:
                self._plan_reminder(number, at)

        self._plan(add_working_days(since, DAYS_BETWEEN), happen)

    def _plan_closing(self, ended: datetime) -> None:
        """Once a day at 02:00 UTC the portal closes what is due; plan the day of this ticket."""
        due = add_working_days(ended, WORKING_DAYS_TO_CLOSE) + timedelta(days=1)
        moment = due.replace(hour=2, minute=0, second=0, microsecond=0)
        if moment not in self.closing:
            self.closing.add(moment)
            self._plan(moment, self._close)

    def _close(self, at: datetime) -> None:
        by = Writer(actor=SYSTEM, door=Door.SYSTEM, now=at)
        close_due_tickets(self.session, by, at)


def _as_sent(new: NewTicket) -> dict[str, str]:
    """The fields of a partner's request, as named on the wire."""
    return {
        "GHD_Short_Description": new.title,
        "GHD_Description": new.description,
        "GHD_Affected_Site": "".join(new.sites),
        "GHD_Priority": new.priority,
        "GHD_Origin_SG": new.origin_system,
        "GHD_Origin_ID": new.origin_id,
        "GHD_Name": new.submitter_name,
    }
