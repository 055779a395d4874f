"""Kubernetes Events: what happened to an object, for `kubectl describe`."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from controllers.conditions import timestamp
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import KubeError, NotLeading
from tidegate.kube.objects import Object, uid_of
from tidegate.kube.resources import EVENTS

logger = logging.getLogger(__name__)

COMPONENT = "tidegate-controller"
LONGEST_MESSAGE = 1024
"""What the API server takes."""

_REMEMBERED = 4096
_REPEAT = 600.0
"""The same about the same object is told again after so long, and not before: one that goes up and
down must not fill the cluster's store."""


class EventType(StrEnum):
    """Whether somebody should look."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Happening(NamedTuple):
    """What happened. `reason` is one word in CamelCase."""

    type: EventType
    reason: str
    message: str


class EventRecorder:
    """Writes Events. They are for people: one that cannot be written is let go."""

    def __init__(
        self, client: KubeClient, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._now = now
        self._told: OrderedDict[tuple[str, Happening], float] = OrderedDict()

    async def record(self, about: Object, happening: Happening) -> None:
        """Tell what happened to `about`. Raises `NotLeading`; no other error of the API server."""
        if not self._is_news(uid_of(about), happening):
            return
        try:
            await self._client.create(EVENTS, self._event(about, happening))
        except NotLeading:
            raise
        except KubeError as error:
            logger.warning("event %s not written: %s", happening.reason, error)

    def _is_news(self, uid: str, happening: Happening) -> bool:
        now = time.monotonic()
        told = self._told.get((uid, happening))
        if told is not None and now - told < _REPEAT:
            return False
        self._told[uid, happening] = now
        self._told.move_to_end((uid, happening))
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return True

    def _event(self, about: Object, happening: Happening) -> Object:
        metadata, now = about["metadata"], timestamp(self._now())
        namespace = metadata.get("namespace") or "default"
        return {
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": metadata["name"],
                "namespace": metadata.get("namespace", ""),
                "uid": uid_of(about),
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
            "type": happening.type.value,
            "reason": happening.reason,
            "message": happening.message[:LONGEST_MESSAGE],
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
