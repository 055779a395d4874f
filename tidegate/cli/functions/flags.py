"""What the command line says of a function. None was not named. Light: every start reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from tidegate.cli.place.completing import function_names

NewNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the function.")]
NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of the function.", autocompletion=function_names),
]


class PullPolicy(StrEnum):
    """When a node fetches an image."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class CodeFlags:
    """What runs."""

    runtime: Annotated[
        str | None,
        typer.Option("--runtime", "-r", metavar="NAME", help="As python3.13; see runtime list."),
    ] = None
    handler: Annotated[
        str | None, typer.Option(metavar="FILE.FUNCTION", help="What is called, as hello.main.")
    ] = None
    from_file: Annotated[
        str | None,
        typer.Option(
            "--from-file", "-f", metavar="FILE", help="The code: a file, an archive or an URL."
        ),
    ] = None
    dependencies: Annotated[
        str | None,
        typer.Option(
            "--dependencies", "-d", metavar="FILE", help="As requirements.txt; a file or an URL."
        ),
    ] = None
    runtime_image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Run this image, not the runtime's.")
    ] = None
    image_pull_policy: Annotated[
        PullPolicy | None,
        typer.Option(metavar="WHEN", help="Of the image: Always, IfNotPresent or Never."),
    ] = None
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of a call, as 30 or 2m. Default 180.")
    ] = None


@dataclass(frozen=True, slots=True)
class PodFlags:
    """Where it runs, and with what."""

    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", metavar="KEY=VALUE", help="A label.")
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option("--env", "-e", metavar="NAME=VALUE", help="A variable of its environment."),
    ] = None
    secrets: Annotated[
        list[str] | None,
        typer.Option(metavar="SECRET", help="A Secret to be mounted at /SECRET."),
    ] = None
    node_selectors: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A label that its nodes have.")
    ] = None
    service_account: Annotated[
        str | None, typer.Option(metavar="NAME", help="The account of its pods.")
    ] = None
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Request and limit, as 128Mi.")
    ] = None
    cpu: Annotated[
        str | None, typer.Option(metavar="CORES", help="Request and limit, as 100m.")
    ] = None
    headless: Annotated[
        bool | None,
        typer.Option("--headless/--no-headless", help="Its Service has no address of its own."),
    ] = None
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, metavar="N", help="Where it listens. Default 8080."),
    ] = None
    service_port: Annotated[
        int | None,
        typer.Option(
            "--servicePort",
            "--service-port",
            min=0,
            max=65535,
            metavar="N",
            help="Of its Service. Default and 0 are --port.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class WaitFlags:
    """Whether to see to the end what a change brings."""

    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Return when the function takes calls, or fails."),
    ] = True
    wait_timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Wait no longer than this.")
    ] = 600.0
