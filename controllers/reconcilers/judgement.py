"""Whether a trigger is right: by itself, among others, with the functions there are. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controllers.conditions import Condition, Truth
from controllers.reconcilers.neighbours import concerned_functions, fed_functions
from tidegate.api.check import check
from tidegate.api.kinds import Trigger
from tidegate.api.loader import resource_from
from tidegate.api.metadata import Resource
from tidegate.api.problem import Problem, Severity
from tidegate.api.selection import Functions
from tidegate.kube.objects import Object

ACCEPTED = "Accepted"
FUNCTION_FOUND = "FunctionFound"
ROUTE_TAKEN = "RouteTaken"

_FUNCTION_FIELDS = ("spec.function-name", "spec.functionSelector")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a trigger before anything runs."""

    accepted: Condition
    function_found: Condition
    trigger: Trigger | None = None
    """None when it cannot be read."""
    functions: tuple[str, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Whether it shall run."""
        return self.accepted.status is Truth.TRUE


Reading = tuple[Resource | None, list[Problem]]
"""What a trigger says, or why it cannot be read."""


def judged(
    obj: Object, reading: Reading, rivals: Iterable[Object], functions: Functions
) -> Judgement:
    """Judge one trigger. Of two that claim one route, the older has it, as for the gateway."""
    trigger, problems = reading
    if not isinstance(trigger, Trigger):
        message = "\n".join(_sentence(problem) for problem in problems)
        unknown = Condition(FUNCTION_FOUND, Truth.UNKNOWN, "NotRead", "the trigger cannot be read")
        return Judgement(Condition(ACCEPTED, Truth.FALSE, "Invalid", message), unknown)
    others = concerned_functions(trigger, functions)
    found = [
        problem
        for problem in check([*_by_age(obj, trigger, rivals), *others])
        if problem.object == str(trigger)
    ]
    fed = fed_functions(trigger, functions)
    about = [problem for problem in found if problem.field in _FUNCTION_FIELDS]
    rest = [problem for problem in found if problem not in about]
    return Judgement(_accepted(rest), _function_found(about), trigger, fed)


def _by_age(obj: Object, trigger: Resource, rivals: Iterable[Object]) -> list[Resource]:
    aged = [(_born(obj), str(trigger), trigger)]
    for rival in rivals:
        other, _ = resource_from(rival)
        if other is not None and str(other) != str(trigger):
            aged.append((_born(rival), str(other), other))
    return [resource for *_, resource in sorted(aged, key=lambda one: one[:2])]


def _born(obj: Object) -> str:
    return str(obj["metadata"].get("creationTimestamp") or "")


def _accepted(problems: list[Problem]) -> Condition:
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    message = "\n".join(_sentence(problem) for problem in errors or problems)
    if not errors:
        return Condition(ACCEPTED, Truth.TRUE, "Valid", message)
    reason = ROUTE_TAKEN if errors[0].field == "spec.path" else "Refused"
    return Condition(ACCEPTED, Truth.FALSE, reason, message)


def _function_found(problems: list[Problem]) -> Condition:
    if not problems:
        return Condition(FUNCTION_FOUND, Truth.TRUE, "Found")
    message = "\n".join(_sentence(problem) for problem in problems)
    return Condition(FUNCTION_FOUND, Truth.FALSE, "NotFound", message)


def _sentence(problem: Problem) -> str:
    """Say it without the name of the object that it stands in."""
    place = f"{problem.field}: " if problem.field else ""
    return f"{place}{problem.message}; {problem.fix}"
