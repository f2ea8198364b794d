"""OSG's lists of downtimes: what is read of them, and how wrong ones are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.rules.errors import Invalid
from app.evidence.adapters.osg import MAX_BYTES, read_list
from app.evidence.rules.downtimes import Downtime, announced_together

SAMPLE = (Path(__file__).parents[1] / "osg_sample.yaml").read_bytes()
TEXT = "Storage is down for an upgrade of its network.\n\nAll data is inaccessible."


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_each_entry_is_read_with_its_times_in_utc() -> None:
    first, second, third = read_list(SAMPLE)
    assert first == Downtime(
        their_id="1005258",
        resource="KIT_SE",
        services="SRMv2, GridFtp",
        severity="Outage",
        is_scheduled=True,
        start=at(2013, 3, 1, 8, 30),
        end=at(2013, 3, 1, 12, 0),
        announced_at=at(2013, 2, 20, 8, 30),
        text=TEXT,
    )
    assert (second.start, second.end) == (first.start, first.end)
    assert (third.start, third.end) == (at(2013, 3, 2, 6, 30), at(2013, 3, 2, 8, 30))
    assert (third.is_scheduled, third.announced_at, third.text) == (False, None, "No")


def test_entries_of_one_time_and_text_are_one_downtime() -> None:
    storage, other = announced_together("DE-KIT", "OSG", read_list(SAMPLE))
    assert (storage.resources, storage.services) == (["KIT_SE", "KIT_TAPE"], ["GridFtp", "SRMv2"])
    assert storage.notice is not None
    assert storage.notice.days == 9
    assert (other.resources, other.notice) == (["KIT_CE"], None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"ID: 1005259", b"ID: 1005258", "Downtime 1005258 is there twice"),
        (b"Mar 02, 2013 1:00 -0530", b"Mar 32, 2013 01:00 -0530", "StartTime: does not exist"),
        (b"Mar 02, 2013 1:00 -0530", b"2013-03-02", "StartTime: must be a time such as Mar 28"),
        (b"Mar 02, 2013 03:00 -0530", b"Mar 02, 2013 00:59 -0530", "EndTime: the end is before"),
        (b"Mar 02, 2013 03:00 -0530", b"Jan 01, 0001 00:00 +2300", "EndTime: does not exist"),
        (b"Class: UNSCHEDULED", b"Class: PLANNED", "Class: must be SCHEDULED or UNSCHEDULED"),
        (b"ResourceName: KIT_CE", b"ResourceName: [KIT_CE]", "ResourceName: is missing, or not a"),
        (b"ResourceName: KIT_CE", b"ResourceName: " + b"x" * 256, "is longer than 255 characters"),
        (b"  - CE", b"  - {a: CE}", "Services: must be a list of texts"),
    ],
)
def test_a_wrong_entry_refuses_the_file_and_is_named(old: bytes, new: bytes, said: str) -> None:
    assert old in SAMPLE
    with pytest.raises(Invalid) as refused:
        read_list(SAMPLE.replace(old, new, 1))
    assert said in refused.value.message
    if "twice" not in said:
        assert "Entry 3 (ID 1005301): " in refused.value.message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it has no entries"),
        (b"[]", "it has no entries"),
        (b"ID: 1", "it has no entries"),
        (b"- 1", "Entry 1 is not a downtime"),
        (b"- &a [*a]", "Entry 1 is not a downtime"),
        (b"\xff\xfe\x00", "Not a YAML file"),
        (b"- !!python/object/apply:os.system [true]", "Not a YAML file"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * (MAX_BYTES + 1), "larger than 2 MiB"),
    ],
    ids=range(9),
)
def test_what_is_no_list_is_refused_in_words(content: bytes, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_list(content)
    assert said in refused.value.message
