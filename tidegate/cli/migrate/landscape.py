"""What there is of Kubeless, wherever it was read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.api.function import dig
from tidegate.api.kinds import CUSTOM_KINDS
from tidegate.api.metadata import API_VERSION
from tidegate.kube.objects import Object, ObjectKey, key_of

PARTS: Final[Mapping[str, str]] = {
    "function-controller": "Function",
    "http-trigger-controller": "HTTPTrigger",
    "cronjob-trigger-controller": "CronJobTrigger",
    "kafka-trigger-controller": "KafkaTrigger",
    "nats-trigger-controller": "NATSTrigger",
    "kinesis-trigger-controller": "KinesisTrigger",
}
"""The programs of Kubeless by the ends of their images' names, and the kind that each serves."""

LEFTOVERS: Final = frozenset(
    {"ConfigMap", "CronJob", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Service"}
)
"""Kinds of what Kubeless made for its objects."""

USUAL_CONFIG: Final = ObjectKey("kubeless", "kubeless-config")


@dataclass(frozen=True, slots=True)
class OldController:
    """A Deployment of Kubeless itself."""

    key: ObjectKey
    kinds: frozenset[str]
    """The kinds that it serves."""

    env: tuple[Object, ...] = ()
    """The environment of all of its containers."""

    labels: tuple[tuple[str, str], ...] = ()
    """By which its pods are found."""

    def value(self, name: str) -> str:
        """Return what a variable says in plain text; empty when it is not there, or hidden."""
        found = (each.get("value") for each in self.env if each.get("name") == name)
        return str(next((text for text in found if text), ""))


@dataclass(frozen=True, slots=True)
class Landscape:
    """Kubeless's objects and its remains."""

    objects: tuple[Object, ...] = ()
    """Of its own kinds, in the order of its kinds."""

    controllers: tuple[OldController, ...] = ()
    config: Object | None = None
    """The ConfigMap kubeless-config, under whatever name."""

    leftovers: tuple[Object, ...] = ()
    """What it made for them, and what has the name of such a thing."""

    warnings: tuple[str, ...] = ()
    """What could not be looked at."""

    def of_kind(self, *kinds: str) -> Iterator[Object]:
        """Yield the objects of these kinds."""
        return (each for each in self.objects if each["kind"] in kinds)


def landscape(objects: Iterable[Object], config: ObjectKey = USUAL_CONFIG) -> Landscape:
    """Sort what was read; what has nothing to do with Kubeless is left out."""
    every = [each for each in objects if isinstance(dig(each, "metadata", "name"), str)]
    order = {kind: place for place, kind in enumerate(CUSTOM_KINDS)}
    own = [each for each in every if each.get("apiVersion") == API_VERSION]
    controllers = [one for each in every if (one := old_controller(each)) is not None]
    programs = {one.key for one in controllers}
    return Landscape(
        objects=tuple(sorted(own, key=lambda each: order.get(each["kind"], len(order)))),
        controllers=tuple(controllers),
        config=next((each for each in every if _is_config(each, config)), None),
        leftovers=tuple(
            each for each in every if each.get("kind") in LEFTOVERS and key_of(each) not in programs
        ),
    )


def old_controller(obj: Object) -> OldController | None:
    """Return the part of Kubeless that a Deployment runs, if it runs one."""
    if obj.get("kind") != "Deployment":
        return None
    listed = dig(obj, "spec", "template", "spec", "containers")
    containers = [each for each in listed or () if isinstance(each, dict)]
    kinds = [PARTS.get(_program(str(each.get("image")))) for each in containers]
    if not any(kinds):
        return None
    labels = dig(obj, "spec", "selector", "matchLabels") or {}
    env = [variable for each in containers for variable in each.get("env") or ()]
    return OldController(
        key_of(obj), frozenset(filter(None, kinds)), tuple(env), tuple(labels.items())
    )


def _program(image: str) -> str:
    """Return the last part of an image's name, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _is_config(obj: Object, key: ObjectKey) -> bool:
    return (
        obj.get("kind") == "ConfigMap"
        and obj["metadata"]["name"] == key.name
        and (key_of(obj).namespace in ("", key.namespace))
    )
