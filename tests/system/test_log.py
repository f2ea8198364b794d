"""The log: one line per event, no secrets, no second line from a request's text."""

from __future__ import annotations

import logging

from app.log import LineFormatter


def _line(message: str, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"name": "app.test", "levelname": "INFO", "levelno": logging.INFO, "msg": message, **extra}
    )
    return LineFormatter().format(record)


def test_an_event_is_one_line_of_fields() -> None:
    line = _line("ticket opened", ticket=7, door="soap", late=None)
    assert line.endswith(' info app.test event="ticket opened" ticket=7 door="soap" late=null')
    assert line[10] == "T"
    assert line.split(" ")[0].endswith("Z")


def test_control_characters_make_no_second_line() -> None:
    line = _line("a\nb", name="app.test", login="x\r\n2026 info\x1b[2J\u2028\u202e\x00")
    assert line.isprintable()
    assert line.isascii()


def test_secrets_are_hidden() -> None:
    line = _line("login", password="pw-value", session_token="tk-value", Authorization="au-value")
    assert "-value" not in line
    assert line.count("(hidden)") == 3


def test_a_traceback_stays_on_the_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        line = _line("failed", exc_info=(type(error), error, error.__traceback__))
    assert "\n" not in line
    assert "second" in line


def test_a_huge_value_is_cut() -> None:
    assert len(_line("x", body="y" * 1_000_000)) < 3000
