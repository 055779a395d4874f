"""The options of every trigger's `delivery` block, and the block that they make. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import named
from tidegate.cli.triggers.filters import filter_from

_PLACES = ("kafka", "nats", "http", "function", "file")


class Ordering(StrEnum):
    """Which events wait for each other."""

    PARTITION = "partition"
    KEY = "key"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DeliveryFlags:
    """How hard the gateway tries. None was not named."""

    retry: Annotated[
        int | None,
        typer.Option(metavar="N", help="Attempts after the first; -1 until it succeeds."),
    ] = None
    timeout: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Of each attempt, as 30s. Default the function's."),
    ] = None
    dead_letter: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Where events go that fail: kafka:TOPIC, nats:SUBJECT, http:URL, function:NAME "
            "or (laptop) file:PATH. '' for nowhere.",
        ),
    ] = None
    ordering: Annotated[
        Ordering | None,
        typer.Option(metavar="HOW", help="partition, key or none: which events wait for others."),
    ] = None
    concurrency: Annotated[
        int | None, typer.Option(metavar="N", help="Events in flight at a time.")
    ] = None
    filter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TERM",
            help="Only events with type=X (^= begins, $= ends, != is not), or a filter as JSON; "
            "may be repeated, then all must hold. '' for every event.",
        ),
    ] = None

    def spec(self) -> dict[str, Any]:
        """Return `delivery` with what was named; None takes a field away. Raises `CommandError`."""
        block = named(
            {
                "retry": self.retry,
                "timeout": self.timeout,
                "deadLetter": None if self.dead_letter is None else _letters(self.dead_letter),
                "ordering": None if self.ordering is None else self.ordering.value,
                "concurrency": self.concurrency,
                "filter": None if self.filter is None else _filters(self.filter),
            },
            ("timeout", "deadLetter", "filter"),
        )
        return {"delivery": block} if block else {}


def _letters(text: str) -> dict[str, str] | str:
    """Return `deadLetter`; an empty text stays one."""
    if not text:
        return ""
    kind, colon, target = text.partition(":")
    if text.startswith(("http://", "https://")):
        kind, target = "http", text
    if not colon or kind not in _PLACES or not target:
        raise CommandError(
            f"--dead-letter {text!r} is no place; write one of kafka:TOPIC, nats:SUBJECT, "
            "http:URL, function:NAME and file:PATH",
            ExitCode.USAGE,
        )
    return {kind: target}


def _filters(terms: list[str]) -> list[dict[str, Any]] | str:
    """Return `filter`; one empty text stays one."""
    return "" if terms == [""] else [filter_from(term) for term in terms]
