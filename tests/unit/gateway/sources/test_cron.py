"""Cron ticks: at their times, once decided never lost, always with the same id."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.context import Context
from gateway.core.delivery import Delivery, Outcome
from gateway.core.ledger import Ledger
from gateway.core.shared import Shared
from gateway.errors import ConfigError
from gateway.http.endpoints import Endpoints
from gateway.http.routes import RouteTable
from gateway.settings import Settings
from gateway.sources.cron import CronSource
from gateway.sources.cron.source import LEDGER_NAME
from gateway.sources.cron.ticks import newest
from gateway.sources.cron.timer import SchedulerTimer
from gateway.stores.memory import MemoryLedger
from gateway.stores.sqlite import SqliteLedger
from tests.support.clock import MINUTE, NOON, Clock, rest
from tidegate.api.schedule import parse
from tidegate.api.subscription import ConcurrencyPolicy, CronSchedule, MissedRuns, Subscription


class RecordingIntake:
    """A dispatcher's side that keeps what it is given; the test settles it."""

    def __init__(self, credit: int = 1000, auto: Outcome | None = None) -> None:
        self.credit = credit
        self.taken: list[Delivery] = []
        self.fired: str | None = None
        self._auto = auto
        self._room = asyncio.Event()

    def known(self, *, parts: int | None = None, fired: str | None = None) -> None:
        self.fired = fired

    def push(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self.taken.append(delivery)
            self.credit -= 1
            if self._auto is not None:
                delivery.settle(self._auto)

    async def room(self) -> None:
        self._room.clear()
        await self._room.wait()

    def make_room(self, credit: int) -> None:
        self.credit = credit
        self._room.set()

    def cancel(self, delivery: Delivery) -> None:
        delivery.settle(Outcome.DROPPED)

    def release(self, deliveries: Iterable[Delivery]) -> None: ...

    def polled(self) -> None: ...

    def lag(self, events: int | None = None, seconds: float | None = None) -> None: ...

    def lost(self, events: int) -> None: ...

    @property
    def subjects(self) -> list[str]:
        return [str(delivery.event.subject)[11:16] for delivery in self.taken]

    @property
    def ids(self) -> list[str]:
        return [delivery.event.id for delivery in self.taken]


class NoSecrets:
    def read(self, namespace: str, name: str) -> dict[str, bytes]:
        raise ConfigError(f"{namespace}/{name}")


def subscription(schedule: str = "* * * * *", **spec: Any) -> Subscription:
    return Subscription("shop", "CronJobTrigger", "night", "clean", CronSchedule(schedule, **spec))


def context(ledger: Ledger) -> Context:
    return Context(Settings(), NoSecrets(), ledger, Shared(), RouteTable(), Endpoints())


@asynccontextmanager
async def running(
    clock: Clock, intake: RecordingIntake, ledger: Ledger, wanted: Subscription
) -> AsyncIterator[CronSource]:
    """Run a source; leaving the block kills it: nothing is closed."""
    source = CronSource(wanted, context(ledger), now=clock.read, opener=clock.open)
    task = asyncio.create_task(source.run(intake), name="cron under test")
    await rest()
    try:
        yield source
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ticks_after(
    missed: timedelta, wanted: Subscription, before: Subscription | None = None
) -> RecordingIntake:
    """Run `before` up to noon, be away for `missed`, run `wanted`; return what that one pushed."""
    clock, ledger = Clock(), MemoryLedger()
    async with running(clock, RecordingIntake(), ledger, before or wanted):
        pass
    await clock.jump(missed)
    intake = RecordingIntake(auto=Outcome.DELIVERED)
    async with running(clock, intake, ledger, wanted):
        return intake


@pytest.fixture(autouse=True)
def caught_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO, "gateway.sources.cron")
    yield


async def test_a_tick_comes_at_each_nominal_time() -> None:
    clock, intake = Clock(), RecordingIntake(auto=Outcome.DELIVERED)
    async with running(clock, intake, MemoryLedger(), subscription("*/5 * * * *")):
        await clock.pass_time(timedelta(minutes=16))
    assert intake.subjects == ["12:05", "12:10", "12:15"]
    assert intake.fired is not None and intake.fired.endswith("T12:15:00Z")


async def test_a_tick_tells_its_nominal_and_its_actual_time() -> None:
    clock, intake = Clock(), RecordingIntake()
    wanted = subscription(payload=b'{"a":1}')
    async with running(clock, intake, MemoryLedger(), wanted):
        await clock.jump(timedelta(seconds=63))
    event = intake.taken[0].event
    assert event.id == "shop/night/2026-03-02T12:01:00Z"
    assert event.source == "/apis/kubeless.io/v1beta1/namespaces/shop/cronjobtriggers/night"
    assert (event.type, event.time, event.subject) == (
        "io.kubeless.cronjobtrigger.tick",
        "2026-03-02T12:01:00Z",
        "2026-03-02T12:01:00Z",
    )
    assert event.extensions == {"recordedtime": "2026-03-02T12:01:03Z"}
    assert (event.datacontenttype, event.data) == ("application/json", b'{"a":1}')


@pytest.mark.regression("Kubeless: the payload of a tick is part of a shell command")
async def test_a_payload_is_nothing_but_bytes() -> None:
    payload = b"it's \"$(touch /tmp/x)\"; `id` \\ \n' ; exit 1 #"
    clock, intake = Clock(), RecordingIntake()
    async with running(clock, intake, MemoryLedger(), subscription(payload=payload)):
        await clock.jump(MINUTE)
    assert intake.taken[0].event.data == payload


async def test_the_uid_names_the_trigger_when_there_is_one() -> None:
    clock, intake = Clock(), RecordingIntake()
    async with running(clock, intake, MemoryLedger(), replace(subscription(), uid="u-1")):
        await clock.jump(MINUTE)
    assert intake.ids == ["u-1/2026-03-02T12:01:00Z"]


async def test_the_first_start_catches_nothing_up_but_a_crash_after_it_does() -> None:
    intake = await ticks_after(timedelta(minutes=3), subscription(missed_runs=MissedRuns.ALL))
    assert intake.subjects == ["12:01", "12:02", "12:03"]


async def test_latest_fires_the_last_missed_tick_only(caplog: pytest.LogCaptureFixture) -> None:
    intake = await ticks_after(timedelta(minutes=30, seconds=20), subscription())
    assert intake.subjects == ["12:30"]
    assert "29 missed ticks are not fired, 1 are (missedRuns: latest" in caplog.text


async def test_skip_fires_none_of_the_missed_ticks(caplog: pytest.LogCaptureFixture) -> None:
    wanted = subscription(missed_runs=MissedRuns.SKIP)
    assert (await ticks_after(timedelta(seconds=601), wanted)).subjects == []
    assert "10 missed ticks are not fired" in caplog.text


async def test_all_fires_a_hundred_at_most_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    wanted = subscription(missed_runs=MissedRuns.ALL)
    intake = await ticks_after(timedelta(minutes=130), wanted)
    assert (len(intake.taken), intake.subjects[0], intake.subjects[-1]) == (100, "12:31", "14:10")
    assert [r.levelname for r in caplog.records if "30 missed ticks" in r.message] == ["ERROR"]


async def test_a_year_away_is_counted_no_further_than_needed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wanted = subscription(missed_runs=MissedRuns.ALL)
    intake = await ticks_after(timedelta(days=365), wanted)
    assert (len(intake.taken), intake.subjects[-1]) == (100, "12:00")
    assert "more than 500 missed ticks" in caplog.text


async def test_a_tick_older_than_the_starting_deadline_is_not_fired() -> None:
    wanted = subscription(missed_runs=MissedRuns.ALL, starting_deadline=150.0)
    intake = await ticks_after(timedelta(minutes=10), wanted)
    assert intake.subjects == ["12:08", "12:09", "12:10"]


async def test_a_suspended_trigger_ticks_not_and_is_not_caught_up() -> None:
    suspended = subscription(suspend=True)
    assert (await ticks_after(timedelta(minutes=5), suspended)).taken == []
    resumed = subscription(missed_runs=MissedRuns.ALL)
    assert (await ticks_after(timedelta(minutes=5), resumed, suspended)).taken == []


async def test_a_changed_schedule_starts_anew() -> None:
    wanted = subscription("*/2 * * * *", missed_runs=MissedRuns.ALL)
    assert (await ticks_after(timedelta(minutes=5), wanted, subscription("@daily"))).taken == []


async def test_a_new_trigger_of_the_same_name_starts_anew() -> None:
    first, second = (replace(subscription(), uid=uid) for uid in ("u-1", "u-2"))
    assert (await ticks_after(timedelta(minutes=5), second, first)).taken == []


@pytest.mark.regression("Knative: a tick has another id at each attempt to send it")
async def test_a_tick_under_way_at_a_crash_comes_again_with_its_id(tmp_path: Path) -> None:
    path, clock, wanted = tmp_path / "ledger", Clock(), subscription(missed_runs=MissedRuns.SKIP)
    before, after = RecordingIntake(), RecordingIntake()
    first = SqliteLedger(path)
    async with running(clock, before, first, wanted):
        for count in (1, 2):
            await until(lambda: clock.armed)
            await clock.jump(MINUTE)
            await until(lambda count=count: len(before.taken) == count)
    second = SqliteLedger(path)
    async with running(clock, after, second, wanted):
        await until(lambda: len(after.taken) == 2)
    await first.close()
    await second.close()
    assert after.ids == before.ids


async def until(ready: Callable[[], bool]) -> None:
    """Wait for what a thread or the real clock has a part in."""
    async with asyncio.timeout(5):
        while not ready():  # noqa: ASYNC110  # nothing there sets an event
            await asyncio.sleep(0.002)


async def test_settled_ticks_do_not_come_again_though_an_older_one_does() -> None:
    clock, ledger, before = Clock(), MemoryLedger(), RecordingIntake()
    async with running(clock, before, ledger, subscription()):
        await clock.pass_time(3 * MINUTE)
        before.taken[1].settle(Outcome.DELIVERED)
        before.taken[2].settle(Outcome.DEAD_LETTERED)
        await rest()
    after = RecordingIntake()
    async with running(clock, after, ledger, subscription()):
        assert after.subjects == ["12:01"]


async def test_what_is_settled_after_the_run_is_written_by_close() -> None:
    clock, ledger, before = Clock(), MemoryLedger(), RecordingIntake()
    async with running(clock, before, ledger, subscription()) as source:
        await clock.jump(MINUTE)
    before.taken[0].settle(Outcome.DELIVERED)
    await source.close()
    await source.close()
    after = RecordingIntake()
    async with running(clock, after, ledger, subscription()):
        assert after.taken == []


async def test_a_released_tick_comes_again() -> None:
    clock, intake = Clock(), RecordingIntake()
    async with running(clock, intake, MemoryLedger(), subscription()):
        await clock.jump(MINUTE)
        intake.taken[0].settle(Outcome.RELEASED)
        await rest()
        assert intake.subjects == ["12:01", "12:01"]


async def test_allow_runs_ticks_side_by_side() -> None:
    clock, intake = Clock(), RecordingIntake()
    async with running(clock, intake, MemoryLedger(), subscription()):
        await clock.pass_time(3 * MINUTE)
    assert intake.subjects == ["12:01", "12:02", "12:03"]


async def test_forbid_skips_ticks_while_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    clock, intake = Clock(), RecordingIntake()
    wanted = subscription(concurrency_policy=ConcurrencyPolicy.FORBID)
    async with running(clock, intake, MemoryLedger(), wanted):
        await clock.pass_time(3 * MINUTE)
        intake.taken[0].settle(Outcome.DELIVERED)
        await clock.jump(MINUTE)
    assert intake.subjects == ["12:01", "12:04"]
    assert caplog.text.count("(Forbid)") == 2


async def test_forbid_catches_up_one_after_the_other() -> None:
    wanted = subscription(concurrency_policy=ConcurrencyPolicy.FORBID, missed_runs=MissedRuns.ALL)
    clock, ledger, intake = Clock(), MemoryLedger(), RecordingIntake()
    async with running(clock, RecordingIntake(), ledger, wanted):
        pass
    await clock.jump(2 * MINUTE)
    async with running(clock, intake, ledger, wanted):
        assert intake.subjects == ["12:01"]
        intake.taken[0].settle(Outcome.DELIVERED)
        await rest()
        assert intake.subjects == ["12:01", "12:02"]


async def test_replace_drops_the_tick_that_still_runs() -> None:
    clock, intake = Clock(), RecordingIntake()
    wanted = subscription(concurrency_policy=ConcurrencyPolicy.REPLACE)
    async with running(clock, intake, MemoryLedger(), wanted):
        await clock.pass_time(2 * MINUTE)
    assert [delivery.outcome for delivery in intake.taken] == [Outcome.DROPPED, None]


async def test_a_full_intake_delays_a_tick_and_loses_none() -> None:
    clock, intake = Clock(), RecordingIntake(credit=0)
    async with running(clock, intake, MemoryLedger(), subscription()):
        await clock.pass_time(MINUTE)
        assert intake.taken == []
        intake.make_room(5)
        await rest()
        assert intake.subjects == ["12:01"]


async def test_a_clock_set_forward_counts_as_an_absence() -> None:
    clock, intake = Clock(), RecordingIntake(auto=Outcome.DELIVERED)
    async with running(clock, intake, MemoryLedger(), subscription()):
        await clock.jump(timedelta(hours=1))
        await clock.pass_time(MINUTE)
    assert intake.subjects == ["13:00", "13:01"]


async def test_a_clock_set_back_repeats_no_tick() -> None:
    clock, intake = Clock(), RecordingIntake(auto=Outcome.DELIVERED)
    async with running(clock, intake, MemoryLedger(), subscription("*/10 * * * *")):
        await clock.pass_time(timedelta(minutes=10))
        await clock.jump(-timedelta(minutes=5))
        await clock.pass_time(timedelta(minutes=16))
    assert intake.subjects == ["12:10", "12:20"]


async def test_a_record_from_the_future_is_told(caplog: pytest.LogCaptureFixture) -> None:
    await ticks_after(-timedelta(days=1), subscription())
    assert "ticks up to 2026-03-02T12:00:00Z are done, but the clock says 2026-03-01" in caplog.text


async def test_a_record_that_cannot_be_read_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clock, ledger, intake = Clock(), MemoryLedger(), RecordingIntake()
    await ledger.put(subscription().id, LEDGER_NAME, '{"uid": 3}')
    async with running(clock, intake, ledger, subscription()):
        await clock.jump(MINUTE)
    assert intake.subjects == ["12:01"]
    assert "their record cannot be read: the record lacks 'plan'" in caplog.text


async def test_an_hour_that_comes_twice_gives_ticks_with_ids_of_their_own() -> None:
    clock = Clock(datetime(2026, 11, 1, 4, 0, tzinfo=UTC))
    intake = RecordingIntake(auto=Outcome.DELIVERED)
    wanted = subscription("30 1 * * *", time_zone="America/New_York")
    async with running(clock, intake, MemoryLedger(), wanted):
        await until(lambda: clock.armed)
        await clock.pass_time(timedelta(hours=4))
    assert intake.subjects == ["05:30", "06:30"]
    assert len(set(intake.ids)) == 2


async def test_every_keeps_its_times_across_a_restart() -> None:
    clock, ledger, intake = Clock(), MemoryLedger(), RecordingIntake(auto=Outcome.DELIVERED)
    for _ in range(2):
        async with running(clock, intake, ledger, subscription("@every 7m")):
            await clock.pass_time(timedelta(minutes=10))
    nominal = [delivery.position for delivery in intake.taken]
    assert len(nominal) > 1
    assert all(isinstance(at, datetime) and at.timestamp() % 420 == 0 for at in nominal)


async def test_a_schedule_that_never_fires_is_the_users_to_mend() -> None:
    source = CronSource(subscription("0 0 31 2 *"), context(MemoryLedger()))
    with pytest.raises(ConfigError, match=r"shop/CronJobTrigger/night/clean: .*never fires"):
        await source.run(RecordingIntake())
    await source.close()


@pytest.mark.parametrize("expression", ["* * * * *", "* 0 * * *", "* * * 1 *", "@every 7s"])
def test_the_newest_times_are_those_of_a_full_walk(expression: str) -> None:
    schedule = parse(expression).anchored()
    since = NOON - timedelta(days=3)
    assert newest(schedule, since, NOON, 20) == list(schedule.until(since, NOON))[-20:]


async def test_the_timer_rings_at_its_time_and_at_once_for_the_past() -> None:
    timer, rung = SchedulerTimer(), asyncio.Queue[str]()
    now = datetime.now(UTC)
    timer.at(now + timedelta(seconds=0.2), lambda: rung.put_nowait("soon"))
    timer.at(now - timedelta(hours=1), lambda: rung.put_nowait("past"))
    timer.at(now + timedelta(seconds=0.1), lambda: rung.put_nowait("never"))()
    async with asyncio.timeout(5):
        assert [await rung.get(), await rung.get()] == ["past", "soon"]
    await timer.close()


async def test_a_cancelled_alarm_may_be_cancelled_after_it_rang() -> None:
    timer, rung = SchedulerTimer(), asyncio.Event()
    cancel = timer.at(datetime.now(UTC), rung.set)
    async with asyncio.timeout(5):
        await rung.wait()
    cancel()
    await timer.close()


async def test_a_trigger_ticks_on_the_real_clock() -> None:
    source = CronSource(subscription("@every 1s"), context(MemoryLedger()))
    intake = RecordingIntake(auto=Outcome.DELIVERED)
    task = asyncio.create_task(source.run(intake), name="cron under test")
    await until(lambda: len(intake.taken) >= 2)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await source.close()
    assert len(set(intake.ids)) == len(intake.ids)
