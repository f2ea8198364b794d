"""What of a mail is new, and which mails nobody wrote."""

from __future__ import annotations

import pytest

from app.exchange.rules.replies import comment_of, new_text, numbers_in, why_automatic

BETWEEN = "On Monday the NOC wrote:\n> When?\nTomorrow.\n> Where?\nLyon."
OURS = ("tickets@portal.example", "tickets+t")


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("We dig.", "We dig."),
        ("We dig.\n\nOn Mon, 2 Mar 2026, LHCOPN <a@b.example> wrote:\n> Link down\n", "We dig."),
        ("We dig.\n\nOn Mon, LHCOPN <tickets@portal.example>\nwrote:\n\n> Link", "We dig."),
        ("We dig.\n\nAm 2. März schrieb X:\n\n> Link down\n> more\n", "We dig."),
        # HTML that became text has no marks of quotes
        ("We dig.\nLe 2 mars, LHCOPN <Tickets@portal.example> a écrit :\nLink down", "We dig."),
        ("We dig.\n\n-----Ursprüngliche Nachricht-----\nVon: x\nLink down", "We dig."),
        (f"We dig.\n\n{'_' * 32}\nFrom: LHCOPN\nSent: Monday\nTo: NOC\n\nLink", "We dig."),
        ("We dig.\n\nVon: LHCOPN\nGesendet: Montag\nAn: NOC\nBetreff: x\n\nLink", "We dig."),
        ("We dig.\n-- \nNOC of KIT\n+49 721", "We dig."),
        # whoever answers between the quotes is not cut
        (BETWEEN, BETWEEN),
        ("> When?\nTomorrow.", "> When?\nTomorrow."),
        ("> When?\n> Where?\n", ""),
        ("From: here\nwe see loss", "From: here\nwe see loss"),
        ("The list:\n\nand more", "The list:\n\nand more"),
        ("We see:\n> 10 errors\n", ""),
        ("First.\n\nWe see:\n\nIt wrote:\n> 10 errors", "First.\n\nWe see:"),
    ],
)  # fmt: skip
def test_what_is_quoted_at_the_end_is_cut(text: str, new: str) -> None:
    assert new_text(text, OURS) == new
    assert new_text(text.replace("\n", "\r\n"), OURS) == new


def test_long_texts_are_cut_in_time_that_grows_with_them() -> None:
    for line in ("On " + "x" * 90, "From: x", "> ", "-" * 90, "_" * 90, "a:", "tickets+t"):
        new_text(f"{line}\n" * 3000, OURS)


def test_numbers_of_a_subject() -> None:
    assert numbers_in("Re: GGUS-Ticket-ID: #12 Link down") == [12]
    assert numbers_in("AW: [x] LHCOPN#12 / GGUS-Ticket-ID:#12") == [12]
    assert numbers_in("LHCOPN#12 and LHCOPN#13") == [12, 13]
    assert numbers_in("XLHCOPN#12 #13 ticket 14") == []


@pytest.mark.parametrize(
    ("headers", "kind", "reason"),
    [
        ({}, "text/plain", ""),
        ({"auto-submitted": "no"}, "text/plain", ""),
        ({"auto-submitted": "Auto-Replied; owner=x"}, "text/plain", "Auto-Submitted: auto-replied"),
        ({"precedence": "Bulk"}, "text/plain", "Precedence: bulk"),
        ({"precedence": "first-class"}, "text/plain", ""),
        ({"x-auto-response-suppress": "All"}, "text/plain", "X-Auto-Response-Suppress"),
        ({"x-autoreply": "yes"}, "text/plain", "X-Autoreply"),
        ({"x-rt-loop-prevention": "rt"}, "text/plain", "X-RT-Loop-Prevention"),
        ({"return-path": "<>"}, "text/plain", "Return-Path: <>"),
        ({"return-path": "<noc@kit.example>"}, "text/plain", ""),
        ({}, "multipart/report", "multipart/report"),
        ({"message-id": "<m-3@Portal.example>"}, "text/plain", "Message-ID of the portal itself"),
        ({"message-id": "<mail-3@mail.portal.example>"}, "text/plain", ""),
    ],
)  # fmt: skip
def test_which_mails_nobody_wrote(headers: dict[str, str], kind: str, reason: str) -> None:
    assert why_automatic(headers, kind, "portal.example") == reason


def test_a_comment_names_what_is_not_in_it() -> None:
    assert comment_of("Text", (), "") == "Text"
    said = comment_of("x" * 200_000, ("a.iso (3,000,000 bytes)",), "b@c.example")
    assert len(said) == 100_000
    assert said.endswith(
        "[... the rest is in the mail]\n\n[Not stored: a.iso (3,000,000 bytes)]\n"
        "[Sent from b@c.example]"
    )
