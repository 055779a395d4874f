"""`tidegate trigger replay`: what a trigger has read, delivered once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, write
from tidegate.cli.place.completing import function_names
from tidegate.cli.triggers.describe import KindOption

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place
    from tidegate.cli.triggers.replaying import Row


@dataclass(frozen=True, slots=True)
class EventsFlags:
    """Which events."""

    start: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="Events since then: 2h ago, or RFC 3339."),
    ] = ""
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Events before then. Default now.")
    ] = ""
    filter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TERM",
            help="Of these, only events with type=X (^= begins, $= ends, != is not), or a filter "
            "as JSON; may be repeated, then all must hold.",
        ),
    ] = None
    from_dead_letters: Annotated[
        bool,
        typer.Option(
            "--from-dead-letters", help="Read the trigger's dead letters, which stay there."
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class DeliveryFlags:
    """To whom, and how."""

    target: Annotated[
        str,
        typer.Option(
            metavar="FUNCTION",
            help="Who gets them. Default the trigger's functions.",
            autocompletion=function_names,
        ),
    ] = ""
    rate: Annotated[
        float, typer.Option(min=0, metavar="N", help="Events a second at most; 0 for no bound.")
    ] = 100.0
    concurrency: Annotated[
        int, typer.Option(min=0, metavar="N", help="Events in flight. Default the trigger's.")
    ] = 0
    dead_letter: Annotated[
        bool,
        typer.Option("--dead-letter", help="Write what fails to delivery.deadLetter."),
    ] = False
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare answers with those that were given live.")
    ] = False


def _replay(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the trigger.")],
    where: WhereFlags,
    events: EventsFlags,
    delivery: DeliveryFlags,
    kind: KindOption = None,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """Deliver once more what a trigger has read, and say how it went.

    The log itself is read: Kafka and JetStream by time, Kinesis by arrival. What
    the trigger does meanwhile, and where it stands, is left alone. Replayed events
    have the ids that they had, and the extension tidegatereplay.

    Ctrl-C ends it. Exit code 1 when events failed, 3 when the log's broker is away.
    """
    from tidegate.cli.place.open import run
    from tidegate.cli.triggers.replaying import Shown, exit_code, replayed, report_text

    body = _body(name, events, delivery) | ({"kind": kind.value} if kind else {})
    plain = output in (Format.TABLE, Format.WIDE)

    async def work(place: Place) -> Row:
        with Shown() as shown:
            return await replayed(place, body, shown)

    report = run(where.target(), work)
    write(report_text(report, output))
    code = exit_code(report)
    if report["error"] and plain:
        raise CommandError(report["error"], code)
    raise typer.Exit(code)


replay = grouped(_replay)


def _body(name: str, events: EventsFlags, delivery: DeliveryFlags) -> dict[str, Any]:
    """Return the request as a gateway takes it, but for the namespace. Raises `CommandError`."""
    from tidegate.cli.triggers.filters import filter_from

    if not (events.start or events.from_dead_letters):
        raise CommandError(
            "say from when on with --from, for example --from 2h, or add --from-dead-letters",
            ExitCode.USAGE,
        )
    return {
        "trigger": name,
        "from": events.start,
        "to": events.end,
        "filters": [filter_from(term) for term in events.filter or ()],
        "fromDeadLetters": events.from_dead_letters,
        "target": delivery.target,
        "rate": delivery.rate,
        "concurrency": delivery.concurrency,
        "deadLetter": delivery.dead_letter,
        "compare": delivery.compare,
    }
