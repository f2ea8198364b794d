"""Limits per token: what a counter lets through, and what the headers say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from app.api.rate_limit import RATE_LIMIT, RateLimit, TooManyRequests
from app.factory import API
from tests.api.conftest import Calling


def test_a_minute_begins_with_its_first_call() -> None:
    limit = RateLimit(2)
    assert limit.count(1, 10.0) == {
        "RateLimit-Policy": '"calls";q=2;w=60',
        "RateLimit": '"calls";r=1;t=60',
    }
    assert limit.count(1, 30.5)["RateLimit"] == '"calls";r=0;t=40'
    with pytest.raises(TooManyRequests) as refused:
        limit.count(1, 69.2)
    assert refused.value.seconds == 1
    assert limit.count(2, 69.2)["RateLimit"] == '"calls";r=1;t=60', "another token"
    assert limit.count(1, 70.0)["RateLimit"] == '"calls";r=1;t=60'


def test_no_client_waits_longer_than_the_window() -> None:
    now = 970.6050914256933  # this and a minute, less this again, is above 60 as a float
    assert (now + 60) - now > 60
    limit = RateLimit(1)
    assert limit.count(1, now)["RateLimit"] == '"calls";r=0;t=60'
    with pytest.raises(TooManyRequests) as refused:
        limit.count(1, now)
    assert refused.value.seconds == 60


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0)
    assert [limit.count(1, 0.0) for _ in range(1000)] == [{}] * 1000


def test_a_call_that_is_given_back_is_free() -> None:
    limit = RateLimit(2)
    for _time in range(5):
        assert limit.count(1, 10.0)["RateLimit"] == '"calls";r=1;t=60'
        assert limit.give_back(1, 11.0)["RateLimit"] == '"calls";r=2;t=59'
    assert limit.give_back(1, 75.0)["RateLimit"] == '"calls";r=2;t=0', "never more than the limit"


def test_an_answer_that_nothing_changed_is_free(app: Flask, calling: Calling) -> None:
    """A client that asks a hundred times whether something changed has a whole minute left."""
    programs = app.extensions[API]
    usual = programs.extensions[RATE_LIMIT]
    programs.extensions[RATE_LIMIT] = RateLimit(3)
    try:
        program = calling("read")
        tag = program.get("/api/v1/sites").headers["ETag"]
        for _time in range(100):
            answer = program.get("/api/v1/sites", If_None_Match=tag)
            assert (answer.status_code, answer.headers["RateLimit"][:12]) == (304, '"calls";r=2;')
        assert program.get("/api/v1/sites", If_None_Match='"another"').status_code == 200
        assert program.get("/api/v1/sites").status_code == 200
        assert program.get("/api/v1/sites", If_None_Match=tag).status_code == 429
    finally:
        programs.extensions[RATE_LIMIT] = usual


def test_one_process_lets_the_whole_limit_through(
    app_with: Callable[..., Flask], calling: Calling
) -> None:
    """A client on one connection is served by one process, and gets what the settings promise."""
    program = replace(calling("read"), app=app_with(api_calls_per_minute=3))
    assert [program.get("/api/v1/sites").status_code for _time in range(4)] == [200, 200, 200, 429]


def test_answers_say_what_is_left(app: Flask, calling: Calling) -> None:
    programs = app.extensions[API]
    usual = programs.extensions[RATE_LIMIT]
    programs.extensions[RATE_LIMIT] = RateLimit(2)
    try:
        program, other = calling("read"), calling("read")
        first = program.get("/api/v1/sites")
        assert first.headers["RateLimit-Policy"] == '"calls";q=2;w=60'
        assert first.headers["RateLimit"] == '"calls";r=1;t=60'
        assert program.get("/api/v1/nowhere").headers.get("RateLimit") is None
        wrong = program.get("/api/v1/sites?limit=0")
        assert (wrong.status_code, wrong.headers["RateLimit"][:12]) == (400, '"calls";r=0;')
        refused = program.get("/api/v1/sites")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert other.get("/api/v1/sites").status_code == 200
    finally:
        programs.extensions[RATE_LIMIT] = usual
