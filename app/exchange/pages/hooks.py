"""The interface for hints: a partner's system announces that something changed there.

It has no login and no form token of ours: only the signature counts. Every error (no such
connection, no secret, a wrong or revoked one, a missing one) gets the same answer, and one line in
the security log.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, request

from app.core.database.transactions import transaction
from app.core.rules.access import Door
from app.core.services.security_log import log_event
from app.core.web.address_limits import HOOK, refused_here
from app.core.web.extensions import csrf, db
from app.core.web.person import public, remote, secret_key
from app.core.web.times import now
from app.exchange.adapters.kinds import KINDS
from app.exchange.services.hints import announced_by, take_hint

blueprint = Blueprint("hooks", __name__)


@blueprint.post("/hooks/<kind>/<connection>")
@public
def hint(kind: str, connection: str) -> Response:
    """Accept a hint, and answer at once: the worker reads what it announces."""
    traits = KINDS.get(kind)
    if traits is None or traits.hint is None:
        abort(404)
    if (refused := refused_here(HOOK, only_look=True)) is not None:
        return refused
    session = db.session()
    read = traits.hint(lambda name: request.headers.get(name, ""), request.get_data())
    found = announced_by(session, kind, connection, read, secret_key())
    if found is None:
        if (refused := refused_here(HOOK)) is not None:  # others arrived between the check and now
            return refused
        log_event(
            "failed login",
            door=Door.EXCHANGE,
            account="",
            remote=remote(),
            kind="hint",
            how="signature" if read.has_signature else "no signature",
        )
        return Response("401 Unauthorized\n", status=401, content_type="text/plain")
    with transaction(session):
        take_hint(session, found, read.delivery, read.their_id, now())
    return Response("{}\n", status=202, content_type="application/json")


def register(flask_app: Flask) -> None:
    """Register the interface; its callers have no form token of ours."""
    csrf.exempt(hint)
    flask_app.register_blueprint(blueprint)
