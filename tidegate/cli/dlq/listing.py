"""`tidegate dlq list` and `tidegate dlq show`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.dlq.selecting import (
    SCAN_TIMEOUT,
    AllNamespacesOption,
    TriggerOption,
    check_trigger,
)
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, listing, say, write

if TYPE_CHECKING:
    from tidegate.cli.place.place import GatewayAdmin, Place

COLUMNS = (
    ("ID", "id"),
    ("TRIGGER", "trigger"),
    ("REASON", "reason"),
    ("CODE", "code"),
    ("ATTEMPTS", "attempts"),
    ("LAST FAILED", "lastFailed"),
    ("ERROR", "error"),
)
WIDE = (
    ("NAMESPACE", "namespace"),
    ("FUNCTION", "function"),
    ("FIRST FAILED", "firstFailed"),
    ("POSITION", "position"),
    ("BYTES", "bytes"),
    ("PLACE", "place"),
)

Row = dict[str, Any]
Letters = tuple[list[Row], list[str]]
"""Rows, and sentences about letters that are elsewhere."""


def _list_letters(
    where: WhereFlags,
    trigger: TriggerOption = "",
    everywhere: AllNamespacesOption = False,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="At most so many, oldest first.")
    ] = 100,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """List dead letters in files, NATS streams and Kafka topics. Also: ls.

    They are those of triggers that run. Letters that went to an URL or a function
    are there, not here.
    """
    from tidegate.cli.place.open import run

    async def work(place: Place) -> Letters:
        await check_trigger(place, trigger, everywhere=everywhere)
        namespace = "" if everywhere else place.namespace
        query = {"trigger": trigger, "namespace": namespace, "limit": str(limit)}
        return await letters_of(place, query, limit)

    letters, elsewhere = run(where.target(), work)
    write(listing(letters, output, COLUMNS, WIDE))
    remark(elsewhere)


list_letters = grouped(_list_letters)


def _show(
    id: Annotated[str, typer.Argument(metavar="ID", help="As in tidegate dlq list.")],
    where: WhereFlags,
    payload: Annotated[
        bool, typer.Option("--payload", help="With the event's data, which may be confidential.")
    ] = False,
    output: ListOutputOption = Format.YAML,
) -> None:
    """Show one dead letter with the attributes of its event."""
    from tidegate.cli.place.open import run

    letter = run(where.target(), lambda place: shown(place, id, payload=payload))
    write(document(letter, Format.JSON if output is Format.JSON else Format.YAML))


show = grouped(_show)


def remark(sentences: Iterable[str]) -> None:
    """Say `sentences` beside the answer, so that programs still read the answer."""
    for sentence in sentences:
        say(f"tidegate: {sentence}")


async def letters_of(
    place: Place, query: dict[str, str], limit: int
) -> tuple[list[Row], list[str]]:
    """Ask every gateway: each knows the places of the triggers that it runs."""
    from tidegate.cli.place.operations import Operation, told

    wanted = Operation("GET", "/dead-letters", query, timeout=SCAN_TIMEOUT)
    letters: dict[str, Row] = {}
    elsewhere: dict[str, None] = {}
    for gateway in await place.gateways():
        found = await told(gateway, wanted)
        letters |= {row["id"]: row for row in found["letters"]}
        elsewhere |= dict.fromkeys(found["elsewhere"])
    return list(letters.values())[:limit], list(elsewhere)


async def shown(place: Place, id: str, *, payload: bool) -> Row:
    """Return one letter, from whichever gateway knows it. Raises `NotFound`."""
    from urllib.parse import quote

    from tidegate.cli.place.operations import Operation, first, told

    query = {"payload": str(int(payload))}
    wanted = Operation("GET", f"/dead-letters/{quote(id, safe='')}", query, timeout=SCAN_TIMEOUT)

    async def ask(gateway: GatewayAdmin) -> Row:
        letter: Row = await told(gateway, wanted)
        return letter

    return await first(await place.gateways(), ask)
