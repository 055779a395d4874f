"""Keeps the processes of one function equal to what is wanted.

    wanted ──prepare──▶ candidate ──complete──▶ current ──superseded──▶ leaving ──drained──▶ gone
               │            │ superseded
               │ fails      ▼
               ▼          leaving
             again later, or when the function changes

The current generation serves until a candidate has every replica ready; then the addresses are
exchanged in one step and only then the old processes are asked to end. A change while a candidate
is on its way replaces the candidate, so of many changes only the last is carried through.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from controllers.desired.code import FunctionInvalid
from controllers.desired.environment import user_env
from controllers.desired.local import FunctionKey, LocalFunction, fingerprint
from controllers.local import tasks
from controllers.local.backoff import Backoff
from controllers.local.child import Command
from controllers.local.errors import PreparationFailed
from controllers.local.generation import Generation
from controllers.local.logs import LogBook, LogLine
from controllers.local.preparation import prepared_command
from controllers.local.replica import Callbacks, Launch
from controllers.local.status import Address, FunctionStatus, State
from controllers.local.surroundings import Surroundings

logger = logging.getLogger(__name__)


class FunctionReconciler:
    """Runs one function. A first cancellation of run() drains its processes, a second kills."""

    def __init__(self, key: FunctionKey, surroundings: Surroundings, logs: LogBook) -> None:
        self._key = key
        self._title = "/".join(key)
        self._around = surroundings
        self._logs = logs
        self._wanted: LocalFunction | None = None
        self._observed: LocalFunction | None = None
        self._changed = asyncio.Event()
        self._revision = ""
        self._problem = ""
        self._rollout: asyncio.Task[None] | None = None
        self._current: Generation | None = None
        self._candidate: Generation | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._announced: tuple[Address, ...] = ()
        self._restarts_before = 0
        self._state = State.PREPARING
        self._since = time.time()

    def want(self, function: LocalFunction) -> None:
        """Replace what is wanted; also a way to say that a Secret may have changed."""
        self._wanted = function
        self._changed.set()

    async def run(self) -> None:
        """Reconcile on every change until cancelled."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._reconcile_safely()
        finally:
            await self._end()

    def status(self) -> FunctionStatus:
        """Return what can be said now."""
        generations = [g for g in (self._current, self._candidate) if g is not None]
        return FunctionStatus(
            key=self._key,
            state=self._state,
            ready=len(self._announced),
            total=self._wanted.replicas if self._wanted else 0,
            reason=self._reason(),
            pids=tuple(pid for g in generations for pid in g.pids),
            urls=tuple(f"http://{host}:{port}" for host, port in self._announced),
            restarts=self._restarts_before + sum(g.restarts for g in generations),
            since=self._since,
            changing=self._changing(),
            observed=self._observed,
        )

    async def _reconcile_safely(self) -> None:
        try:
            await self._reconcile()
        except Exception as error:
            logger.exception("%s: reconciling it failed", self._title)
            self._report(
                f"reconciling it failed ({type(error).__name__}); Tidegate's log says more"
            )

    async def _reconcile(self) -> None:
        wanted = self._wanted
        assert wanted is not None
        await self._reconcile_to(wanted)
        self._observed = wanted

    async def _reconcile_to(self, wanted: LocalFunction) -> None:
        try:
            env = user_env(wanted, self._around.lookup)
        except FunctionInvalid as error:
            await self._abandon_rollout("")
            self._report(str(error))
            return
        revision = await asyncio.to_thread(fingerprint, wanted, env)
        if revision == self._revision:
            return
        await self._abandon_rollout(revision)
        if self._current is None or self._current.launch.revision != revision:
            self._rollout = asyncio.create_task(
                self._roll_out(wanted, env, revision), name=f"rollout of {self._title}"
            )
        self._refresh()

    async def _abandon_rollout(self, revision: str) -> None:
        """Forget the version that is on its way; what serves goes on."""
        self._revision, self._problem = revision, ""
        if self._rollout is not None:
            rollout, self._rollout = self._rollout, None
            await tasks.stop([rollout])
        if self._candidate is not None:
            candidate, self._candidate = self._candidate, None
            self._retire(candidate)

    async def _roll_out(self, function: LocalFunction, env: dict[str, str], revision: str) -> None:
        command = await self._prepared(function, env)
        if command is None:
            return
        callbacks = Callbacks(self._refresh, self._show)
        launch = Launch(function, revision, command)
        self._candidate = Generation(launch, self._around, callbacks)
        self._candidate.start()
        self._refresh()

    async def _prepared(self, function: LocalFunction, env: dict[str, str]) -> Command | None:
        """Prepare, again and again while it may help; None when only a change helps."""
        settings = self._around.settings
        backoff = Backoff(settings.prepare_delay, settings.prepare_delay_max)
        while True:
            try:
                command = await prepared_command(
                    function, env, self._around, partial(self._show, 0)
                )
            except FunctionInvalid as error:
                self._report(str(error))
                return None
            except (PreparationFailed, OSError) as error:
                reason = str(error)
            except Exception as error:
                logger.exception("%s: preparing it failed", self._title)
                reason = f"preparing it failed ({type(error).__name__}); Tidegate's log says more"
            else:
                self._problem = ""
                return command
            self._report(reason)
            await asyncio.sleep(backoff.after_failure())

    def _refresh(self) -> None:
        """Exchange generations when it is time, and tell where calls go now."""
        if self._candidate is not None and _takes_over(self._candidate, self._current):
            old, self._current, self._candidate = self._current, self._candidate, None
            self._announce()
            if old is not None:
                self._retire(old)
        self._announce()
        self._note_state()

    def _announce(self) -> None:
        addresses = self._current.ready() if self._current is not None else ()
        if addresses != self._announced:
            self._announced = addresses
            self._around.on_endpoints(self._key, addresses)

    def _retire(self, generation: Generation) -> None:
        self._restarts_before += generation.restarts
        generation.retire()
        for task in generation.tasks:
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    def _note_state(self) -> None:
        state = self._present_state()
        if state is not self._state:
            self._state, self._since = state, time.time()

    def _present_state(self) -> State:
        serving = bool(self._announced)
        if self._problem or self._trouble():
            return State.DEGRADED if serving else State.FAILING
        if self._current is None:
            return State.PREPARING
        if self._candidate is not None or self._revision != self._current.launch.revision:
            return State.UPDATING if serving else State.STARTING
        return State.READY if self._current.complete else State.STARTING

    def _trouble(self) -> str:
        generations = (self._candidate, self._current)
        return next((g.reason for g in generations if g is not None and g.reason), "")

    def _changing(self) -> bool:
        current, candidate = self._current, self._candidate
        outdated = current is None or current.launch.revision != self._revision
        trouble = self._problem or (candidate is not None and candidate.reason)
        return outdated and not trouble

    def _reason(self) -> str:
        trouble = self._problem or self._trouble()
        outdated = self._current is not None and self._current.launch.revision != self._revision
        if trouble and outdated and self._announced:
            return f"the version before the change goes on taking calls; the change: {trouble}"
        return trouble

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            logger.warning("%s: %s", self._title, problem)
        self._problem = problem
        for line in problem.splitlines():
            self._show(0, "tidegate", line)
        self._note_state()

    def _show(self, replica: int, stream: str, line: str) -> None:
        self._logs.append(LogLine(self._key, replica, stream, line, time.time()))

    async def _end(self) -> None:
        """Withdraw the addresses, then let everything drain."""
        if self._announced:
            self._announced = ()
            self._around.on_endpoints(self._key, ())
        generations = [g for g in (self._current, self._candidate) if g is not None]
        self._current = self._candidate = None
        rollouts = [] if self._rollout is None else [self._rollout]
        replicas = [task for g in generations for task in g.tasks]
        await tasks.stop([*rollouts, *replicas, *self._leaving])


def _takes_over(candidate: Generation, current: Generation | None) -> bool:
    """Tell whether `candidate` is at least as good as what serves now."""
    if current is None or candidate.complete:
        return True
    if current.ready():
        return False
    return bool(candidate.ready()) or not current.proven
