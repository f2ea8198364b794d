"""The carrier reader's process: an answer, or a sentence, whatever a mail makes it do."""

from __future__ import annotations

import socket
from pathlib import Path
from time import monotonic

import pytest

from app.notices.adapters.carriers import Limits, NotRead, read_carrier_mail
from tests.carrier_answers import carrier_answer, carrier_mail, stand_in

_SMALL = Limits(processor=2, memory=256 * 1024 * 1024, output=64 * 1024, wait=30)
_FAILED = "the carrier reader failed or needed too much time or memory"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stand_in(tmp_path_factory.mktemp("reader"))


def refusal(python: Path, body: object, limits: Limits = _SMALL) -> str:
    """Why a mail was not read."""
    with pytest.raises(NotRead) as error:
        read_carrier_mail(python, "zayo", carrier_mail(body), limits)
    return str(error.value)


def test_a_reading(python: Path) -> None:
    reading = read_carrier_mail(python, "zayo", carrier_mail(carrier_answer("TTN-1")), _SMALL)
    (notice,) = reading.notices
    assert (reading.provider, reading.form) == ("zayo", "EmailDateParser+HtmlParserZayo1")
    assert (notice.uid, notice.status, notice.impact) == ("TTN-1", "CONFIRMED", "OUTAGE")
    assert f"{notice.start:%Y-%m-%d %H:%M}" == "2013-03-10 22:00"


@pytest.mark.parametrize("what", ["loop", "allocate", "fork", "flood", "crash"])
def test_hostile_mails_end_within_the_limits(python: Path, what: str) -> None:
    assert refusal(python, what) == _FAILED


def test_a_mail_that_sleeps_is_ended(python: Path) -> None:
    begun = monotonic()
    assert refusal(python, "sleep", Limits(wait=3)) == _FAILED
    assert monotonic() - begun < 60


def test_it_calls_nobody(python: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        assert refusal(python, f"call {server.getsockname()[1]}") == _FAILED
        with pytest.raises(BlockingIOError):
            server.accept()


def test_it_starts_and_writes_nothing(python: Path, tmp_path: Path) -> None:
    for what in ("run", "write"):
        assert refusal(python, f"{what} {tmp_path / 'a-file'}") == _FAILED
    assert list(tmp_path.iterdir()) == []


def test_it_knows_no_secret(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the portal's nor the key with which the library would ask a language model."""
    monkeypatch.setenv("SECRET_KEY", "0123456789abcdef" * 2)
    monkeypatch.setenv("PARSER_OPENAI_API_KEY", "a key")
    names = '["LC_CTYPE", "OPENBLAS_NUM_THREADS"]', '["OPENBLAS_NUM_THREADS"]'
    with pytest.raises(NotRead, match="lacks a field"):
        read_carrier_mail(python, "zayo", carrier_mail("environment"), _SMALL)
    limits = (python, "zayo", "9", str(2**30), "65536")
    printed = _answer(*limits)
    assert printed in names


def _answer(python: Path, *words: str) -> str:
    """What the program prints, run as the portal runs it."""
    import app.notices.adapters.carriers as module

    with (python.parent / "given").open("w+b") as given, (python.parent / "out").open("w+b") as out:
        given.write(carrier_mail("environment"))
        given.seek(0)
        module._status(python, words[0], Limits(), given.fileno(), out.fileno())
        out.seek(0)
        return out.read().decode().strip()


def test_answers_that_are_none(python: Path) -> None:
    assert refusal(python, "unknown") == "the carrier reader knows no such form of zayo"
    assert "it is not JSON" in refusal(python, "chatter")
    for wrong in (
        carrier_answer("x" * 300),
        carrier_answer(""),
        carrier_answer("1", end=0),
        carrier_answer("1", start=10**15),
        carrier_answer("1", status="MAYBE"),
        carrier_answer("1", sequence="1"),
        carrier_answer("1", circuits=[{"circuit_id": "1", "impact": "HUGE"}]),
        carrier_answer(
            "1", circuits=[{"circuit_id": str(n), "impact": "OUTAGE"} for n in range(2001)]
        ),
        {"form": ["x"], "maintenances": [7]},
        {"form": ["x" * 300], "maintenances": carrier_answer("1")["maintenances"]},
    ):
        assert "is not usable" in refusal(python, wrong, Limits(wait=60))


def test_an_environment_that_is_gone(tmp_path: Path) -> None:
    assert "cannot be started" in refusal(tmp_path / "python", carrier_answer("1"))
