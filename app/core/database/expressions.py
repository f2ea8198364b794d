"""Expressions that the two databases write differently; who uses one need not know which it is."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    JSON,
    Integer,
    Select,
    Text,
    bindparam,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType


class as_one_value(FunctionElement[Any]):  # noqa: N801  # used like a function of SQL
    """All rows of a statement with these columns as a list of lists, in any order; None or an empty
    list where there are no rows. Times come as texts, and SQLite's flags as numbers."""

    type = JSON()
    inherit_cache = True
    name = "as_one_value"


@compiles(as_one_value)
def _json_group_array(element: as_one_value, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **options)}))"


@compiles(as_one_value, "postgresql")
def _json_agg(element: as_one_value, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_agg(json_build_array({compiler.process(element.clauses, **options)}))"


class iso_time(FunctionElement[str]):  # noqa: N801
    """A stored time as ISO 8601 in whole seconds with ``Z``, or "" where it is not set."""

    type = Text()
    inherit_cache = True
    name = "iso_time"


@compiles(iso_time)
def _iso_of_text(element: iso_time, compiler: SQLCompiler, **options: Any) -> str:
    time = compiler.process(element.clauses, **options)
    return f"coalesce(substr({time}, 1, 10) || 'T' || substr({time}, 12, 8) || 'Z', '')"


@compiles(iso_time, "postgresql")
def _iso_of_time(element: iso_time, compiler: SQLCompiler, **options: Any) -> str:
    time = compiler.process(element.clauses, **options)
    return f"coalesce(to_char({time} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '')"


class fast_time(FunctionElement[Any]):  # noqa: N801
    """A stored time in the form that the database returns fastest: SQLite's own text, else
    microseconds since 1970, UTC."""

    type = NullType()
    inherit_cache = True
    name = "fast_time"


@compiles(fast_time)
def _as_it_is(element: fast_time, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(fast_time, "postgresql")
def _microseconds(element: fast_time, compiler: SQLCompiler, **options: Any) -> str:
    time = compiler.process(element.clauses, **options)
    return f"CAST(EXTRACT(epoch FROM {time}) * 1000000 AS BIGINT)"


class place_in(FunctionElement[int]):  # noqa: N801
    """Where in the first text the second begins, from 1; 0 if it is not in it."""

    type = Integer()
    inherit_cache = True
    name = "place_in"


@compiles(place_in)
def _instr(element: place_in, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(place_in, "postgresql")
def _strpos(element: place_in, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


class by_code_point(FunctionElement[str]):  # noqa: N801
    """A text whose order is that of code points, whatever the database's language is."""

    type = Text()
    inherit_cache = True
    name = "by_code_point"


@compiles(by_code_point)
def _plain(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


@compiles(by_code_point, "postgresql")
def _collated(element: by_code_point, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)}) COLLATE "C"'


class _Elements(FunctionElement[str]):
    type = Text()
    inherit_cache = True
    name = "elements"


@compiles(_Elements)
def _json_each(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Elements, "postgresql")
def _json_elements(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    given = compiler.process(element.clauses, **options)
    return f"json_array_elements_text(CAST({given} AS JSON))"


def texts_as_rows(texts: Collection[str]) -> Select[str]:
    """These texts as a query, for ``column.in_``: one parameter, however many there are.

    With a list of thousands PostgreSQL may compare each row with each text, and does so as long as
    it has no statistics of a table that has just grown.
    """
    given = bindparam(None, json.dumps([*texts]), type_=Text)
    return select(_Elements(given).table_valued("value").c.value)
