"""All processes of one revision of a function."""

from __future__ import annotations

import asyncio

from controllers.local.replica import Callbacks, Launch, Replica
from controllers.local.status import Address
from controllers.local.surroundings import Surroundings


class Generation:
    """The replicas of one launch; they run from start() until their tasks are cancelled."""

    def __init__(self, launch: Launch, surroundings: Surroundings, callbacks: Callbacks) -> None:
        self.launch = launch
        self.proven = False
        self.tasks: list[asyncio.Task[None]] = []
        self._replicas = [
            Replica(launch, number, surroundings, callbacks)
            for number in range(launch.function.replicas)
        ]

    def start(self) -> None:
        """Start a task for each replica."""
        title = self.launch.function.title
        self.tasks = [
            asyncio.create_task(replica.run(), name=f"{title}[{number}] {self.launch.revision}")
            for number, replica in enumerate(self._replicas)
        ]

    def retire(self) -> None:
        """Let every replica drain; its task ends when it has."""
        for task in self.tasks:
            task.cancel()

    @property
    def total(self) -> int:
        """Return how many replicas there should be."""
        return len(self._replicas)

    @property
    def complete(self) -> bool:
        """Tell whether every replica takes calls."""
        return len(self.ready()) == self.total

    def ready(self) -> tuple[Address, ...]:
        """Return the addresses that take calls. Once there is one, the generation is proven."""
        addresses = tuple(r.address for r in self._replicas if r.address is not None)
        self.proven = self.proven or bool(addresses)
        return addresses

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the processes that run."""
        return tuple(r.pid for r in self._replicas if r.pid is not None)

    @property
    def restarts(self) -> int:
        """Return how often a process was started again."""
        return sum(r.restarts for r in self._replicas)

    @property
    def reason(self) -> str:
        """Return why a replica is not ready, the first that has something to say."""
        return next((r.reason for r in self._replicas if r.reason), "")
