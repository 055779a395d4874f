"""`tidegate trigger explain`: why an event did or did not reach a function."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, write
from tidegate.cli.triggers.describe import KindOption

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place
    from tidegate.cli.triggers.decisions import Found


def _explain(
    event: Annotated[str, typer.Argument(metavar="EVENT-ID", help="The id of the event.")],
    where: WhereFlags,
    trigger: Annotated[
        str, typer.Option("--trigger", "-t", metavar="NAME", help="Only at this trigger.")
    ] = "",
    kind: KindOption = None,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """Say what became of an event, and what to do.

    What the filter said, each attempt, and the outcome. Every gateway is asked for
    what it remembers: the last events of each trigger, and more of those that failed.
    Payloads are not remembered.
    """
    from tidegate.cli.place.open import run
    from tidegate.cli.triggers.story import story

    async def work(place: Place) -> Found:
        from tidegate.cli.place.kinds import TRIGGERS
        from tidegate.cli.triggers.decisions import asked
        from tidegate.cli.triggers.overview import named

        query = {"namespace": place.namespace, "event": event}
        if trigger:
            await named(place, trigger, [kind.value] if kind else TRIGGERS)
            query["trigger"] = trigger
        if kind:
            query["kind"] = TRIGGERS[kind.value].kind
        return await asked(place, query)

    found = run(where.target(), work)
    for remark in found.remarks:
        sys.stderr.write(f"tidegate: not all gateways tell what they remember: {remark}\n")
    if not found.decisions:
        raise CommandError(_unknown(event, found), ExitCode.FAILURE)
    if output in (Format.JSON, Format.YAML):
        write(document(found.decisions, output))
    else:
        write("\n\n".join(story(row) for row in found.decisions))


explain = grouped(_explain)


def _unknown(event: str, found: Found) -> str:
    """Say how far back was looked, and where else to look."""
    if not found.subscriptions:
        return f"nothing is known of event {event!r}: no such trigger runs here"
    since = max((row["since"] for row in found.subscriptions if row["since"]), default="")
    reach = f"everything since {since}" if since else "every event since the gateways started"
    return (
        f"nothing is known of event {event!r}; gateways remember {reach}, and failures for longer. "
        "It may not have come, or lie among the dead letters: tidegate dlq list"
    )
