"""`tidegate cron`: next."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.options import OutputOption
from tidegate.cli.output import Format, document, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tidegate.api.schedule import Schedule

app = typer.Typer(no_args_is_help=True, help="See when schedules fire.")


@app.callback()
def cron() -> None:
    """See when schedules fire."""


@app.command("next")
def next_times(
    expression: Annotated[
        str, typer.Argument(metavar="EXPR", help="As in a CronJobTrigger, such as '*/5 * * * *'.")
    ],
    after: Annotated[
        str, typer.Option(metavar="TIME", help="ISO 8601; without a zone it is UTC. Default now.")
    ] = "",
    count: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many.")] = 5,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="IANA name, such as Europe/Berlin.")
    ] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Print the next times of a cron expression, in UTC."""
    from tidegate.api.schedule import ScheduleError, parse

    start = _instant(after)
    try:
        schedule = parse(expression, time_zone)
        times = [text(at) for at in islice(_times(schedule, start), count)]
    except ScheduleError as error:
        raise CommandError(str(error), ExitCode.USAGE) from error
    plain = output in (Format.TABLE, Format.WIDE)
    write("\n".join(times) if plain else document(times, output))


def text(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _times(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    while True:
        after = schedule.next(after)
        yield after


def _instant(given: str) -> datetime:
    if not given:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(given)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"--after {given!r} is not a time; write it as 2026-01-31T12:00:00Z", ExitCode.USAGE
        ) from error
