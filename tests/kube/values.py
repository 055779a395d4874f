"""Values of every kind of field, right, wrong and nearly so."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.kube.admission import KINESIS
from tests.unit.api.mistakes import FEEDS

FIELDS = {
    "handler": ("Function", "{function: x, runtime: python3.11, handler: %s}"),
    "checksum": ("Function", "{function: x, runtime: python3.11, handler: a.b, checksum: %s}"),
    "runtime": ("Function", "{function: x, handler: a.b, runtime: %s}"),
    "function timeout": ("Function", "{function: x, handler: a.b, runtime: go1, timeout: %s}"),
    "host": ("HTTPTrigger", "{function-name: f, host-name: %s}"),
    "path": ("HTTPTrigger", "{function-name: f, path: %s}"),
    "method": ("HTTPTrigger", "{function-name: f, methods: [%s]}"),
    "size": ("HTTPTrigger", "{function-name: f, bodyLimit: %s}"),
    "duration": ("HTTPTrigger", "{function-name: f, delivery: {backoffDelay: %s}}"),
    "time": ("HTTPTrigger", "{function-name: f, delivery: {timeout: %s}}"),
    "reason": ("HTTPTrigger", "{function-name: f, delivery: {retryOn: [%s]}}"),
    "url": ("HTTPTrigger", "{function-name: f, delivery: {deadLetter: {http: %s}}}"),
    "schedule": ("CronJobTrigger", "{function-name: f, schedule: %s}"),
    "topic": ("KafkaTrigger", f"{{{FEEDS}, topic: %s}}"),
    "broker": ("KafkaTrigger", f"{{{FEEDS}, topic: a, brokers: [%s]}}"),
    "start": ("KafkaTrigger", f"{{{FEEDS}, topic: a, startFrom: timestamp, startTime: %s}}"),
    "subject": ("NATSTrigger", f"{{{FEEDS}, topic: %s}}"),
    "fed back": ("NATSTrigger", f"{{{FEEDS}, topic: a.*.>, delivery: "
                                "{deadLetter: {nats: %s}}}"),
    "servers": ("NATSTrigger", f"{{{FEEDS}, topic: a, url: %s}}"),
    "durable": ("NATSTrigger", f"{{{FEEDS}, topic: a, jetstream: {{durable: %s}}}}"),
    "region": ("KinesisTrigger", "{function-name: f, stream: s, aws-region: %s}"),
    "secret": ("KinesisTrigger", f"{{{KINESIS}, secret: %s}}"),
}  # fmt: skip
SEEDS = (
    "", "a", "a.b", "a.b.c.d", ".", "..", "a..b", "*", "a.*", ">", "a.>", "a>", "A-b_c", "é",
    " a ", "a b", "a\tb", "a\nb", "/a", "a/../b", "?", "#", "0", "5", "-5", ".5", "1.", "1.5s",
    "2m", "PT2S", "P", "PT", "P1DT", "1h30m", "5µs", "3d", "0s", "0.0", "512k", "1Mi", "0Ki",
    "1MB", "GET", "get", "connect", "503", "200", "5xx", "http://a", "https://a:80/b?c@d",
    "http://a:0", "http://a:99999", "http://u:p@h", "ftp://a", "http://", "http://[::1]:80",
    "nats://a", "nats://a, tls://b:4222", "nats://a,", "nats://u@a", "kafka:9092", "kafka:0",
    "kafka:70000", "kafka", "u@kafka:1", "[::1]:9092", "*/5 * * * *", "@daily", "@", "* * * *",
    "TZ=UTC 0 0 * * *", "TZ=UTC @daily", "2026-01-31T12:00:00Z", "2026-01-31",
    "2026-13-01T00:00:00Z", "2026-01-31 12:00:00.5+01:00", "python3.11", "go", "3.11",
    "eu-west-1", "eu", "sha256:" + "a" * 64, "sha256:a", "*.example.com", "EXAMPLE.com", "x" * 60,
    "x" * 300, "'", '"', "\\", "{}", "$x", "a:b", "\x7f", "\u2028",
)  # fmt: skip
NUMBERS = (-1, 0, 1, 503)
TAKES_NUMBERS = frozenset({"size", "duration", "time", "reason"})


def values(field: str, seeds: int, mutants: int) -> Iterator[object]:
    """Some seeds and some of their children, the same in each run."""
    source = random.Random(field)
    yield from source.sample(SEEDS, seeds)
    yield from NUMBERS if field in TAKES_NUMBERS else ()
    for _ in range(mutants):
        yield _mutated(source)


def _mutated(source: random.Random) -> str:
    """Cut two texts and join them, so that what is nearly right comes up."""
    one, other = source.choice(SEEDS), source.choice(SEEDS)
    return one[: source.randint(0, len(one))] + other[source.randint(0, len(other)) :]
