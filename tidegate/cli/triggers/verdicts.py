"""What came of an event that was tried, for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.cli.output import one_line
from tidegate.cli.triggers.decisions import clause

Row = Mapping[str, Any]

LONGEST = 2000
"""Characters of an answer that are shown."""


def trial_text(row: Row) -> str:
    """Return what happened with one function of the trigger."""
    return "\n".join(map(one_line, _lines(row)))


def _lines(row: Row) -> Iterator[str]:
    yield f"{row['kind']} {row['trigger']}, function {row['function']}"
    if row["paused"]:
        yield "paused: events of its source are not read now"
    said = row["filter"]
    if not said["clauses"]:
        yield "filter: none"
    else:
        yield f"filter: {'yes' if said['matched'] else 'no'}"
    for one in said["clauses"]:
        yield f"  {'ok  ' if one['passed'] else 'not '} {clause(one)}"
    if said["matched"]:
        yield from _sent(row)
    yield f"then: {row['then']}"
    if row.get("backoffs"):
        yield f"  waits: {', '.join(f'{one:g} s' for one in row['backoffs'])}"


def _sent(row: Row) -> Iterator[str]:
    request = row["request"]
    if "error" in request:
        yield f"request: cannot be written: {request['error']}"
        return
    yield f"request: {request['line']}, {request['bytes']} bytes"
    for name, text in request["headers"]:
        yield f"  {name}: {text}"
    answer = row.get("answer")
    if answer is not None:
        yield f"answer: {answer['status']} in {row['seconds'] * 1000:.0f} ms"
        body = answer.get("data", answer.get("dataBase64", ""))
        if body:
            yield from (f"  {line}" for line in body[:LONGEST].split("\n"))
    if row.get("error"):
        yield f"error: {row['error']}"
