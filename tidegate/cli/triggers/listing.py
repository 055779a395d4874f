"""`tidegate trigger list`: triggers of every kind, and what they do."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.client import ControlClient
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.names import unknown
from tidegate.cli.options import STATE, AnyNamespaceOption, OutputOption, StateOption
from tidegate.cli.output import Format, Row, listing, write

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


def list_triggers(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Only these triggers.")
    ] = None,
    namespace: AnyNamespaceOption = "",
    output: OutputOption = Format.TABLE,
    state: StateOption = STATE,
) -> None:
    """List triggers of every kind with their state and their books. Also: ls.

    Received is the sum of delivered, filtered, dead lettered, dropped, released
    and in flight. Drift is what it is off by: anything but 0 is a bug.
    """
    rows = ControlClient.find(state).read("/triggers")
    shown = [row for row in rows if namespace in ("", row["namespace"])]
    write(listing(_named(shown, names or []), output, COLUMNS, WIDE))


def _named(rows: list[Row], names: list[str]) -> list[Row]:
    known = {row["trigger"] for row in rows}
    for name in names:
        if name not in known:
            raise CommandError(unknown("trigger", name, known), ExitCode.USAGE)
    return [row for row in rows if not names or row["trigger"] in names]
