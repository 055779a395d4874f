"""The workers of one function: who runs which call, until when, and who replaces whom."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from . import channel
from .call import Call
from .link import WorkerLink
from .log import LineWriter
from .metrics import Metrics
from .process import WorkerProcess
from .settings import Settings

TICK = 0.02
"""Deadlines are swept this often while there are calls: exact enough, and free per call."""

GROW_AFTER = 0.02
"""A call that has waited so long is worth another process; short bursts are not."""

IDLE_LIFE = 60.0
"""Workers beyond the first are stopped after being idle so long."""

SERIAL_CONCURRENCY = 10
SHARED_CONCURRENCY = 100

PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n"
RETRY = PLAIN + b"Retry-After: 1\r\n"


class Unavailable(Exception):
    """The call cannot be taken now; the message is for the client, who may try again."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pool works with."""

    settings: Settings
    log: LineWriter
    metrics: Metrics
    on_loaded: Callable[[], None]
    on_load_failed: Callable[[str], None]


class Pool:
    """Runs calls in workers.

    A call is waiting -> running -> settled (its client has an answer) -> ended (its worker said
    so, or is gone). A worker is starting -> ready -> retiring (no new calls) -> reaped. When a
    call's time is over it is settled with 408 and interrupted; if it has not ended after a grace,
    its worker retires and is killed as soon as nobody waits for its other calls.
    """

    def __init__(self, first: WorkerProcess, surroundings: Surroundings) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = surroundings.settings
        self._around = surroundings
        self._links: list[WorkerLink] = []
        self._waiting: deque[Call] = deque()
        self._shared = False
        self._loaded = False
        self._closing = False
        self._respawn_at = 0.0
        self._respawn_delay = 0.1
        self._timer: asyncio.TimerHandle | None = None
        self._trimmer: asyncio.TimerHandle | None = None
        self.idle = asyncio.Event()
        self.idle.set()
        self.empty = asyncio.Event()
        self._adopt(first)

    @property
    def ready(self) -> bool:
        """Whether a call would be run now or soon."""
        return self._loaded and not self._closing

    @property
    def unfinished(self) -> int:
        """Calls that have no answer yet."""
        running = sum(not call.settled for link in self._links for call in link.calls.values())
        return running + len(self._waiting)

    def submit(self, call: Call) -> None:
        """Run the call, or raise Unavailable."""
        if not self._loaded:
            raise Unavailable("the function is not loaded yet")
        if call.deadline <= call.received:
            raise Unavailable("the call's deadline had passed when it came")
        if len(self._waiting) >= self._settings.queue and self._free_link() is None:
            raise Unavailable("the function is busy and its queue is full")
        self._waiting.append(call)
        self.idle.clear()
        self._assign()
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)

    def waiting(self, call: Call) -> bool:
        """Whether the call has not begun."""
        return call in self._waiting

    def more(self, call: Call) -> None:
        """The call's client has taken a chunk."""
        if (link := self._link_of(call)) is not None:
            link.more(call)

    def forget(self, call: Call) -> None:
        """The client has gone: a waiting call is dropped, a streamed answer is stopped.

        A function that is computing goes on: what it does besides answering is its own.
        """
        if call in self._waiting:
            self._waiting.remove(call)
        elif call.streaming and not call.settled:
            self._settle(call, failed=False)
            self._interrupt(call)
        self._rest()

    def reap(self) -> None:
        """Some process has ended: settle what it ran, and replace it where needed."""
        for link in [link for link in self._links if link.process.has_ended()]:
            self._links.remove(link)
            link.hear_out()
            link.process.bury()
            self._bury(link)
        if self._closing and not self._links:
            self.empty.set()
        self._assign()
        self._watch()

    def close(self) -> None:
        """End every worker; `empty` tells when they are gone."""
        self._closing = True
        for link in self._links:
            if link.calls or not link.ready:
                link.process.kill()
            elif not link.retiring:
                link.stop()
        if not self._links:
            self.empty.set()
        self._watch()

    def _adopt(self, process: WorkerProcess) -> None:
        self._links.append(WorkerLink(process, self._loop, self._hear))

    def _hear(self, link: WorkerLink, message: channel.Message) -> None:
        kind = message[0]
        if kind == channel.READY:
            self._welcome(link, shared=message[1])
        elif kind == channel.FAILED:
            self._refuse(message[1])
        elif (call := link.calls.get(message[1])) is not None:
            self._advance(link, call, message)

    def _welcome(self, link: WorkerLink, *, shared: bool) -> None:
        self._shared = shared
        link.ready = True
        self._respawn_delay = 0.1
        if not self._loaded:
            self._loaded = True
            self._around.on_loaded()
        self._assign()

    def _refuse(self, sentence: str) -> None:
        if self._loaded:
            self._around.log.write(f"{self._settings.title}: a further worker: {sentence}")
        else:
            self._around.on_load_failed(sentence)

    def _advance(self, link: WorkerLink, call: Call, message: channel.Message) -> None:
        """Take what a worker says of a call that it runs."""
        kind = message[0]
        if kind == channel.ANSWER:
            if not call.settled:
                call.reply.respond(*message[2:5])
                self._settle(call, failed=message[5])
            self._end(link, call)
        elif kind == channel.END:
            if not call.settled:
                (call.reply.abort if message[2] else call.reply.finish)()
                self._settle(call, failed=message[2])
            self._end(link, call)
        elif not call.settled and kind == channel.HEAD:
            call.streaming = True
            call.reply.start(*message[2:5])
        elif not call.settled:
            call.reply.chunk(message[2])

    def _settle(self, call: Call, *, failed: bool) -> None:
        call.settled = True
        seconds = self._loop.time() - call.received
        self._around.metrics.observe(call.method, seconds, failed=failed)

    def _end(self, link: WorkerLink, call: Call) -> None:
        del link.calls[call.id]
        link.idle_since = self._loop.time()
        if self._waiting:
            self._assign()
        else:
            self._rest()

    def _assign(self) -> None:
        """Give waiting calls to workers that have room."""
        while self._waiting and (link := self._free_link()) is not None:
            link.begin(self._waiting.popleft())

    def _free_link(self) -> WorkerLink | None:
        """The first worker with room: the others stay idle and can be stopped."""
        room = self._limit if self._shared else 1
        for link in self._links:
            if link.ready and len(link.calls) < room:
                return link
        return None

    @property
    def _limit(self) -> int:
        default = SHARED_CONCURRENCY if self._shared else SERIAL_CONCURRENCY
        return self._settings.concurrency or default

    def _link_of(self, call: Call) -> WorkerLink | None:
        return next((link for link in self._links if call.id in link.calls), None)

    def _watch(self) -> None:
        """Keep the sweep going while anything has a time limit."""
        self._rest()
        lasting = self._waiting or any(
            link.calls or not link.ready for link in self._links
        )  # a starting or retiring worker, too
        if self._timer is None and (lasting or self._lacking()):
            self._timer = self._loop.call_later(TICK, self._tick)

    def _rest(self) -> None:
        """Tell those who wait for it whether every call has its answer."""
        if self._waiting or any(link.calls for link in self._links):
            self.idle.clear()
        else:
            self.idle.set()

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        for call in [call for call in self._waiting if now >= call.deadline]:
            self._expire_waiting(call)
        for link in list(self._links):
            self._tick_link(link, now)
        self._grow(now)
        self._watch()
        if self._timer is None and len(self._links) > 1 and self._trimmer is None:
            self._trimmer = self._loop.call_later(IDLE_LIFE, self._trim)

    def _tick_link(self, link: WorkerLink, now: float) -> None:
        for call in list(link.calls.values()):
            if not call.settled and now >= call.deadline:
                self._expire(call)
        if not link.retiring and link.overdue(now):
            link.retire(now + self._settings.shutdown_timeout)
        if link.kill_at is not None and (now >= link.kill_at or (link.calls and not link.in_use())):
            link.process.kill()

    def _expire_waiting(self, call: Call) -> None:
        self._waiting.remove(call)
        call.reply.respond(503, RETRY, b"the function was busy until the call's deadline\n")

    def _expire(self, call: Call) -> None:
        seconds = self._loop.time() - call.received
        self._around.log.write(
            f"{self._settings.title}: {call.method} {call.target.partition('?')[0]}: "
            f"stopped after {seconds:.3f} s: its time is over"
        )
        if call.streaming:
            call.reply.abort()
        else:
            call.reply.respond(408, PLAIN, b"the function took longer than its timeout\n")
        self._settle(call, failed=True)
        self._interrupt(call)

    def _interrupt(self, call: Call) -> None:
        if (link := self._link_of(call)) is not None:
            link.interrupt(call, by_signal=not self._shared)
            self._watch()

    def _bury(self, link: WorkerLink) -> None:
        """Settle what a dead worker ran."""
        title, ending = self._settings.title, link.process.ending
        if not self._loaded and not self._closing:
            self._around.on_load_failed(f"loading {title}: its process {ending} during import")
        lost = [call for call in link.calls.values() if not call.settled]
        for call in lost:
            if call.streaming:
                call.reply.abort()
            else:
                call.reply.respond(500, PLAIN, b"the function's process ended during the call\n")
            self._settle(call, failed=True)
        if lost or not (link.retiring or self._closing):
            self._around.log.write(
                f"{title}: worker {link.process.pid} {ending} with {len(lost)} calls in flight"
            )
        if not link.ready and not link.retiring:
            self._respawn_at = self._loop.time() + self._respawn_delay
            self._respawn_delay = min(self._respawn_delay * 2, 10.0)
        link.calls.clear()

    def _lacking(self) -> bool:
        """Whether there is no worker to take a call."""
        return self.ready and all(link.retiring for link in self._links)

    def _grow(self, now: float) -> None:
        """Start workers: the one that must be there, and those that waiting calls need."""
        if not self.ready or now < self._respawn_at:
            return
        living = [link for link in self._links if not link.retiring]
        starting = sum(not link.ready for link in living)
        wanted = 0 if living else 1
        if self._waiting and not self._shared and now - self._waiting[0].received > GROW_AFTER:
            room = self._limit - len(living)
            wanted = max(wanted, min(room, len(self._waiting) - starting))
        for _ in range(wanted):
            self._adopt(WorkerProcess())

    def _trim(self) -> None:
        """Stop workers that have had nothing to do for long, but for the first."""
        self._trimmer = None
        now = self._loop.time()
        idle = [link for link in self._links if link.ready and not link.calls]
        for link in idle[1:]:
            if now - link.idle_since >= IDLE_LIFE:
                link.stop()
        if len(idle) > 1 and not self._closing:
            self._trimmer = self._loop.call_later(IDLE_LIFE / 4, self._trim)
        self._watch()
