"""The log: one line per event, no secrets, no second line from a request's text."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, PendingRollbackError
from sqlalchemy.orm import Session

from app.core import log
from app.core.database.transactions import CommitFailed
from app.core.log import JsonFormatter, LineFormatter, RepeatFilter
from app.core.models.changes import Counter
from app.core.traces import new_request
from app.jobs.rules.jobs import reason_of


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


def test_a_database_s_error_has_neither_statement_nor_row(session: Session) -> None:
    """PostgreSQL adds the row that it refuses, SQLAlchemy the statement."""
    statement = text("INSERT INTO counters (name, value) VALUES (:name, NULL)")
    with pytest.raises(IntegrityError) as refused:
        session.execute(statement, {"name": "a-secret"})
    session.rollback()
    session.add(Counter(name="a-secret", value=None))
    with pytest.raises(IntegrityError):
        session.flush()
    with pytest.raises(PendingRollbackError) as later:
        session.execute(text("SELECT 1"))
    for error in (refused.value, later.value):
        line = _line("failed", exc_info=(type(error), error, error.__traceback__))
        for text_of_it in (line, reason_of(error)):
            assert "a-secret" not in text_of_it
            assert "INSERT" not in text_of_it
    assert "null" in reason_of(refused.value).lower()


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
    with new_request("pages") as made:
        try:
            _commit_failed()
        except CommitFailed:
            logger.exception(event)
    return made.request_id


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
    assert [' request="' in line for line in lines] == [True, False, True]


class _Mute:
    def __str__(self) -> str:
        raise ValueError("no words")


def test_a_json_line_is_one_object_whatever_is_logged() -> None:
    record = logging.makeLogRecord(
        {
            "name": "app.test",
            "levelname": "INFO",
            "levelno": logging.INFO,
            "msg": "a\nb \ud800 \u2028",
            "login": b"\xff\n",
            "took": float("nan"),
            "late": None,
            "ticket": 7,
            "time": "forged",
            "door": "native",
            "password": "pw-value",
            "mute": _Mute(),
            "long": "y" * 10_000,
        }
    )
    with new_request("soap") as made:
        line = JsonFormatter().format(record)
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line, parse_constant=lambda name: pytest.fail(name))
    assert found["time"].endswith("Z")
    assert found["message"] == "a\nb \ud800 \u2028"
    assert [found[name] for name in ("level", "logger", "component")] == [
        "info",
        "app.test",
        "soap",
    ]
    assert found["door"] == "native"
    assert (found["request_id"], found["trace_id"]) == (made.request_id, made.trace_id)
    assert (found["login"], found["took"], found["late"]) == ("b'\\xff\\n'", "nan", None)
    assert (found["ticket"], found["password"]) == (7, "(hidden)")
    assert found["mute"] == "(_Mute without a text)"
    assert len(line) < 4000


def test_an_error_is_one_field_of_a_json_line() -> None:
    try:
        _commit_failed()
    except CommitFailed as error:
        info = (type(error), error, error.__traceback__)
    record = logging.makeLogRecord({"msg": "request failed", "exc_info": info})
    found = json.loads(JsonFormatter().format(record))
    assert found["cause"] == f"ValueError: {FULL}"
    assert "_raise_full" in found["exception"]
    assert "request_id" not in found
