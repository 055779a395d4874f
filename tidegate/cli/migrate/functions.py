"""Functions on their way over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from controllers.desired.autoscaling import PLACE, is_wanted
from controllers.desired.findings import Findings
from controllers.desired.images import PodRuntime
from controllers.desired.scaling_metrics import scaling_metrics
from runtimes.catalog import OLD_WAYS, RUNTIMES, SUCCESSORS
from tidegate.api.function import dig
from tidegate.cli.migrate.model import Draft, trigger_beside
from tidegate.kube.objects import Object

CUSTOM_METRICS: Final = "custom.metrics.k8s.io"
NO_ADAPTER: Final = "asks for a metric of the function, which Kubernetes has not by itself"
"""What is to be done by hand where no adapter serves such metrics."""

_KEPT: Final = "FUNC_COMPAT=kubeless keeps its old ways"
_LANGUAGES: Final[Mapping[str, tuple[tuple[str, str, str], ...]]] = {
    "python": (
        ("answers", "a string is text/html, a list of strings is joined", "text/plain; JSON"),
        ("globals", "a new process for each call", "they live on from call to call"),
    ),
    "nodejs": (("answers", "any origin is allowed; data that is not JSON is a string", _KEPT),),
    "go": (
        ("answers", "the text of an error is the answer", "it goes to the log"),
        ("failures", "a panic or a timeout ends the server", "it fails its call"),
    ),
    "java": (
        ("data", "the line ends of a body are lost", "they are kept"),
        ("timeout", "nothing is ever stopped", "a call that takes longer is stopped: 408"),
    ),
    "ruby": (("status", "a failure is a 200; path, query and headers are lost", "500; kept"),),
    "php": (("status", "a failure is a 200; path, query and headers are lost", "500; kept"),),
}
"""What a function of a language notices first; the whole is in runtimes/contract.md."""


def convert_function(draft: Draft, configured: Mapping[str, PodRuntime]) -> None:
    """Bring a Function to its new form. `configured` are the runtimes of kubeless-config."""
    _of_every_function(draft)
    _runtime(draft, configured)
    _own_triggers(draft)
    _deployment(draft)
    _service(draft)
    _autoscaler(draft)


def _of_every_function(draft: Draft) -> None:
    draft.change(
        "pods",
        "any privilege, a root file system that can be written",
        "Pod Security's restricted; images that come with Tidegate have a read-only root",
    )
    draft.change(
        "pods", "called before they can take a call", "called once they are ready; replaced once"
    )


def _runtime(draft: Draft, configured: Mapping[str, PodRuntime]) -> None:
    name = str(draft.spec.get("runtime") or "")
    if name in configured:
        image = configured[name].run.image
        now = f"the same image, {image}: take it out of runtime-images to have one of Tidegate's"
        draft.change("spec.runtime", f"{name}, as runtime-images says", now)
        return
    if name in SUCCESSORS:
        _succeed(draft, name, SUCCESSORS[name])
    language = name.rstrip("0123456789.")
    for change in _LANGUAGES.get(language, ()) if name in {*RUNTIMES, *SUCCESSORS} else ():
        draft.change(*change)


def _succeed(draft: Draft, name: str, successor: str) -> None:
    draft.spec["runtime"] = successor
    draft.change("spec.runtime", f"{name}, whose interpreter has ended", successor)
    for variable, value in OLD_WAYS.get(name, {}).items():
        _first_container(draft).setdefault("env", []).append({"name": variable, "value": value})
    if name == "python2.7":
        message = "python2.7 has no successor that understands its code"
        draft.task("spec.function", message, "write the function in Python 3")


def _first_container(draft: Draft) -> Object:
    """Return the function's container in its template, made if it is not there."""
    at = draft.spec
    for key in ("deployment", "spec", "template", "spec"):
        if not isinstance(at.get(key), dict):
            at[key] = {}
        at = at[key]
    containers = at.setdefault("containers", [])
    if not isinstance(containers, list) or not all(isinstance(one, dict) for one in containers[:1]):
        return {}  # what is wrong with it is told when it is read
    if not containers:
        containers.append({"name": draft.name})
    first: Object = containers[0]
    return first


def _own_triggers(draft: Draft) -> None:
    """Functions of the first versions said by themselves what called them."""
    kind, topic = draft.spec.pop("type", ""), draft.spec.pop("topic", "")
    schedule = draft.spec.pop("schedule", "")
    if schedule:
        spec = {"schedule": schedule, "function-name": draft.name}
        draft.beside.append(trigger_beside(draft, "CronJobTrigger", spec))
        draft.change("spec.schedule", schedule, f"a CronJobTrigger {draft.name} of its own")
    if topic:
        selector = {"matchLabels": {"function": draft.name}}
        spec = {"topic": topic, "functionSelector": selector}
        draft.beside.append(trigger_beside(draft, "KafkaTrigger", spec))
        _label(draft)
        draft.change("spec.topic", topic, f"a KafkaTrigger {draft.name} of its own")
    if kind:
        draft.change("spec.type", str(kind), "gone: triggers say what calls a function")


def _label(draft: Draft) -> None:
    """Give the function the label by which the trigger that is made for it finds it."""
    assert draft.obj is not None
    draft.obj["metadata"].setdefault("labels", {}).setdefault("function", draft.name)


def _deployment(draft: Draft) -> None:
    given = draft.spec.get("deployment")
    if not isinstance(given, dict):
        return
    for key in ("apiVersion", "kind", "status"):
        given.pop(key, None)
    inner = given.get("spec")
    if isinstance(inner, dict):
        if inner.pop("rollbackTo", None) is not None:
            draft.change("spec.deployment.spec.rollbackTo", "said", "gone with extensions/v1beta1")
        if inner.get("strategy"):
            draft.change("spec.deployment.spec.strategy", "maxUnavailable was set to 0", "kept")
        if dig(inner, "template", "spec", "initContainers"):
            draft.change("spec.deployment", "init containers were dropped", "they run, after ours")
    if not _is_said(given):
        del draft.spec["deployment"]


def _is_said(value: Any) -> bool:
    """Tell a template that says something from the empty one that Go writes out."""
    if isinstance(value, dict):
        return any(_is_said(each) for key, each in value.items() if key != "creationTimestamp")
    return any(map(_is_said, value)) if isinstance(value, list) else bool(value)


def _service(draft: Draft) -> None:
    given = draft.spec.get("service")
    if isinstance(given, dict):
        if given.pop("selector", None):
            now = "the Service always finds the function's pods"
            draft.change("spec.service.selector", "it was used", now)
        if not _is_said(given):
            del draft.spec["service"]


def _autoscaler(draft: Draft) -> None:
    given = draft.spec.get("horizontalPodAutoscaler")
    if not isinstance(given, dict):
        return
    if not is_wanted(given):
        del draft.spec["horizontalPodAutoscaler"]
        return
    old = dig(given, "metadata", "name")
    found = Findings(draft.title)
    spec = dict(given["spec"])
    metrics = list(scaling_metrics(spec, f"{PLACE}.spec", found))
    spec.pop("targetCPUUtilizationPercentage", None)
    for mistake in found.mistakes:
        draft.sentence(mistake)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": draft.name}
    draft.spec["horizontalPodAutoscaler"] = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": draft.name},
        "spec": {**spec, "scaleTargetRef": target, **({"metrics": metrics} if metrics else {})},
    }
    if old and old != draft.name:
        draft.change(f"{PLACE}.metadata.name", str(old), f"{draft.name}; the old one is deleted")
    draft.change(PLACE, "autoscaling/v2beta1", "autoscaling/v2, with the same metrics")
    if any(each["type"] in ("Object", "Pods") for each in metrics):
        fix = f"install an adapter for {CUSTOM_METRICS}, such as that of manifests/autoscaling"
        draft.task(f"{PLACE}.spec.metrics", NO_ADAPTER, fix)
        now = "one for all functions, in manifests/autoscaling"
        draft.change("ServiceMonitor", "made by Kubeless", now)
