"""Prints ``docs/house.svg``: the rooms in their order, their size, and who imports whom.

The order is that of the contract "Rooms in order" in ``pyproject.toml``, the imports are those that
import-linter sees; drawn by ``make docs``.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import grimp  # it looks for our packages on the path

PROJECT = Path(__file__).resolve().parent.parent
FLOORS = ("pages", "tasks", "services", "adapters", "figures", "documents", "models", "rules")
ROW, LEFT, TOP, FLOOR, CELL = 26, 130, 92, 74, 20


def rooms() -> list[str]:
    """The rooms and doors, from top to bottom."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (order,) = (one["layers"] for one in contracts if one["name"].startswith("Rooms in order"))
    return [name.strip() for layer in order for name in layer.split("|")]


def lines_of(room: str, floor: str = "") -> int:
    """Lines of Python in a room, or on one of its floors."""
    path = PROJECT / room.replace(".", "/") / floor
    files = path.rglob("*.py") if floor or path.is_dir() else [path.with_suffix(".py")]
    return sum(len(file.read_text("utf-8").splitlines()) for file in files)


def imports_between(names: Sequence[str]) -> Counter[tuple[str, str]]:
    """How many modules of one room import one of another."""
    graph = grimp.build_graph("app", "soap_service", exclude_type_checking_imports=True)

    def room_of(module: str) -> str:
        return next((n for n in names if module == n or module.startswith(f"{n}.")), "")

    return Counter(
        (room_of(module), room_of(used))
        for module in graph.modules
        for used in graph.find_modules_directly_imported_by(module)
        if room_of(module) and room_of(used) and room_of(module) != room_of(used)
    )


def text(x: float, y: float, words: str, **more: str) -> str:
    """One word or line of the picture."""
    kind = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x}" y="{y}"{kind}>{escape(words)}</text>'


def picture() -> str:
    """The whole drawing."""
    names = rooms()
    found = imports_between(names)
    matrix = LEFT + len(FLOORS) * FLOOR + 70
    width, height = matrix + len(names) * CELL + 20, TOP + len(names) * ROW + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="Noto Sans, sans-serif" font-size="12" fill="#223">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        text(12, 24, "The house: rooms from top to bottom", font_size="16", font_weight="bold"),
        text(
            12,
            44,
            "Left: lines of Python on each floor. Right: how many modules of a row import",
        ),
        text(12, 60, "the room of a column; red: upward, each with its reason in pyproject.toml."),
    ]
    for place, floor in enumerate(FLOORS):
        parts.append(text(LEFT + place * FLOOR + 4, TOP - 8, floor, fill="#556"))
    for row, name in enumerate(names):
        y = TOP + row * ROW
        short = name.removeprefix("app.")
        parts.append(text(12, y + 17, short, font_weight="bold"))
        floors = [lines_of(name, floor) for floor in FLOORS]
        whole = lines_of(name)
        for place, count in enumerate(floors):
            if count:
                shade = min(0.85, 0.12 + count / 5000)
                parts.append(
                    f'<rect x="{LEFT + place * FLOOR}" y="{y}" width="{FLOOR - 3}"'
                    f' height="{ROW - 3}" rx="3" fill="#2a6f97" fill-opacity="{shade:.2f}"/>'
                )
                parts.append(text(LEFT + place * FLOOR + 6, y + 16, f"{count:,}"))
        parts.append(text(matrix - 12, y + 17, f"{whole:,}", text_anchor="end", fill="#556"))
        x = matrix + row * CELL + CELL / 2
        parts.append(
            f'<text transform="translate({x + 4},{TOP - 8}) rotate(-60)" font-size="10"'
            f' fill="#556">{escape(short)}</text>'
        )
        for column, other in enumerate(names):
            if column == row:
                fill, opacity = "#ccd", 1.0
            elif count := found[name, other]:
                fill = "#2a6f97" if column > row else "#c1440e"
                opacity = min(0.9, 0.2 + count / 40)
            else:
                continue
            parts.append(
                f'<rect x="{matrix + column * CELL}" y="{y + 2}" width="{CELL - 3}"'
                f' height="{CELL - 3}" fill="{fill}" fill-opacity="{opacity:.2f}">'
                f"<title>{escape(short)} to {escape(other.removeprefix('app.'))}:"
                f" {found[name, other]}</title></rect>"
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    print(picture(), end="")
