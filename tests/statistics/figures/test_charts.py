"""Charts fill the width of their place; heights are exact."""

from __future__ import annotations

import pytest

from app.statistics.figures.charts import Value, column_chart


def test_bars_share_the_width_and_stand_on_zero() -> None:
    values = [
        Value("2013-Q1", 10, "10"),
        Value("2013-Q2", 5, "5"),
        Value("2013-Q3", None, "no data"),
    ]
    chart = column_chart("x", "Title", values, plot=100)
    assert [(bar.middle, bar.width) for bar in chart.bars] == [
        (16.67, 16.67),
        (50.0, 16.67),
        (83.33, 16.67),
    ]
    assert [bar.height for bar in chart.bars] == [100, 50, 0]
    assert [bar.y + bar.height for bar in chart.bars] == [chart.baseline] * 3
    assert [bar.nothing for bar in chart.bars] == [False, False, True]
    assert chart.about == "2013-Q1: 10; 2013-Q2: 5; 2013-Q3: no data"


@pytest.mark.parametrize(
    ("count", "small", "needs"),
    [
        (1, False, 320),  # 7 letters of 6.4 and 8 px between names
        (5, False, 320),  # 264 px
        (12, False, 640),
        (60, False, 4320),
        (5, True, 320),
        (60, True, 960),
    ],
)
def test_what_needs_more_than_its_place_scrolls(count: int, small: bool, needs: int) -> None:
    values = [Value("2013-Q1", 1, "1") for _ in range(count)]
    assert column_chart("x", "Title", values, small=small).needs == needs


def test_nothing_leaves_the_field() -> None:
    for count in (1, 8, 9, 60):
        values = [Value("2013-01", 3, "3") for _ in range(count)]
        bars = column_chart("x", "Title", values, small=True).bars
        assert bars[0].x >= 0
        assert bars[-1].x + bars[-1].width <= 100.01
