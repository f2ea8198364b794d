"""Which passwords may be set."""

from __future__ import annotations

import pytest

from app.accounts.rules.passwords import checked_password, checked_secret
from app.core.rules.errors import Invalid


def common(password: str) -> bool:
    return password in {"qwertyuiop", "iloveyou12345"}


@pytest.mark.parametrize(
    "password",
    [
        "ten letter",
        "aaaaaaaaab",
        "käse 芝士 und brot",
        "1" * 1024,
        "operator-demo",
        "noc of the operator",
        "no digits needed",
        "          ",
    ],
)
def test_length_is_enough(password: str) -> None:
    assert checked_password(password, "operator", common) == password


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "at least 10"),
        ("nine char", "at least 10"),
        ("1" * 1025, "at most 1024"),
        ("with a \x07 bell inside", "control character"),
        ("operator.one", "login name"),
        ("OPERATOR.One", "login name"),
        ("12operator.one!2026", "login name"),
        ("qwertyuiop", "among the first ones guessed"),
        ("QwertyUiop", "among the first ones guessed"),
        ("iloveyou12345", "among the first ones guessed"),
    ],
)
def test_what_is_refused_is_said_and_never_quoted(password: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_password(password, "operator.one", common, "new")
    assert words in refused.value.message
    assert refused.value.field == "new"
    assert not password or password not in refused.value.message


def test_a_name_without_letters_is_refused_as_it_stands() -> None:
    with pytest.raises(Invalid):
        checked_password("0123456789", "0123456789", common)
    assert checked_password("9876543210", "0123456789", common)


def test_a_partners_secret_may_be_shorter() -> None:
    assert checked_secret("8 letter") == "8 letter"
    with pytest.raises(Invalid):
        checked_secret("7letter")


def test_each_spelling_is_looked_up_once() -> None:
    """A crafted password of 32 characters takes half a second each time."""
    asked: list[str] = []

    def is_common(password: str) -> bool:
        asked.append(password)
        return False

    for password in ("4@8({[<3691!|70$5+7%2", "Four@8 and More"):
        checked_password(password, "kit", is_common)
    assert asked == ["4@8({[<3691!|70$5+7%2", "Four@8 and More", "four@8 and more"]
