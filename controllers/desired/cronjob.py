"""From a CronJobTrigger with `mode: cronjob` to a CronJob. Pure.

Nothing that a user wrote becomes part of a command: the payload is a file, made of an annotation
of the pod, and the rest is in the environment of a script that is always the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from controllers.desired import names, security
from controllers.desired.findings import Findings
from controllers.desired.trigger import Called, TriggerInvalid, called, child_metadata
from tidegate.api.cronjob_trigger import CronJobTrigger
from tidegate.api.function import Function
from tidegate.api.metadata import API_VERSION
from tidegate.api.policy import delivery_policy
from tidegate.api.subscription import DeliveryPolicy

Object = dict[str, Any]

LONGEST_NAME: Final = 52
"""Of a CronJob: its Jobs have a suffix."""

PAYLOAD: Final = "kubeless.io/payload"
PAYLOAD_LIMIT: Final = 200 * 1024
"""Bytes. The annotations of an object have 256 KiB together."""

FOLDER: Final = "/payload"
START_TIME: Final = 120
"""Seconds for a pod to be placed and its image to be pulled."""

PUNCTUAL: Final = 10
"""The least deadline with which a CronJob fires at all: its controller looks every ten seconds."""

_LONGEST_BACKOFF: Final = 360.0
_FIRST_BACKOFF: Final = 10.0
_FOREVER: Final = 2**31 - 1
_ZONE: Final = re.compile(r"(?:CRON_)?TZ=(\S+) +(.*)", re.DOTALL)

SCRIPT: Final = """\
set -eu
minutes=${JOB_NAME##*-}
case $minutes in
  ''|*[!0-9]*|0*) id=$POD_UID at=$(date -u +%Y-%m-%dT%H:%M:%SZ) ;;
  *) at=$(date -u -d "@$((minutes * 60))" +%Y-%m-%dT%H:%M:%SZ) id=$TRIGGER_UID/$at ;;
esac
set --
[ ! -s /payload/body ] || set -- --data-binary @/payload/body
status=$(curl --silent --show-error --globoff --output /dev/null --write-out '%{http_code}' \\
  --connect-timeout 20 --max-time "$TIMEOUT" \\
  --header "ce-specversion: 1.0" --header "ce-id: $id" --header "ce-source: $SOURCE" \\
  --header "ce-type: io.kubeless.cronjobtrigger.tick" --header "ce-time: $at" \\
  --header "ce-subject: $at" \\
  --header "event-id: $id" --header "event-time: $at" --header "event-type: application/json" \\
  --header "event-namespace: cronjobtrigger.kubeless.io" \\
  --header "content-type: application/json" "$@" --url "$URL")
case $status in
  2??) exit 0 ;;
  408|425|429|5??) code=1 ;;
  *) code=4 ;;
esac
echo "the function answered with status $status, which is no success" >&2
exit "$code"
"""
"""A Job's name ends with its nominal time in minutes, so that a retry has the id of the first
attempt, and the one that the gateway would give. A Job made by hand has an id of its own."""

CONTAINER: Final = "trigger"
_REJECTED: Final = {
    "action": "FailJob",
    "onExitCodes": {"containerName": CONTAINER, "operator": "In", "values": [4]},
}
"""What a function refuses for good is not tried again, as by the gateway."""


@dataclass(frozen=True, slots=True)
class CronJobPlan:
    """One trigger on its way to its CronJob."""

    trigger: CronJobTrigger
    target: Called
    policy: DeliveryPolicy
    image: str
    pull_secrets: tuple[str, ...]


def desired_cron_job(
    trigger: CronJobTrigger,
    function: Function | None,
    image: str,
    pull_secrets: tuple[str, ...] = (),
) -> Object:
    """Return the CronJob of `trigger`, which must have its uid. Raises TriggerInvalid."""
    target, found = called(trigger, function), Findings(str(trigger))
    policy = delivery_policy(trigger, target.timeout)
    _check(trigger, found)
    if found.mistakes:
        raise TriggerInvalid(*found.mistakes)
    plan = CronJobPlan(trigger, target, policy, image, pull_secrets)
    annotations = names.inherited_annotations(trigger)
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": child_metadata(trigger, cron_job_name(trigger), annotations),
        "spec": {
            **_times(trigger),
            "concurrencyPolicy": trigger.spec.concurrency_policy,
            "suspend": trigger.spec.suspend or trigger.spec.paused,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            "jobTemplate": {"spec": _job(plan, found)},
        },
    }


def cron_job_name(trigger: CronJobTrigger) -> str:
    """Return the trigger's name, or as much of it as a CronJob's may have."""
    return names.limited(trigger.name, LONGEST_NAME)


def _check(trigger: CronJobTrigger, found: Findings) -> None:
    spec, fix = trigger.spec, "remove it, or remove mode"
    if len(spec.body or b"") > PAYLOAD_LIMIT:
        message = f"has more than the {PAYLOAD_LIMIT} bytes that mode: cronjob can carry"
        found.refuse("spec.payload", message, "shorten it, or remove mode")
    if spec.delivery.filter:
        found.refuse("spec.delivery.filter", "does not go with mode: cronjob", fix)


def _times(trigger: CronJobTrigger) -> Object:
    """The zone is a field of its own: a CronJob refuses TZ= in its schedule."""
    spec = trigger.spec
    written = _ZONE.fullmatch(spec.schedule)
    zone, schedule = written.groups() if written else (spec.time_zone or "UTC", spec.schedule)
    deadline = spec.starting_deadline_seconds
    if deadline is None and spec.missed_runs == "skip":
        deadline = PUNCTUAL
    known = {} if deadline is None else {"startingDeadlineSeconds": max(deadline, PUNCTUAL)}
    return {"schedule": schedule.strip(), "timeZone": zone, **known}


def _job(plan: CronJobPlan, found: Findings) -> Object:
    retries = plan.policy.retry
    deadline = _deadline(plan.policy)
    return {
        "backoffLimit": _FOREVER if retries < 0 else retries,
        **({} if deadline is None else {"activeDeadlineSeconds": deadline}),
        "podFailurePolicy": {"rules": [_REJECTED]},
        "template": _pod(plan, found),
    }


def _deadline(policy: DeliveryPolicy) -> int | None:
    """Return how long a Job may take: all of its attempts, and the waits between them."""
    if policy.max_age is not None:
        return max(1, ceil(policy.max_age))
    if policy.retry < 0:
        return None
    waits = sum(min(_FIRST_BACKOFF * 2.0**n, _LONGEST_BACKOFF) for n in range(policy.retry))
    return ceil((policy.retry + 1) * (policy.timeout + START_TIME) + waits)


def _pod(plan: CronJobPlan, found: Findings) -> Object:
    """The labels are not those of the function: its Service would lead calls to this pod."""
    about: Object = {
        "labels": {"created-by": "kubeless", "app.kubernetes.io/managed-by": "tidegate"}
    }
    body = plan.trigger.spec.body
    if body:
        about["annotations"] = {PAYLOAD: body.decode()}
    spec = {
        "restartPolicy": "Never",
        "containers": [security.restricted(_container(plan, body), True, "", found)],
        "imagePullSecrets": [{"name": name} for name in plan.pull_secrets],
        "volumes": [_payload_volume()] if body else [],
    }
    return {"metadata": about, "spec": security.restricted_pod(spec, "", found)}


def _payload_volume() -> Object:
    file = {"path": "body", "fieldRef": {"fieldPath": f"metadata.annotations['{PAYLOAD}']"}}
    return {"name": "payload", "downwardAPI": {"items": [file]}}


def _container(plan: CronJobPlan, body: bytes | None) -> Object:
    mount = {"name": "payload", "mountPath": FOLDER, "readOnly": True}
    return {
        "name": CONTAINER,
        "image": plan.image,
        "command": ["sh", "-c", SCRIPT],
        "env": _environment(plan),
        "volumeMounts": [mount] if body else [],
        "resources": {
            "limits": {"cpu": "100m", "memory": "64Mi"},
            "requests": {"cpu": "10m", "memory": "16Mi"},
        },
    }


def _environment(plan: CronJobPlan) -> list[Object]:
    trigger = plan.trigger
    where = f"namespaces/{trigger.namespace}/cronjobtriggers/{trigger.name}"
    texts = {
        "URL": plan.target.url,
        "TIMEOUT": str(ceil(plan.policy.timeout)),
        "TRIGGER_UID": trigger.metadata.uid,
        "SOURCE": f"/apis/{API_VERSION}/{where}",
    }
    fields = {"JOB_NAME": "metadata.labels['job-name']", "POD_UID": "metadata.uid"}
    return [
        *({"name": name, "value": text} for name, text in texts.items()),
        *(
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in fields.items()
        ),
    ]
