"""Prepares replays of what this gateway runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from gateway.context import Context
from gateway.core.dead_letter import Letter
from gateway.dead_letters import DeadLetters
from gateway.errors import ConfigError
from gateway.named import fed_by
from gateway.replay.answers import Remember
from gateway.replay.letters import LettersLog
from gateway.replay.log import Log
from gateway.replay.replay import Leg, Plan, Replay
from gateway.replay.request import ReplayRequest, request_from_json
from tidegate.api.subscription import OnExhausted, Ordering, Subscription

LOGS: Mapping[str, str] = {
    "kafka": "gateway.replay.kafka:TopicLog",
    "kinesis": "gateway.replay.kinesis:ShardsLog",
    "nats": "gateway.replay.nats:StreamLog",
}
"""Source name -> import string of a class that takes (subscription, context, window)."""

RETRIES = 10
"""Of a replay under a policy that tries without end: somebody waits for this one to end."""


class Replays:
    """Finds what a request means among the subscriptions that run here."""

    def __init__(
        self,
        subscriptions: Callable[[], Iterable[Subscription]],
        context: Context,
        letters: DeadLetters,
        remember: Remember,
    ) -> None:
        self._subscriptions = subscriptions
        self._context = context
        self._letters = letters
        self._remember = remember

    def prepared(self, body: Mapping[str, Any]) -> Replay:
        """Return the replay that a request asks for, ready to run.

        Raises `ValueError` for a wrong request, `NotRunning` for a trigger that is not here, and
        `ConfigError` for one of which nothing can be replayed.
        """
        request = request_from_json(body, datetime.now(UTC))
        found = fed_by(request, self._subscriptions())
        fed = found if not request.target else [replace(found[0], function=request.target)]
        for one in fed:
            self._check_takes_calls(one)
        legs = [self._leg(request, one, found) for one in fed]
        plan = Plan(f"replay-{secrets.token_hex(6)}", request, legs)
        return Replay(plan, self._context, self._remember)

    def _check_takes_calls(self, subscription: Subscription) -> None:
        key = (subscription.namespace, subscription.function)
        if not self._context.endpoints.ready(key):
            raise ConfigError(
                f"no process of function {'/'.join(key)} takes calls, so nothing can be replayed "
                "to it; correct its name, or mend it"
            )

    def _leg(
        self, request: ReplayRequest, subscription: Subscription, live: Sequence[Subscription]
    ) -> Leg:
        if request.from_dead_letters:
            log = self._letters_log(request, subscription, live)
        else:
            log = self._source_log(request, live[0])
        rivals = tuple(one.function for one in live) if request.target else ()
        return Leg(_prepared(subscription, request), log, rivals or (subscription.function,))

    def _source_log(self, request: ReplayRequest, live: Subscription) -> Callable[[], Log]:
        if live.source_name not in LOGS:
            raise ConfigError(
                f"{live.kind} {live.namespace}/{live.trigger}: there is no log of its events to "
                "replay; replay its dead letters"
            )
        module, _, name = LOGS[live.source_name].partition(":")
        kind: Callable[..., Log] = getattr(import_module(module), name)
        return lambda: kind(live, self._context, request.window)

    def _letters_log(
        self, request: ReplayRequest, subscription: Subscription, live: Sequence[Subscription]
    ) -> Callable[[], Log]:
        ids = {one.id for one in live} if request.target else {subscription.id}
        store = self._letters.store(live[0])

        def wanted(letter: Letter) -> bool:
            return letter.subscription in ids

        return lambda: LettersLog(store(), wanted, request.window)


def _prepared(subscription: Subscription, request: ReplayRequest) -> Subscription:
    """Return `subscription` with a policy under which everything ends.

    The age of an event is no reason to fail it: it is old by intention. Letters have passed the
    trigger's filter, and have no order any more.
    """
    policy, letters = subscription.policy, request.from_dead_letters
    if request.dead_letter and policy.dead_letter is None:
        raise ConfigError(
            f"{subscription.id} has no delivery.deadLetter, so what fails cannot go there; set "
            "one, or leave deadLetter out"
        )
    policy = replace(
        policy,
        retry=policy.retry if policy.retry >= 0 else RETRIES,
        max_age=None,
        concurrency=request.concurrency or policy.concurrency,
        ordering=Ordering.NONE if letters else policy.ordering,
        dead_letter=policy.dead_letter if request.dead_letter else None,
        on_exhausted=OnExhausted.DEAD_LETTER if request.dead_letter else OnExhausted.DROP,
    )
    filters = request.filters if letters else (*subscription.filters, *request.filters)
    return replace(subscription, policy=policy, filters=filters)
