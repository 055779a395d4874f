"""No value is refused by the API server that the models take: the same rule, said twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.kube.admission import object_of, refusal, sentence
from tests.kube.specs import PARTS, specs
from tests.kube.values import FIELDS, SEEDS, values
from tests.unit.api.manifests import trigger
from tidegate.api.loader import resource_from
from tidegate.api.problem import Problem
from tidegate.kube.client import KubeClient

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("field", FIELDS)
async def test_some_values_are_refused_by_both_or_by_the_models_alone(
    admitting: KubeClient, field: str
) -> None:
    await _compare(admitting, field, seeds=25, mutants=5)


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
async def test_many_values_are_refused_by_both_or_by_the_models_alone(
    admitting: KubeClient, field: str
) -> None:
    await _compare(admitting, field, seeds=len(SEEDS), mutants=1000)


@pytest.mark.parametrize("kind", PARTS)
async def test_some_specs_are_refused_by_both_or_by_the_models_alone(
    admitting: KubeClient, kind: str
) -> None:
    await _compare_specs(admitting, kind, count=40)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PARTS)
async def test_many_specs_are_refused_by_both_or_by_the_models_alone(
    admitting: KubeClient, kind: str
) -> None:
    await _compare_specs(admitting, kind, count=2000)


async def _compare_specs(client: KubeClient, kind: str, count: int) -> None:
    for spec in specs(kind, count):
        obj = {**object_of(trigger(kind, "{}")), "spec": spec}
        said = await refusal(client, obj)
        _, problems = await asyncio.to_thread(resource_from, obj)
        assert problems or not said, f"{spec}: {said}"


async def _compare(client: KubeClient, field: str, seeds: int, mutants: int) -> None:
    kind, spec = FIELDS[field]
    empty = object_of(trigger(kind, spec.replace("%s", "placeholder")))
    for value in values(field, seeds, mutants):
        obj = {**empty, "spec": _replaced(empty["spec"], value)}
        said = await refusal(client, obj)
        _, problems = await asyncio.to_thread(resource_from, obj)
        if said:
            told = [one for one in problems if "Too long" in said or _said_in(one, said)]
            assert told, f"{value!r}: {said}, not {[str(one) for one in problems]}"


def _said_in(problem: Problem, said: str) -> bool:
    """A sentence of several lines is said without the value, which is what has them."""
    told = sentence(problem)
    return told in said or told.rpartition('" ')[2] in said


def _replaced(value: Any, by: object) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(one, by) for key, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, by) for one in value]
    return by if value == "placeholder" else value
