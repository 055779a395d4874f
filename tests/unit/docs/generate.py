"""Writes everything of the documentation that is made from the code: `python -m` this module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.unit.docs import cli_page, pictures, regressions_page, sections, settings_page
from tests.unit.docs.pages import ROOT


def everything() -> Iterator[tuple[Path, str]]:
    """Yield each file, and what it should hold."""
    for page in (cli_page, regressions_page, settings_page):
        yield page.PAGE, page.rendered()
    yield from pictures.drawn()
    yield from ((page.path, text) for page, text in sections.written())


def changed() -> Iterator[tuple[Path, str]]:
    """Yield those that do not hold it."""
    for file, text in everything():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            yield file, text


if __name__ == "__main__":
    for file, text in changed():
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
