"""The project's Markdown pages, and the parts of them that can be checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_QUOTE = re.compile(r"^> (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        """What it says."""
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """What it says outside of fenced blocks."""
        return _FENCE.sub("", self.text)

    def links(self) -> list[str]:
        """Targets of links into the repository."""
        prose = _CODE.sub("", self.prose)
        return [target for target in _LINK.findall(prose) if "://" not in target]

    def codes(self) -> list[str]:
        """What stands between backticks."""
        return _CODE.findall(self.prose)

    def anchors(self) -> set[str]:
        """The names that links to its headings have."""
        return {anchor(heading) for heading in _HEADING.findall(self.prose)}

    def quotes(self) -> list[str]:
        """Lines that are quoted with a leading angle bracket."""
        return _QUOTE.findall(self.prose)

    def rows(self) -> Iterator[list[str]]:
        """The cells of every table row whose first cell is code."""
        for row in _ROW.findall(self.prose):
            cells = [cell.strip() for cell in row.split(" | ")]
            if cells[0].startswith("`"):
                yield cells


def anchor(heading: str) -> str:
    """Return the name that a heading's link has."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def pages() -> list[Page]:
    """Return every page, hidden folders left out."""
    found = ROOT.rglob("*.md")
    ours = (path for path in found if not _is_hidden(path.relative_to(ROOT)))
    return [Page(path) for path in sorted(ours)]


def page(name: str) -> Page:
    """Return the page at a path in the repository."""
    return Page(ROOT / name)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "node_modules" for part in path.parts)
