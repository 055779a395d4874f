"""The numbers that a subscription publishes."""

from gateway.core.delivery import Outcome
from gateway.core.progress import BUCKETS, Books, Histogram, Progress


def test_a_duration_is_counted_in_the_bucket_that_holds_it() -> None:
    histogram = Histogram()
    for seconds in (0.0, BUCKETS[0], 0.2, BUCKETS[-1] + 1):
        histogram.observe(seconds)
    assert histogram.counts[0] == 2
    assert histogram.counts[BUCKETS.index(0.25)] == 1
    assert histogram.counts[-1] == 1
    assert histogram.sum == BUCKETS[0] + 0.2 + BUCKETS[-1] + 1


def test_the_drift_is_what_neither_ended_nor_is_held() -> None:
    books = Books(received=10, holding=lambda: 3)
    books.outcomes[Outcome.DELIVERED] = 4
    books.outcomes[Outcome.RELEASED] = 3
    assert (books.in_flight, books.drift) == (3, 0)
    books.received += 1
    assert books.drift == 1


def test_silence_is_the_time_since_the_broker_was_heard() -> None:
    progress = Progress(clock=lambda: 100.0)
    progress.last_polled = 70.0
    assert progress.silence() == 30.0
