"""The event as every part of the gateway sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

NO_EXTENSIONS: Mapping[str, str] = {}


class CloudEvent(NamedTuple):
    """A CloudEvent 1.0 (https://github.com/cloudevents/spec, spec.md). Immutable.

    Attribute values are text in their canonical string form; `time` is RFC 3339. `data` is
    the payload's bytes, unparsed; None is "no data", which differs from empty data.
    A named tuple rather than a frozen dataclass: it is made once per event on the hot path,
    where it costs a third.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str] = NO_EXTENSIONS
    data: bytes | None = None

    def attribute(self, name: str) -> str | None:
        """Return the attribute or extension `name`, or None when the event has none."""
        if name == "specversion":
            return "1.0"
        if name in _ATTRIBUTES:
            value: str | None = getattr(self, name)
            return value
        return self.extensions.get(name)

    def attributes(self) -> dict[str, str]:
        """Return every attribute that the event has, its extensions after the others."""
        known = ((name, self.attribute(name)) for name in _IN_ORDER)
        present = {name: text for name, text in known if text is not None}
        return {**present, **self.extensions}


_IN_ORDER = (
    "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema",
)  # fmt: skip
_ATTRIBUTES = frozenset(CloudEvent._fields) - {"extensions", "data"}
