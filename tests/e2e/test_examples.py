"""On a real cluster: installed by the manifests, the examples applied, events end to end.

Left out unless `TIDEGATE_E2E_IMAGE` names the image. `KUBECONFIG` says which cluster: one to try
things on, since Tidegate is installed in its namespace `tidegate` and stays there.
"""

from __future__ import annotations

import json

import pytest

from tests.e2e.brokers import nats
from tests.e2e.cluster import HOME, Cluster, eventually, example, post

NATS = "nats://nats:4222"

pytestmark = pytest.mark.timeout(1800)


def test_the_cluster_lacks_nothing_that_is_needed(cluster: Cluster) -> None:
    assert "missing" not in cluster.tidegate("check", "--overlay", "dev")


def test_a_call_is_answered_by_its_function(cluster: Cluster) -> None:
    cluster.apply(*example("hello", cluster.images.python))
    cluster.wait("function/hello", "Ready")
    with cluster.front(HOME) as front:
        body = json.dumps({"name": "Ada"}).encode()
        eventually(
            lambda: post(f"{front}/hello", body, "application/json") == (200, "Hello, Ada!"),
            "the gateway does not answer for hello",
        )


def test_a_schedule_fires_and_its_status_says_so(cluster: Cluster) -> None:
    cluster.apply(*example("cron", cluster.images.python))
    cluster.wait("function/tick", "Ready")
    eventually(
        lambda: cluster.get("cronjobtrigger", "tick").get("status", {}).get("lastEvent"),
        "the status of the CronJobTrigger tells of no event",
    )
    assert "tick at" in cluster.kubectl("logs", "--selector", "function=tick", "--tail", "-1")


def test_an_order_reaches_the_next_function_through_nats(cluster: Cluster) -> None:
    cluster.apply(*nats(cluster.images.needed("nats")))
    cluster.wait("deployment/nats", "Available")
    objects = example("pipeline", cluster.images.python, {"NATS_URL": NATS})
    for one in objects:
        if one["kind"] == "NATSTrigger":
            one["spec"]["url"] = f"nats://nats.{cluster.namespace}.svc:4222"
    cluster.apply(*objects)
    for name in ("order", "pack"):
        cluster.wait(f"function/{name}", "Ready")
    with cluster.front(HOME) as front:
        eventually(
            lambda: post(f"{front}/orders", b"two teapots", "text/plain")[0] == 200,
            "the gateway does not answer for order",
        )
    eventually(
        lambda: "two teapots" in cluster.kubectl("logs", "--selector", "function=pack"),
        "no order came to pack",
    )


def test_a_function_that_is_deleted_takes_its_objects_along(cluster: Cluster) -> None:
    cluster.apply(*example("hello", cluster.images.python))
    cluster.wait("function/hello", "Ready")
    cluster.kubectl("delete", "function", "hello")
    limit = "--timeout=120s"
    cluster.kubectl("wait", "deployment/hello", "service/hello", "--for=delete", limit)
