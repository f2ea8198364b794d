"""The one place that decides between a page and a fragment, and how htmx is sent elsewhere.

A fragment is answered to a request of htmx itself, not to a boosted one nor to the restoring of
history: those want the page.
"""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, redirect, render_template
from htmx_flask import request


def wants_fragment() -> bool:
    """Whether the request asks for a part of the page."""
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def fragment_target() -> str:
    """The id of the element that htmx will replace, or ""."""
    return (request.htmx.target or "") if wants_fragment() else ""


def asking_page() -> str:
    """The URL of the page that sent the htmx request, or ""."""
    return (request.htmx.current_url or "") if request.htmx else ""


def page_or_fragment(page: str, fragment: str, status: int = 200, **context: Any) -> Response:
    """Render the page, or only the fragment that the page includes."""
    name = fragment if wants_fragment() else page
    return make_response(render_template(name, **context), status)


def go_to(url: str, said: str = "") -> Response:
    """Send the browser to another page, which shows ``said``: what was done.

    htmx follows redirects itself, so it is distinguished.
    """
    if said:
        flash(said, "ok")
    if request.htmx:
        answer = Response(status=204)
        answer.headers["HX-Redirect"] = url
        return answer
    answer = make_response(redirect(url, 303))
    assert isinstance(answer, Response)
    return answer
