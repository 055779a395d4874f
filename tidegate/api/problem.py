"""What is wrong with what a user wrote, where, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

Path = tuple[str | int, ...]


class Severity(Enum):
    """An error keeps the object from running; a warning may mend itself, as when a part is late."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `str()` is one line that a person can act on. Never holds secret values."""

    message: str
    fix: str
    file: str = ""
    line: int | None = None
    object: str = ""
    field: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        parts = [part for part in (place, self.object, self.field) if part]
        sentence = f"{self.message}; {self.fix}" if self.fix else self.message
        return " ".join(": ".join([*parts, sentence]).split())


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object was written: its file, and the line of every field of its document.

    `base` leads to the object in its document, which may be a list of objects.
    """

    file: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict)
    base: Path = ()

    def line(self, path: Path = ()) -> int | None:
        """Return the line of the object's field at `path`, or of the nearest field around it."""
        whole = (*self.base, *path)
        for end in range(len(whole), -1, -1):
            if whole[:end] in self.lines:
                return self.lines[whole[:end]]
        return None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` most likely meant, or None."""
    by_shape = {_shape(candidate): candidate for candidate in sorted(known, reverse=True)}
    found = difflib.get_close_matches(_shape(word), by_shape, n=1, cutoff=0.6)
    return by_shape[found[0]] if found else None


def _shape(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def listed(words: Iterable[str], last_word: str = "or") -> str:
    """Join words for a sentence: `a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} {last_word} {last}" if most else last


def field_text(path: Path) -> str:
    """Write a path as people do: `spec.delivery.retryOn[2]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def quoted(value: object) -> str:
    """Show a text in a sentence, short enough to read."""
    return f'"{_shortened(str(value))}"'


def shown(value: object) -> str:
    """Show any value in a sentence: a scalar as it was written, else what it is."""
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return _shortened(str(value))
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _shortened(text: str) -> str:
    return text if len(text) <= 48 else f"{text[:45]}..."
