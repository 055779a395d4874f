"""The options of each kind of trigger, and the fields of `spec` that they name. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Protocol

import typer

from tidegate.cli.flags import named
from tidegate.cli.place.completing import function_names
from tidegate.cli.triggers.payload import payload_from
from tidegate.cli.triggers.selectors import selector_from

Spec = dict[str, Any]
"""Fields by name; None takes one away."""


class SpecFlags(Protocol):
    """What was named on the command line of one kind; None was not."""

    def spec(self) -> Spec:
        """Return the fields that were named. Raises `CommandError`."""
        ...


class Begin(StrEnum):
    """Where a new consumer group begins."""

    EARLIEST = "earliest"
    LATEST = "latest"


class Position(StrEnum):
    """Where a new Kinesis trigger begins."""

    LATEST = "LATEST"
    TRIM_HORIZON = "TRIM_HORIZON"


FunctionNameOption = Annotated[
    str | None,
    typer.Option(
        "--function-name",
        metavar="NAME",
        help="The function it calls.",
        autocompletion=function_names,
    ),
]
SelectorOption = Annotated[
    str | None,
    typer.Option(
        metavar="LABELS", help="Functions with these labels are fed, as app=shop,tier!=test."
    ),
]


@dataclass(frozen=True, slots=True)
class HTTPFlags:
    """Options of an HTTPTrigger."""

    function_name: FunctionNameOption = None
    path: Annotated[
        str | None, typer.Option(metavar="PATH", help="This path and all below it. Default any.")
    ] = None
    hostname: Annotated[
        str | None, typer.Option(metavar="HOST", help="The host that is asked for. Default any.")
    ] = None
    acme: Annotated[
        bool | None,
        typer.Option(
            "--enableTLSAcme/--no-enableTLSAcme", help="Get a certificate for the host by ACME."
        ),
    ] = None
    gateway: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="Ingress controller: nginx (of new ones), traefik, kong or another.",
        ),
    ] = None
    basic_auth_secret: Annotated[
        str | None, typer.Option(metavar="SECRET", help="Its key auth is an htpasswd file.")
    ] = None
    tls_secret: Annotated[
        str | None, typer.Option(metavar="SECRET", help="With the certificate of the host.")
    ] = None
    cors: Annotated[
        bool | None,
        typer.Option("--cors-enable/--no-cors-enable", help="Answer cross-origin requests."),
    ] = None

    def spec(self) -> Spec:
        """Return the fields that were named."""
        return named(
            {
                "function-name": self.function_name,
                "path": self.path,
                "host-name": self.hostname,
                "tls": self.acme,
                "gateway": self.gateway,
                "basic-auth-secret": self.basic_auth_secret,
                "tls-secret": self.tls_secret,
                "cors-enable": self.cors,
            }
        )


@dataclass(frozen=True, slots=True)
class CronJobFlags:
    """Options of a CronJobTrigger."""

    function_name: Annotated[
        str | None,
        typer.Option(
            "--function",
            "--function-name",
            metavar="NAME",
            help="What it calls.",
            autocompletion=function_names,
        ),
    ] = None
    schedule: Annotated[
        str | None, typer.Option(metavar="EXPR", help="As '*/5 * * * *', @daily or '@every 90s'.")
    ] = None
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="As Europe/Berlin. Default UTC.")
    ] = None
    payload: Annotated[
        str | None,
        typer.Option("--payload", "-p", metavar="JSON", help="Sent as the body. Default none."),
    ] = None
    payload_from_file: Annotated[
        str | None,
        typer.Option(
            "--payload-from-file", "-f", metavar="FILE", help="JSON or YAML: a file or an URL."
        ),
    ] = None

    def spec(self) -> Spec:
        """Return the fields that were named. Reads the payload's file, or fetches it."""
        payload = payload_from(self.payload, self.payload_from_file)
        plain = {
            "function-name": self.function_name,
            "schedule": self.schedule,
            "timeZone": self.time_zone,
        }
        return named(plain, ("timeZone",)) | payload


@dataclass(frozen=True, slots=True)
class KafkaFlags:
    """Options of a KafkaTrigger."""

    trigger_topic: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="The topic that is read.")
    ] = None
    function_selector: SelectorOption = None
    brokers: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT,...", help="Brokers. Default those of the gateway."),
    ] = None
    secret: Annotated[
        str | None, typer.Option(metavar="SECRET", help="How to log in to these brokers.")
    ] = None
    start_from: Annotated[
        Begin | None,
        typer.Option(metavar="WHERE", help="earliest or latest: where a new group begins."),
    ] = None

    def spec(self) -> Spec:
        """Return the fields that were named."""
        begin = None if self.start_from is None else self.start_from.value
        return named(
            {
                "topic": self.trigger_topic,
                "functionSelector": _selector(self.function_selector),
                "brokers": None if self.brokers is None else _listed(self.brokers),
                "secret": self.secret,
                "startFrom": begin,
            }
        )


@dataclass(frozen=True, slots=True)
class NATSFlags:
    """Options of a NATSTrigger."""

    trigger_topic: Annotated[
        str | None, typer.Option(metavar="SUBJECT", help="The subject; * and > as NATS has them.")
    ] = None
    function_selector: SelectorOption = None
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Servers. Default those of the gateway.")
    ] = None
    secret: Annotated[
        str | None, typer.Option(metavar="SECRET", help="How to log in to these servers.")
    ] = None
    jetstream: Annotated[
        bool | None,
        typer.Option(
            "--jetstream/--no-jetstream", help="Read the stream that has it: at least once."
        ),
    ] = None

    def spec(self) -> Spec:
        """Return the fields that were named."""
        kept: Spec = {} if self.jetstream is None else {"jetstream": {} if self.jetstream else None}
        plain = {
            "topic": self.trigger_topic,
            "functionSelector": _selector(self.function_selector),
            "url": self.url,
            "secret": self.secret,
        }
        return named(plain) | kept


@dataclass(frozen=True, slots=True)
class KinesisFlags:
    """Options of a KinesisTrigger."""

    stream: Annotated[str | None, typer.Option(metavar="NAME", help="The stream that is read.")] = (
        None
    )
    aws_region: Annotated[
        str | None, typer.Option(metavar="REGION", help="Its region, as eu-west-1.")
    ] = None
    shard_id: Annotated[
        str | None, typer.Option(metavar="ID", help="The one shard that is read. Default all.")
    ] = None
    function_name: FunctionNameOption = None
    secret: Annotated[
        str | None,
        typer.Option(
            metavar="SECRET",
            help="With aws_access_key_id and aws_secret_access_key. Default no keys.",
        ),
    ] = None
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Another endpoint than the region's.")
    ] = None
    starting_position: Annotated[
        Position | None,
        typer.Option(metavar="WHERE", help="LATEST or TRIM_HORIZON: where a new trigger begins."),
    ] = None

    def spec(self) -> Spec:
        """Return the fields that were named."""
        position = None if self.starting_position is None else self.starting_position.value
        return named(
            {
                "stream": self.stream,
                "aws-region": self.aws_region,
                "shard": self.shard_id,
                "function-name": self.function_name,
                "secret": self.secret,
                "endpoint": self.endpoint,
                "startingPosition": position,
            }
        )


def _selector(text: str | None) -> Spec | None:
    return None if text is None else selector_from(text)


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]
