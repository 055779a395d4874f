"""Why a filter took an event or did not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.filters import accept
from gateway.core.redaction import HIDDEN, redacted
from gateway.core.verdict import verdict
from tests.support.events import event

TYPE = {"exact": {"type": "order.created"}}


def test_without_filters_everything_matches() -> None:
    found = verdict((), event().attribute)
    assert (found.matched, found.because) == (True, ())


def test_the_clause_that_failed_is_named_with_what_it_wanted_and_what_there_was() -> None:
    found = verdict((TYPE, {"prefix": {"source": "/shop"}}), event(type="order.paid").attribute)
    assert not found.matched
    (clause,) = found.because
    assert clause.path == "delivery.filter[0].exact.type"
    assert (clause.wanted, clause.had, clause.passed) == ("order.created", "order.paid", False)


def test_an_attribute_that_is_not_there_is_shown_as_none() -> None:
    (clause,) = verdict(({"exact": {"tenant": "blue"}},), event().attribute).because
    assert clause.had is None


def test_of_any_every_clause_had_to_fail() -> None:
    found = verdict(({"any": [TYPE, {"suffix": {"id": "9"}}]},), event("1").attribute)
    assert [one.path for one in found.because] == [
        "delivery.filter[0].any[0].exact.type",
        "delivery.filter[0].any[1].suffix.id",
    ]


def test_of_not_the_clause_that_passed_decided() -> None:
    found = verdict(({"not": TYPE},), event(type="order.created").attribute)
    assert not found.matched
    assert [(one.path, one.passed) for one in found.because] == [
        ("delivery.filter[0].not.exact.type", True)
    ]


def test_a_filter_on_a_credential_shows_neither_what_it_wants_nor_what_it_had() -> None:
    expression = {"exact": {"apitoken": "s3cret"}}
    (clause,) = verdict((expression,), event(extensions={"apitoken": "other"}).attribute).because
    assert (clause.wanted, clause.had) == (HIDDEN, HIDDEN)


@pytest.mark.parametrize(
    "name",
    ["authorization", "Cookie", "xapikey", "x-api-key", "password", "clientsecret", "sessionid"],
)
def test_values_of_credentials_are_hidden(name: str) -> None:
    assert redacted(name, "value") == HIDDEN


def test_other_values_are_shown() -> None:
    assert redacted("tenant", "blue") == "blue"


texts = st.sampled_from(["a", "ab", "b", "ba"])
leaves = st.builds(
    lambda dialect, wanted: {dialect: wanted},
    st.sampled_from(["exact", "prefix", "suffix"]),
    st.dictionaries(st.sampled_from(["id", "type", "subject", "x"]), texts, min_size=1),
)
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda dialect, many: {dialect: many},
            st.sampled_from(["all", "any"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=6,
)


@given(st.lists(expressions, min_size=1, max_size=3), texts, texts, st.none() | texts)
def test_the_verdict_is_that_of_the_filter_and_says_why(
    filters: list[dict[str, Any]], id: str, type: str, subject: str | None
) -> None:
    one = event(id, type=type, subject=subject)
    decide = accept(filters)
    assert decide is not None
    found = verdict(filters, one.attribute)
    assert found.matched is decide(one)
    assert found.because
    assert set(found.because) <= set(found.clauses)
