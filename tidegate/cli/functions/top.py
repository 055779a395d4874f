"""`tidegate function top`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, listing, write
from tidegate.cli.place.completing import function_names

if TYPE_CHECKING:
    import asyncio

    from tidegate.cli.functions.metrics import Row
    from tidegate.cli.place.place import Place

EVERY = 2.0
"""Between two looks of --watch. Seconds."""

AT_A_TIME = 8
"""Functions that are asked at a time."""

_CLEAR = "\x1b[H\x1b[2J"


def _top(
    where: WhereFlags,
    function: Annotated[
        str,
        typer.Option(
            "--function",
            "-f",
            metavar="NAME",
            help="Only this function.",
            autocompletion=function_names,
        ),
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it anew every two seconds.")
    ] = False,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """Show calls, failures and durations of functions. Also: stats.

    The numbers are those of all processes that take calls now.
    """
    from tidegate.cli.place.open import run

    run(where.target(), lambda place: _shown(place, function, watch, output))


top = grouped(_top)


async def _shown(place: Place, function: str, watch: bool, output: Format) -> None:
    import asyncio

    from tidegate.cli.functions.metrics import COLUMNS

    while True:
        text = listing(await _rows(place, function), output, COLUMNS)
        if not watch:
            write(text)
            return
        sys.stdout.write(_CLEAR if sys.stdout.isatty() else "")
        write(text)
        sys.stdout.flush()
        await asyncio.sleep(EVERY)


async def _rows(place: Place, function: str) -> list[Row]:
    import asyncio

    from tidegate.cli.place.kinds import FUNCTIONS
    from tidegate.cli.place.lookup import existing
    from tidegate.cli.place.together import together
    from tidegate.kube.selection import Selection

    if function:
        await existing(place, FUNCTIONS, function, "function")
        names = [function]
    else:
        page = await place.objects.list(Selection(FUNCTIONS, place.namespace))
        names = [one["metadata"]["name"] for one in page.items]
    slots = asyncio.Semaphore(AT_A_TIME)
    found = await together(_rows_of(place, name, slots) for name in names)
    return [row for rows in found for row in rows]


async def _rows_of(place: Place, name: str, slots: asyncio.Semaphore) -> list[Row]:
    from tidegate.cli.functions.metrics import message, rows
    from tidegate.kube.errors import KubeError
    from tidegate.kube.objects import ObjectKey

    async with slots:
        try:
            texts = await place.metrics(ObjectKey(place.namespace, name))
        except (KubeError, TimeoutError) as error:
            sentence = f"Unable to get function metrics: {error or 'no answer in time'}"
            return [message(place.namespace, name, sentence)]
    return rows(place.namespace, name, texts)
