"""What is wrong between objects is told, and what may mend itself only warned of."""

from __future__ import annotations

import pytest

from tests.unit.api.manifests import FUNCTION, trigger
from tidegate.api.check import Known, check
from tidegate.api.loader import load
from tidegate.api.problem import Severity

HELLO = FUNCTION.replace("get-python", "hello")


def told(*texts: str, known: Known | None = None) -> list[str]:
    resources, problems = load("---\n".join(texts), "f.yaml")
    assert problems == []
    return [
        f"{problem.severity.value} {problem.object}: {problem.field}: {problem.message}; "
        f"{problem.fix}"
        for problem in check(resources, known)
    ]


def http(name: str, spec: str) -> str:
    return trigger("HTTPTrigger", f"{{function-name: hello, {spec}}}", name)


def test_objects_that_fit_together_are_not_told_of() -> None:
    assert told(HELLO, http("a", "path: x"), http("b", "path: y")) == []


def test_two_objects_of_one_name_are_told() -> None:
    (line,) = told(HELLO, HELLO)
    assert line == (
        "error Function default/hello: metadata.name: "
        "is there already: Function default/hello (f.yaml:2); rename one of them or remove it"
    )


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("path: x", "path: /x", True),
        ("path: x", "path: x/", True),
        ("host-name: a.b", "host-name: a.b", True),
        ("host-name: a.b", "host-name: c.b", False),
        ("methods: [GET]", "methods: [POST]", False),
        ("methods: [GET, PUT]", "methods: [PUT]", True),
        ("methods: [GET]", "path: ''", False),
        ("path: x", "path: x/y", False),
    ],
)
def test_two_triggers_of_one_route_are_told(one: str, other: str, collide: bool) -> None:
    lines = told(HELLO, http("a", one), http("b", other))
    assert bool(lines) is collide
    if collide:
        assert "is taken by HTTPTrigger default/a (f.yaml:" in lines[0]
        assert lines[0].endswith("change path, host-name or methods of one of them")


def test_a_function_that_is_not_there_is_warned_of_with_the_nearest() -> None:
    (line,) = told(HELLO, trigger("HTTPTrigger", "{function-name: helo}"))
    assert line == (
        "warning HTTPTrigger default/t: spec.function-name: "
        'function "helo" is not in namespace default; did you mean hello?'
    )


def test_a_function_of_another_namespace_is_not_there() -> None:
    (line,) = told(HELLO.replace("namespace: default", "namespace: other"), http("a", "path: x"))
    assert line.endswith("add the function; nothing is called until then")


def test_a_dead_letter_function_that_is_not_there_is_warned_of() -> None:
    (line,) = told(HELLO, http("a", "delivery: {deadLetter: {function: bin}}"))
    assert "spec.delivery.deadLetter.function" in line


def test_a_selector_that_finds_nothing_is_warned_of() -> None:
    spec = "{topic: a, functionSelector: {matchLabels: {function: hello}}}"
    unlabelled = HELLO.replace("  labels: {created-by: kubeless, function: hello}\n", "")
    (line,) = told(unlabelled, trigger("NATSTrigger", spec))
    assert line == (
        "warning NATSTrigger default/t: spec.functionSelector: selects no function of namespace "
        "default; add labels: {function: hello} to the metadata of function hello"
    )
    assert told(HELLO, trigger("NATSTrigger", spec)) == []


@pytest.mark.parametrize(
    ("kind", "field", "shared"),
    [
        ("KafkaTrigger", "spec.group", "group: g"),
        ("NATSTrigger", "spec.queue", "queue: g"),
        ("NATSTrigger", "spec.jetstream.durable", "jetstream: {durable: g}"),
    ],
)
def test_a_consumer_that_functions_share_is_warned_of(kind: str, field: str, shared: str) -> None:
    text = trigger(kind, f"{{topic: a, functionSelector: {{}}, {shared}}}")
    assert told(HELLO, text) == []
    (line,) = told(HELLO, FUNCTION, text)
    assert f'{field}: "g" is shared by hello and get-python: each event reaches one of' in line


def test_dead_letters_that_come_back_through_a_selector_are_told() -> None:
    spec = "{topic: a, functionSelector: {}, delivery: {deadLetter: {function: hello}}}"
    (line,) = told(HELLO, trigger("KafkaTrigger", spec))
    assert line.startswith("error KafkaTrigger default/t: spec.delivery.deadLetter.function")


def test_an_unknown_runtime_is_told() -> None:
    (line,) = told(HELLO, known=Known(runtimes={"python3.11", "python3.12"}))
    assert line == (
        'error Function default/hello: spec.runtime: "python3.8" is not a runtime that is there; '
        "use python3.11 or python3.12"
    )
    assert told(HELLO, known=Known(runtimes={"python3.8"})) == []


def test_a_file_that_would_be_overwritten_is_told() -> None:
    text = HELLO.replace("helloget.foo", "handler.foo").replace("type: text", "type: base64+zip")
    (line,) = told(text)
    assert line.startswith('error Function default/hello: spec.handler: a file named "handler"')


def test_a_module_that_hides_one_of_python_is_warned_of() -> None:
    (line,) = told(HELLO.replace("helloget.foo", "json.foo"))
    assert line.startswith('warning Function default/hello: spec.handler: "json" is also a module')


def test_a_secret_that_is_not_there_is_told_with_its_keys() -> None:
    spec = "{function-name: hello, aws-region: eu-west-1, stream: s, secret: aws}"
    text = trigger("KinesisTrigger", spec)
    assert told(HELLO, text) == []
    (line,) = told(HELLO, text, known=Known(secrets={}))
    assert line.endswith(
        'spec.secret: there is no Secret "aws" in namespace default; '
        "create it with aws_access_key_id and aws_secret_access_key"
    )
    (line,) = told(HELLO, text, known=Known(secrets={("default", "aws"): ["aws_access_key_id"]}))
    assert line.endswith(
        'the Secret "aws" has no key "aws_secret_access_key"; '
        "add the key aws_secret_access_key to the Secret"
    )


def test_a_secret_among_the_objects_is_there() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {auth: 'a:b'}\n"
    text = http("a", "basic-auth-secret: web")
    assert told(HELLO, secret, text, known=Known(secrets={})) == []


def test_a_cron_trigger_needs_no_secret() -> None:
    text = trigger("CronJobTrigger", "{function-name: hello, schedule: '@daily'}")
    assert told(HELLO, text, known=Known(secrets={})) == []


def test_a_problem_has_the_line_of_its_field() -> None:
    resources, _ = load(trigger("HTTPTrigger", "\n  function-name: a"), "f.yaml")
    (problem,) = check(resources)
    assert (problem.line, problem.severity) == (5, Severity.WARNING)


def test_a_secret_of_the_environment_is_needed_too() -> None:
    reference = "{name: KEY, valueFrom: {secretKeyRef: {name: s, key: k%s}}}"
    containers = "{spec: {template: {spec: {containers: [{env: [{name: A, value: b}, %s]}]}}}}"
    text = HELLO + "  deployment: " + containers % (reference % "")
    (line,) = told(text, known=Known(secrets={}))
    assert line == (
        "error Function default/hello: spec.deployment.spec.template.spec.containers[0].env[1]: "
        'there is no Secret "s" in namespace default; create it with k'
    )
    assert told(text, known=Known(secrets={("default", "s"): {"k"}})) == []
    optional = HELLO + "  deployment: " + containers % (reference % ", optional: true")
    assert told(optional, known=Known(secrets={})) == []


def test_a_runtime_that_only_stands_in_is_taken_but_not_offered() -> None:
    known = Known(runtimes={"python3.12"}, stand_ins={"python3.8"})
    assert told(HELLO, known=known) == []
    (line,) = told(HELLO, known=Known(runtimes={"python3.12"}, stand_ins={"python2.7"}))
    assert "python2.7" not in line
