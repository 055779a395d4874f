"""Makes a Function run: its objects applied and healed, and its status told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

from controllers.children import Children, ForeignObject
from controllers.conditions import READY, Truth, condition_in, turned
from controllers.core.reconciler import Result, TerminalError
from controllers.desired import names
from controllers.desired.code import FunctionInvalid
from controllers.desired.config import ControllerConfig
from controllers.desired.function import DesiredFunction, desired_objects
from controllers.events import EventRecorder, EventType, Happening
from controllers.finalizers import without_old_finalizers
from controllers.reconcilers.function_status import Observation, Refusal, function_status
from controllers.reconcilers.handover import hand_over_replicas
from controllers.reconcilers.pods import Trouble, trouble_of
from controllers.reconcilers.rollout import Rollout, rollout_of
from controllers.status import StatusBoard
from tidegate.api.function import Function
from tidegate.api.loader import resource_from
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Denied, Forbidden, Invalid, NotFound, NotServed, Unavailable
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import DEPLOYMENTS, PODS, Resource
from tidegate.kube.selection import Selection
from tidegate.kube.store import Store

logger = logging.getLogger(__name__)

_WORTH_TELLING = 3
"""Failures in a row."""

FUNCTIONS = Resource("kubeless.io", "v1beta1", "functions", "Function")


@dataclass(frozen=True, slots=True)
class LookSettings:
    """When pods are looked at: only while a rollout is under way. Durations are seconds."""

    first: float = 2.0
    """After what is new was applied; the next waits double."""

    longest: float = 300.0
    """Between two looks at a function that does not come up. That it comes up is seen at once."""

    recheck: float = 60.0
    """Between two looks whether an object of somebody else's still has the name."""


@dataclass(frozen=True, slots=True)
class FunctionPorts:
    """What the reconciler works with."""

    client: KubeClient
    functions: Store
    children: Children
    config: Callable[[], ControllerConfig]
    recorder: EventRecorder
    now: Callable[[], datetime]
    looks: LookSettings = field(default_factory=LookSettings)


@dataclass(slots=True)
class _Look:
    """How often the pods of one revision were looked at, and when next."""

    revision: str
    wait: float
    due: float
    trouble: Trouble | None = None


class FunctionReconciler:
    """See `controllers.core.reconciler.Reconciler`."""

    def __init__(self, ports: FunctionPorts) -> None:
        self._ports = ports
        self._board = StatusBoard(ports.client, FUNCTIONS)
        self._looks: dict[ObjectKey, _Look] = {}
        self._failures: dict[ObjectKey, int] = {}

    async def reconcile(self, key: ObjectKey) -> Result:
        """Make the objects of the function what it asks for, and tell how it goes."""
        obj = self._ports.functions.get(key)
        if obj is None:
            self._forget(key)
            return Result()
        try:
            await without_old_finalizers(self._ports.client, FUNCTIONS, obj)
            return Result() if "deletionTimestamp" in obj["metadata"] else await self._run(obj, key)
        except NotServed:
            raise
        except NotFound:
            return Result()  # deleted meanwhile; the watch will say so

    async def _run(self, obj: Object, key: ObjectKey) -> Result:
        try:
            wanted = desired_objects(_function(obj), self._ports.config())
        except FunctionInvalid as error:
            await self._refuse(obj, Refusal("Invalid", str(error)))
            raise TerminalError(error.sentences[0]) from error
        try:
            await self._apply(obj, wanted)
        except ForeignObject as error:
            await self._refuse(obj, Refusal("NameTaken", str(error)))
            return Result(after=self._ports.looks.recheck)
        except Invalid as error:
            await self._refuse(obj, Refusal("Refused", str(error)))
            raise TerminalError(str(error)) from error
        except (Denied, Forbidden) as error:
            await self._refuse(obj, Refusal("Denied", str(error)))
            raise
        except Unavailable as error:
            await self._complain(obj, key, error)
            raise
        self._failures.pop(key, None)
        await self._advise(obj, wanted)
        return await self._observe(obj, wanted)

    async def _apply(self, obj: Object, wanted: DesiredFunction) -> None:
        ports = self._ports
        await hand_over_replicas(ports.client, ports.children, obj, wanted.objects)
        await ports.children.settle(obj, wanted.objects)

    async def _observe(self, obj: Object, wanted: DesiredFunction) -> Result:
        key = ObjectKey(obj["metadata"]["namespace"], obj["metadata"]["name"])
        rollout = self._rollout(key, wanted)
        trouble, after = await self._look(key, wanted, rollout)
        await self._tell(obj, Observation(rollout, trouble, url=wanted.url))
        return Result(after)

    def _rollout(self, key: ObjectKey, wanted: DesiredFunction) -> Rollout:
        deployment = next(each for each in wanted.objects if each["kind"] == DEPLOYMENTS.kind)
        return rollout_of(self._ports.children.get(DEPLOYMENTS, key), deployment)

    async def _look(
        self, key: ObjectKey, wanted: DesiredFunction, rollout: Rollout
    ) -> tuple[Trouble | None, float | None]:
        """Look at the pods if it is time; return what troubles them, and when to look again."""
        if rollout.is_done:
            self._looks.pop(key, None)
            return None, None
        settings, now = self._ports.looks, asyncio.get_running_loop().time()
        look = self._looks.get(key)
        if look is None or look.revision != wanted.revision:
            # What ran before this controller did may have been in trouble for long.
            is_old = look is None and rollout.is_current and rollout.updated > 0
            due = now if is_old else now + settings.first
            look = _Look(wanted.revision, settings.first, due)
            self._looks[key] = look
        if now >= look.due:
            look.trouble = trouble_of(await self._pods(key), wanted.revision)
            look.wait = min(look.wait * 2, settings.longest)
            look.due = asyncio.get_running_loop().time() + look.wait
        return look.trouble, max(look.due - now, 0.0)

    async def _pods(self, key: ObjectKey) -> list[Object]:
        """Return pods of the function, at most a page: one that fails is like the others."""
        labels = ",".join(
            f"{name}={text}" for name, text in names.selector_labels(key.name).items()
        )
        selection = Selection(PODS, key.namespace, labels)
        async with aclosing(self._ports.client.pages(selection)) as pages:
            async for page in pages:
                return page.items
        return []

    async def _refuse(self, obj: Object, refusal: Refusal) -> None:
        key = ObjectKey(obj["metadata"]["namespace"], obj["metadata"]["name"])
        rollout = rollout_of(self._ports.children.get(DEPLOYMENTS, key), None)
        await self._tell(obj, Observation(rollout, refusal=refusal))

    async def _complain(self, obj: Object, key: ObjectKey, error: Unavailable) -> None:
        """Say what keeps failing; a server that was away for a moment is not worth a word."""
        self._failures[key] = self._failures.get(key, 0) + 1
        if self._failures[key] >= _WORTH_TELLING:
            await self._refuse(obj, Refusal("NotApplied", str(error)))

    async def _tell(self, obj: Object, seen: Observation) -> None:
        before = self._board.status_of(obj)
        status = function_status(obj, before, seen, self._ports.now())
        if await self._board.write(obj, status) and turned(before, status, READY):
            await self._ports.recorder.record(obj, _happening(status))

    async def _advise(self, obj: Object, wanted: DesiredFunction) -> None:
        """Tell what works, but not as it is written; once for each time that it is written."""
        generation = obj["metadata"].get("generation", 0)
        if self._board.status_of(obj).get("observedGeneration") == generation:
            return
        for warning in wanted.warnings:
            await self._ports.recorder.record(
                obj, Happening(EventType.WARNING, "NotAsWritten", warning)
            )

    def _forget(self, key: ObjectKey) -> None:
        self._board.forget(key)
        self._ports.children.forget(key)
        self._looks.pop(key, None)
        self._failures.pop(key, None)


def _function(obj: Object) -> Function:
    """Read the object. Raises `FunctionInvalid` with every mistake."""
    resource, problems = resource_from(obj)
    if not isinstance(resource, Function):
        raise FunctionInvalid(*map(str, problems))
    return resource


def _happening(status: Object) -> Happening:
    ready = condition_in(status, READY)
    kind = EventType.WARNING if ready["status"] == Truth.FALSE.value else EventType.NORMAL
    return Happening(kind, ready["reason"], ready["message"] or f"it answers at {status['url']}")
