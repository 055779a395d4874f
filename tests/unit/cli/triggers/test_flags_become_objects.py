"""What is named on a command line, and the fields of objects that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.triggers.delivery import DeliveryFlags, Ordering
from tidegate.cli.triggers.filters import filter_from
from tidegate.cli.triggers.objects import check_object, new_object, overlaid
from tidegate.cli.triggers.payload import payload_from
from tidegate.cli.triggers.selectors import selector_from, text_of
from tidegate.cli.triggers.specs import (
    CronJobFlags,
    HTTPFlags,
    KafkaFlags,
    KinesisFlags,
    NATSFlags,
    Position,
)


def test_what_is_not_named_is_no_field() -> None:
    for flags in (HTTPFlags(), CronJobFlags(), KafkaFlags(), NATSFlags(), KinesisFlags()):
        assert flags.spec() == {}
    assert DeliveryFlags().spec() == {}


def test_fields_have_the_names_that_kubeless_gave_them() -> None:
    flags = HTTPFlags("hello", "say/hello", "example.com", acme=True, gateway="kong", cors=False)
    assert flags.spec() == {
        "function-name": "hello",
        "path": "say/hello",
        "host-name": "example.com",
        "tls": True,
        "gateway": "kong",
        "cors-enable": False,
    }
    assert KinesisFlags("s", "us-east-1", "shardId-0", "f", "k", "http://k:4567").spec() == {
        "stream": "s",
        "aws-region": "us-east-1",
        "shard": "shardId-0",
        "function-name": "f",
        "secret": "k",
        "endpoint": "http://k:4567",
    }


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("HTTPTrigger", HTTPFlags("hello", "hello", "a.example.com", acme=True).spec()),
        ("CronJobTrigger", CronJobFlags("hello", "*/10 * * * *", payload='{"a": 1}').spec()),
        ("KafkaTrigger", KafkaFlags("orders", "app=shop", "k:9092, l:9092", "login").spec()),
        ("NATSTrigger", NATSFlags("orders.>", "function=hello", jetstream=True).spec()),
        (
            "KinesisTrigger",
            KinesisFlags("s", "eu-west-1", starting_position=Position.LATEST, function_name="f")
            .spec(),
        ),
    ],
)  # fmt: skip
def test_what_is_made_is_valid(kind: str, spec: dict[str, Any]) -> None:
    delivery = DeliveryFlags(3, "30", "http:https://dead.example.com", Ordering.NONE, 4, ["type=a"])
    check_object(new_object(kind, "one", "", spec | delivery.spec()))


def test_an_update_leaves_alone_what_it_does_not_name() -> None:
    before = {"topic": "a", "delivery": {"retry": 3, "deadLetter": {"kafka": "dead"}}, "own": 1}
    change = DeliveryFlags(dead_letter="nats:dead").spec() | KafkaFlags("b").spec()
    assert overlaid(before, change) == {
        "topic": "b",
        "delivery": {"retry": 3, "deadLetter": {"nats": "dead"}},
        "own": 1,
    }


def test_a_selector_is_replaced_and_not_merged() -> None:
    old = [{"key": "old", "operator": "Exists"}]
    before = {"functionSelector": {"matchLabels": {"app": "shop"}, "matchExpressions": old}}
    after = overlaid(before, KafkaFlags(function_selector="tier=test").spec())
    assert after == {"functionSelector": {"matchLabels": {"tier": "test"}}}


def test_an_empty_text_takes_a_field_away() -> None:
    before = {"timeZone": "UTC", "payload": 1, "delivery": {"deadLetter": {"nats": "d"}}}
    change = CronJobFlags(time_zone="", payload="").spec() | DeliveryFlags(dead_letter="").spec()
    assert overlaid(before, change) == {"delivery": {}}


def test_jetstream_comes_and_goes() -> None:
    before = {"jetstream": {"stream": "orders"}}
    assert overlaid(before, NATSFlags(jetstream=True).spec()) == before
    assert overlaid(before, NATSFlags(jetstream=False).spec()) == {}


@pytest.mark.parametrize(
    ("text", "labels", "expressions"),
    [
        ("created-by=kubeless,topic=a", {"created-by": "kubeless", "topic": "a"}, []),
        ("app==shop", {"app": "shop"}, []),
        ("app:shop", {"app": "shop"}, []),
        ("a!=b", {}, [{"key": "a", "operator": "NotIn", "values": ["b"]}]),
        (
            "app.kubernetes.io/name=x, env in (eu, us)",
            {"app.kubernetes.io/name": "x"},
            [{"key": "env", "operator": "In", "values": ["eu", "us"]}],
        ),
        ("env notin (eu)", {}, [{"key": "env", "operator": "NotIn", "values": ["eu"]}]),
        ("new,!old", {}, [{"key": "new", "operator": "Exists"},
                          {"key": "old", "operator": "DoesNotExist"}]),
    ],
)  # fmt: skip
def test_a_selector_keeps_every_term(
    text: str, labels: dict[str, str], expressions: list[dict[str, Any]]
) -> None:
    selector = selector_from(text)
    assert selector.get("matchLabels", {}) == labels
    assert selector.get("matchExpressions", []) == expressions
    assert selector_from(text_of(selector)) == selector


@pytest.mark.parametrize("text", ["", "a=b,", "a=b c", "in (a)", "=x"])
def test_a_wrong_selector_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--function-selector") as refused:
        selector_from(text)
    assert refused.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("type=order.created", {"exact": {"type": "order.created"}}),
        ("type^=order.", {"prefix": {"type": "order."}}),
        ("subject$=.json", {"suffix": {"subject": ".json"}}),
        ("source!=/test", {"not": {"exact": {"source": "/test"}}}),
        ("url=https://a?b=c", {"exact": {"url": "https://a?b=c"}}),
        ('{"any": [{"exact": {"type": "a"}}]}', {"any": [{"exact": {"type": "a"}}]}),
    ],
)
def test_filters_have_a_short_form(text: str, made: dict[str, Any]) -> None:
    assert filter_from(text) == made


@pytest.mark.parametrize("text", ["type", "=a", "{", "type="])
def test_a_wrong_filter_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--filter"):
        filter_from(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kafka:orders.dead", {"kafka": "orders.dead"}),
        ("http:https://dead.example.com/x", {"http": "https://dead.example.com/x"}),
        ("http://dead.example.com", {"http": "http://dead.example.com"}),
        ("file:dead/letters.jsonl", {"file": "dead/letters.jsonl"}),
    ],
)
def test_dead_letters_have_one_place(text: str, place: dict[str, str]) -> None:
    assert DeliveryFlags(dead_letter=text).spec() == {"delivery": {"deadLetter": place}}


@pytest.mark.parametrize("text", ["orders", "sqs:orders", "kafka:"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--dead-letter"):
        DeliveryFlags(dead_letter=text).spec()


def test_a_payload_is_any_json_and_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"test": "hello"}')
    (tmp_path / "p.yaml").write_text("test: [hello]\n")
    assert payload_from("[1, null]", None) == {"payload": [1, None]}
    assert payload_from(None, str(tmp_path / "p.json")) == {"payload": {"test": "hello"}}
    assert payload_from(None, str(tmp_path / "p.yaml")) == {"payload": {"test": ["hello"]}}


@pytest.mark.parametrize("text", ["{test: hello}", "'"])
def test_a_payload_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--payload is not JSON") as refused:
        payload_from(text, None)
    assert refused.value.code == ExitCode.USAGE


def test_a_payload_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        payload_from(None, str(tmp_path / "none.json"))
    with pytest.raises(CommandError, match=r"exclude each other"):
        payload_from("1", "file")
    with pytest.raises(CommandError, match=r"fetching http://127.0.0.1:1/p.json"):
        payload_from(None, "http://127.0.0.1:1/p.json?token=secret")


def test_what_is_wrong_is_said_before_anything_is_sent() -> None:
    wrong = new_object("CronJobTrigger", "one", "", CronJobFlags("hello", "* * *").spec())
    with pytest.raises(CommandError, match=r"spec\.schedule") as refused:
        check_object(wrong)
    assert refused.value.code == ExitCode.USAGE
