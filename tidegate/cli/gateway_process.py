"""Starts a gateway of a cluster on an event loop, and ends it when it is told to."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from gateway.cluster.gateway import ClusterGateway, Crew
from gateway.cluster.settings import ClusterSettings
from gateway.errors import ConfigError
from gateway.loop import loop_factory
from gateway.settings import (
    AdminSettings,
    HttpSettings,
    KafkaSettings,
    KinesisSettings,
    LifecycleSettings,
    NatsSettings,
    Settings,
    kafka_settings,
)
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.up.console import start_logging
from tidegate.cli.up.options import LogFormat, LogLevel
from tidegate.kube.access import Access
from tidegate.kube.client import connected
from tidegate.kube.errors import AccessError
from tidegate.kube.kubeconfig import access_by

logger = logging.getLogger(__name__)

LEASE_PERIOD = 30.0
"""Of Kinesis shards, whose leases are written to the API server: rarely is often enough."""


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """One invocation. Durations are seconds; port 0 lets the system choose."""

    name: str
    namespace: str = ""
    home: str = ""
    """Empty: the namespace of the account."""
    group: str = "tidegate"
    host: str = ""
    """Empty is every address, of IPv4 and of IPv6."""
    port: int = 8080
    admin_port: int = 8081
    nats_url: str = ""
    replicas_per_trigger: int = 2
    lease: float = 15.0
    workers: int = 1
    """Processes that do the work of the gateway; 1 does it in this one."""
    drain_timeout: float = 20.0
    endpoints_lag: float = 5.0
    kubeconfig: Path | None = None
    """None: this is a pod."""
    context: str = ""
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO


def main(options: GatewayOptions) -> ExitCode:
    """Run until a signal. Raises `CommandError` when it cannot start."""
    console = start_logging(options.log_format, options.log_level)
    try:
        access = access_by(options.kubeconfig, options.context)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(options, access))
    except (AccessError, ConfigError, ValueError) as error:
        raise CommandError(str(error)) from error
    except ExceptionGroup as group:
        logger.exception("an unexpected error ended this process; please report it")
        raise CommandError(f"ended by {group.exceptions[0]!r}") from group
    finally:
        console.close()


async def _serve(options: GatewayOptions, access: Access) -> ExitCode:
    stop = asyncio.Event()
    running = asyncio.create_task(_run(options, access, stop), name="gateway of a cluster")
    loop = asyncio.get_running_loop()

    def received() -> None:
        if stop.is_set():
            running.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, received)
    await asyncio.wait([running])
    if running.cancelled():
        logger.warning("aborted: what was in flight is not settled; brokers deliver it again")
        return ExitCode.ABORTED
    running.result()
    return ExitCode.OK


async def _run(options: GatewayOptions, access: Access, stop: asyncio.Event) -> None:
    several = options.workers > 1
    crew = Crew(options.workers, options.kubeconfig, options.context) if several else None
    async with connected(access) as client:
        replica = ClusterGateway(
            gateway_settings(options), cluster_settings(options, access), client, crew
        )
        await replica.run(stop)


def gateway_settings(options: GatewayOptions) -> Settings:
    """Return what the data plane is told."""
    return Settings(
        http=HttpSettings(host=options.host, port=options.port),
        admin=AdminSettings(host=options.host, port=options.admin_port),
        kafka=kafka_settings(os.environ, KafkaSettings()),
        kinesis=KinesisSettings(lease_period=LEASE_PERIOD),
        nats=NatsSettings(url=options.nats_url) if options.nats_url else NatsSettings(),
        lifecycle=LifecycleSettings(drain_timeout=options.drain_timeout),
    )


def cluster_settings(options: GatewayOptions, access: Access) -> ClusterSettings:
    """Return what this replica follows. Raises `ValueError` for times that do not fit."""
    return ClusterSettings(
        namespace=options.namespace,
        home=options.home or access.namespace,
        group=options.group,
        name=options.name,
        replicas_per_trigger=options.replicas_per_trigger,
        lease=options.lease,
        renew=options.lease / 5,
        endpoints_lag=options.endpoints_lag,
    )
