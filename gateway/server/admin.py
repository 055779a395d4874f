"""Health and metrics for operators and for Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

import orjson
from aiohttp import web
from yarl import URL

from gateway.core.progress import Progress, State
from tidegate.admin import AdminServer, Measured
from tidegate.api.subscription import Subscription

MOST_ROWS = 1000
"""Subscriptions in one answer; its header `Link` says where the next ones are, by their ids."""

LONGEST_TEXT = 500
"""Characters of a sentence about one subscription: a report must not grow with an error."""


Notes = Callable[[Subscription], Mapping[str, object]]
"""What else is known of a subscription; who composes a gateway may know more than it does."""


class Health(Measured, Protocol):
    """What the admin server asks of the gateway."""

    def problems(self) -> list[str]:
        """Return why the process should be restarted; empty when it works."""
        ...

    def ready(self) -> bool:
        """Return whether calls may be sent here."""
        ...

    def subscriptions(self) -> list[tuple[Subscription, Progress]]:
        """Return what runs."""
        ...

    @property
    def notes(self) -> Notes:
        """What to say of a subscription beside its progress."""
        ...


def nothing(_: Subscription) -> Mapping[str, object]:
    """Say nothing."""
    return {}


class Admin(AdminServer):
    """`/livez`, `/readyz`, `/metrics` and `/subscriptions`.

    `extend` may add routes before `start` (the laptop's control API does).
    """

    def __init__(self, health: Health, extend: Callable[[web.Application], None] | None) -> None:
        super().__init__(health)
        self._health = health
        self.add_probe("/livez", health.problems)
        self.add_probe("/readyz", lambda: [] if health.ready() else ["not ready"])
        self.application.router.add_get("/subscriptions", self._subscriptions)
        if extend is not None:
            extend(self.application)

    async def _subscriptions(self, request: web.Request) -> web.Response:
        after, notes = request.query.get("after", ""), self._health.notes
        found = [each for each in self._health.subscriptions() if each[0].id > after]
        found.sort(key=lambda each: each[0].id)
        page, headers = found[:MOST_ROWS], {}
        if len(found) > len(page):
            following = URL("/subscriptions").with_query(after=page[-1][0].id)
            headers["link"] = f'<{following}>; rel="next"'
        rows = [{**row(one, progress), **notes(one)} for one, progress in page]
        body = orjson.dumps(rows)
        return web.Response(body=body, headers=headers, content_type="application/json")


def row(subscription: Subscription, progress: Progress) -> dict[str, object]:
    """Return one subscription as the admin API shows it. Field names are stable."""
    books = progress.books
    return {
        "id": subscription.id,
        "namespace": subscription.namespace,
        "kind": subscription.kind,
        "name": subscription.trigger,
        "trigger": subscription.trigger,
        "function": subscription.function,
        "state": progress.state.value,
        "reason": _short(progress.reason or _trouble(progress)),
        "received": books.received,
        "inFlight": books.in_flight,
        "drift": books.drift,
        "waiting": progress.waiting,
        "parked": progress.parked,
        "uncommitted": progress.uncommitted,
        "breaker": progress.breaker,
        "lagEvents": progress.lag_events,
        "lagSeconds": progress.lag_seconds,
        "parts": progress.parts,
        "lastEvent": _moment(progress),
        "lastScheduleTime": progress.fired or None,
        "lost": progress.lost,
        "restarts": progress.restarts,
        "lastError": _short(progress.last_error),
        **{outcome.value: count for outcome, count in books.outcomes.items()},
    }


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _moment(progress: Progress) -> str | None:
    """Return when the last event came, as RFC 3339; None when none came yet."""
    if progress.last_received is None:
        return None
    ago = timedelta(seconds=progress.clock() - progress.last_received)
    return (datetime.now(UTC) - ago).isoformat(timespec="seconds").replace("+00:00", "Z")


def _trouble(progress: Progress) -> str:
    if progress.state is not State.RUNNING:
        return ""
    if progress.unwritten:
        return f"{progress.unwritten} dead letters not written: {progress.last_error}"
    if progress.parked:
        return f"{progress.parked} parked: {progress.last_error}"
    if progress.unwritable:
        return f"{progress.uncommitted} ended and not committed: {progress.unwritable}"
    return ""
