"""`tidegate trigger list`: triggers of every kind, and what they do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.names import unknown
from tidegate.cli.output import Format, Row, listing, write

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place

COLUMNS = (
    ("NAME", "trigger"),
    ("NAMESPACE", "namespace"),
    ("KIND", "kind"),
    ("FUNCTION", "function"),
    ("STATE", "state"),
    ("RECEIVED", "received"),
    ("DELIVERED", "delivered"),
    ("IN FLIGHT", "inFlight"),
    ("PARKED", "parked"),
    ("DRIFT", "drift"),
    ("REASON", "reason"),
)
WIDE = (
    ("FROM", "from"),
    ("FILTERED", "filtered"),
    ("DEAD LETTERED", "deadLettered"),
    ("DROPPED", "dropped"),
    ("RELEASED", "released"),
    ("WAITING", "waiting"),
    ("LAG", "lagEvents"),
    ("LOST", "lost"),
    ("RESTARTS", "restarts"),
)


AllNamespacesOption = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="The triggers of every namespace.")
]


def _list_triggers(
    where: WhereFlags,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these triggers.")
    ] = None,
    every: AllNamespacesOption = False,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """List triggers of every kind with their state and their books. Also: ls.

    Received is the sum of delivered, filtered, dead lettered, dropped, released
    and in flight. Drift is what it is off by: anything but 0 is a bug. In a
    cluster the numbers are the sums over all gateways.
    """
    from tidegate.cli.place.open import run
    from tidegate.cli.triggers.overview import told, triggers
    from tidegate.cli.triggers.rows import trigger_rows

    async def work(place: Place) -> tuple[list[Row], str]:
        objects = await triggers(place, "" if every else place.namespace)
        rows, missing = await told(place)
        return list(trigger_rows(objects, rows)), missing

    rows, missing = run(where.target(), work)
    write(listing(_named(rows, names or []), output, COLUMNS, WIDE))
    if missing:
        sys.stderr.write(f"tidegate: not all gateways tell what they do: {missing}\n")


list_triggers = grouped(_list_triggers)


def _named(rows: list[Row], names: list[str]) -> list[Row]:
    known = {row["trigger"] for row in rows}
    for name in names:
        if name not in known:
            raise CommandError(unknown("trigger", name, known), ExitCode.USAGE)
    return [row for row in rows if not names or row["trigger"] in names]
