from hypothesis import given
from hypothesis import strategies as st

from gateway.core.checkpoint import Checkpoint


def test_the_watermark_waits_for_the_oldest_unsettled_position() -> None:
    checkpoint = Checkpoint[int](limit=10)
    first, second = checkpoint.track(5), checkpoint.track(9)

    assert not checkpoint.resolve(second)
    assert checkpoint.watermark is None
    assert checkpoint.resolve(first)
    assert checkpoint.watermark == 9


def test_nothing_moves_after_the_partition_was_revoked() -> None:
    checkpoint = Checkpoint[int](limit=10)
    mark = checkpoint.track(1)
    checkpoint.revoke()

    assert not checkpoint.resolve(mark)
    assert checkpoint.watermark is None


def test_a_stuck_head_fills_the_window_and_says_so() -> None:
    checkpoint = Checkpoint[int](limit=3)
    marks = [checkpoint.track(position) for position in range(3)]
    checkpoint.resolve(marks[2])

    assert checkpoint.full
    assert checkpoint.open_positions() == [0, 1]


@given(st.data())
def test_the_watermark_is_the_last_position_of_the_settled_prefix(data: st.DataObject) -> None:
    positions = sorted(data.draw(st.sets(st.integers(0, 1000), min_size=1, max_size=30)))
    checkpoint = Checkpoint[int](limit=100)
    marks = [checkpoint.track(position) for position in positions]
    done: set[int] = set()
    for index in data.draw(st.permutations(range(len(positions)))):
        checkpoint.resolve(marks[index])
        done.add(index)
        prefix = next((i for i in range(len(positions)) if i not in done), len(positions))
        assert checkpoint.watermark == (positions[prefix - 1] if prefix else None)
        assert checkpoint.pending == len(positions) - prefix
