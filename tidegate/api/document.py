"""YAML and JSON text into plain JSON values that know the line of every field. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from tidegate.api.composer import (
    MAX_MISTAKES,
    Composer,
    Document,
    Refused,
    repeated,
    too_deep,
    too_many_mistakes,
)
from tidegate.api.mistake import Mistake
from tidegate.api.problem import Problem

MAX_TEXT: Final = 1024 * 1024
MAX_DOCUMENTS: Final = 5000

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_START: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
# Each turn takes one whole line: with a choice of where to end, comments cost exponential time.
_DIRECTIVES: Final = re.compile(r"(?:[^\S\n]*(?:[%#][^\n]*)?\n)*\Z")


def documents(text: str, file: str) -> tuple[list[Document], list[Problem]]:
    """Read every document of `text`; one that cannot be read does not hide the others."""
    found: list[Document] = []
    problems: list[Problem] = []
    read = _json_documents if file.endswith(".json") else _yaml_documents
    try:
        _check_size(text)
        for outcome in read(text.removeprefix("\ufeff")):
            if isinstance(outcome, Refused):
                problems.append(outcome.problem(file))
            else:
                found.append(outcome)
    except Refused as refusal:
        problems.append(refusal.problem(file))
    return found, problems


def _check_size(text: str) -> None:
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise Refused("is not valid text", "save the file as UTF-8") from None
    if length > MAX_TEXT:
        fix = "split it, or put large code behind an URL with function-content-type: url"
        raise Refused(f"is larger than {MAX_TEXT // 1024} KiB", fix)


def _yaml_documents(text: str) -> Iterator[Document | Refused]:
    """Read each part that `---` starts by itself, so that a syntax error ends with its part."""
    for chunk, first_line in _chunks(text):
        try:
            yield from _composed(chunk, first_line)
        except Refused as refusal:
            yield refusal
        except yaml.YAMLError as error:
            yield _syntax_error(error, first_line)


def _chunks(text: str) -> Iterator[tuple[str, int]]:
    starts = [match.start() for match in _START.finditer(text)]
    if not starts or not _DIRECTIVES.match(text, 0, starts[0]):
        starts.insert(0, 0)
    if len(starts) > MAX_DOCUMENTS:
        raise Refused(f"has more than {MAX_DOCUMENTS} documents", "split it")
    line = text.count("\n", 0, starts[0])
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        chunk = text[start:end]
        yield chunk, line
        line += chunk.count("\n")


def _composed(chunk: str, first_line: int) -> Iterator[Document]:
    composer = Composer(first_line)
    for event in yaml.parse(chunk, _LOADER):
        document = composer.take(event)
        if document is not None:
            yield document


def _syntax_error(error: yaml.YAMLError, first_line: int) -> Refused:
    mark = getattr(error, "problem_mark", None)
    what = str(getattr(error, "problem", None) or "has characters that YAML refuses")
    if mark is None:
        return Refused(what, "save the file as plain UTF-8 text", first_line + 1)
    tabs = "tab" in what or "cannot start any token" in what
    fix = "indent with spaces, not tabs" if tabs else "check indentation and quotes there"
    return Refused(f"column {mark.column + 1}: {what}", fix, first_line + mark.line + 1)


def _json_documents(text: str) -> Iterator[Document]:
    doubles: list[Mistake] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, item in pairs:
            if key in value:
                doubles.append(repeated(key, (key,)))
            value[key] = item
        return value

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        message = f"column {error.colno}: {error.msg}"
        raise Refused(message, "mend the JSON there", error.lineno) from None
    except RecursionError:
        raise too_deep(None) from None
    except ValueError as error:
        raise Refused(str(error), "write a JSON number") from None
    if len(doubles) > MAX_MISTAKES:
        raise too_many_mistakes()
    # JSON is YAML but for tabs, which JSON has between its tokens only.
    read = list(_yaml_documents(text.replace("\t", " ")))
    lines = read[0].lines if len(read) == 1 and isinstance(read[0], Document) else {}
    yield Document(value, lines, doubles)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
