"""Makes of a trigger what the cluster must have for it, and tells what gateways do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controllers.children import ForeignObject
from controllers.conditions import READY, Condition, Truth, condition_in, turned
from controllers.core.reconciler import Result, TerminalError
from controllers.desired.trigger import TriggerInvalid
from controllers.events import EventRecorder, EventType, Happening
from controllers.finalizers import without_old_finalizers
from controllers.reconcilers.judgement import ROUTE_TAKEN, Judgement, judged
from controllers.reconcilers.neighbours import FunctionIndex
from controllers.reconcilers.trigger_status import Made, Need, Seen, trigger_status
from controllers.report import TriggerName
from controllers.reports import GatewayReports
from controllers.status import StatusBoard
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.kinesis_trigger import KinesisTrigger
from tidegate.api.loader import resource_from
from tidegate.api.nats_trigger import NATSTrigger
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Denied, Forbidden, Invalid, NotFound, NotServed
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.resources import Resource
from tidegate.kube.store import Store

RECHECK = 60.0
"""Seconds between two looks whether what others must mend is mended."""


class Offspring(Protocol):
    """What is made for the triggers of one kind."""

    @property
    def condition(self) -> str:
        """The condition that says whether it is there."""
        ...

    async def settle(self, obj: Object, trigger: Trigger) -> Made:
        """Make it so. Raises `TriggerInvalid`, `ForeignObject` and `KubeError`."""
        ...

    async def withdraw(self, obj: Object) -> None:
        """Remove it: another has the trigger's place. Raises `KubeError`."""
        ...

    def forget(self, key: ObjectKey) -> None:
        """Drop what is known of a trigger that is gone."""
        ...


class NoOffspring:
    """For triggers that the gateway serves alone."""

    condition = ""

    async def settle(self, obj: Object, trigger: Trigger) -> Made:
        """See `Offspring`."""
        return Made()

    async def withdraw(self, obj: Object) -> None:
        """See `Offspring`."""

    def forget(self, key: ObjectKey) -> None:
        """See `Offspring`."""


@dataclass(frozen=True, slots=True)
class TriggerPorts:
    """What the reconciler of one kind works with. `rivals` are who may claim the same."""

    client: KubeClient
    resource: Resource
    triggers: Store
    functions: FunctionIndex
    rivals: Callable[[Object], Iterable[Object]]
    offspring: Offspring
    reports: GatewayReports
    recorder: EventRecorder
    now: Callable[[], datetime]


class TriggerReconciler:
    """See `controllers.core.reconciler.Reconciler`."""

    def __init__(self, ports: TriggerPorts) -> None:
        self._ports = ports
        self._board = StatusBoard(ports.client, ports.resource)

    async def reconcile(self, key: ObjectKey) -> Result:
        """Judge the trigger, make what it needs, and tell how it goes."""
        obj = self._ports.triggers.get(key)
        if obj is None:
            self._board.forget(key)
            self._ports.offspring.forget(key)
            return Result()
        try:
            await without_old_finalizers(self._ports.client, self._ports.resource, obj)
            return Result() if "deletionTimestamp" in obj["metadata"] else await self._run(obj)
        except NotServed:
            raise
        except NotFound:
            return Result()  # deleted meanwhile; the watch will say so

    async def _run(self, obj: Object) -> Result:
        judgement = await self._judged(obj)
        made, error = await self._made(obj, judgement)
        await self._tell(obj, judgement, made)
        if error is not None:
            raise error
        return Result(made.after)

    async def _judged(self, obj: Object) -> Judgement:
        reading = await asyncio.to_thread(resource_from, obj)  # a time zone is read from a file
        functions = self._ports.functions.of(obj["metadata"]["namespace"])
        return judged(obj, reading, self._ports.rivals(obj), functions)

    async def _made(self, obj: Object, judgement: Judgement) -> tuple[Made, Exception | None]:
        """Make the objects; return what became of them, and what to raise once that is told.

        What cannot be read any more goes on as it was; so it does in the gateway.
        """
        offspring = self._ports.offspring
        if judgement.trigger is None or not judgement.is_accepted:
            if judgement.accepted.reason == ROUTE_TAKEN:
                await offspring.withdraw(obj)
            return Made(), None
        try:
            return await offspring.settle(obj, judgement.trigger), None
        except ForeignObject as error:
            return self._failed("NameTaken", error, RECHECK), None
        except NotServed as error:
            return self._failed("NotServed", error, RECHECK), None
        except (TriggerInvalid, Invalid) as error:
            return self._failed("Refused", error), TerminalError(str(error))
        except (Denied, Forbidden) as error:
            return self._failed("Denied", error), error

    def _failed(self, reason: str, error: Exception, after: float | None = None) -> Made:
        condition = Condition(self._ports.offspring.condition, Truth.FALSE, reason, str(error))
        return Made((condition,), after=after)

    async def _tell(self, obj: Object, judgement: Judgement, made: Made) -> None:
        ports, before = self._ports, self._board.status_of(obj)
        seen = Seen(
            judgement,
            made,
            ports.reports.of(TriggerName(ports.resource.kind, key_of(obj))),
            ports.reports.asked,
            _needs_secret(judgement.trigger),
        )
        status = trigger_status(obj, before, seen, ports.now())
        if await self._board.write(obj, status) and turned(before, status, READY):
            await ports.recorder.record(obj, _happening(status))


def _needs_secret(trigger: Trigger | None) -> Need:
    """Return for whom a trigger names Secrets."""
    if isinstance(trigger, KafkaTrigger | NATSTrigger | KinesisTrigger):
        return Need.GATEWAY if trigger.spec.secret else Need.NONE
    if isinstance(trigger, HTTPTrigger) and trigger.spec.via == "gateway":
        named = trigger.spec.tls_secret or trigger.spec.basic_auth_secret
        return Need.INGRESS if named else Need.NONE
    return Need.NONE


def _happening(status: Object) -> Happening:
    ready = condition_in(status, READY)
    kind = EventType.WARNING if ready["status"] == Truth.FALSE.value else EventType.NORMAL
    return Happening(kind, ready["reason"], ready["message"] or "its events reach its functions")
