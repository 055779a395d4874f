"""The times of a schedule, daylight saving included. `tidegate.api.schedule` makes them.

The times are those that robfig/cron v3 computes, which Kubernetes' CronJob uses, also where a
clock change leaves room for taste: a local time that the clock jumps over does not run, one that
comes twice runs twice. Two oddities are kept for the sake of equal times: in a zone whose clock
jumps over midnight, a search by day may pass over that day, and a search by hour walks on into it
without looking at the day again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_HORIZON = 12
"""Years to search: leap days are at most eight apart, and a clock change may skip one."""


class ScheduleError(ValueError):
    """A schedule that cannot be read, or that would never fire. Says what to write instead."""


class Schedule(ABC):
    """An endless row of times, each a whole second."""

    __slots__ = ()

    @abstractmethod
    def next(self, after: datetime) -> datetime:
        """Return the first time later than `after` (which must be aware), in UTC.

        Raises `ScheduleError` when there is none before the calendar ends in the year 9999.
        """

    @abstractmethod
    def anchored(self) -> Schedule:
        """Return this schedule with times that do not depend on where one begins to count.

        Only `@every` differs: its times become the multiples of its interval since 1970, so
        that whoever computes them, whenever they started, computes the same ones.
        """

    def until(self, after: datetime, end: datetime) -> Iterator[datetime]:
        """Yield the times later than `after` and not later than `end`, oldest first."""
        at = self.next(after)
        while at <= end:
            yield at
            at = self.next(at)


@dataclass(frozen=True, slots=True)
class IntervalSchedule(Schedule):
    """`@every`: a fixed number of seconds after the time before."""

    interval: int
    since_epoch: bool = False

    def next(self, after: datetime) -> datetime:
        at = _seconds(after)
        begun = at - at % self.interval if self.since_epoch else at
        return _moment(begun + self.interval, after)

    def anchored(self) -> Schedule:
        return IntervalSchedule(self.interval, since_epoch=True)


@dataclass(frozen=True, slots=True)
class FieldSchedule(Schedule):
    """The five fields. Each is a set of numbers, kept as the bits of an integer."""

    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    either_day: bool
    """Both day fields are restricted: a day that matches one of them is enough."""
    zone: tzinfo

    def next(self, after: datetime) -> datetime:
        at = _seconds(after)
        try:
            cursor = _Cursor(at + 1, self.zone)
            last_year = cursor.wall.year + _HORIZON
            while cursor.wall.year <= last_year:
                if self._seek(cursor):
                    return _moment(cursor.at, after)
        except (OverflowError, ValueError) as error:
            raise _exhausted(after) from error
        raise _exhausted(after)

    def anchored(self) -> Schedule:
        return self

    def _seek(self, cursor: _Cursor) -> bool:
        """Move on to the next match; False when a larger field has to be looked at again."""
        return (
            self._seek_month(cursor)
            and self._seek_day(cursor)
            and self._seek_hour(cursor)
            and self._seek_minute(cursor)
            and _seek_second(cursor)
        )

    def _seek_month(self, cursor: _Cursor) -> bool:
        while not self.months >> cursor.wall.month & 1:
            cursor.floor_month()
            cursor.add_month()
            if cursor.wall.month == 1:
                return False
        return True

    def _seek_day(self, cursor: _Cursor) -> bool:
        while not self._is_day(cursor.wall):
            cursor.floor_day()
            cursor.add_day()
            if cursor.wall.day == 1:
                return False
        return True

    def _seek_hour(self, cursor: _Cursor) -> bool:
        while not self.hours >> cursor.wall.hour & 1:
            cursor.floor_hour()
            cursor.advance(3600)
            if cursor.wall.hour == 0:
                return False
        return True

    def _seek_minute(self, cursor: _Cursor) -> bool:
        while not self.minutes >> cursor.wall.minute & 1:
            cursor.floor_minute()
            cursor.advance_minutes(_distance(self.minutes, cursor.wall.minute))
            if cursor.wall.minute == 0:
                return False
        return True

    def _is_day(self, wall: datetime) -> bool:
        day = self.days >> wall.day & 1
        weekday = self.weekdays >> wall.isoweekday() % 7 & 1
        return bool(day | weekday) if self.either_day else bool(day & weekday)


def _seek_second(cursor: _Cursor) -> bool:
    if not cursor.wall.second:
        return True
    cursor.moved = True
    cursor.advance(60 - cursor.wall.second)
    return False


def _distance(minutes: int, minute: int) -> int:
    """Return how many minutes it is to the next one wanted, or to the full hour."""
    ahead = minutes >> minute + 1
    return (ahead & -ahead).bit_length() if ahead else 60 - minute


class _Cursor:
    """A place in time with the wall clock that hangs there.

    Steps through hours and minutes are steps in real time; steps through days and months are
    steps on the calendar, which then has to be found again in real time. `moved` tells that
    the smaller fields have been set to their beginning.
    """

    __slots__ = ("at", "moved", "wall", "zone")

    def __init__(self, at: int, zone: tzinfo) -> None:
        self.zone = zone
        self.moved = False
        self._go(at)

    def advance(self, seconds: int) -> None:
        self._go(self.at + seconds)

    def advance_minutes(self, minutes: int) -> None:
        """Advance by `minutes` at once unless the clock is set in between: then by one."""
        offset, start = self.wall.utcoffset(), self.at
        self.advance(60 * minutes)
        if self.wall.utcoffset() != offset:
            self._go(start + 60)

    def floor_month(self) -> None:
        if not self.moved:
            self._floor(self._naive().replace(day=1, hour=0, minute=0, second=0))

    def floor_day(self) -> None:
        if not self.moved:
            self._floor(self._naive().replace(hour=0, minute=0, second=0))

    def floor_hour(self) -> None:
        if not self.moved:
            self._floor(self._naive().replace(minute=0, second=0))

    def floor_minute(self) -> None:
        """As the other floors, but in real time: a minute is never ambiguous."""
        if not self.moved:
            self.moved = True
            self._go(self.at - self.at % 60)

    def _floor(self, wall: datetime) -> None:
        self.moved = True
        self._find(wall)

    def add_month(self) -> None:
        wall = self._naive()
        years, month = divmod(wall.month, 12)
        first = wall.replace(year=wall.year + years, month=month + 1, day=1)
        self._find(first + timedelta(days=wall.day - 1))

    def add_day(self) -> None:
        """Go to the next day's midnight, or near it where the clock jumps over midnight."""
        start = self.at
        self._find(self._naive() + timedelta(days=1))
        hour = self.wall.hour
        if hour:
            self.advance(3600 * (24 - hour if hour > 12 else -hour))
        if self.at <= start:
            self._go(start + 86400)  # the calendar leaves a day out; robfig/cron hangs here

    def _naive(self) -> datetime:
        return self.wall.replace(tzinfo=None, fold=0)

    def _find(self, wall: datetime) -> None:
        """Go to where the clock shows `wall`; in a gap or an overlap, as Go's `time.Date`."""
        utc = (wall - _NAIVE_EPOCH) // timedelta(seconds=1)
        self._go(utc - self._offset(utc - self._offset(utc)))

    def _offset(self, at: int) -> int:
        offset = _wall(at, self.zone).utcoffset()
        return 0 if offset is None else offset // timedelta(seconds=1)

    def _go(self, at: int) -> None:
        self.at = at
        self.wall = _wall(at, self.zone)


def _wall(at: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at, zone)


def _seconds(after: datetime) -> int:
    """Return whole seconds since 1970, the fraction cut off."""
    if after.tzinfo is None:
        raise ValueError(f"computing the time after {after}: it has no time zone; give it one")
    return (after - _EPOCH) // timedelta(seconds=1)


def _moment(at: int, after: datetime) -> datetime:
    """Return `at` in UTC; `after` is named when the calendar ends before it."""
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError) as error:
        raise _exhausted(after) from error


def _exhausted(after: datetime) -> ScheduleError:
    return ScheduleError(f"no time of this schedule comes after {after.isoformat()}")
