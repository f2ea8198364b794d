"""Attachments through the native service."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.soap_service.native.client import Native, number_of, refused
from tests.soap_service.wire import elements


def test_a_file_comes_back_as_it_was_sent(native: Native) -> None:
    number = native.create()
    content = os.urandom(2 * 1024 * 1024)
    added = native.call(
        "AddAttachment", number=number, author="noc-demo", name="C:\\temp\\a b.bin", content=content
    )
    assert added["version"] == 2
    got = native.call("GetAttachment", user="reader", id=added["id"])
    assert got["content"] == content
    assert got["number"] == number
    (listed,) = native.get(number)["attachments"]
    assert got["attachment"] == listed
    assert (listed["name"], listed["size"], listed["author"]) == (
        "a b.bin",
        len(content),
        "noc-demo",
    )
    history = native.call("GetHistory", number=number)["steps"][-1]
    assert history["fields"] == [
        {"field": "attachment", "old": None, "new": f"{added['id']} a b.bin"}
    ]


def test_a_text_that_is_base64_itself_is_kept_as_sent(native: Native) -> None:
    number = native.create()
    content = b"dGVzdA==" * 16
    added = native.call("AddAttachment", number=number, name="a.txt", content=content)
    assert native.call("GetAttachment", id=added["id"])["content"] == content


@pytest.mark.parametrize(
    "content",
    ["", "====", "YQ", "YQ==YQ==", "a_-b", "YWI=\u00e9", "\u00e9YWI=", "YWI=-", "-YWI=", "<n:a/>"],
)
def test_what_is_no_base64_is_refused(sqlite_native: Native, content: str) -> None:
    number = sqlite_native.create()
    inner = elements({"number": str(number), "name": "a"})
    answer = sqlite_native.raw("AddAttachment", f"{inner}<n:content>{content}</n:content>")
    assert answer.fault.startswith(("ERROR (310): content", "ERROR (356): content"))
    assert sqlite_native.get(number)["version"] == 1


def test_too_much_is_refused(sqlite_native: Native) -> None:
    number = sqlite_native.create()
    large = b"x" * (2 * 1024 * 1024 + 1)
    fault = refused(sqlite_native.call, "AddAttachment", number=number, name="a", content=large)
    assert number_of(fault) == 310
    assert "2 MiB" in fault.message


def test_who_may_not_read_or_write(native: Native) -> None:
    number = native.create()
    name = native.call("AddAttachment", number=number, name="a", content=b"a")["id"]
    for wrong in (name, "ATT999999", "ATT0", "1", "ATT1 ", "x"):
        fault = refused(native.call, "GetAttachment", user="other", id=wrong)
        assert number_of(fault) == 302
    more = {"number": number, "name": "b", "content": b"b"}
    assert number_of(refused(native.call, "AddAttachment", user="other", **more)) == 302
    assert number_of(refused(native.call, "AddAttachment", user="reader", **more)) == 330
    assert len(native.get(number)["attachments"]) == 1


def test_r1_the_same_file_again_is_the_first_one(native: Native) -> None:
    number = native.create()
    sent: dict[str, Any] = {"number": number, "author": "noc", "name": "a.log", "content": b"log"}
    first = native.call("AddAttachment", **sent)
    assert native.call("AddAttachment", **sent) == first
    native.call("CommentTicket", number=number, text="between")
    assert native.call("AddAttachment", **sent)["id"] != first["id"]
    assert len(native.get(number)["attachments"]) == 2
