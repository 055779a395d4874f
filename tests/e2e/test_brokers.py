"""The examples of brokers inside of a cluster, whose gateway is killed while records come."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.e2e.brokers import KEYS, kafka, kinesis, publisher
from tests.e2e.cluster import GATEWAY, HOME, Cluster, Object, eventually, example

COUNT = 1000

pytestmark = pytest.mark.timeout(1800)


def test_records_of_kafka_outlive_their_gateway(cluster: Cluster) -> None:
    cluster.apply(*kafka(cluster.images.needed("kafka"), cluster.namespace))
    brokers = [f"kafka.{cluster.namespace}.svc:9092"]
    _follow(cluster, "kafka", {"brokers": brokers}, "bill")
    eventually(
        lambda: cluster.get("kafkatrigger", "orders")["status"].get("usableReplicas") == 3,
        "the status does not tell how many replicas could read",
    )
    cluster.kubectl("delete", "kafkatrigger/orders")


def test_records_of_kinesis_outlive_their_gateway(cluster: Cluster) -> None:
    cluster.apply(*kinesis(cluster.images.needed("kinesis")))
    cluster.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws"}, "stringData": KEYS}
    )
    endpoint = f"http://kinesis.{cluster.namespace}.svc:4568"
    _follow(cluster, "kinesis", {"endpoint": endpoint, "secret": "aws"}, "stock")
    leases = ("get", "leases", "--selector", "tidegate.io/keeps", "--output", "name")
    assert "lease" in cluster.kubectl(*leases, namespace=HOME)
    cluster.kubectl("delete", "kinesistrigger/order-stream")


def _follow(cluster: Cluster, broker: str, where: Object, function: str) -> None:
    """Apply the example of a broker, publish, kill the gateway, and see every record arrive."""
    cluster.wait(f"deployment/{broker}", "Available")
    cluster.apply(publisher(broker, cluster.images.tidegate, COUNT))
    objects = example(broker, cluster.images.python)
    for one in objects:
        if one["kind"].endswith("Trigger"):
            one["spec"].update(where)
    cluster.apply(*objects)
    cluster.wait(f"function/{function}", "Ready")
    eventually(lambda: _arrived(cluster, function), "no record arrives")
    words = ("--grace-period=0", "--force", "--selector", GATEWAY)
    cluster.kubectl("delete", "pod", *words, namespace=HOME)
    cluster.ended("publisher")
    eventually(
        lambda: len(set(_arrived(cluster, function))) == COUNT,
        "records are missing after five minutes",
    )
    assert _out_of_order(_arrived(cluster, function)) == []
    cluster.kubectl("delete", "pod/publisher", f"function/{function}")


def _arrived(cluster: Cluster, function: str) -> list[int]:
    """Return the numbers that the function has printed, in that order."""
    said = cluster.kubectl("logs", f"deployment/{function}", "--tail=-1")
    return [int(number) for number in re.findall(r"(?:billing|taking) (\d+) ", said)]


def _out_of_order(arrived: Iterable[int]) -> list[int]:
    """Return those that came first after a later one of their key; a repetition is none."""
    last: dict[int, int] = {}
    seen: set[int] = set()
    late = []
    for number in arrived:
        if number not in seen and number < last.get(number % 7, -1):
            late.append(number)
        seen.add(number)
        last[number % 7] = max(number, last.get(number % 7, -1))
    return late
