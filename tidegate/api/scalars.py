"""Types of single fields: how each is read, refused in a sentence, and described in a CRD."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from tidegate.api import cel, quantities
from tidegate.api.rule import Checked, Rule, matching, validations, without

_INT_OR_STRING: Final = {"x-kubernetes-int-or-string": True, "maxLength": quantities.LONGEST_TEXT}


def int_or_string(rules: Iterable[Rule]) -> WithJsonSchema:
    """Describe a number with or without a unit, with the rules that it keeps."""
    return WithJsonSchema(validations(rules, _INT_OR_STRING))


def _can(read: Callable[[object], object]) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        try:
            read(value)
        except ValueError:
            return False
        return True

    return holds


_ABOVE_0: Final = f"type(self) == int ? self > 0 : {cel.matches('[1-9]')}"
_IS_DURATION: Final = Rule(
    _can(quantities.duration),
    f"type(self) == int ? self >= 0 : {cel.matches(quantities.DURATION)} "
    rf"&& {cel.matches('[0-9]')} && !{cel.matches('T *$')}",
    "is not a duration",
    "write for example 200ms, 1.5s, 2m, 1h30m, PT2S or a number of seconds",
    shows=True,
)
_LEAVES_TIME: Final = Rule(
    lambda value: quantities.duration(value) > 0,
    _ABOVE_0,
    "leaves no time",
    "write a duration above 0, for example 30s",
    shows=True,
)
_IS_SIZE: Final = Rule(
    _can(quantities.size),
    f"type(self) == int ? self >= 0 : {cel.matches(quantities.SIZE)}",
    "is not a size",
    "write for example 512k, 1Mi or a number of bytes",
    shows=True,
)
_HOLDS_SOMETHING: Final = Rule(
    quantities.size,
    _ABOVE_0,
    "a size of 0 holds nothing",
    "write for example 1Mi",
)
DURATION_RULES: Final = (_IS_DURATION,)
POSITIVE_DURATION_RULES: Final = (_IS_DURATION, _LEAVES_TIME)
SIZE_RULES: Final = (_IS_SIZE, _HOLDS_SOMETHING)


def _kept(rules: Iterable[Rule], value: object) -> object:
    for rule in rules:
        if not rule.holds(value):
            raise rule.mistake(value).error()
    return value


def read_duration(value: object) -> float:
    """Return seconds; raises a sentence when `value` is no duration."""
    return quantities.duration(_kept(DURATION_RULES, value))


def read_positive_duration(value: object) -> float:
    """Return seconds above 0."""
    return quantities.duration(_kept(POSITIVE_DURATION_RULES, value))


def read_size(value: object) -> int:
    """Return bytes above 0; raises a sentence when `value` is no size."""
    return quantities.size(_kept(SIZE_RULES, value))


_INSTANT: Final = matching(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9]"
    r"(:[0-5][0-9]([.][0-9]+)?)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    "is not a point in time",
    "write RFC 3339 with a zone, for example 2026-01-31T12:00:00Z",
)


def _instant(text: str) -> str:
    """Refuse days that their month has not."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise _INSTANT.mistake(text).error() from None
    return text


_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST = rf"(\*\.)?{_LABEL}(\.{_LABEL})*"
_LETTERS = "use lower-case letters, digits and dashes"

DnsLabel = Annotated[
    str, Checked(matching(_LABEL, "is not a name that Kubernetes takes", f"{_LETTERS}, at most 63"))
]
DnsName = Annotated[
    str,
    Checked(
        matching(rf"{_LABEL}(\.{_LABEL})*", "is not a name that Kubernetes takes", _LETTERS),
        longest=253,
    ),
]
Host = Annotated[
    str,
    Checked(
        matching(
            rf"({_HOST})?",
            "is not a host name",
            "write it without scheme, port and path, in lower case, for example api.example.com",
        ),
        longest=253,
    ),
]
SecretName = Annotated[
    str,
    Checked(
        matching(
            rf"({_LABEL}(\.{_LABEL})*)?",
            "is not the name of a Secret",
            "write the name of a Secret of this namespace, never the secret itself",
            shows=False,
            secret=True,
        ),
        longest=253,
    ),
]
Instant = Annotated[str, Checked(_INSTANT), AfterValidator(_instant)]
Duration = Annotated[float, PlainValidator(read_duration), int_or_string(DURATION_RULES)]
PositiveDuration = Annotated[
    float, PlainValidator(read_positive_duration), int_or_string(POSITIVE_DURATION_RULES)
]
Size = Annotated[int, PlainValidator(read_size), int_or_string(SIZE_RULES)]
FreeObject = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
AnyJSON = Annotated[
    Any, WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True, "nullable": True})
]


_PORT = r"0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
NO_CREDENTIALS: Final = without(
    "://[^/?#,]*@", "holds credentials", "remove them and put them into a Secret", secret=True
)
"""Asks URLs, which may be several with commas between them, for no user and no password."""


def url_pattern(schemes: tuple[str, ...]) -> str:
    """Return the regular expression of an URL of `schemes`."""
    host = r"(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:,\[\]]+)"
    return rf"({'|'.join(schemes)})://{host}(:{_PORT})?([/?#][^\s,]*)?"


def url_rules(pattern: str, schemes: tuple[str, ...]) -> tuple[Rule, ...]:
    """Ask for what `pattern` matches, which is made of URLs of `schemes`; it is never shown."""
    fix = f"write for example {schemes[0]}://example.com:{8080}"
    message = f"is not an URL with the scheme {' or '.join(schemes)}"
    return NO_CREDENTIALS, matching(pattern, message, fix, shows=False, secret=True)


def url_without_credentials(schemes: tuple[str, ...], *, optional: bool = False) -> Checked:
    """Ask for an URL of `schemes`, or for an empty text where it is `optional`."""
    pattern = url_pattern(schemes)
    return Checked(*url_rules(f"({pattern})?" if optional else pattern, schemes), longest=2048)


def port_is_there(message: str, fix: str) -> Rule:
    """Ask for text that ends with a colon and a port that there is."""
    return matching(rf".*:{_PORT}", message, fix)
