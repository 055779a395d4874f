"""`tidegate dlq purge`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.dlq.listing import remark
from tidegate.cli.dlq.selecting import SCAN_TIMEOUT, IdsArgument, SelectFlags, check_trigger
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, write

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place


def _purge(
    where: WhereFlags,
    select: SelectFlags,
    ids: IdsArgument = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """Throw dead letters away. What they carry is lost."""
    from tidegate.cli.place.open import run

    select.check(ids)
    if not yes:
        _confirm(select, ids)

    async def work(place: Place) -> dict[str, Any]:
        await check_trigger(place, select.trigger, everywhere=select.everywhere)
        return await purged(place, select.body(ids, place.namespace))

    result = run(where.target(), work)
    plain = output in (Format.TABLE, Format.WIDE)
    write(_gone(result["purged"]) if plain else document(result, output))
    remark(result["remarks"] if plain else ())


purge = grouped(_purge)


def _gone(count: int) -> str:
    return "1 dead letter is gone" if count == 1 else f"{count} dead letters are gone"


def _confirm(select: SelectFlags, ids: list[str] | None) -> None:
    """Ask on a terminal; raises `CommandError` elsewhere, so that no script waits or deletes."""
    if not sys.stdin.isatty():
        raise CommandError("nobody can be asked here; add --yes to purge", ExitCode.USAGE)
    count = len(ids or ())
    what = (
        ("1 dead letter" if count == 1 else f"{count} dead letters") if ids else "all dead letters"
    )
    of = f" of {select.trigger}" if select.trigger else ""
    typer.confirm(f"Throw {what}{of} away for good?", abort=True)


async def purged(place: Place, body: dict[str, Any]) -> dict[str, Any]:
    """Ask every gateway in turn: what one has removed, the next does not find."""
    from tidegate.cli.place.operations import Operation, told

    wanted = Operation("POST", "/dead-letters/purge", body=body, timeout=SCAN_TIMEOUT)
    count = 0
    remarks: dict[str, None] = {}
    for gateway in await place.gateways():
        result = await told(gateway, wanted)
        count += result["purged"]
        remarks |= dict.fromkeys(result["remarks"])
    return {"purged": count, "remarks": list(remarks)}
