"""A rate is kept over any length of time, whatever the events do between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.pace import BURST, Pace


@given(
    rate=st.floats(0.1, 10_000),
    pauses=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_no_stretch_of_time_has_more_than_the_rate_and_a_burst(
    rate: float, pauses: list[float]
) -> None:
    pace, now, times = Pace(rate), 100.0, []
    for pause in pauses:
        times.append(now)
        now += pace.spend(now) + pause
    burst = max(rate * BURST, 1.0)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            allowed = burst + (times[last] - start) * rate
            assert last - first + 1 <= allowed + 1e-6 * (1 + allowed)


def test_who_is_never_late_gets_the_whole_rate() -> None:
    pace, now = Pace(50.0), 0.0
    for _ in range(501):
        now += pace.spend(now)
    assert now <= 501 / 50 + 0.01


def test_no_rate_is_no_bound() -> None:
    pace = Pace(0)
    assert [pace.spend(0.0) for _ in range(1000)] == [0.0] * 1000
