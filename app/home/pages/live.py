"""The one address at which open pages hear of changes (static/live.js).

A browser that takes event streams gets one, which costs no thread and no connection to the
database; any other polls every 30 s, and so does one for which there is no room. Both get the
same (app/home/services/live.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from flask import Blueprint, Flask, Response, current_app, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app.accounts.services.people import LIVE
from app.core.rules.access import may_read_internal
from app.core.settings import MAX_LISTENERS
from app.core.web.extensions import db
from app.core.web.person import acting, by_itself
from app.core.web.requests.streaming import mark_pushed, may_push
from app.home.services.live import Feed, Listener, news_since

blueprint = Blueprint("live", __name__)
_FEED: Final = "live_feed"
_STREAM: Final = "text/event-stream"


@blueprint.get("/live")
@by_itself
def listen() -> AnyResponse:
    """What changed since the place of the log that the page knows: as it comes, or so far."""
    text = request.args.get("since", "")
    since = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    newest: int = current_user.cursor
    cursor = newest if since is None else min(since, newest)
    feed = feed_of(current_app)
    has_room = (
        may_push(request.environ)
        and current_user.updates == LIVE
        and feed.has_room(current_user.name)
    )
    if _STREAM in request.headers.get("Accept", ""):
        if not has_room or request.method != "GET":
            return Response(status=204)  # a browser does not try again by itself (HTML, 9.2.3)
        return _stream(feed, cursor)
    answer = Response(mimetype="application/json")
    answer.set_etag(f"{newest}-{has_room}")
    if cursor == newest and request.if_none_match.contains(f"{newest}-{has_room}"):
        return answer.make_conditional(request)
    internal = may_read_internal(acting())
    news = news_since(db.session(), cursor, newest, internal=internal)
    answer.set_data(news.as_json(stream=has_room))
    return answer


def _stream(feed: Feed, cursor: int) -> Response:
    listener = Listener(
        feed,
        current_user.name,
        current_user.login_id,
        current_user.role,
        cursor,
        internal=may_read_internal(acting()),
    )
    mark_pushed(request.environ, listener)
    # nginx asks for it where no setting tells it not to buffer; an iterator has no length
    return Response(iter(()), mimetype=_STREAM, headers={"X-Accel-Buffering": "no"})


def feed_of(flask_app: Flask) -> Feed:
    """That of this process."""
    feed: Feed = flask_app.extensions[_FEED]
    return feed


def register(flask_app: Flask) -> None:
    """Mount the address; nothing runs before somebody listens."""
    flask_app.register_blueprint(blueprint)
    hours: int = flask_app.config["PORTAL"].login_idle_hours
    with flask_app.app_context():
        flask_app.extensions[_FEED] = Feed(
            db.engine, timedelta(hours=hours), MAX_LISTENERS, lambda: datetime.now(UTC)
        )
