"""Function: code, the runtime that runs it, and the Kubernetes objects it may reshape."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from tidegate.api.metadata import Custom, ObjectMeta
from tidegate.api.model import Mistake, Model, rules
from tidegate.api.problem import listed, nearest, quoted
from tidegate.api.scalars import DnsName, FreeObject, Matching, read_positive_duration

DEFAULT_TIMEOUT = 180.0
CONTENT_TYPES = tuple(
    base + archive + deps
    for base in ("text", "base64", "url")
    for archive in ("", "+zip", "+compressedtar")
    for deps in ("", "+deps")
    if not (base == "text" and archive)
)

_WITH_IMAGE = {"spec": {"template": {"spec": {"containers": [{"image": "example:1"}]}}}}
_HANDLER = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_$-]+", re.ASCII)


def _handler(text: str) -> str:
    dots = text.count(".")
    if not text or _HANDLER.fullmatch(text):
        return text
    if dots == 0:
        fix = f"write module.function, for example {text}.main"
        raise Mistake(f"{quoted(text)} has no dot", fix).error()
    if dots > 1:
        fix = "write module.function; in a Java class name use _ for the dots of the package"
        raise Mistake(f"{quoted(text)} has {dots} dots", fix).error()
    fix = "use letters, digits, dashes and underscores on each side of the dot"
    raise Mistake(f"{quoted(text)} is not module.function", fix).error()


def _content_type(text: str) -> str:
    if text and text not in CONTENT_TYPES:
        guess = nearest(text, CONTENT_TYPES)
        fix = f"did you mean {guess}?" if guess else f"use {listed(CONTENT_TYPES)}"
        raise Mistake(f"{quoted(text)} is not a content type", fix).error()
    return text


def _timeout(value: object) -> float:
    return DEFAULT_TIMEOUT if value == "" else read_positive_duration(value)


def _runtime(text: str) -> str:
    if text and re.fullmatch(r"[A-Za-z_-]+[0-9.]+", text, re.ASCII) is None:
        fix = "write a language and a version, for example python3.11"
        raise Mistake(f"{quoted(text)} is not a runtime", fix).error()
    return text


class FunctionSpec(Model):
    """What a function is made of."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!has(self.handler) || self.handler == '' || "
                "self.handler.matches('^[^.]+[.][^.]+$')",
                "handler has not exactly one dot; write module.function, for example hello.main",
            ),
        )
    )

    handler: Annotated[
        str, Field(max_length=253, examples=["hello.main"]), AfterValidator(_handler)
    ] = ""
    """`module.function`. May be empty only when `deployment` brings an image of its own."""
    function: str = ""
    """The source text, the base64 of a file, or an URL, as `function-content-type` says."""
    function_content_type: Annotated[
        str,
        AfterValidator(_content_type),
        Field(alias="function-content-type", json_schema_extra={"enum": ["", *CONTENT_TYPES]}),
    ] = ""
    """text, base64 or url, with +zip or +compressedtar for an archive, and +deps when the
    dependency file is inside of it. Empty is text."""
    checksum: Annotated[
        str,
        Matching(
            r"(sha256:[0-9a-fA-F]{64})?",
            "a checksum",
            "write sha256: and 64 hexadecimal digits, or leave it out",
        ),
    ] = ""
    """`sha256:<hex>` of the decoded content. Empty is not checked."""
    runtime: Annotated[str, AfterValidator(_runtime), Field(examples=["python3.11"])] = ""
    """Language and version, for example python3.11."""
    timeout: Annotated[
        float,
        PlainValidator(_timeout),
        WithJsonSchema({"x-kubernetes-int-or-string": True}),
    ] = DEFAULT_TIMEOUT
    """How long a call may take, in seconds. Default 180."""
    deps: str = ""
    """The content of the dependency file, for example of requirements.txt."""
    deployment: Annotated[FreeObject, Field(examples=[_WITH_IMAGE])] = Field(default_factory=dict)
    """An apps/v1 Deployment to merge into the one that is made."""
    service: FreeObject = Field(default_factory=dict)
    """A v1 ServiceSpec to use instead of the default one, port 8080."""
    horizontal_pod_autoscaler: FreeObject = Field(default_factory=dict)
    """A HorizontalPodAutoscaler of autoscaling/v2 or of the older v2beta1."""

    def mistakes(self) -> Iterable[Mistake]:
        """There is code and something that runs it, or an image that does without."""
        if self.image:
            return
        if not self.handler and self.function:
            fix = "add handler: module.function, for example hello.main"
            yield Mistake("is missing", fix, ("handler",))
        if self.handler and not self.function:
            fix = "add the source text under function, or an URL and function-content-type: url"
            yield Mistake("is missing", fix, ("function",))
        if not self.handler and not self.function:
            fix = "add function, handler and runtime, or an image under deployment"
            yield Mistake("has neither code nor an image", fix)
        elif not self.runtime:
            yield Mistake("is missing", "add runtime, for example python3.11", ("runtime",))

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


class FunctionMeta(ObjectMeta):
    """Metadata of a function, whose name is also that of a Service."""

    name: Annotated[
        DnsName,
        Matching(
            r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?",
            "a name that a Service takes",
            "start with a letter and use at most 63 lower-case letters, digits and dashes",
        ),
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
