"""The gateway on a real kubelet: replaced, and killed, while events and calls come."""

from __future__ import annotations

import pytest

from tests.e2e.brokers import nats
from tests.e2e.callers import callers
from tests.e2e.cluster import GATEWAY, HOME, Cluster, Object, eventually
from tests.e2e.objects import function, pod, trigger

pytestmark = pytest.mark.timeout(1800)


def test_a_new_version_of_the_gateway_loses_no_call(cluster: Cluster) -> None:
    code = "def run(event, context):\n    return 'here'\n"
    path = trigger("HTTPTrigger", "present", function_name="present", path="/present")
    cluster.apply(function(cluster.images, "present", code), path)
    cluster.wait("function/present", "Ready")
    cluster.wait("httptrigger/present", "Ready")
    with callers(cluster, f"tidegate-gateway.{HOME}.svc", "/present") as calls:
        cluster.replace_gateway()
    assert (calls.failed, calls.closed, calls.sent > 100) == ([], 0, True)


def test_events_of_a_killed_gateway_are_delivered_by_the_next(cluster: Cluster) -> None:
    cluster.apply(*nats(cluster.images.needed("nats")))
    cluster.wait("deployment/nats", "Available")
    cluster.apply(*_counted(cluster))
    cluster.wait("function/counted", "Ready")
    cluster.wait("natstrigger/counted", "Ready")
    _publish(cluster, range(200))
    words = ("--grace-period=0", "--force", "--selector", GATEWAY)
    cluster.kubectl("delete", "pod", *words, namespace=HOME)
    _publish(cluster, range(200, 400))
    eventually(
        lambda: set(range(400)) <= _arrived(cluster), "events are missing after five minutes"
    )


def _counted(cluster: Cluster) -> list[Object]:
    code = "def run(event, context):\n    print(event['data'].decode(), flush=True)\n"
    one = function(cluster.images, "counted", code)
    one["metadata"]["labels"] = {"function": "counted"}
    events = trigger(
        "NATSTrigger",
        "counted",
        topic="counted",
        functionSelector={"matchLabels": {"function": "counted"}},
        url=f"nats://nats.{cluster.namespace}.svc:4222",
        jetstream={"stream": "COUNTED", "createStream": True},
    )
    return [one, events]


def _publish(cluster: Cluster, numbers: range) -> None:
    """Publish numbers, each of which the stream has stored on return."""
    command = ["python", "-c", _PUBLISH, str(numbers.start), str(numbers.stop)]
    cluster.apply(pod("publisher", cluster.images.interpreter, command))
    cluster.ended("publisher")
    cluster.kubectl("delete", "pod", "publisher")


def _arrived(cluster: Cluster) -> set[int]:
    lines = cluster.kubectl("logs", "deployment/counted", "--tail=-1").splitlines()
    return {int(line) for line in lines if line.isdecimal()}


# What a client does that asks the stream for a receipt, in the words of the protocol.
_PUBLISH = r"""
import socket, sys

start, stop = map(int, sys.argv[1:])
with socket.create_connection(("nats", 4222), timeout=60) as server:
    lines = server.makefile("rb")
    server.sendall(b'CONNECT {"verbose":false}\r\nSUB receipts.* 1\r\n')
    stored = 0
    for number in range(start, stop):
        text = str(number).encode()
        server.sendall(b"PUB counted receipts.%d %d\r\n%s\r\n" % (number, len(text), text))
    while stored < stop - start:
        line = lines.readline()
        assert line, "the server went away"
        assert b'"error"' not in line, line
        stored += b'"seq"' in line
        if line == b"PING\r\n":
            server.sendall(b"PONG\r\n")
"""
