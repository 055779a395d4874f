"""Which pods take calls."""

from __future__ import annotations

from typing import Any

from gateway.cluster.slices import EndpointSlices, kept_of_slice, ready_addresses
from gateway.http.endpoints import Endpoints
from tidegate.kube.store import Store

KEY = ("default", "hello")


def endpoint(address: str, **conditions: bool) -> dict[str, Any]:
    return {"addresses": [address], "conditions": conditions}


def slice_(*endpoints: dict[str, Any], name: str = "hello-1", **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": name,
            "resourceVersion": str(id(endpoints)),
            "labels": {"kubernetes.io/service-name": "hello"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http-function-port", "port": 8080}],
        "endpoints": list(endpoints),
        **fields,
    }


def test_ready_pods_take_calls_and_others_do_not() -> None:
    found = ready_addresses(
        [slice_(endpoint("10.0.0.2", ready=True), endpoint("10.0.0.3", ready=False))]
    )
    assert found == (("10.0.0.2", 8080),)


def test_a_pod_that_says_nothing_of_itself_is_ready() -> None:
    assert ready_addresses([slice_({"addresses": ["10.0.0.2"]})]) == (("10.0.0.2", 8080),)


def test_a_pod_that_goes_takes_no_calls_when_another_is_there() -> None:
    going = endpoint("10.0.0.2", ready=False, serving=True, terminating=True)
    found = ready_addresses([slice_(going), slice_(endpoint("10.0.0.3", ready=True), name="b")])
    assert found == (("10.0.0.3", 8080),)


def test_the_last_pod_takes_calls_until_it_is_gone() -> None:
    going = endpoint("10.0.0.2", ready=False, serving=True, terminating=True)
    dead = endpoint("10.0.0.3", ready=False, serving=False, terminating=True)
    assert ready_addresses([slice_(going, dead)]) == (("10.0.0.2", 8080),)


def test_pods_of_two_families_are_called_by_one() -> None:
    six = slice_(endpoint("fd00::2", ready=True), name="six", addressType="IPv6")
    four = slice_(endpoint("10.0.0.2", ready=True))
    assert ready_addresses([six, four]) == (("10.0.0.2", 8080),)
    assert ready_addresses([six]) == (("fd00::2", 8080),)


def test_the_port_for_calls_is_found_among_others() -> None:
    ports = [{"name": "metrics", "port": 9090}, {"name": "http-function-port", "port": 8081}]
    pods = endpoint("10.0.0.2", ready=True)
    assert ready_addresses([slice_(pods, ports=ports)]) == (("10.0.0.2", 8081),)
    assert ready_addresses([slice_(pods, ports=ports[:1])]) == (("10.0.0.2", 9090),)
    assert ready_addresses([slice_(pods, ports=None, endpoints=None)]) == ()


def test_endpoints_follow_every_slice_of_a_function() -> None:
    endpoints, store = Endpoints(), Store()
    slices = EndpointSlices(endpoints)
    one = slice_(endpoint("10.0.0.2", ready=True), name="a")
    other = slice_(endpoint("10.0.0.3", ready=True), name="b")
    for obj in (one, other):
        for delta in store.put(obj):
            assert slices.take(delta) == KEY
    assert endpoints.ready(KEY) == (("10.0.0.2", 8080), ("10.0.0.3", 8080))
    for delta in store.replace({}):
        slices.take(delta)
    assert endpoints.ready(KEY) == ()


def test_a_slice_of_no_service_is_nobodys() -> None:
    obj = slice_(endpoint("10.0.0.2", ready=True))
    obj["metadata"]["labels"] = {}
    (delta,) = Store().put(obj)
    assert EndpointSlices(Endpoints()).take(delta) is None


def test_where_a_pod_is_does_not_stay_in_memory() -> None:
    pod = endpoint("10.0.0.2", ready=True) | {"nodeName": "n", "targetRef": {}, "zone": "z"}
    kept = kept_of_slice(slice_(pod))
    assert kept["endpoints"] == [endpoint("10.0.0.2", ready=True)]
