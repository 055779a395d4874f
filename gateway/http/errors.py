"""What can go wrong in an exchange, named by the decision the caller has to make."""


class HttpError(Exception):
    """An exchange with an endpoint failed. Messages name the endpoint, never a payload."""


class ConnectFailed(HttpError):
    """No connection could be opened. Nothing was sent: trying again is always safe."""


class ConnectionDied(HttpError):
    """The connection ended before the answer was complete: the outcome is unknown.

    Only a caller that delivers at least once may send the request again. `before_response`
    tells that not one byte of an answer had arrived.
    """

    def __init__(self, message: str, *, before_response: bool) -> None:
        super().__init__(message)
        self.before_response = before_response


class DeadlineExceeded(HttpError):
    """The caller's deadline passed first. `sent` tells whether the endpoint may have seen it."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ProtocolViolation(HttpError):
    """The endpoint does not speak HTTP/1.1 as agreed. Its answer must not be trusted."""


class ResponseTooLarge(HttpError):
    """The answer, whose status is known, is larger than the caller wants to hold in memory."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class CallerGone(HttpError):
    """The one who waited for a streamed answer went away: nobody is left to tell."""


class PoolFull(HttpError):
    """Every connection is taken and the queue for one is full: slow down. Nothing was sent."""


class PoolClosed(HttpError):
    """The pool was closed by its owner."""


class InvalidHeader(ValueError):
    """A header line that cannot be sent or read safely."""


class RouteConflict(ValueError):
    """Two routes claim the same host, path and method."""
