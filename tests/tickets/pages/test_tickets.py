"""What people do with a ticket in the portal: each action works, is logged, or says why not."""

from __future__ import annotations

import re

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.core.models.changes import Change
from app.core.rules.access import Actor, Door, Writer
from app.core.services.changes import TICKET, changes_of
from app.tickets.models.tickets import Ticket
from app.tickets.rules.content import NewTicket
from app.tickets.rules.tickets import State
from app.tickets.services.creation.idempotency import create_ticket_idempotent
from app.tickets.services.fields import current_value
from app.tickets.services.lifecycle import change_ticket, comment_ticket, move_ticket
from tests.cast import NOON, Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open, store_issue

LINK = "CERN-GRIDKA-LHCOPN-001"
ACTIONS = ("comment", "move", "undo", "edit")


def newest(session: Session, number: int) -> Change:
    session.rollback()
    return changes_of(session, TICKET, number)[-1]


def logged(change: Change) -> dict[str, tuple[str | None, str | None]]:
    return {item.field: (item.old, item.new) for item in change.fields}


def versions(session: Session, number: int) -> int:
    session.rollback()
    return session.get_one(Ticket, number).version


def form_of(visitor: Visitor, path: str) -> dict[str, list[str]]:
    """What the page's own form would send, as it is when it is opened."""
    data = visitor.read(path).form(path).data()
    del data["csrf_token"]
    return data


def change(session: Session, by: Actor, number: int, **wanted: object) -> None:
    with transaction(session):
        change_ticket(session, writer(by), number, wanted)


def test_a_ticket_is_opened_with_what_was_typed(session: Session, cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    data = form_of(visitor, "/tickets/new") | {
        "title": "  Fibre cut  ",
        "description": "First line\r\n<b>second</b> \U0001f6a7 line",
        "category": "maintenance",
        "links": [LINK],
        "sites": ["DE-KIT", "A site nobody knows"],
        "network": "",
        "layer": "L1/L2",
        "impact": "outage",
        "window_start": "2026-01-31 09:05",
        "window_end": "2026-01-31T12:00:30+01:00",
        "event_start": "2026-01-31",
        "priority": "top priority",
        "unit": "NOC",
        "person_in_charge": "operator",
        "responsible_site": "CH-CERN",
        "carbon_copy": "noc@example.org; other@example.org",
        "related_issue": "https://example.org/1",
        "references": "GEANT; TT-1; https://example.org/tt/1\r\nNREN; 77",
    }
    answer = visitor.send("/tickets/new", data)
    assert (answer.status_code, answer.location) == (303, "/tickets/1")
    ticket = session.get_one(Ticket, 1)
    assert ticket.title == "Fibre cut"
    assert ticket.description == "First line\n<b>second</b> \U0001f6a7 line"
    assert (ticket.category, ticket.network, ticket.state) == ("maintenance", "LHCOPN", "new")
    assert current_value(ticket, "links") == (LINK,)
    assert current_value(ticket, "sites") == ("DE-KIT", "A site nobody knows")
    assert current_value(ticket, "responsible_site") == "CH-CERN"
    assert [str(item.url) for item in ticket.references] == ["https://example.org/tt/1", ""]
    found = newest(session, 1)
    assert (found.door, found.actor_account, found.version) == ("portal", "operator", 1)
    assert logged(found)["window_end"] == (None, "2026-01-31T11:00:30Z")
    page = visitor.read("/tickets/1")
    for text in (
        "Fibre cut",
        "<b>second</b> \U0001f6a7 line",
        "unresolved",
        "TT-1",
        "top priority",
    ):
        assert text in page.text
    assert ("https://example.org/tt/1", "TT-1") in page.links


def test_a_maintenance_asks_for_its_window_and_a_change_for_its_sites(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    visitor = visit(cast.kit)
    number = opened(by=cast.kit)
    blank = form_of(visitor, "/tickets/new") | {"title": "t"}
    present = form_of(visitor, f"/tickets/{number}/edit")
    for path, data in (("/tickets/new", blank), (f"/tickets/{number}/edit", present)):
        answer = visitor.send(path, {**data, "category": "maintenance"})
        assert answer.status_code == 422
        text = PageReader(answer.text).text
        assert "Window start is required for a maintenance" in text
        assert "Window end is required for a maintenance" in text
        answer = visitor.send(path, {**data, "category": "change"})
        assert answer.status_code == 422
        assert "A change needs the sites concerned" in answer.text
    assert versions(session, number) == 1
    assert session.get(Ticket, number + 1) is None


def test_choosing_links_proposes_their_sites_without_javascript(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    data = form_of(visitor, "/tickets/new") | {"title": "kept", "links": LINK, "do": "propose"}
    answer = visitor.send("/tickets/new", data)
    assert answer.status_code == 200
    form = PageReader(answer.text).form("/tickets/new")
    assert form.values("sites") == ["CH-CERN", "DE-KIT"]
    assert form.values("title") == ["kept"]


def test_comments_moves_and_undo_are_one_change_each(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title=f"DE-KIT: {LINK} down")
    visitor = visit(cast.operator)
    path = f"/tickets/{number}"
    for what, data, expected in (
        (
            "comment",
            {"kind": "public", "text": "All\r\nread <i>"},
            ("public_comment", "All\nread <i>"),
        ),
        ("comment", {"kind": "internal", "text": "Few read"}, ("internal_comment", "Few read")),
        ("move", {"state": "in progress"}, ("state", "in progress")),
        ("undo", {"field": "links", "name": LINK}, ("links", None)),
        ("undo", {"field": "sites", "name": "DE-KIT"}, ("sites", None)),
        ("move", {"state": "solved", "solution": "Spliced"}, ("solution", "Spliced")),
        ("move", {"state": "reopened"}, ("state", "reopened")),
        ("comment", {"kind": "solve", "text": "done", "solution": "Again"}, ("state", "solved")),
    ):
        before = versions(session, number)
        answer = visitor.send(f"{path}/{what}", data)
        assert (answer.status_code, answer.location) == (303, f"{path}#c{before + 1}"), what
        found = newest(session, number)
        assert (found.version, found.door, found.actor_account) == (
            before + 1,
            "portal",
            "operator",
        )
        assert logged(found)[expected[0]][1] == expected[1]
    page = visitor.read(path)
    for text in ("All\nread <i>", "Few read", "reopened it", "Spliced"):
        assert " ".join(text.split()) in page.text
    assert "undo" not in page.text
    by_htmx = visitor.send(f"{path}/comment", {"kind": "public", "text": "x"}, {"HX-Request": "1"})
    assert by_htmx.status_code == 200 or by_htmx.status_code == 303
    fragment = visitor.send(
        f"{path}/comment", {"kind": "public", "text": "by htmx"}, {"HX-Request": "true"}
    )
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    assert "by htmx" in fragment.text


def test_undo_is_offered_only_for_what_was_recognised(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    recognised = opened(title=f"{LINK} down")
    chosen = opened(title="down", links=(LINK,))
    visitor, reader = visit(cast.operator), visit(cast.reader)

    def undos(who: Visitor, number: int) -> list[str]:
        page = who.read(f"/tickets/{number}")
        return [form.action for form in page.forms if form.action.endswith("/undo")]

    assert undos(visitor, recognised) == [f"/tickets/{recognised}/undo"]
    assert undos(visitor, chosen) == undos(reader, recognised) == []
    for data, status in (
        ({"field": "links", "name": "CERN-PIC-LHCOPN-001"}, 404),
        ({"field": "title", "name": "x"}, 422),
        ({}, 422),
    ):
        answer = visitor.send(f"/tickets/{recognised}/undo", data)
        assert answer.status_code == status, data


def test_an_unknown_ticket_is_404_for_every_action(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    for number in ("1", "0", "2147483647", "2147483648", "9" * 40, "-1", "1.0", "x", "%00"):
        for page in ("", "/edit"):
            assert visitor.get(f"/tickets/{number}{page}").status_code == 404, number
        for action in ACTIONS:
            answer = visitor.send(f"/tickets/{number}/{action}", {"text": "x", "kind": "public"})
            assert answer.status_code == 404, (number, action)
            assert "Page not found" in answer.text


def test_known_but_not_allowed_is_403_with_the_reason_and_keeps_what_was_typed(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title=f"{LINK} down")  # of DE-KIT and CH-CERN
    assert visit(cast.kit).get(f"/tickets/{number}/edit").status_code == 200
    data = form_of(visit(cast.kit), f"/tickets/{number}/edit") | {
        "title": "Mine <now>",
        "text": "typed <text>",
        "kind": "public",
        "state": "solved",
        "solution": "typed <solution>",
        "field": "links",
        "name": LINK,
    }
    for who, reason in (
        (cast.reader, "A reader may not change tickets"),
        (cast.pic, "Reporters may change only tickets that they wrote, or for which their site is"),
    ):
        visitor = visit(who)
        page = visitor.read(f"/tickets/{number}")
        assert reason in page.text
        own = (f"/tickets/{number}/watch", f"/tickets/{number}/remind#remind")  # for everybody
        assert not [
            form
            for form in page.forms
            if form.action.startswith(f"/tickets/{number}") and form.action not in own
        ]
        assert visitor.get(f"/tickets/{number}/edit").status_code == 403
        for action in ACTIONS:
            answer = visitor.send(f"/tickets/{number}/{action}", data)
            assert answer.status_code == 403, action
            text = PageReader(answer.text).text
            assert reason in text
            assert "typed <solution>" in text
    reader = visit(cast.reader)
    assert "New ticket" not in reader.read("/tickets").text
    assert reader.get("/tickets/new").status_code == 403
    answer = reader.send("/tickets/new", {"title": "kept <text>"})
    assert answer.status_code == 403
    assert "A reader may not create tickets" in answer.text
    assert "kept <text>" in PageReader(answer.text).text
    assert versions(session, number) == 1
    assert session.get(Ticket, number + 1) is None


def test_only_operators_set_the_responsible_site_and_write_internally(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(by=cast.kit, title=f"{LINK} down")
    visitor = visit(cast.kit)
    data = form_of(visitor, f"/tickets/{number}/edit")
    assert "responsible_site" not in data
    answer = visitor.send(f"/tickets/{number}/edit", {**data, "responsible_site": "ES-PIC"})
    assert answer.status_code == 303
    answer = visitor.send(f"/tickets/{number}/comment", {"kind": "internal", "text": "typed"})
    assert answer.status_code == 403
    page = PageReader(answer.text).text
    assert "Only operators may write internal entries" in page
    assert "typed" in page  # to copy
    session.rollback()
    ticket = session.get_one(Ticket, number)
    assert (ticket.version, current_value(ticket, "responsible_site")) == (1, "DE-KIT")


@pytest.mark.parametrize("text", ["javascript:alert(1)", "RT 7", "https://", "https://a b", "//x"])
def test_a_related_issue_is_a_url(
    session: Session, cast: Cast, visit: Enter, opened: Open, text: str
) -> None:
    number = opened(related_issue="mailto:noc@example.org?subject=7")
    visitor = visit(cast.operator)
    path = f"/tickets/{number}/edit"
    answer = visitor.send(path, form_of(visitor, path) | {"related_issue": text})
    assert answer.status_code == 422
    assert "Related issue is not a URL; start it with http://, https:// or mailto:" in answer.text
    assert text in PageReader(answer.text).form(path).values("related_issue")
    store_issue(session, number, text)  # an old ticket: the rest of it can be edited
    answer = visitor.send(path, form_of(visitor, path) | {"title": "mended"})
    assert answer.status_code == 303
    session.rollback()
    ticket = session.get_one(Ticket, number)
    assert (ticket.title, ticket.related_issue) == ("mended", text)


def test_internal_entries_and_the_submitters_mail_are_for_operators(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(
        internal_comment="secret at the opening",
        submitter_name="noc-demo",
        submitter_mail="noc@secret.example",
        submitter_phone="+41 22 secret",
        links=(LINK,),
    )
    with transaction(session):
        comment_ticket(session, writer(cast.operator), number, "secret later", internal=True)
    change(session, cast.operator, number, submitter_mail="new@secret.example")
    addresses = [f"/tickets/{number}", "/tickets.csv", "/tickets", f"/tickets/{number}/edit"]
    for who, sees in (
        (cast.operator, True),
        (cast.admin, True),
        (cast.kit, False),
        (cast.reader, False),
    ):
        visitor = visit(who)
        for headers in ({}, {"HX-Request": "true"}):
            text = "".join(visitor.get(path, headers).text for path in addresses)
            for secret in ("secret at the opening", "secret later", "@secret.example", "+41 22"):
                assert (secret in text) is sees, (who.account, secret)


def test_a_ticket_names_a_bounded_number_of_sites_and_references(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(links=(LINK,))
    visitor = visit(cast.kit)
    form = form_of(visitor, f"/tickets/{number}/edit")
    for name, many, words in (
        ("sites", [f"T2-{count}" for count in range(501)], "Affected sites has 501 entries"),
        ("references", "\r\n".join(f"NREN; {count}" for count in range(501)), "has 501 entries"),
    ):
        answer = visitor.send(f"/tickets/{number}/edit", {**form, name: many})
        assert answer.status_code == 422
        assert f"{words}; at most 500 are allowed" in answer.text
    assert versions(session, number) == 1


def test_contacts_of_a_repeated_creation_are_for_operators(
    session: Session, cast: Cast, visit: Enter
) -> None:
    new = NewTicket(title="Link down", origin_id="4711")
    for end in ("first", "again"):
        sent = {"GHD_E-Mail": f"{end}@secret.example", "GHD_Phone": f"+41 22 {end}"}
        with transaction(session):
            number = create_ticket_idempotent(session, writer(cast.ggus), new, sent).number
    for who, sees in ((cast.operator, True), (cast.kit, False), (cast.reader, False)):
        text = visit(who).read(f"/tickets/{number}").text
        for secret in ("first@", "again@", "+41 22 again", "repeated creation"):
            assert (secret in text) is sees, (who.account, secret)


def test_moves_that_are_not_possible_are_409_and_keep_the_text(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    path = f"/tickets/{number}"
    answer = visitor.send(f"{path}/move", {"state": "solved", "solution": " "})
    assert answer.status_code == 422
    assert "olution" in "".join(PageReader(answer.text).alerts)
    answer = visitor.send(f"{path}/move", {"state": "verified"})
    assert answer.status_code == 409
    for state in ("nonsense", "", "SOLVED", "new\0"):
        answer = visitor.send(f"{path}/move", {"state": state, "solution": "kept"})
        assert answer.status_code == 422
        assert "State: choose one of: new, assigned" in PageReader(answer.text).text
        assert "kept" in answer.text
    assert versions(session, number) == 1
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, State.SOLVED, solution="theirs")
    with transaction(session):
        move_ticket(session, writer(cast.operator), number, State.CLOSED)
    before = versions(session, number)
    for what, data in (
        ("move", {"state": "solved", "solution": "typed solution"}),
        ("comment", {"kind": "solve", "text": "typed text", "solution": "typed solution"}),
        ("edit", {"version": "1", "title": "typed solution"}),
    ):
        answer = visitor.send(f"{path}/{what}", data)
        assert answer.status_code in (409, 422), what
        assert "typed solution" in answer.text, what
        assert "typed text" in answer.text or what != "comment"
    assert visitor.get(f"{path}/edit").status_code == 409
    assert versions(session, number) == before
    answer = visitor.send(f"{path}/comment", {"kind": "public", "text": "still possible"})
    assert answer.status_code == 303


def test_two_people_editing_the_second_chooses(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="Base", description="Base", unit="TPM")
    path = f"/tickets/{number}/edit"
    for choice, kept in (("theirs", "Theirs 1"), ("mine", "Mine 2")):
        visitor = visit(cast.admin)
        data = form_of(visitor, path)
        turn = kept[-1]
        change(session, cast.operator, number, title=f"Theirs {turn}", unit=f"Unit {turn}")
        mine = {**data, "title": f"Mine {turn}", "description": f"My text {turn}"}
        answer = visitor.send(path, mine)
        assert answer.status_code == 409
        page = PageReader(answer.text)
        assert f"Theirs {turn}" in page.text
        assert f"Mine {turn}" in page.text
        assert versions(session, number) == int(data["version"][0]) + 1  # nothing stored yet
        form = page.form(path)
        assert "choose-title" in form.names
        assert "choose-unit" not in form.names
        chosen = form.data()
        unchosen = visitor.send(path, {**chosen, "do": "save"})
        assert unchosen.status_code != 303, "an unanswered question is no answer"
        back = visitor.send(path, {**chosen, "choose-title": choice, "do": "again"})
        assert back.status_code == 200
        assert PageReader(back.text).form(path).values("title") == [f"{choice.capitalize()} {turn}"]
        answer = visitor.send(path, {**chosen, "choose-title": choice, "do": "save"})
        assert answer.status_code == 303
        session.rollback()
        ticket = session.get_one(Ticket, number)
        assert (ticket.title, ticket.description) == (kept, f"My text {turn}")
        assert ticket.unit == f"Unit {turn}"  # what only the other one changed


def test_an_untouched_edit_writes_nothing_and_foreign_changes_stay(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(
        title="Blanks  inside ",
        description="line\r\nline\n\n trailing ",
        links=(LINK,),
        sites=("FZK-LCG2", "nobody knows"),
        solution="\nstarts with a line end",
    )
    visitor = visit(cast.operator)
    data = form_of(visitor, f"/tickets/{number}/edit")
    sent = {
        name: [one.replace("\r\n", "\n").replace("\n", "\r\n") for one in values]
        for name, values in data.items()
    }
    assert visitor.send(f"/tickets/{number}/edit", sent).status_code == 303
    assert versions(session, number) == 1
    change(session, cast.admin, number, title="Theirs", links=("CERN-PIC-LHCOPN-001",))
    answer = visitor.send(f"/tickets/{number}/edit", {**sent, "impact": "outage"})
    assert answer.status_code == 303
    session.rollback()
    ticket = session.get_one(Ticket, number)
    assert (ticket.title, ticket.impact, ticket.version) == ("Theirs", "outage", 3)
    assert current_value(ticket, "links") == ("CERN-PIC-LHCOPN-001",)
    assert ticket.description == "line\r\nline\n\n trailing "
    for version in ("", "x", "-1", "99", "1e3", "9" * 30, "٣"):
        answer = visitor.send(
            f"/tickets/{number}/edit", {**sent, "version": version, "title": "typed title"}
        )
        assert answer.status_code == 422, version
        assert "typed title" in answer.text, version
    assert versions(session, number) == 3


def test_a_solution_written_meanwhile_is_not_overwritten_silently(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(solution="first")
    visitor = visit(cast.operator)
    page = visitor.read(f"/tickets/{number}")
    for action, more in (("move", {}), ("comment", {"kind": "solve", "text": ""})):
        form = next(
            form
            for form in page.forms
            if form.action.split("#")[0].endswith(action) and "solution" in form.names
        )
        change(session, cast.admin, number, solution=f"theirs, before the {action}")
        data = {**form.data(), **more, "solution": "mine"}
        del data["csrf_token"]
        answer = visitor.send(f"/tickets/{number}/{action}", data)
        assert answer.status_code == 409
        text = PageReader(answer.text).text + str(PageReader(answer.text).forms[-1].fields)
        assert "mine" in answer.text
        assert f"theirs, before the {action}" in text
        session.rollback()
        assert session.get_one(Ticket, number).solution == f"theirs, before the {action}"


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "javascript:alert(1)", "\u202egnp.exe", "<a"]
)
def test_texts_are_shown_as_they_are(
    session: Session, cast: Cast, visit: Enter, opened: Open, text: str
) -> None:
    number = opened(title=text, description=text)
    store_issue(session, number, text)
    page = visit(cast.reader).read(f"/tickets/{number}")
    assert page.text.count(text) >= 3
    assert not [href for href, _word in page.links if re.match(r"(?i)\s*(javascript|data):", href)]


@pytest.mark.parametrize(
    ("door", "words"),
    [
        (Door.PORTAL, "in the portal"),
        (Door.SOAP, "via SOAP"),
        (Door.NATIVE, "via SOAP, service LHCOPN"),
        (Door.COMMAND, "from the command line"),
        (Door.SYSTEM, "automatically"),
    ],
)
def test_the_timeline_says_through_which_door_a_change_came(
    session: Session, cast: Cast, visit: Enter, opened: Open, door: Door, words: str
) -> None:
    number = opened()
    by = Writer(cast.ggus, door, NOON, author="noc-demo")
    with transaction(session):
        comment_ticket(session, by, number, "hello")
    assert f"<span>{words} (ggus)</span>" in visit(cast.reader).get(f"/tickets/{number}").text


def test_a_template_of_the_category_is_put_behind_what_was_typed(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.operator)
    data = form_of(visitor, "/tickets/new") | {"title": "kept", "description": "Typed before"}
    asked = {**data, "category": "maintenance", "do": "template"}
    answer = visitor.send("/tickets/new", asked)
    assert answer.status_code == 200
    form = PageReader(answer.text).form("/tickets/new")
    (text,) = form.values("description")
    assert text.startswith("Typed before\n\nWork:\n")
    assert form.values("title") == ["kept"]
    again = visitor.send("/tickets/new", {**asked, "description": text})
    assert PageReader(again.text).form("/tickets/new").values("description") == [text]
    other = visitor.send("/tickets/new", {**asked, "category": "none", "description": ""})
    assert PageReader(other.text).form("/tickets/new").values("description") == [""]
