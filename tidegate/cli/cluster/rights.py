"""What the rules of our manifests grant, and whether a cluster grants it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tidegate.cli.cluster.bundle import Variant, bundle
from tidegate.cli.cluster.kustomize import Object
from tidegate.cli.cluster.options import Overlay
from tidegate.kube.client import KubeClient
from tidegate.kube.resources import Resource

SUBJECT_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One verb on one resource; an empty `namespace` means all of them."""

    group: str
    resource: str
    verb: str
    namespace: str = ""

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name} in {self.namespace or 'all namespaces'}"


def grants(component: str, home: str, *, scoped: bool) -> list[Grant]:
    """Return what the manifests grant to the service account of `component`."""
    overlay = Overlay.NAMESPACE_SCOPED if scoped else Overlay.DEV
    return sorted(set(granted(bundle(Variant(overlay, home)), component)))


def granted(objects: Iterable[Object], component: str) -> Iterator[Grant]:
    """Yield each grant that `objects` make to `component`."""
    every = list(objects)
    roles = {(one["kind"], one["metadata"]["name"]): one for one in every if "rules" in one}
    for binding in every:
        if any(one["name"] == component for one in binding.get("subjects", ())):
            role = roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]
            namespace = binding["metadata"].get("namespace", "")
            for rule in role["rules"]:
                yield from _of_rule(rule, namespace)


def _of_rule(rule: Object, namespace: str) -> Iterator[Grant]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                yield Grant(group, resource, verb, namespace)


async def is_granted(client: KubeClient, home: str, component: str, grant: Grant) -> bool:
    """Ask the API server whether `component`'s account has `grant`. Raises `KubeError`."""
    resource, _, subresource = grant.resource.partition("/")
    attributes = {
        "group": grant.group,
        "resource": resource,
        "subresource": subresource,
        "verb": grant.verb,
        "namespace": grant.namespace,
    }
    review: Object = {
        "metadata": {},
        "spec": {
            "user": f"system:serviceaccount:{home}:{component}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{home}"],
            "resourceAttributes": {name: text for name, text in attributes.items() if text},
        },
    }
    answer = await client.create(SUBJECT_ACCESS_REVIEWS, review)
    return bool(answer["status"]["allowed"])
