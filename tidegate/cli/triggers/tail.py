"""`tidegate trigger tail`: what becomes of events, as it happens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.output import Format, write
from tidegate.cli.triggers.describe import KindOption

if TYPE_CHECKING:
    from tidegate.cli.place.place import GatewayAdmin, Place
    from tidegate.kube.errors import KubeError


def _tail(
    where: WhereFlags,
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Only this trigger. Default all.")
    ] = "",
    kind: KindOption = None,
    payload: Annotated[
        bool, typer.Option("--payload", help="Show payloads, too: 64 KiB of each at most.")
    ] = False,
    count: Annotated[
        int, typer.Option("--count", min=0, metavar="N", help="End after N events; 0 is never.")
    ] = 0,
    output: Annotated[
        Format, typer.Option("--output", "-o", "--out", metavar="FORM", help="table or json.")
    ] = Format.TABLE,
) -> None:
    """Show what becomes of events, as it happens, until Ctrl-C.

    Looking on slows no event: what is too much to be shown is left out, and
    counted. Values of attributes that look like credentials are hidden. With
    -o json each line is a decision.
    """
    from tidegate.cli.place.open import run

    query = {"payload": "1" if payload else "0"}
    printed = Printed(count, as_json=output is Format.JSON)

    async def work(place: Place) -> None:
        from tidegate.cli.place.kinds import TRIGGERS
        from tidegate.cli.triggers.overview import named

        query["namespace"] = place.namespace
        if name:
            await named(place, name, [kind.value] if kind else TRIGGERS)
            query["trigger"] = name
        if kind:
            query["kind"] = TRIGGERS[kind.value].kind
        await _followed(place, query, printed)

    run(where.target(), work)


tail = grouped(_tail)


class Printed:
    """Prints rows, and knows when there were enough."""

    def __init__(self, count: int, *, as_json: bool) -> None:
        self._left = count
        self._endless = not count
        self._as_json = as_json

    @property
    def is_enough(self) -> bool:
        """Whether all that were asked for are printed."""
        return not self._endless and self._left <= 0

    def take(self, row: dict[str, Any]) -> None:
        """Print one row; what was left out is no result."""
        if "dropped" in row:
            sys.stderr.write(f"tidegate: {row['dropped']} events were too many to be shown\n")
            return
        if self.is_enough:
            return
        self._left -= 1
        write(self._text(row))
        sys.stdout.flush()

    def _text(self, row: dict[str, Any]) -> str:
        import json

        from tidegate.cli.triggers.decisions import line

        if self._as_json:
            return json.dumps(row, ensure_ascii=False)
        data = row.get("data", row.get("dataBase64"))
        told = f"{row['trigger']}  {line(row)}"
        # Indented whole: no line of a payload begins as one of ours.
        return told if data is None else "\n    ".join((told, *str(data).split("\n")))


async def _followed(place: Place, query: dict[str, str], printed: Printed) -> None:
    """Follow every gateway until enough is printed. Raises `KubeError` when none goes on."""
    import asyncio

    from tidegate.cli.place.together import tasks
    from tidegate.kube.errors import Unavailable

    gateways = await place.gateways()
    async with tasks() as group:
        left = {group.create_task(_follow(one, query, printed), name=one.name) for one in gateways}
        trouble: KubeError = Unavailable("no gateway tells any more; it may have ended")
        while left and not printed.is_enough:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                trouble = task.result() or trouble
                if left and not printed.is_enough:
                    sys.stderr.write(f"tidegate: gateway {task.get_name()} tells no more\n")
        for task in left:
            task.cancel()
    if not printed.is_enough:
        raise trouble


async def _follow(
    gateway: GatewayAdmin, query: dict[str, str], printed: Printed
) -> KubeError | None:
    """Print what a gateway tells until it ends; return what went wrong, if anything did."""
    from tidegate.cli.place.operations import Operation, lines
    from tidegate.kube.errors import KubeError

    try:
        async for row in lines(gateway, Operation("GET", "/decisions/tail", query)):
            printed.take(row if "dropped" in row else {**row, "gateway": gateway.name})
            if printed.is_enough:
                return None
    except KubeError as error:
        return error
    return None
