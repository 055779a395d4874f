"""`tidegate function call`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError
from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.functions.flags import NameArgument

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place
    from tidegate.kube.proxy import Answer

CALL_TIMEOUT = 24 * 3600.0
"""For a function's answer: longer than any function's own timeout, which ends the call."""

LONGEST_COMPLAINT = 64 * 1024


def _call(
    name: NameArgument,
    where: WhereFlags,
    data: Annotated[
        str, typer.Option("--data", "-d", metavar="TEXT", help="Body of a POST; without it, GET.")
    ] = "",
) -> None:
    """Call a function and print its answer as it comes."""
    from tidegate.cli.place.open import run

    run(where.target(), lambda place: _called(place, name, data or None))


call = grouped(_call)


async def _called(place: Place, name: str, data: str | None) -> None:
    from tidegate.cli.call import call_headers
    from tidegate.cli.place.kinds import FUNCTIONS
    from tidegate.cli.place.lookup import missing
    from tidegate.cli.place.place import FunctionCall
    from tidegate.kube.errors import NotFound
    from tidegate.kube.objects import ObjectKey

    method, body = ("GET", None) if data is None else ("POST", data.encode())
    wanted = FunctionCall(method, body, call_headers(data), CALL_TIMEOUT)
    try:
        async with place.call(ObjectKey(place.namespace, name), wanted) as answer:
            await _printed(name, answer)
    except NotFound as error:
        raise await missing(place, FUNCTIONS, name, "function") from error


async def _printed(name: str, answer: Answer) -> None:
    """Write an answer while it is made, and a line end where it has none."""
    if answer.status == 408:
        raise CommandError("Request timeout exceeded")
    if answer.status >= 400:
        said = (await answer.read(LONGEST_COMPLAINT)).decode("utf-8", "replace").strip()
        raise CommandError(said or f"the function {name} answered with {answer.status}")
    output, last = sys.stdout.buffer, b"\n"
    async for chunk in answer.chunks():
        output.write(chunk)
        output.flush()
        last = chunk
    if not last.endswith(b"\n"):
        output.write(b"\n")
