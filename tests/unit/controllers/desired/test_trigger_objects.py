"""What is made of HTTPTriggers and CronJobTriggers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.desired.backend import MIRROR, Front, mirrored_service, mirrored_slices
from controllers.desired.cronjob import LONGEST_NAME, PAYLOAD, PAYLOAD_LIMIT, desired_cron_job
from controllers.desired.ingress import desired_route
from controllers.desired.trigger import TriggerInvalid
from tests.support.functions import function
from tests.support.triggers import cron_trigger, http_trigger
from tests.unit.controllers.desired.golden_trigger_objects import CRON, FOLDER, HTTP, rendered

FRONT = Front("tidegate")


@pytest.mark.parametrize("name", [*HTTP, *CRON])
def test_every_shape_makes_the_objects_of_its_file(name: str) -> None:
    message = "run: python -m tests.unit.controllers.desired.golden_trigger_objects"
    assert (FOLDER / f"{name}.yaml").read_text(encoding="utf-8") == rendered(name), message


def ingress(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return desired_route(http_trigger(metadata, **spec), None, FRONT).objects[-1]


@pytest.mark.regression("Kubeless: an Ingress leads to the target port, not to the Service's")
def test_an_ingress_leads_to_the_port_of_the_service() -> None:
    hello = function(service={"ports": [{"port": 80, "targetPort": 9000}]})
    made = desired_route(http_trigger(via="function"), hello, FRONT).objects[-1]
    backend = made["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    assert backend == {"service": {"name": "hello", "port": {"number": 80}}}


@pytest.mark.regression("Kubeless: a rewrite takes the path from every function")
def test_the_path_reaches_the_gateway() -> None:
    assert not any("rewrite" in key for key in ingress(gateway="nginx")["metadata"]["annotations"])


@pytest.mark.regression("Kubeless: an unknown gateway ignores basic-auth-secret, open to everybody")
@pytest.mark.parametrize("gateway", ["", "haproxy", "kong", "contour-nginx"])
def test_a_protection_that_cannot_be_had_is_refused(gateway: str) -> None:
    with pytest.raises(TriggerInvalid, match=r"spec.basic-auth-secret .*; .*gateway"):
        ingress(gateway=gateway, basic_auth_secret="users")


def test_cross_origin_requests_that_cannot_be_had_are_warned_of() -> None:
    wanted = desired_route(http_trigger(cors_enable=True), None, FRONT)
    assert "spec.cors-enable has no effect" in wanted.warnings[0]


def test_annotations_of_the_trigger_go_before_ours_but_not_before_its_fields() -> None:
    given = {
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
        "nginx.ingress.kubernetes.io/auth-type": "none",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    made = ingress({"annotations": given}, gateway="nginx", basic_auth_secret="users")
    annotations = made["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "600"
    assert annotations["nginx.ingress.kubernetes.io/auth-type"] == "basic"
    assert "kubectl.kubernetes.io/last-applied-configuration" not in annotations


def test_middlewares_of_the_trigger_stay_beside_ours() -> None:
    name = "traefik.ingress.kubernetes.io/router.middlewares"
    made = ingress({"annotations": {name: "shop-mine@kubernetescrd"}}, gateway="traefik",
                   basic_auth_secret="users")  # fmt: skip
    expected = "shop-mine@kubernetescrd,shop-front-auth@kubernetescrd"
    assert made["metadata"]["annotations"][name] == expected


def test_the_old_annotation_of_the_class_becomes_the_field() -> None:
    made = ingress({"annotations": {"kubernetes.io/ingress.class": "traefik"}}, gateway="nginx")
    assert made["spec"]["ingressClassName"] == "traefik"
    assert "annotations" not in made["metadata"]


def test_an_issuer_on_the_trigger_takes_the_place_of_the_default_one() -> None:
    given = {"cert-manager.io/cluster-issuer": "mine"}
    made = ingress({"annotations": given}, host_name="a.example.com", tls=True)
    assert made["metadata"]["annotations"] == given


NAMES = st.from_regex(r"[a-z]([-a-z0-9]{0,250}[a-z0-9])?", fullmatch=True)


@settings(deadline=None, max_examples=60)
@given(name=NAMES, labels=st.dictionaries(st.sampled_from(["function", "created-by", "a"]), NAMES))
def test_no_pod_of_a_cron_job_is_found_by_its_functions_service(
    name: str, labels: dict[str, str]
) -> None:
    made = desired_cron_job(cron_trigger({"name": name, "labels": labels}), None, "image")
    pod = made["spec"]["jobTemplate"]["spec"]["template"]["metadata"]
    assert "function" not in pod["labels"]
    assert len(made["metadata"]["name"]) <= LONGEST_NAME


@settings(deadline=None, max_examples=60)
@given(payload=st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.text(), inner)))  # fmt: skip
@pytest.mark.regression("Kubeless: a quote in a payload is run by the shell")
def test_no_payload_becomes_part_of_a_command(payload: Any) -> None:
    bare = desired_cron_job(cron_trigger(payload=1), None, "image")
    made = desired_cron_job(cron_trigger(payload=payload), None, "image")
    pods = [each["spec"]["jobTemplate"]["spec"]["template"] for each in (bare, made)]
    assert pods[0]["spec"] == pods[1]["spec"]
    body = cron_trigger(payload=payload).spec.body
    assert body is not None
    assert pods[1]["metadata"]["annotations"][PAYLOAD] == body.decode()


def test_a_payload_that_no_annotation_holds_is_refused() -> None:
    with pytest.raises(TriggerInvalid, match=r"spec.payload has more than .*; shorten it"):
        desired_cron_job(cron_trigger(payload="x" * PAYLOAD_LIMIT), None, "image")


def test_an_attempt_may_always_be_made_again_within_the_deadline() -> None:
    job = desired_cron_job(cron_trigger(delivery={"retry": -1}), None, "image")
    spec = job["spec"]["jobTemplate"]["spec"]
    assert "activeDeadlineSeconds" not in spec
    job = desired_cron_job(cron_trigger(delivery={"maxAge": "90s"}), None, "image")
    assert job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 90


def test_a_mirror_leads_to_the_pods_of_the_gateway_and_says_nothing_else_of_them() -> None:
    service = mirrored_service(FRONT, "shop")
    service["metadata"]["uid"] = "uid-of-service"
    endpoint = {
        "addresses": ["10.0.0.1"],
        "conditions": {"ready": True},
        "nodeName": "node-1",
        "targetRef": {"kind": "Pod", "name": "gateway-1"},
    }
    theirs = {
        "metadata": {"name": "tidegate-gateway-abcde", "namespace": "tidegate"},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [endpoint],
    }
    (made,) = mirrored_slices([theirs], service)
    kept = {"addresses": ["10.0.0.1"], "conditions": {"ready": True}}
    assert made["endpoints"] == [kept]
    assert made["metadata"]["labels"][MIRROR] == "gateway"
    assert made["metadata"]["ownerReferences"][0]["uid"] == "uid-of-service"
    assert "selector" not in service["spec"]


@pytest.mark.parametrize(
    ("fields", "suspended"),
    [({}, False), ({"paused": True}, True), ({"suspend": True}, True)],
)
def test_a_paused_trigger_suspends_its_cron_job(fields: dict[str, Any], suspended: bool) -> None:
    made = desired_cron_job(cron_trigger(**fields), None, "provision:1")
    assert made["spec"]["suspend"] is suspended
