import random
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.retry import RetryPolicy, too_old
from gateway.errors import AttemptTimeout, NoEndpoint, SinkUnavailable
from tests.support.events import delivery, event
from tidegate.api.subscription import DeliveryPolicy


def policy(**fields: object) -> RetryPolicy:
    return RetryPolicy(DeliveryPolicy(jitter=0, **fields), random.Random(1).random)  # type: ignore[arg-type]


@pytest.mark.parametrize(("attempts", "delay"), [(1, 0.2), (2, 0.4), (3, 0.8), (40, 60.0)])
@pytest.mark.regression("Fission: tries again without a pause")
def test_exponential_backoff_doubles_up_to_the_maximum(attempts: int, delay: float) -> None:
    assert policy().delay(attempts) == pytest.approx(delay)


def test_linear_backoff_adds() -> None:
    assert policy(backoff="linear").delay(3) == pytest.approx(0.6)


def test_retry_after_is_kept_but_never_longer_than_the_maximum() -> None:
    assert policy().delay(1, retry_after=7) == 7
    assert policy(backoff_max=5).delay(1, retry_after=7) == 5


@pytest.mark.regression("Knative: delays have no jitter, so that all come back at once")
def test_jitter_stays_within_its_share() -> None:
    retry = RetryPolicy(DeliveryPolicy(jitter=0.5, backoff_delay=1), random.Random(7).random)
    delays = [retry.delay(1) for _ in range(200)]
    assert min(delays) >= 0.5
    assert max(delays) <= 1.5
    assert max(delays) - min(delays) > 0.5


@pytest.mark.parametrize(
    ("retry", "attempts", "over"), [(0, 1, True), (2, 2, False), (2, 3, True), (-1, 10**6, False)]
)
def test_retry_counts_the_attempts_after_the_first(retry: int, attempts: int, over: bool) -> None:
    tried = delivery()
    tried.attempts = attempts
    assert policy(retry=retry).exhausted(tried) is over


def test_an_attempt_at_nothing_is_not_charged() -> None:
    assert not policy().charges(NoEndpoint("no process"))
    assert policy().charges(SinkUnavailable("refused"))


def test_a_passed_deadline_is_covered_by_policy_and_an_answered_408_by_its_status() -> None:
    passed, answered = AttemptTimeout("no answer"), AttemptTimeout("answered 408", status=408)
    assert policy().covers(passed)
    assert not policy(retry_timeout=False).covers(passed)
    assert policy(retry_timeout=False).covers(answered)
    assert policy(retry_timeout=False).covers(SinkUnavailable("refused"))


def test_age_is_told_by_the_event_itself() -> None:
    old = (datetime.now(UTC) - timedelta(seconds=90)).isoformat()
    assert too_old(event(time=old), 60)
    assert not too_old(event(time=old), 120)
    assert too_old(event(time="2020-01-01T00:00:00"), 60)
    assert not too_old(event(time=None), 0)
    assert not too_old(event(time="not a time"), 0)
