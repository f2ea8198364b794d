"""``deploy/README.md`` as ``make prove-guide`` reads it: each block of commands is found."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from app.core.folders import PROJECT
from bench.guide.blocks import Block, GuideError, read
from bench.guide.forms import FORMS

GUIDE = (PROJECT / "deploy" / "README.md").read_text()
STEPS = [block for block in read(GUIDE) if block.is_commands]
"""Some blocks are steps twice: the larger form runs them again."""


def _places(text: str) -> list[tuple[int, str, str]]:
    """Line, info string and text of each block, as a reader of Markdown finds them."""
    found = []
    for token in MarkdownIt().parse(text):
        assert token.type != "code_block", f"indented, without a fence: {token.content}"
        if token.type == "fence":
            assert token.map is not None
            found.append((token.map[0] + 1, token.info.strip(), token.content))
    return found


def test_each_block_is_found() -> None:
    once = [(block.line, block.info, block.text) for block in read(GUIDE) if not block.is_again]
    assert once == _places(GUIDE)
    assert all(info for _line, info, _text in once), "each block says what is in it"


def test_what_is_not_run_says_why_and_all_else_is_run() -> None:
    left_out = [block for block in STEPS if block.not_run and not block.is_again]
    assert len(left_out) == GUIDE.count("guide: not run:")
    assert all(len(block.not_run.split()) >= 5 for block in left_out)
    assert len(left_out) < len(STEPS) / 3
    for block in STEPS:
        places = [form for form in FORMS if form.machines_of(block)]
        assert places, f"no form runs the block in line {block.line}"
        for form in places:
            assert set(form.machines_of(block)) <= set(form.machines)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.heading}, line {step.line}")
def test_a_block_says_all_that_is_to_be_done(step: Block) -> None:
    """The shell continues after a command that fails before ``&&`` or ``||``."""
    for guess in ("&&", "||", "...", "sudo "):
        assert guess not in step.text
    assert not re.search(r"^ *#", step.text, re.MULTILINE), "a comment alone changes nothing"


def test_blocks_wherever_they_are() -> None:
    text = """# Title

```bash
one
```

## Second

- list

  <!-- guide: not run: a reason -->

  ```bash
  two \\
    more
  ```

```ini
[file]
```

<!-- guide: typed a password -->
<!-- guide: on a b -->

```bash
three
```

<!-- guide: again Title on b c -->
"""
    assert read(text) == [
        Block(3, "Title", "bash", "one\n"),
        Block(13, "Second", "bash", "two \\\n  more\n", not_run="a reason"),
        Block(18, "Second", "ini", "[file]\n"),
        Block(25, "Second", "bash", "three\n", typed="a password\n", machines=("a", "b")),
        Block(29, "Title", "bash", "one\n", machines=("b", "c"), is_again=True),
    ]
    assert [(block.line, block.info, block.text) for block in read(text)][:4] == _places(text)


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nno end\n",
        "<!-- guide: perhaps -->\n\n```bash\ntrue\n```\n",
        "<!-- guide: not run: -->\n\n```bash\ntrue\n```\n",
        "<!-- guide: not run: a reason -->\n\nwords\n\n```bash\ntrue\n```\n",
        "<!-- guide: not run: a reason -->\n\n```ini\n[file]\n```\n",
        "<!-- guide: not run: a reason -->\n",
        "<!-- guide: again Another on one -->\n",
    ],
)
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(GuideError):
        read(text)
