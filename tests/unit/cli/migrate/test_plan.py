"""The commands of the way over, and their order."""

from __future__ import annotations

from tests.unit.cli.migrate.shapes import (
    KAFKA_CONTROLLER,
    MANAGER,
    MOMENT,
    NATS_CONTROLLER,
    PROGRAMS,
    cron,
    function,
    http,
    kafka,
    kinesis,
    nats,
)
from tidegate.cli.migrate.assess import assess
from tidegate.cli.migrate.landscape import landscape
from tidegate.cli.migrate.plan import Route, steps, tasks_elsewhere
from tidegate.kube.objects import Object

CRON_JOB: Object = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "trigger-hello", "namespace": "shop"},
}
EVERYTHING = (function(), kafka(), nats(), kinesis(), cron(), http(), CRON_JOB, *PROGRAMS)


def commands(*objects: Object, route: Route | None = None) -> list[str]:
    """Return all commands, in their order."""
    land = landscape(objects)
    report = assess(land, MOMENT, "here")
    found = steps(land, list(report.drafts), route or Route())
    return [command for each in found for command in each.commands]


def place(found: list[str], *words: str) -> int:
    """Return where the first command is that has all of `words`."""
    return next(i for i, each in enumerate(found) if all(word in each for word in words))


def test_kubeless_stops_before_anything_is_written_and_the_gateway_comes_after() -> None:
    found = commands(*EVERYTHING)
    order = [
        place(found, "get", "kubeless-backup.yaml"),
        place(found, "migrate", "--write"),
        place(found, "scale", "kafka-trigger-controller", "kubeless-controller-manager"),
        place(found, "replace"),
        place(found, "install", "--force"),
        place(found, "wait", "condition=Ready"),
        place(found, "scale", "nats-trigger-controller"),
        place(found, "delete", "deployment"),
    ]
    assert order == sorted(order)


def test_core_nats_is_left_when_the_gateway_is_in_the_queue_groups() -> None:
    found = commands(*EVERYTHING)
    assert "nats" not in found[place(found, "scale")]
    assert place(found, "condition=Ready") < place(found, "scale", "nats-trigger")


def test_definitions_are_never_deleted() -> None:
    for each in commands(*EVERYTHING):
        words = each.split()
        assert "delete" not in words or {"deployment", "kinesistriggers.kubeless.io"} & {*words}


def test_contexts_of_both_clusters_are_named() -> None:
    found = commands(*EVERYTHING, route=Route(context="old", kubeconfig="k c", to="new"))
    assert all("--kubeconfig 'k c'" in each for each in found)
    there = [each for each in found if "--context new" in each]
    assert {each.split()[0] for each in there} == {"kubectl", "tidegate"}
    assert place(found, "tidegate install", "--context new") < place(found, "scale", "old")
    assert place(found, "scale", "--context old") < place(found, "apply", "--context new")
    assert "--context old" in found[place(found, "cronjob", "suspend")]
    assert place(found, "create namespace shop", "--context new") < place(found, "--recursive")


def test_another_cluster_needs_what_no_command_brings() -> None:
    land = landscape([kinesis(), http()])
    fields = {each.field for each in tasks_elsewhere(land, "new")}
    assert fields == {"spec.host-name", "spec.secret"}


def test_brokers_are_told_to_the_gateway() -> None:
    land = landscape(EVERYTHING)
    route = Route(environment={"KAFKA_BROKERS": "a:1,b:1"})
    found = steps(land, list(assess(land, MOMENT, "").drafts), route)
    said = [command for each in found for command in each.commands if "set env" in command]
    assert said == ["kubectl -n tidegate set env deployment/tidegate-gateway KAFKA_BROKERS=a:1,b:1"]


def test_a_trigger_that_another_replaces_goes_without_its_finalizer() -> None:
    found = commands(function(), kinesis("a", "shardId-1"), kinesis("b", "shardId-2"))
    freed = place(found, "patch", "kinesistriggers.kubeless.io b", "finalizers")
    assert freed + 1 == place(found, "delete", "kinesistriggers.kubeless.io b")


def test_controllers_that_are_not_there_are_not_stopped() -> None:
    found = commands(function(), kafka(), MANAGER, KAFKA_CONTROLLER)
    assert NATS_CONTROLLER["metadata"]["name"] not in " ".join(found)


def test_where_there_is_nothing_there_is_nothing_to_do() -> None:
    assert commands() == []
