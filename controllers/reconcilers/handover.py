"""The number of pods, from whom sets it once to the autoscaler that sets it from then on."""

from __future__ import annotations

from collections.abc import Iterable

from controllers.children import Children
from controllers.ownership import Standing, standing
from tidegate.kube.client import KubeClient
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.resources import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS

_MANAGER = "tidegate-handover"


async def hand_over_replicas(
    client: KubeClient, children: Children, owner: Object, wanted: Iterable[Object]
) -> None:
    """Keep the Deployment's replicas as they are when an autoscaler is to come. Raises `KubeError`.

    A field that its one owner does not apply any more goes back to its default: before the
    autoscaler had its first look, all pods but one would be gone.
    """
    key = key_of(owner)
    if not _is_new(children, key, wanted):
        return
    # The watch may be a moment late, and then the replicas would be gone.
    live = children.get(DEPLOYMENTS, key) or await client.find(DEPLOYMENTS, key)
    replicas = live["spec"].get("replicas") if live is not None else None
    if live is not None and replicas is not None and standing(live, owner) is Standing.OURS:
        metadata = {"namespace": key.namespace, "name": key.name}
        kept = {"metadata": metadata, "spec": {"replicas": replicas}}
        await client.apply(DEPLOYMENTS, kept, force=True, manager=_MANAGER)


def _is_new(children: Children, key: ObjectKey, wanted: Iterable[Object]) -> bool:
    asked = any(each["kind"] == HORIZONTAL_POD_AUTOSCALERS.kind for each in wanted)
    return asked and children.get(HORIZONTAL_POD_AUTOSCALERS, key) is None
