"""Leases: any interleaving of renewals, deaths, thefts and a bad store keeps what they promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.core.lease import END, Change, Lease, eligible
from gateway.core.tenancy import Replica, Tenancy
from gateway.errors import SourceUnavailable
from gateway.stores.memory_leases import MemoryLeases

T = TypeVar("T")
PERIOD = 10.0
GROUP = "g"


def done(work: Coroutine[Any, Any, T]) -> T:
    """Run what never really waits."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it waits")


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now


class BadStore(MemoryLeases):
    """A store whose next write may be slow, refused by the network, or unanswered."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self.time = time
        self.slow_request = self.slow_answer = 0.0
        self.lost = self.unanswered = False
        self.throttled: Sequence[bool] = ()
        """Whether a write of a lease that goes unanswered is made, for every other one."""

        self.meanwhile: Callable[[], None] = lambda: None

    async def replace(  # type: ignore[override]  # a store in trouble knows less
        self, group: str, changes: Sequence[Change]
    ) -> Sequence[bool | None]:
        before, self.slow_request = self.slow_request, 0.0
        after, self.slow_answer = self.slow_answer, 0.0
        lost, self.lost = self.lost, False
        unanswered, self.unanswered = self.unanswered, False
        self.time.now += before
        if lost:
            raise SourceUnavailable("the request was lost")
        written = await self._written(group, changes)
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        self.time.now += after
        if unanswered:
            raise SourceUnavailable("the answer was lost")
        return written

    async def _written(self, group: str, changes: Sequence[Change]) -> Sequence[bool | None]:
        """Write; when some of it is throttled, every other write has no answer."""
        throttled, self.throttled = self.throttled, ()
        answers: list[bool | None] = []
        for number, change in enumerate(changes):
            unanswered = bool(throttled) and number % 2 == 1
            if unanswered and not throttled[0]:
                answers.append(None)
                continue
            (written,) = await super().replace(group, [change])
            answers.append(None if unanswered else written)
        return answers


class Worker:
    """A replica that reads shards and settles what it read, as the source does."""

    def __init__(self, name: str, store: BadStore) -> None:
        self.tenancy = Tenancy(GROUP, store, Replica(name, PERIOD, store.time.read))
        self.store = store
        self.positions: dict[str, int] = {}
        self.ended: set[str] = set()
        self.stopped: set[str] = set()

    def attend(self) -> None:
        """Do what is due about the leases, as far as the store lets it."""
        try:
            done(self._attend())
        except SourceUnavailable:
            pass
        finally:
            self._drop_lost()

    async def _attend(self) -> None:
        tenancy = self.tenancy
        await tenancy.renew({key: str(at) for key, at in self.positions.items()})
        self._drop_lost()
        for lease in tenancy.leaving():
            self.stopped.add(lease.key)
        for key in tuple(self.ended):
            if key not in self.stopped and await tenancy.release(key, END):
                self.drop(key)
        await tenancy.seek(KEYS)
        rows = {row.key: row for row in await self.store.leases(GROUP, KEYS)}
        for lease in tenancy.working():
            assert all(rows[parent].finished for parent in lease.parents if parent in rows)
            self.positions.setdefault(lease.key, int(lease.position))

    def note(self) -> None:
        """Write what moved, as far as the store lets it."""
        try:
            done(self.tenancy.note({key: str(at) for key, at in self.positions.items()}))
        except SourceUnavailable:
            pass
        finally:
            self._drop_lost()

    def work(self) -> None:
        """Settle one more record of each shard, and come to its end at 3."""
        for key, at in self.positions.items():
            if self.tenancy.holds(key) and key not in self.ended:
                self.positions[key] = at + 1
                if self.positions[key] >= 3 and key.startswith("short"):
                    self.ended.add(key)

    def finish_leaving(self) -> None:
        """Hand over what another replica waits for."""
        for lease in self.tenancy.leaving():
            if lease.key in self.stopped:
                at = self.positions.get(lease.key)
                position = END if lease.key in self.ended or at is None else str(at)
                try:
                    if done(self.tenancy.hand_over(lease.key, position)):
                        self.drop(lease.key)
                except SourceUnavailable:
                    pass

    def active(self) -> set[str]:
        """Return the shards that it works on."""
        return {key for key in self.positions if self.tenancy.holds(key)}

    def drop(self, key: str) -> None:
        self.positions.pop(key, None)
        self.ended.discard(key)
        self.stopped.discard(key)

    def _drop_lost(self) -> None:
        for key in [key for key in self.positions if not self.tenancy.holds(key)]:
            self.drop(key)


ROWS = [
    *(Lease(f"long{index}", "0") for index in range(3)),
    Lease("short1", "0"),
    Lease("short2", "0"),
    Lease("short3", "0", ("short1",)),
    Lease("long4", "0", ("short2", "short3")),
    Lease("long5", "0", ("of old",)),
]
KEYS = [row.key for row in ROWS]
WORKERS = st.integers(0, 2)


class Sharing(RuleBasedStateMachine):
    """Three replicas on one store."""

    @initialize()
    def begin(self) -> None:
        self.time = Time()
        self.store = BadStore(self.time)
        done(self.store.create(GROUP, ROWS))
        self.names = 0
        self.workers = [self.fresh() for _ in range(3)]
        self.kept = {row.key: -1.0 for row in ROWS}

    def fresh(self) -> Worker:
        self.names += 1
        return Worker(f"r{self.names}", self.store)

    @rule(who=WORKERS)
    def attend(self, who: int) -> None:
        self.workers[who].attend()

    @rule(who=WORKERS)
    def note(self, who: int) -> None:
        self.workers[who].note()

    @rule(who=WORKERS)
    def work(self, who: int) -> None:
        self.workers[who].work()

    @rule(who=WORKERS)
    def finish_leaving(self, who: int) -> None:
        self.workers[who].finish_leaving()

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.5, 11.0]))
    def wait(self, seconds: float) -> None:
        self.time.now += seconds

    @rule(who=WORKERS)
    def die(self, who: int) -> None:
        self.workers[who] = self.fresh()

    @rule(who=WORKERS)
    def leave(self, who: int) -> None:
        worker = self.workers[who]
        positions = {
            key: END if key in worker.ended else str(at) for key, at in worker.positions.items()
        }
        with suppress(SourceUnavailable):
            done(worker.tenancy.leave(positions))
        self.workers[who] = self.fresh()

    @rule(before=st.sampled_from([0.0, 4.0, 12.0]), after=st.sampled_from([0.0, 4.0, 12.0]))
    def slow_down(self, before: float, after: float) -> None:
        self.store.slow_request, self.store.slow_answer = before, after

    @rule(answered=st.booleans())
    def cut(self, answered: bool) -> None:
        self.store.lost, self.store.unanswered = answered, not answered

    @rule(made=st.booleans())
    def throttle(self, made: bool) -> None:
        self.store.throttled = (made,)

    @invariant()
    def no_shard_is_worked_on_twice(self) -> None:
        count = Counter(key for worker in self.workers for key in worker.active())
        assert all(number == 1 for number in count.values()), count

    @invariant()
    def positions_never_go_back(self) -> None:
        for row in done(self.store.leases(GROUP, KEYS)):
            at = float("inf") if row.finished else float(row.position)
            assert at >= self.kept[row.key], row
            self.kept[row.key] = at

    def teardown(self) -> None:
        """Once all is well, everything is read by somebody, evenly, and short shards end."""
        if not hasattr(self, "workers"):
            return
        self.slow_down(0.0, 0.0)
        self.store.lost = self.store.unanswered = False
        self.store.throttled = ()
        for _ in range(60):
            for worker in self.workers:
                worker.attend()
                worker.work()
                worker.finish_leaving()
            self.no_shard_is_worked_on_twice()
            self.positions_never_go_back()
            self.time.now += PERIOD / 4
        rows = {row.key: row for row in done(self.store.leases(GROUP, KEYS))}
        loads = [len(worker.active()) for worker in self.workers]
        assert {key for key, row in rows.items() if row.finished} == {"short1", "short2", "short3"}
        assert sum(loads) == 5
        assert max(loads) - min(loads) <= 1, loads


Sharing.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
test_leases_keep_their_promises = Sharing.TestCase


@pytest.fixture
def time() -> Time:
    return Time()


def workers(time: Time, count: int, rows: Sequence[Lease]) -> list[Worker]:
    store = BadStore(time)
    done(store.create(GROUP, rows))
    return [Worker(f"r{index}", store) for index in range(count)]


def stored(worker: Worker) -> dict[str, Lease]:
    return {row.key: row for row in done(worker.store.leases(GROUP, KEYS))}


def test_one_replica_takes_everything_at_once(time: Time) -> None:
    (alone,) = workers(time, 1, ROWS[:3])
    alone.attend()
    assert alone.active() == {"long0", "long1", "long2"}


def test_a_dead_replica_is_taken_over_after_one_period_and_not_before(time: Time) -> None:
    dead, heir = workers(time, 2, ROWS[:1])
    dead.attend()
    heir.attend()
    time.now += PERIOD * 0.95
    heir.attend()
    assert not heir.active()
    assert not dead.active()
    time.now += PERIOD * 0.1
    heir.attend()
    assert heir.active() == {"long0"}


def test_a_lease_runs_from_before_its_write_and_not_from_the_answer(time: Time) -> None:
    owner, heir = workers(time, 2, ROWS[:1])
    owner.attend()
    owner.store.slow_answer, owner.store.meanwhile = 5.0, heir.attend
    owner.attend()
    time.now += 5.0
    heir.attend()
    assert heir.active()
    assert not owner.active()


def test_a_newcomer_waits_until_the_former_owner_has_finished(time: Time) -> None:
    first, second = workers(time, 2, ROWS[:2])
    first.attend()
    second.attend()
    assert not second.active()
    first.work()
    first.attend()
    (stopped,) = first.stopped
    assert len(first.tenancy.working()) == 1
    first.finish_leaving()
    second.attend()
    assert second.positions == {stopped: 1}


def leaving(time: Time) -> tuple[Worker, Worker, str]:
    """Return two replicas, and the key of a lease that the first shall hand over to the second."""
    first, second = workers(time, 2, ROWS[:2])
    first.attend()
    second.attend()
    first.work()
    first.attend()
    (row,) = first.tenancy.leaving()
    second.attend()  # a sign of life since the first one has read the lease
    return first, second, row.key


def test_a_lease_is_handed_over_though_its_new_owner_renews_at_the_same_pace(time: Time) -> None:
    first, _, key = leaving(time)
    assert done(first.tenancy.hand_over(key, "1"))


def test_a_replica_that_goes_hands_over_though_the_new_owner_has_renewed(time: Time) -> None:
    first, second, key = leaving(time)
    done(first.tenancy.leave({key: "1"}))
    second.attend()
    assert second.positions[key] == 1


def test_a_replica_that_goes_hands_over_what_was_taken_since_it_looked(time: Time) -> None:
    first, second = workers(time, 2, ROWS[:2])
    first.attend()
    first.work()
    second.attend()
    keys = [row.key for row in ROWS[:2]]
    done(first.tenancy.leave(dict.fromkeys(keys, "1")))
    second.attend()
    assert second.positions == dict.fromkeys(keys, 1)


def test_a_former_owner_that_hangs_is_waited_for_one_period(time: Time) -> None:
    first, second = workers(time, 2, ROWS[:2])
    first.attend()
    second.attend()
    for _ in range(3):
        time.now += PERIOD / 4
        second.attend()
        assert not second.active()
    time.now += PERIOD / 4
    second.attend()
    assert second.active()
    assert not first.active()


def test_a_thief_that_leaves_again_lets_nobody_begin_too_early(time: Time) -> None:
    first, second, third = workers(time, 3, ROWS[:2])
    first.attend()
    second.attend()
    done(second.tenancy.leave({}))
    third.attend()
    assert len(first.active()) == 2
    assert not third.active()


def test_a_theft_whose_answer_is_lost_still_waits_for_the_former_owner(time: Time) -> None:
    first, second = workers(time, 2, ROWS[:2])
    first.attend()
    second.store.unanswered = True
    second.attend()
    second.attend()
    assert len(first.active()) == 2
    assert not second.active()


@pytest.mark.parametrize("made", [True, False])
def test_a_lease_that_goes_unanswered_is_not_counted_as_renewed(time: Time, made: bool) -> None:
    (alone,) = workers(time, 1, ROWS[:3])
    alone.attend()
    time.now += PERIOD / 4
    alone.store.throttled = (made,)
    alone.attend()
    time.now += PERIOD * 0.7
    assert len(alone.active()) == 2
    alone.attend()
    assert len(alone.active()) == 3


def test_a_position_that_moved_is_written_between_renewals(time: Time) -> None:
    (alone,) = workers(time, 1, ROWS[:2])
    alone.attend()
    alone.positions["long1"] = 5
    before = stored(alone)
    alone.note()
    after = stored(alone)
    assert after["long0"] == before["long0"]
    assert after["long1"] == replace(
        before["long1"], position="5", counter=before["long1"].counter + 1
    )


def test_a_position_that_is_written_is_a_sign_of_life(time: Time) -> None:
    (alone,) = workers(time, 1, ROWS[:2])
    alone.attend()
    time.now += PERIOD / 2
    alone.positions["long1"] = 5
    alone.note()
    time.now += PERIOD / 2
    assert alone.active() == {"long1"}


def test_a_position_is_not_written_for_a_shard_that_another_replica_waits_for(time: Time) -> None:
    first, second = workers(time, 2, ROWS[:2])
    first.attend()
    second.attend()
    first.attend()
    (leaving,) = first.tenancy.leaving()
    first.work()
    before = stored(first)[leaving.key]
    assert done(first.tenancy.note({leaving.key: "1"}))
    assert stored(first)[leaving.key] == before


@pytest.mark.parametrize("made", [True, False])
def test_a_store_that_throttles_positions_is_told_of(time: Time, made: bool) -> None:
    (alone,) = workers(time, 1, ROWS[:3])
    alone.attend()
    alone.store.throttled = (made,)
    assert not done(alone.tenancy.note({row.key: "1" for row in ROWS[:3]}))
    assert done(alone.tenancy.note({"long0": "1"}))


def test_a_child_waits_for_both_parents_of_a_merge() -> None:
    parents = [Lease("a", "0"), Lease("b", "0")]
    child = Lease("c", "0", ("a", "b"))
    half = [replace(parents[0], position=END), parents[1], child]
    whole = [replace(parent, position=END) for parent in parents]
    assert [row.key for row in eligible([*parents, child])] == ["a", "b"]
    assert [row.key for row in eligible(half)] == ["b"]
    assert eligible([*whole, child]) == [child]


def test_a_parent_without_a_lease_is_past() -> None:
    child = Lease("c", "0", ("gone",))
    assert eligible([child]) == [child]
