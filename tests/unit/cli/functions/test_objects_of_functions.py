"""Functions as a command line names them: nothing but what was named changes."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.api.loader import resource_from
from tidegate.cli.errors import CommandError
from tidegate.cli.functions.code import Code
from tidegate.cli.functions.flags import CodeFlags, PodFlags, PullPolicy
from tidegate.cli.functions.objects import Wish, changed, cron_trigger, difference, new_function
from tidegate.cli.functions.pairs import names, pairs, variables
from tidegate.cli.up.objects import merged

CODE = Code("def f(event, context):\n    pass\n", "text", "sha256:" + "0" * 64)


def container(function: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = function["spec"]["deployment"]["spec"]["template"]["spec"][
        "containers"
    ][0]
    return found


def wish(code: CodeFlags | None = None, **pod: Any) -> Wish:
    return Wish(code or CodeFlags(), PodFlags(**pod))


def test_a_new_function_has_what_was_named_and_kubeless_labels() -> None:
    flags = CodeFlags(runtime="python3.11", handler="hello.f")
    function = new_function("hello", "", Wish(flags, code=CODE, deps="requests\n"))
    assert function["metadata"] == {
        "name": "hello",
        "labels": {"created-by": "kubeless", "function": "hello"},
    }
    assert function["spec"] == {
        "handler": "hello.f",
        "runtime": "python3.11",
        "deps": "requests\n",
        "function": CODE.content,
        "function-content-type": "text",
        "checksum": CODE.checksum,
    }


def test_every_option_makes_an_object_that_is_accepted() -> None:
    flags = CodeFlags("python3.11", "a.f", "a.py", "r.txt", "img:1", PullPolicy.NEVER, "30")
    pod = PodFlags(
        label=["a=b"], env=["A=1"], secrets=["s"], node_selectors=["disk:ssd"],
        service_account="me", memory="64Mi", cpu="1", headless=True, port=9000, service_port=80,
    )  # fmt: skip
    function = new_function("hello", "shop", Wish(flags, pod, CODE, "x\n"))
    resource, problems = resource_from(function)
    assert resource is not None and not problems
    service = {
        "type": "ClusterIP",
        "clusterIP": "None",
        "ports": [
            {"name": "http-function-port", "port": 80, "targetPort": 9000, "protocol": "TCP"}
        ],
    }
    assert function["spec"]["service"] == service
    assert container(function)["resources"]["limits"] == {"memory": "64Mi", "cpu": "1"}
    assert container(function)["volumeMounts"][0]["mountPath"] == "/s"


def test_an_update_leaves_alone_what_it_does_not_name() -> None:
    before = new_function("hello", "shop", wish(env=["A=1", "B=2"], secrets=["s"], memory="1Gi"))
    after = changed(before, wish(env=["B=3", "C=4"]))
    assert container(after)["env"] == [
        {"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"},
    ]  # fmt: skip
    assert container(after)["resources"] == container(before)["resources"]
    assert container(after)["volumeMounts"] == container(before)["volumeMounts"]
    assert container(before)["env"][1]["value"] == "2"


def test_a_dash_takes_away() -> None:
    before = new_function(
        "hello", "", wish(env=["A=1"], label=["x=y"], secrets=["s", "t"], node_selectors=["n=1"])
    )
    after = changed(before, wish(env=["A-"], label=["x-"], secrets=["s-"], node_selectors=["n-"]))
    assert "env" not in container(after)
    assert "x" not in after["metadata"]["labels"]
    assert [one["name"] for one in container(after)["volumeMounts"]] == ["t-vol"]
    assert "nodeSelector" not in after["spec"]["deployment"]["spec"]["template"]["spec"]


def test_further_containers_and_variables_from_elsewhere_stay() -> None:
    pod = {"containers": [{"env": [{"name": "S", "valueFrom": {}}]}, {"name": "sidecar"}]}
    before = {
        "metadata": {"name": "hello"},
        "spec": {"deployment": {"spec": {"template": {"spec": pod}}}},
    }
    after = changed(before, wish(env=["A=1"]))
    containers = after["spec"]["deployment"]["spec"]["template"]["spec"]["containers"]
    assert containers[0]["env"] == [{"name": "S", "valueFrom": {}}, {"name": "A", "value": "1"}]
    assert containers[1] == {"name": "sidecar"}


@pytest.mark.parametrize(
    ("first", "then", "ports"),
    [
        ({"port": 9090}, {}, (9090, 9090)),
        ({"port": 9090, "service_port": 80}, {}, (80, 9090)),
        ({"port": 9090, "service_port": 80}, {"port": 7000}, (80, 7000)),
        ({"port": 9090}, {"port": 7000}, (7000, 7000)),
        ({"service_port": 80}, {"service_port": 0}, (8080, 8080)),
    ],
)
def test_the_service_follows_the_port_unless_it_has_its_own(
    first: dict[str, Any], then: dict[str, Any], ports: tuple[int, int]
) -> None:
    after = changed(new_function("hello", "", wish(**first)), wish(**then))
    port = after["spec"]["service"]["ports"][0]
    assert (port["port"], port["targetPort"]) == ports


def test_a_schedule_makes_a_trigger_of_the_same_name() -> None:
    trigger = cron_trigger(new_function("hello", "shop", wish()), "@daily")
    assert trigger["metadata"]["name"] == "hello"
    assert trigger["spec"] == {"function-name": "hello", "schedule": "@daily"}
    assert resource_from(trigger)[1] == []


def test_a_difference_leads_from_one_to_the_other() -> None:
    before = {"a": 1, "b": {"c": [1], "d": 2}, "gone": {}}
    after = {"a": 1, "b": {"c": [2], "d": 2, "e": {}}, "new": "x"}
    patch = difference(before, after)
    assert patch == {"b": {"c": [2], "e": {}}, "new": "x", "gone": None}
    assert merged(before, patch) == after
    assert difference(after, after) == {}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["a=b,c=d"], {"a": "b", "c": "d"}),
        (["a:b"], {"a": "b"}),
        (["a=b:c"], {"a": "b:c"}),
        (["a="], {"a": ""}),
        (["a-"], {"a": None}),
    ],
)
def test_pairs_are_written_in_kubeless_ways(given: list[str], wanted: dict[str, str]) -> None:
    assert pairs("--label", given) == wanted


def test_values_of_variables_may_have_commas_and_colons() -> None:
    assert variables(["HOSTS=a:1,b:2", "A=1,B=2"]) == {"HOSTS": "a:1,b:2", "A": "1", "B": "2"}
    assert variables(["A:1,B:2"]) == {"A": "1", "B": "2"}


def test_a_pair_without_a_value_is_refused() -> None:
    with pytest.raises(CommandError, match="--label 'a': write KEY=VALUE"):
        pairs("--label", ["a"])


def test_names_are_added_and_taken_away() -> None:
    assert names(["a,b-"]) == {"a": True, "b": False}


@pytest.mark.parametrize("amount", ["lots", "", "128 Mi", "1K", "-1", "1Gi\n"])
def test_an_amount_that_no_pod_could_have_is_refused(amount: str) -> None:
    with pytest.raises(CommandError, match=r"--memory .* is no amount; write 128Mi or 1Gi"):
        new_function("hello", "shop", wish(memory=amount))


@pytest.mark.parametrize("amount", ["0", "100m", "0.5", "1.5Gi", "2e3", "64Ki", "1G"])
def test_amounts_are_those_of_kubernetes(amount: str) -> None:
    function = new_function("hello", "shop", wish(cpu=amount))
    assert container(function)["resources"]["limits"] == {"cpu": amount}
