"""Limits per token: what a counter lets through, and what the headers say."""

from __future__ import annotations

import pytest
from flask import Flask

from app.api.rate_limit import RATE_LIMIT, RateLimit, TooManyRequests
from app.factory import API
from tests.api.conftest import Calling


def test_a_minute_begins_with_its_first_call() -> None:
    limit = RateLimit(4, processes=2)
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


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0)
    assert [limit.count(1, 0.0) for _ in range(1000)] == [{}] * 1000


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
