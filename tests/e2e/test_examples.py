"""On a real cluster: installed by the manifests, the examples applied, events end to end.

Left out unless `TIDEGATE_E2E_IMAGE` names the image. `KUBECONFIG` says which cluster: one to try
things on, since Tidegate is installed in its namespace `tidegate` and stays there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster, Images, eventually, example, post

HOME = "tidegate"
NATS = "nats://nats:4222"

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Tidegate on a cluster, and a namespace for functions that goes afterwards."""
    images = Images.given()
    if images is None:
        pytest.skip("a whole cluster: TIDEGATE_E2E_IMAGE names no image")
    if shutil.which("kubectl") is None:
        pytest.skip("a whole cluster: kubectl is not installed")
    made = Cluster(images, "tidegate-e2e")
    made.tidegate("install", "--overlay", "dev", "--image", images.tidegate, "--force")
    if images.provision:
        _configure(made, images.provision)
    for component in ("controller", "gateway"):
        made.wait(f"deployment/tidegate-{component}", "Available", HOME)
    made.kubectl("create", "namespace", made.namespace)
    try:
        yield made
    finally:
        made.kubectl("delete", "namespace", made.namespace)


def _configure(cluster: Cluster, image: str) -> None:
    change = json.dumps({"data": {"provision-image": image}})
    words = ("patch", "configmap", "kubeless-config", "--type", "merge", "--patch", change)
    cluster.kubectl(*words, namespace=HOME)


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
    if not cluster.images.nats:
        pytest.skip("NATS in the cluster: TIDEGATE_E2E_NATS_IMAGE names no image")
    cluster.apply(*_nats(cluster))
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


def _nats(cluster: Cluster) -> Iterator[dict[str, object]]:
    labels = {"app": "nats"}
    container = {
        "name": "nats",
        "image": cluster.images.nats,
        "args": ["--jetstream", "--store_dir", "/tmp/nats"],
        "ports": [{"containerPort": 4222}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "nats"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "nats"},
        "spec": {"selector": labels, "ports": [{"port": 4222}]},
    }


def test_a_function_that_is_deleted_takes_its_objects_along(cluster: Cluster) -> None:
    cluster.apply(*example("hello", cluster.images.python))
    cluster.wait("function/hello", "Ready")
    cluster.kubectl("delete", "function", "hello")
    limit = "--timeout=120s"
    cluster.kubectl("wait", "deployment/hello", "service/hello", "--for=delete", limit)
