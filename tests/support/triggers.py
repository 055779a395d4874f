"""Triggers of every shape that people write, as tests of the control plane need them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.http_trigger import HTTPTrigger

Object = dict[str, Any]


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
