"""The log: one line per event, no secrets, no second line from a request's text."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from app.core import log
from app.core.database.transactions import CommitFailed
from app.core.log import LineFormatter, RepeatFilter
from app.core.web.requests.request_ids import new_request_id


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


FULL = "database or disk is full"


def _raise_full(statement: str = "INSERT INTO tickets") -> None:
    try:
        raise ValueError(FULL)
    except ValueError as error:
        raise OperationalError(statement, None, error) from error


def _commit_failed() -> None:
    try:
        _raise_full("x" * 5000)
    except OperationalError as error:
        raise CommitFailed from error


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """One that writes as the portal does, into ``logger.text``."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter())
    handler.addFilter(RepeatFilter(handler))
    found = logging.getLogger("tests.log")
    found.addHandler(handler)
    found.setLevel(logging.INFO)
    found.propagate = False
    yield found
    found.removeHandler(handler)
    found.propagate = True


def _written(logger: logging.Logger) -> list[str]:
    (handler,) = (one for one in logger.handlers if isinstance(one.formatter, LineFormatter))
    (repeats,) = handler.filters
    assert isinstance(repeats, RepeatFilter)
    assert isinstance(handler, logging.StreamHandler)
    repeats.tell_all()
    return [*handler.stream.getvalue().splitlines()]


def _fail(logger: logging.Logger, event: str = "request failed") -> str:
    with new_request_id() as made:
        try:
            _commit_failed()
        except CommitFailed:
            logger.exception(event)
    return made


def test_the_first_cause_stands_first_however_long_the_rest_is(logger: logging.Logger) -> None:
    made = _fail(logger)
    (line,) = _written(logger)
    assert f'event="request failed" request="{made}" cause="ValueError: {FULL}" ' in line
    assert f'exception="ValueError: {FULL} < ' in line
    assert "_raise_full" in line
    assert len(line) < 3000


def test_repeats_of_a_cause_are_counted(logger: logging.Logger) -> None:
    first = _fail(logger)
    others = [_fail(logger, f"Exception on /tickets/{turn}") for turn in range(999)]
    try:
        raise ValueError("another cause")
    except ValueError:
        logger.exception("request failed")
    logger.info("ticket opened")
    lines = _written(logger)
    assert len(lines) == 4
    assert f'request="{first}"' in lines[0]
    assert "another cause" in lines[1]
    assert "ticket opened" in lines[2]
    assert 'event="repeated" repeats=999' in lines[3]
    assert FULL in lines[3]
    assert others[0] in lines[3]
    assert len(lines[3]) < 3000


def test_lines_that_give_their_error_are_counted_too(logger: logging.Logger) -> None:
    for turn in range(5):
        logger.warning("the worker cannot work now", extra={"error": f"gone, process {turn}"})
    for _ in range(3):
        logger.warning("refusals not written down", extra={"account": "kit"})
    lines = _written(logger)
    assert [line.partition("event=")[2].partition(" error")[0] for line in lines] == [
        '"the worker cannot work now"',
        *['"refusals not written down" account="kit"'] * 3,
        f'"repeated" repeats=4 cause="{"gone, process 0"}" requests=""',
    ]


def test_a_count_is_told_when_its_minute_is_over(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail(logger)
    _fail(logger)
    monkeypatch.setattr(log, "COUNTED_SECONDS", 0.0)
    _fail(logger)
    lines = _written(logger)
    assert ["repeats=1 " in line for line in lines] == [False, True, False]
