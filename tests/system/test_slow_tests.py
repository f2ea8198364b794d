"""What ``make test`` leaves out, and the order in which it runs the rest."""

from __future__ import annotations

import re

import pytest

from app.core.folders import PROJECT
from tests.harness.slow import README, SLOW, covers, table

pytest_plugins = ["pytester"]


def test_the_readme_tells_what_is_slow_and_why() -> None:
    """``python -m tests.harness.slow`` writes it."""
    assert table() in README.read_text()


def test_every_row_names_tests_that_are_there() -> None:
    names = [
        f"{file.relative_to(PROJECT)}::{test}"
        for file in (PROJECT / "tests").rglob("test_*.py")
        for test in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    ]
    for row in SLOW:
        for pattern in (*row.tests, *row.but):
            found = [name for name in names if covers(pattern, name)]
            assert found, pattern
        for pattern in row.but:
            for name in names:
                if covers(pattern, name):
                    assert any(covers(one, name) for one in row.tests), pattern


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A slow file, a quick one, and a page's test for each kind of database."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for path, text in {
        "tests/stacks/test_slow.py": "def test_a(): pass\ndef test_b(): pass\n",
        "tests/rules/test_quick.py": "".join(f"def test_{n}(): pass\n" for n in range(9)),
        "tests/sites/pages/test_page.py": (
            "import pytest\n"
            "@pytest.mark.parametrize('kind', ['sqlite', 'postgresql'])\n"
            "def test_page(kind): pass\n"
        ),
    }.items():
        file = pytester.path / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n')
    return pytester


def _run(suite: pytest.Pytester, *arguments: str) -> str:
    done = suite.runpytest_subprocess("-p", "tests.harness.selection", *arguments)
    assert done.ret == 0
    return done.stdout.str()


@pytest.mark.parametrize("workers", [0, 2])
def test_slow_ones_are_left_out_and_counted(suite: pytest.Pytester, workers: int) -> None:
    said = _run(suite, "-n", str(workers), "-m", "not slow", "tests")
    assert ("created: 2/2 workers" in said) == (workers == 2)
    assert "10 passed" in said
    assert "slow tests left out: 3 (make test-all runs them)" in said


def test_slow_ones_alone_are_run_when_they_are_named(suite: pytest.Pytester) -> None:
    said = _run(suite, "-m", "not slow", "tests/stacks")
    assert "2 passed" in said
    assert "left out" not in said


def test_one_file_needs_no_second_process(suite: pytest.Pytester) -> None:
    assert "workers" not in _run(suite, "-n", "auto", "tests/rules/test_quick.py")


def test_the_order_is_another_each_time_and_that_of_a_seed_again(suite: pytest.Pytester) -> None:
    def order(said: str) -> list[str]:
        return re.findall(r"^(tests\S+) PASSED", said, re.MULTILINE)

    first, second = _run(suite, "-v", "tests"), _run(suite, "-v", "tests")
    assert len(order(first)) == 13, "without -m the slow ones too"
    assert order(first) != order(second)
    (seed,) = set(re.findall(r"in the order of SEED=(\d+)", first))
    assert order(_run(suite, "-v", f"--randomly-seed={seed}", "tests")) == order(first)
    assert "in the order of the files" in _run(suite, "-p", "no:randomly", "tests")
