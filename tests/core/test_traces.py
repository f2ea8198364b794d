"""``traceparent`` of W3C Trace Context: what is taken from a caller, and what is replaced."""

from __future__ import annotations

import pytest

from app.core.traces import (
    TRACEPARENT_LENGTH,
    current_trace,
    new_request,
    request_id,
    request_of,
    resumed,
    traceparent,
)

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize("sent", [SENT, f"01-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-more"])
def test_a_caller_s_trace_goes_on_under_an_id_of_ours(sent: str) -> None:
    with new_request("rest", sent) as made:
        assert made.trace_id == TRACE
        assert made.request_id not in (PARENT, "0" * 16)
        assert traceparent() == f"00-{TRACE}-{request_id()}-01"
    assert current_trace() is None
    assert traceparent() == request_id() == ""


@pytest.mark.parametrize(
    ("sent", "passed_on"), [("00", "00"), ("01", "01"), ("02", "00"), ("ff", "01")]
)
def test_only_the_known_flag_is_passed_on(sent: str, passed_on: str) -> None:
    with new_request("soap", f"{SENT[:-2]}{sent}") as made:
        assert made.traceparent == f"00-{TRACE}-{made.request_id}-{passed_on}"


@pytest.mark.parametrize(
    "sent",
    [
        *("", "00", "nonsense", SENT.upper(), f" {SENT}", f"{SENT}\n", f"{SENT},{SENT}"),
        *(f"ff-{TRACE}-{PARENT}-01", f"{SENT}-more", f"{SENT}0", f"01-{TRACE}-{PARENT}-01x"),
        *(f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[1:]}-{PARENT}-01"),
        *(f"00-{TRACE}-{PARENT}-1", f"00-{TRACE[:-1]}g-{PARENT}-01", f"00-{TRACE}-{PARENT}-٠١"),
        f"01-{TRACE}-{PARENT}-01-{'x' * 100_000}",
        f'00-{TRACE}-{PARENT}-01" level="error',
        f"01-{TRACE}-{PARENT}-01-x\nforged line",
    ],
)
def test_anything_else_begins_a_trace(sent: str) -> None:
    with new_request("rest", sent) as made:
        assert made.trace_id != TRACE
        assert made.traceparent == f"00-{made.trace_id}-{made.request_id}-00"


def test_stored_work_belongs_to_its_request_and_other_work_to_itself() -> None:
    with new_request("pages", SENT) as first:
        stored = traceparent()
    assert len(stored) == TRACEPARENT_LENGTH
    assert (request_of(stored), request_of("")) == (first.request_id, "")
    with resumed(stored, "job") as again:
        assert (again.trace_id, again.request_id, again.component) == (
            TRACE,
            first.request_id,
            "job",
        )
        with resumed("", "job") as other:
            assert other.request_id != first.request_id
        assert request_id() == first.request_id
