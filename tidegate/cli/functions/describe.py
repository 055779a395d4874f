"""`tidegate function describe`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.functions.flags import NameArgument
from tidegate.cli.output import Format, document, say, write
from tidegate.cli.triggers.describe import DescriptionForm

if TYPE_CHECKING:
    from tidegate.cli.functions.description import Description
    from tidegate.cli.place.place import Place


def _describe(
    name: NameArgument,
    where: WhereFlags,
    form: Annotated[
        DescriptionForm,
        typer.Option("--output", "-o", "--out", metavar="FORM", help="text, yaml or json."),
    ] = DescriptionForm.TEXT,
) -> None:
    """Show a function, its triggers, lag, conditions and Events."""
    from tidegate.cli.functions.description import text
    from tidegate.cli.place.open import run

    found, missing = run(where.target(), lambda place: _read(place, name))
    if form is DescriptionForm.TEXT:
        write(text(found))
    else:
        shape = Format.JSON if form is DescriptionForm.JSON else Format.YAML
        write(document(found.function, shape))
    if missing:
        say(f"tidegate: not all gateways tell what they do: {missing}")


describe = grouped(_describe)


async def _read(place: Place, name: str) -> tuple[Description, str]:
    from tidegate.cli.functions.description import Description
    from tidegate.cli.place.kinds import FUNCTIONS
    from tidegate.cli.place.lookup import events_of, existing
    from tidegate.cli.triggers.overview import told, triggers
    from tidegate.cli.triggers.rows import trigger_rows
    from tidegate.kube.objects import lean

    function = lean(await existing(place, FUNCTIONS, name, "function"))
    objects = await triggers(place, place.namespace)
    rows, missing = await told(place)
    fed = [row for row in trigger_rows(objects, rows) if row["function"] == name]
    return Description(function, fed, await events_of(place, function)), missing
