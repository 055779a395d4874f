"""Topics by way of a gateway, which knows its brokers and how to log in to them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from gateway.kafka.topic import Record, Topic
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.place.place import GatewayAdmin
from tidegate.kube.errors import Invalid

TIMEOUT = 60.0
"""For what a gateway asks of brokers, which has deadlines of its own. Seconds."""

PATH = "/operations/topics"


@dataclass(frozen=True, slots=True)
class GatewayTopics:
    """See `gateway.kafka.topics`; raises `CommandError` with the gateway's own sentence."""

    gateway: GatewayAdmin

    async def create(self, topic: Topic) -> None:
        """Make a topic."""
        size = {"partitions": topic.partitions, "replicas": topic.replicas}
        await self._asked("POST", PATH, {"name": topic.name, **size})

    async def delete(self, name: str) -> None:
        """Remove a topic with its records."""
        await self._asked("DELETE", f"{PATH}/{quote(name, safe='')}")

    async def listed(self) -> list[Topic]:
        """Return every topic."""
        rows = await self._asked("GET", PATH)
        return [Topic(row["name"], row["partitions"], row["replicas"]) for row in rows]

    async def publish(self, record: Record) -> tuple[int, int]:
        """Write one record."""
        key = None if record.key is None else base64.b64encode(record.key).decode()
        body = {
            "value": base64.b64encode(record.value).decode(),
            "key": key,
            "headers": dict(record.headers),
        }
        path = f"{PATH}/{quote(record.topic, safe='')}/records"
        stored = await self._asked("POST", path, body)
        return stored["partition"], stored["offset"]

    async def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        content = None if body is None else orjson.dumps(body)
        try:
            async with self.gateway.request(method, path, body=content, timeout=TIMEOUT) as answer:
                said = await answer.read()
        except Invalid as error:  # the brokers refuse it; the command line was right
            raise CommandError(str(error)) from error
        if answer.status != 200:
            code = ExitCode.UNREACHABLE if answer.status == 503 else ExitCode.FAILURE
            raise CommandError(said.decode("utf-8", "replace"), code)
        return orjson.loads(said)
