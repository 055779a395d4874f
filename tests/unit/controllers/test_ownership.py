"""Whose an object is."""

from __future__ import annotations

from typing import Any

import pytest

from controllers.ownership import Standing, owner_text, standing

OWNER: dict[str, Any] = {
    "apiVersion": "kubeless.io/v1beta1",
    "kind": "Function",
    "metadata": {"name": "hello", "uid": "1"},
}
OLD = {"created-by": "kubeless", "function": "hello"}


def _reference(**fields: str) -> dict[str, str]:
    own = {"apiVersion": "kubeless.io/v1beta1", "kind": "Function", "name": "hello", "uid": "1"}
    return own | fields


@pytest.mark.parametrize(
    ("labels", "references", "expected"),
    [
        ({}, [_reference()], Standing.OURS),
        (OLD, [], Standing.OURS),
        ({}, [], Standing.FOREIGN),
        ({}, [_reference(uid="2")], Standing.LEFT_BEHIND),
        (OLD, [_reference(uid="2", name="other")], Standing.FOREIGN),
        (OLD, [_reference(uid="2", kind="HTTPTrigger")], Standing.FOREIGN),
        (OLD, [_reference(uid="2", apiVersion="example.com/v1")], Standing.FOREIGN),
    ],
)
def test_owner_and_label_say_whose_it_is(
    labels: dict[str, str], references: list[dict[str, str]], expected: Standing
) -> None:
    child = {"metadata": {"labels": labels, "ownerReferences": references}}
    assert standing(child, OWNER) is expected


def test_the_owner_of_a_foreign_object_is_named() -> None:
    child = {"metadata": {"ownerReferences": [_reference(kind="Website", name="shop")]}}
    assert owner_text(child) == "it belongs to Website shop"
