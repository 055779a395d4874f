"""Specs put together at random, of parts that agree with each other or do not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

Parts = dict[str, list[Any]]

TIME = "2026-01-31T12:00:00Z"
DELIVERY: Parts = {
    "retry": [0, 3],
    "retryOn": [[], ["5xx"]],
    "onExhausted": ["deadLetter", "park", "drop"],
    "deadLetter": [
        {}, {"nats": "a.b"}, {"kafka": "a"}, {"function": "f"}, {"nats": "x", "http": "http://a"},
    ],
    "backoffDelay": [1, "5s", "1h", "1d"],
    "backoffMax": [2, "1s", "1h", "PT1S"],
    "batch": [{}],
    "filter": [
        [], [{"exact": {"type": "a"}}], [{"exact": {}}], [{"all": []}],
        [{"exact": {"a": "b"}, "not": {}}],
    ],
}  # fmt: skip
SELECTORS = [
    {},
    {"matchExpressions": [{"key": "a", "operator": "In"}]},
    {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["a"]}, {"values": ["x"]}]},
]
PARTS: dict[str, Parts] = {
    "Function": {
        "handler": ["", "a.b"],
        "function": ["", "x"],
        "runtime": ["", "python3.11"],
        "timeout": ["", "5", 7],
        "deployment": [{}, {"spec": None}, *(
            {"spec": {"template": {"spec": {"containers": containers}}}}
            for containers in ([], [{"image": ""}], [{"image": "a"}], [{}, {"image": "a"}])
        )],
    },
    "HTTPTrigger": {
        "function-name": ["f", "g"],
        "host-name": ["", "a.b"],
        "tls": [True, False],
        "tls-secret": ["", "c"],
        "gateway": ["", "nginx"],
        "methods": [[], ["GET"]],
        "via": ["gateway", "function"],
        "gatewayRef": [{}, {"name": "x"}],
    },
    "CronJobTrigger": {
        "function-name": ["f"],
        "schedule": ["@daily", "TZ=UTC @daily"],
        "timeZone": ["UTC"],
        "mode": ["gateway", "cronjob"],
        "missedRuns": ["all", "latest"],
    },
    "KafkaTrigger": {
        "functionSelector": SELECTORS,
        "topic": ["a", "b"],
        "topics": [[], ["a"], ["c"]],
        "topicPattern": ["", "a.*"],
        "startFrom": ["earliest", "timestamp"],
        "startTime": [TIME],
    },
    "NATSTrigger": {
        "functionSelector": SELECTORS,
        "topic": ["a.b", "a.*", ">", "a.>", "$x.b"],
        "jetstream": [
            {"createStream": True}, {"createStream": True, "stream": "s"}, {"startSequence": 4},
            {"deliverPolicy": "byStartSequence"},
            {"deliverPolicy": "byStartTime", "startTime": TIME},
            {"filterSubjects": []}, {"filterSubjects": ["c.d"]}, {"filterSubjects": ["a.*"]},
        ],
    },
    "KinesisTrigger": {
        "function-name": ["f"],
        "aws-region": ["eu-west-1"],
        "stream": ["s"],
        "startingPosition": ["LATEST", "AT_TIMESTAMP"],
        "startingTime": [TIME],
    },
}  # fmt: skip


def specs(kind: str, count: int) -> Iterator[dict[str, Any]]:
    """Put specs together, the same in each run."""
    source = random.Random(kind)
    for _ in range(count):
        spec = _some(source, PARTS[kind], 0.7)
        if kind != "Function" and source.random() < 0.7:
            spec["delivery"] = _some(source, DELIVERY, 0.3)
        yield spec


def _some(source: random.Random, parts: Parts, share: float) -> dict[str, Any]:
    return {
        name: source.choice(values) for name, values in parts.items() if source.random() < share
    }
