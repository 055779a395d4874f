"""The base of every typed resource: strict fields, and mistakes that are sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, ValidationError
from pydantic_core.core_schema import CoreSchema

from tidegate.api.mistake import Mistake
from tidegate.api.rule import CEL_RULES, Rule


class Model(BaseModel):
    """A mapping that a user writes. Unknown fields are refused, types are not guessed.

    A null is the same as an absent field, as it is to Kubernetes. `agreements` are the rules
    between fields that an API server checks, too; each is told of that is broken.
    """

    agreements: ClassVar[tuple[Rule, ...]] = ()

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    def mistakes(self) -> Iterable[Mistake]:
        """Name what is wrong between fields and can be said in no agreement."""
        return ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        if cls.agreements:
            rules = [one.validation({}) for one in cls.agreements]
            handler.resolve_ref_schema(schema)[CEL_RULES] = rules
        return schema

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or None not in value.values():
            return value
        known = aliases(cls)
        return {key: item for key, item in value.items() if item is not None or key not in known}

    @model_validator(mode="after")
    def _agree(self) -> Model:
        broken = [one.mistake() for one in self.agreements if not one.holds(self)]
        found = [
            InitErrorDetails(type=mistake.error(), loc=mistake.path, input=None)
            for mistake in (*broken, *self.mistakes())
        ]
        if found:
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self


def aliases(model: type[BaseModel]) -> dict[str, str]:
    """Map each field as users spell it to its attribute."""
    return {field.alias or name: name for name, field in model.model_fields.items()}
