"""What the portal answers when something is wrong, and the headers of every page.

The one translator of the vocabulary of errors into pages. A refused write keeps what was typed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as AnyResponse

from app.core.database.transactions import has_committed, is_unavailable
from app.core.rules.access import Door
from app.core.rules.errors import (
    RETRY_AFTER,
    Forbidden,
    Invalid,
    MoveNotAllowed,
    NoSuchPeriod,
    NotFound,
    OutcomeUnknown,
    PortalError,
    TooMuch,
)
from app.core.rules.language import _, counted, joined
from app.core.services.refusals import Refusals
from app.core.traces import request_id
from app.core.web.extensions import db, login_manager
from app.core.web.htmx import wants_fragment
from app.core.web.requests.limits import too_much
from app.core.web.requests.security_headers import security_headers
from app.core.web.requests.session_cookie import sender_held_login
from app.core.web.times import now

_log = logging.getLogger(__name__)
SECRET_FIELDS = frozenset(
    {
        "csrf_token",
        "password",
        "old",
        "new",
        "again",
        "one_time_code",
        "credential",
        "remote_secret",
    }
)
"""Fields whose values are never written into a page."""
FORM_KEY = "form_key"
"""The field with the key of a form, by which the same form sent twice is known."""
MAX_ECHOED = 50
"""Fields of a form that an error page shows."""
MAX_ECHO_LENGTH = 64 * 1024
"""Bytes of all that it shows of them, and of all that it carries, as they are written in HTML."""
_AS_WRITTEN = {"<": 4, ">": 4, "&": 5, '"': 5, "'": 5}
"""Bytes of what is written as an entity."""
_UNSEEN = frozenset({"do", "version", "next", "numbers", FORM_KEY})
_BESIDE_A_FIELD = ("seen.", "was.", "theirs.")
"""What a page sends along by itself: nobody typed it."""

_STATUS = {NotFound: 404, Forbidden: 403, MoveNotAllowed: 409, Invalid: 422, TooMuch: 413}
_HEADINGS = {
    400: _("The request cannot be read"),
    403: _("Not allowed"),
    404: _("Page not found"),
    405: _("Not available at this address"),
    409: _("Not possible at the moment"),
    413: _("The request is too large"),
    415: _("The form is not accepted"),
    422: _("A value is not allowed"),
    429: _("Too many attempts"),
    500: _("Internal error"),
    503: _("The portal is unavailable"),
}
_WORDS = {
    400: _(
        "The request is damaged or is not text in UTF-8. Reload the page and try again."
        " Nothing was stored."
    ),
    404: _("Check the address, or search."),
    405: _("Use the portal's links and buttons instead of typing the address."),
    415: _("Send the form with a browser. Nothing was stored."),
    500: _("The error was logged; try again, and contact an administrator if it happens again."),
    503: _("The database cannot be used at the moment. Wait a moment and try again."),
}
_NOTHING_STORED = _("Nothing was stored.")
"""Of a form that failed before anything was committed."""
_OUTCOME_UNKNOWN = _(
    "The outcome is unknown: the connection to the database was lost before it confirmed that what"
    " you sent is stored. Check whether it is stored before you send it again."
)


def sent_values() -> list[tuple[str, str]]:
    """All fields of the form that was sent, without passwords and tokens."""
    return [
        (name, value) for name, value in request.form.items(multi=True) if name not in SECRET_FIELDS
    ]


def typed_values() -> list[tuple[str, str]]:
    """What was typed into the form that was sent, without passwords and tokens."""
    return [(name, value) for name, value in sent_values() if value and name != FORM_KEY]


@dataclass(frozen=True)
class Echo:
    """What was typed, as far as an error page shows it; ``left_out`` says what it does not."""

    fields: Sequence[tuple[str, str]] = ()
    left_out: str = ""

    def __bool__(self) -> bool:
        return bool(self.fields)


def echoed(typed: Sequence[tuple[str, str]]) -> Echo:
    """Of what was typed, what a person knows again: at most ``MAX_ECHOED`` fields and
    ``MAX_ECHO_LENGTH`` bytes of HTML in all."""
    sent = [
        (name, value)
        for name, value in typed
        if name not in _UNSEEN and not name.startswith(_BESIDE_A_FIELD)
    ]
    fields, left, cut = [], MAX_ECHO_LENGTH, ""
    for name, value in sent[:MAX_ECHOED]:
        left -= _written(name)
        if left <= 0:
            break
        fields.append((name, _beginning(value, left)))
        left -= _written(value)
        if left < 0:
            cut = _('the end of "%(name)s"', name=name)
            break
    more = len(sent) - len(fields)
    parts = [cut] * bool(cut)
    if more:
        parts.append(counted("%(num)s more field", "%(num)s more fields", more))
    return Echo(
        fields, _("Not shown here: %(listed)s.", listed=joined(_(" and "), parts)) if parts else ""
    )


def _written(text: str) -> int:
    """Bytes of a text in a page."""
    size = len(text.encode())
    return size + sum(text.count(mark) * (more - 1) for mark, more in _AS_WRITTEN.items())


def _beginning(text: str, most: int) -> str:
    """As much of a text as takes ``most`` bytes in a page."""
    if _written(text) <= most:
        return text
    for place, letter in enumerate(text):
        most -= _AS_WRITTEN.get(letter) or len(letter.encode())
        if most < 0:
            return text[:place]
    return text


def carried(sent: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """What an error page carries, unseen, to be sent again: completely or not at all.

    All where the sender is or was logged in, so that nothing typed is lost; of anybody else only
    what is small.
    """
    size = sum(_written(name) + _written(value) for name, value in sent)
    small = len(sent) <= MAX_ECHOED and size <= MAX_ECHO_LENGTH
    return sent if small or sender_held_login() else []


def from_our_own_page() -> bool:
    """Whether the browser says that the request came from a page of this portal."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    parts = urlsplit(current_app.config["PORTAL"].public_url)
    return origin == f"{parts.scheme}://{parts.netloc}"


def _words(status: int) -> str:
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return too_much(request.path)
    return _WORDS.get(status, _("Go back and try again."))


def message_page(
    status: int,
    message: str | None = None,
    typed: Sequence[tuple[str, str]] = (),
    heading: str = "",
    **more: Any,
) -> Response:
    """A page, or for htmx a notice, that says what is wrong; ``typed`` is shown, to copy."""
    heading = heading or _HEADINGS.get(status, _("Something went wrong"))
    words = message or _words(status)
    template = "errors/_notice.html" if wants_fragment() else "errors/message.html"
    home = url_for("tickets.listing")
    return make_response(
        render_template(
            template,
            code=status,
            heading=heading,
            message=words,
            home=home,
            typed=echoed(typed),
            request_id=request_id() if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "",
            **more,
        ),
        status,
    )


def _on_portal_error(error: PortalError) -> Response:
    if isinstance(error, OutcomeUnknown):
        _log.error("outcome unknown", exc_info=error)
        return _outcome_unknown()
    if isinstance(error, Forbidden):
        _note_refusal(error)
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
    typed = typed_values() if request.method == "POST" else ()
    is_shown = isinstance(error, NoSuchPeriod) or not isinstance(error, NotFound)
    return message_page(status, error.message if is_shown else None, typed)


def _note_refusal(error: Forbidden) -> None:
    """Into the audit, by the address's pattern: numbers and names in it are what was sent."""
    if not current_user.is_authenticated:
        return
    refusals: Refusals = current_app.extensions["refusals"]
    pattern = str(request.url_rule) if request.url_rule is not None else ""
    refusals.note(
        db.session(),
        current_user.actor,
        Door.PORTAL,
        what=f"{request.method} {pattern}",
        reason=error.message,
        remote=request.remote_addr,
        now=now(),
        thing=" ".join(str(part) for part in (request.view_args or {}).values()),
    )


def _on_http_error(error: HTTPException) -> Response:
    if error.response is not None:
        answer: Response = make_response(error.response)
        return answer
    answer = message_page(error.code or 500)
    for name, value in error.get_headers():
        if name == "Allow":
            answer.headers[name] = value
    return answer


def _on_missing_token(_error: CSRFError) -> Response:
    """400: nothing was stored. Offers to send again only what came from one of our own pages."""
    message = _(
        "This page is out of date: you logged in or out elsewhere, or the form came from another"
        " site. Nothing was stored."
    )
    if wants_fragment():
        return make_response(
            render_template(
                "errors/_notice.html",
                heading=_("Not stored"),
                message=message + _(" Your text is still here: copy it and reload the page."),
            ),
            400,
        )
    return make_response(
        render_template(
            "errors/message.html",
            code=400,
            heading=_("The form could not be checked"),
            message=message,
            typed=echoed(typed_values()),
            **_send_again(),
            home=url_for("tickets.listing"),
        ),
        400,
    )


def _send_again() -> dict[str, Any]:
    """What the page needs to offer to send again what was sent; files and secrets cannot be offered
    again: they have to be entered on their own page."""
    own = from_our_own_page() and request.method == "POST" and not request.files
    secret = bool((SECRET_FIELDS - {"csrf_token"}) & set(request.form))
    again = carried(sent_values())
    login = request.endpoint == "login.login"
    may = own and (login or not secret) and (again or not sent_values())
    return {
        "carried": again,
        "resend": request.full_path.rstrip("?") if may else None,
        "ask_password": login,
    }


def _without_database() -> None:
    """The page must not need what may be broken: neither the login nor anything else is read."""
    g.broken = True
    g._login_user = login_manager.anonymous_user()  # flask-login's, whose template context asks


def _on_crash(error: Exception) -> Response:
    _without_database()  # Flask has logged it
    if request.method == "POST" and has_committed(db.session()):
        return _outcome_unknown()
    if is_unavailable(getattr(error, "original_exception", None)):
        return _unavailable()
    if request.method != "POST":
        return message_page(500)
    return message_page(500, f"{_NOTHING_STORED} {_WORDS[500]}", typed_values())


def _unavailable() -> Response:
    """503, which holds what was typed and offers to send it again."""
    _without_database()
    if request.method == "POST":
        words = f"{_WORDS[503]} {_NOTHING_STORED}"
        answer = message_page(503, words, typed_values(), **_send_again())
    else:
        answer = message_page(503)
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _outcome_unknown() -> Response:
    """500, where neither "stored" nor "not stored" would be true."""
    if request.method != "POST":  # nobody sent anything that could be stored
        return _unavailable()
    _without_database()
    return message_page(
        500,
        _OUTCOME_UNKNOWN,
        typed_values(),
        heading=_("It is not known whether this was stored"),
        look=_sent_from(),
    )


def _sent_from() -> str:
    """The address of the page of ours from which a form was sent, or ""."""
    parts = urlsplit(request.headers.get("Referer", ""))
    if not from_our_own_page() or not parts.path.startswith("/") or parts.path.startswith("//"):
        return ""
    return parts.path


def _secure(answer: Response) -> Response:
    headers = answer.headers
    public_url = current_app.config["PORTAL"].public_url
    for name, value in security_headers(public_url, of_page=True).items():
        headers.setdefault(name, value)
    if request.endpoint in ("static", "scripts.joined") and answer.status_code < 400:
        headers["Cache-Control"] = "public, max-age=86400"
    elif (
        request.blueprint == "guide"
        and answer.status_code == 200
        and not current_user.is_authenticated
    ):
        headers["Cache-Control"] = "public, max-age=300"
        answer.vary.update(("Accept-Language", "Cookie", "HX-Request"))
    else:
        headers["Cache-Control"] = "private, no-store"
        answer.vary.add("HX-Request")
    return answer


def _redirect_here() -> AnyResponse | None:
    """Doubled slashes lead to the address without them; by itself the framework would write the
    request's own Host before it."""
    wrong = request.routing_exception
    if not isinstance(wrong, RequestRedirect):
        return None
    parts = urlsplit(wrong.new_url)
    path = "/" + parts.path.lstrip("/")
    return redirect(path + (f"?{parts.query}" if parts.query else ""), wrong.code)


def register(flask_app: Flask) -> None:
    """Bind the translator and the headers."""
    flask_app.before_request(_redirect_here)
    flask_app.register_error_handler(PortalError, _on_portal_error)
    flask_app.register_error_handler(CSRFError, _on_missing_token)
    flask_app.register_error_handler(HTTPException, _on_http_error)
    flask_app.register_error_handler(500, _on_crash)
    flask_app.after_request(_secure)
