"""When what is parked is tried again."""

from __future__ import annotations

from typing import Any

from gateway.cluster.mended import Mended
from gateway.http.endpoints import Endpoints, FunctionKey
from tests.support.cluster import function, http_trigger
from tidegate.kube.store import Store

KEY = ("default", "hello")


class Rollout:
    """A function, its pods, and whether its parked events were resumed."""

    def __init__(self) -> None:
        self.endpoints, self.store = Endpoints(), Store()
        self.resumed: list[FunctionKey] = []
        self.mended = Mended(self.endpoints, self.resumed.append)
        self.version = 0

    def apply(self, generation: int, obj: dict[str, Any] | None = None) -> None:
        self.version += 1
        made = obj or function("default", "hello")
        made["metadata"] |= {"resourceVersion": str(self.version), "generation": generation}
        for delta in self.store.put(made):
            self.mended.note(delta)

    def pods(self, *addresses: str) -> None:
        self.endpoints.set(KEY, [(address, 8080) for address in addresses])
        self.mended.look(KEY)


def test_parked_events_are_tried_when_all_pods_of_the_old_version_are_gone() -> None:
    rollout = Rollout()
    rollout.apply(1)
    rollout.pods("a", "b")
    rollout.apply(2)
    for pods in (("a", "b", "c"), ("b", "c", "d")):
        rollout.pods(*pods)
        assert rollout.resumed == []
    rollout.pods("c", "d")
    assert rollout.resumed == [KEY]
    rollout.pods("d", "e")
    assert rollout.resumed == [KEY]


def test_pods_that_are_all_gone_are_no_new_version() -> None:
    rollout = Rollout()
    rollout.apply(1)
    rollout.pods("a")
    rollout.apply(2)
    rollout.pods()
    assert rollout.resumed == []
    rollout.pods("b")
    assert rollout.resumed == [KEY]


def test_pods_that_move_without_a_change_mend_nothing() -> None:
    rollout = Rollout()
    rollout.apply(1)
    rollout.pods("a")
    rollout.apply(1)  # a status
    rollout.apply(2, http_trigger("default", "web", "hello"))
    rollout.pods("b")
    assert rollout.resumed == []
