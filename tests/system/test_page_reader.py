"""The reader of pages reads plain tags as the library reads all of them."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.folders import PROJECT
from tests.harness.examples import up_to
from tests.harness.visitor import PageReader


class _Library(PageReader):
    parse_starttag = HTMLParser.parse_starttag
    updatepos = HTMLParser.updatepos


def read_by(reader: type[PageReader], page: str) -> list[object]:
    found = reader(page)
    forms = [(form.action, form.method, form.names, form.fields) for form in found.forms]
    return [forms, found.links, found.attributes, found.inline_scripts, found.texts, found.alerts]


PIECES = st.sampled_from(
    (
        *("<a", "<A", "<p", "<b1", "<x-y", "<svg", "<form", "<input", "<option", "<select", "<br"),
        *("<textarea", "<script", "<style", "<title", "<noscript", "</a>", "</textarea>", "</p>"),
        *("</script>", "</form>", "<!-- - -->", "<!DOCTYPE html>", "<![CDATA[", "<?p?>", "<", "</"),
        *(" ", "\n", "\f", "\x1c", "\xa0", ">", "/>", " / ", "=", '"', "'", "é", "x", "&", ";"),
        *(' href="/a?b=1&amp;c=2"', ' title="&lt;p&gt; &quot;&#39;&#34;"', " disabled", " viewBox"),
        *(' value="&copy=1"', ' value="&nope;"', ' value=""', " value=bare", " value='one'"),
        *(' name="n"', ' role="alert"', ' hx-on:click="x"', ' data-a_b.c="1>2"', ' é="1"'),
        *(' id="f"', ' form="f"', ' value="two\nlines"', ' src="/x.js"', "&amp;", "&#39;"),
    )
)


@given(st.lists(PIECES, max_size=30).map("".join))
@settings(max_examples=up_to(400), deadline=None)
def test_any_page_is_read_as_the_library_reads_it(page: str) -> None:
    assert read_by(PageReader, page) == read_by(_Library, page)


def test_what_templates_write_is_read_as_the_library_reads_it() -> None:
    """With what Jinja replaces still in it, which is harder."""
    templates = sorted((PROJECT / "templates").rglob("*.html"))
    assert templates
    for template in templates:
        text = template.read_text().replace("<html", "<div")
        assert read_by(PageReader, text) == read_by(_Library, text), template
