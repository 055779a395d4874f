"""Which brokers are meant: those that were named, or those of a place's gateways."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from gateway.errors import ConfigError, SinkUnavailable
from gateway.kafka.topic import Record, Topic
from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.place.target import Target

T = TypeVar("T")


class Topics(Protocol):
    """What can be done with topics; see `gateway.kafka.topics`."""

    async def create(self, topic: Topic) -> None: ...

    async def delete(self, name: str) -> None: ...

    async def listed(self) -> list[Topic]: ...

    async def publish(self, record: Record) -> tuple[int, int]: ...


Work = Callable[[Topics], Awaitable[T]]


def run(brokers: str, target: Target, work: Work[T]) -> T:
    """Do `work` at the brokers that are named, here or by KAFKA_BROKERS; else at a gateway's.

    Raises `CommandError`.
    """
    if brokers or os.environ.get("KAFKA_BROKERS"):
        return _run_here(brokers, work)
    from tidegate.cli.place.open import run as run_at
    from tidegate.cli.place.place import Place
    from tidegate.cli.topics.remote import GatewayTopics

    async def at_place(place: Place) -> T:
        return await work(GatewayTopics((await place.gateways())[0]))

    return run_at(target, at_place)


def _run_here(brokers: str, work: Work[T]) -> T:
    # What it logs of each attempt to connect is said in one sentence at last.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(_done(brokers, work))
    except ModuleNotFoundError as error:
        raise CommandError(
            "talking to Kafka needs aiokafka; install tidegate[kafka], or leave out --brokers and "
            "KAFKA_BROKERS to have a gateway do it"
        ) from error
    except SinkUnavailable as error:
        raise CommandError(str(error), ExitCode.UNREACHABLE) from error
    except ConfigError as error:
        raise CommandError(str(error)) from error


async def _done(brokers: str, work: Work[T]) -> T:
    from gateway.kafka.topics import Topics as KafkaTopics
    from gateway.kafka.topics import own_cluster
    from gateway.settings import KafkaSettings, kafka_settings

    settings = kafka_settings(os.environ, KafkaSettings())
    if brokers:
        named = tuple(filter(None, (one.strip() for one in brokers.split(","))))
        settings = replace(settings, brokers=named)
    return await work(KafkaTopics(await own_cluster(settings), settings))
