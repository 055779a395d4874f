"""Types of single fields: how each is read, refused in a sentence, and described in a CRD."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import core_schema

from tidegate.api import quantities
from tidegate.api.model import Mistake
from tidegate.api.problem import quoted, shown

_INT_OR_STRING = {"x-kubernetes-int-or-string": True}


def read_duration(value: object) -> float:
    """Return seconds; raises a sentence when `value` is no duration."""
    try:
        return quantities.duration(value)
    except ValueError:
        fix = "write for example 200ms, 1.5s, 2m, 1h30m, PT2S or a number of seconds"
        raise Mistake(f"{shown(value)} is not a duration", fix).error() from None


def read_positive_duration(value: object) -> float:
    """Return seconds above 0."""
    seconds = read_duration(value)
    if seconds <= 0:
        fix = "write a duration above 0, for example 30s"
        raise Mistake(f"{shown(value)} leaves no time", fix).error()
    return seconds


def read_size(value: object) -> int:
    """Return bytes above 0; raises a sentence when `value` is no size."""
    try:
        amount = quantities.size(value)
    except ValueError:
        fix = "write for example 512k, 1Mi or a number of bytes"
        raise Mistake(f"{shown(value)} is not a size", fix).error() from None
    if amount == 0:
        raise Mistake("a size of 0 holds nothing", "write for example 1Mi").error()
    return amount


def _instant(text: str) -> str:
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        fix = "write RFC 3339 with a zone, for example 2026-01-31T12:00:00Z"
        raise Mistake(f"{quoted(text)} is not a point in time", fix).error()
    return text


@dataclass(frozen=True, slots=True)
class Matching:
    """Text that `pattern` matches whole, for code and CRD alike. No look-around: RE2 has none.

    `show` is False where the wrong text may be a secret in the wrong place.
    """

    pattern: str
    what: str
    fix: str
    show: bool = True

    def __call__(self, text: str) -> str:
        """Return `text`, or raise a sentence."""
        if re.fullmatch(self.pattern, text, re.ASCII) is None:
            subject = f"{quoted(text)} " if self.show else ""
            raise Mistake(f"{subject}is not {self.what}", self.fix).error()
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, inner: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self, inner(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, inner: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return inner(schema) | {"pattern": f"^({self.pattern})$"}


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST = rf"(\*\.)?{_LABEL}(\.{_LABEL})*"
_LETTERS = "use lower-case letters, digits and dashes"

DnsLabel = Annotated[
    str, Matching(_LABEL, "a name that Kubernetes takes", f"{_LETTERS}, at most 63")
]
DnsName = Annotated[
    str,
    Field(max_length=253),
    Matching(rf"{_LABEL}(\.{_LABEL})*", "a name that Kubernetes takes", _LETTERS),
]
Host = Annotated[
    str,
    Field(max_length=253),
    Matching(
        rf"({_HOST})?",
        "a host name",
        "write it without scheme, port and path, in lower case, for example api.example.com",
    ),
]
SecretName = Annotated[
    str,
    Field(max_length=253),
    Matching(
        rf"({_LABEL}(\.{_LABEL})*)?",
        "the name of a Secret",
        "write the name of a Secret of this namespace, never the secret itself",
        show=False,
    ),
]
Instant = Annotated[str, AfterValidator(_instant)]
Duration = Annotated[float, PlainValidator(read_duration), WithJsonSchema(_INT_OR_STRING)]
PositiveDuration = Annotated[
    float, PlainValidator(read_positive_duration), WithJsonSchema(_INT_OR_STRING)
]
Size = Annotated[int, PlainValidator(read_size), WithJsonSchema(_INT_OR_STRING)]
FreeObject = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
AnyJSON = Annotated[
    Any, WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True, "nullable": True})
]


def url_without_credentials(schemes: tuple[str, ...]) -> Callable[[str], str]:
    """Build a validator for an URL of `schemes`; one with a password in it is never shown."""

    def check(text: str) -> str:
        try:
            parts = urlsplit(text)
            port_is_valid = parts.port is None or parts.port > 0
        except ValueError:
            raise _no_url(schemes) from None
        if parts.username is not None or parts.password is not None:
            fix = "remove them and put them into a Secret"
            raise Mistake("holds credentials", fix).error()
        if parts.scheme not in schemes or not parts.hostname or not port_is_valid:
            raise _no_url(schemes)
        return text

    return check


def _no_url(schemes: tuple[str, ...]) -> Exception:
    fix = f"write for example {schemes[0]}://example.com:{8080}"
    return Mistake(f"is not an URL with the scheme {' or '.join(schemes)}", fix).error()
