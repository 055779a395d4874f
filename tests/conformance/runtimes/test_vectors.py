"""Every vector of the contract: request -> exact event and response."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.runtimes.launcher import Answer, Running, body_of

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "vectors.json").read_text())
CONTRACT = (HERE.parents[2] / "runtimes" / "contract.md").read_text()


def parameter(vector: dict[str, Any]) -> Any:
    """A vector with the abilities that it needs, as a test's parameter."""
    marks = [pytest.mark.needs(ability) for ability in vector.get("needs", [])]
    return pytest.param(vector, id=vector["id"], marks=marks)


@pytest.mark.parametrize("vector", [parameter(vector) for vector in VECTORS])
def test_a_vector_holds(vector_servers: dict[str, Running], vector: dict[str, Any]) -> None:
    sent = vector["request"]
    answer = vector_servers[vector["handler"]].call(
        sent.get("target", "/"),
        sent.get("method", "POST"),
        [(name, value) for name, value in sent.get("headers", [])],
        sent.get("body", "").encode(),
    )
    if "event" in vector:
        assert (answer.status, answer.json()) == (200, vector["event"])
    else:
        assert_response(answer, vector["response"])


def assert_response(answer: Answer, expected: dict[str, Any]) -> None:
    assert answer.status == expected["status"]
    for name, value in expected["headers"].items():
        assert (name, answer.headers[name]) == (name, value)
    if "body_json" in expected:
        assert answer.json() == expected["body_json"]
    elif (body := body_of(expected)) is not None:
        assert answer.body == body


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_the_contract_names_every_vector(vector: dict[str, Any]) -> None:
    assert f"`{vector['id']}`" in CONTRACT


def test_each_vector_has_an_id_of_its_own() -> None:
    ids = [vector["id"] for vector in VECTORS]
    assert len(ids) == len(set(ids))
