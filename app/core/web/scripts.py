"""All scripts as one file: each request more is a round trip more on a cold start.

The files stay apart in static/, each with one reason to exist; they are joined as they are, read
once, and again while debugging. Before them are their texts in the reader's language,
where that is not English.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, current_app, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.core.catalogues import ENGLISH
from app.core.web.languages import language, word
from app.core.web.person import public

blueprint = Blueprint("scripts", __name__)
FILES: Final = (
    "vendor/htmx-2.0.11/htmx.min.js",
    "portal.js",
    "finder.js",
    "keys.js",
    "grid-keys.js",
    "report.js",
    "drafts.js",
    "live.js",
    "passkeys.js",
)


_TEXT: Final = re.compile(r'(?<!\w)_\("([^"\\]+)"')
"""A text of a script, as ``_("Log in")`` names it."""


def _joined() -> tuple[bytes, str]:
    """The scripts one after another, and a word that changes with them."""
    known: dict[str, tuple[bytes, str]] = current_app.extensions.setdefault("scripts", {})
    here = language()
    if here not in known or current_app.debug:
        folder = Path(str(current_app.static_folder))
        content = b"\n".join((folder / name).read_bytes() for name in FILES)
        if here != ENGLISH:
            texts = {text: word(text) for text in _TEXT.findall(content.decode())}
            content = f"window.portalTexts = {json.dumps(texts)};\n".encode() + content
        known[here] = content, hashlib.sha256(content).hexdigest()[:10]
    return known[here]


@blueprint.get("/scripts.js")
@public
def joined() -> AnyResponse:
    """All of them."""
    content, digest = _joined()
    answer = Response(content, mimetype="text/javascript")
    answer.set_etag(digest)
    return answer.make_conditional(request)


@blueprint.app_template_global()
def scripts() -> str:
    """Their address; changes with their content."""
    return url_for("scripts.joined", v=_joined()[1])
