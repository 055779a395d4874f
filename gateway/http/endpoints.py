"""Where the ready processes of each function are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Address = tuple[str, int]
FunctionKey = tuple[str, str]


class Endpoints:
    """The ready addresses of every function, kept current by whoever runs the functions.

    Keys are (namespace, function); a function that is unknown has no addresses. Watchers are
    told of each change of the function that they watch, in the caller's own step.
    """

    def __init__(self) -> None:
        self._addresses: dict[FunctionKey, tuple[Address, ...]] = {}
        self._watchers: dict[FunctionKey, list[Callable[[tuple[Address, ...]], None]]] = {}

    def ready(self, function: FunctionKey) -> tuple[Address, ...]:
        """Return the addresses that take calls now."""
        return self._addresses.get(function, ())

    def set(self, function: FunctionKey, addresses: Iterable[Address]) -> None:
        """Replace the addresses of `function`; none at all forgets it."""
        ready = tuple(addresses)
        if ready == self.ready(function):
            return
        if ready:
            self._addresses[function] = ready
        else:
            del self._addresses[function]
        for watcher in tuple(self._watchers.get(function, ())):
            watcher(ready)

    def watch(
        self, function: FunctionKey, watcher: Callable[[tuple[Address, ...]], None]
    ) -> Callable[[], None]:
        """Call `watcher` on each change until the returned function is called, once or more."""
        watchers = self._watchers.setdefault(function, [])
        watchers.append(watcher)

        def unwatch() -> None:
            if watcher in watchers:
                watchers.remove(watcher)
            if not watchers and self._watchers.get(function) is watchers:
                del self._watchers[function]

        return unwatch
