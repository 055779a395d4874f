"""The verb `controller`: the control plane of a cluster."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.cluster.options import ContextOption
from tidegate.cli.run_options import (
    EVERY_ADDRESS,
    AdminPortOption,
    LogFormatOption,
    LogLevelOption,
    ReplicaOption,
)
from tidegate.cli.up.options import LogFormat, LogLevel


def controller(
    namespace: Annotated[
        str,
        typer.Option(
            envvar="TIDEGATE_NAMESPACE",
            metavar="NAME",
            help="Reconcile this namespace only. Default what kubeless-config says, or all.",
        ),
    ] = "",
    home: Annotated[
        str,
        typer.Option(
            envvar="POD_NAMESPACE",
            metavar="NAME",
            help="Where the Lease is. Default that of the account.",
        ),
    ] = "",
    name: ReplicaOption = "",
    lease: Annotated[
        str,
        typer.Option(
            envvar="TIDEGATE_LEASE", metavar="NAME", help="Of replicas with one Lease, one works."
        ),
    ] = "tidegate-controller",
    lease_duration: Annotated[
        int,
        typer.Option(
            min=3, metavar="SECONDS", help="Until the work of a silent replica is taken over."
        ),
    ] = 15,
    config_namespace: Annotated[
        str,
        typer.Option(
            envvar="KUBELESS_NAMESPACE",
            metavar="NAME",
            help="Where the configuration is. Default see docs/functions-on-kubernetes.md.",
        ),
    ] = "",
    config: Annotated[
        str,
        typer.Option(
            envvar="KUBELESS_CONFIG", metavar="NAME", help="The ConfigMap with the configuration."
        ),
    ] = "",
    gateway_namespace: Annotated[
        str,
        typer.Option(
            envvar="TIDEGATE_GATEWAY_NAMESPACE",
            metavar="NAME",
            help="Where the gateway is. Default where the Lease is.",
        ),
    ] = "",
    gateway_service: Annotated[
        str,
        typer.Option(
            envvar="TIDEGATE_GATEWAY_SERVICE",
            metavar="NAME",
            help="The gateway's Service for calls; Ingresses lead to it.",
        ),
    ] = "tidegate-gateway",
    gateway_port: Annotated[
        int,
        typer.Option(
            envvar="TIDEGATE_GATEWAY_PORT", min=1, max=65535, metavar="N", help="Of that Service."
        ),
    ] = 8080,
    gateway_admin_service: Annotated[
        str,
        typer.Option(
            envvar="TIDEGATE_GATEWAY_ADMIN_SERVICE",
            metavar="NAME",
            help="The Service of the gateway's admin servers, asked for what triggers do.",
        ),
    ] = "tidegate-gateway-admin",
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Where health and metrics are. Default every address."
        ),
    ] = EVERY_ADDRESS,
    admin_port: AdminPortOption = 8081,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, metavar="N", help="Objects of a kind worked on at a time."),
    ] = 4,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Reach the cluster from outside, as this file says.",
        ),
    ] = None,
    context: ContextOption = "",
    log_format: LogFormatOption = LogFormat.JSON,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Run one replica of the controllers of a cluster.

    Of several replicas one works, the one that holds the Lease. SIGTERM gives it
    back.
    """
    from controllers.settings import (
        ConfigSettings,
        ControllerAdminSettings,
        ControllerSettings,
        GatewaySettings,
        LeaseSettings,
    )
    from tidegate.cli.controller_process import ControllerOptions, main
    from tidegate.kube.elector import ElectorSettings

    settings = ControllerSettings(
        functions_namespace=namespace,
        workers=workers,
        config=ConfigSettings(config_namespace, config),
        lease=LeaseSettings(home, lease, ElectorSettings.lasting(lease_duration)),
        admin=ControllerAdminSettings(host, admin_port),
        gateway=GatewaySettings(
            gateway_namespace, gateway_service, gateway_port, gateway_admin_service
        ),
    )
    options = ControllerOptions(
        name=name or socket.gethostname(),
        settings=settings,
        kubeconfig=kubeconfig,
        context=context,
        log_format=log_format,
        log_level=log_level,
    )
    code = main(options)
    if code:
        raise typer.Exit(code)
