"""Attaching files in a real browser: progress, dropping, refusals, previews, without JavaScript."""

from __future__ import annotations

import base64
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from app.tickets.rules.content import NewTicket
from tests.browser.visit import log_in, mark, people_of, seed, sideways, still_marked
from tests.cast import Cast
from tests.harness.server import LiveServer

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def cast(sqlite_server: LiveServer) -> Cast:
    return people_of(sqlite_server)


@pytest.fixture
def number(sqlite_server: LiveServer, cast: Cast) -> int:
    (found,) = seed(sqlite_server, cast.operator, NewTicket(title="Loss of light"))
    return found


def png() -> bytes:
    """A picture of one grey pixel."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
            (b"IDAT", zlib.compress(b"\0\x80")),
            (b"IEND", b""),
        )
    )


def file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def watch_progress(page: Page) -> None:
    """Note every value that the progress bar shows, and whether it was seen."""
    page.evaluate(
        """() => {
            window.shown = [];
            const bar = document.querySelector("#attachments progress");
            new MutationObserver(() => window.shown.push([bar.value, bar.hidden]))
                .observe(bar, { attributes: true });
        }"""
    )


def test_several_files_with_progress_in_the_page(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    mark(page)
    page.get_by_role("textbox", name="Comment", exact=True).fill("Half a comment")
    watch_progress(page)
    page.get_by_text("Attach files…").click()
    page.get_by_label("Attach files").set_input_files(
        [file("large.bin", bytes(2 * MIB)), file("line.log", b"12:00 down"), file("a.png", png())]
    )
    expect(page.locator("#files-chosen")).to_contain_text("3 files, 2 MiB")
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.locator(".files > li")).to_have_count(3)
    shown = page.evaluate("window.shown")
    assert [100, False] in shown
    assert all(first[0] <= second[0] for first, second in pairwise(shown))
    expect(page.locator("#timeline")).to_contain_text("attached ATT")
    expect(page.get_by_role("textbox", name="Comment", exact=True)).to_have_value("Half a comment")
    assert still_marked(page)
    thumb = page.locator(".files img")
    expect(thumb).to_have_count(1)
    assert thumb.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1

    with page.expect_download() as begun:
        page.locator(".files").get_by_role("link", name="line.log", exact=True).click()
    assert begun.value.suggested_filename == "line.log"
    assert Path(begun.value.path()).read_bytes() == b"12:00 down"

    page.locator(".files > li", has_text="line.log").get_by_text("Remove…").click()
    page.get_by_role("button", name="line.log").click()
    expect(page.locator(".files > li")).to_have_count(2)
    expect(page.locator("#timeline")).to_contain_text("removed ATT")
    assert still_marked(page)


def test_dropped_files_wait_for_the_button(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    content = base64.b64encode(b"dropped").decode()
    dropped = page.evaluate_handle(
        """content => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([atob(content)], "dropped.log"));
            return transfer;
        }""",
        content,
    )
    form = page.locator("form.upload")
    form.dispatch_event("dragenter", {"dataTransfer": dropped})
    expect(form).to_have_class("upload drops over")
    form.dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.locator("#files-chosen")).to_have_text("7 bytes")
    expect(page.locator(".files > li")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator(".files > li")).to_have_count(1)


def test_what_is_too_large_or_empty_is_told_before_it_is_sent(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    chosen = page.locator("#files-chosen")
    page.get_by_text("Attach files…").click()
    files = page.get_by_label("Attach files")
    attach = page.get_by_role("button", name="Attach", exact=True)
    files.set_input_files([file("large.bin", bytes(3 * MIB)), file("empty", b"")])
    expect(chosen).to_contain_text("large.bin has 3 MiB; at most 2 MiB are allowed")
    expect(chosen).to_contain_text("empty is empty")
    attach.click()
    expect(page.locator(".files > li")).to_have_count(0)
    files.set_input_files([file(f"{n}.bin", bytes(2 * MIB)) for n in range(5)])
    expect(chosen).to_contain_text("These files have 10 MiB in total; at most 8 MiB")
    files.set_input_files([file("fine.log", b"fine")])
    expect(chosen).to_have_text("4 bytes")
    attach.click()
    expect(page.locator(".files > li")).to_have_count(1)


def test_four_of_the_largest_go_at_once(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    page.get_by_text("Attach files…").click()
    page.get_by_label("Attach files").set_input_files(
        [file(f"{n}.bin", bytes([n]) * (2 * MIB)) for n in range(4)]
    )
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.locator(".files > li")).to_have_count(4)


def test_a_refusal_by_the_server_stands_at_the_form(
    browser_page: Page, expected_statuses: set[int], sqlite_server: LiveServer, number: int
) -> None:
    expected_statuses |= {400, 422}
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    page.get_by_text("Attach files…").click()
    files = page.get_by_label("Attach files")
    attach = page.get_by_role("button", name="Attach", exact=True)
    files.set_input_files([file("empty", b""), file("fine.log", b"fine")])
    files.evaluate("input => input.setCustomValidity('')")
    attach.click()
    expect(page.get_by_role("alert")).to_contain_text("empty: The attachment is empty")
    expect(page.locator(".files > li")).to_have_count(0)
    files.set_input_files([file("fine.log", b"fine")])
    page.locator("form.upload [name=csrf_token]").evaluate("field => { field.value = 'x' }")
    attach.click()
    expect(page.locator("#notices")).to_contain_text("This page is out of date")
    expect(page.locator("#attachments")).to_be_visible()


def test_hostile_files_are_shown_as_text_only(
    browser_page: Page, sqlite_server: LiveServer, number: int
) -> None:
    page = browser_page
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    hostile = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran = 1'></svg>"
    page.get_by_text("Attach files…").click()
    page.get_by_label("Attach files").set_input_files(
        [file("<img src=x onerror=alert(1)>.svg", hostile), file("x.html", b"<h1>Hello</h1>")]
    )
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.locator(".files > li")).to_have_count(2)
    page.get_by_role("link", name="Preview").first.click()
    expect(page.locator("pre.shown")).to_have_text(hostile.decode())
    assert page.evaluate("window.ran") is None


def test_without_javascript(plain_page: Page, sqlite_server: LiveServer, number: int) -> None:
    page = plain_page
    page.set_viewport_size({"width": 390, "height": 844})
    log_in(page, sqlite_server, "operator", f"/tickets/{number}")
    page.get_by_text("Attach files…").click()
    page.get_by_label("Attach files").set_input_files(
        [file("line.log", b"12:00 down"), file("n" * 200, b"long name")]
    )
    page.get_by_role("button", name="Attach", exact=True).click()
    expect(page.locator(".files > li")).to_have_count(2)
    assert sideways(page) == 0
    page.locator(".files > li", has_text="line.log").get_by_text("Remove…").click()
    page.get_by_role("button", name="line.log").click()
    expect(page.locator(".files > li")).to_have_count(1)
