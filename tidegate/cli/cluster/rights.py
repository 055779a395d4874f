"""What the rules of our manifests grant, and whether a cluster grants it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.cli.cluster.kustomize import Object
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import Resource

SUBJECT_ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One verb on one resource; an empty `namespace` or `name` means all of them."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        name = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {name} in {self.namespace or 'all namespaces'}"


def granted(objects: Sequence[Object], account: str) -> Iterator[Grant]:
    """Yield each grant that `objects` make to the service account `account`."""
    roles = {(one["kind"], one["metadata"]["name"]): one for one in objects if "rules" in one}
    for binding in objects:
        if any(one["name"] == account for one in binding.get("subjects", ())):
            role = roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]
            namespace = binding["metadata"].get("namespace", "")
            for rule in role["rules"]:
                yield from _of_rule(rule, namespace)


def _of_rule(rule: Object, namespace: str) -> Iterator[Grant]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames", ("",)):
                    yield Grant(group, resource, verb, namespace, name)


async def is_granted(client: KubeClient, account: ObjectKey, grant: Grant) -> bool:
    """Ask the API server whether a service account has `grant`. Raises `KubeError`."""
    resource, _, subresource = grant.resource.partition("/")
    attributes = {
        "group": grant.group,
        "resource": resource,
        "subresource": subresource,
        "verb": grant.verb,
        "namespace": grant.namespace,
        "name": grant.name,
    }
    review: Object = {
        "metadata": {},
        "spec": {
            "user": f"system:serviceaccount:{account.namespace}:{account.name}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{account.namespace}"],
            "resourceAttributes": {name: text for name, text in attributes.items() if text},
        },
    }
    answer = await client.create(SUBJECT_ACCESS_REVIEWS, review)
    return bool(answer["status"]["allowed"])
