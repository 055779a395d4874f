"""Which Kafka cluster a subscription means, and as whom."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.context import Context
from gateway.kafka.login import Login, client_options, login_from_secret, login_from_settings
from gateway.settings import KafkaSettings
from tidegate.api.subscription import KafkaTopic, Subscription


@dataclass(frozen=True, slots=True)
class Cluster:
    """Bootstrap servers, and what a client must be told to log in to them."""

    brokers: tuple[str, ...]
    login: Mapping[str, Any]


async def cluster_of(subscription: Subscription, context: Context) -> Cluster:
    """Return the cluster that a Kafka trigger names, and the gateway's own for every other kind.

    Raises `ConfigError` for a login that cannot work. The Secret is read from the subscription's
    own namespace only, and the gateway's own login goes to the gateway's own brokers only.
    """
    source = subscription.source
    spec = source if isinstance(source, KafkaTopic) else KafkaTopic("", "")
    settings = context.settings.kafka
    login: Login | None = None
    if spec.secret is not None:
        namespace, name = subscription.namespace, spec.secret.name
        content = context.secrets.read(namespace, name)
        login = login_from_secret(f"{namespace}/{name}", content, spec.tls)
    options = await asyncio.to_thread(_options, login, spec, settings)
    return Cluster(spec.brokers or settings.brokers, options)


def _options(login: Login | None, spec: KafkaTopic, settings: KafkaSettings) -> Mapping[str, Any]:
    if login is None:
        login = Login(tls=spec.tls) if spec.brokers else login_from_settings(settings)
    return client_options(login)
