"""The key that each form of a page carries: the same form sent twice is one entry.

A form with the same key and the same content, by the same person, is answered as the first time:
by the page to which its answer led. With other content (the Back button, then edited) it is another
form. Another person's key is like a new one. What shows a secret shows it in the first answer only.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from flask import Flask, Response, flash, g
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from htmx_flask import request
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from app.core.database.transactions import transaction
from app.core.rules.language import _
from app.core.services import form_keys
from app.core.web.errors import FORM_KEY
from app.core.web.extensions import db
from app.core.web.htmx import go_to
from app.core.web.person import local_path
from app.core.web.times import now

TOKEN: Final = "csrf_token"  # noqa: S105  # a field's name
_REPEATED = _("This form was already received; nothing was stored a second time.")
_CHUNK: Final = 1 << 16


class _Repeated(Exception):
    """The form that is being carried out was carried out meanwhile."""


def form_key() -> Markup:
    """The hidden field with a key of its own for one form of a page."""
    key = secrets.token_urlsafe(16)
    return Markup('<input type="hidden" name="{}" value="{}">').format(FORM_KEY, key)


def form_token() -> Markup:
    """The hidden fields of a form of a page: the CSRF token and the form's key."""
    token = Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN, generate_csrf())
    return token + form_key()


@contextmanager
def writing_once(session: Session) -> Iterator[None]:
    """One write transaction that carries out the form which was sent, unless it was carried out.

    For all that adds, ends or removes something. What only sets a value is set once more without
    harm, and keeps to ``transactions.transaction``: there the newest word holds, also that of a
    page from before. Call it once in a request.
    """
    digest: str = g.get("form_digest", "")
    with transaction(session):
        if not digest:
            yield
            return
        person = _person()
        if not form_keys.claim(session, person, digest, now()):
            raise _Repeated
        yield
        location: str = g.pop("form_leads_to", "")
        if location:
            form_keys.set_location(session, person, digest, location)
    g.form_digest = ""  # it is this request that carried it out: what it answers stands


def leads_to(url: str) -> None:
    """Say, inside ``writing_once``, where the answer leads to, and with it that of a repeat.

    Without it a repeat leads to the page above the form's address: ``/tickets/7`` for
    ``/tickets/7/comment``.
    """
    g.form_leads_to = url


def _person() -> int:
    account_id: int = current_user.actor.account_id
    return account_id


def _digest(key: str) -> str:
    """Stands for the form's key, address and content, in the order in which it was sent."""
    fields = [item for item in request.form.items(multi=True) if item[0] not in (TOKEN, FORM_KEY)]
    files = [(name, file.filename, _sum(file)) for name, file in request.files.items(multi=True)]
    content = json.dumps([request.full_path, fields, files])
    return hmac.new(key.encode(), content.encode(), sha256).hexdigest()


def _sum(file: FileStorage) -> str:
    found = sha256()
    while piece := file.stream.read(_CHUNK):
        found.update(piece)
    file.stream.seek(0)
    return found.hexdigest()


def _page_above() -> str:
    path = request.path
    while path and not local_path(path):
        path = path.rpartition("/")[0]
    return path or "/"


def _before() -> Response | None:
    """Answer a repeat at once: what it asks for may be refused by now (a name that is taken)."""
    if request.method != "POST" or not current_user.is_authenticated:
        return None
    key = request.form.get(FORM_KEY, "")
    if not key:
        return None
    g.form_digest = _digest(key)
    return _repeated()


def _after(answer: Response) -> Response:
    """What is refused may be a repeat of what was carried out while the refusal was found."""
    if g.get("form_digest") and 400 <= answer.status_code < 500:
        return _repeated() or answer
    return answer


def _repeated() -> Response | None:
    session = db.session()
    session.rollback()  # what it read before may be older than the first one's commit
    location = form_keys.location_of(session, _person(), g.form_digest)
    if location is None:
        return None
    flash(_REPEATED, "ok")
    target = location or _page_above()
    # a script that is sent to another place of its own page would not load it again
    return go_to(target.partition("#")[0] if request.htmx else target)


def _on_repeated(_error: _Repeated) -> Response:
    answer = _repeated()
    assert answer is not None  # whoever was first has committed
    return answer


def register(flask_app: Flask) -> None:
    """Bind it to all forms; after the login check."""
    flask_app.before_request(_before)
    flask_app.after_request(_after)
    flask_app.register_error_handler(_Repeated, _on_repeated)
    flask_app.add_template_global(form_key)
    flask_app.add_template_global(form_token)
