"""What a durable consumer should be, and how an existing one differs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import ConfigError
from tidegate.api.subscription import JetStreamConsumer, NatsSubject

START_KEY = "tidegate-start"
"""Metadata of a consumer: the start that its trigger asked for. One that was deleted and made
anew starts where it was, so its own start no longer says."""

_FORBIDDEN = frozenset(" .*>/\\\t\r\n")
_UPDATED = ("ack_wait", "max_ack_pending", "max_deliver")
_SECOND = 1_000_000_000

Config = dict[str, Any]


def check_name(kind: str, name: str) -> None:
    """Raise `ConfigError` when `name` cannot name a stream or a consumer."""
    if not name or _FORBIDDEN & set(name):
        raise ConfigError(
            f"jetstream.{kind} {name!r}: no spaces, dots, wildcards or slashes are allowed"
        )


def filters_of(spec: NatsSubject, wanted: JetStreamConsumer) -> tuple[str, ...]:
    """Return the subjects that the consumer takes."""
    return wanted.filter_subjects or (spec.subject,)


def stream_name_for(subject: str) -> str:
    """Name the stream that is created for `subject`: its plain tokens, in capitals."""
    tokens = [token for token in subject.split(".") if token not in ("*", ">")]
    return "_".join(tokens).upper() or "EVENTS"


def desired_config(spec: NatsSubject, wanted: JetStreamConsumer) -> Config:
    """Return the configuration that creates the consumer of a trigger."""
    filters = filters_of(spec, wanted)
    config: Config = {
        "durable_name": wanted.durable,
        "name": wanted.durable,
        "description": "created by tidegate",
        "ack_policy": "explicit",
        "ack_wait": round(wanted.ack_wait * _SECOND),
        "max_ack_pending": wanted.max_ack_pending,
        "max_deliver": -1,
        "replay_policy": "instant",
        "metadata": {START_KEY: start_text(wanted)},
        **_start(wanted),
    }
    if len(filters) == 1:
        config["filter_subject"] = filters[0]
    else:
        config["filter_subjects"] = list(filters)
    return config


def resumed_config(config: Config, floor: int) -> Config:
    """Return `config` for a consumer that was deleted after it had settled up to `floor`."""
    kept = {key: value for key, value in config.items() if key != "opt_start_time"}
    return {**kept, "deliver_policy": "by_start_sequence", "opt_start_seq": floor + 1}


def drift(existing: Config, desired: Config) -> list[str]:
    """Return the fields in which `existing` differs and that the server can change."""
    fields = [key for key in _UPDATED if existing.get(key) != desired[key]]
    if existing.get("backoff"):
        # It would override ack_wait, which the gateway renews while a function runs.
        fields.append("backoff")
    if _filters(existing) != _filters(desired):
        fields.append("filter_subjects" if "filter_subjects" in desired else "filter_subject")
    return fields


def updated_config(existing: Config, desired: Config) -> Config:
    """Return `existing` with what may be changed as it is desired, the rest as it stands."""
    dropped = ("backoff", "filter_subject", "filter_subjects")
    merged = {key: value for key, value in existing.items() if key not in dropped}
    merged |= {key: desired[key] for key in _UPDATED}
    merged |= {key: value for key, value in desired.items() if key.startswith("filter_")}
    return merged


def check_same_start(existing: Config, desired: Config, wanted: JetStreamConsumer) -> None:
    """Raise `ConfigError` when the durable that exists can never become the one desired."""
    problem = _unchangeable(existing, desired, wanted)
    if problem:
        raise ConfigError(
            f"consumer {wanted.durable!r} exists and cannot be changed: {problem};"
            " delete the consumer or name another durable"
        )


def start_text(wanted: JetStreamConsumer) -> str:
    """Return where the trigger starts, as one word for people and for comparison."""
    detail = wanted.start_sequence if wanted.start_sequence is not None else wanted.start_time
    named = wanted.deliver_policy in ("by_start_sequence", "by_start_time")
    return f"{wanted.deliver_policy} {detail}" if named else wanted.deliver_policy


def _start(wanted: JetStreamConsumer) -> Config:
    start: Config = {"deliver_policy": wanted.deliver_policy}
    if wanted.deliver_policy == "by_start_sequence":
        start["opt_start_seq"] = wanted.start_sequence or 1
    if wanted.deliver_policy == "by_start_time":
        start["opt_start_time"] = wanted.start_time
    return start


def _unchangeable(existing: Config, desired: Config, wanted: JetStreamConsumer) -> str:
    if existing.get("deliver_subject"):
        return "it is a push consumer, a pull consumer is needed"
    if existing.get("ack_policy") != desired["ack_policy"]:
        return f"its ack_policy is {existing.get('ack_policy')}, explicit is needed"
    actual = _start_of(existing)
    if actual != start_text(wanted):
        return f"it starts at {actual!r}, the trigger asks for {start_text(wanted)!r}"
    return ""


def _start_of(existing: Config) -> str:
    metadata: Mapping[str, str] = existing.get("metadata") or {}
    if START_KEY in metadata:
        return metadata[START_KEY]
    policy = existing.get("deliver_policy", "all")
    detail = existing.get("opt_start_seq") or existing.get("opt_start_time")
    return f"{policy} {detail}" if detail else str(policy)


def _filters(config: Config) -> set[str]:
    one = config.get("filter_subject")
    return set(config.get("filter_subjects") or ()) | ({one} if one else set())
