"""What the way over makes of Kubeless's objects, and what it tells of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.migrate.shapes import (
    KAFKA_CONTROLLER,
    MOMENT,
    PROGRAMS,
    controller,
    cron,
    function,
    http,
    kafka,
    kinesis,
    kubeless,
    nats,
)
from tidegate.api.loader import resource_from
from tidegate.cli.migrate.assess import assess
from tidegate.cli.migrate.landscape import landscape
from tidegate.cli.migrate.model import Report
from tidegate.cli.migrate.settings import gateway_environment
from tidegate.kube.objects import Object

QPS = {
    "metadata": {"name": "hello", "namespace": "shop"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1beta1", "kind": "Deployment", "name": "hello"},
        "minReplicas": 1,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "Object",
                "object": {
                    "metricName": "function_calls",
                    "target": {"kind": "Service", "name": "hello"},
                    "targetValue": "10",
                },
            }
        ],
    },
}


def told(*objects: Object) -> Report:
    """Return what is told of these objects."""
    return assess(landscape(objects), MOMENT, "here")


def one(report: Report) -> Object:
    """Return the new form of the only object."""
    (obj,) = report.objects
    return obj


def now(report: Report, field: str) -> str:
    """Return what a field means from now on."""
    return next(each.now for each in report.changes if each.field == field)


def sentences(report: Report) -> str:
    """Return all that is to be done by hand."""
    return "\n".join(" ".join(each) for each in report.tasks)


def test_what_kubeless_wrote_and_nobody_asked_for_goes() -> None:
    report = told(function())
    assert one(report)["spec"].keys() == {
        "handler",
        "function",
        "function-content-type",
        "checksum",
        "runtime",
        "timeout",
        "deps",
        "service",
    }
    assert "selector" not in one(report)["spec"]["service"]
    assert not report.tasks


@pytest.mark.parametrize(
    "obj",
    [function("other"), kafka(), nats(), kinesis(), cron(payload={"a": 1}), http(tls=True)],
    ids=lambda obj: obj["kind"],
)
def test_every_kind_is_right_in_its_new_form(obj: Object) -> None:
    report = told(obj, function(), *PROGRAMS)
    assert [resource_from(each)[1] for each in report.objects] == [[]] * len(report.objects)
    assert not report.tasks


@pytest.mark.parametrize(
    ("old", "new", "ways"),
    [("python3.7", "python3.11", []), ("nodejs12", "nodejs22", ["FUNC_COMPAT"]),
     ("java1.8", "java17", [])],
)  # fmt: skip
def test_a_runtime_that_has_ended_has_its_successor(old: str, new: str, ways: list[str]) -> None:
    spec = one(told(function(runtime=old, handler="hello.main")))["spec"]
    assert spec["runtime"] == new
    containers = spec.get("deployment", {}).get("spec", {}).get("template", {}).get("spec", {})
    env = [each["name"] for one in containers.get("containers", ()) for each in one["env"]]
    assert env == ways


def test_python_2_is_to_be_written_anew() -> None:
    assert "in Python 3" in sentences(told(function(runtime="python2.7")))


def test_a_runtime_that_nobody_knows_is_to_be_changed_by_hand() -> None:
    assert "there is no runtime 'ballerina0.981.0'" in sentences(
        told(function(runtime="ballerina0.981.0"))
    )


def test_a_runtime_of_the_configuration_goes_on() -> None:
    images = """[{"ID": "python", "depName": "requirements.txt", "fileNameSuffix": ".py",
        "versions": [{"name": "python37", "version": "3.7",
        "images": [{"phase": "runtime", "image": "kubeless/python@sha256:1"}]}]}]"""
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kubeless-config", "namespace": "kubeless"},
        "data": {"runtime-images": images, "enable-build-step": "true"},
    }
    report = told(function(runtime="python3.7"), config)
    assert one(report)["spec"]["runtime"] == "python3.7"
    assert "kubeless/python@sha256:1" in now(report, "spec.runtime")
    assert "enable-build-step has no effect" in sentences(report)


def test_an_autoscaler_is_brought_to_autoscaling_v2() -> None:
    report = told(function(horizontalPodAutoscaler=QPS))
    scaler = one(report)["spec"]["horizontalPodAutoscaler"]
    assert scaler["apiVersion"] == "autoscaling/v2"
    assert scaler["spec"]["scaleTargetRef"]["apiVersion"] == "apps/v1"
    (metric,) = scaler["spec"]["metrics"]
    assert metric["object"]["target"] == {"type": "Value", "value": "10"}
    assert metric["object"]["describedObject"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "name": "hello",
    }
    assert "custom.metrics.k8s.io" in sentences(report)


def test_functions_that_said_themselves_what_calls_them_get_triggers() -> None:
    old = function(schedule="* * * * *", topic="orders", type="PubSub", metadata={"labels": {}})
    report = told(old, *PROGRAMS)
    kinds = {each["kind"]: each for each in report.objects}
    assert kinds["CronJobTrigger"]["spec"]["schedule"] == "* * * * *"
    assert kinds["KafkaTrigger"]["spec"]["startTime"] == MOMENT
    assert kinds["Function"]["metadata"]["labels"] == {"function": "hello"}
    assert kinds["Function"]["spec"].keys().isdisjoint({"schedule", "topic", "type"})
    assert not report.tasks


def test_kafka_goes_on_from_its_offsets_in_a_group_of_the_same_name() -> None:
    report = told(function(), kafka(), KAFKA_CONTROLLER)
    groups = [each for each in report.changes if each.field == "consumer group"]
    assert [each.before for each in groups] == ["shop_orders_hello_orders"]
    spec = report.objects[1]["spec"]
    assert (spec["startFrom"], spec["startTime"]) == ("timestamp", MOMENT)
    assert "at least once" in now(report, "delivery")


def test_shards_of_one_stream_and_function_are_read_by_one_trigger() -> None:
    report = told(function(), kinesis("a", "shardId-1"), kinesis("b", "shardId-2"))
    (kept,) = (each for each in report.objects if each["kind"] == "KinesisTrigger")
    assert kept["metadata"]["name"] == "a"
    assert "shard" not in kept["spec"]
    assert kept["spec"]["startingTime"] == MOMENT
    assert "deleted" in next(each.now for each in report.changes if each.object.endswith("/b"))


def test_shards_that_functions_share_stay_and_are_asked_about() -> None:
    other = kinesis("b", "shardId-2", **{"function-name": "other"})
    report = told(function(), function("other"), kinesis("a", "shardId-1"), other)
    shards = [each["spec"].get("shard") for each in report.objects if "stream" in each["spec"]]
    assert shards == ["shardId-1", "shardId-2"]
    assert "several functions share" in sentences(report)


def test_schedules_that_shared_a_cron_job_are_asked_about() -> None:
    report = told(function(), cron("a"), cron("b"))
    assert "one schedule per function, its own or that of b" in sentences(report)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"gateway": "kong", "basic-auth-secret": "users"}, "basic-auth-secret"),
        ({"tls": True, "tls-secret": "cert"}, "excludes tls"),
        ({"unheard-of": 1}, "unheard-of"),
    ],
)
def test_what_an_http_trigger_cannot_say_any_more_is_by_hand(
    spec: dict[str, Any], sentence: str
) -> None:
    assert sentence in sentences(told(function(), http(**spec)))


def test_a_field_of_the_first_versions_goes() -> None:
    old: dict[str, Any] = {"ingress-enabled": True}
    report = told(function(), http(**old))
    assert not report.tasks
    assert "ingress-enabled" not in report.objects[1]["spec"]


def test_two_triggers_of_one_route_are_by_hand() -> None:
    assert "is taken by HTTPTrigger shop/a" in sentences(told(function(), http("a"), http("b")))


def test_what_is_being_deleted_is_told_and_not_written() -> None:
    old = function(
        metadata={
            "deletionTimestamp": "2021-01-01T00:00:00Z",
            "finalizers": ["kubeless.io/function"],
        }
    )
    report = told(old)
    assert not report.objects
    assert "waits for kubeless.io/function" in sentences(report)
    assert '{"metadata":{"finalizers":null}}' in sentences(report)


def test_what_is_no_object_of_ours_is_left_out() -> None:
    assert not told({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}).drafts


def test_an_unknown_kind_of_the_group_is_by_hand() -> None:
    assert "not a kind that is known" in sentences(told(kubeless("SQSTrigger", "a", {})))


def test_brokers_come_from_the_controllers_and_logins_are_not_shown() -> None:
    env = {
        "KAFKA_BROKERS": "a:9092,b:9092",
        "KAFKA_ENABLE_SASL": "true",
        "KAFKA_USERNAME": "tidegate-user",
        "KAFKA_PASSWORD": "tide-secret",
        "KAFKA_CACERTS": "/certs/ca.pem",
    }
    nats_env = {"NATS_URL": "nats://me:nats-secret@nats:4222"}
    land = landscape(
        [
            function(),
            kafka(),
            nats(),
            controller("kafka", "kafka-trigger-controller", env=env),
            controller("nats", "nats-trigger-controller", env=nats_env),
        ]
    )
    report = assess(land, MOMENT, "here")
    assert gateway_environment(land) == {
        "KAFKA_BROKERS": "a:9092,b:9092",
        "KAFKA_ENABLE_SASL": "true",
    }
    assert {each.field for each in report.tasks} == {
        "KAFKA_USERNAME",
        "KAFKA_PASSWORD",
        "KAFKA_CACERTS",
        "NATS_URL",
    }
    assert "secret@" not in repr(report)
    assert "tide-secret" not in repr(report)
    assert "tidegate-user" not in repr(report)
