"""The route table: host, path prefix and method lead to an owner, in a few dict look-ups."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from gateway.http.errors import RouteConflict

ANY = "*"


@dataclass(frozen=True, slots=True)
class Route:
    """What an owner claims. `host` and `methods` may be ANY; the path is a prefix of segments."""

    owner: Hashable
    path: str = "/"
    host: str = ANY
    methods: frozenset[str] = frozenset((ANY,))


class Match(NamedTuple):
    """The route's owner, and the part of the path below its prefix ("" or "/…")."""

    owner: Hashable
    rest: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """No route has this host and path."""


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """The path exists, the method does not. `allow` is sorted, for the Allow header."""

    allow: tuple[str, ...]


_NOT_FOUND = NotFound()
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_SENT_AS_THEY_ARE = "/:@!$&'()*+,;=~%"
"""Characters of a path (RFC 3986, 3.3), and the sign of what is in percent-encoding already."""

_Owners = dict[str, Hashable]


class RouteTable:
    """Routes by host, then prefix, then method.

    The most specific host that has the path decides, then the longest prefix; a method that this
    prefix lacks is MethodNotAllowed, and shorter prefixes are not asked. HEAD goes where GET goes.
    Paths are compared as they are sent, in percent-encoding, whose digits may be of either case
    (RFC 3986, 6.2.2.1); a route may be written in any script.
    """

    __slots__ = ("_depth", "_hosts")

    def __init__(self) -> None:
        self._hosts: dict[str, dict[str, _Owners]] = {}
        # The deepest prefix ever added: what bounds the look-ups for a hostile path.
        self._depth = 0

    def add(self, route: Route) -> None:
        """Add a route, whole or not at all. Raises RouteConflict, naming both owners."""
        prefix = _prefix(route.path)
        prefixes = self._hosts.setdefault(_host(route.host), {})
        owners = prefixes.get(prefix, {})
        for method in sorted(route.methods):
            taken = _claimed(owners, method)
            if taken is not None:
                raise RouteConflict(
                    f"adding a route for {route.owner}: host {route.host} path {prefix or '/'} "
                    f"method {method} already belongs to {taken}; "
                    "give one of them another host, path or method"
                )
        prefixes[prefix] = owners | dict.fromkeys(route.methods, route.owner)
        self._depth = max(self._depth, prefix.count("/"))

    def remove(self, route: Route) -> None:
        """Remove a route that was added. Other owners' methods on its path stay."""
        host, prefix = _host(route.host), _prefix(route.path)
        prefixes = self._hosts.get(host, {})
        owners = prefixes.get(prefix, {})
        for method in route.methods:
            if owners.get(method) == route.owner:
                del owners[method]
        if not owners:
            prefixes.pop(prefix, None)
        if not prefixes:
            self._hosts.pop(host, None)

    def match(self, host: str, path: str, method: str) -> Match | NotFound | MethodNotAllowed:
        """Where a request goes. `host` is the Host header as it came, with port and any case."""
        start = self._shortened(_same_case(path) if "%" in path else path)
        hosts = self._hosts
        for name in (host, ANY) if host in hosts else (_host(host), ANY):
            prefixes = hosts.get(name)
            if prefixes is None:
                continue
            prefix = start
            while True:
                owners = prefixes.get(prefix)
                if owners is not None:
                    return _decided(owners, method, path[len(prefix) :])
                if not prefix:
                    break
                prefix = prefix[: prefix.rfind("/")]
        return _NOT_FOUND

    def _shortened(self, path: str) -> str:
        if path.count("/") <= self._depth:
            return path
        return "/".join(path.split("/", self._depth + 1)[:-1])


def _decided(owners: _Owners, method: str, rest: str) -> Match | MethodNotAllowed:
    owner = owners.get(method)
    if owner is None:
        owner = owners.get(ANY)
    if owner is None and method == "HEAD":
        owner = owners.get("GET")
    if owner is None:
        return MethodNotAllowed(tuple(sorted(owners)))
    return Match(owner, rest)


def _claimed(owners: _Owners, method: str) -> Hashable | None:
    """Who already owns the method; ANY overlaps with every method."""
    if method == ANY:
        return next(iter(owners.values()), None)
    return owners.get(method, owners.get(ANY))


def _prefix(path: str) -> str:
    sent = quote(path.strip("/"), safe=_SENT_AS_THEY_ARE)
    return "/" + _same_case(sent) if sent else ""


def _same_case(path: str) -> str:
    return _ESCAPE.sub(lambda escape: escape[0].upper(), path)


def _host(host: str) -> str:
    """Lower-case and without the port; an IPv6 literal keeps its brackets."""
    name, colon, port = host.rpartition(":")
    if colon and (port.isdigit() or not port):
        host = name
    return host.lower().rstrip(".")
