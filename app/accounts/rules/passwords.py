"""Which passwords may be set: by length and by what everybody guesses first, never by composition.

Whether a password is one of those is checked by ``is_common``, which the caller brings: it needs
a package that this floor does not know.
"""

from __future__ import annotations

from collections.abc import Callable

from app.core.rules.errors import Invalid
from app.core.rules.language import _
from app.core.rules.texts import checked_text

MIN_PASSWORD_LENGTH = 10
"""Characters of a person's password."""
MIN_SECRET_LENGTH = 8
"""Characters of a partner's secret that somebody chose; the portal makes longer ones."""
MAX_PASSWORD_LENGTH = 1024

IsCommon = Callable[[str], bool]


def checked_secret(secret: str, field: str = "password", shortest: int = MIN_SECRET_LENGTH) -> str:
    """A secret of allowed length without control characters; raises ``Invalid``."""
    if len(secret) < shortest:
        raise Invalid(
            field, _("A password has at least %(shortest)s characters", shortest=shortest)
        )
    return checked_text(field, secret, MAX_PASSWORD_LENGTH, label=_("Password"))


def checked_password(password: str, name: str, is_common: IsCommon, field: str = "password") -> str:
    """A password that the person of this login name may set; raises ``Invalid``.

    It is no common one, however its letters are written, and not the login name with marks or
    digits around it.
    """
    checked_secret(password, field, MIN_PASSWORD_LENGTH)
    bare = _without_ends(password)
    if password.casefold() == name.casefold() or (bare and bare == _without_ends(name)):
        raise Invalid(field, _("The password is the login name; choose one that nobody can guess"))
    if any(map(is_common, dict.fromkeys((password, password.lower())))):
        raise Invalid(
            field,
            _(
                "This password is among the first ones guessed;"
                " three or four unrelated words work well"
            ),
        )
    return password


def _without_ends(text: str) -> str:
    """The text in small letters without digits and marks at its ends."""
    folded = text.casefold()
    letters = [place for place, letter in enumerate(folded) if letter.isalpha()]
    return folded[letters[0] : letters[-1] + 1] if letters else ""
