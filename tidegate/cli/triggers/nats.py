"""`tidegate trigger nats publish`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tidegate.cli.options import STATE, StateOption


def publish(
    message: Annotated[str, typer.Option(metavar="TEXT", help="Payload of the message.")],
    url: Annotated[
        str, typer.Option(metavar="URL", help="Server. Default the one of `tidegate up`.")
    ] = "",
    topic: Annotated[
        str, typer.Option(metavar="SUBJECT", help="Subject to publish to.")
    ] = "kubeless",
    state: StateOption = STATE,
) -> None:
    """Publish one message to a NATS subject. More of it: tidegate publish nats."""
    from tidegate.cli.nats_publisher import Message
    from tidegate.cli.nats_publisher import publish as publish_message
    from tidegate.cli.publish import running_nats

    sent = Message(topic, message.encode())
    asyncio.run(publish_message(url or running_nats(state), sent, jetstream=False))
