import pytest

from gateway.core.breaker import Breaker, BreakerSettings, BreakerState
from gateway.core.delivery import Delivery, Outcome
from tests.support.events import delivery

SETTINGS = BreakerSettings(threshold=3, delay=1.0, delay_max=4.0)


def opened() -> tuple[Breaker, list[Delivery]]:
    breaker = Breaker(SETTINGS)
    failed = [delivery(str(number)) for number in range(3)]
    assert [breaker.failed(one) for one in failed] == [False, False, True]
    return breaker, failed


def test_one_event_that_always_fails_is_poison_and_opens_nothing() -> None:
    breaker, poison = Breaker(SETTINGS), delivery()
    assert not any(breaker.failed(poison) for _ in range(100))
    assert breaker.allowed(16) == 16


def test_a_success_between_says_that_the_system_works() -> None:
    breaker = Breaker(SETTINGS)
    for number in range(100):
        assert not breaker.failed(delivery(str(number)))
        breaker.succeeded()


def test_different_events_in_a_row_open_it_and_nothing_is_attempted() -> None:
    breaker, _ = opened()
    assert breaker.state is BreakerState.OPEN
    assert breaker.allowed(16) == 0


def test_the_failures_that_opened_it_are_forgiven() -> None:
    breaker = Breaker(SETTINGS)
    first = delivery("first")
    for one in (first, first, delivery("2"), delivery("3")):
        breaker.failed(one)
    assert breaker.forgiven()[first] == 2
    assert breaker.forgiven() == {}


def test_what_was_under_way_when_it_opened_is_forgiven_too() -> None:
    breaker, _ = opened()
    breaker.forgiven()
    late = delivery("late")
    assert not breaker.failed(late)
    assert breaker.forgiven() == {late: 1}


def test_one_event_probes_and_a_failed_probe_doubles_the_pause() -> None:
    breaker, _ = opened()
    pauses = []
    for _ in range(4):
        pauses.append(breaker.pause)
        breaker.probe()
        assert breaker.allowed(16) == 1
        assert breaker.failed(delivery())
    assert pauses == [1.0, 2.0, 4.0, 4.0]


def test_after_a_good_probe_the_concurrency_grows_from_one() -> None:
    breaker, _ = opened()
    breaker.probe()
    allowed = []
    for _ in range(6):
        breaker.succeeded()
        allowed.append(breaker.allowed(16))
    assert allowed == [1, 2, 4, 8, 16, 16]
    assert breaker.state is BreakerState.CLOSED


def test_what_came_back_to_its_source_counts_no_more() -> None:
    breaker = Breaker(SETTINGS)
    gone = delivery("gone")
    breaker.failed(gone)
    breaker.ended(gone, Outcome.RELEASED)
    assert not breaker.failed(delivery("2"))
    assert not breaker.failed(delivery("3"))
    assert breaker.failed(delivery("4"))


@pytest.mark.parametrize("outcome", [Outcome.DEAD_LETTERED, Outcome.DROPPED])
def test_events_that_are_given_up_one_after_another_open_it_too(outcome: Outcome) -> None:
    breaker = Breaker(SETTINGS)
    for id in ("1", "2"):
        one = delivery(id)
        assert not breaker.failed(one)
        breaker.ended(one, outcome)
        assert breaker.alert
    last = delivery("3")
    assert breaker.failed(last)
    assert breaker.forgiven() == {last: 1}


def test_a_success_forgets_what_was_given_up_before() -> None:
    breaker = Breaker(SETTINGS)
    for id in ("1", "2", "3", "4"):
        one = delivery(id)
        assert not breaker.failed(one)
        breaker.ended(one, Outcome.DEAD_LETTERED)
        breaker.succeeded()
    assert not breaker.alert
