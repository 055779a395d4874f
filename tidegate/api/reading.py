"""A JSON value into a typed model, or every mistake in it at once, each a sentence. Pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tidegate.api.mistake import MISTAKE, Mistake
from tidegate.api.model import aliases
from tidegate.api.plain_rules import at_least, at_most, not_empty, one_of, present
from tidegate.api.problem import Path, listed, nearest, shown
from tidegate.api.rule import Rule

M = TypeVar("M", bound=BaseModel)

_ROUNDS: Final = 12
_MOST: Final = 50


def read(model: type[M], value: Any) -> tuple[M | None, list[Mistake]]:
    """Return the model of `value`, or None and every mistake that keeps it from being one.

    Rules between fields need fields that are right: after the first errors, the wrong fields
    are replaced by examples and the rest is judged again, so that nobody mends one mistake
    only to be told of the next.
    """
    found: dict[Path, Mistake] = {}
    judged, instance = value, None
    for _ in range(_ROUNDS):
        try:
            instance = model.model_validate(judged)
            break
        except ValidationError as error:
            fresh = [_mistake(model, details) for details in _errors(error)]
            fresh = [mistake for mistake in fresh if not _follows(mistake.path, found)]
            found |= {mistake.path: mistake for mistake in fresh}
            mended = _mended(model, judged, error)
        if mended == judged or len(found) >= _MOST:
            break
        judged = mended
    return (None, list(found.values())) if found else (instance, [])


def _errors(error: ValidationError) -> list[ErrorDetails]:
    """Return the first errors: nobody reads more at a time, and hostile text has many."""
    return error.errors(include_url=False)[:_MOST]


def _follows(path: Path, found: Mapping[Path, Mistake]) -> bool:
    """Say whether `path` is at, around or inside of a field that was replaced by an example."""
    return any(path[: len(other)] == other[: len(path)] for other in found)


def _mistake(model: type[BaseModel], error: ErrorDetails) -> Mistake:
    path: Path = tuple(part for part in error["loc"] if part != "[key]")
    context = error.get("ctx", {})
    if error["type"] == MISTAKE:
        return Mistake(context["message"], context["fix"], path)
    if error["type"] == "missing":
        return present(str(path[-1]), _addition(model, path)).mistake()._replace(path=path)
    if error["type"] == "extra_forbidden":
        return _unknown_field(model, path)
    if _holds_secrets(model, path):
        return Mistake("is not text", "write it in quotes", path)
    return _sentence(error, context)._replace(path=path)


def _holds_secrets(model: type[BaseModel], path: Path) -> bool:
    field = _field_at(model, path[:1])
    return field is not None and not field.repr


def _sentence(error: ErrorDetails, context: Mapping[str, Any]) -> Mistake:
    """Say what a built-in check of a single value found."""
    value = error["input"]
    expected = _TYPES.get(error["type"])
    if expected is not None:
        return Mistake(f"{shown(value)} is not {expected[0]}", expected[1](value))
    if error["type"] == "literal_error":
        return _choice(value, context["expected"])
    bound = _BOUNDS.get(error["type"])
    if bound is not None:
        key, rule = bound
        return rule(context[key]).mistake(value)
    if error["type"] == "too_long":
        return Mistake(f"has more than {context['max_length']} items", "shorten it")
    if error["type"] == "string_too_short":
        return not_empty().mistake()
    return Mistake(error["msg"][:1].lower() + error["msg"][1:], "correct the value")


def _choice(value: Any, expected: str) -> Mistake:
    choices = [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]
    guess = nearest(str(value), choices)
    mistake = one_of(choices).mistake(value)
    return mistake._replace(fix=f"{mistake.fix} (did you mean {guess}?)") if guess else mistake


def _quote_it(value: Any) -> str:
    is_scalar = isinstance(value, int | float | str)
    return f'quote it: "{shown(value)}"' if is_scalar else "write a text in quotes"


_TYPES: Final[Mapping[str, tuple[str, Callable[[Any], str]]]] = {
    "string_type": ("text", _quote_it),
    "bool_type": ("true or false", lambda _: "write true or false, without quotes"),
    "int_type": ("a whole number", lambda _: "write a whole number, without quotes"),
    "int_from_float": ("a whole number", lambda _: "write a whole number, without quotes"),
    "float_type": ("a number", lambda _: "write a number, without quotes"),
    "tuple_type": ("a list", lambda _: "write each item on a line of its own after a dash"),
    "dict_type": ("a mapping", lambda _: "write its fields as name: value below it"),
    "model_type": ("a mapping", lambda _: "write its fields as name: value below it"),
}
_BOUNDS: Final[Mapping[str, tuple[str, Callable[[float], Rule]]]] = {
    "greater_than_equal": ("ge", at_least),
    "less_than_equal": ("le", at_most),
}


def _unknown_field(model: type[BaseModel], path: Path) -> Mistake:
    name, parent = str(path[-1]), model_at(model, path[:-1])
    known = list(aliases(parent)) if parent is not None else []
    guess = nearest(name, known)
    fix = f"did you mean {guess}?" if guess else f"remove it, or use {listed(known)}"
    return Mistake("is not a known field", fix, path)


def _addition(model: type[BaseModel], path: Path) -> str:
    """Say what to add for the missing field at `path`."""
    name, field = str(path[-1]), _field_at(model, path)
    if field is not None and field.examples:
        return addition(name, field.examples)
    inner = model_at(model, path)
    fields = {} if inner is None else inner.model_fields
    return addition(name, (), [one.alias or key for key, one in fields.items() if _needed(one)])


def addition(name: str, examples: Sequence[Any], needed: Sequence[str] = ()) -> str:
    """Say how to add the field `name`, in which some fields are `needed`."""
    if examples:
        return f"add it, for example {name}: {_flow(examples[0])}"
    return f"add {name} with {listed(needed, 'and')}" if needed else f"add {name}"


def _needed(field: FieldInfo) -> bool:
    return field.is_required() or bool(field.examples)


def _flow(value: Any) -> str:
    """Write a short example the way YAML takes it in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return f'"{text}"' if text[:1] in "*@" else text


def model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """Return the model that the field at `path` holds, or None when it holds none."""
    if not path:
        return model
    field = _field_at(model, path)
    return None if field is None else next(_models(field.annotation), None)


def _field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    field = None
    inner: type[BaseModel] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        name = None if inner is None else aliases(inner).get(part)
        if inner is None or name is None:
            return None
        field = inner.model_fields[name]
        inner = next(_models(field.annotation), None)
    return field


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the models inside of Optional, Annotated and tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple):
        for inner in get_args(annotation):
            yield from _models(inner)


def _mended(model: type[BaseModel], value: Any, error: ValidationError) -> Any:
    """Return a copy of `value` in which what `error` names is an example, or gone."""
    mended = copy.deepcopy(value)
    paths = {tuple(details["loc"]) for details in _errors(error)}
    for path in sorted(paths, key=_last_first, reverse=True):
        field = _field_at(model, path)
        _replace(mended, path, field.examples if field is not None else None)
    return mended


def _last_first(path: Path) -> tuple[tuple[int, int, str], ...]:
    return tuple((1, part, "") if isinstance(part, int) else (0, 0, part) for part in path)


def _replace(value: Any, path: Path, examples: list[Any] | None) -> None:
    for part in path[:-1]:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return
    last = path[-1] if path else None
    if isinstance(value, dict) and isinstance(last, str):
        value.pop(last, None)
        if examples:
            value[last] = examples[0]
    elif isinstance(value, list) and isinstance(last, int):
        del value[last : last + 1]
