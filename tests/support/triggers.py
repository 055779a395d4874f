"""Triggers of every shape that people write, as tests of the control plane need them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.support.controllers import PATIENCE, condition, found
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import Resource


def trigger_object(
    kind: str, metadata: Mapping[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Return shop/front of that kind; underscores in field names stand for dashes."""
    about = {"name": "front", "namespace": "shop", "uid": "uid-of-front"} | dict(metadata or {})
    return {
        "apiVersion": "kubeless.io/v1beta1",
        "kind": kind,
        "metadata": about,
        "spec": {name.replace("_", "-"): value for name, value in spec.items()},
    }


def http_trigger(metadata: Mapping[str, Any] | None = None, **spec: Any) -> HTTPTrigger:
    """Return an HTTPTrigger of the function hello."""
    fields = {"function_name": "hello"} | spec
    return HTTPTrigger.model_validate(trigger_object("HTTPTrigger", metadata, **fields))


def cron_trigger(metadata: Mapping[str, Any] | None = None, **spec: Any) -> CronJobTrigger:
    """Return a CronJobTrigger of the function hello, every five minutes."""
    fields = {"function_name": "hello", "schedule": "*/5 * * * *", "mode": "cronjob"} | spec
    return CronJobTrigger.model_validate(trigger_object("CronJobTrigger", metadata, **fields))


def written(resource: Resource, key: ObjectKey, **about: Any) -> Object:
    """A trigger as a user writes it; `spec` and parts of the metadata are in `about`."""
    spec = about.pop("spec")
    metadata = {"namespace": key.namespace, "name": key.name, **about}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": metadata,
        "spec": spec,
    }


async def write(client: KubeClient, resource: Resource, key: ObjectKey, **about: Any) -> Object:
    """Apply as a user does: what is left out is gone."""
    made = written(resource, key, **about)
    return await client.apply(resource, made, force=True, manager="kubectl")


async def until_says(
    client: KubeClient, resource: Resource, key: ObjectKey, kind: str, status: str, reason: str
) -> Object:
    """Return the trigger once its condition is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            obj = await found(client, resource, key)
            said = condition(obj or {}, kind)
            if obj is not None and (said.get("status"), said.get("reason")) == (status, reason):
                return obj
            await asyncio.sleep(0.02)


async def until_gone(client: KubeClient, resource: Resource, key: ObjectKey) -> None:
    """Return once the object is not there."""
    async with asyncio.timeout(PATIENCE):
        while await found(client, resource, key) is not None:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
