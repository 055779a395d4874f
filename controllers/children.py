"""The objects made for one object: applied, healed, pruned, and never taken from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from controllers import drift
from controllers.adoption import taken_over
from controllers.ownership import Standing, owner_text, standing
from tidegate.kube.client import Deletion, KubeClient
from tidegate.kube.errors import Conflict, NotFound
from tidegate.kube.objects import Object, ObjectKey, key_of, uid_of, version_of
from tidegate.kube.resources import Resource
from tidegate.kube.store import Store


class ForeignObject(Exception):
    """An object of that name is there already, and it is not ours."""


class _Known(NamedTuple):
    applied: str
    """The digest of what was applied."""
    content: str
    """The digest of what came of it."""


class Children:
    """Keeps the children of all objects of one kind as they should be.

    `stores` have what is there of each resource of children, kept by `drift.trimmed` and selected
    by the label `created-by`. While nothing differs no request is made.
    """

    def __init__(self, client: KubeClient, stores: Mapping[Resource, Store]) -> None:
        self._client = client
        self._stores = stores
        self._resources = {(each.api_version, each.kind): each for each in stores}
        self._known: dict[tuple[Resource, ObjectKey], _Known] = {}

    def get(self, resource: Resource, key: ObjectKey) -> Object | None:
        """Return what is there, as far as the watch has told."""
        return self._stores[resource].get(key)

    async def settle(
        self, owner: Object, wanted: Iterable[Object], names: Iterable[str] = ()
    ) -> None:
        """Make the children of `owner` what is `wanted`, in that order; others of it go.

        `names` are those that its children may have beside its own.
        Raises `ForeignObject` with a sentence before anything is written, and `KubeError`.
        """
        whole = [(self._resource_of(each), drift.stamped(each)) for each in wanted]
        changed = [
            (resource, each) for resource, each in whole if not self._is_settled(resource, each)
        ]
        adopted = [
            (resource, key_of(each))
            for resource, each in changed
            if await self._is_new_to_us(owner, resource, key_of(each))
        ]
        for resource, key in adopted:
            await self._adopt(resource, key)
        for resource, each in changed:
            await self._apply(resource, each)
        kept = {(resource, key_of(each)) for resource, each in whole}
        for name in (owner["metadata"]["name"], *names):
            await self._prune(owner, ObjectKey(key_of(owner).namespace, name), kept)

    def forget(self, key: ObjectKey) -> None:
        """Drop what is known of the children of that name."""
        for resource in self._stores:
            self._known.pop((resource, key), None)

    def _resource_of(self, obj: Object) -> Resource:
        return self._resources[obj["apiVersion"], obj["kind"]]

    def _is_settled(self, resource: Resource, wanted: Object) -> bool:
        live = self.get(resource, key_of(wanted))
        if live is None:
            return False
        known = self._known.get((resource, key_of(wanted)))
        if known == _Known(_applied(wanted), drift.content(live)):
            return True
        return drift.is_settled(live, wanted)

    async def _is_new_to_us(self, owner: Object, resource: Resource, key: ObjectKey) -> bool:
        """Return whether an object is there that is ours and that we have not applied yet.

        Raises `ForeignObject` if the name is taken; removes what a namesake has left behind.
        """
        live = self.get(resource, key)
        if live is None:  # the watch sees labelled objects only, and those a moment late
            live = await self._client.find(resource, key)
        if live is None:
            return False
        match standing(live, owner):
            case Standing.OURS:
                return drift.APPLIED not in (live["metadata"].get("annotations") or {})
            case Standing.LEFT_BEHIND:
                await self._delete(resource, live)
                return False
            case Standing.FOREIGN:
                raise ForeignObject(
                    f"{owner['kind']} {key}: {resource.kind} {key} is there already, and "
                    f"{owner_text(live)}; delete it, or give the {owner['kind']} another name"
                )

    async def _adopt(self, resource: Resource, key: ObjectKey) -> None:
        """Have what was written on the object go with our next apply, if that has it not."""
        live = await self._client.find(resource, key)
        if live is None:
            return
        before = live["metadata"].get("managedFields") or []
        after = taken_over(before, resource.api_version)
        if after != before:
            metadata = {"managedFields": after, "resourceVersion": version_of(live)}
            await self._client.patch(resource, key, {"metadata": metadata})

    async def _apply(self, resource: Resource, wanted: Object) -> None:
        # Forced: on a child of ours a field that another has set is what we are here to heal.
        answer = await self._client.apply(resource, wanted, force=True)
        content = drift.content(drift.trimmed(answer))
        self._known[resource, key_of(wanted)] = _Known(_applied(wanted), content)

    async def _prune(
        self, owner: Object, key: ObjectKey, kept: set[tuple[Resource, ObjectKey]]
    ) -> None:
        for resource in self._stores:
            live = self.get(resource, key)
            if live is None or (resource, key) in kept or _is_going(live):
                continue
            if standing(live, owner) is not Standing.FOREIGN:
                await self._delete(resource, live)

    async def _delete(self, resource: Resource, live: Object) -> None:
        """Delete just this one: another may have its name by now."""
        self._known.pop((resource, key_of(live)), None)
        try:
            await self._client.delete(resource, key_of(live), Deletion(uid=uid_of(live)))
        except (Conflict, NotFound):
            return


def _applied(wanted: Object) -> str:
    return str(wanted["metadata"]["annotations"][drift.APPLIED])


def _is_going(obj: Object) -> bool:
    return "deletionTimestamp" in obj["metadata"]
