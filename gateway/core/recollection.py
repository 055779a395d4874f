"""What is remembered of decisions, put so that people and programs can read it. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.core.decisions import Decision, Decisions, Pending, key_digest
from gateway.core.delivery import Outcome
from gateway.core.event import CloudEvent
from gateway.core.progress import Progress
from gateway.core.redaction import all_redacted
from gateway.core.trail import Step
from gateway.core.verdict import LONGEST_VALUE, Verdict
from tidegate.api.subscription import Subscription

Row = dict[str, Any]
MOST_ROWS = 1000

_NAMES = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")


@dataclass(frozen=True, slots=True)
class Question:
    """Whose decisions are asked for. What is empty is not asked."""

    namespace: str = ""
    trigger: str = ""
    kind: str = ""
    function: str = ""
    event: str = ""
    limit: int = 100

    def about(self, subscription: Subscription) -> bool:
        """Tell whether `subscription` is meant."""
        pairs = (
            (self.namespace, subscription.namespace),
            (self.trigger, subscription.trigger),
            (self.kind, subscription.kind),
            (self.function, subscription.function),
        )
        return all(wanted in ("", there) for wanted, there in pairs)


class Recollection:
    """Reads the ring of one subscription."""

    def __init__(self, subscription: Subscription, progress: Progress) -> None:
        self._subscription = subscription
        self._decisions: Decisions = progress.decisions
        self._progress = progress
        self._wall = time.time() - progress.clock()

    def reach(self) -> Row:
        """Return how far back the ring reaches, and how the subscription does."""
        since = self._decisions.full_since()
        return {
            **self._names(),
            "since": None if since is None else self.moment(since),
            "state": self._progress.state.value,
            "reason": self._progress.reason,
            "breaker": self._progress.breaker,
        }

    def rows(self, question: Question, now_pending: Iterable[Pending] = ()) -> Iterator[Row]:
        """Yield what `question` asks for: first what has not ended, then the newest."""
        for one in now_pending:
            if question.event in ("", one.decision.head[0]):
                yield {**self.row(one.decision), "state": one.state}
        for decision in self._decisions:
            if question.event in ("", decision.head[0]):
                yield self.row(decision)

    def row(self, decision: Decision) -> Row:
        """Return one decision. Field names are stable."""
        steps = [self._step(one) for one in decision.trail or ()]
        delivered = decision.outcome is Outcome.DELIVERED
        cold = any(step["result"] == "noEndpoint" for step in steps)
        failed = [step for step in steps if step["error"]]
        verdict = decision.verdict or decision.terms.verdict(read(decision.head))
        return {
            **self._names(),
            "event": attributes(decision.head),
            "key": None if decision.key is None else _digest(decision.key),
            "partition": _text(decision.partition),
            "position": _text(decision.position),
            "receivedAt": self.moment(decision.received_at),
            "settledAt": None if decision.outcome is None else self.moment(decision.at),
            "outcome": None if decision.outcome is None else decision.outcome.value,
            "state": "ended",
            "filter": verdict_row(verdict),
            "attempts": decision.attempts,
            "status": (decision.status or None) if delivered else _last_status(failed),
            "seconds": round(decision.took, 6),
            "coldStart": cold,
            "breaker": self._breaker_during(decision),
            "steps": steps,
            "stepsLeftOut": 0 if decision.trail is None else decision.trail.left_out,
            "error": failed[-1]["error"] if failed else "",
        }

    def moment(self, at: float) -> str:
        """Return a time of the subscription's clock as RFC 3339."""
        when = datetime.fromtimestamp(self._wall + at, UTC)
        return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _names(self) -> Row:
        one = self._subscription
        return {
            "subscription": one.id,
            "namespace": one.namespace,
            "kind": one.kind,
            "trigger": one.trigger,
            "function": one.function,
        }

    def _step(self, step: Step) -> Row:
        return {
            "at": self.moment(step.at),
            "what": step.what,
            "result": step.result,
            "status": step.status,
            "error": step.error,
            "seconds": round(step.seconds, 6),
            "breaker": step.breaker,
        }

    def _breaker_during(self, decision: Decision) -> str:
        """Return `open` when the breaker was so at any time between the event's coming and end."""
        end = decision.at
        state, during = "closed", set()
        for at, changed in self._decisions.breaker or ():
            if at > end:
                break
            if at >= decision.received_at:
                during.add(state)
            state = changed
        during.add(state)
        return next((one for one in ("open", "halfOpen") if one in during), "closed")


def attributes(head: tuple[Any, ...]) -> dict[str, str]:
    """Return the attributes of an event that are shown: no credentials, and none without end."""
    known = {name: text for name, text in zip(_NAMES, head, strict=False) if text is not None}
    every = all_redacted({**known, **head[7]})
    return {name: text[:LONGEST_VALUE] for name, text in every.items()}


def read(head: tuple[Any, ...]) -> Any:
    """Return how to read the attributes of an event that was kept without its payload."""
    return CloudEvent(*head).attribute


def verdict_row(verdict: Verdict) -> Row:
    """Return what a filter said. Field names are stable."""
    clauses: list[Mapping[str, Any]] = [asdict(one) for one in verdict.because]
    return {"matched": verdict.matched, "because": clauses}


def _text(place: object) -> str | None:
    return None if place is None else str(place)[:LONGEST_VALUE]


def _digest(key: object) -> str:
    known = isinstance(key, str) and key.startswith("sha256:")
    return str(key) if known else key_digest(key)


def _last_status(failed: list[Row]) -> int | None:
    return next((one["status"] for one in reversed(failed) if one["status"]), None)
