"""What a NATS trigger and its Secret may say."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigError
from gateway.nats.connection import Server, check_url, redacted
from gateway.nats.credentials import Credentials, credentials_from_secret, tls_context
from gateway.sources.nats.consumer import (
    check_name,
    check_same_start,
    desired_config,
    drift,
    resumed_config,
    stream_name_for,
    updated_config,
)
from tidegate.api.subscription import JetStreamConsumer, NatsSubject


def config(**fields):
    wanted = JetStreamConsumer("hello", **fields)
    return desired_config(NatsSubject("orders", "q", jetstream=wanted), wanted), wanted


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({}, "secret ns/login: holds none of token, user+password, nkey, creds, ca.crt or"),
        ({"user": b"ann"}, "secret ns/login: has 'user' but no 'password'; add it"),
        ({"password": b"x"}, "secret ns/login: has 'password' but no 'user'; add it"),
        ({"tls.crt": b"x"}, "secret ns/login: has 'tls.crt' but no 'tls.key'; add it"),
        ({"token": b"t", "nkey": b"s"}, "secret ns/login: holds token and nkey; keep one way"),
        ({"token": b" "}, "secret ns/login: key 'token' is empty"),
        ({"token": b"\xff"}, "secret ns/login: key 'token' is not UTF-8"),
        ({"nkey": b"UABC"}, "secret ns/login: key 'nkey' is no user seed"),
        ({"creds": b"hello"}, "secret ns/login: key 'creds' lacks the JWT or the seed"),
    ],
)
def test_a_secret_that_cannot_log_in_says_its_fix(content, sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        credentials_from_secret("ns/login", content)
    assert str(raised.value).startswith(sentence)


def test_credentials_never_print_themselves() -> None:
    credentials = credentials_from_secret("s", {"user": b"ann", "password": b"hunter2"})
    assert repr(credentials) == "Credentials(holds=['user', 'password'])"
    assert "hunter2" not in repr(Server("nats://x", credentials=credentials))


def test_a_broken_certificate_names_the_secret() -> None:
    with pytest.raises(ConfigError, match=r"secret ns/login: ca\.crt, tls\.crt or"):
        tls_context("ns/login", Credentials(ca="nonsense"))


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("nats://ann:pass@host:4222/x?y", "nats://host:4222"),
        ("nats://t0ken@host", "nats://host"),
        ("ann:p@ss@host:1", "host:1"),
        ("tls://[::1]:4222", "tls://[::1]:4222"),
    ],
)
def test_a_printed_url_holds_no_credentials(url: str, printed: str) -> None:
    assert redacted(url) == printed


@pytest.mark.parametrize("url", ["http://h", "h:4222", "nats://", "nats://h:x", "nats://a,ftp://b"])
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="write nats://host:port"):
        check_url(url, Credentials())


def test_two_ways_to_log_in_are_refused() -> None:
    with pytest.raises(ConfigError, match="has a user, and so has the secret"):
        check_url("nats://ann:x@h", Credentials(token="t"))


@pytest.mark.parametrize("name", ["", "a.b", "a b", "a>", "a/b"])
def test_a_name_that_nats_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"jetstream\.durable"):
        check_name("durable", name)


def test_a_created_stream_is_named_after_its_subject() -> None:
    assert stream_name_for("orders.*.new.>") == "ORDERS_NEW"
    assert stream_name_for(">") == "EVENTS"


def test_an_equal_consumer_has_no_drift() -> None:
    desired, wanted = config()
    check_same_start(desired, desired, wanted)
    assert drift(desired, desired) == []


def test_drift_names_the_fields_and_an_update_keeps_the_rest() -> None:
    desired, _ = config(ack_wait=5.0, filter_subjects=("a", "b"))
    existing = {**config()[0], "backoff": [1], "num_replicas": 3, "metadata": {"team": "x"}}
    assert drift(existing, desired) == ["ack_wait", "backoff", "filter_subjects"]
    updated = updated_config(existing, desired)
    assert drift(updated, desired) == []
    assert (updated["num_replicas"], updated["metadata"]) == (3, {"team": "x"})
    assert "filter_subject" not in updated


@pytest.mark.parametrize(
    ("existing", "problem"),
    [
        ({"deliver_subject": "x"}, "push consumer"),
        ({"ack_policy": "none"}, "ack_policy is none"),
        ({"metadata": {"tidegate-start": "new"}}, "it starts at 'new'"),
        ({"metadata": {}, "deliver_policy": "last"}, "it starts at 'last'"),
    ],
)
def test_what_cannot_be_changed_is_refused(existing, problem: str) -> None:
    desired, wanted = config()
    with pytest.raises(ConfigError, match="delete the consumer or name another durable") as raised:
        check_same_start({**desired, **existing}, desired, wanted)
    assert problem in str(raised.value)


def test_a_consumer_made_anew_still_has_the_start_of_its_trigger() -> None:
    desired, wanted = config(deliver_policy="by_start_time", start_time="2026-01-01T00:00:00Z")
    resumed = resumed_config(desired, 41)
    assert (resumed["deliver_policy"], resumed["opt_start_seq"]) == ("by_start_sequence", 42)
    assert "opt_start_time" not in resumed
    check_same_start(resumed, desired, wanted)
