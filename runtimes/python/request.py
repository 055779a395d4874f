"""What `event['extensions']` offers: the request as it came, and the response to shape."""

import json
from collections.abc import Iterable, Iterator, MutableMapping
from functools import cached_property
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote


class Headers(MutableMapping[str, str]):
    """Headers whose names compare without case; repeated ones are kept in order."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = list(pairs)

    def __getitem__(self, name: str) -> str:
        values = self.getall(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __setitem__(self, name: str, value: str) -> None:
        self._drop(name)
        self.add(name, value)

    def __delitem__(self, name: str) -> None:
        if not self._drop(name):
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower(): name for name, _ in self._pairs}.values())

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._pairs})

    def add(self, name: str, value: str) -> None:
        """One more header of this name."""
        self._pairs.append((name, value))

    def getall(self, name: str) -> list[str]:
        """Every value of this name, in order."""
        name = name.lower()
        return [value for key, value in self._pairs if key.lower() == name]

    def pairs(self) -> list[tuple[str, str]]:
        """Names and values, repeated ones too."""
        return list(self._pairs)

    def _drop(self, name: str) -> bool:
        name = name.lower()
        before = len(self._pairs)
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != name]
        return len(self._pairs) < before


class Values(dict[str, str]):
    """Query or form arguments: the last value of a name; all of them with getall."""

    def __init__(self, encoded: str) -> None:
        self._pairs = parse_qsl(encoded, keep_blank_values=True)
        super().__init__(self._pairs)

    def getall(self, name: str) -> list[str]:
        """Every value of this name, in order."""
        return [value for key, value in self._pairs if key == name]


class Body(bytes):
    """The body's bytes, which also read like a file, as in Kubeless."""

    @cached_property
    def _file(self) -> BytesIO:
        return BytesIO(self)

    def read(self, size: int = -1) -> bytes:
        """The next size bytes, or all that are left."""
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        """Go to offset, for another read."""
        return self._file.seek(offset)


class Request:
    """The request; the names are those that Kubeless's request had."""

    def __init__(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes, peer: str
    ) -> None:
        self.method = method
        self.headers = Headers(headers)
        self.remote_addr = peer
        self._raw = body
        raw_path, _, self.query_string = target.partition("?")
        self.path = unquote(raw_path)
        self.fullpath = target

    @cached_property
    def body(self) -> Body:
        """The body: bytes, with read()."""
        return Body(self._raw)

    @cached_property
    def query(self) -> Values:
        """The arguments in the URL."""
        return Values(self.query_string)

    @property
    def args(self) -> Values:
        """The same by another usual name."""
        return self.query

    @cached_property
    def forms(self) -> Values:
        """The arguments of a form in the body."""
        is_form = self.content_type.startswith("application/x-www-form-urlencoded")
        return Values(self._raw.decode("utf-8", "replace") if is_form else "")

    @property
    def url(self) -> str:
        """The whole URL, as the client or the proxy in front wrote it."""
        scheme = self.headers.get("X-Forwarded-Proto", "http")
        host = self.headers.get("X-Forwarded-Host") or self.headers.get("Host", "")
        return f"{scheme}://{host}{self.fullpath}"

    @property
    def content_type(self) -> str:
        """The Content-Type, or an empty string."""
        return self.headers.get("Content-Type", "")

    @property
    def content_length(self) -> int:
        """Bytes of body."""
        return len(self._raw)

    @cached_property
    def json(self) -> Any:
        """The body as JSON, whatever its type; None when empty."""
        return json.loads(self._raw) if self._raw else None

    def get_header(self, name: str, default: str | None = None) -> str | None:
        """One header, or the default."""
        return self.headers.get(name, default)


class Response:
    """Status and headers of the answer, where the returned value does not say them."""

    def __init__(self) -> None:
        self.status = 200
        self.headers = Headers()

    def set_header(self, name: str, value: str) -> None:
        """Set a header, replacing others of its name."""
        self.headers[name] = value

    def add_header(self, name: str, value: str) -> None:
        """Add a header beside others of its name."""
        self.headers.add(name, value)

    @property
    def content_type(self) -> str | None:
        """The Content-Type, when set."""
        return self.headers.get("Content-Type")

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers["Content-Type"] = value
