"""Least privilege, as RBAC of a real API server sees it."""

from __future__ import annotations

import pytest

from tests.fakes.kube_cluster import config_map, new_namespace
from tests.fakes.kube_server import KubeServer
from tests.kube.accounts import account_token
from tests.support.background import background
from tests.support.waiting import until
from tidegate.kube.client import KubeClient, connected
from tidegate.kube.errors import Forbidden
from tidegate.kube.objects import ObjectKey
from tidegate.kube.reflector import Reflector
from tidegate.kube.resources import CONFIG_MAPS, SECRETS
from tidegate.kube.selection import Selection

pytestmark = pytest.mark.timeout(180)


async def test_a_service_account_may_do_what_its_role_says(
    kube_server: KubeServer, client: KubeClient
) -> None:
    namespace = await new_namespace(client)
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch", "create"]}
    token = await account_token(client, namespace, "writer", rule)
    key = ObjectKey(namespace, "one")
    async with connected(kube_server.access(token)) as writer:
        await writer.apply(CONFIG_MAPS, config_map(namespace, "one"))
        with pytest.raises(Forbidden) as caught:
            await writer.get(CONFIG_MAPS, key)
    assert str(caught.value) == (
        f"get configmaps one in namespace {namespace}: RBAC does not let"
        f" system:serviceaccount:{namespace}:writer; grant apiGroups [''],"
        f" resources ['configmaps'], verbs ['get'] in namespace {namespace}"
    )


async def test_applying_what_is_not_there_needs_the_right_to_create(
    kube_server: KubeServer, client: KubeClient
) -> None:
    namespace = await new_namespace(client)
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}
    token = await account_token(client, namespace, "patcher", rule)
    async with connected(kube_server.access(token)) as patcher:
        with pytest.raises(Forbidden, match=r"verbs \['create'\]"):
            await patcher.apply(CONFIG_MAPS, config_map(namespace, "one"))


async def test_one_secret_can_be_watched_without_a_right_to_the_others(
    kube_server: KubeServer, client: KubeClient
) -> None:
    namespace = await new_namespace(client)
    rule = {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": ["mine"],
        "verbs": ["list", "watch"],
    }
    token = await account_token(client, namespace, "reader", rule)
    async with connected(kube_server.access(token)) as reader:
        with pytest.raises(Forbidden):
            await reader.list(Selection(SECRETS, namespace))
        selection = Selection(SECRETS, namespace, fields="metadata.name=mine")
        reflector = Reflector(reader, selection)
        async with background(reflector.run(), "reflector of one Secret"):
            for name in ("mine", "another"):
                await client.create(SECRETS, {"metadata": {"namespace": namespace, "name": name}})
            await until(lambda: set(reflector.store) == {ObjectKey(namespace, "mine")}, 30)
