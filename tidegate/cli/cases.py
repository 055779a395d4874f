"""The cases of `tidegate function test`: what a function is sent, and what it shall answer."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidegate.cli.errors import CommandError, ExitCode

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Case:
    """One event. What is None is not compared: then any answer that is no error will do."""

    name: str
    data: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/"
    status: int | None = None
    answer: str | None = None
    function: str = ""
    """Whose case it is; empty with one function."""


TEXTS = ("name", "data", "content-type", "method", "path", "answer", "function")
FIELDS = (*TEXTS, "headers", "status")


def read_cases(file: Path) -> list[Case]:
    """Return the cases of a TOML file; raises `CommandError` naming what is wrong in it."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{file}: cannot be read: {error}", ExitCode.USAGE) from error
    entries = document.get("case", [])
    if not isinstance(entries, list) or document.keys() - {"case"}:
        raise _wrong(file, "begin each case with a line [[case]]")
    return [_case(file, number, entry) for number, entry in enumerate(entries, start=1)]


def _case(file: Path, number: int, entry: Mapping[str, Any]) -> Case:
    where = f"case {number}"
    for name in entry.keys() - set(FIELDS):
        raise _wrong(file, f"{where} has {name!r}; there is {', '.join(FIELDS)}")
    for name in entry.keys() & set(TEXTS):
        if not isinstance(entry[name], str):
            raise _wrong(file, f"{where}: {name} must be a text in quotes")
    status, headers = entry.get("status"), entry.get("headers", {})
    if status is not None and not isinstance(status, int):
        raise _wrong(file, f"{where}: status must be a number such as 200")
    if not isinstance(headers, dict) or not all(isinstance(one, str) for one in headers.values()):
        raise _wrong(file, f"{where}: headers must be texts in quotes by name")
    typed = {"content-type": entry["content-type"]} if "content-type" in entry else {}
    return Case(
        name=entry.get("name", where),
        data=entry.get("data", "").encode(),
        headers={**typed, **headers},
        method=entry.get("method", "POST"),
        path=entry.get("path", "/"),
        status=status,
        answer=entry.get("answer"),
        function=entry.get("function", ""),
    )


def _wrong(file: Path, sentence: str) -> CommandError:
    return CommandError(f"{file}: {sentence}", ExitCode.USAGE)
