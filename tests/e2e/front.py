"""What functions say to callers of the gateway."""

from __future__ import annotations

from tests.e2e.cluster import HOME, Cluster, Object, eventually, post
from tests.e2e.objects import trigger


def says(cluster: Cluster, one: Object, answer: str) -> None:
    """Apply a function with a path of its own, and return once it says that."""
    name = one["metadata"]["name"]
    cluster.apply(one, trigger("HTTPTrigger", name, function_name=name, path=f"/{name}"))
    cluster.wait(f"function/{name}", "Ready")
    with cluster.front(HOME) as front:
        eventually(
            lambda: post(f"{front}/{name}", b"", "text/plain") == (200, answer),
            f"{name} does not say {answer}",
        )
