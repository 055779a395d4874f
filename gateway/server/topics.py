"""The routes of `tidegate topic`: topics of the brokers that this gateway reads."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.errors import ConfigError
from gateway.kafka.topic import Record, Topic
from gateway.server.answers import json_answer, json_body, saying
from gateway.settings import KafkaSettings

if TYPE_CHECKING:
    from gateway.kafka.topics import Topics

MOST = 100_000
"""Partitions or copies that may be asked for; brokers take far fewer."""

ADVICE = (
    "start them, or name others to the gateway by KAFKA_BROKERS, in the environment of "
    "`tidegate up` or, in a cluster, of the Deployment tidegate-gateway"
)
"""What to do when the gateway's brokers cannot be reached."""


class TopicRoutes:
    """Below `/topics`: list, create, delete, and write a record."""

    def __init__(self, settings: Callable[[], KafkaSettings]) -> None:
        self._settings = settings

    def extend(self, application: web.Application) -> None:
        """Add the routes."""
        router = application.router
        router.add_get("/topics", saying(self._list))
        router.add_post("/topics", saying(self._create))
        router.add_delete("/topics/{name}", saying(self._delete))
        router.add_post("/topics/{name}/records", saying(self._publish))

    async def _list(self, _: web.Request) -> web.Response:
        found = await (await self._topics()).listed()
        return json_answer(
            [{"name": one.name, "partitions": one.partitions, "replicas": one.replicas}
             for one in found]
        )  # fmt: skip

    async def _create(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        sizes = (_count(body, name) for name in ("partitions", "replicas"))
        topic = Topic(str(body.get("name", "")), *sizes)
        await (await self._topics()).create(topic)
        return json_answer({})

    async def _delete(self, request: web.Request) -> web.Response:
        await (await self._topics()).delete(request.match_info["name"])
        return json_answer({})

    async def _publish(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        key = None if body.get("key") is None else _decoded(body["key"])
        headers = body.get("headers") or {}
        if not isinstance(headers, dict):
            raise ValueError("headers: is no JSON object")
        told = {name: str(value) for name, value in headers.items()}
        record = Record(request.match_info["name"], _decoded(body.get("value")), key, told)
        partition, offset = await (await self._topics()).publish(record)
        return json_answer({"partition": partition, "offset": offset})

    async def _topics(self) -> Topics:
        """Return the topics of the gateway's own brokers. Raises `ConfigError` without a client."""
        try:
            from gateway.kafka.topics import Topics, own_cluster
        except ModuleNotFoundError as error:
            raise ConfigError(
                "this gateway cannot talk to Kafka; install tidegate[kafka] beside it"
            ) from error
        settings = self._settings()
        return Topics(await own_cluster(settings), settings, ADVICE)


def _count(body: Mapping[str, Any], name: str) -> int:
    count = body.get(name) or 1
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
        raise ValueError(f"{name}: {count!r} is no whole number from 1 to {MOST}")
    return count


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(str(text or ""), validate=True)
    except ValueError as error:  # also what has letters that ASCII has not
        raise ValueError("key and value of a record are base64") from error
