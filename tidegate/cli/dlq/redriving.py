"""`tidegate dlq redrive`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.dlq.selecting import IdsArgument, SelectFlags, check_trigger
from tidegate.cli.errors import ExitCode
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, one_line, write
from tidegate.cli.progress import Progress, bar

if TYPE_CHECKING:
    from tidegate.cli.place.place import GatewayAdmin, Place

Row = dict[str, Any]

NOBODY = "-"
"""No subscription's id: an empty list would mean all of them."""


def _redrive(
    where: WhereFlags,
    select: SelectFlags,
    ids: IdsArgument = None,
    rate: Annotated[
        float, typer.Option(min=0.1, max=10_000, metavar="N", help="At most so many a second.")
    ] = 10.0,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """Have dead letters delivered again, under the policy of now.

    Each goes to the function of its trigger, and is removed once that has taken
    it. One that fails again stays. Ctrl-C stops; nothing is lost by it.
    """
    from tidegate.cli.place.open import run

    select.check(ids)
    plain = output in (Format.TABLE, Format.WIDE)

    async def work(place: Place) -> list[Row]:
        await check_trigger(place, select.trigger, everywhere=select.everywhere)
        body = select.body(ids, place.namespace) | {"rate": rate}
        with Told(plain=plain) as told:
            async for row in redriven(place, body):
                told.take(row)
        return told.rows

    rows = run(where.target(), work)
    failed = sum(1 for row in rows if row["error"])
    write(f"{len(rows) - failed} delivered, {failed} not" if plain else document(rows, output))
    if failed:
        raise typer.Exit(ExitCode.FAILURE)


redrive = grouped(_redrive)


class Told:
    """Shows results as they come: a line each, and on a terminal a bar with the failures alone."""

    def __init__(self, *, plain: bool) -> None:
        self.rows: list[Row] = []
        self._total = 0
        self._plain = plain
        self._on_terminal = sys.stderr.isatty()
        self._progress = Progress()

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.clear()

    def take(self, row: Row) -> None:
        """Take a line of a gateway: how many letters it has, or what became of one."""
        if "total" in row:
            self._total += row["total"]
        else:
            self.rows.append({"id": row["id"], "error": row["error"]})
            self._show(row)
        if self._on_terminal:
            failed = sum(1 for one in self.rows if one["error"])
            counts = f"{len(self.rows)} of {self._total}, {failed} failed"
            self._progress.say(f"{bar(len(self.rows), self._total)} {counts}")

    def _show(self, row: Row) -> None:
        if self._plain and (row["error"] or not self._on_terminal):
            self._progress.clear()
            write(one_line(f"{row['id'] or 'stopped'}: {row['error'] or 'delivered'}"))
            sys.stdout.flush()


async def redriven(place: Place, body: dict[str, Any]) -> AsyncIterator[Row]:
    """Yield what the gateways tell. A letter is unknown once none of them knows it."""
    gateways = await place.gateways()
    unknown: Counter[str] = Counter()
    async for row in _all_lines(gateways, body):
        if row.get("unknown"):
            unknown[row["id"]] += 1
            if unknown[row["id"]] < len(gateways):
                continue
        yield row


async def _all_lines(gateways: Sequence[GatewayAdmin], body: dict[str, Any]) -> AsyncIterator[Row]:
    """Ask every gateway for letters of what it runs, and no two for those of one subscription."""
    from tidegate.cli.place.operations import Operation, lines

    if len(gateways) == 1:
        shares = [body]
    else:
        shares = [body | {"subscriptions": one} for one in await _shares(gateways)]
    for gateway, share in zip(gateways, shares, strict=True):
        async for row in lines(gateway, Operation("POST", "/dead-letters/redrive", body=share)):
            yield row


async def _shares(gateways: Sequence[GatewayAdmin]) -> list[list[str]]:
    """Return the ids of the subscriptions whose letters each gateway is to deliver."""
    from tidegate.cli.triggers.overview import subscriptions_of

    shares: list[list[str]] = []
    taken: set[str] = set()
    for gateway in gateways:
        own = {row["id"] for row in await subscriptions_of(gateway)} - taken
        taken |= own
        shares.append(sorted(own) or [NOBODY])
    return shares
