"""Whether a run kept what the gateway promises. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.orders import Order

SHOWN = 5
"""Examples that a complaint names."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that the function took, and when."""

    order: Order
    time: float


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A fault, which may be the cause of `limit` repetitions: so many orders were in flight.

    Whatever was taken before its `end` may be one of them, however long before: an order is in
    flight until its source has written that it ended.
    """

    name: str
    begin: float
    end: float
    limit: int

    def explains(self, first: float, again: float) -> bool:
        """Whether an order that was taken at `first` may be taken once more."""
        return first <= self.end and again >= self.begin


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a gateway. `drift` and `in_flight` are None where it did not tell them."""

    process: int
    resident: int
    drift: float | None = None
    in_flight: float | None = None
    """Orders that have not ended, or whose end is not written."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a run is held to, beside losing nothing."""

    strays: int | None = 0
    """Orders that may be taken for the first time after a later one of their key; None: all."""

    letters_repeated: int = 0
    """Dead letters that may be written twice: those under way when a gateway was killed."""

    in_flight: int | None = None
    """Orders that a gateway may have in flight at any look."""

    resident: int = 160 << 20
    """Bytes of memory that no gateway may exceed."""

    growth: int | None = None
    """Bytes by which the second half of a gateway's life may exceed the first."""


@dataclass(frozen=True, slots=True)
class Run:
    """What happened."""

    published: Sequence[Order]
    poison: frozenset[Order]
    taken: Sequence[Taken]
    letters: Sequence[Order]
    disturbances: Sequence[Disturbance] = ()
    samples: Sequence[Sample] = field(default_factory=list)

    @property
    def repeats(self) -> int:
        """How many calls took an order that had been taken."""
        return len(self.taken) - len({one.order for one in self.taken})

    @property
    def strays(self) -> list[Order]:
        """The orders that were first taken after a later one of their key."""
        newest: dict[str, int] = defaultdict(lambda: -1)
        found = []
        for order in dict.fromkeys(one.order for one in self.taken):
            if order.number < newest[order.key]:
                found.append(order)
            else:
                newest[order.key] = order.number
        return found

    @property
    def resident(self) -> int:
        """The most memory that a gateway had."""
        return max((one.resident for one in self.samples), default=0)

    @property
    def in_flight(self) -> float:
        """The most orders that a gateway was seen to have in flight."""
        return max((one.in_flight for one in self.samples if one.in_flight is not None), default=0)

    @property
    def growth(self) -> int:
        """By how much the second half of a gateway's life exceeded the first, at most."""
        lives: dict[int, list[int]] = defaultdict(list)
        for one in self.samples:
            lives[one.process].append(one.resident)
        return max(map(_growth, lives.values()), default=0)


def complaints(run: Run, promise: Promise) -> list[str]:
    """Return a sentence for each promise that `run` broke."""
    return [sentence for check in _CHECKS for sentence in check(run, promise)]


def _loss(run: Run, _: Promise) -> Iterator[str]:
    ended = {one.order for one in run.taken}.union(run.letters)
    lost = [order for order in run.published if order not in ended]
    if lost:
        yield f"{len(lost)} orders were lost: {_some(lost)}"
    invented = ended.difference(run.published)
    if invented:
        yield f"{len(invented)} orders came that nobody published: {_some(invented)}"


def _condemned(run: Run, _: Promise) -> Iterator[str]:
    wrong = [order for order in run.letters if order not in run.poison]
    if wrong:
        yield f"{len(wrong)} dead letters are no poison: {_some(wrong)}"


def _letters(run: Run, promise: Promise) -> Iterator[str]:
    repeated = len(run.letters) - len(set(run.letters))
    if repeated > promise.letters_repeated:
        yield f"{repeated} dead letters were repeated, {promise.letters_repeated} may be"


def _order(run: Run, promise: Promise) -> Iterator[str]:
    strays = run.strays
    if promise.strays is not None and len(strays) > promise.strays:
        yield (
            f"{len(strays)} orders came after a later one of their key, {promise.strays} may: "
            f"{_some(strays)}"
        )


def _repetition(run: Run, _: Promise) -> Iterator[str]:
    wrong = [
        f"{one.order.key}/{one.order.number} at {one.first:.3f} and {one.again:.3f}"
        for one in _repetitions(run)
        if _latest_cause(run, one) is None
    ]
    if wrong:
        yield f"{len(wrong)} repetitions have no cause: {'; '.join(wrong[:SHOWN])}"


def _excess(run: Run, _: Promise) -> Iterator[str]:
    for cause, count in repetitions_by_cause(run).items():
        if cause is not None and count > cause.limit:
            yield f"{count} orders were repeated since {cause.name}, {cause.limit} may be"


def repetitions_by_cause(run: Run) -> Counter[Disturbance | None]:
    """Count the repetitions for each fault that may be the cause; None: there is none.

    What lies between two takings is often more than one fault: a gateway that is killed before it
    has caught up leaves what the one before it had in flight, too. Each fault takes as many as it
    may have caused, of those that no later one explains first; what is left is the latest one's.
    """
    counted: Counter[Disturbance | None] = Counter()
    left = sorted(_repetitions(run), key=lambda one: one.again)
    for fault in sorted(run.disturbances, key=lambda one: one.begin):
        its = [one for one in left if fault.explains(one.first, one.again)][: fault.limit]
        counted[fault] += len(its)
        left = [one for one in left if one not in set(its)]
    counted.update(_latest_cause(run, one) for one in left)
    return counted


@dataclass(frozen=True, slots=True)
class _Repetition:
    """An order that was taken again: when it was taken before, and when again."""

    order: Order
    first: float
    again: float


def _repetitions(run: Run) -> Iterator[_Repetition]:
    last: dict[Order, float] = {}
    for order, time in ((one.order, one.time) for one in run.taken):
        if order in last:
            yield _Repetition(order, last[order], time)
        last[order] = time


def _latest_cause(run: Run, repetition: _Repetition) -> Disturbance | None:
    causes = (one for one in run.disturbances if one.explains(repetition.first, repetition.again))
    return max(causes, key=lambda one: one.begin, default=None)


def _balance(run: Run, _: Promise) -> Iterator[str]:
    off = {one.drift for one in run.samples} - {None, 0.0}
    if off:
        yield f"the books were off by {sorted(off, key=str)}"
    if all(one.drift is None for one in run.samples):
        yield "nobody could read the books"


def _crowd(run: Run, promise: Promise) -> Iterator[str]:
    most = run.in_flight
    if promise.in_flight is not None and most > promise.in_flight:
        yield f"a gateway had {most:.0f} orders in flight, {promise.in_flight} are allowed"


def _memory(run: Run, promise: Promise) -> Iterator[str]:
    if run.resident > promise.resident:
        yield f"a gateway had {mebibytes(run.resident)}, {mebibytes(promise.resident)} are allowed"
    if promise.growth is not None and run.growth > promise.growth:
        yield f"memory grew by {mebibytes(run.growth)}, {mebibytes(promise.growth)} are allowed"


_CHECKS = (_loss, _condemned, _letters, _order, _repetition, _excess, _balance, _crowd, _memory)


def _growth(life: Sequence[int]) -> int:
    middle = len(life) // 2
    return max(life[middle:]) - max(life[:middle]) if middle else 0


def _some(orders: Iterable[Order]) -> str:
    counted = Counter(orders)
    names = [f"{order.key}/{order.number}" for order in sorted(counted)[:SHOWN]]
    return ", ".join(names) + (" and others" if len(counted) > SHOWN else "")


def mebibytes(size: int) -> str:
    """Return `size` for people."""
    return f"{size / (1 << 20):.0f} MiB"
