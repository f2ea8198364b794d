"""A ticket's texts on its page: what they name is a link, Markdown of the portal, never HTML."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.core.database.transactions import transaction
from app.tickets.services.lifecycle import comment_ticket
from tests.cast import Cast, writer
from tests.harness.visitor import PageReader, Visitor
from tests.harness.visits import Enter, Open

LINK = "CERN-GRIDKA-LHCOPN-001"


def commented(visitor: Visitor, number: int, text: str) -> PageReader:
    answer = visitor.send(f"/tickets/{number}/comment", {"kind": "public", "text": text})
    assert answer.status_code == 303
    return visitor.read(f"/tickets/{number}")


def test_what_a_text_names_is_a_link(cast: Cast, visit: Enter, opened: Open) -> None:
    other = opened(title="The other one")
    visitor = visit(cast.operator)
    number = opened(
        description=f"As #{other} on {LINK.lower()}, see https://example.org/a_b?c=(1). DE-KIT told"
        " #4711 and pic; XDE-KIT, DE-KIT-2 and x#1 are none"
    )
    page = visitor.read(f"/tickets/{number}")
    for href, text in (
        (f"/tickets/{other}", f"#{other}"),
        (f"/links/{LINK}", LINK.lower()),
        ("https://example.org/a_b?c=(1)", "https://example.org/a_b?c=(1)"),
        ("/sites/DE-KIT", "DE-KIT"),
    ):
        assert page.links.count((href, text)) >= 1, href
    texts = [text for _href, text in page.links]
    assert not {"#4711", "pic", "XDE-KIT", "DE-KIT-2", "#"} & set(texts)
    assert texts.count(f"#{other}") == 1
    assert ("a", "title", "new: The other one") in page.attributes


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("a **bold** b", "<strong>bold</strong>"),
        ("a *word* b", "<em>word</em>"),
        ("run `ping -c 1`", "<code>ping -c 1</code>"),
        ("```\n<b>raw</b>\n```", "<code>&lt;b&gt;raw&lt;/b&gt;\n</code>"),
        ("- one\n- two", "<li>one</li>"),
        ("1. one\n2. two", "<ol>"),
        ("> said", "<blockquote>"),
        ("[here](https://example.org/x)", '<a href="https://example.org/x" rel="noopener'),
        ("first\nsecond **x**", "first<br>second"),
        ("*#1*", '<em><a href="/tickets/1"'),
    ],
)
def test_markdown_of_the_portal_is_shown(
    cast: Cast, visit: Enter, opened: Open, typed: str, shown: str
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    commented(visitor, number, typed)
    assert shown in visitor.get(f"/tickets/{number}").text


@pytest.mark.parametrize(
    "typed",
    [
        "<script>alert(1)</script> **x**",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x) [y](//evil.example) [z](/logout)",
        '[x](https://e.example "\\" onmouseover=alert(1)")',
        "![x](https://e.example/p.png)",
        'https://e.example/"onmouseover=alert(1) *x*',
        "`<script>` **&lt;script&gt;**",
    ],
)
def test_no_markup_and_no_other_address_passes(
    cast: Cast, visit: Enter, opened: Open, typed: str
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    page = commented(visitor, number, typed)
    assert not page.inline_scripts
    assert not [one for one in page.attributes if one[1].startswith("on") and one[1] != "on"]
    assert ("img", "src", "https://e.example/p.png") not in page.attributes
    hrefs = [href for href, _text in page.links]
    assert not [
        href for href in hrefs if href.startswith(("javascript", "data:", "vbscript", "//"))
    ]
    assert "/logout" not in hrefs


def test_what_a_partner_wrote_is_shown_sign_by_sign(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(by=cast.ggus, description="*not* marked\n  indented")
    with transaction(session):
        comment_ticket(session, writer(cast.ggus), number, "1 * 2 * 3 and **stars**")
    text = visit(cast.operator).get(f"/tickets/{number}").text
    assert "*not* marked\n  indented" in text
    assert "1 * 2 * 3 and **stars**" in text


def test_what_a_partner_wrote_stays_so_when_a_move_over_it_is_undone(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(by=cast.ggus, solution="1 * 2 and *stars*")
    visitor = visit(cast.operator)
    data = {"state": "solved", "solution": "Now *ours*"}
    assert visitor.send(f"/tickets/{number}/move", data).status_code == 303
    page = visitor.get(f"/tickets/{number}").text
    assert "Now <em>ours</em>" in page
    form = PageReader(page).form(f"/tickets/{number}/undo-move").data()
    assert visitor.send(f"/tickets/{number}/undo-move", form).status_code == 303
    solution = visitor.get(f"/tickets/{number}").text.partition('id="h-solution"')[2]
    assert '<div class="prose">1 * 2 and *stars*</div>' in solution.partition("</section>")[0]


def test_a_preview_shows_the_comment_and_stores_nothing(
    session: Session, cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened()
    visitor = visit(cast.operator)
    data = {"kind": "public", "text": "It is **down**", "do": "preview"}
    answer = visitor.send(f"/tickets/{number}/comment", data)
    assert answer.status_code == 200
    assert "It is <strong>down</strong>" in answer.text
    form = PageReader(answer.text).form(f"/tickets/{number}/comment")
    assert form.values("text") == ["It is **down**"]
    assert "Comment added" not in answer.text
    assert visitor.read(f"/tickets/{number}").text.count("commented") == 0
    assert visit(cast.reader).send(f"/tickets/{number}/comment", data).status_code == 403


def test_a_preview_shows_the_description_of_a_ticket_and_stores_nothing(
    cast: Cast, visit: Enter, opened: Open
) -> None:
    number = opened(title="First", description="As it was")
    visitor = visit(cast.operator)
    for address in ("/tickets/new", f"/tickets/{number}/edit"):
        form = visitor.read(address).form(address).data()
        typed = {"title": "Kept", "description": f"**Down** as #{number}\n<b>", "do": "preview"}
        answer = visitor.send(address, {**form, **typed})
        assert answer.status_code == 200
        assert "Preview, not sent yet" in answer.text
        assert "<strong>Down</strong> as <a" in answer.text
        assert "<b>" not in answer.text.split('id="preview"')[1].split("</section>")[0]
        page = PageReader(answer.text)
        assert (f"/tickets/{number}", f"#{number}") in page.links
        assert page.form(address).values("title") == ["Kept"]
        assert page.form(address).values("description") == [f"**Down** as #{number}\n<b>"]
        empty = visitor.send(address, {**form, "description": "", "do": "preview"})
        assert "Preview, not sent yet" not in empty.text
    assert visitor.get(f"/tickets/{number + 1}").status_code == 404
    assert "As it was" in visitor.read(f"/tickets/{number}").text


def test_a_long_text_of_many_marks_is_read_at_once(cast: Cast, visit: Enter, opened: Open) -> None:
    number = opened()
    visitor = visit(cast.operator)
    for typed in (
        "*a " * 15_000,
        "*a* " * 12_000,
        "[" * 45_000,
        "`" * 20_000 + "x",
        "> " * 20_000,
        "#1 " * 20_000,
        "https://a" + ")" * 50_000,
        "A-1 " * 20_000,
    ):
        assert "commented" in commented(visitor, number, typed).text
