from typing import Any

import pytest

from gateway.core.filters import accept
from gateway.errors import ConfigError
from tests.support.events import event

ORDER = event(type="com.shop.order.placed", subject="eu/42", extensions={"region": "eu"})


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ({"exact": {"type": "com.shop.order.placed"}}, True),
        ({"exact": {"type": "com.shop.order.placed", "region": "us"}}, False),
        ({"exact": {"specversion": "1.0"}}, True),
        ({"exact": {"data": "x"}}, False),
        ({"prefix": {"type": "com.shop."}}, True),
        ({"suffix": {"type": ".placed", "subject": "/42"}}, True),
        ({"suffix": {"missing": ""}}, False),
        ({"not": {"exact": {"region": "eu"}}}, False),
        ({"not": {"exact": {"missing": "x"}}}, True),
        ({"all": [{"prefix": {"type": "com."}}, {"exact": {"region": "eu"}}]}, True),
        ({"any": [{"exact": {"region": "us"}}, {"exact": {"region": "eu"}}]}, True),
        ({"any": [{"exact": {"region": "us"}}]}, False),
    ],
)
def test_a_dialect_matches_as_the_specification_says(
    expression: dict[str, Any], matches: bool
) -> None:
    predicate = accept([expression])
    assert predicate is not None
    assert predicate(ORDER) is matches


def test_all_filters_of_a_subscription_must_match() -> None:
    predicate = accept([{"exact": {"region": "eu"}}, {"prefix": {"type": "org."}}])
    assert predicate is not None
    assert not predicate(ORDER)


def test_no_filter_costs_nothing() -> None:
    assert accept([]) is None


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ({"like": {"type": "x"}}, "'like' is unknown"),
        ({"exact": {}}, "'exact' is empty"),
        ({"all": []}, "'all' is empty"),
        ({"exact": {"a": "b"}, "not": {}}, "exactly one dialect"),
    ],
)
def test_a_wrong_filter_names_what_is_wrong(expression: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        accept([expression])


@pytest.mark.parametrize("name", ["data", "extensions", "missing"])
def test_what_is_no_attribute_is_not_found(name: str) -> None:
    assert event(data=b"x", extensions={"a": "b"}).attribute(name) is None
