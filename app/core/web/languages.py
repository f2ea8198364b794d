"""The language of a page: English, or another one that has a catalogue in ``translations/``.

The browser's ``Accept-Language`` chooses among those that are there. None is shipped, and then
nothing is looked up. Times, numbers and what people wrote stay as they are.
"""

from __future__ import annotations

from gettext import NullTranslations
from typing import Any, Final

from flask import Flask, current_app, g, has_request_context, request
from flask_babel import Babel, get_locale, get_translations
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from app.core import catalogues
from app.core.catalogues import ENGLISH
from app.core.rules.access import door_words
from app.core.rules.language import Message, said_word, speak, translated

_babel: Final = Babel(configure_jinja=False)
_NO_CATALOGUE: Final = NullTranslations()
_SPEAKS: Final = "portal_speaks_others"
"""Where the application keeps whether it has any language but English."""


def register(flask_app: Flask) -> None:
    """Let templates and messages speak the reader's language."""
    known = (ENGLISH, *catalogues.languages())
    _babel.init_app(
        flask_app,
        default_locale=ENGLISH,
        default_translation_directories=str(catalogues.FOLDER),
        locale_selector=lambda: request.accept_languages.best_match(known, ENGLISH),
    )
    flask_app.extensions[_SPEAKS] = len(known) > 1
    templates = flask_app.jinja_env
    templates.policies["ext.i18n.trimmed"] = True
    templates.add_extension("jinja2.ext.i18n")
    if len(known) > 1:
        templates.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension
            lambda text: _catalogue().gettext(text),
            lambda one, many, number: _catalogue().ngettext(one, many, number),
            newstyle=True,
        )
        speak(_catalogue)
    else:
        templates.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
        templates.globals.update({"gettext": _in_english, "_": _in_english})
    flask_app.add_template_global(language)
    flask_app.add_template_filter(word if len(known) > 1 else _as_it_is, "word")
    flask_app.add_template_filter(door_words, "door")


def language() -> str:
    """The language of this request, as ``lang`` names it: ``en``."""
    if not current_app.extensions[_SPEAKS]:
        return ENGLISH
    return str(get_locale()).replace("_", "-")


def word(text: str) -> str:
    """A stored word, such as a state, or a text of ours, in the reader's language; for where it is
    more than shown: joined, cut, or compared with what is shown."""
    return translated(text if isinstance(text, Message) else said_word(text))


@pass_context
def _in_english(context: Context, message: str, /, **values: Any) -> str:
    """What Jinja's own gives without a catalogue, in a third of its time: a list asks for some
    hundred texts."""
    text = Markup(message) if context.eval_ctx.autoescape else message  # noqa: S704  # ours
    return text % values if values or "%" in message else text


def _as_it_is(text: str) -> str:
    """The same where there is English only: lists have hundreds of such words."""
    return text


def _catalogue() -> NullTranslations:
    """That of this request's reader, looked up once."""
    if not has_request_context() or not current_app.extensions.get(_SPEAKS):
        return _NO_CATALOGUE
    found: NullTranslations | None = g.get("catalogue")
    if found is None:
        found = g.catalogue = get_translations()
    return found
