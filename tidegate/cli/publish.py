"""`tidegate publish`: nats."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.options import STATE, StateOption
from tidegate.cli.output import write
from tidegate.cli.state import StateDir

app = typer.Typer(no_args_is_help=True, help="Send events to brokers.")


@app.callback()
def publish() -> None:
    """Send events to brokers."""


@app.command()
def nats(
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="Subject to publish to.")],
    data: Annotated[str, typer.Argument(metavar="DATA", help="Payload of the message.")],
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", metavar="'NAME: VALUE'", help="Header; may be repeated."),
    ] = None,
    jetstream: Annotated[
        bool, typer.Option("--jetstream", "-j", help="Wait until a stream has stored it.")
    ] = False,
    url: Annotated[
        str, typer.Option(metavar="URL", help="Server. Default the one of `tidegate up`.")
    ] = "",
    state: StateOption = STATE,
) -> None:
    """Publish one message to a NATS subject."""
    from tidegate.cli.nats_publisher import Message, publish

    message = Message(subject, data.encode(), headers_from(header or []))
    stored = asyncio.run(publish(url or running_nats(state), message, jetstream=jetstream))
    if stored is not None:
        write(f"stored in stream {stored[0]} as {stored[1]}")


def headers_from(lines: list[str]) -> dict[str, str]:
    """Return headers written as `Name: value`; raises `CommandError`."""
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or set(line) & set("\r\n"):
            raise CommandError(
                f"--header {line!r} is not a header; write it as 'Name: value'", ExitCode.USAGE
            )
        headers[name.strip()] = value.strip()
    return headers


def running_nats(state: Path) -> str:
    """Return the URL of the NATS server of a running `up`. Raises `CommandError`."""
    url = StateDir(state).contact().nats
    if not url:
        raise CommandError("this `tidegate up` has no NATS; name a server with --url")
    return url
