"""Problems between objects that are each right on their own. Pure."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from tidegate.api.function import Function
from tidegate.api.http_trigger import HTTPTrigger
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.metadata import Resource, problem_of
from tidegate.api.nats_trigger import NATSTrigger
from tidegate.api.problem import Path, Problem, Severity, listed, nearest, quoted
from tidegate.api.secrets_check import missing_secrets
from tidegate.api.selection import Functions

R = TypeVar("R", bound=Resource)

# A function's ConfigMap has these keys beside its source file, which an archive names bare.
_RESERVED_FILES: Final = frozenset({"handler", "Gemfile"})
# Importing one of these under the user's module name would give the user's file to everybody.
_PYTHON_MODULES: Final = sys.stdlib_module_names - {"test"}

# Guessing costs time for each candidate; a person who has more functions finds it by name.
_MOST_GUESSES: Final = 200


@dataclass(frozen=True, slots=True)
class Known:
    """What exists beside the objects. None is "not known", and nothing is said about it.

    `secrets` maps namespace and name to the keys of each Secret; those among the objects count
    as well. `runtimes` are the names that `spec.runtime` may have; `stand_ins` are names that
    are taken as well, though nobody should begin with them.
    """

    runtimes: Collection[str] | None = None
    secrets: Mapping[tuple[str, str], Collection[str]] | None = None
    stand_ins: Collection[str] = ()


def check(resources: Iterable[Resource], known: Known | None = None) -> list[Problem]:
    """Name what is wrong between `resources`; a warning may mend itself, as when a part is late."""
    every, beside = list(resources), known or Known()
    functions = [each for each in every if isinstance(each, Function)]
    index = Functions(functions)
    triggers = [each for each in every if isinstance(each, Trigger)]
    routes = [each for each in every if isinstance(each, HTTPTrigger)]
    return [
        *_same_names(every),
        *_same_routes(routes),
        *_missing_functions(triggers, index),
        *_selections(triggers, index),
        *_colliding_files(functions),
        *_unknown_runtimes(functions, beside),
        *missing_secrets(every, beside.secrets),
    ]


def _place(resource: Resource) -> str:
    origin = resource.origin
    where = f" ({origin.file}:{origin.line()})" if origin.file else ""
    return f"{resource}{where}"


def _grouped(items: Iterable[R], key: Callable[[R], Hashable]) -> Iterator[tuple[R, R]]:
    """Pair every item that repeats a key with the first that has it."""
    first: dict[Hashable, R] = {}
    for item in items:
        original = first.setdefault(key(item), item)
        if original is not item:
            yield original, item


def _same_names(resources: Iterable[Resource]) -> Iterator[Problem]:
    for original, again in _grouped(resources, str):
        message = f"is there already: {_place(original)}"
        yield problem_of(again, ("metadata", "name"), message, "rename one of them or remove it")


def _same_routes(triggers: Iterable[HTTPTrigger]) -> Iterator[Problem]:
    by_place: dict[tuple[str, str], list[HTTPTrigger]] = defaultdict(list)
    for trigger in triggers:
        others = by_place[trigger.spec.host_name.lower(), trigger.spec.route_path.rstrip("/")]
        rivals = [other for other in others if _share_a_method(other, trigger)]
        others.append(trigger)
        for rival in rivals[:1]:
            where = f"{trigger.spec.host_name or 'any host'}, {trigger.spec.route_path}"
            message = f"{where} is taken by {_place(rival)}"
            fix = "change path, host-name or methods of one of them"
            yield problem_of(trigger, ("spec", "path"), message, fix)


def _share_a_method(one: HTTPTrigger, other: HTTPTrigger) -> bool:
    """An empty list of methods is a default of its own: a listed method goes before it."""
    ours, theirs = set(one.spec.methods), set(other.spec.methods)
    return bool(ours & theirs) or not (ours or theirs)


def _missing_functions(triggers: Iterable[Trigger], functions: Functions) -> Iterator[Problem]:
    for trigger in triggers:
        for path, name in _function_names(trigger):
            if functions.named(trigger.namespace, name) is None:
                message = f"function {quoted(name)} is not in namespace {trigger.namespace}"
                present = functions.names(trigger.namespace)
                fix = _nearest_fix(name, present, "add the function; nothing is called until then")
                yield problem_of(trigger, path, message, fix, Severity.WARNING)


def _function_names(trigger: Trigger) -> Iterator[tuple[Path, str]]:
    if not isinstance(trigger, KafkaTrigger | NATSTrigger):
        yield ("spec", "function-name"), trigger.spec.function_name
    dead_letter = trigger.spec.delivery.dead_letter
    if dead_letter is not None and dead_letter.function is not None:
        yield ("spec", "delivery", "deadLetter", "function"), dead_letter.function


def _nearest_fix(name: str, present: list[str], otherwise: str) -> str:
    guess = nearest(name, present[:_MOST_GUESSES])
    return f"did you mean {guess}?" if guess else otherwise


def _selections(triggers: Iterable[Trigger], functions: Functions) -> Iterator[Problem]:
    for trigger in triggers:
        if isinstance(trigger, KafkaTrigger | NATSTrigger):
            found = functions.selected(trigger)
            if not found:
                yield _nothing_selected(trigger, functions)
            yield from _shared_consumers(trigger, found)
            yield from _looping_dead_letter(trigger, found)


def _nothing_selected(trigger: KafkaTrigger | NATSTrigger, functions: Functions) -> Problem:
    path = ("spec", "functionSelector")
    message = f"selects no function of namespace {trigger.namespace}"
    fix = "give a function these labels under metadata.labels"
    wanted = trigger.spec.function_selector.match_labels.get("function", "")
    if functions.named(trigger.namespace, wanted) is not None:
        fix = f"add labels: {{function: {wanted}}} to the metadata of function {wanted}"
    return problem_of(trigger, path, message, fix, Severity.WARNING)


def _shared_consumers(
    trigger: KafkaTrigger | NATSTrigger, found: list[Function]
) -> Iterator[Problem]:
    for path, name in _consumer_names(trigger):
        if name and len(found) > 1:
            functions = listed((function.name for function in found), "and")
            message = f"{quoted(name)} is shared by {functions}: each event reaches one of them"
            fix = "leave it out, so that each function has its own, or select one function"
            yield problem_of(trigger, path, message, fix, Severity.WARNING)


def _consumer_names(trigger: KafkaTrigger | NATSTrigger) -> Iterator[tuple[Path, str]]:
    if isinstance(trigger, KafkaTrigger):
        yield ("spec", "group"), trigger.spec.group
        return
    yield ("spec", "queue"), trigger.spec.queue
    if trigger.spec.jetstream is not None:
        yield ("spec", "jetstream", "durable"), trigger.spec.jetstream.durable


def _looping_dead_letter(
    trigger: KafkaTrigger | NATSTrigger, found: list[Function]
) -> Iterator[Problem]:
    target = trigger.spec.delivery.loops_to("function")
    if target in {function.name for function in found}:
        path = ("spec", "delivery", "deadLetter", "function")
        message = f"{quoted(target)} is one of the functions that this trigger feeds"
        yield problem_of(trigger, path, message, "send dead letters to another function")


def _colliding_files(functions: Iterable[Function]) -> Iterator[Problem]:
    for function in functions:
        module, spec = function.spec.module, function.spec
        path = ("spec", "handler")
        is_archive = "+zip" in spec.function_content_type or "tar" in spec.function_content_type
        if is_archive and module in _RESERVED_FILES:
            message = f"a file named {quoted(module)} is written beside the code already"
            yield problem_of(function, path, message, "rename the module of the handler")
        if spec.runtime.startswith("python") and module in _PYTHON_MODULES:
            message = f"{quoted(module)} is also a module of Python itself, which it would hide"
            fix = "rename the module of the handler"
            yield problem_of(function, path, message, fix, Severity.WARNING)


def _unknown_runtimes(functions: Iterable[Function], known: Known) -> Iterator[Problem]:
    if not known.runtimes:
        return
    taken = {*known.runtimes, *known.stand_ins}
    for function in functions:
        runtime = function.spec.runtime
        if runtime and runtime not in taken and not function.spec.image:
            message = f"{quoted(runtime)} is not a runtime that is there"
            fix = f"use {listed(sorted(known.runtimes))}"
            yield problem_of(function, ("spec", "runtime"), message, fix)
