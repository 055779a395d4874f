"""A real API server takes what is right, and refuses what is wrong as the command line does."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.kube_cluster import new_namespace
from tests.kube.admission import KINESIS, apply, object_of, objects_of, refusal, sentence
from tests.support.definitions import KINDS, install_one
from tests.unit.api.manifests import EVERY_SHAPE, FUNCTION, trigger
from tests.unit.api.mistakes import (
    CRON,
    DELIVERY_MISTAKES,
    FEEDS,
    FUNCTION_MISTAKES,
    TRIGGER_MISTAKES,
)
from tests.unit.api.untold import CONDITIONS, OWN_WORDS
from tidegate.api.crds import definition
from tidegate.api.loader import load
from tidegate.api.problem import Problem
from tidegate.kube.client import KubeClient
from tidegate.kube.errors import Invalid
from tidegate.kube.objects import ObjectKey
from tidegate.kube.resources import Resource

pytestmark = pytest.mark.timeout(300)

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.rglob("*.yaml"))}
WRONG = [
    *(trigger("KafkaTrigger", f"{{topic: t, {FEEDS}, delivery: {{{block}}}}}")
      for block in DELIVERY_MISTAKES),
    *(trigger(kind, spec) for kind, spec, _ in TRIGGER_MISTAKES if ".nan" not in spec),
    *(FUNCTION.replace(old, new) for old, new, _ in FUNCTION_MISTAKES if "a: true" not in new),
    FUNCTION.replace("name: get-python\n", "name: 1st\n"),
    "apiVersion: kubeless.io/v1beta1\nkind: KafkaTrigger\nmetadata: {name: t}\n",
    trigger("CronJobTrigger", "{function-name: f, schedule: '* * * *'}"),
    trigger("CronJobTrigger", "{function-name: f, schedule: '61 * * * *'}"),
    trigger("CronJobTrigger", f"{{{CRON}, timeZone: Mars/Olympus}}"),
    trigger("CronJobTrigger", "{function-name: f, schedule: 'TZ=UTC @daily', timeZone: UTC}"),
    trigger("KafkaTrigger", f"{{topic: t, {FEEDS}, startFrom: timestamp, "
                            "startTime: '2026-02-30T12:00:00Z'}"),
    trigger("KafkaTrigger", f"{{topicPattern: a.*, {FEEDS}, topics: []}}").replace("a.*", "''"),
    trigger("HTTPTrigger", "{function-name: f, bodyLimit: '1.5'}"),
    trigger("HTTPTrigger", "{function-name: f, delivery: {timeout: 5000d}}"),
    trigger("HTTPTrigger", "{function-name: f, delivery: {backoffDelay: 9, backoffMax: 5}}"),
    trigger("NATSTrigger", f"{{topic: a, {FEEDS}, jetstream: {{filterSubjects: [b.*]}}, "
                           "delivery: {deadLetter: {nats: b.c}}}"),
    trigger("KinesisTrigger", f"{{{KINESIS}, endpoint: 'http://a:b@c'}}"),
]  # fmt: skip


# Read here, since finding a time zone asks the disk, which blocks a loop.
TOLD = [(text, load(text)[1]) for text in WRONG]
LATE = trigger("HTTPTrigger", "{function-name: f, delivery: {backoffDelay: 1d, backoffMax: 1h}}")


def _becomes_a_condition(problem: Problem) -> bool:
    told = f"{problem.field}: {problem.message}"
    return any(pattern.search(told) for pattern in CONDITIONS.values())


@pytest.mark.parametrize("path", EXAMPLES)
async def test_every_example_is_taken(admitting: KubeClient, path: str) -> None:
    found = list(objects_of(EXAMPLES[path]))
    assert found
    for obj in found:
        assert await refusal(admitting, obj) == ""


@pytest.mark.parametrize("text", EVERY_SHAPE)
async def test_what_kubeless_took_is_taken_and_stays_whole(
    admitting: KubeClient, text: str
) -> None:
    obj = object_of(text)
    taken = await apply(admitting, copy.deepcopy(obj))
    assert _holds(taken["spec"], obj["spec"])


def _holds(whole: Any, part: Any) -> bool:
    """Say whether all of `part` is in `whole`; a null is the same as nothing."""
    if isinstance(part, dict):
        return all(value is None or _holds(whole.get(key), value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(_holds, whole, part))
    return bool(whole == part)


async def test_what_is_wrong_is_refused_in_the_words_of_the_command_line(
    admitting: KubeClient,
) -> None:
    told = {"sentence": 0, "own words": 0, "condition": 0}
    for text, (problem,) in TOLD:
        said = await refusal(admitting, object_of(text))
        if OWN_WORDS.search(problem.message):
            told["own words"] += 1
            assert problem.field in said, text
        elif _becomes_a_condition(problem):
            told["condition"] += 1
            assert said == "", text
        else:
            told["sentence"] += 1
            assert sentence(problem) in said, text
            assert problem.field in said, text
    assert told["sentence"] > 3 * told["condition"]


async def test_durations_of_days_are_compared_by_the_controllers_alone(
    admitting: KubeClient,
) -> None:
    assert load(LATE)[1]
    assert await refusal(admitting, object_of(LATE)) == ""


async def test_all_that_is_wrong_is_told_at_once(admitting: KubeClient) -> None:
    spec = "{topic: a b, brokers: [a], startFrom: last, delivery: {retry: -2, timeout: soon}}"
    text = trigger("KafkaTrigger", spec)
    said = await refusal(admitting, object_of(text))
    problems = load(text)[1]
    assert len(problems) == 6
    assert [one for one in problems if sentence(one) not in said] == []


async def test_a_secret_in_the_wrong_place_is_not_repeated(admitting: KubeClient) -> None:
    for block in (
        "url: 'nats://joe:hunter2@x'",
        "secret: 'hunter2 '",
        "delivery: {deadLetter: {http: 'http://a:hunter2@x'}}",
    ):
        obj = object_of(trigger("NATSTrigger", f"{{topic: a, {FEEDS}, {block}}}"))
        said = await refusal(admitting, obj)
        assert "Forbidden: " in said
        assert "hunter2" not in said


async def test_who_was_stored_before_there_were_rules_can_still_be_told(
    client: KubeClient,
) -> None:
    """Kubeless had no schema at all: what it stored must not be out of the controllers' reach."""
    namespace = await new_namespace(client)
    crd = definition("Function")
    crd["spec"]["group"] = "before.example.com"
    crd["metadata"] = {"name": "functions.before.example.com"}
    crd["spec"]["names"].update(shortNames=[], categories=[])
    version = crd["spec"]["versions"][0]
    ruled, version["schema"] = (
        version["schema"],
        {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    )
    await install_one(client, crd)
    functions = Resource("before.example.com", "v1beta1", "functions", "Function")
    key = ObjectKey(namespace, "1st")
    spec = {"handler": "no dot", "runtime": "?", "function": "", "timeout": "soon"}
    await client.create(
        functions, {"metadata": {"name": "1st", "namespace": namespace}, "spec": spec}
    )
    version["schema"] = ruled
    await install_one(client, crd)
    await _until_ruled(client, functions, namespace)
    told = {"conditions": [{"type": "Ready", "status": "False", "message": "handler has no dot"}]}
    await client.patch_status(functions, key, told)
    await client.patch(functions, key, {"metadata": {"labels": {"a": "b"}, "finalizers": []}})
    with pytest.raises(Invalid, match="has no dot"):
        await client.patch(functions, key, {"spec": {"handler": "still none"}})
    await client.delete(functions, key)


async def _until_ruled(client: KubeClient, functions: Resource, namespace: str) -> None:
    """Wait until the API server goes by the new definition, which it does some time later."""
    wrong = {
        "apiVersion": functions.api_version,
        "kind": "Function",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {},
    }
    while True:
        try:
            await apply(client, wrong, functions)
        except Invalid:
            return


async def test_a_status_has_the_fields_that_controllers_write(admitting: KubeClient) -> None:
    namespace = await new_namespace(admitting)
    obj = object_of(trigger("KafkaTrigger", f"{{topic: t, {FEEDS}}}"))
    obj["metadata"]["namespace"] = namespace
    await apply(admitting, obj, dry=False)
    status = {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Delivering",
                "message": "2 functions are fed",
                "lastTransitionTime": "2026-01-31T12:00:00Z",
                "observedGeneration": 1,
            }
        ],
        "functions": ["hello", "world"],
        "assignedReplicas": 2,
        "lag": 12,
        "lastEvent": "2026-01-31T12:00:00Z",
        "lastError": "",
    }
    key = ObjectKey(namespace, "t")
    written = await admitting.patch_status(KINDS["KafkaTrigger"], key, status)
    assert written["status"] == status
    again = {"conditions": [{**status["conditions"][0], "type": "Accepted"}] * 2}  # type: ignore[index]
    with pytest.raises(Invalid, match="Duplicate"):
        await admitting.patch_status(KINDS["KafkaTrigger"], key, again)
