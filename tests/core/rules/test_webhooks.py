"""Signatures of webhooks, against the example that Standard Webhooks publishes."""

from __future__ import annotations

from datetime import UTC, datetime

from app.core.rules.webhooks import PREFIX, new_secret, signed_headers

# specification of Standard Webhooks, "Verifying webhooks": this id, time, body and secret
AT = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the published example
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(*secrets: str, body: bytes = b'{"test": 2432232314}') -> str:
    told = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", AT, body, secrets)
    assert told["webhook-timestamp"] == "1614265330"
    return told["webhook-signature"]


def test_the_published_example() -> None:
    assert headers(SECRET) == SIGNATURE


def test_each_live_secret_signs() -> None:
    other = new_secret()
    first, second = headers(other, SECRET).split(" ")
    assert second == SIGNATURE
    assert first == headers(other)
    assert first != second
    assert other.startswith(PREFIX)


def test_another_body_has_another_signature() -> None:
    assert headers(SECRET, body=b'{"test": 2432232315}') != SIGNATURE


def test_a_secret_of_another_make_signs_as_it_is_written() -> None:
    assert headers("no base64!").startswith("v1,")
