"""What triggers are to each other, which none of them says by itself. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tidegate.api.subscription import KafkaTopic, NatsSubject, Subscription
from tidegate.cli.migrate.model import Change, Draft

_STREAM = ("stream", "aws-region", "endpoint")


def merge_shards(drafts: Iterable[Draft]) -> None:
    """Have one KinesisTrigger read all shards of a stream for a function, in place of one each.

    Where functions share the shards of a stream between them, that is meant, and stays.
    """
    streams: dict[tuple[str, ...], list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.kind == "KinesisTrigger" and draft.obj is not None and draft.spec.get("shard"):
            place = (str(draft.spec.get(key) or "") for key in _STREAM)
            streams[draft.namespace, *place].append(draft)
    for readers in streams.values():
        if len({each.spec.get("function-name") for each in readers}) == 1:
            _merge(readers)
        else:
            for each in readers:
                _keep_shard(each)


def _merge(readers: list[Draft]) -> None:
    first, *others = sorted(readers, key=lambda each: str(each.spec["shard"]))
    now = "all shards of the stream, also those that come of a split"
    first.change("spec.shard", str(first.spec.pop("shard")), now)
    for each in others:
        each.changes.clear()
        each.change("spec.shard", str(each.spec["shard"]), f"read by {first.title}; deleted")
        each.obj = None


def _keep_shard(draft: Draft) -> None:
    message = "is one of the shards that several functions share; a split leaves its halves unread"
    fix = "let one trigger without shard feed one function, if each record is for one of them"
    draft.task("spec.shard", message, fix)


def rival_schedules(drafts: Iterable[Draft]) -> None:
    """Tell of CronJobTriggers that shared a CronJob, so that only the last one written fired."""
    by_function: dict[tuple[str, str], list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.kind == "CronJobTrigger" and draft.obj is not None:
            by_function[draft.namespace, str(draft.spec.get("function-name"))].append(draft)
    for rivals in by_function.values():
        for each in rivals if len(rivals) > 1 else ():
            others = ", ".join(other.name for other in rivals if other is not each)
            message = f"Kubeless kept one schedule per function, its own or that of {others}"
            each.task(
                "spec.schedule", message, "delete what shall not fire: here each of them does"
            )


def kept_groups(wanted: Iterable[Subscription]) -> Iterable[Change]:
    """Yield the consumer groups and queue groups that go on as they are."""
    for each in wanted:
        title = f"{each.kind} {each.namespace}/{each.trigger}"
        match each.source:
            case KafkaTopic(group=group):
                now = "the same, so that its offsets carry over"
                yield Change(title, "consumer group", group, now)
            case NatsSubject(queue=queue):
                now = "the same, so that both share the messages while both run"
                yield Change(title, "queue group", queue, now)
