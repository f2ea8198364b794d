"""Which passwords count as guessed first."""

from __future__ import annotations

import pytest

from app.accounts.services.common_passwords import is_common_password, looked_at


@pytest.mark.parametrize(
    "password",
    [
        "1234567890",
        "qwertyuiop",
        "QwertyUiop",
        "iloveyou12345",
        "correcthorsebatterystaple",
        "password2026",
        "aaaaaaaaaaaaaaa",
        "p@ssw0rd2026",
    ],
)
def test_what_everybody_guesses_first(password: str) -> None:
    assert is_common_password(password)


@pytest.mark.parametrize(
    "password", ["operator-demo", "sunflower on a bicycle", "käse 芝士 und brot", "x7Kq-9fTz-2mWd"]
)
def test_what_nobody_guesses_soon(password: str) -> None:
    assert not is_common_password(password)


def test_a_crafted_long_one_is_cut_before_it_is_looked_at() -> None:
    assert is_common_password("1" * 1024)
    assert not is_common_password("4@8({[<369&#!1/|0$5+7%2z" * 40)


@pytest.mark.parametrize(
    ("password", "seen"),
    [
        ("4@8({[<3690!1|7$5+%2" * 2, 12),
        ("x" * 20 + "4@8({[<3690!1|7$5+%2", 28),
        ("1234567890", 10),
        ("abcdefgh12345678ijklmn", 22),
        ("aB3$" * 9, 32),
    ],
)
def test_only_some_marks_that_may_be_letters_are_looked_at(password: str, seen: int) -> None:
    assert looked_at(password) == password[:seen]
