"""The front door: finds the route of each request and hands it to the route's source."""

from __future__ import annotations

from gateway.http.request import Answer, Request, plain_answer
from gateway.http.routes import Match, MethodNotAllowed, RouteTable
from gateway.sources.http import HttpSource


class Ingress:
    """What the HTTP server serves: see `gateway.http.server.Application`."""

    def __init__(self, routes: RouteTable) -> None:
        self._routes = routes
        self.stopping = False
        """Set when the process goes: what comes now is for another one."""

    def limit_for(self, request: Request) -> int | Answer:
        """Return the body limit of the route, or 404, 405 or 503 before any body is read."""
        if self.stopping:
            answer = plain_answer(503, "the gateway is stopping; try again")
            return Answer(503, (*answer.headers, (b"retry-after", b"1")), answer.body)
        found = self._routes.match(request.host, request.path, request.method)
        if isinstance(found, Match) and isinstance(found.owner, HttpSource):
            request.context = found
            return found.owner.body_limit
        if isinstance(found, MethodNotAllowed):
            allow = ", ".join(found.allow)
            answer = plain_answer(405, f"{request.method} is not taken here; use {allow}")
            return Answer(405, (*answer.headers, (b"allow", allow.encode())), answer.body)
        return plain_answer(404, f"no HTTPTrigger has the path {request.path[:200]}")

    def serve(self, request: Request) -> None:
        """Hand a complete request to its source."""
        match = request.context
        assert isinstance(match, Match)
        assert isinstance(match.owner, HttpSource)
        match.owner.accept(request, match.rest)
