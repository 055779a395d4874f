"""Function: code, the runtime that runs it, and the Kubernetes objects it may reshape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from tidegate.api import cel
from tidegate.api.metadata import Custom, ObjectMeta
from tidegate.api.model import Model
from tidegate.api.problem import listed
from tidegate.api.rule import Checked, Rule, matching
from tidegate.api.scalars import (
    POSITIVE_DURATION_RULES,
    DnsName,
    FreeObject,
    int_or_string,
    read_positive_duration,
)

DEFAULT_TIMEOUT = 180.0
CONTENT_TYPES = tuple(
    base + archive + deps
    for base in ("text", "base64", "url")
    for archive in ("", "+zip", "+compressedtar")
    for deps in ("", "+deps")
    if not (base == "text" and archive)
)

_WITH_IMAGE = {"spec": {"template": {"spec": {"containers": [{"image": "example:1"}]}}}}
_handler = Checked(
    matching("|.*[.].*", "has no dot", "write module.function, for example hello.main"),
    matching(
        "[^.]*([.][^.]*)?",
        "has more than one dot",
        "write module.function; in a Java class name use _ for the dots of the package",
    ),
    matching(
        r"([A-Za-z0-9_-]+[.][A-Za-z0-9_$-]+)?",
        "is not module.function",
        "use letters, digits, dashes and underscores on each side of the dot",
    ),
    longest=253,
)
_CONTENT_TYPE = Rule(
    ("", *CONTENT_TYPES).__contains__,
    f"self in {cel.texts(('', *CONTENT_TYPES))}",
    "is not a content type",
    f"use {listed(CONTENT_TYPES)}",
    shows=True,
)
_checksum = Checked(
    matching(
        r"(sha256:[0-9a-fA-F]{64})?",
        "is not a checksum",
        "write sha256: and 64 hexadecimal digits, or leave it out",
    )
)
_runtime = Checked(
    matching(
        r"([A-Za-z_-]+[0-9.]+)?",
        "is not a runtime",
        "write a language and a version, for example python3.11",
    )
)
_CONTAINERS = ("deployment", "spec", "template", "spec", "containers")
_FIRST = f"{cel.field(*_CONTAINERS)}[0]"
_IMAGE = (
    f"({cel.has(*_CONTAINERS)} && {cel.field(*_CONTAINERS)}.size() > 0 "
    f"&& {cel.has('image', of=_FIRST)} && {cel.field('image', of=_FIRST)} != '')"
)
_HANDLER = f"({cel.given('handler')})"
_CODE = f"({cel.given('function')})"


def _timeout(value: object) -> float:
    return DEFAULT_TIMEOUT if value == "" else read_positive_duration(value)


def _free(**fields: dict[str, Any]) -> dict[str, Any]:
    """Describe an object of which only `fields` are described."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {**schema, "properties": fields} if fields else schema


# So much of it as rules ask for; what a schema does not describe is out of CEL's sight.
_DEPLOYMENT = _free(
    spec=_free(
        template=_free(
            spec=_free(containers={"type": "array", "items": _free(image={"type": "string"})})
        )
    )
)
_Deployment = Annotated[dict[str, Any], WithJsonSchema(_DEPLOYMENT)]


class FunctionSpec(Model):
    """What a function is made of."""

    handler: Annotated[str, Field(examples=["hello.main"]), _handler] = ""
    """`module.function`. May be empty only when `deployment` brings an image of its own."""
    function: str = ""
    """The source text, the base64 of a file, or an URL, as `function-content-type` says."""
    function_content_type: Annotated[
        str, Checked(_CONTENT_TYPE), Field(alias="function-content-type")
    ] = ""
    """text, base64 or url, with +zip or +compressedtar for an archive, and +deps when the
    dependency file is inside of it. Empty is text."""
    checksum: Annotated[str, _checksum] = ""
    """`sha256:<hex>` of the decoded content. Empty is not checked."""
    runtime: Annotated[str, _runtime, Field(examples=["python3.11"])] = ""
    """Language and version, for example python3.11."""
    timeout: Annotated[
        float,
        PlainValidator(_timeout),
        int_or_string(rule.unless("self == ''") for rule in POSITIVE_DURATION_RULES),
    ] = DEFAULT_TIMEOUT
    """How long a call may take, in seconds. Default 180."""
    deps: str = ""
    """The content of the dependency file, for example of requirements.txt."""
    deployment: Annotated[_Deployment, Field(examples=[_WITH_IMAGE])] = Field(default_factory=dict)
    """An apps/v1 Deployment to merge into the one that is made."""
    service: FreeObject = Field(default_factory=dict)
    """A v1 ServiceSpec to use instead of the default one, port 8080."""
    horizontal_pod_autoscaler: FreeObject = Field(default_factory=dict)
    """A HorizontalPodAutoscaler of autoscaling/v2 or of the older v2beta1."""

    agreements: ClassVar = (
        Rule(
            lambda self: self.image or self.handler or not self.function,
            f"{_IMAGE} || {_HANDLER} || !{_CODE}",
            "is missing",
            "add handler: module.function, for example hello.main",
            ("handler",),
        ),
        Rule(
            lambda self: self.image or self.function or not self.handler,
            f"{_IMAGE} || {_CODE} || !{_HANDLER}",
            "is missing",
            "add the source text under function, or an URL and function-content-type: url",
            ("function",),
        ),
        Rule(
            lambda self: self.image or self.function or self.handler,
            f"{_IMAGE} || {_CODE} || {_HANDLER}",
            "has neither code nor an image",
            "add function, handler and runtime, or an image under deployment",
        ),
        Rule(
            lambda self: self.image or self.runtime or not (self.function or self.handler),
            f"{_IMAGE} || ({cel.given('runtime')}) || !({_CODE} || {_HANDLER})",
            "is missing",
            "add runtime, for example python3.11",
            ("runtime",),
        ),
    )

    @property
    def image(self) -> str:
        """The user's own image in the first container of `deployment`; empty when there is none."""
        containers = dig(self.deployment, "spec", "template", "spec", "containers")
        first = containers[0] if isinstance(containers, list) and containers else None
        image = dig(first, "image")
        return image if isinstance(image, str) else ""

    @property
    def module(self) -> str:
        """The part of the handler before the dot: the name of the source file."""
        return self.handler.partition(".")[0]


def dig(value: Any, *path: str) -> Any:
    """Follow keys into a free object; None where one is absent."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


SERVICE_NAME = matching(
    r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?",
    "is not a name that a Service takes",
    "start with a letter and use at most 63 lower-case letters, digits and dashes",
)


class FunctionMeta(ObjectMeta):
    """Metadata of a function, whose name is also that of a Service."""

    name: Annotated[
        DnsName,
        Checked(SERVICE_NAME),
        Field(examples=["hello"]),
    ]


class Function(Custom):
    """Code that events call, and what runs it."""

    kind: Literal["Function"]
    metadata: Annotated[FunctionMeta, Field(examples=[{"name": "hello"}])]
    spec: FunctionSpec
    short_names: ClassVar = ("fn",)
    columns: ClassVar = (
        ("Handler", ".spec.handler"),
        ("Runtime", ".spec.runtime"),
        ("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        ("URL", ".status.url"),
    )
