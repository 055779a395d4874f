"""The report for people and for programs. The JSON and YAML forms are stable."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tidegate.cli.migrate.model import Change, Report, Step, Task

WIDTH = 80
_MOST_NAMES = 6


def as_document(report: Report) -> dict[str, Any]:
    """Return the report for programs."""
    return {
        "place": report.place,
        "objects": [draft.title for draft in report.drafts],
        "changes": [each._asdict() for each in report.changes],
        "byHand": [each._asdict() for each in report.tasks],
        "warnings": list(report.warnings),
        "steps": [each._asdict() | {"commands": list(each.commands)} for each in report.steps],
    }


def as_text(report: Report) -> str:
    """Return the report for people: what changes, what to do by hand, and the commands."""
    if not report.drafts and not report.tasks:
        return f"{report.place}: there is nothing of Kubeless"
    parts = [
        f"{report.place}: {_count(len(report.drafts), 'object')} of Kubeless",
        *_section("What changes", _changes(report.changes)),
        *_section("By hand", _tasks(report.tasks)),
        *_section("Warnings", (_wrapped(each, "", "  ") for each in report.warnings)),
        *_section("Commands, in this order", _steps(report.steps)),
    ]
    return "\n".join(parts)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield f"\n{title}"
        yield from found


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    """Say once what several objects share, below their names."""
    owners: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for each in changes:
        owners[each[1:]].append(each.object)
    shared: dict[tuple[str, ...], list[tuple[str, str, str]]] = defaultdict(list)
    for said, objects in owners.items():
        shared[tuple(objects)].append(said)
    for names, sayings in shared.items():
        yield ""
        yield _wrapped(_names(names), "", "  ")
        for field, before, now in sayings:
            yield _wrapped(f"{field}: {before}", "  ", "      ")
            yield _wrapped(f"-> {now}", "    ", "       ")


def _names(names: tuple[str, ...]) -> str:
    """Name objects of one kind, some of them when they are many."""
    kind = names[0].partition(" ")[0]
    if any(not each.startswith(f"{kind} ") for each in names):
        return ", ".join(names)
    short = [each.partition(" ")[2] for each in names]
    more = f" and {len(short) - _MOST_NAMES} more" if len(short) > _MOST_NAMES else ""
    return f"{kind} {', '.join(short[:_MOST_NAMES])}{more}"


def _tasks(tasks: Iterable[Task]) -> Iterator[str]:
    for number, each in enumerate(tasks, 1):
        place = ": ".join(part for part in (each.object, each.field) if part)
        yield ""
        yield _wrapped(f"{number}. {place}: {each.message}", "", "   ")
        yield _wrapped(f"-> {each.fix}", "   ", "      ")


def _steps(steps: Iterable[Step]) -> Iterator[str]:
    for number, each in enumerate(steps, 1):
        yield ""
        yield f"# {number}. {each.title}."
        if each.reason:
            yield _wrapped(each.reason, "# ", "# ")
        yield from each.commands


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
