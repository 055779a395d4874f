"""Triggers on their way over. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tidegate.cli.migrate.model import Draft

_AT_LEAST_ONCE: Final = (
    "at least once: it is tried 10 more times, then it is parked, and what follows in its key "
    "waits for a person; delivery: {onExhausted: drop} passes it over instead"
)
_FAILED: Final = "at most once: an event whose call failed was passed over"
_SUCCESS: Final = ("success", "status 200 alone", "any 2xx; 408, 425, 429 and 5xx are tried again")
_UNLIMITED: Final = ("timeout", "none", "the function's, 180 s where it says none")


def convert_trigger(draft: Draft, moment: str) -> None:
    """Bring a trigger to its new form. `moment` is when Kubeless was still at work."""
    convert = _KINDS.get(draft.kind)
    if convert is not None:
        convert(draft, moment)


def _http(draft: Draft, _: str) -> None:
    if draft.spec.pop("ingress-enabled", None) is not None:
        draft.change("spec.ingress-enabled", "said", "gone: a trigger is an Ingress")
    draft.change(
        "Ingress",
        "it leads to the function",
        "it leads to the gateway, which calls the function; via: function leads past it",
    )
    draft.change(
        "status",
        "what the ingress controller makes of a failure",
        "503 while no process is ready, 504 after the function's timeout, 413 above bodyLimit",
    )
    if _class(draft) == "nginx":
        path = str(draft.spec.get("path") or "").lstrip("/")
        now = f"it sees what is below /{path}" if path else "it sees it whole"
        draft.change("path", "rewritten: the function sees / alone", now)
    _http_fields(draft)


def _class(draft: Draft) -> str:
    return str(draft.spec.get("gateway") or "").partition("-")[0]


def _http_fields(draft: Draft) -> None:
    if draft.spec.get("gateway"):
        now = f"ingressClassName: an IngressClass {draft.spec['gateway']} must be there"
        draft.change("spec.gateway", "an annotation", now)
    if draft.spec.get("basic-auth-secret") and _class(draft) == "traefik":
        now = "a Middleware of Traefik 3, which holds it"
        draft.change("spec.basic-auth-secret", "an annotation of Traefik 1", now)
    if draft.spec.get("tls"):
        now = "cert-manager, by its default issuer or an annotation cert-manager.io/…"
        draft.change("spec.tls", "kube-lego", now)


def _cron(draft: Draft, _: str) -> None:
    draft.change(
        "firing",
        "a CronJob trigger-<function>",
        "the gateway; Kubeless's CronJob is suspended as soon as a controller leads. A time that "
        "falls into that second may be fired by both: call the commands between two times",
    )
    draft.change("time zone", "that of the cluster's controllers", "UTC, or spec.timeZone")
    draft.change(
        "delivery",
        "one call; whatever the function answers is a success",
        "tried 10 more times until it answers 2xx, then parked",
    )
    draft.change("event-id", "the uid of a pod", "trigger and nominal time, at each attempt")


def _kafka(draft: Draft, moment: str) -> None:
    _log(draft, "<topic>/<partition>/<offset>")
    now = "in order per key, keys beside each other; delivery: {ordering: partition} as before"
    draft.change("order", "one record of a partition at a time", now)
    if "startFrom" not in draft.spec:
        draft.spec.update({"startFrom": "timestamp", "startTime": moment})
        draft.change(
            "spec.startFrom",
            "latest: a partition without a committed offset was read from its end",
            f"its committed offset, else {moment}: nothing is lost and nothing old is read",
        )


def _log(draft: Draft, identity: str) -> None:
    """What changes for the records of a log."""
    draft.change("delivery", _FAILED, _AT_LEAST_ONCE)
    draft.change(*_SUCCESS)
    draft.change(*_UNLIMITED)
    draft.change("event-id", "random", f"{identity}: the same whenever the event comes again")


def _nats(draft: Draft, _: str) -> None:
    draft.change(
        "delivery",
        "at most once, one attempt",
        "at most once still, since core NATS keeps nothing; 10 more attempts from memory. "
        "jetstream: {} with a stream makes it at least once",
    )
    draft.change(*_SUCCESS)
    draft.change(*_UNLIMITED)


def _kinesis(draft: Draft, moment: str) -> None:
    _log(draft, "<shard>:<sequence>")
    if "startingPosition" not in draft.spec:
        draft.spec.update({"startingPosition": "AT_TIMESTAMP", "startingTime": moment})
        draft.change(
            "spec.startingPosition",
            "LATEST after each restart: what came meanwhile was lost",
            f"{moment}, then its own checkpoint. What Kubeless has done since then comes again; "
            "was it behind, set an earlier time",
        )
    if draft.spec.get("endpoint") == "":
        del draft.spec["endpoint"]


_KINDS: Final[Mapping[str, Callable[[Draft, str], Any]]] = {
    "HTTPTrigger": _http,
    "CronJobTrigger": _cron,
    "KafkaTrigger": _kafka,
    "NATSTrigger": _nats,
    "KinesisTrigger": _kinesis,
}
