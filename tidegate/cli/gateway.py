"""The verb `gateway`: the data plane of a cluster."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.cluster.options import ContextOption
from tidegate.cli.run_options import (
    EVERY_ADDRESS,
    AdminPortOption,
    DrainTimeoutOption,
    LogFormatOption,
    LogLevelOption,
    PortOption,
    ReplicaOption,
)
from tidegate.cli.up.options import LogFormat, LogLevel


def gateway(
    namespace: Annotated[
        str,
        typer.Option(
            envvar="TIDEGATE_NAMESPACE",
            metavar="NAME",
            help="Follow this namespace only. Default all.",
        ),
    ] = "",
    home: Annotated[
        str,
        typer.Option(
            envvar="POD_NAMESPACE",
            metavar="NAME",
            help="Where the gateway's Leases are. Default that of its account.",
        ),
    ] = "",
    name: ReplicaOption = "",
    group: Annotated[
        str,
        typer.Option(
            envvar="TIDEGATE_GROUP", metavar="NAME", help="Replicas of one group share the work."
        ),
    ] = "tidegate",
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where calls come in. Default every address.")
    ] = EVERY_ADDRESS,
    port: PortOption = 8080,
    admin_port: AdminPortOption = 8081,
    nats: Annotated[
        str,
        typer.Option(
            envvar="NATS_URL", metavar="URL", help="The server of NATS triggers that name none."
        ),
    ] = "",
    replicas_per_trigger: Annotated[
        int,
        typer.Option(min=1, max=64, metavar="N", help="Replicas that read for one trigger."),
    ] = 2,
    lease: Annotated[
        float,
        typer.Option(min=5, metavar="SECONDS", help="Until a silent replica is taken for dead."),
    ] = 15.0,
    workers: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="Processes that share the work.")
    ] = 1,
    drain_timeout: DrainTimeoutOption = 20.0,
    endpoints_lag: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="For calls that still come on a stop.")
    ] = 5.0,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Reach the cluster from outside, as this file says."),
    ] = None,
    context: ContextOption = "",
    log_format: LogFormatOption = LogFormat.JSON,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run one replica of the gateway of a cluster.

    SIGTERM hands the triggers to the other replicas and drains; a second one
    does not wait.
    """
    from tidegate.cli.gateway_process import GatewayOptions, main

    options = GatewayOptions(
        namespace=namespace,
        home=home,
        name=name or socket.gethostname(),
        group=group,
        host=host,
        port=port,
        admin_port=admin_port,
        nats_url=nats,
        replicas_per_trigger=replicas_per_trigger,
        lease=lease,
        workers=workers,
        drain_timeout=drain_timeout,
        endpoints_lag=endpoints_lag,
        kubeconfig=kubeconfig,
        context=context,
        log_format=log_format,
        log_level=log_level,
    )
    code = main(options)
    if code:
        raise typer.Exit(code)
