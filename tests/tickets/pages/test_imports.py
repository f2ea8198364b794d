"""Old tickets from a file, through the pages: every line first, then one confirmation."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.core.services.changes import TICKET, changes_of
from app.core.web.packed_file import packed
from app.tickets.models.tickets import Ticket
from app.tickets.pages.imports import FILE_LIMIT
from tests.cast import Cast
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter

IMPORTS = "/admin/imports/tickets"
CONFIRM = f"{IMPORTS}/confirm"
GOOD = (
    b"number;title;state;created;sites\n"
    b"7;<b>Old</b>;closed;2011-01-02;FZK-LCG3\n"
    b"8;x;new;2011-1-2;\n"
)
NTTDM = b"""<NTTDM-Document>
<Ticket><TT_ID>7</TT_ID><TT_TITLE>&lt;b&gt;Old&lt;/b&gt;</TT_TITLE><TT_STATUS>Closed</TT_STATUS>
<TT_OPEN_DATETIME>2011-01-02</TT_OPEN_DATETIME><HASH>x</HASH></Ticket>
<Ticket><TT_ID>8</TT_ID><TT_TITLE>x</TT_TITLE><TT_STATUS>Odd</TT_STATUS>
<TT_OPEN_DATETIME>2011-01-02</TT_OPEN_DATETIME></Ticket>
</NTTDM-Document>"""


def upload(visitor: Visitor, content: bytes, source: str = "old desk") -> TestResponse:
    fields = {"source": source, "encoding": ""}
    return visitor.upload(IMPORTS, fields, "old.csv", content)


def titles(session: Session) -> list[str]:
    session.rollback()
    found = list(session.scalars(select(Ticket.title).order_by(Ticket.number)))
    session.rollback()
    return found


def test_lines_are_shown_and_only_the_good_ones_written_if_asked(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    shown = upload(visitor, GOOD)
    assert shown.status_code == 200
    assert "<b>Old" not in shown.text
    page = PageReader(shown.text)
    assert "1 new, 1 wrong. Nothing has been written yet." in page.text
    assert "3 8 wrong x created 2011-1-2 : an ISO 8601 time such as" in page.text
    assert "site FZK-LCG3 is not known; stored as text; nearest: FZK-LCG2" in page.text
    assert "Import only the 1 good line" in page.text
    assert titles(session) == []
    form = page.form(CONFIRM).data()
    refused = visitor.send(CONFIRM, {**form, "only_good": ""})
    assert refused.status_code == 422
    assert "The file has 1 wrong place; nothing was written" in refused.text
    assert titles(session) == []
    done = visitor.send(CONFIRM, form)
    assert (done.status_code, done.location) == (303, IMPORTS)
    assert "Imported 1 ticket: 1; 1 were left out." in visitor.read(IMPORTS).text
    assert titles(session) == ["<b>Old</b>"]
    (change,) = changes_of(session, TICKET, 1)
    assert (change.door, change.actor_account) == ("import", "admin")
    assert "by an import" in visitor.read("/tickets/1").text
    again = visitor.send(CONFIRM, form)  # as a reload would
    assert again.status_code == 303
    assert titles(session) == ["<b>Old</b>"]


def test_a_file_of_wrong_lines_is_read_no_further(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    head = b"number,title,state,created\n"
    answer = upload(visitor, head + b"x\n" * 40_000)
    assert answer.status_code == 422
    page = PageReader(answer.text).text
    assert "1,001 of its first 1,001 tickets are wrong; reading stopped there" in page
    assert "line 2" in page
    assert len(answer.text) < 200_000
    answer = upload(visitor, head + b"1,x,new,2011-01-02\n" * 50_001)
    assert answer.status_code == 422
    told = "The file has 50,001 lines; an import takes at most 50,000. Split it"
    assert told in PageReader(answer.text).text


def test_what_was_imported_before_is_told_with_its_ticket(cast: Cast, visit: Enter) -> None:
    visitor = visit(cast.admin)
    good = b"number,title,state,created\n7,Old,closed,2011-01-02\n"
    page = PageReader(upload(visitor, good).text)
    assert "Import 1 ticket" in page.text
    visitor.send(CONFIRM, page.form(CONFIRM).data())
    assert "0 new, 1 imported before. Nothing" in PageReader(upload(visitor, good).text).text
    other = PageReader(upload(visitor, good.replace(b"Old", b"New")).text)
    assert "7 differs New #1" in other.text
    assert "If these are tickets of another system, go back and enter its name" in other.text


def test_nttdm_is_previewed_and_imported_as_a_table_is(
    session: Session, cast: Cast, visit: Enter
) -> None:
    visitor = visit(cast.admin)
    shown = upload(visitor, NTTDM)
    assert shown.status_code == 200
    page = PageReader(shown.text)
    assert "1 new, 1 wrong. Nothing has been written yet." in page.text
    assert "line 2 7 new <b>Old</b> not read: HASH" in page.text
    assert "line 4 8 wrong x TT_STATUS Odd : one of new" in page.text
    done = visitor.send(CONFIRM, page.form(CONFIRM).data())
    assert done.status_code == 303
    assert titles(session) == ["<b>Old</b>"]
    assert "1 imported before" in PageReader(upload(visitor, NTTDM).text).text
    bomb = b"<!DOCTYPE a [<!ENTITY b 'xx'>]>" + NTTDM
    refused = upload(visitor, bomb)
    assert refused.status_code == 422
    assert "a document type declaration is not accepted" in PageReader(refused.text).text


@pytest.mark.parametrize(
    ("content", "source", "told"),
    [
        (b"", "old", "it is empty"),
        (b"number,title,state,created\n", "old", "The file contains no ticket"),
        (b"number,title\n1,x\n", "old", "column state : this column is required"),
        (b"number,title,state,created\n1,\xe4,new,2011-01-02\n", "old", "or choose windows-1252"),
        (b"number,title,state,created\n1,x,new,2011-01-02\n", "", "Old system has 1 to 255"),
        (b"x" * (FILE_LIMIT + 1), "old", "The file is too large for this page"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(
    session: Session, cast: Cast, visit: Enter, content: bytes, source: str, told: str
) -> None:
    answer = upload(visit(cast.admin), content, source)
    assert answer.status_code == 422
    page = PageReader(answer.text)
    assert told in page.text
    assert page.form(IMPORTS).values("source") == [source]  # what was typed is kept
    assert titles(session) == []


@pytest.mark.parametrize("content", ["", "no letters \u00e9", packed(b"number,title\n")[:-4]])
def test_what_comes_back_is_not_trusted(
    session: Session, cast: Cast, visit: Enter, content: str
) -> None:
    fields = {"source": "old", "encoding": "", "content": content, "only_good": "yes"}
    assert visit(cast.admin).send(CONFIRM, fields).status_code == 422
    assert titles(session) == []
