"""Which tickets concern a site: what is written against the rule, after all that changes either."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations

import pytest
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.rules.access import SYSTEM, Door, Writer
from app.core.rules.errors import NotFound, PortalError
from app.jobs.tasks.context import Context
from app.names.services.name_decisions import (
    follow_tickets,
    make_alias,
    release_tickets,
    take_back,
)
from app.names.services.unresolved import NameKind
from app.registry.models.registry import Link, Site, SiteName
from app.registry.services.links import change_link
from app.tickets.models.tickets import ConcernedSite, Ticket, TicketLink, TicketSite
from app.tickets.rules.content import NewTicket
from app.tickets.rules.tickets import Category
from app.tickets.services.concern import concern_rows
from app.tickets.services.concern.concern_rows import rebuild
from app.tickets.services.concern.concerned_sites import (
    concerns_named,
    concerns_sites,
    look_up_sites,
)
from app.tickets.services.files.imports import Source, import_tickets
from app.tickets.services.lifecycle import change_ticket, open_ticket
from app.worker.process import WorkerProcess
from tests.cast import NOON, Cast, enter, writer
from tests.harness.commands import flask
from tests.harness.examples import some_of

LINKS = ("CERN-GRIDKA-LHCOPN-001", "CERN-PIC-LHCOPN-001")
SITES = ("CH-CERN", "DE-KIT", "ES-PIC")
SENT = ("GRIDKA", "pic", "CERN-PROD", "Atlantis", "Lemuria")
"""Names of sites as tickets name them; two mean no site at first."""
LATER = NOON + timedelta(days=1)


def by_the_rule(session: Session) -> dict[int, set[int]]:
    """The tickets of each known site, put together from the rows that are the rule."""
    found = defaultdict(set)
    for row in session.execute(select(TicketSite.ticket_number, TicketSite.site_id)):
        found[row.site_id].add(row.ticket_number)
    for row in session.execute(select(Ticket.number, Ticket.responsible_site_id)):
        found[row.responsible_site_id].add(row.number)
    ends = {row.id: row for row in session.execute(select(Link.id, Link.end_a_id, Link.end_b_id))}
    for row in session.execute(select(TicketLink.ticket_number, TicketLink.link_id)):
        for site in (ends[row.link_id].end_a_id, ends[row.link_id].end_b_id):
            found[site].add(row.ticket_number)
    found.pop(None, None)
    return dict(found)


def as_written(session: Session) -> dict[int, set[int]]:
    found = defaultdict(set)
    for row in session.execute(select(ConcernedSite.site_id, ConcernedSite.ticket_number)):
        found[row.site_id].add(row.ticket_number)
    return dict(found)


def found(session: Session, condition: ColumnElement[bool]) -> set[int]:
    return set(session.scalars(select(Ticket.number).where(condition)))


def check(session: Session) -> None:
    """The rows are those of the rule, and each question is answered by the rule."""
    rule = by_the_rule(session)
    assert as_written(session) == rule
    names = defaultdict(set)
    for site_id, name in session.execute(select(SiteName.site_id, SiteName.name)):
        names[site_id].add(name)
    sent = defaultdict(set)
    unknown = defaultdict(set)
    for row in session.execute(
        select(TicketSite.ticket_number, TicketSite.site_id, TicketSite.name)
    ):
        sent[row.name].add(row.ticket_number)
        if row.site_id is None:
            unknown[row.name].add(row.ticket_number)
    keys = session.scalars(select(Site.id)).all()
    for sites in ((), *((key,) for key in keys), *combinations(keys, 2)):
        known = {number for site in sites for number in rule.get(site, ())}
        known |= {n for site in sites for name in names[site] for n in unknown[name]}
        assert found(session, concerns_sites(sites)) == known, sites
    for texts in (*((name,) for name in SENT), SENT[1:4]):
        sites = tuple(key for key in keys if names[key].intersection(texts))
        known = {number for site in sites for number in rule.get(site, ())}
        known |= {n for site in sites for name in names[site] for n in unknown[name]}
        known |= {number for name in texts for number in sent[name]}
        assert found(session, concerns_named(texts)) == known, texts
        looked_up = look_up_sites(session, texts)
        assert found(session, concerns_named(texts, looked_up)) == known, texts
    session.rollback()


class History:
    """Random changes of tickets, links, names, by every verb that may change what is concerned."""

    def __init__(self, session: Session, cast: Cast, seed: int) -> None:
        self.session, self.cast = session, cast
        self.dice = random.Random(seed)
        self.imports = 0

    def steps(self, count: int) -> Iterator[str]:
        verbs = (
            *(self.open, self.open, self.change, self.change, self.change, self.move_end),
            *(self.learn_name, self.forget_name, self.bring_in),
        )
        for _ in range(count):
            verb = self.dice.choice(verbs)
            try:
                with transaction(self.session):
                    verb()
            except (PortalError, NotFound):
                continue
            yield verb.__name__

    def some(self, among: Sequence[str], most: int = 2) -> tuple[str, ...]:
        return tuple(self.dice.sample(among, self.dice.randint(0, most)))

    def open(self) -> None:
        category = self.dice.choice((Category.INCIDENT, Category.CHANGE))
        new = NewTicket(
            title=self.dice.choice(("a", "b CERN-PIC-LHCOPN-001 down", "GRIDKA is away")),
            category=category,
            links=self.some(LINKS),
            sites=self.some(SENT),
            responsible_site=self.dice.choice(("", "", *SITES)),
        )
        open_ticket(self.session, writer(self.cast.operator), new)

    def change(self) -> None:
        numbers = self.session.scalars(select(Ticket.number)).all()
        if not numbers:
            raise NotFound
        wanted = self.dice.choice(
            (
                {"links": self.some(LINKS)},
                {"sites": self.some(SENT)},
                {"links": self.some(LINKS), "sites": self.some(SENT)},
                {"responsible_site": self.dice.choice(("", *SITES))},
                {"public_comment": f"Nothing of that {self.dice.random()}"},
            )
        )
        change_ticket(self.session, writer(self.cast.operator), self.dice.choice(numbers), wanted)

    def move_end(self) -> None:
        ends = dict(zip(("end_a", "end_b"), self.dice.sample(SITES, 2), strict=True))
        change_link(self.session, writer(self.cast.admin), self.dice.choice(LINKS), ends)

    def learn_name(self) -> None:
        by, name = writer(self.cast.admin), self.dice.choice(SENT[3:])
        make_alias(self.session, by, NameKind.SITE, name, self.dice.choice(SITES))
        follow_tickets(self.session, by, NameKind.SITE, name, self.dice.randint(0, 2))

    def forget_name(self) -> None:
        by, name = writer(self.cast.admin), self.dice.choice(SENT[3:])
        take_back(self.session, by, NameKind.SITE, name)
        release_tickets(self.session, by, NameKind.SITE, name, self.dice.randint(0, 2))

    def bring_in(self) -> None:
        self.imports += 1
        links, sites = "; ".join(self.some(LINKS)), "; ".join(self.some(SENT))
        lines = (
            "number,title,state,created,links,sites",
            f"{self.imports},old,closed,2013-03-01T10:00:00Z,{links},{sites}",
        )
        source = Source("\n".join(lines).encode(), "old")
        import_tickets(self.session, Writer(SYSTEM, Door.COMMAND, LATER), source)


@pytest.mark.parametrize("seed", some_of([1, 2, 3]))
def test_rows_follow_whatever_changes_what_a_ticket_concerns(session: Session, seed: int) -> None:
    history = History(session, enter(session), seed)
    done: Counter[str] = Counter()
    for verb in history.steps(400):
        check(session)
        done[verb] += 1
        if len(done) == 6 and min(done.values()) > 1 and done.total() >= 25:
            return
    pytest.fail(f"Some verb did nothing: {done}")


def test_the_rows_are_written_again_by_the_command(
    database: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(session, enter(session), 4)
    assert set(history.steps(25))
    with transaction(session):
        session.execute(delete(ConcernedSite).where(ConcernedSite.ticket_number % 2 == 0))
        site = session.scalars(select(Site.id)).first()
        wrong = session.scalars(
            select(Ticket.number).where(Ticket.number % 2 == 1, Ticket.responsible_site_id != site)
        ).first()
        session.execute(delete(ConcernedSite).where(ConcernedSite.ticket_number == wrong))
        session.add(ConcernedSite(site_id=site, ticket_number=wrong))
    assert as_written(session) != by_the_rule(session)
    count = len(session.scalars(select(Ticket.number)).all())
    session.rollback()
    said = flask(database, "tickets", "rebuild-sites")
    assert said.stdout.decode() == f"The sites of {count} tickets were written.\n", said.stderr
    check(session)
    monkeypatch.setattr(concern_rows, "AT_ONCE", 2)
    with transaction(session):
        session.execute(delete(ConcernedSite))
        after = 0
        while done := rebuild(session, after):
            after = done[0]
    check(session)


def test_a_ticket_that_was_written_while_an_end_moved_follows_by_the_worker(
    session: Session, context: Context
) -> None:
    """The transaction that moves an end does not see a ticket that is not committed."""
    cast = enter(session)
    with transaction(session):
        number = open_ticket(session, writer(cast.operator), NewTicket("t", links=LINKS[:1])).number
        change_link(session, writer(cast.admin), LINKS[0], {"end_b": "ES-PIC"})
        # as the ticket's transaction left it, which read the ends before
        session.execute(delete(ConcernedSite).where(ConcernedSite.ticket_number == number))
    assert as_written(session) != by_the_rule(session)
    session.rollback()
    WorkerProcess(context).work_once()
    session.expire_all()
    check(session)
