"""Which functions a trigger feeds. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tidegate.api.function import Function
from tidegate.api.kafka_trigger import KafkaTrigger
from tidegate.api.nats_trigger import NATSTrigger


class Functions:
    """Functions by namespace, name and label, so that many triggers cost no more than few."""

    def __init__(self, functions: Iterable[Function]) -> None:
        self._by_name: dict[str, dict[str, Function]] = defaultdict(dict)
        self._by_label: dict[tuple[str, str, str], list[Function]] = defaultdict(list)
        for function in functions:
            self._add(function)

    def _add(self, function: Function) -> None:
        """The first of two functions of one name is kept, as a trigger that names it expects."""
        namespace = self._by_name[function.namespace]
        if namespace.setdefault(function.name, function) is function:
            for key, value in function.metadata.labels.items():
                self._by_label[function.namespace, key, value].append(function)

    def named(self, namespace: str, name: str) -> Function | None:
        """Return the function of this name, or None."""
        return self._by_name.get(namespace, {}).get(name)

    def names(self, namespace: str) -> list[str]:
        """Return the names of a namespace's functions."""
        return list(self._by_name.get(namespace, ()))

    def selected(self, trigger: KafkaTrigger | NATSTrigger) -> list[Function]:
        """Return the functions of the trigger's namespace whose labels its selector accepts.

        The labels are those of the object; what a controller adds to the pods does not count.
        """
        selector = trigger.spec.function_selector
        labels = [(trigger.namespace, *pair) for pair in selector.match_labels.items()]
        candidates = list(self._by_name.get(trigger.namespace, {}).values())
        if labels:
            candidates = min((self._by_label.get(label, []) for label in labels), key=len)
        return [each for each in candidates if selector.accepts(each.metadata.labels)]
