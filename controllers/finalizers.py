"""The finalizers that Kubeless left on objects: nothing would ever take them off."""

from __future__ import annotations

from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, key_of, version_of
from tidegate.kube.resources import Resource

OLD = frozenset(
    {
        "kubeless.io/function",
        "kubeless.io/httptrigger",
        "kubeless.io/cronjobtrigger",
        "kubeless.io/kafkatrigger",
        "kubeless.io/natstrigger",
        "kubeless.io/kenisistrigger",  # as it was spelt
        "kubeless.io/kinesistrigger",
    }
)


async def without_old_finalizers(client: KubeClient, resource: Resource, obj: Object) -> None:
    """Take Kubeless's finalizers off `obj`, so that its deletion never hangs. Raises `KubeError`.

    Owner references do what they were for.
    """
    finalizers = obj["metadata"].get("finalizers") or []
    kept = [each for each in finalizers if each not in OLD]
    if kept != finalizers:
        # On condition of the version: the list is replaced as a whole.
        metadata = {"finalizers": kept, "resourceVersion": version_of(obj)}
        await client.patch(resource, key_of(obj), {"metadata": metadata})
