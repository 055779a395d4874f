"""Tables of what users write, from the models: a row for each field, nested ones included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tidegate.api.cronjob_trigger import CronJobTriggerSpec
from tidegate.api.delivery import Delivery
from tidegate.api.function import FunctionSpec
from tidegate.api.http_trigger import HTTPTriggerSpec
from tidegate.api.kafka_trigger import KafkaTriggerSpec
from tidegate.api.kinesis_trigger import KinesisTriggerSpec
from tidegate.api.nats_trigger import NATSTriggerSpec

MODELS: Mapping[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        CronJobTriggerSpec,
        Delivery,
        FunctionSpec,
        HTTPTriggerSpec,
        KafkaTriggerSpec,
        KinesisTriggerSpec,
        NATSTriggerSpec,
    )
}
HEAD = "| field | what it takes | default | meaning |\n|---|---|---|---|\n"
KINDS = {
    "boolean": "`true` or `false`",
    "integer": "number",
    "number": "number",
    "object": "mapping",
    "string": "text",
}
APART = {
    "delivery": "How hard the gateway tries: [the policy](index.md#the-policy).",
    "matchExpressions": "Requirements with `key`, `operator` and `values`, as in Kubernetes.",
}
"""What is not taken apart: said once for all triggers, or known from elsewhere."""


def table(name: str) -> str:
    """Return the table of the model that has this name."""
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows(MODELS[name], ""))


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        alias = field.alias or name
        meaning = APART.get(alias) or _escaped(field.description or "–")
        kind = _kind(schema["properties"][alias])
        yield f"`{prefix}{alias}`", kind, _default(field), meaning
        if alias not in APART and (inner := _inner(field)) is not None:
            yield from _rows(inner, f"{prefix}{alias}.")


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a mapping with fields of its own."""
    for one in (field.annotation, *get_args(field.annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _kind(schema: Mapping[str, Any]) -> str:
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _kind(one)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "x-kubernetes-int-or-string" in schema:
        return _quantity(schema)
    if schema.get("type") == "array":
        items = _kind(schema.get("items", {}))
        return f"list of {'mappings' if items == 'mapping' else items}"
    if "$ref" in schema:
        return "mapping"
    return KINDS.get(schema.get("type", ""), "any JSON")


def _quantity(schema: Mapping[str, Any]) -> str:
    """Tell durations and sizes, which look alike to a schema, by what refuses the others."""
    messages = str(schema.get("x-kubernetes-validations", ""))
    for kind in ("duration", "size"):
        if f"is not a {kind}" in messages:
            return kind
    return "text or number"


def _default(field: FieldInfo) -> str:
    """Return a default that is a plain value; of others the meaning tells."""
    if field.is_required():
        return "required"
    match field.default:
        case bool(value):
            return f"`{str(value).lower()}`"
        case str(value) if value:
            return f"`{value}`"
        case int(value) | float(value):
            return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
        case _:
            return "–"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
