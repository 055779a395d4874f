"""`tidegate trigger kinesis publish` and `create-stream`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import WhereFlags, grouped
from tidegate.cli.output import write

if TYPE_CHECKING:
    from gateway.sources.kinesis.aws import Account
    from tidegate.cli.place.place import Place


@dataclass(frozen=True, slots=True)
class AccountFlags(WhereFlags):
    """Whose streams, and where."""

    aws_region: Annotated[
        str, typer.Option(metavar="REGION", help="Region of the stream, as eu-west-1.")
    ] = ""
    secret: Annotated[
        str,
        typer.Option(
            metavar="SECRET",
            help="A Secret of the place, with aws_access_key_id and aws_secret_access_key; "
            "default the keys of this machine.",
        ),
    ] = ""
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="Another endpoint than the region's.")
    ] = ""

    def account(self) -> Account:
        """Return them. Raises `CommandError`, also where the client of AWS is not installed."""
        content = _content(self) if self.secret else None
        try:
            from tidegate.cli.kinesis_publisher import account
        except ModuleNotFoundError as error:
            raise CommandError(
                "talking to Kinesis needs aiobotocore; install tidegate[kinesis]"
            ) from error
        return account(self.aws_region, self.endpoint, content)


def _publish(
    account: AccountFlags,
    stream: Annotated[str, typer.Option(metavar="NAME", help="Stream to write to.")],
    partition_key: Annotated[
        str, typer.Option(metavar="TEXT", help="Records of one key keep their order.")
    ],
    records: Annotated[
        list[str], typer.Option("--records", "--message", metavar="TEXT", help="May be repeated.")
    ],
) -> None:
    """Write records to a Kinesis stream. They are stored when this ends."""
    whose = account.account()
    from tidegate.cli.kinesis_publisher import publish

    data = [one.encode() for one in records]
    for one in asyncio.run(publish(whose, stream, partition_key, data)):
        write(f"stored in {one.shard} as {one.sequence}")


def _create_stream(
    account: AccountFlags,
    stream_name: Annotated[str, typer.Option(metavar="NAME", help="Name of the stream.")],
    shard_count: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="How many shards.")
    ] = 1,
) -> None:
    """Have AWS make a Kinesis stream."""
    whose = account.account()
    from tidegate.cli.kinesis_publisher import create_stream

    asyncio.run(create_stream(whose, stream_name, shard_count))
    sys.stderr.write(f"AWS makes stream {stream_name}; it takes records in some seconds.\n")


publish = grouped(_publish, ("aws_region",))
create_stream = grouped(_create_stream, ("aws_region",))


def _content(flags: AccountFlags) -> tuple[str, Mapping[str, bytes]]:
    """Read the Secret at its place; return its name for sentences, and its content."""
    from tidegate.cli.place.open import run

    async def work(place: Place) -> tuple[str, Mapping[str, bytes]]:
        from tidegate.cli.place.lookup import existing
        from tidegate.kube.resources import SECRETS

        secret = await existing(place, SECRETS, flags.secret, "Secret")
        return f"{place.namespace}/{flags.secret}", _decoded(secret.get("data") or {})

    return run(flags.target(), work)


def _decoded(data: Mapping[str, str]) -> dict[str, bytes]:
    import base64
    import binascii

    try:
        return {name: base64.b64decode(text) for name, text in data.items()}
    except (binascii.Error, ValueError) as error:
        raise CommandError("the Secret does not hold base64", ExitCode.FAILURE) from error
