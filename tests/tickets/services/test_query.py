"""Lists of tickets by a query: each field compares as it is answered to the account that asks.

Both databases are compared with the same plain Python model of the answers, so they agree.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.accounts.models.partners import Partner
from app.core.rules.access import Actor, ActorKind, Role, TicketAccess
from app.core.rules.errors import Invalid, InvalidQuery, TooMuch
from app.core.rules.texts import cut_with_pointer
from app.registry.models.registry import Site, SiteName
from app.tickets.models.tickets import (
    ExternalReference,
    SiteSpelling,
    Ticket,
    TicketPartner,
    TicketSite,
)
from app.tickets.rules.query import (
    FIELDS,
    MAX_COSTLY,
    MAX_LEFT,
    OPERATORS,
    And,
    AnyOf,
    Comparison,
    Condition,
    FieldKind,
    Operator,
    Or,
    Page,
    grouped,
    read_page,
    with_parameters,
)
from app.tickets.services.lists.query import MAX_ROWS, matching
from soap_service.qualification import MAX_COMPARISONS, MAX_NESTING, parse_qualification
from tests.harness.examples import some_of, up_to

NOON = datetime(2012, 6, 1, 12, tzinfo=UTC)
POINTER = "\n[cut; the whole text: http://portal.example/tickets/{number}]"
ALL = Page(0, None)

ALPHA = Actor(
    kind=ActorKind.PARTNER, account="alpha-1", partner_id=1, partner_code="ALPHA",
    access=TicketAccess.ALL,
)  # fmt: skip
BETA = replace(ALPHA, account="beta-1", partner_id=2, partner_code="BETA")
OLD = replace(ALPHA, account="alpha-2012", contract_year=2012)
MIDDLE = replace(ALPHA, account="alpha-2013", contract_year=2013)
OPERATOR = Actor(kind=ActorKind.PERSON, account="operator", account_id=1, role=Role.OPERATOR)
READER = Actor(kind=ActorKind.PERSON, account="reader", account_id=2, role=Role.READER)
ACTORS = {
    "alpha": ALPHA,
    "beta": BETA,
    "old": OLD,
    "middle": MIDDLE,
    "operator": OPERATOR,
    "reader": READER,
}


def a_ticket(number: int, **values: Any) -> Ticket:
    stated: dict[str, Any] = {
        "number": number,
        "version": 1,
        "title": f"title {number}",
        "state": "new",
        "priority": "urgent",
        "network": "LHCOPN",
        "category": "incident",
        "layer": "unknown",
        "impact": "unknown",
        "unit": "TPM",
        "type_of_problem": "Other",
        "created_at": NOON,
        "changed_at": NOON + timedelta(milliseconds=1),
        "last_author": "noc-demo",
    }
    return Ticket(**(stated | values))


@pytest.fixture
def stocked(session: Session) -> Session:
    """Six tickets, between them every field set and empty, from two partners and a person."""
    session.add_all(Partner(id=i, code=c, created_at=NOON) for i, c in ((1, "ALPHA"), (2, "BETA")))
    session.add_all(
        Site(id=i, key=key, country="XX", time_zone="UTC")
        for i, key in ((1, "CH-CERN"), (2, "NL-T1"))
    )
    session.flush()
    session.add_all(
        SiteName(site_id=site, system=system, name=name, valid_until=until)
        for site, system, name, until in (
            (1, "LHCOPN", "CH-CERN", None),
            (1, "GOCDB", "CERN-PROD", None),
            (2, "GOCDB", "SARA-MATRIX", None),
            (2, "GOCDB", "NIKHEF-ELPROD", None),
            (2, "NetSite", "SARA-OLD", NOON.date()),
        )
    )
    session.flush()
    session.add_all(
        [
            a_ticket(
                1,
                title="100% % loss",
                description="x" * 4000,
                state="in progress",
                created_by_partner_id=1,
                submitter_name="NOC",
                submitter_login="/DC=ch/CN=noc",
                submitter_mail="noc@alpha.example",
                submitter_phone="+41 1",
                carbon_copy="cc@alpha.example",
                origin_system="whatever",
                origin_id="479",
                affected_vo="lhcb",
                related_issue="https://alpha.example/1",
                event_start=NOON - timedelta(hours=1),
                estimated_end=NOON + timedelta(days=1),
                layer="L1/L2",
            ),
            a_ticket(
                2,
                title='Ünïcode "quoted" \U0001f600',
                description="y" * 4001 + "hidden",
                solution="z" * 5000,
                state="solved",
                created_by_partner_id=1,
                category="maintenance",
                layer="L3",
                experiment_specific=True,
                person_in_charge="noc@beta.example",
            ),
            a_ticket(
                3,
                title="' OR 1=1 --",
                state="verified",
                created_by_partner_id=2,
                origin_system="CMSSST",
                submitter_mail="noc@beta.example",
                submitter_phone="+31 2",
                category="change",
                unit="NOC",
                affected_vo="none",
                event_start=NOON + timedelta(microseconds=1234567),
            ),
            a_ticket(4, title="a", category="informational", priority="normal", state="on hold"),
            a_ticket(5, title="B", category="test", changed_at=NOON, description="short"),
            a_ticket(12, title="\ue000", type_of_problem="Network", state="closed"),
        ]
    )
    session.flush()
    first = TicketSite(ticket_number=1, position=0, site_id=1, name="CERN-PROD")
    second = TicketSite(ticket_number=1, position=1, site_id=2, name="SARA-MATRIX")
    first.spellings = [SiteSpelling(partner_id=2, name="cern_t0")]
    session.add_all(
        [
            first,
            second,
            TicketSite(ticket_number=2, position=0, site_id=2, name="NIKHEF-ELPROD"),
            TicketSite(ticket_number=3, position=0, site_id=None, name="Nowhere-T9"),
            ExternalReference(
                ticket_number=1, kind="target", provider="ALPHA", partner_id=1, reference="A-1"
            ),
            ExternalReference(
                ticket_number=1, kind="target", provider="BETA", partner_id=2, reference="B-1"
            ),
            ExternalReference(
                ticket_number=2, kind="incident", provider="BETA", partner_id=2, reference="INC7"
            ),
            TicketPartner(ticket_number=4, partner_id=2),
        ]
    )
    session.flush()
    return session


def found(
    session: Session, query: str | Condition | None, actor: Actor = ALPHA, page: Page = ALL
) -> list[int]:
    asked = parse_qualification(query) if isinstance(query, str) else query
    return list(session.scalars(matching(session, actor, asked, page, pointer=POINTER)))


# --- what each field answers, typed a second time -----------------------------------------------

CATEGORY = {
    "incident": "Incident",
    "maintenance": "Maintenance",
    "change": "Change Request",
    "informational": "Informational",
    "test": "Test",
}
SITE_NAMES = {
    1: {"CH-CERN", "CERN-PROD"},
    2: {"NL-T1", "SARA-MATRIX", "NIKHEF-ELPROD", "SARA-OLD"},
}


def text_answer(ticket: Ticket, field: str, actor: Actor) -> str:
    partner = actor.kind is ActorKind.PARTNER
    private = actor.is_operator or (partner and ticket.created_by_partner_id == actor.partner_id)
    end = POINTER.format(number=ticket.number)

    def reference(kind: str) -> str:
        mine = [
            item.reference
            for item in ticket.references
            if item.kind == kind and (not partner or item.partner_id == actor.partner_id)
        ]
        return mine[-1] if mine else ""

    codes = {1: "ALPHA", 2: "BETA", None: ""}
    answers: Mapping[str, str] = {
        "Short Description": ticket.title,
        "Description": cut_with_pointer(ticket.description, 4000, end),
        "Detailed Solution": cut_with_pointer(ticket.solution, 4000, end),
        "Status": ticket.state,
        "Meta Status": "Closed" if ticket.number in (2, 3, 12) else "Open",
        "Priority": ticket.priority,
        "Ticket Type": "LHCOPN",
        "Ticket Category": CATEGORY[ticket.category],
        "Type Of Problem": ticket.type_of_problem,
        "Responsible Unit": ticket.unit,
        "Assign To": ticket.person_in_charge,
        "Affected VO": ticket.affected_vo or "none",
        "VO Specific": "Yes" if ticket.number == 2 else "No",
        "Experiment Specific Problem": "Yes" if ticket.number == 2 else "No",
        "Name": ticket.submitter_name,
        "Loginname": ticket.submitter_login,
        "E-Mail": ticket.submitter_mail if private else "",
        "Submitter Mail": ticket.submitter_mail if private else "",
        "Phone": ticket.submitter_phone if private else "",
        "Last Modifier": ticket.last_author,
        "Origin ID": ticket.origin_id,
        "Origin SG": codes[ticket.created_by_partner_id] if ticket.origin_system else "",
        "Target ID": reference("target"),
        "Incident ID": reference("incident"),
        "Related Issue": ticket.related_issue if actor.contract_year >= 2016 else "",
    }
    return answers.get(field.removeprefix("GHD_"), "")


def time_answer(ticket: Ticket, field: str, actor: Actor) -> datetime | None:
    if "Of Problem" in field:
        moment = ticket.event_start
    elif field == "GHD_ETA":
        moment = ticket.estimated_end if actor.contract_year >= 2013 else None
    else:
        moment = ticket.created_at if "Creat" in field else ticket.changed_at
    return moment and moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def site_answers(ticket: Ticket, actor: Actor) -> set[str]:
    names = {item.name for item in ticket.affected_sites}
    for item in ticket.affected_sites:
        names |= SITE_NAMES.get(item.site_id or 0, set())
        names |= {s.name for s in item.spellings if s.partner_id == actor.partner_id}
    return names


COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(ticket: Ticket, asked: Condition, actor: Actor) -> bool:
    """The rules of comparison, in plain Python."""
    if isinstance(asked, And):
        return all(holds(ticket, part, actor) for part in asked.parts)
    if isinstance(asked, Or):
        return any(holds(ticket, part, actor) for part in asked.parts)
    assert not isinstance(asked, AnyOf)
    kind, compare = FIELDS[asked.field], COMPARE[asked.op]
    if kind is FieldKind.SITE:
        names = site_answers(ticket, actor) or {""}
        return (asked.value in names) == (asked.op == "=")
    if kind is FieldKind.NUMBER:
        number = asked.number()
        return asked.op == "!=" if number is None else compare(ticket.number, number)
    answer: Any = text_answer(ticket, asked.field, actor)
    value: Any = asked.value
    if kind is FieldKind.TIME:
        answer = time_answer(ticket, asked.field, actor) or ""
        value = asked.moment() or ""
        if value:
            value = value.replace(microsecond=value.microsecond // 1000 * 1000)
    if asked.field == "GHD_Ticket Category" and asked.op in ("=", "!="):
        layer = {"L1/L2": " L2", "L3": " L3"}.get(ticket.layer, "")
        return (value in (answer, answer + layer)) == (asked.op == "=")
    if answer == "" and asked.op not in ("=", "!="):
        return False
    return compare(answer, value)


KINDS = {n: k for n, k in FIELDS.items() if k is not FieldKind.DIARY}
WORDS = [
    *("", "none", "lhcb", "Open", "Closed", "new", "solved", "NOC", "TPM", "A-1", "B-1", "INC7"),
    *("Incident", "Incident L2", "Maintenance L3", "Change Request L2", "Documentation", "Spam"),
    *("ALPHA", "BETA", "CMSSST", "whatever", "noc@alpha.example", "+31 2", "cc@alpha.example"),
    *("a", "A", "b", "B", "\ue000", "\U0001f600", "é", "' OR 1=1 --", "%", "_", "100% % loss"),
    *("Yes", "No", "LHCOPN", "479", "1", "12", "hidden", "x" * 4000, "y" * 4001 + "hidden"),
]
SITES = [
    *("", "CH-CERN", "CERN-PROD", "SARA-OLD", "NL-T1", "NIKHEF-ELPROD", "Nowhere-T9", "cern_t0"),
    *("cern-prod", "UNKNOWN", "%"),
]
NUMBERS = ["", "1", "2.0", "2.5", "-1", "12", "word", "9" * 30, "-" + "9" * 30]
TIMES = [
    *("2012-06-01", "2012-06-01 12:00:00", "2012-06-01T14:00:00+02:00", "1338552000"),
    *("2012-06-01T12:00:00.001Z", "2012-06-01T12:00:01.234Z", "2012-06-01 11:00", "1970-01-01"),
    "9998-12-31",
]


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(st.sampled_from(sorted(KINDS)))
    kind = KINDS[field]
    op = draw(st.sampled_from(OPERATORS[:2] if kind is FieldKind.SITE else OPERATORS))
    values = {FieldKind.SITE: SITES, FieldKind.NUMBER: NUMBERS, FieldKind.TIME: TIMES}
    value = draw(st.sampled_from(values.get(kind, WORDS)))
    if kind is FieldKind.TIME and op in ("=", "!=") and draw(st.booleans()):
        value = ""
    return Comparison(field, op, value)


def several(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    many = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return many.map(And) | many.map(Or)


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(comparisons(), several, max_leaves=6)


@settings(
    max_examples=up_to(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(asked=CONDITIONS, name=st.sampled_from(sorted(ACTORS)))
def test_any_query_finds_what_the_rules_say(stocked: Session, asked: Condition, name: str) -> None:
    everything = stocked.scalars(select(Ticket).order_by(Ticket.number)).all()
    actor = ACTORS[name]
    wanted = [ticket.number for ticket in everything if holds(ticket, asked, actor)]
    assert found(stocked, asked, actor) == wanted


def _each(values: Iterable[str]) -> Iterable[str]:
    return sorted(set(values))


@pytest.mark.parametrize("name", ["beta", "old", "operator"])
def test_each_comparison_of_each_field(stocked: Session, name: str) -> None:
    """Every field with every operator against each ticket's own answer: it finds that ticket
    with =, and both databases order alike."""
    actor = ACTORS[name]
    everything = stocked.scalars(select(Ticket).order_by(Ticket.number)).all()
    equal: dict[tuple[str, str], list[int]] = {}
    """The tickets that answer so."""
    for field, kind in KINDS.items():
        for ticket in everything:
            if kind is FieldKind.SITE:
                values: Iterable[str] = site_answers(ticket, actor) or {""}
            elif kind is FieldKind.NUMBER:
                values = {str(ticket.number)}
            elif kind is FieldKind.TIME:
                moment = time_answer(ticket, field, actor)
                values = {moment.isoformat()} if moment else {""}
            else:
                values = {text_answer(ticket, field, actor)}
            for value in _each(values):
                equal.setdefault((field, value), []).append(ticket.number)
    for turn, ((field, value), numbers) in enumerate(equal.items()):
        is_site = KINDS[field] is FieldKind.SITE
        for op in some_of(OPERATORS if value and not is_site else OPERATORS[:2], turn):
            asked = Comparison(field, op, value)
            answered = found(stocked, asked, actor)
            assert answered == [t.number for t in everything if holds(t, asked, actor)], asked
            assert op != "=" or set(numbers) <= set(answered), asked


# --- cases in words -----------------------------------------------------------------------------


CASES: list[tuple[str, list[int]]] = [
    ("", [1, 2, 3, 4, 5, 12]),
    ("'GHD_Affected VO'=\"none\"", [2, 3, 4, 5, 12]),
    ("'GHD_Affected VO'=\"\"", []),
    ("'GHD_Related Issue'=\"\"", [2, 3, 4, 5, 12]),
    ("'GHD_Related Issue'!=\"\"", [1]),
    ("'GHD_Related Issue'!=\"x\"", [1, 2, 3, 4, 5, 12]),
    ("'GHD_Date/Time Of Problem'<2030-01-01", [1, 3]),
    ("'GHD_Date/Time Of Problem'!=2030-01-01", [1, 2, 3, 4, 5, 12]),
    ("'GHD_Meta Status'=\"Open\" AND 'GHD_Status'!=\"new\"", [1, 4]),
    ("'GHD_Affected Site'=\"SARA-OLD\"", [1, 2]),
    ("'GHD_Affected Site'!=\"SARA-MATRIX\"", [3, 4, 5, 12]),
    ("'GHD_Affected Site'=\"Nowhere-T9\"", [3]),
    ("'GHD_Affected Site'=\"nobody knows\"", []),
    ("'GHD_Affected Site'=\"\"", [4, 5, 12]),
    ("'GHD_Request ID'=\"1\"", [1]),
    ("'GHD_Request ID'>2", [3, 4, 5, 12]),
    ("'GHD_Request ID'<2.5", [1, 2]),
    ("'GHD_Request ID'=word", []),
    ("'GHD_Request ID'!=word", [1, 2, 3, 4, 5, 12]),
    ("'GHD_Ticket Category'=\"Incident L2\"", [1]),
    ("'GHD_Ticket Category'=\"Incident\"", [1, 12]),
    ("'GHD_Ticket Category'!=\"Test\"", [1, 2, 3, 4, 12]),
    ("'GHD_Ticket Category'=\"Spam\"", []),
    ("'GHD_Ticket Type'=LHCOPN", [1, 2, 3, 4, 5, 12]),
    ("'GHD_EMI Ticket'=\"Yes\"", []),
    ("'GHD_CarbonCopy'!=\"\" OR 'GHD_Last Login'!=\"\"", []),
    ("'GHD_Origin SG'=\"ALPHA\"", [1]),
    ("'GHD_Origin SG'=\"whatever\"", []),
    ("'GHD_Target ID'=\"A-1\"", [1]),
    ("'GHD_Target ID'=\"B-1\"", []),
    ("'GHD_Short Description'=\"100% % loss\"", [1]),
    ("'GHD_Short Description'=\"%\"", []),
    ("'GHD_Short Description'=\"' OR 1=1 --\"", [3]),
    ("'GHD_Short Description'=\"A\"", []),
    ("'GHD_E-Mail'=\"noc@alpha.example\"", [1]),
    ("'GHD_E-Mail'=\"noc@beta.example\"", []),
    ("'GHD_Last Update'>\"1338552000\"", [1, 2, 3, 4, 12]),
    ("'GHD_Status'=new OR 'GHD_Status'=solved AND 'GHD_Request ID'=1", [5]),
    ("('GHD_Status'=new OR 'GHD_Status'=solved) AND 'GHD_Request ID'=2", [2]),
]


def test_cases_in_words(stocked: Session) -> None:
    for query, numbers in CASES:
        assert found(stocked, query) == numbers, query


def test_what_one_may_not_see_one_cannot_search(stocked: Session) -> None:
    mail = "'GHD_E-Mail'=\"noc@beta.example\""
    assert found(stocked, mail, ALPHA) == found(stocked, mail, READER) == []
    assert found(stocked, mail, BETA) == found(stocked, mail, OPERATOR) == [3]
    assert found(stocked, "'GHD_Affected Site'=cern_t0", BETA) == [1]
    assert found(stocked, "'GHD_Affected Site'=cern_t0", ALPHA) == []
    eta = "'GHD_ETA'!=\"\""
    assert found(stocked, eta, OLD) == []
    assert found(stocked, eta, MIDDLE) == [1]
    assert found(stocked, "'GHD_Related Issue'!=\"\"", MIDDLE) == []


def test_own_access_lists_only_its_own_and_what_was_handed_over(stocked: Session) -> None:
    assert found(stocked, None, replace(BETA, access=TicketAccess.OWN)) == [3, 4]
    assert found(stocked, "'GHD_Request ID'!=3", replace(BETA, access=TicketAccess.OWN)) == [4]


def test_unreadable_dates_and_diaries_are_faults() -> None:
    for query in ("'GHD_ETA'=soon", "'GHD_ETA'>\"\"", "'GHD_Public Diary'=\"x\""):
        with pytest.raises(InvalidQuery):
            parse_qualification(query)


def test_parameters_given_beside_the_query_are_all_required(stocked: Session) -> None:
    query = parse_qualification("'GHD_Request ID'>1")
    asked = with_parameters(query, unit="TPM", status="", meta="Open")
    assert found(stocked, asked) == [4, 5]
    assert with_parameters(None, unit=None, status="", meta=None) is None


def test_the_largest_query_runs(stocked: Session) -> None:
    each = "'GHD_Affected Site'=x or 'GHD_Description'=y or 'GHD_Ticket Category'=\"Test L2\" or "
    widest = each * ((MAX_COMPARISONS - 1) // 3) + "'GHD_Request ID'=1"
    assert found(stocked, widest) == [1]
    deep = "(" * MAX_NESTING + "'GHD_Request ID'=1"
    deep += "".join(f") {('AND', 'OR')[i % 2]} 'GHD_Request ID'=1" for i in range(MAX_NESTING))
    assert found(stocked, deep) == [1]


def test_many_comparisons_of_one_field_are_one_condition(stocked: Session) -> None:
    """Two hundred took seconds, each with a search of its own for each ticket."""
    statements: list[str] = []

    def note(*given: Any) -> None:
        statements.append(str(given[2]))

    sites = [f"'GHD_Affected Site'!=\"x{index}\"" for index in range(198)]
    nested = f"({' AND '.join(sites[:99])}) AND ({' AND '.join(sites[99:])})"
    event.listen(stocked.get_bind(), "before_cursor_execute", note)
    none_of_them = found(stocked, f"{nested} AND 'GHD_Affected Site'!=\"SARA-OLD\"")
    any_of_them = found(
        stocked, " OR ".join(sites).replace("!=", "=") + " OR 'GHD_Affected Site'=\"CERN-PROD\""
    )
    event.remove(stocked.get_bind(), "before_cursor_execute", note)
    assert (none_of_them, any_of_them) == ([3, 4, 5, 12], [1])
    asked = [one for one in statements if "site_names.name IN" in one]
    assert [one.count("ticket_sites.name") for one in asked] == [1] * 4  # each is counted first


def test_equalities_are_grouped_only_where_that_means_the_same() -> None:
    def site(name: str, op: Operator = "=") -> Comparison:
        return Comparison("GHD_Affected Site", op, name)

    status = Comparison("GHD_Status", "=", "new")
    category = Comparison("GHD_Ticket Category", "=", "Incident L2")
    a_or_b = AnyOf("GHD_Affected Site", ("a", "b"), negated=False)
    assert grouped(Or((site("a"), site("b"), site("a")))) == a_or_b
    assert grouped(And((site("a", "!="), And((site("b", "!="),) * 2)))) == replace(
        a_or_b, negated=True
    )
    for kept in (
        And((site("a"), site("b"))),
        Or((site("a", "!="), site("b", "!="))),
        Or((category, replace(category, value="Incident L3"))),
        Or((site(""), site("", "!="))),
        status,
        None,
    ):
        assert grouped(kept) == kept
    assert grouped(Or((category, category))) == category
    assert grouped(And((Or((site("a"), site("b"))), status))) == And((a_or_b, status))


@pytest.mark.parametrize(
    ("each", "most", "told"),
    [
        ("('GHD_Affected Site'=a{0} AND 'GHD_Request ID'>0)", MAX_COSTLY, "at most 10 are allowed"),
        ("'GHD_Description'<b{0}", MAX_COSTLY, "at most 10 are allowed"),
        ("'GHD_Short Description'<b{0}", MAX_LEFT, "at most 50 comparisons are allowed"),
    ],
)
def test_a_query_that_costs_too_much_is_a_fault(
    stocked: Session, each: str, most: int, told: str
) -> None:
    found(stocked, " OR ".join(each.format(number) for number in range(most)))
    with pytest.raises(InvalidQuery, match=told):
        found(stocked, " OR ".join(each.format(number) for number in range(most + 1)))


# --- pages --------------------------------------------------------------------------------------


def test_pages_have_no_gap_and_no_double(stocked: Session) -> None:
    pages = [found(stocked, None, page=Page(start, 4)) for start in (0, 4, 8)]
    assert pages == [[1, 2, 3, 4], [5, 12], []]
    assert found(stocked, None, page=Page(2**62, 4)) == []


def test_more_rows_than_one_answer_holds_is_a_fault(stocked: Session) -> None:
    stocked.add_all(a_ticket(number) for number in range(100, 100 + MAX_ROWS - 6))
    stocked.flush()
    stocked.expunge_all()
    assert len(found(stocked, None)) == MAX_ROWS
    stocked.add(a_ticket(99_999))
    stocked.flush()
    for limit in (None, MAX_ROWS + 1, 2**80):
        with pytest.raises(TooMuch, match="startRecord"):
            found(stocked, None, page=Page(0, limit))
    assert found(stocked, None, page=Page(MAX_ROWS, None)) == [99_999]


def test_paging_parameters() -> None:
    assert read_page(None, None, default_limit=500) == Page(0, 500)
    assert read_page("", " ", default_limit=500) == Page(0, 500)
    assert read_page("10", "-1", default_limit=500) == Page(10, None)
    assert read_page("9" * 30, "7", default_limit=500) == Page(2**62, 7)
    for start, limit in (("-1", ""), ("x", ""), ("", "0"), ("", "-2"), ("", "1.5"), ("", "all")):
        with pytest.raises(Invalid, match="allowed are"):
            read_page(start, limit, default_limit=500)
