"""The base of every typed resource: strict fields, and mistakes that are sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from tidegate.api.problem import Path

MISTAKE = "mistake"
CEL_RULES = "x-kubernetes-validations"


class Mistake(NamedTuple):
    """What is wrong with the field at `path` (relative to its model), and what to write."""

    message: str
    fix: str
    path: Path = ()

    def error(self) -> PydanticCustomError:
        """Wrap it, so that a validator can raise it and the loader can read it back."""
        return PydanticCustomError(MISTAKE, "{message}; {fix}", self._asdict())


class Model(BaseModel):
    """A mapping that a user writes. Unknown fields are refused, types are not guessed.

    A null is the same as an absent field, as it is to Kubernetes.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    def mistakes(self) -> Iterable[Mistake]:
        """Name what is wrong between fields that are each right on their own."""
        return ()

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or None not in value.values():
            return value
        known = aliases(cls)
        return {key: item for key, item in value.items() if item is not None or key not in known}

    @model_validator(mode="after")
    def _agree(self) -> Model:
        found = [
            InitErrorDetails(type=mistake.error(), loc=mistake.path, input=None)
            for mistake in self.mistakes()
        ]
        if found:
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self


def rules(*pairs: tuple[str, str]) -> dict[str, JsonValue]:
    """Name rules between fields that an API server can check: CEL expressions and sentences."""
    return {CEL_RULES: [{"rule": rule, "message": message} for rule, message in pairs]}


def aliases(model: type[BaseModel]) -> dict[str, str]:
    """Map each field as users spell it to its attribute."""
    return {field.alias or name: name for name, field in model.model_fields.items()}
