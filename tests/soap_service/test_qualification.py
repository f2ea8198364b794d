"""The GGUS qualification language: every form that clients use, and what must be refused."""

from __future__ import annotations

import contextlib
import re
import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules.errors import InvalidQuery
from app.tickets.rules.query import (
    FIELDS,
    OPERATORS,
    And,
    AnyOf,
    Comparison,
    Condition,
    FieldKind,
    Or,
)
from soap_service.qualification import (
    MAX_CHARACTERS,
    MAX_COMPARISONS,
    MAX_NESTING,
    parse_qualification,
)


def eq(field: str, value: str) -> Comparison:
    return Comparison(f"GHD_{field}", "=", value)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", None),
        (" \t\r\n ", None),
        (
            "'GHD_Affected Site'=\"X\" AND 'GHD_Affected VO'=\"lhcb\"",
            And((eq("Affected Site", "X"), eq("Affected VO", "lhcb"))),
        ),
        (
            "'GHD_Affected Site'=\"X\" AND 'GHD_Date Of Creation'>2012-01-01"
            " AND 'GHD_Date Of Creation'<2012-02-01",
            And(
                (
                    eq("Affected Site", "X"),
                    Comparison("GHD_Date Of Creation", ">", "2012-01-01"),
                    Comparison("GHD_Date Of Creation", "<", "2012-02-01"),
                )
            ),
        ),
        ("'GHD_Affected VO'=lhcb", eq("Affected VO", "lhcb")),
        ("'GHD_Affected Site'=CERN-PROD", eq("Affected Site", "CERN-PROD")),
        ("'GHD_Request ID' >= 4711", Comparison("GHD_Request ID", ">=", "4711")),
        ("'GHD_Request ID' != -1.5", Comparison("GHD_Request ID", "!=", "-1.5")),
        (
            "'GHD_Affected Site'=\"X\" AND        'GHD_Short Description'=\"t\" AND"
            "   'GHD_Meta Status'=\"Open\"",
            And(
                (eq("Affected Site", "X"), eq("Short Description", "t"), eq("Meta Status", "Open"))
            ),
        ),
        (
            "'GHD_Meta Status'=\"Closed\" AND ('GHD_Responsible Unit' = \"A\" or"
            " 'GHD_Responsible Unit' = \"B\" )",
            And(
                (
                    eq("Meta Status", "Closed"),
                    Or((eq("Responsible Unit", "A"), eq("Responsible Unit", "B"))),
                )
            ),
        ),
        (
            "'GHD_Date/Time Of Problem' >= \"2011-11-01\" AND"
            " 'GHD_Date/Time Of Problem' < \"2011-12-01 12:30:00\"",
            And(
                (
                    Comparison("GHD_Date/Time Of Problem", ">=", "2011-11-01"),
                    Comparison("GHD_Date/Time Of Problem", "<", "2011-12-01 12:30:00"),
                )
            ),
        ),
        (
            "'GHD_Last Update' >= \"1325376000\"",
            Comparison("GHD_Last Update", ">=", "1325376000"),
        ),
        (
            "'GHD_Last Update'<=2012-01-01T10:00:00+02:00",
            Comparison("GHD_Last Update", "<=", "2012-01-01T10:00:00+02:00"),
        ),
        ("'GHD_EMI Ticket'=\"Yes\"", eq("EMI Ticket", "Yes")),
        ("'GHD_Ticket Category' != \"Test\"", Comparison("GHD_Ticket Category", "!=", "Test")),
        ("'GHD_Related Issue'=\"\"", eq("Related Issue", "")),
        ('\'GHD_Short Description\'="a ""b"" c"', eq("Short Description", 'a "b" c')),
        (
            "'GHD_Short Description'=\"50% of ' OR 1=1 ü\"",
            eq("Short Description", "50% of ' OR 1=1 ü"),
        ),
        ("'GHD_Status'=\"a\"AND'GHD_Status'=\"b\"", And((eq("Status", "a"), eq("Status", "b")))),
        (
            "'GHD_Status'=a OR 'GHD_Status'=b AND 'GHD_Status'=c",
            Or((eq("Status", "a"), And((eq("Status", "b"), eq("Status", "c"))))),
        ),
        ("((('GHD_Status'=a)))", eq("Status", "a")),
        ("'GHD_Status'=\"AND\"", eq("Status", "AND")),
        ("'GHD_Status'=ORGANISED", eq("Status", "ORGANISED")),
    ],
)
def test_what_clients_send_is_read(text: str, query: Condition | None) -> None:
    assert parse_qualification(text) == query


@pytest.mark.parametrize(
    "text",
    [
        "' OR 1=1",
        "1=1",
        "'GHD_Status'",
        "'GHD_Status'=",
        "'GHD_Status'==new",
        "'GHD_Status'<>new",
        "'GHD_Status'=new AND",
        "'GHD_Status'=new XOR 'GHD_Status'=new",
        "'GHD_Status'=new 'GHD_Status'=new",
        "('GHD_Status'=new",
        "'GHD_Status'=new)",
        "()",
        'GHD_Responsible Unit\'="secretword"',
        'GHD_Status="secretword"',
        "\"secretword\"='GHD_Status'",
        "'GHD_Affected VO'={'OK': True, 'Value': 'secretword'}",
        "'GHD_Status'=NULL",
        "'GHD_Status'=null",
        "'GHD_Status'=NOT",
        "'GHD_Status'=and",
        "'GHD_Status'=OR",
        "'GHD_Status'=in",
        "'GHD_Status'=$USER$",
        "NOT 'GHD_Status'=secretword",
        "'GHD_Status' LIKE \"%secretword%\"",
        "'GHD_Status' IN (\"secretword\")",
        "'GHD_Status'=two secretword",
        "'GHD_Status'=\"secretword",
        "'GHD_Status'=100+1",
        "'GHD_Status'=100%",
        "'GHD_Date Of Creation'>2012-01-01 10:00:00",
        "'GHD_Date Of Creation'>\"2012-02-30\"",
        "'GHD_Date Of Creation'>secretword",
        "'GHD_Date Of Creation'>\"\"",
        "'GHD_Secretword'=1",
        "'GHD_Affected_Site'=\"secretword\"",
        "'ghd_affected site'=\"secretword\"",
        "'Affected Site'=\"secretword\"",
        "'password_hash'=\"secretword\"",
        "'GHD_Public Diary'=\"secretword\"",
        "'GHD_Internal Diary'!=\"\"",
        "'GHD_Affected Site'>\"secretword\"",
        "'GHD_Status'=\"secretword\x00\"",
        "'GHD_Status'=\"\ud800secretword\"",
        "'GHD_Status'=new\u00a0",
        "'GHD_Status'=new; DROP TABLE tickets",
        "'GHD_Status'=new -- secretword",
    ],
)
def test_anything_else_is_one_clear_fault_without_the_value(text: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse_qualification(text)
    assert "secretword" not in caught.value.message.lower()
    assert 20 < len(caught.value.message) < 250


def test_each_fault_says_what_is_allowed_there() -> None:
    expected = {
        "'GHD_Status'x": "= != < <= > >=",
        "'GHD_Status'={": "a value is a text in double quotes",
        "'GHD_Status'=": "ends too early",
        "'GHD_Status'=a b": "character 16; after a value comes AND, OR",
        "x": "character 1; a condition begins with",
        "'GHD_Status'=\"a": "character 14; a quote is opened there and not closed",
    }
    for text, words in expected.items():
        with pytest.raises(InvalidQuery, match=re.escape(words)):
            parse_qualification(text)


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(" * (MAX_NESTING + 1) + "'GHD_Status'=a" + ")" * (MAX_NESTING + 1), "nested too deep"),
        ("(" * 10_000, "nested too deep"),
        (" OR ".join(["'GHD_Status'=a"] * (MAX_COMPARISONS + 1)), "too many comparisons"),
        ("'GHD_Status'=\"" + "x" * MAX_CHARACTERS + '"', "too long"),
        ("'" * 1_048_576, "too long"),
    ],
)
def test_limits_are_clear_faults(text: str, words: str) -> None:
    with pytest.raises(InvalidQuery, match=words):
        parse_qualification(text)


def test_the_limits_themselves_are_allowed() -> None:
    parse_qualification("(" * MAX_NESTING + "'GHD_Status'=a" + ")" * MAX_NESTING)
    wide = parse_qualification(" OR ".join(["'GHD_Status'=a"] * MAX_COMPARISONS))
    assert isinstance(wide, Or)
    assert len(wide.parts) == MAX_COMPARISONS
    longest = '"' * 4000
    quoted = longest.replace('"', '""')
    assert parse_qualification(f"'GHD_Description'=\"{quoted}\"") == eq("Description", longest)


@pytest.mark.parametrize(
    "piece", ["'", '"', '""', "(", ")", "a", " ", "'a'=", "'GHD_Status'=a ", "%", "\x00"]
)
def test_hostile_repetition_is_cheap(piece: str) -> None:
    """Within the length limit each takes milliseconds; 1 s leaves room for a slow machine.

    It is the thread's own time, which leaves out what else a busy machine does.
    """
    text = (piece * MAX_CHARACTERS)[:MAX_CHARACTERS]
    began = time.thread_time()
    for query in (text, text + '"', "'GHD_Status'=\"" + text[:-20]):
        with contextlib.suppress(InvalidQuery):
            parse_qualification(query)
    assert time.thread_time() - began < 1


# --- properties ---------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
TIMES = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 (a time without zone is what is tested)
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
).map(str)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(st.sampled_from([n for n, k in FIELDS.items() if k is not FieldKind.DIARY]))
    kind = FIELDS[field]
    op = draw(st.sampled_from(OPERATORS[:2] if kind is FieldKind.SITE else OPERATORS))
    value = draw(TIMES if kind is FieldKind.TIME else TEXT.filter(_storable))
    return Comparison(field, op, value)


def _storable(value: str) -> bool:
    return "\ufffe" not in value and "\uffff" not in value


def _several(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    many = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return many.map(And) | many.map(Or)


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(comparisons(), _several, max_leaves=15)


def render(condition: Condition, *, inside: bool = False) -> str:
    if isinstance(condition, Comparison):
        value = condition.value.replace('"', '""')
        return f"'{condition.field}' {condition.op}\"{value}\""
    assert not isinstance(condition, AnyOf)
    joint = " AND " if isinstance(condition, And) else " or "
    text = joint.join(render(part, inside=True) for part in condition.parts)
    return f"({text})" if inside else text


@given(CONDITIONS)
def test_a_rendered_query_reads_as_itself(condition: Condition) -> None:
    assert parse_qualification(render(condition)) == condition


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [
                *("'GHD_Status'", "'GHD_ETA'", "=", "!=", "<", "(", ")", " ", "AND", "or"),
                *("NULL", '"', '"x"', "'", "1", "2012-01-01", "word", "$", "%", "{", "\x00"),
            ]
        )
    ).map("".join)
)
def test_any_text_is_read_or_is_the_one_fault(text: str) -> None:
    with contextlib.suppress(InvalidQuery):
        parse_qualification(text)


def test_the_fields_are_those_of_the_contract() -> None:
    """Typed by hand from the field table of the contract, with what clients use besides."""
    elements = """
        Description Experiment_Specific_Problem Internal_Diary Last_Modifier Priority Request_ID
        Responsible_Unit Short_Description Detailed_Solution Status Type_Of_Problem Public_Diary
        Affected_Site Affected_VO Product_Name Product_Version Date_Of_Change Date_Of_Creation
        E-Mail Loginname Name Phone Ticket_Type Origin_SG ETA Related_Issue VO_Specific
        Create_Date Modified_Date Date_Time_Of_Problem Origin_ID Last_Login CarbonCopy
        Submitter_Mail Assign_To Ticket_Category Target_ID Incident_ID Parent_ID
        Parent_Child_Relation Meta_Status Last_Update Date/Time_Of_Problem EMI_Ticket
    """
    assert set(FIELDS) == {"GHD_" + name.replace("_", " ") for name in elements.split()}
