"""The part of kustomize that our own manifests use, so that an installation needs no other tool.

Whatever else a kustomization says is refused, never left out. A test holds the result to that of
kustomize itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any, Final

import yaml

Object = dict[str, Any]

FILE: Final = "kustomization.yaml"
ORDER: Final = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "ConfigMap",
    "NetworkPolicy",
    "Service",
    "PodDisruptionBudget",
    "Deployment",
)
"""What must be there first; every other kind comes last."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The definitions are long: libyaml reads them in a tenth of the time, where it is there."""

CLUSTER_KINDS: Final = frozenset(
    {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
)


class KustomizeError(ValueError):
    """A kustomization asks for something that is not rendered here."""


def rendered(folder: Traversable) -> list[Object]:
    """Return the objects of the kustomization in `folder`, in the order in which to apply them."""
    return sorted(_built(folder, []), key=_rank)


def in_namespace(objects: list[Object], name: str) -> list[Object]:
    """Return `objects` moved to another namespace, as kustomize's field `namespace` does."""
    moved = copy.deepcopy(objects)
    for obj in moved:
        if obj["kind"] == "Namespace":
            obj["metadata"]["name"] = name
        elif obj["kind"] not in CLUSTER_KINDS:
            obj["metadata"]["namespace"] = name
        for subject in obj.get("subjects", ()):
            subject["namespace"] = name
    return moved


def _rank(obj: Object) -> tuple[int, str, str]:
    kind = obj["kind"]
    rank = ORDER.index(kind) if kind in ORDER else len(ORDER)
    return rank, kind, obj["metadata"]["name"]


def _built(folder: Traversable, objects: list[Object]) -> list[Object]:
    """Return `objects` and those of `folder`, changed as its kustomization says."""
    file = folder / FILE
    wanted = _Kustomization(str(file), yaml.load(file.read_text("utf-8"), _LOADER))
    for entry in wanted.lists("resources"):
        objects = [*objects, *_resources(folder, entry)]
    for entry in wanted.lists("components"):
        objects = _built(_below(folder, entry), objects)
    wanted.end()
    for change in wanted.changes():
        objects = [change(obj) for obj in objects]
    return objects


def _resources(folder: Traversable, entry: str) -> list[Object]:
    found = _below(folder, entry)
    if found.is_dir():
        return _built(found, [])
    return [obj for obj in yaml.load_all(found.read_text("utf-8"), _LOADER) if obj]


def _below(folder: Traversable, entry: str) -> Traversable:
    for part in entry.split("/"):
        folder = folder / part
    return folder


class _Kustomization:
    """What a file asks for; every field must be asked for before `end`."""

    def __init__(self, file: str, content: Mapping[str, Any]) -> None:
        self._file = file
        self._rest = dict(content)
        for field in ("apiVersion", "kind"):
            self._rest.pop(field, None)
        self._images = {one["name"]: one for one in self.lists("images")}
        self._replicas = {one["name"]: one["count"] for one in self.lists("replicas")}
        self._patches = self.lists("patches")

    def lists(self, field: str) -> list[Any]:
        """Return the entries of `field`."""
        found: list[Any] = self._rest.pop(field, None) or []
        return found

    def end(self) -> None:
        """Raise `KustomizeError` for fields that nobody asked for."""
        if self._rest:
            raise KustomizeError(
                f"rendering {self._file}: {', '.join(self._rest)}: only kustomize knows this; "
                "use kubectl apply -k"
            )

    def changes(self) -> Iterator[Callable[[Object], Object]]:
        """Yield what is done to each object, in kustomize's order."""
        yield from (self._patch(one) for one in self._patches)
        yield self._scaled
        yield self._with_images

    def _scaled(self, obj: Object) -> Object:
        count = self._replicas.get(obj["metadata"]["name"])
        if count is None or obj["kind"] != "Deployment":
            return obj
        return {**obj, "spec": {**obj["spec"], "replicas": count}}

    def _with_images(self, obj: Object) -> Object:
        if obj["kind"] != "Deployment" or not self._images:
            return obj
        obj = copy.deepcopy(obj)
        for container in obj["spec"]["template"]["spec"]["containers"]:
            name = container["image"].partition(":")[0]
            change = self._images.get(name)
            if change is not None:
                container["image"] = f"{change['newName']}:{change['newTag']}"
        return obj

    def _patch(self, patch: Mapping[str, Any]) -> Callable[[Object], Object]:
        target, steps = patch.get("target"), yaml.safe_load(patch["patch"])
        if not isinstance(steps, list) or not target or target.keys() - {"kind", "name"}:
            raise KustomizeError(
                f"rendering {self._file}: patches: only lists of JSON patches whose target is a "
                "kind and a name are known here; use kubectl apply -k"
            )

        def patched(obj: Object) -> Object:
            meant = {"kind": obj["kind"], "name": obj["metadata"]["name"]}
            if any(meant[field] != text for field, text in target.items()):
                return obj
            obj = copy.deepcopy(obj)
            for step in steps:
                _apply(obj, step, self._file)
            return obj

        return patched


def _apply(obj: Object, step: Mapping[str, Any], file: str) -> None:
    """Do one step of a JSON patch."""
    *way, last = (one.replace("~1", "/").replace("~0", "~") for one in step["path"].split("/")[1:])
    place: Any = obj
    for name in way:
        place = place[int(name)] if isinstance(place, list) else place[name]
    match step["op"], place:
        case "add", list() if last == "-":
            place.append(copy.deepcopy(step["value"]))
        case "add" | "replace", dict():
            place[last] = copy.deepcopy(step["value"])
        case "remove", dict():
            del place[last]
        case other, _:
            raise KustomizeError(f"rendering {file}: patches: op {other} at {step['path']}")
