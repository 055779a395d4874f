"""`tidegate trigger test`: one event tried, and nothing of it kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, write
from tidegate.cli.triggers.describe import KindOption

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place

LARGEST = 1024 * 1024
"""Bytes of an event that is tried."""

_SOURCE, _TYPE = "/tidegate/trigger/test", "tidegate.test"


@dataclass(frozen=True, slots=True)
class EventFlags:
    """The event: a CloudEvent in a file, or its parts."""

    data: Annotated[str | None, typer.Option(metavar="TEXT", help="Its payload.")] = None
    file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A CloudEvent in JSON; or else its payload."),
    ] = None
    id: Annotated[str, typer.Option(metavar="ID", help="Its id. Default one that is new.")] = ""
    type: Annotated[str, typer.Option(metavar="TYPE", help="Its type.")] = ""
    source: Annotated[str, typer.Option(metavar="SOURCE", help="Its source.")] = ""
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="NAME=VALUE", help="Another attribute; repeatable."),
    ] = None


def _try(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the trigger.")],
    where: WhereFlags,
    event: EventFlags,
    kind: KindOption = None,
    dry: Annotated[bool, typer.Option("--dry", help="Stop before the function.")] = False,
    output: ListOutputOption = Format.TABLE,
) -> None:
    """Try one event on a trigger; nothing is kept of it.

    The filter decides, then the function is called, once, under the trigger's own
    deadline. No retry is made and no dead letter written: what the policy would do
    then is said. Exit code 1 when the function did not take the event.
    """
    from tidegate.cli.place.open import run
    from tidegate.cli.triggers.verdicts import trial_text

    body = {"trigger": name, "event": _event(event), "dry": dry}

    async def work(place: Place) -> list[dict[str, Any]]:
        from tidegate.cli.place.kinds import TRIGGERS
        from tidegate.cli.place.operations import Operation, first, told
        from tidegate.cli.triggers.overview import named

        found = await named(place, name, [kind.value] if kind else TRIGGERS)
        if len(found) > 1:
            sentence = f"several triggers are named {name}; say which with --kind"
            raise CommandError(sentence, ExitCode.USAGE)
        whole = {**body, "namespace": place.namespace, "kind": found[0]["kind"]}
        operation = Operation("POST", "/trials", body=whole)
        answer = await first(await place.gateways(), lambda gateway: told(gateway, operation))
        rows: list[dict[str, Any]] = answer["functions"]
        return rows

    rows = run(where.target(), work)
    if output in (Format.JSON, Format.YAML):
        write(document(rows, output))
    else:
        write("\n\n".join(trial_text(row) for row in rows))
    if any(row.get("error") for row in rows):
        raise typer.Exit(ExitCode.FAILURE)


trying = grouped(_try)


def _event(flags: EventFlags) -> dict[str, Any]:
    """Return the event in CloudEvents' JSON format. Raises `CommandError`."""
    import secrets

    if flags.data is not None and flags.file is not None:
        raise CommandError("--data and --file exclude each other; give one", ExitCode.USAGE)
    base: dict[str, Any] = {"id": f"test-{secrets.token_hex(6)}", "source": _SOURCE, "type": _TYPE}
    written = None if flags.file is None else _read(flags.file)
    event = _cloud_event(written)
    if event is None:
        event = {} if written is None else _payload(written)
    if flags.data is not None:
        event |= _payload(flags.data.encode())
    said = {"id": flags.id, "type": flags.type, "source": flags.source}
    named = {name: text for name, text in said.items() if text}
    return {"specversion": "1.0", **base, **event, **_attributes(flags.attribute or []), **named}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise CommandError(f"reading {path}: {error.strerror}", ExitCode.USAGE) from error
    if len(content) > LARGEST:
        raise CommandError(f"{path}: an event of at most {LARGEST} bytes is tried", ExitCode.USAGE)
    return content


def _cloud_event(content: bytes | None) -> dict[str, Any] | None:
    """Return `content` where it is a CloudEvent in JSON."""
    import json

    try:
        value = json.loads(content or b"null")
    except ValueError:
        return None
    return value if isinstance(value, dict) and "specversion" in value else None


def _payload(content: bytes) -> dict[str, Any]:
    import base64
    import json

    try:
        json.loads(content)
        kind = "application/json"
    except ValueError:
        kind = "text/plain"
    return {"datacontenttype": kind, "data_base64": base64.b64encode(content).decode()}


def _attributes(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for name, sign, _ in pairs:
        if not (name and sign):
            sentence = f"--attribute {name!r} is none; write for example --attribute subject=x"
            raise CommandError(sentence, ExitCode.USAGE)
    return {name: text for name, _, text in pairs}
