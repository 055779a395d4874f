"""Writes the sections of pages that are made from the code, between a comment and its end.

A line `<!-- fields of NAME -->` begins the table of a model's fields,
`<!-- contents of PATH -->` a block with a file of the repository, and `<!-- runtimes of PATH -->`
the table of what a catalogue has; `<!-- end -->` ends each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtimes.catalog import RUNTIMES
from runtimes.runtime import Runtime
from tests.unit.docs.fields_table import table
from tests.unit.docs.pages import ROOT, Page, pages

LANGUAGES = {".yaml": "yaml", ".py": "python", ".sh": "sh"}

_SECTION = re.compile(
    r"^(<!-- (fields|contents|runtimes) of (\S+) -->\n)(.*?)^(<!-- end -->)$",
    re.DOTALL | re.MULTILINE,
)


def written() -> Iterator[tuple[Page, str]]:
    """Yield each page that has such sections, and what it should say."""
    for page in pages():
        if _SECTION.search(page.text):
            yield page, _SECTION.sub(_section, page.text)


def _section(match: re.Match[str]) -> str:
    begin, what, name, _, end = match.groups()
    return f"{begin}\n{WRITERS[what](name)}\n{end}"


def _contents(path: str) -> str:
    file = ROOT / path
    return f"```{LANGUAGES[file.suffix]}\n{file.read_text(encoding='utf-8').rstrip()}\n```\n"


def _runtimes(_: str) -> str:
    head = "| runtime | file | dependencies | image on a cluster |\n|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(_row(one))} |\n" for one in RUNTIMES.values())


def _row(one: Runtime) -> Iterator[str]:
    values = (one.name, one.file_suffix, one.deps_file, one.image)
    return (f"`{value}`" if value else "–" for value in values)


WRITERS = {"fields": table, "contents": _contents, "runtimes": _runtimes}
"""What writes each kind of section, given the name in its comment."""
