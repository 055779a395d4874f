"""`tidegate function list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, listing, write
from tidegate.cli.place.completing import function_names

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place
    from tidegate.kube.objects import Object


def _list_functions(
    where: WhereFlags,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Only these functions.", autocompletion=function_names
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="The functions of every namespace.")
    ] = False,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """List functions, and whether they take calls. Also: ls."""
    from tidegate.cli.functions.rows import COLUMNS, WIDE, row
    from tidegate.cli.place.open import run

    found = run(where.target(), lambda place: _read(place, names or [], every))
    if output in (Format.JSON, Format.YAML):
        write(document(found, output))
    else:
        write(listing([row(one) for one in found], output, COLUMNS, WIDE))


list_functions = grouped(_list_functions)


async def _read(place: Place, names: list[str], every: bool) -> list[Object]:
    from tidegate.cli.place.kinds import FUNCTIONS
    from tidegate.cli.place.lookup import existing
    from tidegate.kube.objects import lean
    from tidegate.kube.selection import Selection

    if names:
        return [lean(await existing(place, FUNCTIONS, name, "function")) for name in names]
    page = await place.objects.list(Selection(FUNCTIONS, "" if every else place.namespace))
    return [lean(one) for one in page.items]
