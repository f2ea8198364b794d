"""Files of old tickets as spreadsheets write them, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.rules.documents.spreadsheets import decoded
from app.core.rules.file_problems import BadFile
from app.tickets.rules.file_reading import read_tickets

NOW = datetime(2013, 3, 6, 12, 0, tzinfo=UTC)
HEAD = "number,title,state,created"
LINES = 'number;title;state;created;sites\r\n7;Störung – „aus“;new;2011-01-02;"DE-KIT;x"\r\n'


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (LINES.encode(), ""),
        (LINES.encode("utf-8-sig"), ""),
        (LINES.encode("utf-16"), ""),
        (("sep=;\r\n" + LINES).encode("utf-16-be", "strict"), "be"),
        (LINES.encode("cp1252"), "windows-1252"),
        (LINES.replace(";", "\t").replace("DE-KIT\tx", "DE-KIT;x").encode(), ""),
        (LINES.replace("number", "'Number").replace("state", " STATE ").encode(), ""),
        (LINES.replace("number", " 'Number").encode(), ""),
        (LINES.replace("\r\n", ";;\r\n").encode(), ""),
    ],
)
def test_what_spreadsheets_write_is_read(content: bytes, encoding: str) -> None:
    if encoding == "be":
        content, encoding = b"\xfe\xff" + content, ""
    (ticket,) = read_tickets(decoded(content, encoding), NOW)
    assert not ticket.problems
    assert (ticket.line, ticket.number) == (3 if b"s\x00e\x00p" in content else 2, "7")
    assert ticket.values["title"] == "Störung – „aus“"
    assert ticket.values["sites"] == ("DE-KIT", "x")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LINES.encode("cp1252"), "line 2: this is not UTF-8. Save the file as"),
        (LINES.encode("utf-16-le"), "line 1: this looks like UTF-16 without its mark"),
        (b"\xff\xfea", "line 1: this is not utf-16"),
        (b"", "the file: it is empty"),
        (b"\n\n", "the file: it is empty"),
        (
            b"number,title,created\n1,x,2011-01-02\n",
            "line 1, column state: this column is required",
        ),
        (f"{HEAD},colour\n".encode(), 'line 1, "colour": the columns are number, title'),
        (f"{HEAD},State\n".encode(), "line 1, column state: this column occurs twice"),
        (f'{HEAD}\n1,"x,new,2011-01-02\n'.encode(), "line 2: this is not valid CSV"),
        (b"PK\x03\x04\x14\x00\x06\x00", "the file: this is a workbook; save it as"),
    ],
)
def test_what_is_no_file_of_tickets_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(BadFile) as caught:
        list(read_tickets(decoded(content), NOW))
    assert str(caught.value.problems[0]).startswith(told)
