"""What every API server does with objects: verbs, ownership of fields, refusals."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.kube_cluster import Cluster, client_of, config_map, deployment
from tests.fakes.kube_server import STRANGER
from tidegate.kube.client import Deletion, KubeClient, Propagation
from tidegate.kube.errors import (
    AlreadyExists,
    ApplyConflict,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    NotServed,
    Unauthorized,
)
from tidegate.kube.objects import ObjectKey, key_of, uid_of, version_of
from tidegate.kube.resources import (
    BUILT_IN,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    Resource,
)
from tidegate.kube.selection import Selection
from tidegate.kube.transport import ClientSettings

pytestmark = pytest.mark.timeout(180)

WIDGETS = Resource("tests.example.com", "v1", "widgets", "Widget")


async def test_a_created_object_can_be_read(client: KubeClient, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    read = await client.get(CONFIG_MAPS, ObjectKey(namespace, "one"))
    assert read["data"] == {"a": "1"}
    assert uid_of(read) == uid_of(made)
    assert version_of(read) == version_of(made)
    assert read["metadata"]["creationTimestamp"]


async def test_a_name_can_be_used_once(client: KubeClient, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "one"))
    with pytest.raises(AlreadyExists):
        await client.create(CONFIG_MAPS, config_map(namespace, "one"))


async def test_what_is_not_there_is_not_found(client: KubeClient, namespace: str) -> None:
    with pytest.raises(NotFound) as caught:
        await client.get(CONFIG_MAPS, ObjectKey(namespace, "none"))
    assert not isinstance(caught.value, NotServed)


async def test_a_missing_namespace_is_named(client: KubeClient) -> None:
    with pytest.raises(NotFound, match="no namespace nowhere"):
        await client.create(CONFIG_MAPS, config_map("nowhere", "one"))


@pytest.mark.parametrize("resource", [WIDGETS, Resource("", "v1", "widgets", "Widget")])
async def test_an_unknown_resource_is_not_served(client: KubeClient, resource: Resource) -> None:
    for call in (
        client.list(Selection(resource, "default")),
        client.get(resource, ObjectKey("default", "one")),
    ):
        with pytest.raises(NotServed, match="install its definition"):
            await call


@pytest.mark.parametrize("resource", BUILT_IN, ids=lambda one: one.full_name)
async def test_every_resource_of_ours_is_served(client: KubeClient, resource: Resource) -> None:
    namespace = "default" if resource.namespaced else ""
    assert (await client.list(Selection(resource, namespace))).version


async def test_no_name_leads_elsewhere(client: KubeClient, namespace: str) -> None:
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, ObjectKey(namespace, "../../../namespaces/default"))
    with pytest.raises(Invalid):
        await client.get(CONFIG_MAPS, ObjectKey(namespace, ".."))


async def test_a_wrong_name_is_invalid(client: KubeClient, namespace: str) -> None:
    with pytest.raises(Invalid, match=r"metadata\.name"):
        await client.create(CONFIG_MAPS, config_map(namespace, "Not_A_Name"))


async def test_items_of_a_list_say_what_they_are(client: KubeClient, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "one"))
    listed = await client.list(Selection(CONFIG_MAPS, namespace, fields="metadata.name=one"))
    assert [(one["apiVersion"], one["kind"]) for one in listed.items] == [("v1", "ConfigMap")]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("tier=a", {"one"}),
        ("tier!=a", {"two", "three"}),
        ("tier in (a, b)", {"one", "two"}),
        ("tier notin (a,b)", {"three"}),
        ("tier,!other", {"one", "two"}),
        ("!tier", {"three"}),
    ],
)
async def test_labels_select(
    client: KubeClient, namespace: str, labels: str, expected: set[str]
) -> None:
    for name, own in {"one": {"tier": "a"}, "two": {"tier": "b"}, "three": {"x": "y"}}.items():
        made = config_map(namespace, name)
        made["metadata"]["labels"] = own
        await client.create(CONFIG_MAPS, made)
    listed = await client.list(Selection(CONFIG_MAPS, namespace, labels))
    assert {key_of(one).name for one in listed.items} == expected


async def test_fields_select(client: KubeClient, namespace: str) -> None:
    for name in ("one", "two"):
        await client.create(CONFIG_MAPS, config_map(namespace, name))
    listed = await client.list(Selection(CONFIG_MAPS, namespace, fields="metadata.name=two"))
    assert [key_of(one).name for one in listed.items] == ["two"]


async def test_a_list_in_pages_is_whole(cluster: Cluster, namespace: str) -> None:
    async with client_of(cluster, settings=ClientSettings(page=2)) as client:
        names = {f"map-{index}" for index in range(5)}
        for name in names:
            await client.create(CONFIG_MAPS, config_map(namespace, name))
        pages = [page async for page in client.pages(Selection(CONFIG_MAPS, namespace))]
    assert len(pages) == 3
    assert {key_of(one).name for page in pages for one in page.items} == names
    assert len({page.version for page in pages}) == 1


async def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(
    cluster: Cluster, namespace: str
) -> None:
    async with client_of(cluster, settings=ClientSettings(answer_limit=20_000)) as client:
        for index in range(6):
            await client.create(CONFIG_MAPS, config_map(namespace, f"m{index}", a="x" * 6000))
        listed = await client.list(Selection(CONFIG_MAPS, namespace))
    assert len(listed.items) == 6


async def test_a_list_that_took_too_long_is_gone(cluster: Cluster, namespace: str) -> None:
    async with client_of(cluster, settings=ClientSettings(page=1)) as client:
        for name in ("one", "two"):
            await client.create(CONFIG_MAPS, config_map(namespace, name))
        pages = client.pages(Selection(CONFIG_MAPS, namespace))
        await anext(pages)
        await client.create(CONFIG_MAPS, config_map(namespace, "three"))
        await cluster.forget()
        with pytest.raises(Gone):
            await anext(pages)


async def test_a_stale_update_is_a_conflict(client: KubeClient, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    await client.update(CONFIG_MAPS, {**made, "data": {"a": "2"}})
    with pytest.raises(Conflict):
        await client.update(CONFIG_MAPS, {**made, "data": {"a": "3"}})


async def test_an_update_without_a_change_has_no_version_of_its_own(
    client: KubeClient, namespace: str
) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    assert version_of(await client.update(CONFIG_MAPS, made)) == version_of(made)


async def test_a_merge_removes_what_is_none(client: KubeClient, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map(namespace, "one", a="1", b="2"))
    key = ObjectKey(namespace, "one")
    changed = await client.patch(CONFIG_MAPS, key, {"data": {"a": None, "c": "3"}})
    assert changed["data"] == {"b": "2", "c": "3"}


async def test_a_merge_on_a_stale_version_is_a_conflict(client: KubeClient, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    key = key_of(made)
    await client.patch(CONFIG_MAPS, key, {"data": {"a": "2"}})
    stale = {"metadata": {"resourceVersion": version_of(made)}, "data": {"a": "3"}}
    with pytest.raises(Conflict):
        await client.patch(CONFIG_MAPS, key, stale)


async def test_applying_creates_and_repeats_quietly(client: KubeClient, namespace: str) -> None:
    made = await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    again = await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    assert version_of(made) == version_of(again)


async def test_what_is_not_applied_any_more_goes(client: KubeClient, namespace: str) -> None:
    await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="1", b="2"))
    changed = await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    assert changed["data"] == {"a": "1"}


async def test_applying_leaves_what_others_added(client: KubeClient, namespace: str) -> None:
    await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    await client.patch(CONFIG_MAPS, ObjectKey(namespace, "one"), {"data": {"other": "x"}})
    changed = await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="2"))
    assert changed["data"] == {"a": "2", "other": "x"}


async def test_what_others_changed_is_a_conflict_unless_forced(
    client: KubeClient, namespace: str
) -> None:
    await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="1"))
    await client.patch(CONFIG_MAPS, ObjectKey(namespace, "one"), {"data": {"a": "theirs"}})
    with pytest.raises(ApplyConflict) as caught:
        await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="2"))
    assert [one.field for one in caught.value.owners] == [".data.a"]
    forced = await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="2"), force=True)
    assert forced["data"] == {"a": "2"}
    await client.apply(CONFIG_MAPS, config_map(namespace, "one", a="3"))


async def test_named_items_of_lists_are_applied_one_by_one(
    client: KubeClient, namespace: str
) -> None:
    await client.apply(DEPLOYMENTS, deployment(namespace, "one", A="1", B="2"))
    changed = await client.apply(DEPLOYMENTS, deployment(namespace, "one", B="3"))
    container = changed["spec"]["template"]["spec"]["containers"][0]
    assert [(one["name"], one["value"]) for one in container["env"]] == [("B", "3")]
    assert container["image"] == "example/function:1"


async def test_status_and_the_rest_are_written_apart(client: KubeClient, namespace: str) -> None:
    made = await client.create(DEPLOYMENTS, deployment(namespace, "one"))
    key = key_of(made)
    after = await client.patch(
        DEPLOYMENTS, key, {"spec": {"replicas": 7}, "status": {"replicas": 5}}, "status"
    )
    assert (after["spec"]["replicas"], after["status"]["replicas"]) == (1, 5)
    after = await client.patch(
        DEPLOYMENTS, key, {"spec": {"replicas": 2}, "status": {"replicas": 9}}
    )
    assert (after["spec"]["replicas"], after["status"]["replicas"]) == (2, 5)


async def test_the_generation_counts_changes_of_the_spec(
    client: KubeClient, namespace: str
) -> None:
    key = key_of(await client.create(DEPLOYMENTS, deployment(namespace, "one")))
    after = await client.patch_status(DEPLOYMENTS, key, {"replicas": 1})
    assert after["metadata"]["generation"] == 1
    after = await client.patch(DEPLOYMENTS, key, {"spec": {"replicas": 2}})
    assert after["metadata"]["generation"] == 2


async def test_only_the_object_that_is_meant_is_deleted(client: KubeClient, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map(namespace, "one"))
    key = key_of(made)
    with pytest.raises(Conflict):
        await client.delete(CONFIG_MAPS, key, Deletion(uid="another"))
    with pytest.raises(Conflict):
        await client.delete(CONFIG_MAPS, key, Deletion(version="1"))
    meant = Deletion(uid_of(made), version_of(made), Propagation.BACKGROUND)
    await client.delete(CONFIG_MAPS, key, meant)
    with pytest.raises(NotFound):
        await client.delete(CONFIG_MAPS, key)


@pytest.mark.parametrize(
    ("propagation", "finalizer"),
    [(Propagation.FOREGROUND, "foregroundDeletion"), (Propagation.ORPHAN, "orphan")],
)
async def test_what_is_owned_goes_first_or_stays(
    client: KubeClient, namespace: str, propagation: Propagation, finalizer: str
) -> None:
    key = key_of(await client.create(CONFIG_MAPS, config_map(namespace, "one")))
    await client.delete(CONFIG_MAPS, key, Deletion(propagation=propagation))
    waiting = await client.get(CONFIG_MAPS, key)
    assert waiting["metadata"]["finalizers"] == [finalizer]


async def test_finalizers_hold_what_is_deleted(client: KubeClient, namespace: str) -> None:
    made = config_map(namespace, "one")
    made["metadata"]["finalizers"] = ["example.com/hold"]
    key = key_of(await client.create(CONFIG_MAPS, made))
    await client.delete(CONFIG_MAPS, key)
    assert (await client.get(CONFIG_MAPS, key))["metadata"]["deletionTimestamp"]
    await client.patch(CONFIG_MAPS, key, {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, key)


async def test_a_stranger_is_told_which_rule_is_missing(cluster: Cluster, namespace: str) -> None:
    async with client_of(cluster, STRANGER) as client:
        with pytest.raises(Forbidden) as caught:
            await client.apply(DEPLOYMENTS, deployment(namespace, "one"))
    said = str(caught.value)
    assert "does not let stranger; grant apiGroups ['apps'], resources ['deployments']" in said
    assert f"verbs ['patch'] in namespace {namespace}" in said


async def test_rules_name_the_subresource(cluster: Cluster, namespace: str) -> None:
    async with client_of(cluster, STRANGER) as client:
        with pytest.raises(Forbidden, match=r"resources \['deployments/status'\]"):
            await client.patch_status(DEPLOYMENTS, ObjectKey(namespace, "one"), {})


async def test_unknown_credentials_are_refused(cluster: Cluster) -> None:
    async with client_of(cluster, "nobody") as client:
        with pytest.raises(Unauthorized):
            await client.list(Selection(CONFIG_MAPS))


async def test_a_definition_makes_a_resource(client: KubeClient, namespace: str) -> None:
    await _define(client)
    try:
        await client.create(WIDGETS, {"metadata": {"namespace": namespace, "name": "one"}})
        key = ObjectKey(namespace, "one")
        await client.patch_status(WIDGETS, key, {"ready": True})
        read = await client.get(WIDGETS, key)
        assert (read["kind"], read["status"]) == ("Widget", {"ready": True})
    finally:
        name = ObjectKey("", WIDGETS.full_name)
        await client.delete(CUSTOM_RESOURCE_DEFINITIONS, name)


async def _define(client: KubeClient) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    spec = {
        "group": WIDGETS.group,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [version],
    }
    definition = {"metadata": {"name": WIDGETS.full_name}, "spec": spec}
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, definition)
    async with asyncio.timeout(30):
        while True:
            try:
                await client.list(Selection(WIDGETS))
            except NotServed:
                await asyncio.sleep(0.05)  # it is served a moment later; nobody tells when
            else:
                return
