"""Why the pods of a function do not run: what their containers say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from controllers.desired import names
from tidegate.kube.objects import Object

LINES = 20
"""Of what a failed container said last; npm and Maven follow a cause with ten lines of advice."""

_LONGEST = 2048
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_IMAGE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
     "ImageInspectError", "RegistryUnavailable"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a pod does not run. `reason` is a word for machines."""

    reason: str
    message: str
    is_build: bool = False
    """Whether the function could not be prepared, installed or compiled."""


def trouble_of(pods: Iterable[Object], revision: str) -> Trouble | None:
    """Return the worst trouble among the pods of that revision; None when none is known."""
    found = [each for pod in pods if _revision(pod) == revision for each in _troubles(pod)]
    return min(found, key=lambda each: _ORDER.index(each.reason), default=None)


_ORDER = ("BuildFailed", "ImageUnavailable", "ContainerRefused", "Crashing", "Unschedulable")


def _revision(pod: Object) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(names.REVISION, ""))


def _troubles(pod: Object) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    for container in status.get("initContainerStatuses") or []:
        yield from _start(container)
        yield from _failed_build(container)
    for container in status.get("containerStatuses") or []:
        yield from _start(container)
        yield from _crash(container)
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield Trouble("Unschedulable", f"no node takes the pod: {condition.get('message', '')}")


def _start(container: Object) -> Iterator[Trouble]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, said = waiting.get("reason", ""), waiting.get("message", "")[:_LONGEST]
    if reason in _IMAGE:
        image = container.get("image", "")
        yield Trouble(
            "ImageUnavailable",
            f"container {container['name']}: the image {image} cannot be had ({reason}): {said}; "
            "correct its name, or add the imagePullSecrets that its registry asks for",
        )
    elif reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        yield Trouble(
            "ContainerRefused", f"container {container['name']}: it cannot be made: {said}"
        )


def _failed_build(container: Object) -> Iterator[Trouble]:
    end = _last_end(container)
    if end is not None and not container.get("ready"):
        yield Trouble("BuildFailed", _told("step", container, end), is_build=True)


def _crash(container: Object) -> Iterator[Trouble]:
    end = _last_end(container)
    if end is not None and not container.get("ready"):
        yield Trouble("Crashing", _told("container", container, end))


def _last_end(container: Object) -> dict[str, Any] | None:
    """Return how the container ended last, if that was a failure."""
    for when in ("state", "lastState"):
        end: dict[str, Any] | None = (container.get(when) or {}).get("terminated")
        if end is not None:
            return end if end.get("exitCode") else None
    return None


def _told(what: str, container: Object, end: dict[str, Any]) -> str:
    lines = _COLOUR.sub("", end.get("message") or "").strip().splitlines()[-LINES:]
    said = "\n".join(lines)[-_LONGEST:]
    how = f"exit code {end['exitCode']}"
    if end.get("reason") not in (None, "", "Error"):
        how += f", {end['reason']}"
    return f"{what} {container['name']} failed ({how})" + (f":\n{said}" if said else "")
