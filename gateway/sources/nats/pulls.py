"""How many messages were asked for and are still to come. Pure."""

from __future__ import annotations

_REMEMBERED = 64


class Pulls:
    """Turns credit into pull requests that overlap, and never asks beyond it.

    A request is worth sending when a quarter of the window is free, or when so little is left
    to work on that waiting would starve the lanes. The server fills open requests in turn and
    says nothing when one is full, so messages are counted over all of them; a request that
    ends early says how many it still owed.
    """

    def __init__(self, window: int) -> None:
        self.resize(window)
        self._count = 0
        self._first = 1
        self._batches: dict[int, int] = {}
        self.outstanding = 0

    def resize(self, window: int) -> None:
        """Set how many messages may be on their way at once."""
        self._window = max(window, 1)
        self._quantum = max(window // 4, 1)

    def wanted(self, credit: int, held: int) -> int:
        """Return how many to ask for now; 0 is "not yet"."""
        room = min(credit, self._window) - self.outstanding
        if room >= self._quantum or (room > 0 and held + self.outstanding < self._quantum):
            return room
        return 0

    def asked(self, batch: int) -> int:
        """Count a request for `batch` messages; return its number."""
        self._count += 1
        self._batches[self._count] = batch
        if len(self._batches) > _REMEMBERED:
            del self._batches[min(self._batches)]
        self.outstanding += batch
        return self._count

    def arrived(self, messages: int) -> None:
        """Count messages that came."""
        self.outstanding = max(self.outstanding - messages, 0)

    def ended(self, number: int, owed: int | None) -> int:
        """Note that the server ended a request early, `owed` messages before it was full.

        A server that does not say how many (before 2.9) owed at most the whole batch. Returns
        how many messages the request was for, 0 when that is not known any more.
        """
        batch = self._batches.pop(number, 0)
        if number >= self._first:
            self.outstanding = max(self.outstanding - (batch if owed is None else owed), 0)
        return batch

    def forget(self) -> None:
        """Note that no request made so far is open any more."""
        self._first = self._count + 1
        self._batches.clear()
        self.outstanding = 0
