"""From what there is of Kubeless to everything that is told of the way over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from controllers.desired.backend import Front
from controllers.desired.code import FunctionInvalid
from controllers.desired.config import ControllerConfig, read_config
from controllers.desired.function import desired_objects
from controllers.desired.images import CATALOG, PodRuntime
from controllers.desired.ingress import desired_route
from controllers.desired.trigger import TriggerInvalid
from tidegate.api.check import check
from tidegate.api.function import Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kinds import CUSTOM_KINDS
from tidegate.api.loader import resource_from
from tidegate.api.metadata import Resource
from tidegate.api.problem import Problem, Severity
from tidegate.api.subscriptions import subscriptions
from tidegate.cli.migrate import remains
from tidegate.cli.migrate.between import kept_groups, merge_shards, rival_schedules
from tidegate.cli.migrate.functions import convert_function
from tidegate.cli.migrate.landscape import Landscape
from tidegate.cli.migrate.model import Change, Draft, Report, Task, draft_of, title_of
from tidegate.cli.migrate.settings import broker_tasks
from tidegate.cli.migrate.triggers import convert_trigger
from tidegate.kube.objects import Object

_UID: Final = "00000000-0000-0000-0000-000000000000"
"""Of no object; what is made for one needs a uid to name."""


def assess(land: Landscape, moment: str, place: str) -> Report:
    """Return what is told of `land`, but for the commands.

    `moment` is a time (RFC 3339) at which Kubeless was still at work.
    """
    config, tasks = _configuration(land)
    drafts = [_converted(each, config, moment) for each in _alive(land)]
    drafts += [_beside(each, moment) for draft in drafts for each in draft.beside]
    merge_shards(drafts)
    rival_schedules(drafts)
    judged = [(draft, _judged(draft, config)) for draft in drafts]
    resources = [one for _, one in judged if one is not None]
    found = list(check(resources))
    left = list(remains.children(land))
    return Report(
        place=place,
        drafts=drafts,
        changes=[
            *(change for draft in drafts for change in draft.changes),
            *kept_groups(subscriptions(resources)),
            *(each for each in left if isinstance(each, Change)),
            *remains.held_back(land),
        ],
        tasks=[
            *tasks,
            *broker_tasks(land),
            *remains.stuck(land),
            *(task for draft in drafts for task in draft.tasks),
            *(_task(each) for each in found if each.severity is Severity.ERROR),
            *(each for each in left if isinstance(each, Task)),
            *remains.forgotten_schedules(land),
        ],
        warnings=[
            *land.warnings,
            *(str(each) for each in found if each.severity is Severity.WARNING),
        ],
    )


def _alive(land: Landscape) -> Iterator[Object]:
    """Yield what is there to stay: what is being deleted is not written anew."""
    return (each for each in land.objects if "deletionTimestamp" not in each["metadata"])


def _configuration(land: Landscape) -> tuple[ControllerConfig, list[Task]]:
    if land.config is None:
        return ControllerConfig(), []
    title = title_of(land.config)
    reading = read_config(land.config.get("data") or {}, title=title)
    sentences = (*reading.mistakes, *reading.warnings)
    drafts = Draft(title, None)
    for each in sentences:
        drafts.sentence(each)
    return reading.config, drafts.tasks


def _converted(obj: Object, config: ControllerConfig, moment: str) -> Draft:
    draft = draft_of(obj)
    if draft.kind == "Function":
        convert_function(draft, _own_runtimes(config))
    else:
        convert_trigger(draft, moment)
    return draft


def _beside(obj: Object, moment: str) -> Draft:
    """Bring a trigger that was part of a function to the form of one that was an object."""
    draft = draft_of(obj)
    draft.is_new = True
    convert_trigger(draft, moment)
    return draft


def _own_runtimes(config: ControllerConfig) -> Mapping[str, PodRuntime]:
    """Return the runtimes that the configuration brings."""
    return {name: one for name, one in config.runtimes.items() if CATALOG.get(name) is not one}


def _judged(draft: Draft, config: ControllerConfig) -> Resource | None:
    """Return the new form as it is read; note what is wrong with it, also for a cluster."""
    if draft.obj is None:
        return None
    if draft.kind not in CUSTOM_KINDS:
        draft.task("kind", "is not a kind that is known here", "remove the object")
        return None
    metadata = {**draft.obj["metadata"], "uid": _UID}
    resource, problems = resource_from({**draft.obj, "metadata": metadata})
    draft.tasks += [_task(each) for each in problems]
    if resource is not None:
        for sentence in _refusals(resource, config):
            draft.sentence(sentence)
    return resource


def _refusals(resource: Resource, config: ControllerConfig) -> Iterable[str]:
    """Return what controllers would refuse, which an API server cannot."""
    try:
        if isinstance(resource, Function):
            desired_objects(resource, config)
        elif isinstance(resource, HTTPTrigger):
            desired_route(resource, None, Front(resource.namespace))
    except (FunctionInvalid, TriggerInvalid) as error:
        return tuple(map(str, error.args))
    return ()


def _task(problem: Problem) -> Task:
    return Task(problem.object, problem.field, problem.message, problem.fix)
