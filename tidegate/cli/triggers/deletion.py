"""`tidegate trigger delete`: a trigger of whatever kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.triggers.describe import KindOption, Word

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place
    from tidegate.cli.triggers.objects import Object


def _delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the trigger.")],
    where: WhereFlags,
    kind: KindOption = None,
) -> None:
    """Delete a trigger. Where several kinds have one of that name, say which with --kind."""
    from tidegate.cli.place.open import run

    gone = run(where.target(), lambda place: _deleted(place, name, kind))
    namespace = gone["metadata"].get("namespace", "default")
    sys.stderr.write(f"{gone['kind']} {name} deleted from namespace {namespace} successfully!\n")


delete = grouped(_delete)


async def _deleted(place: Place, name: str, kind: Word | None) -> Object:
    from tidegate.cli.place.kinds import TRIGGERS, WORDS
    from tidegate.cli.triggers.overview import named
    from tidegate.kube.objects import key_of

    found = await named(place, name, [kind.value] if kind else [*Word])
    if len(found) > 1:
        words = " or ".join(f"--kind {WORDS[one['kind']]}" for one in found)
        raise CommandError(f"several triggers are named {name}; add {words}", ExitCode.USAGE)
    await place.objects.delete(TRIGGERS[WORDS[found[0]["kind"]]], key_of(found[0]))
    return found[0]
