"""Who concerns whom: functions and triggers, and triggers that claim one route. Pure.

Each index is kept by the changes of one watch, so that looking at one object costs what belongs to
it, however many others there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from tidegate.api.function import Function, dig
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.kinds import Trigger
from tidegate.api.metadata import API_VERSION
from tidegate.api.nats_trigger import NATSTrigger
from tidegate.api.selection import Functions
from tidegate.kube.objects import Object, ObjectKey, key_of
from tidegate.kube.store import Delta

Tag = tuple[str, ...]

_MOST_GUESSES = 200
"""Names among which a misspelt one is looked for."""

_SPEC = {"deployment": {"spec": {"template": {"spec": {"containers": [{"image": "any"}]}}}}}
"""Of a function only name and labels count here; what else is wrong with it is told elsewhere."""


class FunctionIndex:
    """The functions of each namespace, by name and label."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Function]] = defaultdict(dict)
        self._built: dict[str, Functions] = {}

    def take(self, delta: Delta) -> None:
        """Take one change of a Function in."""
        namespace, name = delta.key
        if delta.new is None:
            self._known[namespace].pop(name, None)
        else:
            labels = delta.new["metadata"].get("labels") or {}
            known = self._known[namespace].get(name)
            if known is not None and known.metadata.labels == labels:
                return
            self._known[namespace][name] = _named(namespace, name, labels)
        self._built.pop(namespace, None)

    def of(self, namespace: str) -> Functions:
        """Return the functions of a namespace."""
        built = self._built.get(namespace)
        if built is None:
            known = self._known.get(namespace, {})
            built = self._built[namespace] = Functions(known.values())
        return built


def _named(namespace: str, name: str, labels: Mapping[str, str]) -> Function:
    about = {"name": name, "namespace": namespace, "labels": dict(labels)}
    obj = {"apiVersion": API_VERSION, "kind": "Function", "metadata": about, "spec": _SPEC}
    return Function.model_validate(obj)


def concerned_functions(trigger: Trigger, functions: Functions) -> list[Function]:
    """Return those functions of its namespace that say whether `trigger` is right."""
    found = {each.name: each for each in _fed(trigger, functions)}
    for name in _named_by(trigger):
        function = functions.named(trigger.namespace, name)
        known = functions.names(trigger.namespace)[:_MOST_GUESSES] if function is None else [name]
        for each in known:
            near = functions.named(trigger.namespace, each)
            if near is not None:
                found[each] = near
    return list(found.values())


def fed_functions(trigger: Trigger, functions: Functions) -> tuple[str, ...]:
    """Return the names of the functions that are there for the events of `trigger`."""
    return tuple(sorted(each.name for each in _fed(trigger, functions)))


def _fed(trigger: Trigger, functions: Functions) -> list[Function]:
    if isinstance(trigger, KafkaTrigger | NATSTrigger):
        return functions.selected(trigger)
    function = functions.named(trigger.namespace, trigger.spec.function_name)
    return [] if function is None else [function]


def _named_by(trigger: Trigger) -> Iterator[str]:
    if isinstance(trigger, KafkaTrigger | NATSTrigger):
        hinted = trigger.spec.function_selector.match_labels.get("function")
        if hinted:
            yield hinted
    else:
        yield trigger.spec.function_name
    dead_letter = trigger.spec.delivery.dead_letter
    if dead_letter is not None and dead_letter.function is not None:
        yield dead_letter.function


class Tagged:
    """Objects by what they have in common with others; see `take`."""

    def __init__(self) -> None:
        self._by_tag: dict[Tag, set[ObjectKey]] = defaultdict(set)
        self._tags: dict[ObjectKey, tuple[Tag, ...]] = {}

    def put(self, key: ObjectKey, tags: Iterable[Tag]) -> None:
        """Have `key` carry exactly `tags` from now on."""
        for tag in self._tags.pop(key, ()):
            self._by_tag[tag].discard(key)
            if not self._by_tag[tag]:
                del self._by_tag[tag]
        carried = tuple(tags)
        for tag in carried:
            self._by_tag[tag].add(key)
        if carried:
            self._tags[key] = carried

    def having(self, tag: Tag) -> frozenset[ObjectKey]:
        """Return who carries `tag`."""
        return frozenset(self._by_tag.get(tag, ()))

    def tags(self) -> list[Tag]:
        """Return every tag that anybody carries."""
        return list(self._by_tag)

    def __contains__(self, tag: Tag) -> bool:
        return tag in self._by_tag


class Interests:
    """Which triggers of one kind a function concerns: those that name it or may select it."""

    def __init__(self) -> None:
        self._tagged = Tagged()

    def take(self, delta: Delta) -> None:
        """Take one change of a trigger in."""
        tags = () if delta.new is None else tuple(_interests(delta.key.namespace, delta.new))
        self._tagged.put(delta.key, tags)

    def concerned(self, function: Object) -> Iterable[ObjectKey]:
        """Return the triggers that are to be looked at when `function` changes."""
        namespace, name = key_of(function)
        labels = function["metadata"].get("labels") or {}
        tags = [("any", namespace), ("name", namespace, name)]
        tags += [("label", namespace, key, value) for key, value in labels.items()]
        return frozenset().union(*(self._tagged.having(tag) for tag in tags))


def _interests(namespace: str, trigger: Object) -> Iterator[Tag]:
    spec = trigger.get("spec")
    for name in (dig(spec, "function-name"), dig(spec, "delivery", "deadLetter", "function")):
        if isinstance(name, str):
            yield ("name", namespace, name)
    selector = dig(spec, "functionSelector")
    if isinstance(selector, Mapping):
        labels = dig(selector, "matchLabels") or {}
        # One label of several is enough: whoever lacks it is not selected.
        first = next(iter(sorted(labels.items())), None) if isinstance(labels, Mapping) else None
        yield ("any", namespace) if first is None else ("label", namespace, *map(str, first))
        hinted = dig(selector, "matchLabels", "function")
        if isinstance(hinted, str):
            yield ("name", namespace, hinted)


class RouteIndex:
    """Which HTTPTriggers claim the same host and path, in whatever namespace."""

    def __init__(self) -> None:
        self._tagged = Tagged()

    def take(self, delta: Delta) -> None:
        """Take one change of an HTTPTrigger in."""
        gone = delta.new is None or "deletionTimestamp" in delta.new["metadata"]
        self._tagged.put(delta.key, () if gone or delta.new is None else (_place(delta.new),))

    def rivals(self, trigger: Object) -> frozenset[ObjectKey]:
        """Return the triggers that claim the place of `trigger`; it is one of them while it is
        there."""
        return self._tagged.having(_place(trigger)) | {key_of(trigger)}


def _place(trigger: Object) -> Tag:
    spec = trigger.get("spec")
    host, path = dig(spec, "host-name"), dig(spec, "path")
    return ("place", str(host or "").lower(), str(path or "").strip("/"))
