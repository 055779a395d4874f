"""Draws docs/pictures/*.txt as SVG beside them: boxes, lines and arrows of box-drawing characters.

The first line of a text is the picture's title, the rest a grid of characters. A box of single
lines is plain, one of double lines is drawn to be noticed, and a line of ╌ or ┆ is dashed. What is
no line is text. Colours follow the reader's choice of light or dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.unit.docs.pages import ROOT

FOLDER = ROOT / "docs" / "pictures"
WIDTH, HEIGHT = 9, 20
"""Pixels of a character's cell."""

LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
ARMS = {
    "─": LEFT | RIGHT, "═": LEFT | RIGHT, "╌": LEFT | RIGHT,
    "│": UP | DOWN, "║": UP | DOWN, "┆": UP | DOWN,
    "┌": RIGHT | DOWN, "╔": RIGHT | DOWN, "┐": LEFT | DOWN, "╗": LEFT | DOWN,
    "└": RIGHT | UP, "╚": RIGHT | UP, "┘": LEFT | UP, "╝": LEFT | UP,
    "├": UP | DOWN | RIGHT, "┤": UP | DOWN | LEFT,
    "┬": LEFT | RIGHT | DOWN, "┴": LEFT | RIGHT | UP, "┼": LEFT | RIGHT | UP | DOWN,
    "▶": LEFT, "◀": RIGHT, "▲": DOWN, "▼": UP,
}  # fmt: skip
"""To which sides of its cell a character leads."""

HEADS = {
    "▶": ((1, 0.5), (0.1, 0.25), (0.1, 0.75)),
    "◀": ((0, 0.5), (0.9, 0.25), (0.9, 0.75)),
    "▲": ((0.5, 0), (0.05, 0.45), (0.95, 0.45)),
    "▼": ((0.5, 1), (0.05, 0.55), (0.95, 0.55)),
}
"""Corners of an arrow's head, as shares of its cell."""

DASHED = "╌┆"
BOXES = (("box", "┌", "┐", "└"), ("strong", "╔", "╗", "╚"))
STYLE = """\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#24292f}
line{stroke:#57606a;stroke-width:1.5;stroke-linecap:square}
.dashed{stroke-dasharray:3 4}
polygon{fill:#57606a}
.box{fill:#f3f4f6}
.strong{fill:#d5ede6}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}line{stroke:#9da7b3}polygon{fill:#9da7b3}
.box{fill:#2b303b}.strong{fill:#1d4a41}}"""

_WORDS = re.compile(rf"[^\s{''.join(ARMS)}]+(?: [^\s{''.join(ARMS)}]+)*")


class Cell(NamedTuple):
    """A place in the grid."""

    row: int
    column: int


def drawn() -> Iterator[tuple[Path, str]]:
    """Yield the file of each picture, and what it should hold."""
    for file in sorted(FOLDER.glob("*.txt")):
        title, _, grid = file.read_text(encoding="utf-8").partition("\n")
        yield file.with_suffix(".svg"), svg(title, grid.strip("\n").split("\n"))


def svg(title: str, rows: Sequence[str]) -> str:
    """Return the picture of a grid of characters."""
    width = max(map(len, rows)) * WIDTH + 2 * WIDTH
    height = len(rows) * HEIGHT + HEIGHT
    parts = (*_boxes(rows), *_lines(rows), *_heads(rows), *_texts(rows))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" '
            f'height="{height}" viewBox="{-WIDTH} {-HEIGHT // 2} {width} {height}">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            *parts,
            "</svg>\n",
        )
    )


def _boxes(rows: Sequence[str]) -> Iterator[str]:
    for kind, first, right, below in BOXES:
        for cell in _cells(rows, first):
            column = rows[cell.row].index(right, cell.column)
            row = next(
                row
                for row in range(cell.row, len(rows))
                if rows[row][cell.column : cell.column + 1] == below
            )
            x, y = _middle(cell)
            width, height = (column - cell.column) * WIDTH, (row - cell.row) * HEIGHT
            yield f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width}" height="{height}"/>'


def _cells(rows: Sequence[str], wanted: str) -> Iterator[Cell]:
    for row, text in enumerate(rows):
        for column, character in enumerate(text):
            if character in wanted:
                yield Cell(row, column)


def _middle(cell: Cell) -> tuple[float, float]:
    return (cell.column + 0.5) * WIDTH, (cell.row + 0.5) * HEIGHT


def _lines(rows: Sequence[str]) -> Iterator[str]:
    """Join what leads from cell to cell to as few lines as there can be."""
    for row, text in enumerate(rows):
        y = (row + 0.5) * HEIGHT
        for dashed, begin, end in _strokes(text, LEFT, RIGHT):
            yield _line(dashed, (begin * WIDTH / 2, y, end * WIDTH / 2, y))
    for column in range(max(map(len, rows))):
        x = (column + 0.5) * WIDTH
        text = "".join(row[column : column + 1] or " " for row in rows)
        for dashed, begin, end in _strokes(text, UP, DOWN):
            yield _line(dashed, (x, begin * HEIGHT / 2, x, end * HEIGHT / 2))


def _strokes(text: str, before: int, after: int) -> Iterator[tuple[bool, int, int]]:
    """Yield each unbroken stroke along `text` in half cells, and whether it is dashed."""
    stroke: tuple[bool, int, int] | None = None
    for dashed, begin, end in _halves(text, before, after):
        if stroke and stroke[0] == dashed and stroke[2] == begin:
            stroke = (dashed, stroke[1], end)
            continue
        if stroke:
            yield stroke
        stroke = (dashed, begin, end)
    if stroke:
        yield stroke


def _halves(text: str, before: int, after: int) -> Iterator[tuple[bool, int, int]]:
    for index, character in enumerate(text):
        arms, dashed = ARMS.get(character, 0), character in DASHED
        if arms & before:
            yield dashed, 2 * index, 2 * index + 1
        if arms & after:
            yield dashed, 2 * index + 1, 2 * index + 2


def _line(dashed: bool, ends: Iterable[float]) -> str:
    x1, y1, x2, y2 = ends
    kind = ' class="dashed"' if dashed else ""
    return f'<line{kind} x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def _heads(rows: Sequence[str]) -> Iterator[str]:
    for row, column in _cells(rows, "".join(HEADS)):
        corners = HEADS[rows[row][column]]
        points = (f"{(column + x) * WIDTH:g},{(row + y) * HEIGHT:g}" for x, y in corners)
        yield f'<polygon points="{" ".join(points)}"/>'


def _texts(rows: Sequence[str]) -> Iterator[str]:
    """Give every text the width of its cells, whatever font there is."""
    for row, text in enumerate(rows):
        for words in _WORDS.finditer(text):
            x, y = words.start() * WIDTH, (row + 0.5) * HEIGHT + 5
            length = len(words[0]) * WIDTH
            yield f'<text x="{x}" y="{y:g}" textLength="{length}">{escape(words[0])}</text>'
