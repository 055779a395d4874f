"""The commands of the way over, in the order in which no event is lost. Pure.

Each source has its own reason for its place. Kafka keeps what comes while nobody reads, and the
groups go on where they were: Kubeless stops first. Kinesis keeps it too, and is read again from a
moment before the stop. Core NATS keeps nothing: the gateway joins the queue group first, and
Kubeless leaves it then. Cron's old CronJobs are suspended by the controller, and calls over HTTP
reach the functions all the time. Kubeless's own controllers would undo what is written: they stop
before anything is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tidegate.api.function import dig
from tidegate.cli.migrate.landscape import Landscape, OldController
from tidegate.cli.migrate.model import Draft, Step, Task, title_of
from tidegate.cli.migrate.remains import renamed_autoscalers
from tidegate.kube.objects import Object, key_of

DIRECTORY = "kubeless-objects"
BACKUP = "kubeless-backup.yaml"
_NO_FINALIZERS = '{"metadata":{"finalizers":null}}'
_SECRETS = ("secret", "tls-secret", "basic-auth-secret")
_SUSPEND = '{"spec":{"suspend":true}}'


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where, and which folder has the written objects."""

    context: str = ""
    kubeconfig: str = ""
    to: str = ""
    """The context of another cluster; empty is the same."""

    namespace: str = ""
    folder: str = ""
    """Where the objects have been written already."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the gateway."""

    def kubectl(self, *words: str, there: bool = False) -> str:
        """Return a command for the cluster that is read, or `there` for the one to go to."""
        return shlex.join(("kubectl", *self._place(there), *words))

    def tidegate(self, *words: str, there: bool = False) -> str:
        """Return a command of ours."""
        return shlex.join(("tidegate", *words, *self._place(there)))

    def _place(self, there: bool) -> list[str]:
        context = self.to if there and self.to else self.context
        kubeconfig = ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        return [*kubeconfig, *(["--context", context] if context else [])]


def steps(land: Landscape, drafts: list[Draft], route: Route) -> list[Step]:
    """Return the way over of a cluster."""
    if not land.objects:
        return []
    kinds = _plurals(land.objects)
    late = [each for each in land.controllers if each.kinds == {"NATSTrigger"}]
    early = [each for each in land.controllers if each not in late]
    stop, ready = [*_stopped(early, route)], _awaited(route, kinds)
    if route.to:
        way = [*_installed(route), *stop, _brought(land, route), ready]
    else:
        way = [*stop, _replaced(land, drafts, route), *_installed(route), ready]
    return [_copy(route, kinds), *way, *_left(late, route), *_cleaned(land, route)]


def _copy(route: Route, kinds: str) -> Step:
    scope = ("--namespace", route.namespace) if route.namespace else ("--all-namespaces",)
    backup = route.kubectl("get", kinds, *scope, "--output", "yaml")
    commands = [f"{backup} > {BACKUP}"]
    if not route.folder:
        to = ("--to", route.to) if route.to else ()
        of = scope if route.namespace else ()
        commands.append(route.tidegate("migrate", *of, *to, "--write", DIRECTORY))
    return Step("Keep a copy, and write the objects in their new form", "", tuple(commands))


def _stopped(controllers: Iterable[OldController], route: Route) -> Iterator[Step]:
    commands = [*_scaled(controllers, route)]
    if commands:
        reason = (
            "Functions go on answering, Kafka and Kinesis keep what comes. Go on at once: no "
            "event of theirs is delivered until the gateway runs."
        )
        yield Step("Stop Kubeless, but for NATS", reason, tuple(commands))


def _scaled(controllers: Iterable[OldController], route: Route) -> Iterator[str]:
    by_namespace = sorted(controllers, key=lambda each: each.key)
    for namespace, group in groupby(by_namespace, key=lambda each: each.key.namespace):
        members = list(group)
        names = [each.key.name for each in members]
        yield route.kubectl("-n", namespace, "scale", "deployment", *names, "--replicas=0")
        for each in members:
            labels = ",".join(f"{name}={text}" for name, text in each.labels)
            if labels:
                gone = ("--for=delete", "pod", "--selector", labels, "--timeout=120s")
                yield route.kubectl("-n", namespace, "wait", *gone)


def _replaced(land: Landscape, drafts: list[Draft], route: Route) -> Step:
    folder = route.folder or DIRECTORY
    commands = [route.kubectl("replace", "--filename", folder)]
    if any(each.is_new for each in drafts):
        commands.append(route.kubectl("apply", "--filename", f"{folder}/new"))
    commands += _deleted(land, drafts, route)
    reason = "Before the gateway reads the first event by the old one."
    return Step("Put the new form in place", reason, tuple(commands))


def _deleted(land: Landscape, drafts: list[Draft], route: Route) -> Iterator[str]:
    gone = {draft.title.partition(" ")[2] for draft in drafts if draft.obj is None}
    for obj in land.of_kind("KinesisTrigger"):
        namespace, name = obj["metadata"].get("namespace") or "default", obj["metadata"]["name"]
        if f"{namespace}/{name}" in gone:
            resource = ("kinesistriggers.kubeless.io", name)
            patch = ("--type", "merge", "--patch", _NO_FINALIZERS)
            yield route.kubectl("-n", namespace, "patch", *resource, *patch)
            yield route.kubectl("-n", namespace, "delete", *resource)
    for obj in renamed_autoscalers(land):
        namespace, name = key_of(obj)
        yield route.kubectl("-n", namespace, "delete", "horizontalpodautoscaler", name)


def _installed(route: Route) -> Iterator[Step]:
    gateway = ("-n", "tidegate", "rollout", "status", "deployment/tidegate-gateway")
    variables = [f"{name}={text}" for name, text in route.environment.items()]
    commands = [route.tidegate("install", "--force", there=True)]
    if variables:
        target = ("-n", "tidegate", "set", "env", "deployment/tidegate-gateway")
        commands.append(route.kubectl(*target, *variables, there=True))
    commands += [route.kubectl(*gateway, there=True), route.tidegate("check", there=True)]
    reason = "--force takes the definitions over from Kubeless. --overlay ha is for production."
    yield Step("Install Tidegate", reason, tuple(commands))


def _brought(land: Landscape, route: Route) -> Step:
    suspended = [
        route.kubectl("-n", key.namespace, "patch", "cronjob", key.name, "--patch", _SUSPEND)
        for each in land.leftovers
        if each["kind"] == "CronJob" and (key := key_of(each)).name.startswith("trigger-")
    ]
    folder = route.folder or DIRECTORY
    applied = route.kubectl("apply", "--recursive", "--filename", folder, there=True)
    commands = (*suspended, *_namespaces(land, route), applied)
    return Step("Bring the objects over", "", commands)


def _namespaces(land: Landscape, route: Route) -> Iterator[str]:
    """Yield what makes each namespace that is not there yet."""
    applied = route.kubectl("apply", "--filename", "-", there=True)
    for name in sorted({each["metadata"].get("namespace") or "default" for each in land.objects}):
        made = ("create", "namespace", name, "--dry-run=client", "--output", "yaml")
        yield f"{route.kubectl(*made, there=True)} | {applied}"


def _awaited(route: Route, kinds: str) -> Step:
    ready, scope = "--for=condition=Ready", ("--all", "--all-namespaces", "--timeout=600s")
    commands = [route.kubectl("wait", ready, kind, *scope, there=True) for kind in kinds.split(",")]
    reason = "What is not says why in its status."
    return Step("Wait until everything is ready", reason, tuple(commands))


def _left(controllers: Iterable[OldController], route: Route) -> Iterator[Step]:
    commands = tuple(_scaled(controllers, route))
    if commands:
        reason = (
            "The gateway is in the same queue groups, so each message went to one of both. What "
            "Kubeless holds in memory at this moment is lost, as with each of its restarts."
        )
        yield Step("Stop Kubeless for NATS", reason, commands)


def _cleaned(land: Landscape, route: Route) -> Iterator[Step]:
    by_namespace = sorted(each.key for each in land.controllers)
    commands = tuple(
        route.kubectl("-n", namespace, "delete", "deployment", *(key.name for key in keys))
        for namespace, keys in groupby(by_namespace, key=lambda key: key.namespace)
    )
    if commands:
        reason = (
            "Not by Kubeless's manifest: with the definitions in it all functions and triggers "
            "would go. The namespace stays as long as kubeless-config is in it."
        )
        yield Step("Remove Kubeless", reason, commands)


def tasks_elsewhere(land: Landscape, to: str) -> list[Task]:
    """Return what another cluster needs and no command of ours may bring there."""
    tasks = [
        Task(
            title_of(obj),
            f"spec.{field}",
            f"names Secret {obj['spec'][field]}, which is not carried over",
            f"make it in namespace {obj['metadata'].get('namespace')} of {to}",
        )
        for obj in land.objects
        for field in _SECRETS
        if dig(obj, "spec", field)
    ]
    if land.config is not None:
        message = "is read where it is, and not carried over"
        fix = f"write the keys that you need into ConfigMap tidegate/kubeless-config of {to}"
        tasks.append(Task(title_of(land.config), "", message, fix))
    if any(True for _ in land.of_kind("HTTPTrigger")):
        message = "callers find the old cluster"
        tasks.append(Task("HTTPTrigger", "spec.host-name", message, f"lead the hosts to {to}"))
    return tasks


def steps_of_files(paths: Sequence[str], folder: str) -> list[Step]:
    """Return what to do with objects of files; `folder` has their new form, if it is written."""
    wrote = [] if folder else [_shell("tidegate", "migrate", *paths, "--write", DIRECTORY)]
    folder = folder or DIRECTORY
    here = (_shell("tidegate", "validate", folder), _shell("tidegate", "up", folder))
    applied = _shell("kubectl", "apply", "--recursive", "--filename", folder)
    reason = "For a cluster in which Kubeless runs, tidegate migrate --context tells the order."
    return [
        Step("Check them, and run them on this machine", "", (*wrote, *here)),
        Step("Or on a cluster", reason, ("tidegate install", applied)),
    ]


def _shell(*words: str) -> str:
    return shlex.join(words)


def _plurals(objects: Iterable[Object]) -> str:
    kinds = dict.fromkeys(each["kind"] for each in objects)
    return ",".join(f"{kind.lower()}s.kubeless.io" for kind in kinds)
