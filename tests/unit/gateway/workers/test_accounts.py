"""The books of several workers are one set of books."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.core.delivery import Outcome
from gateway.core.progress import Progress, State
from gateway.workers.accounts import Accounts
from gateway.workers.tally import tally_of
from tests.support.events import subscription
from tidegate.api.subscription import KafkaTopic

ONE = subscription()


def progress(received: int, delivered: int, **other: Any) -> Progress:
    """Return what a worker has to say; the rest of what it received is in flight."""
    one = Progress(state=State.RUNNING, **other)
    one.books.received = received
    one.books.outcomes[Outcome.DELIVERED] = delivered
    one.books.holding = lambda: received - delivered
    return one


def row(one: Progress, *, number: int = 0, ended: bool = False, id: str = ONE.id) -> dict[str, Any]:
    """Return a line of a report."""
    return {"id": id, "number": number, "ended": ended, "tally": tally_of(one)}


def accounts(*parts: Progress) -> Accounts:
    """Return accounts of `ONE` with a report from each worker."""
    books = Accounts()
    books.want([ONE])
    for place, one in enumerate(parts):
        books.report(place, [row(one)])
    return books


def total(books: Accounts) -> Progress:
    """Return the sum of the only subscription."""
    ((_, progress),) = books.rows()
    return progress


def test_counters_and_what_is_in_flight_are_added() -> None:
    first, second = progress(10, 7, restarts=1, parked=2), progress(5, 5, restarts=2, parked=1)
    first.durations.observe(0.002)
    second.durations.observe(20.0)
    second.attempts["success"] = 5
    together = total(accounts(first, second))
    assert (together.books.received, together.books.outcomes[Outcome.DELIVERED]) == (15, 12)
    assert (together.books.in_flight, together.books.drift) == (3, 0)
    assert (together.restarts, together.parked, together.attempts["success"]) == (3, 3, 5)
    assert together.durations.counts == [0, 1, *[0] * 9, 1, 0]
    assert together.durations.sum == 20.002


def test_the_worst_is_what_is_shown() -> None:
    first = progress(0, 0, breaker="open", last_error="no")
    second = progress(0, 0)
    second.state, second.reason = State.BACKING_OFF, "the broker is away"
    together = total(accounts(first, second))
    assert (together.state, together.reason) == (State.BACKING_OFF, "the broker is away")
    assert (together.breaker, together.last_error) == ("open", "no")


def test_a_lag_that_all_see_is_not_added_and_one_that_is_split_is() -> None:
    parts = progress(0, 0, lag_events=5, lag_seconds=2.0), progress(0, 0, lag_events=7)
    assert total(accounts(*parts)).lag_events == 7
    assert total(accounts(*parts)).lag_seconds == 2.0
    topic = replace(ONE, source=KafkaTopic("orders", "group"))
    books = Accounts()
    books.want([topic])
    for place, one in enumerate(parts):
        books.report(place, [row(one)])
    assert total(books).lag_events == 12


def test_the_most_silent_watched_source_counts() -> None:
    parts = progress(0, 0, last_polled=5.0, watched=True), progress(0, 0, last_polled=9.0)
    together = total(accounts(*parts))
    assert (together.last_polled, together.watched) == (5.0, True)


def test_a_lost_worker_takes_no_count_back_and_what_it_held_is_released() -> None:
    books = accounts(progress(10, 7, parked=1, restarts=1), progress(5, 5))
    together = total(books)
    books.lost(0)
    assert (together.books.received, together.books.outcomes[Outcome.DELIVERED]) == (15, 12)
    assert (together.books.outcomes[Outcome.RELEASED], together.books.in_flight) == (3, 0)
    assert (together.books.drift, together.parked, together.restarts) == (0, 0, 1)
    books.report(0, [row(progress(2, 2))])
    books.lost(0)
    assert (together.books.received, together.books.drift) == (17, 0)


def test_drifts_do_not_make_each_other_good() -> None:
    more, less = progress(3, 3), progress(3, 3)
    more.books.holding, less.books.holding = lambda: 1, lambda: -1
    books = accounts(more, less)
    assert total(books).books.drift == 2
    assert total(books).snapshot().books.drift == 2
    books.lost(0)
    books.lost(1)
    assert total(books).books.outcomes[Outcome.RELEASED] == 0, "nothing is invented to balance"


def test_without_a_worker_a_subscription_is_starting() -> None:
    books = accounts(progress(1, 1))
    books.lost(0)
    assert total(books).state is State.STARTING
    assert total(accounts()).state is State.STARTING


def test_a_removed_subscription_is_counted_to_its_end_and_then_forgotten() -> None:
    books = accounts(progress(4, 2), progress(4, 4))
    together = total(books)
    books.want([])
    assert books.rows() == []
    books.report(0, [row(progress(4, 4), ended=True)])
    books.report(1, [row(progress(4, 4), ended=True)])
    assert (together.books.received, together.books.in_flight) == (8, 0)
    books.want([ONE])
    assert total(books).books.received == 0


def test_a_subscription_that_comes_back_while_it_drains_goes_on() -> None:
    books = accounts(progress(4, 2))
    together = total(books)
    books.want([])
    books.want([ONE])
    books.report(0, [row(progress(4, 4), ended=True), row(progress(1, 1), number=1)])
    assert total(books) is together
    assert together.books.received == 5


def test_rows_of_unknown_subscriptions_are_left_aside() -> None:
    books = accounts()
    books.report(0, [row(progress(1, 1), id="default/Trigger/gone/hello")])
    assert total(books).books.received == 0


def test_each_worker_has_its_own_count_of_what_it_received() -> None:
    books = accounts(progress(4, 2), progress(3, 3))
    assert (books.received(0), books.received(1), books.received(2)) == (4, 3, 0)
