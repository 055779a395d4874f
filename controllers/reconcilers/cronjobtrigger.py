"""Makes the CronJob of a CronJobTrigger that asks for one, and retires those of Kubeless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controllers.children import Children
from controllers.conditions import Condition, Truth
from controllers.desired.config import ControllerConfig
from controllers.desired.cronjob import cron_job_name, desired_cron_job
from controllers.ownership import CREATED_BY
from controllers.reconcilers.httptrigger import function_of
from controllers.reconcilers.trigger_status import SCHEDULED, Made
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.metadata import API_VERSION
from tidegate.kube.client import Deletion, KubeClient
from tidegate.kube.errors import NotFound
from tidegate.kube.objects import Object, ObjectKey, uid_of
from tidegate.kube.resources import CRON_JOBS
from tidegate.kube.store import Store

DRAINED = 10.0
"""Seconds between two looks whether the last Job of an old CronJob has ended."""

OLD_KIND = "Trigger"
"""The kind that Kubeless named as the owner of its CronJobs; there is none of that name, so that
no garbage collector ever removed one."""


@dataclass(frozen=True, slots=True)
class Schedules:
    """See `controllers.reconcilers.trigger.Offspring`."""

    client: KubeClient
    children: Children
    functions: Store
    config: Callable[[], ControllerConfig]
    condition: str = SCHEDULED

    async def settle(self, obj: Object, trigger: Trigger) -> Made:
        """Make the CronJob, or see to it that there is none: each time must be fired once."""
        assert isinstance(trigger, CronJobTrigger)
        draining = await self._retire(_old_key(trigger))
        if trigger.spec.mode == "gateway":
            await self.children.settle(obj, (), _names(trigger))
            return Made(after=DRAINED if draining else None)
        function = function_of(self.functions, trigger.namespace, trigger.spec.function_name)
        config = self.config()
        wanted = desired_cron_job(trigger, function, config.provision_image, config.pull_secrets)
        await self.children.settle(obj, (wanted,), _names(trigger))
        key = ObjectKey(trigger.namespace, cron_job_name(trigger))
        live = self.children.get(CRON_JOBS, key) or {}
        fired = (live.get("status") or {}).get("lastScheduleTime") or ""
        condition = Condition(SCHEDULED, Truth.TRUE, "Applied")
        return Made((condition,), "", False, fired, DRAINED if draining else None)

    async def withdraw(self, obj: Object) -> None:
        """Remove the CronJob."""
        await self.children.settle(obj, ())

    def forget(self, key: ObjectKey) -> None:
        """Drop what is known of it."""
        self.children.forget(key)

    async def _retire(self, key: ObjectKey) -> bool:
        """Stop Kubeless's CronJob, and delete it when its Jobs have ended; return whether some
        still run. Its owner may be another trigger of the function: it fired for that one."""
        live = self.children.get(CRON_JOBS, key)
        if live is None or not _is_of_kubeless(live):
            return False
        try:
            if not (live.get("spec") or {}).get("suspend"):
                await self.client.patch(CRON_JOBS, key, {"spec": {"suspend": True}})
            if (live.get("status") or {}).get("active"):
                return True
            await self.client.delete(CRON_JOBS, key, Deletion(uid=uid_of(live)))
        except NotFound:
            return False
        return False


def _old_key(trigger: CronJobTrigger) -> ObjectKey:
    return ObjectKey(trigger.namespace, f"trigger-{trigger.spec.function_name}")


def _names(trigger: CronJobTrigger) -> tuple[str, ...]:
    return (cron_job_name(trigger),)


def _is_of_kubeless(cron_job: Object) -> bool:
    """Return whether Kubeless made it; one of ours that only has such a name is controlled."""
    labels = cron_job["metadata"].get("labels") or {}
    owners = cron_job["metadata"].get("ownerReferences") or []
    made = CREATED_BY.items() <= labels.items()
    return made and any(
        each.get("apiVersion") == API_VERSION and each.get("kind") == OLD_KIND for each in owners
    )
