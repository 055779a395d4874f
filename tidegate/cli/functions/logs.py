"""`tidegate function logs`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.functions.flags import NameArgument

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place


def _logs(
    name: NameArgument,
    where: WhereFlags,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines, also of new processes.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", min=0, max=2000, metavar="N", help="Most lines to begin with.")
    ] = 200,
) -> None:
    """Print what a function printed."""
    from tidegate.cli.place.open import run

    run(where.target(), lambda place: _printed(place, name, follow, lines))


logs = grouped(_logs)


async def _printed(place: Place, name: str, follow: bool, lines: int) -> None:
    from tidegate.cli.place.kinds import FUNCTIONS
    from tidegate.cli.place.lookup import missing
    from tidegate.kube.errors import NotFound
    from tidegate.kube.objects import ObjectKey

    key = ObjectKey(place.namespace, name)
    try:
        async for line in place.logs(key, follow=follow, lines=lines):
            sys.stdout.write(f"{line}\n")  # as the function prints it, its colours included
            sys.stdout.flush()
    except NotFound as error:
        raise await missing(place, FUNCTIONS, name, "function") from error
