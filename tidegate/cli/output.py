"""Lists for people and for programs. The JSON and YAML forms are stable."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

Row = Mapping[str, Any]
Columns = Sequence[tuple[str, str]]
"""(heading, field) in order."""


class Format(StrEnum):
    """Forms of a list."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What commands a terminal, but for tabs and line ends."""
_TURNS = re.compile(r"[\n\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What ends a line, or has a terminal show it in another order."""


def plain(text: str) -> str:
    """Return `text` without what commands a terminal: names of events are anybody's.

    It is escaped as JSON does it, so that JSON and YAML stay what they are.
    """
    return _COMMANDS.sub(_escaped, text)


def one_line(text: str) -> str:
    """Return `text` plain and without what would let it tell lines of its own, or turn ours."""
    return _TURNS.sub(_escaped, plain(text))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def write(text: str) -> None:
    """Write `text`, made plain, and a line end to standard output."""
    sys.stdout.write(plain(text) + "\n")


def say(sentence: str) -> None:
    """Write something that is no result, made plain, to standard error."""
    sys.stderr.write(plain(sentence) + "\n")


def document(value: Any, form: Format) -> str:
    """Return `value` as JSON or YAML, without a line end."""
    if form is Format.YAML:
        from tidegate.cli.yaml_text import text_of

        return text_of(value).rstrip("\n")
    return json.dumps(value, indent=2, ensure_ascii=False)


def listing(rows: Sequence[Row], form: Format, columns: Columns, wide: Columns = ()) -> str:
    """Return `rows` in the form that was asked for; `wide` are further columns."""
    if form in (Format.JSON, Format.YAML):
        return document(list(rows), form)
    return table(rows, [*columns, *wide] if form is Format.WIDE else columns)


def table(rows: Sequence[Row], columns: Columns) -> str:
    """Return aligned columns under headings. What is absent is a dash."""
    lines = [
        [heading for heading, _ in columns],
        *([cell(row.get(field)) for _, field in columns] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_aligned(line, widths) for line in lines)


def cell(value: Any) -> str:
    """Return one value as one line."""
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return " ".join(str(value).split())


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
    return "   ".join(padded).rstrip()
