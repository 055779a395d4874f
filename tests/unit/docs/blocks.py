"""The fenced blocks of pages, and what the comment before each says of it.

<!-- run: laptop -->            the test of the commands runs it beside a `tidegate up`
<!-- goes on until: WORDS -->   it starts something that lasts; that says these words when ready
<!-- not run: REASON -->        nobody runs it here
<!-- file: PATH -->             it is saved as this file before what comes after is run
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.unit.docs.pages import Page

COMMANDS = frozenset({"bash", "console", "sh", "shell"})
RUN, GOES_ON, NOT_RUN, FILE = "run", "goes on until", "not run", "file"
UNTIL = "until it says so"

_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n:]+): (?P<note>[^\n]+) -->\n)?"
    r"^```(?P<language>[^\n]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    mark: str
    note: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def has_commands(self) -> bool:
        """Whether somebody may paste it into a shell."""
        return self.language in COMMANDS


def blocks(page: Page) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    for match in _BLOCK.finditer(page.text):
        line = page.text.count("\n", 0, match.start("language")) + 1
        mark, note = match["mark"] or "", match["note"] or ""
        yield Block(page.name, line, mark, note, match["language"].strip(), match["text"])
