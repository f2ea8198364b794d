"""Mails sent and waiting, for operators; and the unsubscribe links."""

from __future__ import annotations

from typing import Any, Final

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    url_for,
)

from app.core.database.transactions import transaction
from app.core.rules.language import _, counted
from app.core.settings import Settings
from app.core.web.address_limits import UNSUBSCRIBE, limited
from app.core.web.extensions import csrf, db
from app.core.web.form_keys import writing_once
from app.core.web.htmx import go_to
from app.core.web.person import acting, public, remote, secret_key, writer
from app.core.web.times import now
from app.mail.models.mails import Mail
from app.mail.rules.notifications import Notification, Sender, put_together
from app.mail.services.choices import Stop, allow_mails, find_stop, stop_mails
from app.mail.services.mails import (
    DIGESTED,
    DROPPED,
    FAILED,
    IN_DIGEST,
    SENT,
    WAITING,
    count_by_state,
    unplanned,
)
from app.mail.services.queue import (
    find_mail,
    is_being_sent,
    is_to_partner,
    list_mails,
    oldest_waiting,
    post_of,
    send_again,
    send_refused_again,
)

blueprint = Blueprint("mails", __name__)
_NUMBER = "<int(max=2147483647):mail>"
TABS: Final = {
    "failed": (_("Failed"), (FAILED,)),
    "waiting": (_("Waiting"), (WAITING,)),
    "digest": (_("Digests"), (IN_DIGEST, DIGESTED, DROPPED)),
    "sent": (_("Sent"), (SENT,)),
}
"""Label and states of each tab; without a tab all mails are listed."""
_COUNTED: Final = (FAILED, WAITING, IN_DIGEST)
"""There may be a million sent mails."""
WORDS: Final = {
    WAITING: ("waiting", "waiting", "on-hold"),
    SENT: ("sent", "ok", "ok"),
    FAILED: ("failed", "trouble", "alert"),
    IN_DIGEST: (_("for the next digest"), "info", "on-hold"),
    DIGESTED: (_("sent in a digest"), "ok", "ok"),
    DROPPED: (_("notifications turned off"), "", "unsolved"),
}
"""Label, tone and icon of each state."""
_BEING_SENT: Final = (_("being sent"), "waiting", "in-progress")
_SENT: Final = {
    None: ("sent", "", "ok"),
    "": (_("not sent (saved to a file)"), "info", "ok"),
}
"""Labels of a sent mail for which no server is recorded, or which no server received."""
_ACCEPTED: Final = (_("accepted by the mail server"), "ok", "ok")
_MAX_WORD_LENGTH = 254
SHOWN_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox",
    )
)
"""For a mail's HTML as it is sent: its own styles, and nothing from elsewhere."""


@blueprint.get("/mails")
def listing() -> str:
    """List the mails, newest first."""
    session = db.session()
    tab = request.args.get("state", "")
    word = request.args.get("q", "").strip()[:_MAX_WORD_LENGTH].replace("\x00", "")
    before = request.args.get("before", "")
    known = before.isascii() and before.isdigit() and len(before) < 10
    states = TABS[tab][1] if tab in TABS else ()
    page = list_mails(session, acting(), states, word, int(before) if known else None)
    counts = count_by_state(session, _COUNTED)
    settings = _settings().mail
    return render_template(
        "mail/list.html",
        page=page,
        tab=tab if tab in TABS else "",
        tabs={name: title for name, (title, _states) in TABS.items()},
        counts={
            name: sum(counts.get(state, 0) for state in states if state in _COUNTED)
            for name, (_title, states) in TABS.items()
            if name != "sent"
        },
        word=word,
        words_of=_words_of,
        subject_line=_subject_line,
        goes_to=_("%(host)s, port %(port)s", host=settings.host, port=settings.port)
        if settings.host
        else "",
        folder=settings.folder,
        oldest=oldest_waiting(session),
        unplanned=unplanned(session),
    )


def _words_of(mail: Mail) -> tuple[str, str, str]:
    """Label, tone and icon of a mail: "sent" is shown only as far as a server confirmed it."""
    if mail.state == SENT:
        return _SENT.get(mail.taker, _ACCEPTED)
    if is_being_sent(mail, now()):
        return _BEING_SENT
    return WORDS[mail.state]


@blueprint.get(f"/mails/{_NUMBER}")
def mail(mail: int) -> str:
    """Show a mail as it is sent."""
    session = db.session()
    found = find_mail(session, acting(), mail)
    post = post_of(session, _sender(), mail, to_show=True)
    raw = put_together(_sender(), post).partition(b"\r\n\r\n")[0].decode("ascii", "replace")
    stop = _sender().stop_url(post.mail_id, post.address_key)
    return render_template(
        "mail/mail.html",
        mail=found,
        being_sent=is_being_sent(found, now()),
        of_exchange=found.state == FAILED and is_to_partner(found),
        post=post,
        headers=raw.replace("\r\n", "\n").replace(
            stop, f"{_settings().public_url}/unsubscribe/..."
        ),
        words_of=_words_of,
        subject_line=_subject_line,
    )


@blueprint.get(f"/mails/{_NUMBER}/html")
def html(mail: int) -> Response:
    """Return only the HTML of a mail, as a mail client shows it."""
    session = db.session()
    find_mail(session, acting(), mail)
    answer = make_response(post_of(session, _sender(), mail, to_show=True).html)
    answer.headers["Content-Security-Policy"] = SHOWN_POLICY
    return answer


@blueprint.post(f"/mails/{_NUMBER}/again")
def again(mail: int) -> Response:
    """Try a mail again."""
    session = db.session()
    with writing_once(session):
        send_again(session, writer(), mail)
    return go_to(url_for("mails.mail", mail=mail), _("The email is queued again."))


@blueprint.post("/mails/again")
def again_all() -> Response:
    """Try all refused mails again."""
    session = db.session()
    with writing_once(session):
        many = send_refused_again(session, writer())
    message = (
        counted(
            "%(many)s email is queued again.",
            "%(many)s emails are queued again.",
            many,
            many=format(many, ","),
        )
        if many
        else _("No email has failed.")
    )
    return go_to(url_for("mails.listing", state="waiting"), message)


@blueprint.route("/unsubscribe/<token>", methods=["GET", "POST"])
@public
@limited(UNSUBSCRIBE)
def stop(token: str) -> Response:
    """Ask for confirmation to stop the mails; on POST, stop them.

    Mail clients post here directly (RFC 8058), without a cookie or one of our forms: the right is
    proved by the link itself, which only the recipient of the mail knows.
    """
    session = db.session()
    if request.method == "GET":
        return _stop_page(find_stop(session, secret_key(), token), token)
    with transaction(session):
        found = stop_mails(session, secret_key(), token, now(), remote())
    return _stop_page(found, token, done=_("Notifications are off."))


@blueprint.post("/unsubscribe/<token>/undo")
@public
@limited(UNSUBSCRIBE)
def undo_stop(token: str) -> Response:
    """Resume the mails."""
    session = db.session()
    with transaction(session):
        found = allow_mails(session, secret_key(), token, now(), remote())
    return _stop_page(found, token, done=_("Notifications are on again."))


def register(flask_app: Flask) -> None:
    """Register the pages; the one for mail clients needs no form token."""
    csrf.exempt(stop)
    flask_app.register_blueprint(blueprint)


def _stop_page(found: Stop, token: str, done: str = "") -> Response:
    return make_response(render_template("mail/stop.html", stop=found, token=token, done=done))


def _subject_line(mail: Mail) -> str:
    """The content of a mail in one line."""
    if mail.message is not None:
        return mail.message.subject
    if mail.notification is None:
        return _("Daily digest")
    return Notification.from_text(mail.notification.content).headline


def _settings() -> Settings:
    settings: Any = current_app.config["PORTAL"]
    assert isinstance(settings, Settings)
    return settings


def _sender() -> Sender:
    settings = _settings()
    mail = settings.mail
    return Sender(
        mail.from_name, mail.from_address, settings.public_url, secret_key(), mail.reply_to
    )
