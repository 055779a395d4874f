"""What every object carries: its name, its labels and where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PrivateAttr

from tidegate.api.model import Model
from tidegate.api.problem import Origin, Path, Problem, Severity, field_text
from tidegate.api.rule import Rule
from tidegate.api.scalars import DnsLabel, DnsName

GROUP = "kubeless.io"
VERSION = "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"


class ObjectMeta(Model):
    """Kubernetes ObjectMeta. Fields that only the API server writes are taken as they come."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[DnsName, Field(examples=["hello"])]
    namespace: DnsLabel = "default"
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    deletion_timestamp: str | None = None
    finalizers: Annotated[tuple[str, ...], Field(strict=False)] = ()


class Resource(Model):
    """One object. Two are equal when their fields are, wherever they were written."""

    kind: Any
    metadata: Annotated[ObjectMeta, Field(examples=[{"name": "hello"}])]
    _origin: Origin = PrivateAttr(default_factory=Origin)
    _written: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """The object's name in its namespace."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """The namespace, which walls it off from all others."""
        return self.metadata.namespace

    @property
    def origin(self) -> Origin:
        """Where it was written; empty when it did not come from a file."""
        return self._origin

    @property
    def written(self) -> Mapping[str, Any]:
        """The plain values that it was read from; empty when it did not come from a text."""
        return self._written

    def written_at(self, origin: Origin) -> None:
        """Remember where it was written. For the loader."""
        self._origin = origin

    def written_as(self, value: Mapping[str, Any]) -> None:
        """Remember what was written. For the loader."""
        self._written = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resource) and (
            type(self) is type(other) and self.__dict__ == other.__dict__
        )

    __hash__ = None  # type: ignore[assignment]  # free objects in it cannot be hashed

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def problem_of(
    resource: Resource,
    path: Path,
    message: str,
    fix: str,
    severity: Severity = Severity.ERROR,
) -> Problem:
    """Say what is wrong with the field of a resource at `path`."""
    origin = resource.origin
    place = (origin.file, origin.line(path))
    return Problem(message, fix, *place, str(resource), field_text(path), severity)


class Custom(Resource):
    """An object of our own API group."""

    api_version: Literal["kubeless.io/v1beta1"]
    status: dict[str, Any] = Field(default_factory=dict)
    short_names: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[tuple[str, str], ...]] = ()


class Expression(Model):
    """One set-based requirement of a label selector."""

    key: Annotated[str, Field(examples=["app"])]
    operator: Annotated[
        Literal["In", "NotIn", "Exists", "DoesNotExist"], Field(examples=["Exists"])
    ]
    values: Annotated[tuple[str, ...], Field(strict=False)] = ()
    agreements: ClassVar = (
        Rule(
            lambda self: self.values or self.operator not in ("In", "NotIn"),
            "!has(self.operator) || !(self.operator in ['In', 'NotIn']) "
            "|| (has(self.values) && self.values.size() > 0)",
            "is empty, which In and NotIn do not take",
            "list at least one",
            ("values",),
        ),
        Rule(
            lambda self: not self.values or self.operator in ("In", "NotIn"),
            "!has(self.operator) || self.operator in ['In', 'NotIn'] "
            "|| !has(self.values) || self.values.size() == 0",
            "does not go with Exists and DoesNotExist",
            "remove it",
            ("values",),
        ),
    )

    def accepts(self, labels: dict[str, str]) -> bool:
        """Say whether `labels` meet it. An absent label is NotIn, as in Kubernetes."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Model):
    """Selects functions by their labels. Empty, it selects every function of the namespace."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    """Labels that a function must carry with exactly these values."""
    match_expressions: Annotated[tuple[Expression, ...], Field(strict=False, max_length=64)] = ()
    """Set-based requirements, all of which a function must meet."""

    def accepts(self, labels: dict[str, str]) -> bool:
        """Say whether an object with `labels` is selected."""
        return self.match_labels.items() <= labels.items() and all(
            expression.accepts(labels) for expression in self.match_expressions
        )
