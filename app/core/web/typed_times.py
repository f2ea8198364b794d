"""What a time that is being typed means: shown below its field while one types."""

from __future__ import annotations

from flask import Blueprint, Response, get_template_attribute, make_response, request
from markupsafe import escape

from app.core.rules.errors import Invalid
from app.core.rules.human_times import Tense
from app.core.rules.language import _
from app.core.web.times import not_yet, now, read_typed

blueprint = Blueprint("typed_times", __name__)


@blueprint.get("/typed-time")
def read() -> Response:
    """The time in UTC, or what is allowed; the text is the one parameter that is neither ``tense``
    nor ``days``."""
    typed = [text for name, text in request.args.items() if name not in ("tense", "days")]
    text = typed[0].strip() if typed else ""
    if not text:
        return make_response("")
    try:
        named, days = request.args.get("tense"), request.args.get("days") == "yes"
        tense = next((one for one in Tense if one == named), Tense.EITHER)
        moment = read_typed("time", text, tense, days=days, label=_("This"))
    except Invalid as error:
        return make_response(str(escape(error.message)))
    echo = get_template_attribute("_macros.html", "read_time")
    if tense is Tense.PAST and moment > now():
        return make_response(str(escape(not_yet(moment, _("This")))))
    return make_response(str(echo(moment)))
