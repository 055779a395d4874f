"""Functions on a real kubelet: prepared, replaced under load, refused, scaled, deleted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from tests.e2e.callers import Calls, callers
from tests.e2e.cluster import HOME, Cluster, Object, eventually
from tests.e2e.front import says
from tests.e2e.objects import function, trigger, zipped
from tests.fakes.packages import wheel

CODE = """\
def run(event, context):
    return {answer}
"""

pytestmark = pytest.mark.timeout(1800)


def test_code_of_an_archive_is_unpacked(cluster: Cluster) -> None:
    files = {"packed.py": "import greeting\n" + CODE.format(answer="greeting.TEXT")}
    archive = zipped({**files, "greeting.py": "TEXT = 'unpacked'\n"})
    spec = {"function-content-type": "base64+zip"}
    says(cluster, function(cluster.images, "packed", archive, **spec), "unpacked")


def test_code_is_fetched_and_its_checksum_holds(cluster: Cluster) -> None:
    code = CODE.format(answer="'fetched'")
    source = f"def run(event, context):\n    return {code!r}\n"
    cluster.apply(function(cluster.images, "origin", source))
    cluster.wait("function/origin", "Ready")
    spec = {
        "function-content-type": "url",
        "checksum": f"sha256:{hashlib.sha256(code.encode()).hexdigest()}",
    }
    url = f"http://origin.{cluster.namespace}.svc:8080/fetched.py"
    says(cluster, function(cluster.images, "fetched", url, **spec), "fetched")


def test_dependencies_of_an_archive_are_installed(cluster: Cluster) -> None:
    package = "greeting-1-py3-none-any.whl"
    archive = zipped(
        {
            "needy.py": "import greeting\n" + CODE.format(answer="greeting.TEXT"),
            "requirements.txt": f"--no-index\n./{package}\n",
            package: wheel("greeting", "TEXT = 'installed'\n"),
        }
    )
    spec = {"function-content-type": "base64+zip+deps"}
    says(cluster, function(cluster.images, "needy", archive, **spec), "installed")


def test_a_failed_installation_tells_its_last_lines(cluster: Cluster) -> None:
    deps = "--no-index\nno-such-package\n"
    cluster.apply(function(cluster.images, "broken", CODE.format(answer="''"), deps=deps))
    cluster.wait("function/broken", "BuildFailed")
    said = cluster.condition("function", "broken", "BuildFailed")["message"]
    assert "No matching distribution found for no-such-package" in said
    assert cluster.condition("function", "broken", "Ready")["status"] == "False"
    cluster.kubectl("delete", "function", "broken")


def test_a_function_that_cannot_be_loaded_tells_why(cluster: Cluster) -> None:
    cluster.apply(function(cluster.images, "lost", "import no_such_module\n"))
    eventually(
        lambda: (
            "No module named 'no_such_module'"
            in cluster.condition("function", "lost", "Ready").get("message", "")
        ),
        "the status does not say what is missing",
    )
    cluster.kubectl("delete", "function", "lost")


def test_code_that_is_not_that_of_the_checksum_never_runs(cluster: Cluster) -> None:
    cluster.apply(function(cluster.images, "origin", CODE.format(answer=repr("forged"))))
    cluster.wait("function/origin", "Ready")
    spec = {"function-content-type": "url", "checksum": f"sha256:{'0' * 64}"}
    url = f"http://origin.{cluster.namespace}.svc:8080/forged.py"
    cluster.apply(function(cluster.images, "forged", url, **spec))
    cluster.wait("function/forged", "BuildFailed")
    said = cluster.condition("function", "forged", "BuildFailed")["message"]
    assert "spec.checksum is not that of the code" in said
    cluster.kubectl("delete", "function", "forged", "origin")


@pytest.mark.parametrize("replicas", [1, 2])
def test_an_update_under_load_loses_no_call(cluster: Cluster, replicas: int) -> None:
    name = f"steady-{replicas}"
    cluster.apply(_steady(cluster, name, replicas, 1))
    cluster.wait(f"function/{name}", "Ready")
    calls = _updated(cluster, name, replicas, f"{name}.{cluster.namespace}.svc/")
    assert (calls.failed, calls.sent > 100) == ([], True)


def test_callers_of_the_gateway_do_not_notice_an_update(cluster: Cluster) -> None:
    path = trigger("HTTPTrigger", "behind", function_name="behind", path="/behind")
    cluster.apply(_steady(cluster, "behind", 2, 1), path)
    cluster.wait("function/behind", "Ready")
    cluster.wait("httptrigger/behind", "Ready")
    calls = _updated(cluster, "behind", 2, f"tidegate-gateway.{HOME}.svc/behind")
    assert (calls.failed, calls.closed, calls.sent > 100) == ([], 0, True)


def _updated(cluster: Cluster, name: str, replicas: int, url: str) -> Calls:
    """Call `url` while a function is replaced, until the last pod of before has ended."""
    host, _, path = url.partition("/")
    with callers(cluster, host, f"/{path}") as calls:
        cluster.apply(_steady(cluster, name, replicas, 2))
        cluster.kubectl("rollout", "status", f"deployment/{name}", "--timeout=300s")
        _gone(cluster, f"function={name}", replicas)
    cluster.kubectl("delete", "function", name)
    return calls


def _steady(cluster: Cluster, name: str, replicas: int, version: int) -> Object:
    one = function(cluster.images, name, CODE.format(answer=f"'version {version}'"))
    one["spec"]["deployment"]["spec"]["replicas"] = replicas
    return one


def _gone(cluster: Cluster, selector: str, left: int) -> None:
    """Wait until the pods that were replaced have ended."""
    names = ("get", "pods", "--selector", selector, "--output", "name")
    eventually(
        lambda: len(cluster.kubectl(*names).split()) == left, f"pods of {selector} do not end"
    )


def test_an_autoscaler_takes_its_deployment(cluster: Cluster) -> None:
    one = function(cluster.images, "scaled", CODE.format(answer="''"))
    target = {"type": "Utilization", "averageUtilization": 50}
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    one["spec"]["horizontalPodAutoscaler"] = {
        "spec": {"minReplicas": 1, "maxReplicas": 3, "metrics": [metric]}
    }
    container = one["spec"]["deployment"]["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "10m"}}
    cluster.apply(one)
    cluster.wait("function/scaled", "Ready")
    cluster.kubectl("wait", "hpa/scaled", "--for=condition=AbleToScale", "--timeout=120s")
    cluster.kubectl("delete", "function", "scaled")


def test_a_function_gets_more_pods_under_load_and_fewer_after_it(cluster: Cluster) -> None:
    cluster.needs_api("v1beta1.metrics.k8s.io")
    code = "def run(event, context):\n    return str(sum(range(200_000)))\n"
    one = function(cluster.images, "busy", code)
    target = {"type": "Utilization", "averageUtilization": 60}
    one["spec"]["horizontalPodAutoscaler"] = {
        "spec": {
            "minReplicas": 1,
            "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
        }
    }
    container = one["spec"]["deployment"]["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": "50m"}, "limits": {"cpu": "200m"}}
    cluster.apply(one)
    cluster.wait("function/busy", "Ready")
    with callers(cluster, f"busy.{cluster.namespace}.svc", "/") as calls:
        eventually(lambda: _replicas(cluster, "busy") > 1, "no pod comes to help")
    assert calls.failed == []
    eventually(lambda: _replicas(cluster, "busy") == 1, "the pods stay when nobody calls")
    cluster.kubectl("delete", "function", "busy")


def _replicas(cluster: Cluster, name: str) -> int:
    wanted: int = cluster.get("deployment", name)["spec"]["replicas"]
    return wanted


def test_a_wrong_object_is_refused_with_the_sentence_of_the_command(
    cluster: Cluster, tmp_path: Path
) -> None:
    one = function(cluster.images, "wrong", CODE.format(answer="''"), handler="nothing")
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(one))
    told = cluster.tidegate("validate", str(file), fails=True)
    sentence = told.partition("spec.handler: ")[2].splitlines()[0]
    assert sentence
    assert sentence in cluster.refusal(one)


def test_what_a_function_was_made_of_goes_with_it(cluster: Cluster) -> None:
    one = _steady(cluster, "brief", 2, 1)
    route = trigger("HTTPTrigger", "brief", function_name="brief", path="/brief")
    cluster.apply(one, route)
    cluster.wait("function/brief", "Ready")
    cluster.kubectl("delete", "httptrigger/brief", "function/brief")
    kinds = "deployments,replicasets,pods,services,configmaps,poddisruptionbudgets,ingresses"
    names = ("get", kinds, "--output", "name")
    eventually(lambda: "/brief" not in cluster.kubectl(*names), "something of brief is left")
