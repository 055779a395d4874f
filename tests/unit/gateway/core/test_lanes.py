from hypothesis import given
from hypothesis import strategies as st

from gateway.core.delivery import Delivery
from gateway.core.lanes import Lanes
from tests.support.events import delivery
from tidegate.api.subscription import Ordering


def taken(lanes: Lanes) -> list[str]:
    out: list[Delivery] = []
    while (one := lanes.take()) is not None:
        out.append(one)
    return [one.event.id for one in out]


def test_one_key_is_serial_and_others_go_on() -> None:
    lanes = Lanes(Ordering.KEY)
    first = delivery("a1", key="a")
    for one in (first, delivery("a2", key="a"), delivery("b1", key="b")):
        lanes.enter(one)

    assert taken(lanes) == ["a1", "b1"]
    lanes.leave(first)
    assert taken(lanes) == ["a2"]


def test_a_retry_holds_back_its_own_key_only() -> None:
    lanes = Lanes(Ordering.KEY)
    first = delivery("a1", key="a")
    lanes.enter(first)
    lanes.enter(delivery("a2", key="a"))
    assert taken(lanes) == ["a1"]

    lanes.again(first)
    assert taken(lanes) == ["a1"]


def test_records_without_a_key_are_serial_per_partition() -> None:
    lanes = Lanes(Ordering.KEY)
    for one in (delivery("1", partition=0), delivery("2", partition=0), delivery("3", partition=1)):
        lanes.enter(one)
    assert taken(lanes) == ["1", "3"]


def test_without_ordering_nothing_waits() -> None:
    lanes = Lanes(Ordering.NONE)
    for one in (delivery("1", key="a"), delivery("2", key="a")):
        lanes.enter(one)
    assert taken(lanes) == ["1", "2"]


def test_clearing_returns_all_that_is_queued_and_nothing_taken() -> None:
    lanes = Lanes(Ordering.KEY)
    for id in ("a1", "a2", "a3"):
        lanes.enter(delivery(id, key="a"))
    lanes.take()
    assert [one.event.id for one in lanes.clear()] == ["a2", "a3"]
    assert len(lanes) == 0


def test_withdrawing_takes_from_the_queue_and_passes_the_lane_on() -> None:
    lanes = Lanes(Ordering.KEY)
    queue = {id: delivery(id, key=id[0]) for id in ("a1", "a2", "a3", "b1", "b2")}
    for one in queue.values():
        lanes.enter(one)
    assert lanes.take() is queue["a1"]

    gone = lanes.withdraw({queue[id] for id in ("a1", "a2", "b1")})
    assert {one.event.id for one in gone} == {"a2", "b1"}
    assert (len(lanes), taken(lanes)) == (2, ["b2"])
    lanes.leave(queue["a1"])
    assert taken(lanes) == ["a3"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_every_lane_stays_in_order_and_holds_one_taken(steps: list[tuple[str, bool]]) -> None:
    lanes = Lanes(Ordering.KEY)
    working: dict[object, Delivery] = {}
    order: dict[object, list[int]] = {}
    for number, (key, work) in enumerate(steps):
        lanes.enter(delivery(str(number), key=key))
        if work and (one := lanes.take()) is not None:
            assert one.key not in working
            working[one.key] = one
            order.setdefault(one.key, []).append(int(one.event.id))
        elif working:
            lanes.leave(working.pop(next(iter(working))))
    for numbers in order.values():
        assert numbers == sorted(numbers)
