"""`tidegate trigger pause` and `resume`: a trigger stops where it is, and goes on there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.output import write
from tidegate.cli.triggers.describe import KindOption, Word

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place

NamesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Names of the triggers.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every trigger of the namespace.")]


def _pause(
    where: WhereFlags,
    names: NamesArgument = None,
    every: AllOption = False,
    kind: KindOption = None,
) -> None:
    """Stop triggers where they are; no place is lost.

    What is in flight ends. HTTP callers get 503 with Retry-After. A schedule fires
    nothing. Core NATS keeps no messages: those that come meanwhile are lost.
    """
    _told(where, names or [], (every, kind), paused=True)


def _resume(
    where: WhereFlags,
    names: NamesArgument = None,
    every: AllOption = False,
    kind: KindOption = None,
) -> None:
    """Let paused triggers go on where they stopped.

    Times of a schedule that came meanwhile are caught up as its missedRuns and
    startingDeadlineSeconds say.
    """
    _told(where, names or [], (every, kind), paused=False)


pause = grouped(_pause)
resume = grouped(_resume)


def _told(
    where: WhereFlags, names: list[str], chosen: tuple[bool, Word | None], *, paused: bool
) -> None:
    from tidegate.cli.place.open import run

    every, kind = chosen
    if bool(names) == every:
        raise CommandError("name triggers, or give --all", ExitCode.USAGE)
    word = "paused" if paused else "resumed"

    async def work(place: Place) -> None:
        for one in await _meant(place, names, kind):
            await _set(place, one, paused=paused)
            write(f"{one['kind']} {one['metadata']['name']}: {word}")

    run(where.target(), work)


async def _meant(place: Place, names: list[str], kind: Word | None) -> list[dict[str, Any]]:
    from tidegate.cli.place.kinds import TRIGGERS
    from tidegate.cli.triggers.overview import named, triggers

    words = [kind.value] if kind else [*TRIGGERS]
    if not names:
        return await triggers(place, place.namespace, words)
    return [one for name in names for one in await named(place, name, words)]


async def _set(place: Place, trigger: dict[str, Any], *, paused: bool) -> None:
    from tidegate.cli.place.kinds import TRIGGERS, WORDS
    from tidegate.kube.objects import key_of

    resource = TRIGGERS[WORDS[trigger["kind"]]]
    if bool(trigger.get("spec", {}).get("paused")) != paused:
        await place.objects.patch(resource, key_of(trigger), {"spec": {"paused": paused}})
