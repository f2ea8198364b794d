"""The check of a receiver that the guide shows, run on what the portal signs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.folders import PROJECT
from app.core.rules.webhooks import new_secret, signed_headers


@pytest.fixture
def is_genuine() -> Callable[[Mapping[str, str], bytes, str], bool]:
    guide = (PROJECT / "docs" / "partners-guide.md").read_text()
    (code,) = [one for one in re.findall(r"```python\n(.*?)```", guide, re.S) if "hmac" in one]
    known: dict[str, Any] = {}
    exec(code, known)  # the guide's own
    found: Callable[[Mapping[str, str], bytes, str], bool] = known["is_genuine"]
    return found


def test_it_takes_what_the_portal_signs_and_nothing_else(
    is_genuine: Callable[[Mapping[str, str], bytes, str], bool],
) -> None:
    old, new, body = new_secret(), new_secret(), '{"author": "Jürgen"}'.encode()
    headers = signed_headers("msg_1", datetime.now(UTC), body, [new, old])
    assert is_genuine(headers, body, new)
    assert is_genuine(headers, body, old)
    assert not is_genuine(headers, body, new_secret())
    assert not is_genuine(headers, body + b" ", new)
    assert not is_genuine({**headers, "webhook-id": "msg_2"}, body, new)
    late = signed_headers("msg_1", datetime.now(UTC) - timedelta(minutes=6), body, [new])
    assert not is_genuine(late, body, new)


def test_a_signature_of_another_program_is_the_same(
    is_genuine: Callable[[Mapping[str, str], bytes, str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of the specification of Standard Webhooks, version 1 (its reference libraries
    test it): the key, the message and the signature."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    monkeypatch.setattr(time, "time", lambda: 1614265330)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert is_genuine(headers, b'{"test": 2432232314}', secret)
