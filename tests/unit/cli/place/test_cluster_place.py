"""A cluster as a place: who answers for functions and gateways, through the API server's proxy."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from aiohttp import web

from tests.fakes.kube_memory import KubeMemory
from tests.fakes.kube_proxy import KubeProxy
from tidegate.cli.place.cluster import ClusterPlace
from tidegate.cli.place.kinds import FUNCTIONS
from tidegate.cli.place.place import FunctionCall
from tidegate.kube.client import connected
from tidegate.kube.errors import AlreadyExists, Forbidden, Unavailable
from tidegate.kube.objects import Object, ObjectKey
from tidegate.kube.resources import NAMESPACES, PODS, SECRETS

HELLO = ObjectKey("default", "hello")
READY: Object = {"conditions": [{"type": "Ready", "status": "True"}]}


class Network(KubeProxy):
    """Answers for every Service and pod with what was asked of it; `refusal` is a `Status`."""

    refusal: tuple[int, str] | None = None
    forbidden: str | None = None
    """A part of the paths that nobody may ask for."""

    async def _passed_on(self, request: web.Request) -> web.StreamResponse:
        found = re.search(r"/(services|pods)/([^/]+)/proxy(/.*)$", request.path)
        if self.forbidden is not None and self.forbidden in request.path:
            message = 'secrets "tidegate-admin" is forbidden: User "eve" cannot get resource'
            status = {"kind": "Status", "apiVersion": "v1", "message": message, "code": 403}
            return web.json_response(status, status=403)
        if found is None:
            return await super()._passed_on(request)
        if self.refusal is not None:
            code, message = self.refusal
            status = {"kind": "Status", "apiVersion": "v1", "message": message, "code": code}
            return web.json_response(status, status=code)
        said = {
            "to": found[2],
            "path": found[3],
            "method": request.method,
            "token": request.headers.get("tidegate-token", ""),
            "query": dict(request.query),
            "body": await request.text(),
            "type": request.headers.get("content-type", ""),
        }
        return web.json_response(said, status=int(request.headers.get("status", "200")))


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    server = KubeMemory()
    server.serve(FUNCTIONS)
    async with server.running():
        one = Network(server.access())
        async with one.running():
            yield one


@pytest.fixture
async def place(network: Network) -> AsyncIterator[ClusterPlace]:
    async with connected(network.access) as client:
        yield ClusterPlace(client, "default", "a test")


async def function(place: ClusterPlace, **spec: object) -> None:
    metadata = {"name": "hello", "namespace": "default"}
    await place.objects.create(FUNCTIONS, {"metadata": metadata, "spec": spec})


async def pod(place: ClusterPlace, key: str, labels: dict[str, str], status: Object) -> None:
    """Make a pod of a name, in the namespace before it if there is one."""
    namespace, _, name = key.rpartition("/")
    metadata: Object = {"name": name, "namespace": namespace or "default", "labels": labels}
    if namespace:
        with suppress(AlreadyExists):
            await place.objects.create(NAMESPACES, {"metadata": {"name": namespace}})
    await place.objects.create(PODS, {"metadata": metadata, "spec": {}})
    await place.objects.patch_status(PODS, ObjectKey(metadata["namespace"], name), status)


async def gateway(place: ClusterPlace, key: str, status: Object = READY) -> None:
    await pod(place, key, {"app.kubernetes.io/name": "tidegate-gateway"}, status)


async def admin_token(place: ClusterPlace, namespace: str, token: bytes) -> None:
    secret = {
        "metadata": {"name": "tidegate-admin", "namespace": namespace},
        "data": {"token": base64.b64encode(token).decode()},
    }
    await place.objects.create(SECRETS, secret)


async def test_a_function_is_called_at_the_port_of_its_service(place: ClusterPlace) -> None:
    await function(place, service={"ports": [{"port": 80, "targetPort": 9090}]})
    headers = {"content-type": "text/plain", "status": "404"}
    wanted = FunctionCall("POST", b"abc", headers, timeout=30)
    async with place.call(HELLO, wanted) as answer:
        said = json.loads(await answer.read())
    assert answer.status == 404  # the function's own, and no error of the API server
    assert (said["to"], said["path"], said["method"]) == ("hello:80", "/", "POST")
    assert (said["body"], said["type"]) == ("abc", "text/plain")


async def test_what_the_api_server_refuses_is_an_error(
    place: ClusterPlace, network: Network
) -> None:
    await function(place)
    network.refusal = (503, 'no endpoints available for service "hello:8080"')
    with pytest.raises(Unavailable, match="no endpoints available"):
        async with place.call(HELLO, FunctionCall()):
            pass
    network.refusal = (
        403,
        'services "hello" is forbidden: User "eve" cannot create resource "services/proxy"',
    )
    with pytest.raises(Forbidden, match=r"grant .* resources \['services/proxy'\]"):
        async with place.call(HELLO, FunctionCall("POST", b"")):
            pass


async def test_metrics_are_those_of_every_pod_that_is_ready(place: ClusterPlace) -> None:
    await function(place, service={"ports": [{"port": 80, "targetPort": 9090}]})
    labels = {"created-by": "kubeless", "function": "hello"}
    for name in ("hello-1", "hello-2"):
        await pod(place, name, labels, READY)
    await pod(place, "hello-3", labels, {})
    texts = [json.loads(text) for text in await place.metrics(HELLO)]
    assert sorted(one["to"] for one in texts) == ["hello-1:9090", "hello-2:9090"]
    assert {one["path"] for one in texts} == {"/metrics"}


async def test_every_ready_gateway_is_asked_with_the_token_of_its_namespace(
    place: ClusterPlace,
) -> None:
    await gateway(place, "gateway-1")
    await gateway(place, "gateway-2", {})
    await admin_token(place, "default", b"secret\n")
    (one,) = await place.gateways()
    assert one.name == "gateway-1"
    async with one.request("GET", "/operations/x", {"trigger": "t"}, timeout=30) as answer:
        said = json.loads(await answer.read())
    assert (said["to"], said["path"], said["token"]) == (
        "gateway-1:8081", "/operations/x", "secret",
    )  # fmt: skip
    assert said["query"] == {"trigger": "t"}


async def test_without_a_token_none_is_sent(place: ClusterPlace) -> None:
    await gateway(place, "gateway-1")
    (one,) = await place.gateways()
    async with one.request("POST", "/operations/x", body=b"{}", timeout=30) as answer:
        assert json.loads(await answer.read())["token"] == ""


async def test_a_pod_that_only_says_it_is_a_gateway_is_not_asked(place: ClusterPlace) -> None:
    await gateway(place, "mallory/gateway-0")
    await gateway(place, "tidegate/gateway-1")
    assert [str(one.pod) for one in await place.gateways()] == ["tidegate/gateway-1"]
    await gateway(place, "default/gateway-2")
    asked = {str(one.pod) for one in await place.gateways()}
    assert asked == {"tidegate/gateway-1", "default/gateway-2"}


async def test_a_pod_that_says_it_is_a_gateway_is_not_asked_while_the_gateway_is_away(
    place: ClusterPlace,
) -> None:
    await gateway(place, "tidegate/gateway-1", {})
    await gateway(place, "mallory/gateway-0")
    await admin_token(place, "mallory", b"planted")
    with pytest.raises(Unavailable, match=r"namespace tidegate and default; .* not asked: mallory"):
        await place.gateways()


async def test_a_gateway_elsewhere_is_asked_when_its_namespace_is_named(
    place: ClusterPlace,
) -> None:
    await gateway(place, "events/gateway-1")
    with pytest.raises(Unavailable, match="export TIDEGATE_GATEWAY_NAMESPACE=events"):
        await place.gateways()
    named = replace(place, home="events")
    assert [str(one.pod) for one in await named.gateways()] == ["events/gateway-1"]


async def test_a_token_is_for_the_pods_beside_its_secret(place: ClusterPlace) -> None:
    await gateway(place, "tidegate/gateway-1")
    await gateway(place, "default/gateway-2")
    await admin_token(place, "tidegate", b"secret")
    told = {str(one.pod): one.token for one in await place.gateways()}
    assert told == {"tidegate/gateway-1": "secret", "default/gateway-2": ""}


async def test_a_pod_whose_token_may_not_be_read_hides_no_gateway(
    place: ClusterPlace, network: Network
) -> None:
    await gateway(place, "tidegate/gateway-1")
    await gateway(place, "default/gateway-2")
    network.forbidden = "/namespaces/default/secrets/"
    assert [str(one.pod) for one in await place.gateways()] == ["tidegate/gateway-1"]
    network.forbidden = "/secrets/"
    with pytest.raises(Forbidden, match="in namespace tidegate"):
        await place.gateways()


async def test_without_a_gateway_there_is_a_sentence(place: ClusterPlace) -> None:
    with pytest.raises(Unavailable, match="look with: tidegate check"):
        await place.gateways()
