"""What is made for a function."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from controllers.desired.code import FunctionInvalid
from controllers.desired.config import ControllerConfig
from controllers.desired.function import desired_objects
from controllers.desired.images import CATALOG, Phase, PodRuntime
from tests.support.functions import (
    SHAPES,
    by_kind,
    container,
    desired,
    env,
    function,
    main_container,
    pod,
    pods,
    template,
)
from tests.unit.controllers.desired.golden_objects import FOLDER, functions, rendered

FROM_CONFIG = PodRuntime(
    name="ruby2.6",
    run=Phase("example.com/ruby:2.6", env={"Z": "1", "A": "2"}),
    file_suffix=".rb",
    deps_file="Gemfile",
    install=Phase("example.com/bundle", "bundle install", {"B": "1"}, ("registry.example.com",)),
    compile=Phase("example.com/compile", "compile"),
    pull_secrets=("registry",),
)
CONFIG = ControllerConfig(runtimes={"ruby2.6": FROM_CONFIG}, pull_secrets=("provision",))


@pytest.mark.parametrize("name", functions())
def test_the_objects_of_every_shape_are_as_written_down(name: str) -> None:
    message = "run: python -m tests.unit.controllers.desired.golden_objects"
    assert (FOLDER / f"{name}.yaml").read_text(encoding="utf-8") == rendered(name), message


def wreck(value: Any) -> None:
    """Empty every mapping and list below `value`."""
    if isinstance(value, dict | list):
        for inner in list(value.values() if isinstance(value, dict) else value):
            wreck(inner)
        value.clear()


@pytest.mark.regression("Kubeless: a retry appends the configured environment once more")
@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_that_is_handed_in_is_changed_or_handed_out(shape: str) -> None:
    theirs = container(env=[{"name": "A", "value": "1"}])
    config = ControllerConfig({**CATALOG, **CONFIG.runtimes}, deployment=copy.deepcopy(theirs))
    asked = function(**copy.deepcopy(SHAPES[shape]))
    first, before = desired_objects(asked, config), desired_objects(asked, config).objects
    for each in first.objects:
        wreck(each)
    assert asked == function(**SHAPES[shape])
    assert config.deployment == theirs
    assert desired_objects(asked, config).objects == before


def test_everything_belongs_to_the_function() -> None:
    for each in desired(**SHAPES["scaled"]).objects:
        (owner,) = each["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == (
            "Function",
            "uid-of-hello",
            True,
        )
        assert each["metadata"]["labels"]["created-by"] == "kubeless"


@pytest.mark.regression("Kubeless: a changed label of a function breaks its Service")
def test_a_service_finds_pods_by_what_never_changes() -> None:
    labels = {"tier": "gold", "function": "another"}
    asked = function({"labels": labels}, service={"selector": labels})
    objects = by_kind(desired_objects(asked, ControllerConfig()))
    ours = {"created-by": "kubeless", "function": "hello"}
    assert objects["Service"]["spec"]["selector"] == ours
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == ours
    in_pods = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert in_pods == {"tier": "gold", "app.kubernetes.io/managed-by": "tidegate", **ours}


def test_annotations_are_handed_down_but_not_those_of_tools() -> None:
    theirs = {"team": "shop", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    asked = function({"annotations": theirs})
    deployment = by_kind(desired_objects(asked, ControllerConfig()))["Deployment"]
    assert deployment["metadata"]["annotations"] == {"team": "shop"}
    assert deployment["spec"]["template"]["metadata"]["annotations"]["team"] == "shop"


@pytest.mark.parametrize(
    ("ports", "listens", "target", "url"),
    [
        ([], "8080", 8080, "8080"),
        ([{"port": 80, "targetPort": 9000}], "9000", 9000, "80"),
        ([{"port": 80}], "8080", 8080, "80"),
        ([{"port": 80, "targetPort": "web"}], "8080", "web", "80"),
    ],
)
def test_the_first_port_leads_to_the_function(
    ports: list[Any], listens: str, target: Any, url: str
) -> None:
    result = desired(service={"ports": ports})
    assert by_kind(result)["Service"]["spec"]["ports"][0]["targetPort"] == target
    assert env(template(result)["spec"]["containers"][0])["FUNC_PORT"] == listens
    assert result.url == f"http://hello.shop.svc:{url}"


def test_a_port_with_a_name_is_declared_with_it() -> None:
    ports = main_container(service={"ports": [{"port": 80, "targetPort": "web"}]})["ports"]
    assert ports == [{"containerPort": 8080, "protocol": "TCP", "name": "web"}]


def test_a_port_that_the_author_declares_by_that_name_is_the_functions() -> None:
    declared = [{"name": "admin", "containerPort": 1}, {"name": "web", "containerPort": 9000}]
    found = main_container(
        service={"ports": [{"port": 80, "targetPort": "web"}]},
        deployment=container(ports=declared),
    )
    assert env(found)["FUNC_PORT"] == "9000"
    assert {port["name"]: port["containerPort"] for port in found["ports"]} == {
        "admin": 1,
        "web": 9000,
    }


def test_an_image_of_its_own_needs_no_handler_and_gets_no_code() -> None:
    result = desired(**SHAPES["image"])
    assert by_kind(result)["ConfigMap"]["data"] == {}
    spec = template(result)["spec"]
    assert "initContainers" not in spec
    assert set(env(spec["containers"][0])) == {
        "FUNC_PORT",
        "FUNC_NAME",
        "FUNC_NAMESPACE",
        "FUNC_SHUTDOWN_TIMEOUT",
    }
    assert "readOnlyRootFilesystem" not in spec["containers"][0]["securityContext"]


def test_an_image_of_its_own_may_name_a_runtime_that_is_not_known() -> None:
    assert desired(**SHAPES["image"] | {"runtime": "cobol60"}).warnings == ()


@pytest.mark.regression("Kubeless: an order of variables that changes by itself restarts pods")
def test_a_configured_runtime_brings_its_images_commands_and_variables() -> None:
    spec = template(desired(CONFIG, runtime="ruby2.6", deps="gem 'a'"))["spec"]
    prepare, install, build = spec["initContainers"]
    assert (prepare["name"], install["image"], build["image"]) == (
        "prepare",
        "example.com/bundle",
        "example.com/compile",
    )
    assert install["args"] == ["bundle install"]
    assert env(install)["KUBELESS_DEPS_FILE"] == "/kubeless/Gemfile"
    assert env(build)["KUBELESS_FUNC_NAME"] == "main"
    assert spec["containers"][0]["env"][-2:] == [
        {"name": "A", "value": "2"},
        {"name": "Z", "value": "1"},
    ]
    assert spec["imagePullSecrets"] == [{"name": "provision"}, {"name": "registry"}]


def test_secrets_of_a_phase_are_seen_in_that_phase_alone() -> None:
    spec = template(desired(CONFIG, runtime="ruby2.6", deps="gem 'a'"))["spec"]
    with_secret = [
        each["name"]
        for each in (*spec["initContainers"], *spec["containers"])
        if any("secret" in mount["mountPath"] for mount in each["volumeMounts"])
    ]
    assert with_secret == ["install"]
    assert {
        "name": "secret-registry-example-com",
        "secret": {"secretName": "registry.example.com"},
    } in (spec["volumes"])


@pytest.mark.regression("Kubeless: pods have no readiness probe and get calls before they can")
def test_pods_are_asked_whether_they_are_ready() -> None:
    ours = main_container()
    assert ours["readinessProbe"]["httpGet"]["path"] == "/readyz"
    theirs = template(desired(CONFIG, runtime="ruby2.6"))["spec"]["containers"][0]
    assert theirs["readinessProbe"]["httpGet"]["path"] == "/healthz"


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("registry.example.com:5000/mirror/tidegate/python:3.11", "/readyz"),
        ("docker.io/tidegate/python@sha256:" + "0" * 64, "/readyz"),
        ("tidegate/python", "/readyz"),
        ("example.com/tidegate/python/mine:3.11", "/healthz"),
        ("nottidegate/python:3.11", "/healthz"),
        ("example.com/a", "/healthz"),
    ],
)
def test_a_copy_of_our_image_is_asked_whether_the_function_is_loaded(image: str, path: str) -> None:
    found = main_container(deployment=container(image=image))
    assert found["readinessProbe"]["httpGet"]["path"] == path
    assert found["securityContext"].get("readOnlyRootFilesystem", False) is (path == "/readyz")


def test_a_probe_of_the_authors_own_is_asked_for_start_and_readiness_too() -> None:
    asked = {"exec": {"command": ["alive"]}, "periodSeconds": 9}
    deployment = container(image="example.com/a", livenessProbe=asked)
    found = main_container(**SHAPES["image"] | {"deployment": deployment})
    assert found["livenessProbe"] == asked
    for name in ("startupProbe", "readinessProbe"):
        assert found[name]["exec"] == asked["exec"]
        assert "httpGet" not in found[name]


def test_an_empty_probe_means_none() -> None:
    found = main_container(deployment=container(livenessProbe={}))
    assert not {"livenessProbe", "readinessProbe", "startupProbe"} & found.keys()


@pytest.mark.regression("Kubeless: its pods are refused by Pod Security's restricted")
def test_pods_ask_for_no_privilege() -> None:
    spec = pods(**SHAPES["everything"])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in (*spec["initContainers"], *spec["containers"]):
        assert each["securityContext"]["allowPrivilegeEscalation"] is False
        assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_privileges_are_changed_one_by_one_or_left_out_whole() -> None:
    spec = pods(
        deployment=pod(
            securityContext={"runAsUser": 2000},
            containers=[{"securityContext": {"readOnlyRootFilesystem": False}}],
        )
    )
    assert spec["securityContext"]["runAsUser"] == 2000
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is False
    openshift = ControllerConfig(deployment=pod(securityContext={}))
    assert template(desired(openshift))["spec"]["securityContext"] == {}


def test_a_token_of_the_api_server_is_for_those_who_name_an_account() -> None:
    assert pods()["automountServiceAccountToken"] is False
    named = pods(deployment=pod(serviceAccountName="hello"))
    assert "automountServiceAccountToken" not in named


@pytest.mark.parametrize(
    ("timeout", "grace", "shutdown"),
    [("180", 195, "180"), ("2.5", 18, "2.5"), ("86400", 3615, "3600")],
)
def test_a_pod_that_ends_has_time_for_a_call_that_has_just_begun(
    timeout: str, grace: int, shutdown: str
) -> None:
    spec = pods(timeout=timeout)
    assert spec["terminationGracePeriodSeconds"] == grace
    assert env(spec["containers"][0])["FUNC_SHUTDOWN_TIMEOUT"] == shutdown
    assert spec["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}


def test_a_shorter_end_of_the_authors_own_is_told_to_the_server() -> None:
    spec = pods(deployment=pod(terminationGracePeriodSeconds=30))
    assert spec["terminationGracePeriodSeconds"] == 30
    assert env(spec["containers"][0])["FUNC_SHUTDOWN_TIMEOUT"] == "20"


@pytest.mark.regression("Kubeless: the strategy of the author is overwritten")
def test_no_pod_goes_before_another_is_ready_unless_the_author_says_so() -> None:
    usual = by_kind(desired())["Deployment"]["spec"]["strategy"]
    assert usual["rollingUpdate"]["maxUnavailable"] == 0
    given = {"type": "Recreate"}
    deployment = {"spec": {"strategy": given}}
    assert by_kind(desired(deployment=deployment))["Deployment"]["spec"]["strategy"] == given


def test_variables_that_the_server_needs_are_not_for_the_author() -> None:
    theirs = [{"name": "FUNC_PORT", "value": "1"}, {"name": "MINE", "value": "2"}]
    result = desired(deployment=container(env=theirs))
    (warning,) = result.warnings
    assert "sets FUNC_PORT" in warning
    names = [entry["name"] for entry in template(result)["spec"]["containers"][0]["env"]]
    assert names[0] == "MINE"
    assert len(names) == len(set(names))


def test_installing_sees_the_authors_variables() -> None:
    theirs = [{"name": "PIP_INDEX_URL", "value": "https://example.com"}]
    install = pods(deps="a", deployment=container(env=theirs))["initContainers"][1]
    assert env(install)["PIP_INDEX_URL"] == "https://example.com"


@pytest.mark.parametrize("replicas", [None, 0, 1, 2])
def test_nodes_are_drained_one_pod_at_a_time_where_there_are_several(replicas: int | None) -> None:
    objects = by_kind(desired(deployment={"spec": {"replicas": replicas}}))
    assert ("PodDisruptionBudget" in objects) == (replicas == 2)
    assert objects["Deployment"]["spec"].get("replicas") == replicas


def test_an_ended_runtime_has_a_successor_and_a_warning() -> None:
    result = desired(runtime="python3.8")
    assert "python3.11 runs the function" in result.warnings[0]
    found = template(result)["spec"]["containers"][0]
    assert found["image"] == "tidegate/python:3.11"
    assert env(found)["FUNC_RUNTIME"] == "python3.8"


def test_names_stay_within_their_limits() -> None:
    name = "a" * 63
    spec = template(desired_objects(function({"name": name}), ControllerConfig()))["spec"]
    names = [volume["name"] for volume in spec["volumes"]]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) == 63


def test_kubernetes_expands_nothing_in_a_handler() -> None:
    assert env(main_container(handler="hello.a$$b"))["FUNC_HANDLER"] == "a$$$$b"


def test_a_function_without_anything_that_runs_it_is_refused() -> None:
    with pytest.raises(FunctionInvalid, match=r"there is no runtime 'cobol60'"):
        desired(runtime="cobol60")


def test_the_last_lines_of_every_container_are_kept_when_it_fails() -> None:
    spec = template(desired(**SHAPES["zip"]))["spec"]
    policies = {
        one.get("terminationMessagePolicy") for one in spec["initContainers"] + spec["containers"]
    }
    assert policies == {"FallbackToLogsOnError"}
