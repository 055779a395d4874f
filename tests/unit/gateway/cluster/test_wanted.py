"""From objects to subscriptions, one change at a time."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from gateway.cluster.kinds import kept_of
from gateway.cluster.wanted import Wanted
from tests.support.cluster import custom, function, http_trigger
from tidegate.kube.objects import Object
from tidegate.kube.store import Delta, Store


class Cluster:
    """A store, and what follows it."""

    def __init__(self) -> None:
        self.store = Store()
        self.wanted = Wanted()
        self.version = 0

    def apply(self, obj: Object, created: str = "2026-01-01T00:00:00Z") -> bool:
        """Make `obj` so; tell whether that mattered."""
        self.version += 1
        metadata = obj["metadata"] | {
            "resourceVersion": str(self.version),
            "uid": f"uid-{obj['metadata']['name']}",
            "creationTimestamp": created,
        }
        kept = kept_of(obj["kind"])({**obj, "metadata": metadata})
        # One store for all kinds: names differ in these tests.
        return self._told(self.store.put(kept))

    def delete(self, obj: Object) -> None:
        name = obj["metadata"]["name"]
        for key in [key for key in self.store if key.name == name]:
            self._told(self.store.remove(key))

    def _told(self, deltas: list[Delta]) -> bool:
        return True in [self.wanted.take(delta) for delta in deltas]

    def runs(self) -> list[str]:
        return [f"{one.trigger}>{one.function}" for one in self.wanted.subscriptions()]


def kafka(name: str, **labels: str) -> Object:
    selector = {"matchLabels": labels}
    return custom("KafkaTrigger", "default", name, {"topic": "t", "functionSelector": selector})


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_a_trigger_feeds_the_functions_that_its_selector_finds(cluster: Cluster) -> None:
    cluster.apply(kafka("orders", team="a"))
    assert cluster.runs() == []
    cluster.apply(function("default", "one", team="a"))
    cluster.apply(function("default", "two", team="b"))
    assert cluster.runs() == ["orders>one"]
    cluster.apply(function("default", "two", team="a"))
    assert cluster.runs() == ["orders>one", "orders>two"]


def test_functions_of_another_namespace_are_not_there(cluster: Cluster) -> None:
    cluster.apply(kafka("orders", team="a"))
    cluster.apply(function("other", "one", team="a"))
    assert cluster.runs() == []


def test_what_is_deleted_runs_no_more(cluster: Cluster) -> None:
    made = function("default", "one", team="a")
    cluster.apply(made)
    cluster.apply(kafka("orders", team="a"))
    assert cluster.runs() == ["orders>one"]
    cluster.delete(made)
    assert cluster.runs() == []


@pytest.mark.regression("Kubeless: a trigger that waits for its finalizer goes on consuming")
def test_what_is_being_deleted_runs_no_more(cluster: Cluster) -> None:
    trigger = http_trigger("default", "web", "one")
    cluster.apply(trigger)
    trigger["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z"
    cluster.apply(trigger)
    assert cluster.runs() == []


def test_a_status_is_no_change(cluster: Cluster) -> None:
    trigger = http_trigger("default", "web", "one")
    assert cluster.apply(trigger)
    assert not cluster.apply(trigger | {"status": {"observedGeneration": 2}})


def test_what_breaks_goes_on_as_it_was(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    cluster.apply(http_trigger("default", "web", "one", path="/a"))
    with caplog.at_level(logging.ERROR):
        assert not cluster.apply(http_trigger("default", "web", "one", path=7))
        assert not cluster.apply(http_trigger("default", "web", "one", path=7))
    assert cluster.runs() == ["web>one"]
    assert caplog.text.count("goes on as it was before") == 1
    assert cluster.apply(http_trigger("default", "web", "one", path="/b"))


def test_of_two_triggers_with_one_route_the_older_one_has_it(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    older = http_trigger("zoo", "first", "one", path="/a")
    cluster.apply(http_trigger("default", "second", "two", path="/a"), "2026-02-01T00:00:00Z")
    assert cluster.runs() == ["second>two"]
    with caplog.at_level(logging.ERROR):
        cluster.apply(older, "2026-01-01T00:00:00Z")
        assert cluster.runs() == ["first>one"]
    assert "is taken by HTTPTrigger zoo/first" in caplog.text
    cluster.delete(older)
    assert cluster.runs() == ["second>two"]


def test_a_mistake_in_a_functions_pods_does_not_stop_its_events(cluster: Cluster) -> None:
    broken = function("default", "one", team="a")
    broken["spec"] |= {"runtime": "", "handler": "a.b.c"}
    cluster.apply(broken)
    cluster.apply(kafka("orders", team="a"))
    assert cluster.runs() == ["orders>one"]


@pytest.mark.parametrize("timeout", ["7", 7])
def test_the_timeout_of_a_function_is_that_of_its_calls(cluster: Cluster, timeout: Any) -> None:
    made = function("default", "one")
    made["spec"]["timeout"] = timeout
    cluster.apply(made)
    cluster.apply(http_trigger("default", "web", "one"))
    (found,) = cluster.wanted.subscriptions()
    assert found.policy.timeout == 7


def test_the_code_of_a_function_does_not_stay_in_memory(cluster: Cluster) -> None:
    cluster.apply(function("default", "one"))
    (kept,) = cluster.store.values()
    assert "def main" not in str(kept)


def test_times_that_a_cron_job_fires_are_not_fired_here(cluster: Cluster) -> None:
    spec = {"function-name": "hello", "schedule": "@daily"}
    cluster.apply(custom("CronJobTrigger", "shop", "tick", spec))
    assert cluster.runs() == ["tick>hello"]
    cluster.apply(custom("CronJobTrigger", "shop", "tick", spec | {"mode": "cronjob"}))
    assert cluster.runs() == []


def test_how_many_replicas_can_share_a_trigger_is_told_by_its_status() -> None:
    cluster = Cluster()
    spec = {"topic": "orders", "functionSelector": {"matchLabels": {"app": "shop"}}}
    trigger = custom("KafkaTrigger", "default", "orders", spec)
    cluster.apply(function("default", "stock", app="shop"))
    assert cluster.apply(trigger)
    (one,) = cluster.wanted.subscriptions()
    assert cluster.wanted.usable(one) is None
    assert cluster.apply({**trigger, "status": {"usableReplicas": 3, "lag": 5}})
    assert cluster.wanted.usable(one) == 3
    assert not cluster.apply({**trigger, "status": {"usableReplicas": 3, "lag": 6}})
    assert cluster.wanted.subscriptions() == [one]


def test_secrets_of_an_ingress_are_those_that_http_triggers_name() -> None:
    cluster = Cluster()
    cluster.apply(function("default", "hello"))
    cluster.apply(http_trigger("default", "plain", "hello"))
    tls = {"host-name": "a.example.com", "tls-secret": "cert", "basic-auth-secret": "users"}
    cluster.apply(http_trigger("default", "tls", "hello", gateway="nginx", **tls))
    (found,) = cluster.wanted.named_secrets().values()
    assert found == ("cert", "users")
