"""What the manifests install is restricted, reachable, spread, and what the code expects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import typer.main
import yaml
from click import Command
from typer.testing import CliRunner

from controllers.admin_token import KEY, NAME
from gateway.cluster.callers import LONGEST
from gateway.cluster.settings import ClusterSettings
from gateway.settings import AdminSettings, HttpSettings, LifecycleSettings
from tests.unit.manifests.objects import (
    COMPONENTS,
    container,
    installation,
    named,
    of_kind,
    pod,
    ports,
)
from tidegate.cli.app import app
from tidegate.cli.cluster.bundle import Variant, bundle, resource_of
from tidegate.cli.cluster.kustomize import CLUSTER_KINDS
from tidegate.cli.cluster.options import HOME, Overlay
from tidegate.cli.cluster.rights import Grant, granted

Object = dict[str, Any]

EACH = pytest.mark.parametrize(("overlay", "component"), list(product(Overlay, COMPONENTS)))
EVERY = pytest.mark.parametrize("overlay", Overlay)


@EACH
def test_a_pod_passes_pod_security_restricted(overlay: Overlay, component: str) -> None:
    spec = pod(installation(overlay), component)["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(spec)
    assert container(installation(overlay), component)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@EACH
def test_a_pod_is_bounded_and_its_health_is_asked_for(overlay: Overlay, component: str) -> None:
    one = container(installation(overlay), component)
    assert one["resources"]["limits"]["memory"]
    assert one["resources"]["requests"].keys() == {"cpu", "memory"}
    asked = {name: one[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in asked.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in asked.values()} <= ports(one).keys()
    scratch = [one["emptyDir"] for one in _volumes(overlay, component) if "emptyDir" in one]
    assert scratch and all("sizeLimit" in one for one in scratch)


@EVERY
def test_a_gateway_starts_without_the_token_of_operators_and_takes_it_up_later(
    overlay: Overlay,
) -> None:
    one = container(installation(overlay), "gateway")
    (mount,) = (each for each in one["volumeMounts"] if each["name"] == "admin")
    assert f"{mount['mountPath']}/{KEY}" == AdminSettings().token_file
    assert mount["readOnly"] is True
    assert "subPath" not in mount, "what is mounted so is never renewed"
    (volume,) = (each for each in _volumes(overlay, "gateway") if each["name"] == "admin")
    assert (volume["secret"]["secretName"], volume["secret"]["optional"]) == (NAME, True)


def _volumes(overlay: Overlay, component: str) -> list[Object]:
    found: list[Object] = pod(installation(overlay), component)["spec"]["volumes"]
    return found


@EACH
def test_a_pod_runs_a_verb_with_options_that_there_are(overlay: Overlay, component: str) -> None:
    verb, *options = container(installation(overlay), component)["args"]
    group: Any = typer.main.get_command(app)
    command: Command = group.commands[verb]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {option.partition("=")[0] for option in options} <= known
    variables = {one["name"] for one in container(installation(overlay), component)["env"]}
    asked = {parameter.envvar for parameter in command.params}
    assert variables <= asked | {"POD_NAMESPACE", "POD_NAME"}


def test_ports_are_those_of_the_code() -> None:
    found = ports(container(installation(Overlay.DEV), "gateway"))
    assert found == {"http": HttpSettings().port, "admin": AdminSettings().port}


def test_a_gateway_has_the_time_that_it_takes_to_leave() -> None:
    spec = pod(installation(Overlay.DEV), "gateway")["spec"]
    closing = 10
    waiting = LONGEST * ClusterSettings().endpoints_lag
    needed = waiting + LifecycleSettings().drain_timeout + closing
    assert spec["terminationGracePeriodSeconds"] > needed


@EVERY
def test_selectors_find_the_pods_that_they_mean(overlay: Overlay) -> None:
    objects = installation(overlay)
    labels = [pod(objects, component)["metadata"]["labels"] for component in COMPONENTS]
    for selector in _selectors(objects):
        assert any(selector.items() <= one.items() for one in labels), selector


def _selectors(objects: tuple[Object, ...]) -> Iterator[dict[str, str]]:
    for service in of_kind(objects, "Service"):
        yield service["spec"]["selector"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        for one in of_kind(objects, kind):
            yield one["spec"]["selector"]["matchLabels"]
    for policy in of_kind(objects, "NetworkPolicy"):
        yield policy["spec"]["podSelector"]["matchLabels"]
    for component in COMPONENTS:
        for spread in pod(objects, component)["spec"]["topologySpreadConstraints"]:
            yield spread["labelSelector"]["matchLabels"]


@EVERY
def test_services_and_policies_name_ports_that_pods_have(overlay: Overlay) -> None:
    objects = installation(overlay)
    known = set(ports(container(objects, "gateway")))
    asked = {
        port["targetPort"] for one in of_kind(objects, "Service") for port in one["spec"]["ports"]
    }
    assert asked <= known
    for policy in of_kind(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", ()):
            assert {port["port"] for port in rule["ports"]} <= known


@EVERY
def test_our_pods_are_shut_but_for_what_policies_open(overlay: Overlay) -> None:
    deny = named(installation(overlay), "NetworkPolicy", "tidegate-default-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert deny.keys().isdisjoint({"ingress", "egress"})


def test_who_comes_in_to_the_admin_port_is_named() -> None:
    for component in COMPONENTS:
        policy = named(installation(Overlay.DEV), "NetworkPolicy", f"tidegate-{component}")
        for rule in policy["spec"]["ingress"]:
            if any(port["port"] == "admin" for port in rule["ports"]):
                assert all(any(one.values()) for one in rule["from"])


def test_ha_keeps_replicas_apart_and_lets_one_go_at_a_time() -> None:
    objects = installation(Overlay.HA)
    for component in COMPONENTS:
        assert named(objects, "Deployment", f"tidegate-{component}")["spec"]["replicas"] > 1
        budget = named(objects, "PodDisruptionBudget", f"tidegate-{component}")
        assert budget["spec"]["maxUnavailable"] == 1
        host, zone = pod(objects, component)["spec"]["topologySpreadConstraints"]
        assert host["whenUnsatisfiable"] == "DoNotSchedule"
        assert zone["topologyKey"] == "topology.kubernetes.io/zone"


def test_a_namespace_scoped_installation_has_no_right_outside_of_its_namespace() -> None:
    objects = installation(Overlay.NAMESPACE_SCOPED)
    assert {one["kind"] for one in objects} & CLUSTER_KINDS == {
        "Namespace",
        "CustomResourceDefinition",
    }
    assert {one.namespace for name in COMPONENTS for one in _granted(objects, name)} == {HOME}


def test_both_ways_of_installing_grant_the_same_verbs() -> None:
    for component in COMPONENTS:
        wide, narrow = (
            {(one.group, one.resource, one.verb) for one in _granted(installation(each), component)}
            for each in (Overlay.DEV, Overlay.NAMESPACE_SCOPED)
        )
        assert wide == narrow


def _granted(objects: tuple[Object, ...], component: str) -> list[Grant]:
    found = list(granted(objects, f"tidegate-{component}"))
    assert len(found) == len(set(found)), "granted twice"
    return found


@EVERY
def test_no_right_is_a_wildcard_and_nobody_writes_secrets_or_rights(overlay: Overlay) -> None:
    for component in COMPONENTS:
        for one in _granted(installation(overlay), component):
            assert "*" not in (one.group, one.resource, one.verb)
            assert one.group != "rbac.authorization.k8s.io"
            if one.resource == "secrets" and component == "controller":
                assert (one.verb, one.namespace) == ("create", HOME)
            elif one.resource == "secrets":
                assert component == "gateway"
                assert one.verb in ("list", "watch")


def test_a_namespace_is_asked_for_where_something_is_installed() -> None:
    objects = bundle(Variant(Overlay.DEV, "elsewhere", "mine:1"))
    assert {one["metadata"].get("namespace", "elsewhere") for one in objects} == {"elsewhere"}
    narrow = tuple(bundle(Variant(Overlay.NAMESPACE_SCOPED, "elsewhere")))
    assert {one.namespace for one in _granted(narrow, "gateway")} == {"elsewhere"}
    assert container(tuple(objects), "gateway")["image"] == "mine:1"


@EVERY
def test_every_kind_can_be_applied(overlay: Overlay) -> None:
    for one in installation(overlay):
        assert resource_of(one).api_version == one["apiVersion"]
        assert resource_of(one).namespaced == (one["kind"] not in CLUSTER_KINDS)


@EVERY
def test_a_dry_run_prints_what_would_be_applied(overlay: Overlay) -> None:
    result = CliRunner().invoke(app, ["install", "--dry-run", "--overlay", overlay.value])
    assert list(yaml.safe_load_all(result.stdout)) == list(installation(overlay))
